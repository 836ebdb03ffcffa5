"""Panoramas seen from other places: distances and directions of a hall whose shape is known."""

from __future__ import annotations

import cv2
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


def hall(behind: bool = False, screen_at: float = 2.0) -> MovedPanorama:
    """Hall with one half of it red; `behind` hides part of the wall behind a screen."""
    way = directions()
    distance = hall_from(np.zeros(3), way).astype(np.float32)
    screen = (way[..., 1] > 0.9) & (abs(way[..., 2]) < 0.3)
    if behind:
        distance = np.where(screen, np.float32(screen_at), distance)
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
    surface = hall(behind=True, screen_at=0.5)
    free = [p for p in (surface.draw_place(rng, HEIGHT) for _ in range(200)) if p is not None]
    assert len(free) > 50 and not any(p[1] > 0.5 and abs(p[0]) < 0.4 * p[1] for p in free)  # none behind the screen


def test_a_surface_seen_from_behind_and_blurred_edges_have_no_depth():
    camera = Camera.from_fov(40, 80, 60)
    pose = pose_towards(np.zeros(3), look(-90, 0))
    pose[:3, 3] = (0, 3.5, 0)  # behind the screen, which hides the tripod
    _, depth, torn = hall(behind=True).view(camera, pose)
    assert (depth[25:35, 30:50] == 0).all() and torn > 0.5
    way = directions()
    distance = hall_from(np.zeros(3), way).astype(np.float32)
    pose[:3, 3] = 0
    surface = MovedPanorama(np.zeros((ROWS, 2 * ROWS, 3), np.uint8), distance, blurred=way[..., 0] > 0)
    _, depth, torn = surface.view(camera, pose)
    assert torn == 0 and (depth[:, 42:] > 0).all() and not depth[:, :38].any()  # the right half is to the west


@pytest.mark.parametrize("spread", [1.5, 3.0])
def test_what_lies_behind_a_blurred_edge_counts_as_hidden(spread: float):
    camera = Camera.from_fov(70, 160, 120)
    pose = pose_towards(np.zeros(3), look(90, 0))
    pose[:3, 3] = (1.2, 0, 0)
    sharp = hall(behind=True)
    soft = cv2.GaussianBlur(sharp.distance, (0, 0), spread)
    edges = cv2.dilate((abs(soft / sharp.distance - 1) > 0.02).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    *_, torn = sharp.view(camera, pose)
    *_, ramp = MovedPanorama(sharp.panorama, soft, edges).view(camera, pose)
    *_, unmarked = MovedPanorama(sharp.panorama, soft).view(camera, pose)
    assert 0.5 * torn < ramp < 1.5 * torn and unmarked < ramp


def test_an_upright_edge_is_torn_in_every_row():
    way = directions()
    distance = np.where(way[..., 0] > 0, np.float32(3.5), np.float32(3.0))
    surface = MovedPanorama(np.zeros((ROWS, 2 * ROWS, 3), np.uint8), distance)
    column = surface.faces % (2 * ROWS)
    across = (column == ROWS).any(1) & (column == ROWS - 1).any(1)  # faces between the halves, ahead
    assert across.sum() == 2 * (ROWS - 1) and surface.torn[across].all()


def test_level_ground_is_followed_far_and_a_view_of_nothing_is_torn():
    up = directions()[..., 2]
    distance = np.where(up < -0.03, HEIGHT / np.maximum(-up, 1e-6), 0).astype(np.float32)  # a plain, to 50 m
    surface = MovedPanorama(np.zeros((ROWS, 2 * ROWS, 3), np.uint8), distance)
    pose = pose_towards(np.zeros(3), look(10, 0))
    _, depth, torn = surface.view(Camera.from_fov(60, 160, 120), pose)
    assert depth.max() > 35 and torn < 0.05
    _, depth, torn = surface.view(Camera.from_fov(60, 160, 120), pose_towards(np.zeros(3), look(10, 50)))
    assert torn == 1 and not depth.any()
    assert MovedPanorama(surface.panorama, 0 * distance).draw_place(np.random.default_rng(0), 1.2) is None
