"""Depth and normals against analytic values; determinism; every family without assets."""

from __future__ import annotations

import numpy as np
import pytest
from metricdepth_scenes.builder import Light, Scene
from metricdepth_scenes.cameras import pose_towards, sample_camera
from metricdepth_scenes.materials import Palette
from metricdepth_scenes.meshes import Mesh, quad, sphere
from metricdepth_scenes.render import acceptable, build_scene, families, render, render_frame

from mono.geometry.camera import Camera

SKY = np.full((8, 16, 3), 200, np.uint8)


def scene_of(mesh: Mesh) -> Scene:
    material = Palette(np.random.default_rng(0), None).solid((0.6, 0.5, 0.4))
    light = Light((), np.array([0.3, 0.2, 0.9]), np.ones(3), np.ones(3) * 0.5, SKY)
    return Scene(mesh, (material,), light, "test", 0, lambda rng: (np.zeros(3), np.ones(3), 0.0), "room")


def ground(half: float = 300.0) -> Mesh:
    return quad([(-half, -half, 0), (half, -half, 0), (half, half, 0), (-half, half, 0)], (2 * half, 2 * half))


def test_wall_in_front_has_constant_depth_and_a_normal_towards_the_camera() -> None:
    wall = quad([(-9, 3, -9), (9, 3, -9), (9, 3, 9), (-9, 3, 9)])
    camera = Camera.from_fov(70, 64, 48)
    frame = render(scene_of(wall), camera, pose_towards(np.zeros(3), np.array([0, 1.0, 0])), np.random.default_rng(0))
    np.testing.assert_allclose(frame.depth, 3.0, atol=1e-5)
    np.testing.assert_allclose(frame.normal, np.broadcast_to([0, 0, -1], frame.normal.shape), atol=1e-6)


@pytest.mark.parametrize(("height", "pitch"), [(1.65, 0.0), (1.2, -20.0), (0.5, -60.0)])
def test_ground_depth_is_height_over_the_rays_fall(height: float, pitch: float) -> None:
    camera = Camera.centered(60.0, 80, 40)
    away = np.array([0, np.cos(np.radians(pitch)), np.sin(np.radians(pitch))])
    start = np.array([0.4, -2.0, height])
    frame = render(scene_of(ground()), camera, pose_towards(start, start + away), np.random.default_rng(1))
    world = camera.rays().astype(np.float64) @ frame.pose[:3, :3].T
    fall = -world[..., 2]
    expected = height / np.where(fall > 1e-9, fall, 1)
    seen = (fall > 1e-9) & (expected < 200)
    np.testing.assert_allclose(frame.depth[seen], expected[seen], rtol=1e-4)
    assert (frame.depth[fall <= 0] == 0).all()
    assert seen.any()


def test_unprojected_depth_lies_on_the_sphere_and_normals_are_radial() -> None:
    center, radius = np.array([0.2, 2.0, 0.1]), 0.5
    ball = sphere(radius, 160).placed(*center)
    camera = Camera.from_fov(40, 96, 72)
    frame = render(scene_of(ball), camera, pose_towards(np.zeros(3), center), np.random.default_rng(2))
    seen = frame.depth > 0
    assert seen.mean() > 0.2
    points = camera.unproject(frame.depth)[seen] @ frame.pose[:3, :3].T + frame.pose[:3, 3]
    radial = (points - center) / radius
    np.testing.assert_allclose(np.linalg.norm(radial, axis=1), 1, atol=1e-3)
    normal = frame.normal[seen] @ frame.pose[:3, :3].T
    assert (normal * radial).sum(1).min() > np.cos(np.radians(2.0))


def test_normals_are_unit_point_to_the_camera_and_are_zero_without_depth() -> None:
    frame = render_frame(3, "street", pixels=12_000)
    length = np.linalg.norm(frame.normal, axis=2)
    seen = frame.depth > 0
    np.testing.assert_allclose(length[seen], 1, atol=1e-4)
    assert (length[~seen] == 0).all()
    towards = (frame.normal * frame.camera.rays()).sum(2)
    assert towards[seen].max() < 1e-4


def test_pose_roll_turns_about_the_view() -> None:
    level = pose_towards(np.zeros(3), np.array([1.0, 2.0, -0.5]))
    rolled = pose_towards(np.zeros(3), np.array([1.0, 2.0, -0.5]), 30)
    np.testing.assert_allclose(level[:3, 2], rolled[:3, 2])
    np.testing.assert_allclose(level[:3, 0] @ rolled[:3, 0], np.cos(np.radians(30)))
    np.testing.assert_allclose(np.linalg.det(rolled[:3, :3]), 1)


def test_same_arguments_give_the_same_frame_and_other_seeds_another() -> None:
    first, again, other = (render_frame(s, "closeup", pixels=8_000) for s in (5, 5, 6))
    np.testing.assert_array_equal(first.rgb, again.rgb)
    np.testing.assert_array_equal(first.depth, again.depth)
    assert first.camera == again.camera
    assert first.depth.shape != other.depth.shape or not np.array_equal(first.depth, other.depth)


@pytest.mark.parametrize("family", list(families()))
def test_every_family_renders_without_assets(family: str) -> None:
    frame = render_frame(11, family, pixels=10_000)
    seen = frame.depth > 0
    assert frame.family == family
    assert frame.rgb.shape == (*frame.depth.shape, 3)
    assert seen.mean() > 0.3
    assert frame.depth[seen].min() > 0.05
    assert frame.depth.max() < 320
    assert (frame.depth[seen] < 0.25).mean() < 0.25
    assert 15 < frame.rgb.mean() < 240
    assert frame.rgb.std() > 5


def test_a_given_camera_is_kept() -> None:
    camera = Camera(90.0, 91.0, 50.0, 30.0, 104, 64)
    assert render_frame(2, "room", camera=camera).camera == camera


def test_a_view_from_inside_a_thing_is_refused() -> None:
    scene = scene_of(sphere(2.0, 32))
    camera = Camera.from_fov(60, 64, 48)
    assert not acceptable(scene, camera, pose_towards(np.zeros(3), np.array([0, 1.0, 0])))
    assert acceptable(scene, camera, pose_towards(np.array([0, -5.0, 0]), np.zeros(3)))


def test_street_cameras_are_wide_and_room_cameras_are_not() -> None:
    rng = np.random.default_rng(0)
    street = [sample_camera("street", rng) for _ in range(200)]
    room = [sample_camera("room", rng) for _ in range(200)]
    assert 0.4 < np.mean([c.width / c.height > 2.8 for c in street]) < 0.7
    assert max(c.width / c.height for c in room) < 1.9
    assert 50 < np.median([c.horizontal_fov for c in room if c.width > c.height]) < 75
    assert all(abs(c.width * c.height / 150_000 - 1) < 0.05 for c in street + room)


def test_an_unknown_family_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"moon.*room"):
        build_scene(0, "moon")
    with pytest.raises(ValueError, match="submarine"):
        sample_camera("submarine", np.random.default_rng(0))
