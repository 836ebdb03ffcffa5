"""Things have their real sizes; bends keep lengths; views show something."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from metricdepth_scenes.builder import Builder, Obstacle, Piece
from metricdepth_scenes.meshes import box, joined, quad
from metricdepth_scenes.places.pile import Pile
from metricdepth_scenes.places.verges import bent, garages, guard_rail
from metricdepth_scenes.places.views import filmed_from
from metricdepth_scenes.places.walls import Room
from metricdepth_scenes.render import build_scene, render_frame
from metricdepth_scenes.things.desk_things import binders, book, mobile, plush, tissues
from metricdepth_scenes.things.hands import hand
from metricdepth_scenes.things.household import block, fruit
from metricdepth_scenes.things.motorcycle import motorcycle
from metricdepth_scenes.things.packaging import flask, packet, parcel, soft_pack, tin
from metricdepth_scenes.things.people import bicycle
from metricdepth_scenes.things.rows import seat_row
from metricdepth_scenes.things.workshop import crate, steel_shelf, tank, workbench
from metricdepth_scenes.things.workshop_goods import tool


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
    center = wall.tri.reshape(-1, 3).mean(0)
    np.testing.assert_allclose(np.hypot(center[0] - radius, center[1]), abs(radius), rtol=1e-3)
    np.testing.assert_allclose(np.arctan2(center[1], abs(center[0] - radius)) * abs(radius), 40, rtol=1e-3)
    assert np.sign(center[0]) == np.sign(radius)


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
    large = [build_scene(seed, "lecture").mesh.bounds()[1][1] for seed in range(3)]
    assert min(large) >= 8


@pytest.mark.parametrize(
    ("make", "smallest", "largest"),
    [
        (tin, (0.05, 0.05, 0.05), (0.11, 0.11, 0.18)),
        (flask, (0.03, 0.02, 0.05), (0.1, 0.1, 0.35)),
        (packet, (0.05, 0.01, 0.03), (0.25, 0.17, 0.31)),
        (parcel, (0.11, 0.09, 0.04), (0.35, 0.21, 0.16)),
        (soft_pack, (0.07, 0.12, 0.01), (0.21, 0.3, 0.09)),
        (fruit, (0.03, 0.03, 0.03), (0.22, 0.13, 0.12)),
        (tool, (0.01, 0.009, 0.001), (0.4, 0.35, 0.08)),
        (block, (0.007, 0.007, 0.003), (0.13, 0.1, 0.11)),
        (lambda b: Piece([hand(b)], 0, 0, 0), (0.08, 0.35, 0.03), (0.3, 0.75, 0.4)),
    ],
)
def test_goods_have_real_sizes(
    make: Callable[[Builder], Piece], smallest: tuple[float, ...], largest: tuple[float, ...]
) -> None:
    for seed in range(12):
        size = extents(make(Builder(np.random.default_rng(seed), None)))
        assert (size >= smallest).all(), size
        assert (size <= largest).all(), size


def test_a_pile_keeps_things_apart_and_inside() -> None:
    pile = Pile(-0.3, 0.3, -0.2, 0.2, z=0.7)
    first = pile.fit(box((0.2, 0.1, 0.06), (0, 0, 0.03)), 0.0, 0.0)
    assert first is not None
    np.testing.assert_allclose([first[0].bounds()[0][2], first[1]], [0.7, 0], atol=1e-3)
    pile.add(first[0])
    second = pile.fit(box((0.05, 0.05, 0.05), (0, 0, 0.025)), 0.02, 0.01)
    assert second is not None
    np.testing.assert_allclose(second[0].bounds()[0][2], 0.76, atol=2e-3)
    assert pile.fit(box((0.1, 0.1, 0.1)), 0.27, 0.0) is None
    leaning = pile.fit(box((0.3, 0.08, 0.01), (0, 0, 0.005)), 0.12, 0.0)
    level = pile.fit(box((0.3, 0.08, 0.01), (0, 0, 0.005)), 0.12, 0.0, lean=False)
    assert leaning is not None
    assert level is not None
    assert leaning[1] < 0.9 * level[1]


@pytest.mark.parametrize(("family", "low", "high"), [("tabletop", 0.3, 1.3), ("bins", 0.3, 1.2)])
def test_near_families_are_near(family: str, low: float, high: float) -> None:
    frames = [render_frame(seed, family, pixels=4_000) for seed in range(8)]
    depths = np.array([np.percentile(f.depth[f.depth > 0], [2, 50, 90]) for f in frames])
    assert low < np.median(depths[:, 1]) < high
    assert (depths[:, 0] > 0.1).all()
    assert np.median(depths[:, 2]) < 2.5
    down = np.array([-f.pose[2, 2] for f in frames])
    assert down.max() > 0.9
    assert np.ptp(down) > 0.3
    again = render_frame(3, family, pixels=4_000)
    np.testing.assert_array_equal(again.rgb, frames[3].rgb)


def test_a_held_thing_is_near_and_its_room_is_not() -> None:
    frames = [render_frame(seed, "handheld", pixels=6_000) for seed in range(8)]
    near = [float(f.depth[f.depth > 0].min()) for f in frames]
    far = [float(np.percentile(f.depth[f.depth > 0], 90)) for f in frames]
    assert np.median(near) < 0.8
    assert np.median(far) > 1.8


def test_who_films_a_thing_in_a_room_stands_about_two_metres_away_inside_and_not_in_things() -> None:
    rng, room = np.random.default_rng(0), Room(12.0, 12.0, 2.6, ())
    thing = Obstacle(np.array([5.0, 5.0, 0.0]), np.array([6.0, 6.0, 0.8]))
    closet = Obstacle(np.array([6.2, 4.5, 0.0]), np.array([8.0, 7.0, 2.2]))
    target = np.array([5.5, 5.5, 0.4])
    spots = np.array([filmed_from(rng, room, [thing, closet], target, 1.3) for _ in range(300)])
    away = np.linalg.norm(spots[:, :2] - target[:2], axis=1)
    assert away.min() >= 0.7 - 1e-9 and away.max() <= 4.0 and 1.5 < np.median(away) < 2.1
    assert np.all(spots[:, 2] == 1.3) and np.all((spots[:, :2] > 0.2) & (spots[:, :2] < 11.8))
    in_closet = (spots[:, 0] > 6.02) & (spots[:, 0] < 8.18) & (spots[:, 1] > 4.32) & (spots[:, 1] < 7.18)
    assert not in_closet.any() and (spots[:, 0] > 5.5).any()


def test_where_no_place_beside_a_thing_is_free_it_is_filmed_from_anywhere_at_the_same_height() -> None:
    room = Room(1.0, 1.0, 2.6, ())
    spot = filmed_from(np.random.default_rng(0), room, [], np.array([20.0, 20.0, 0.4]), 1.1)
    assert spot[2] == 1.1 and np.all((spot[:2] > 0.2) & (spot[:2] < 0.8))
