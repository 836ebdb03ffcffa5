"""Panoramas seen from other places: distances and directions of a hall whose shape is known."""

from __future__ import annotations

import numpy as np
import pytest
from metricdepth_scenes.cameras import look, pose_towards
from metricdepth_scenes.moves import MovedPanorama

from mono.geometry.camera import Camera

ROWS, RADIUS, HEIGHT, CEILING = 256, 5.0, 1.5, 2.5


def directions() -> np.ndarray:
    up = (0.5 - (np.arange(ROWS) + 0.5) / ROWS) * np.pi
    around = ((np.arange(2 * ROWS) + 0.5) / (2 * ROWS) - 0.5) * 2 * np.pi
    up, around = np.meshgrid(up, around, indexing="ij")
    return np.stack([np.cos(up) * np.sin(around), np.cos(up) * np.cos(around), np.sin(up)], 2)


def hall_from(place: np.ndarray, way: np.ndarray) -> np.ndarray:
    """Distance in a round hall around the origin, whose floor lies 1.5 m below it, in units of `way`."""
    flat = np.maximum((way[..., :2] ** 2).sum(-1), 1e-12)
    along = (way[..., :2] * place[:2]).sum(-1) / flat
    wall = -along + np.sqrt(along**2 + (RADIUS**2 - (place[:2] ** 2).sum()) / flat)
    with np.errstate(divide="ignore"):
        floor = np.where(way[..., 2] < 0, (-HEIGHT - place[2]) / way[..., 2], np.inf)
        ceiling = np.where(way[..., 2] > 0, (CEILING - place[2]) / way[..., 2], np.inf)
    return np.minimum(wall, np.minimum(floor, ceiling))


def hall(behind: bool = False) -> MovedPanorama:
    """Hall with one half of it red; `behind` hides part of the wall behind a screen at 2 m."""
    way = directions()
    distance = hall_from(np.zeros(3), way).astype(np.float32)
    screen = (way[..., 1] > 0.9) & (abs(way[..., 2]) < 0.3)
    if behind:
        distance = np.where(screen, np.float32(2), distance)
    red = np.where(way[..., :1] > 0, (255, 0, 0), (0, 0, 0)).astype(np.uint8)
    return MovedPanorama(red, distance)


@pytest.mark.parametrize("place", [(0, 0, 0), (0.9, -0.6, -0.7), (-0.4, 0.5, 0.3)])
def test_depth_and_picture_are_those_of_the_place(place: tuple[float, float, float]):
    camera = Camera.from_fov(70, 160, 120)
    pose = pose_towards(np.zeros(3), look(80, -10), 3)
    pose[:3, 3] = place
    rgb, depth, torn = hall().view(camera, pose)
    way = camera.rays() @ pose[:3, :3].T
    true = hall_from(np.array(place), way)
    known = depth > 0
    assert known.mean() > 0.9 and torn < 0.05
    assert np.median(abs(depth / true - 1)[known]) < 0.002
    assert np.quantile(abs(depth / true - 1)[known], 0.99) < 0.03
    right = (np.array(place) + way * true[..., None])[..., 0]  # where the wall is red
    assert (rgb[right > 0.1] == (255, 0, 0)).all() and (rgb[right < -0.1] == 0).all()


def test_what_the_tripod_did_not_see_has_no_depth():
    camera = Camera.from_fov(70, 160, 120)
    pose = pose_towards(np.zeros(3), look(90, 0))
    _, depth, at_tripod = hall(behind=True).view(camera, pose)
    pose[:3, 3] = (1.2, 0, 0)
    _, moved, aside = hall(behind=True).view(camera, pose)
    assert aside > at_tripod + 0.03 and (moved == 0).mean() > (depth == 0).mean()
    level = moved[55:65][moved[55:65] > 0]
    assert (level < 2.15).any() and (level > 3.3).any()
    assert ((level < 2.15) | (level > 3.3)).all()  # the screen or the wall, nothing between


def test_places_are_free_near_and_as_high_as_asked():
    surface, rng = hall(), np.random.default_rng(0)
    assert surface.height == pytest.approx(HEIGHT, rel=0.01)
    places = [surface.draw_place(rng, 0.9) for _ in range(50)]
    assert all(p is not None and p[2] == pytest.approx(0.9 - HEIGHT, abs=0.02) for p in places)
    aside = [float(np.hypot(p[0], p[1])) for p in places if p is not None]
    assert max(aside) > 0.3 and max(aside) <= 1.2
    assert surface.draw_place(rng, 0.2) is None  # within 35 cm of the floor
