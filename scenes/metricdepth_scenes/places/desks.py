"""Things seen from near: desks and corners of rooms."""

from __future__ import annotations

import numpy as np

from metricdepth_scenes.builder import Builder, Piece, Scene
from metricdepth_scenes.meshes import grid, standing_box
from metricdepth_scenes.places.furnishing import floor_clutter, furnish, indoor_scene, people
from metricdepth_scenes.places.on_walls import wall_things
from metricdepth_scenes.places.shell import make_room
from metricdepth_scenes.places.views import desk_view, near_view, object_view
from metricdepth_scenes.places.walls import Room, along_wall
from metricdepth_scenes.things.bathroom import basin
from metricdepth_scenes.things.clutter import on_counter, on_desk, on_shelf
from metricdepth_scenes.things.containers import bag, bin_, cardboard, vase
from metricdepth_scenes.things.desk_things import plush
from metricdepth_scenes.things.devices import keyboard, laptop, monitor, mouse, television
from metricdepth_scenes.things.fittings import floor_lamp, radiator
from metricdepth_scenes.things.kitchen import fridge, kitchen_row
from metricdepth_scenes.things.motorcycle import motorcycle
from metricdepth_scenes.things.people import person
from metricdepth_scenes.things.plants import plant, pot_plant
from metricdepth_scenes.things.seating import bed, chair, sofa
from metricdepth_scenes.things.storage import cabinet, shelf
from metricdepth_scenes.things.tables import table
from metricdepth_scenes.things.workshop import carton, crate, steel_shelf


def desk(b: Builder) -> Scene:
    """Build a cluttered desk.

    Worktop or table, seen from near.
    """
    w, d = b.pick(b.u(2.5, 5), b.u(4, 11)), b.pick(b.u(2.5, 5), b.u(4, 9))
    r = make_room(b, w, d, b.u(2.4, 3.2), windows=int(b.rng.integers(0, 3)), doors=int(b.rng.integers(0, 2)))
    kitchen = b.chance(0.2)
    t = kitchen_row(b, min(b.u(1.5, 3), w - 0.2)) if kitchen else table(b)
    if not t.tops or (not kitchen and b.chance(0.4)):
        t = table(b, b.pick(1.2, 1.4, 1.6, 1.8), b.pick(0.7, 0.8, 0.8, 0.9))
    at = along_wall(b, r, t, 40, gap=b.pick(0.02, 0.02, 0.1)) if b.chance(0.6) or kitchen else None
    if at is None:
        at = (w / 2, d / 2, b.u(-3, 3))
        b.put(t, *at[:2], yaw=at[2])
    top = t.tops[0]
    if not kitchen:
        _workplace(b, t, at)
    b.clutter(t, at[0], at[1], 0, at[2], on_counter if kitchen else on_desk, b.u(12, 60))
    if not kitchen and b.chance(0.5):
        _neighbors(b, r, t, at)
    c, sn = np.cos(at[2]), np.sin(at[2])
    if b.chance(0.6):
        off = -(t.depth / 2 + b.u(0, 0.4))
        b.put(chair(b), at[0] - sn * off, at[1] + c * off, 0, at[2] + np.pi + b.u(-0.6, 0.6))
    furnish(
        b,
        r,
        [shelf, cabinet, b.pick(table, sofa, bed), cabinet, shelf, b.pick(plant, floor_lamp), radiator],
        on_shelf,
        b.u(3, 10),
    )
    wall_things(b, r, int(b.rng.integers(3, 10)))
    floor_clutter(b, r, int(b.rng.poisson(4)))
    people(b, r, 0.15)
    return indoor_scene(b, desk_view(r, at, top, b.obstacles))


def _neighbors(b: Builder, r: Room, t: Piece, at: tuple[float, float, float]) -> None:
    """Put equal desks beside and opposite.

    With their own screens and clutter.
    """
    c, s = np.cos(at[2]), np.sin(at[2])
    for x, y, turned in ((t.width, 0, 0), (-t.width, 0, 0), (0, t.depth, np.pi), (t.width, t.depth, np.pi)):
        px, py = at[0] + c * x - s * y, at[1] + s * x + c * y
        reach = 0.5 * (np.abs([c, s]) * t.width + np.abs([s, c]) * t.depth)
        if reach[0] < px < r.width - reach[0] and reach[1] < py < r.depth - reach[1] and b.chance(0.7):
            there = (px, py, at[2] + turned)
            b.put(t, px, py, 0, there[2])
            _workplace(b, t, there)
            b.clutter(t, px, py, 0, there[2], on_desk, b.u(8, 40))


def _workplace(b: Builder, t: Piece, at: tuple[float, float, float]) -> None:
    top = t.tops[0]
    c, sn = np.cos(at[2]), np.sin(at[2])

    def lay(piece: Piece, x: float, y: float) -> None:
        px, py = top.x + x, top.y + y
        b.put(piece, at[0] + c * px - sn * py, at[1] + sn * px + c * py, top.z, at[2] + b.u(-0.25, 0.25), solid=False)

    x = b.u(-0.2, 0.2) * top.width
    if b.chance(0.7):
        for k in range(int(b.rng.integers(1, 3)) if top.width > 1.3 else 1):
            lay(monitor(b), x + 0.6 * k * b.pick(-1, 1), top.depth * 0.32)
        lay(keyboard(b), x + b.u(-0.1, 0.1), -top.depth * b.u(0.05, 0.25))
        lay(mouse(b), x + 0.33, -top.depth * b.u(0.05, 0.25))
    elif b.chance(0.6):
        lay(laptop(b), x, 0)


def closeup(b: Builder) -> Scene:
    """Build things on a floor or in a corner.

    Seen from near as by a hand-held scanner, or one thing on a stand.
    """
    if b.chance(0.35):
        return _on_show(b)
    w, d = b.u(1.8, 4.5), b.u(1.8, 4.5)
    r = make_room(b, w, d, b.u(2.3, 2.8), windows=int(b.rng.integers(0, 2)), doors=1)
    pieces = [
        b.pick(cabinet, shelf, sofa, table, bed, chair, fridge, television, radiator, plant, basin) for _ in range(9)
    ]
    furnish(b, r, pieces, on_shelf, b.u(4, 14))
    if b.chance(0.2):
        xs, ys = np.linspace(0.2, w - 0.2, 40), np.linspace(0.2, d - 0.2, 40)
        lumps = sum(
            np.exp(-((xs[None] - b.u(0, w)) ** 2 + (ys[:, None] - b.u(0, d)) ** 2) / b.u(0.02, 0.2)) * b.u(0.05, 0.25)
            for _ in range(5)
        )
        b.add(grid(xs, ys, np.asarray(lumps) - 0.05, b.role("fabric")))
    wall_things(b, r, int(b.rng.integers(3, 9)))
    floor_clutter(b, r, int(b.rng.poisson(10)))
    return indoor_scene(b, near_view(r, b.obstacles))


def _on_show(b: Builder) -> Scene:
    """Put one thing on a pedestal, stool or table.

    It is seen from around, in a larger room.
    """
    w, d = b.u(3.5, 9), b.u(3.5, 9)
    r = make_room(b, w, d, b.u(2.4, 3.6), windows=int(b.rng.integers(0, 3)), doors=1)
    x, y = w * b.u(0.3, 0.7), d * b.u(0.3, 0.7)
    side, high = b.u(0.3, 0.6), b.pick(0.0, b.u(0.3, 1.0), b.u(0.4, 0.8))
    if high > 0:
        stand = standing_box((side, side, high), material=b.gray(b.u(0.7, 0.95)) if b.chance(0.6) else b.wood())
        b.put(Piece([stand], side, side, high), x, y, 0, b.u(0, 6.3))
    low = (plush, plush, plush, plant, carton, crate, vase, bag, pot_plant)
    tall = (plush, chair, chair, plant, floor_lamp, person, motorcycle, bin_, cardboard)
    piece = b.pick(*(low if high > 0 else tall))(b)
    b.put(piece, x, y, high, b.u(0, 6.3))
    shown = b.obstacles[-1]
    furnish(b, r, [b.pick(cabinet, shelf, sofa, table, chair, radiator, steel_shelf) for _ in range(8)], on_shelf, 5)
    wall_things(b, r, int(b.rng.integers(2, 8)))
    floor_clutter(b, r, int(b.rng.poisson(3)), rug=0.2)
    reach = float(np.linalg.norm(shown.high - shown.low)) / 2
    return indoor_scene(b, object_view(r, [shown], b.obstacles, reach + 0.35, reach + 1.5))
