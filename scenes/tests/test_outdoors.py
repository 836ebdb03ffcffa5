"""Outdoor families: depths, skies, seeds; real sizes; weathers; cameras on vehicles and on foot."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import pytest
from metricdepth_scenes.builder import Builder, Piece, Scene
from metricdepth_scenes.cameras import sample_camera
from metricdepth_scenes.meshes import joined, sticks
from metricdepth_scenes.photo import develop
from metricdepth_scenes.places.mounts import foot_view, mounted_view
from metricdepth_scenes.places.roads import Lane, Road, spans
from metricdepth_scenes.places.weather import WEATHERS, road_surface, weather_light
from metricdepth_scenes.places.yards import hall_building
from metricdepth_scenes.render import Frame, NoViewError, build_scene, families, render_view
from metricdepth_scenes.surfaces import FAR, cast
from metricdepth_scenes.things.roadside import block, bridge, gantry, jersey, signal, street_lamp
from metricdepth_scenes.things.trees import street_tree
from metricdepth_scenes.things.trucks import bus, truck

NEW = ("drive", "highway", "yard", "on_foot")


def frames_of(scene: Scene, count: int, pixels: int = 4_000) -> list[Frame]:
    rng = np.random.default_rng(scene.seed)
    frames = []
    for _ in range(count):
        try:
            frames.append(render_view(scene, rng, pixels=pixels))
        except NoViewError:
            continue
    return frames


@functools.cache
def shared(seed: int, family: str) -> Scene:
    """Build a scene once for all tests."""
    return build_scene(seed, family)


@pytest.mark.parametrize("family", NEW)
def test_families_show_depths_of_the_outdoors_and_some_sky(family: str) -> None:
    frames = [frame for seed in range(4) for frame in frames_of(shared(seed, family), 4)]
    assert len(frames) >= 10
    middle = [float(np.median(f.depth[f.depth > 0])) for f in frames]
    far = [float(np.percentile(f.depth[f.depth > 0], 95)) for f in frames]
    sky = [float((f.depth == 0).mean()) for f in frames]
    assert 3 < np.median(middle) < 35
    assert np.median(far) > 12
    assert 0.02 < np.mean(sky) < 0.6
    assert max(float(f.depth.max()) for f in frames) <= FAR


@pytest.mark.parametrize("family", NEW)
def test_seeds_give_the_same_frame_again(family: str) -> None:
    first, second = (frames_of(build(1, family), 1, 2_000)[0] for build in (shared, build_scene))
    np.testing.assert_array_equal(first.rgb, second.rgb)
    np.testing.assert_array_equal(first.depth, second.depth)
    other = frames_of(shared(2, family), 1, 2_000)[0]
    assert first.rgb.shape != other.rgb.shape or (first.rgb != other.rgb).any()


def test_depth_is_zero_exactly_where_no_ray_hits() -> None:
    scene = shared(3, "drive")
    frame = frames_of(scene, 1)[0]
    rays = frame.camera.rays().reshape(-1, 3) @ frame.pose[:3, :3].T.astype(np.float32)
    hits = cast(scene, frame.pose[:3, 3].astype(np.float32), rays)
    seen = (hits.valid & (hits.distance < FAR)).reshape(frame.depth.shape)
    np.testing.assert_array_equal(frame.depth > 0, seen)


def test_outdoor_families_are_over_a_quarter_of_the_mix() -> None:
    shares = {name: share for name, (_, share) in families().items()}
    outdoors = sum(shares[name] for name in (*NEW, "street", "parking", "country"))
    assert 0.25 < outdoors / sum(shares.values()) < 0.35


@pytest.mark.parametrize(
    ("make", "smallest", "largest"),
    [
        (truck, (2.2, 5.9, 2.5), (3.1, 17.0, 4.3)),
        (bus, (2.5, 10.4, 2.8), (2.9, 13.3, 3.7)),
        (lambda b: street_tree(b), (0.3, 0.3, 2.5), (14.0, 14.0, 19.0)),
        (lambda b: street_lamp(b, 8.0, b.gray(0.5), 1.5), (0.1, 1.5, 7.9), (0.4, 2.2, 8.4)),
        (lambda b: signal(b, 0.0), (0.2, 0.2, 2.8), (0.5, 0.6, 4.0)),
        (lambda b: gantry(b, 18.0), (18.0, 0.6, 6.9), (18.6, 1.2, 8.4)),
        (lambda b: bridge(b, 16.0, 8.0, 5.0), (70.0, 7.9, 6.5), (80.0, 8.5, 8.2)),
        (lambda b: block(b, 15.0, 4), (14.9, 8.9, 11.5), (15.6, 18.2, 16.8)),
        (hall_building, (21.9, 14.9, 4.9), (60.3, 36.0, 12.4)),
        (lambda b: jersey(b, 8.0), (7.9, 0.55, 0.8), (8.1, 0.65, 0.9)),
    ],
)
def test_outdoor_things_have_real_sizes(
    make: Callable[[Builder], Piece], smallest: tuple[float, ...], largest: tuple[float, ...]
) -> None:
    for seed in range(8):
        low, high = joined(make(Builder(np.random.default_rng(seed), None)).meshes).bounds()
        assert (high - low >= smallest).all(), high - low
        assert (high - low <= largest).all(), high - low


@pytest.mark.parametrize("weather", WEATHERS)
def test_each_weather_has_its_light(weather: str) -> None:
    for seed in range(6):
        b = Builder(np.random.default_rng(seed), None)
        light = weather_light(b, weather)
        assert light.sky.dtype == np.uint8
        assert light.sky.shape[2] == 3
        assert (light.sun is not None) or weather not in ("sun", "low_sun")
        assert light.sun is None or weather not in ("rain", "dusk", "night")
        assert (float(light.ambient.mean()) < 0.1) == (weather == "night")


def test_rain_makes_roads_darker_and_reflective() -> None:
    surfaces = {}
    for weather in ("overcast", "rain"):
        b = Builder(np.random.default_rng(5), None)
        surfaces[weather] = b.materials[road_surface(b, weather)]
    assert surfaces["rain"].gloss >= 0.03
    assert surfaces["rain"].mean.mean() < 0.8 * surfaces["overcast"].mean.mean()


def test_lamps_glow_at_night_only() -> None:
    b = Builder(np.random.default_rng(0), None)
    assert b.materials[b.glowing((0.9, 0.9, 0.9))].glow == 0
    b.night = True
    assert b.materials[b.glowing((0.9, 0.9, 0.9))].glow == 4


def test_fewer_stops_darken_a_picture() -> None:
    linear = np.full((32, 48, 3), 0.2, np.float32)
    usual, dark = (develop(linear, np.random.default_rng(4), stops=s).mean() for s in (0.0, -2.0))
    assert dark < 0.7 * usual


def test_cameras_on_vehicles_look_ahead_back_and_aside_from_usual_heights() -> None:
    view = mounted_view([Lane(0.0, 0.0, np.pi / 2, 40.0)], (), (), lambda p: p)
    rng = np.random.default_rng(0)
    draws = [view(rng) for _ in range(400)]
    height = np.array([p[2] for p, _, _ in draws])
    way = np.array([t - p for p, t, _ in draws])
    turn = np.abs(np.degrees(np.arctan2(way[:, 0], way[:, 1])))
    assert 0.7 < ((height >= 1.2) & (height <= 2.2)).mean() < 0.95
    assert height.min() >= 0.5
    assert height.max() <= 3.0
    assert 0.45 < (turn < 25).mean() < 0.75
    assert 0.08 < (turn > 150).mean() < 0.25
    assert 0.15 < ((turn > 28) & (turn < 121)).mean() < 0.4


def test_people_hold_cameras_at_eye_height_inside_their_area() -> None:
    view = foot_view([(-3.0, 3.0, 10.0, 20.0)], (), ())
    rng = np.random.default_rng(0)
    places = np.array([view(rng)[0] for _ in range(100)])
    assert (places.min(0) >= (-3, 10, 1.1)).all()
    assert (places.max(0) <= (3, 20, 1.95)).all()


def test_driving_cameras_have_many_angles_and_shapes() -> None:
    rng = np.random.default_rng(0)
    cameras = [sample_camera("drive", rng, 20_000) for _ in range(200)]
    aspect = np.array([c.width / c.height for c in cameras])
    angle = np.degrees(2 * np.arctan([c.width / 2 / c.fx for c in cameras]))
    assert 0.15 < (aspect > 3).mean() < 0.45
    assert aspect.min() > 1.2
    assert angle.min() < 50
    assert angle.max() > 90
    assert angle.max() < 102


def test_a_road_s_frame_has_the_right_hand_to_its_right() -> None:
    road = Road(Builder(np.random.default_rng(0), None), 1.0, 2.0, np.pi / 2)
    np.testing.assert_allclose(road.at(3.0, 10.0), (4.0, 12.0), atol=1e-9)
    east = Road(road.b, 0.0, 0.0, 0.0)
    np.testing.assert_allclose(east.at(3.0, 10.0), (10.0, -3.0), atol=1e-9)
    back = road.lane(3.0, 0.0, 40.0, forward=False)
    np.testing.assert_allclose((back.x, back.y), (4.0, 42.0), atol=1e-9)


def test_sticks_reach_from_start_to_end_with_their_radius() -> None:
    start, end = np.array([[0.0, 0, 0], [1, 1, 1]]), np.array([[0.0, 0, 2], [4, 1, 1]])
    low, high = sticks(start, end, np.array([0.1, 0.2]), 3).bounds()
    np.testing.assert_allclose([low[2], high[2]], [0, 2], atol=1e-6)
    np.testing.assert_allclose(high[0], 4, atol=1e-6)
    thick = sticks(start[:1], end[:1], np.array([0.1])).tri[..., :2]
    np.testing.assert_allclose(np.linalg.norm(thick, axis=-1), 0.1, atol=1e-6)


def test_gaps_are_cut_out_of_stretches() -> None:
    assert spans(0.0, 50.0, [(10.0, 20.0)]) == [(0.0, 10.0), (20.0, 50.0)]
    assert spans(0.0, 50.0, [(-5.0, 20.0)]) == [(20.0, 50.0)]
    assert spans(0.0, 50.0, []) == [(0.0, 50.0)]
