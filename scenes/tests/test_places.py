"""Things have their real sizes; bends keep lengths; views show something."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from metricdepth_scenes.builder import Builder, Piece
from metricdepth_scenes.meshes import box, joined, quad
from metricdepth_scenes.places.verges import bent, garages, guard_rail
from metricdepth_scenes.render import build_scene, render_frame
from metricdepth_scenes.things.desk_things import binders, book, mobile, plush, tissues
from metricdepth_scenes.things.motorcycle import motorcycle
from metricdepth_scenes.things.people import bicycle
from metricdepth_scenes.things.rows import seat_row
from metricdepth_scenes.things.workshop import crate, steel_shelf, tank, workbench


def extents(piece: Piece) -> np.ndarray:
    low, high = joined(piece.meshes).bounds()
    return high - low


@pytest.mark.parametrize(
    ("make", "smallest", "largest"),
    [
        (motorcycle, (0.7, 1.85, 1.0), (1.0, 2.35, 1.4)),
        (bicycle, (0.4, 1.6, 1.0), (0.7, 1.85, 1.15)),
        (steel_shelf, (0.89, 0.29, 1.79), (1.85, 0.75, 2.6)),
        (workbench, (1.15, 0.5, 0.84), (2.45, 0.9, 2.0)),
        (crate, (0.3, 0.2, 0.15), (0.83, 0.48, 0.44)),
        (tank, (0.2, 0.2, 0.44), (0.65, 0.65, 2.3)),
        (book, (0.1, 0.17, 0.005), (0.22, 0.3, 0.06)),
        (binders, (0.1, 0.27, 0.31), (0.66, 0.3, 0.33)),
        (mobile, (0.04, 0.14, 0.007), (0.09, 0.18, 0.03)),
        (tissues, (0.11, 0.05, 0.05), (0.24, 0.31, 0.3)),
        (plush, (0.1, 0.15, 0.19), (0.7, 0.8, 0.8)),
        (lambda b: seat_row(b, 6, True, 0, 0, 0), (3.2, 0.5, 0.85), (3.4, 1.0, 1.0)),
        (lambda b: garages(b, 2), (6.3, 6.0, 2.8), (6.5, 6.7, 3.0)),
        (lambda b: guard_rail(b, 8.0), (7.9, 0.05, 0.7), (8.1, 0.2, 0.8)),
    ],
)
def test_things_have_real_sizes(
    make: Callable[[Builder], Piece], smallest: tuple[float, ...], largest: tuple[float, ...]
) -> None:
    for seed in range(8):
        size = extents(make(Builder(np.random.default_rng(seed), None)))
        assert (size >= smallest).all(), size
        assert (size <= largest).all(), size


@pytest.mark.parametrize("radius", [150.0, -400.0])
def test_a_bend_keeps_sizes_heights_and_the_road_s_length(radius: float) -> None:
    wall = bent(box((0.2, 1.0, 2.0), (0, 40, 1)), radius)
    low, high = wall.bounds()
    np.testing.assert_allclose([low[2], high[2]], [0, 2], atol=1e-4)
    centre = wall.tri.reshape(-1, 3).mean(0)
    np.testing.assert_allclose(np.hypot(centre[0] - radius, centre[1]), abs(radius), rtol=1e-3)
    np.testing.assert_allclose(np.arctan2(centre[1], abs(centre[0] - radius)) * abs(radius), 40, rtol=1e-3)
    assert np.sign(centre[0]) == np.sign(radius)


def test_a_bent_road_is_split_and_stays_level_with_unit_normals() -> None:
    road = quad([(-4, -20, 0), (4, -20, 0), (4, 100, 0), (-4, 100, 0)], (8, 120))
    curved = bent(road, 200.0)
    assert np.ptp(curved.tri[..., 1], axis=1).max() < 13
    np.testing.assert_allclose(curved.nrm, np.broadcast_to([0, 0, 1], curved.nrm.shape), atol=1e-6)
    area = np.linalg.norm(np.cross(curved.tri[:, 1] - curved.tri[:, 0], curved.tri[:, 2] - curved.tri[:, 0]), axis=1)
    np.testing.assert_allclose(area.sum() / 2, 960, rtol=1e-3)


def test_normals_turn_with_a_bend() -> None:
    front = quad([(-1, 50, 0), (1, 50, 0), (1, 50, 2), (-1, 50, 2)])
    curved = bent(front, 100.0)
    face = np.cross(curved.tri[:, 1] - curved.tri[:, 0], curved.tri[:, 2] - curved.tri[:, 0])
    face /= np.linalg.norm(face, axis=1, keepdims=True)
    np.testing.assert_allclose(curved.nrm[:, 0], face, atol=1e-3)


def test_desks_are_near_and_cluttered_and_lecture_rooms_are_large() -> None:
    desk = [float(np.median(render_frame(seed, "desk", pixels=4_000).depth)) for seed in range(6)]
    assert 0.5 < np.median(desk) < 2.0
    large = [build_scene(seed, "lecture").mesh.bounds()[1][1] for seed in range(6)]
    assert min(large) >= 8
