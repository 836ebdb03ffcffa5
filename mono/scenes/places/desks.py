"""Things seen from near: desks and corners of rooms."""

from __future__ import annotations

import numpy as np

from mono.scenes.builder import Builder, Piece, Scene
from mono.scenes.meshes import grid
from mono.scenes.places.furnishing import floor_clutter, furnish, indoor_scene, people, wall_things
from mono.scenes.places.shell import make_room
from mono.scenes.places.views import desk_view, near_view
from mono.scenes.places.walls import along_wall
from mono.scenes.things.bathroom import basin
from mono.scenes.things.clutter import on_counter, on_desk, on_shelf
from mono.scenes.things.devices import keyboard, laptop, monitor, mouse, television
from mono.scenes.things.fittings import floor_lamp, radiator
from mono.scenes.things.kitchen import fridge, kitchen_row
from mono.scenes.things.plants import plant
from mono.scenes.things.seating import bed, chair, sofa
from mono.scenes.things.storage import cabinet, shelf
from mono.scenes.things.tables import table


def desk(b: Builder) -> Scene:
    """A cluttered desk, worktop or table, seen from near."""
    w, d = b.u(2.5, 7), b.u(2.5, 6)
    r = make_room(b, w, d, b.u(2.4, 3.2), windows=int(b.rng.integers(0, 3)), doors=int(b.rng.integers(0, 2)))
    kitchen = b.chance(0.2)
    t = kitchen_row(b, min(b.u(1.5, 3), w - 0.2)) if kitchen else table(b)
    if not t.tops:
        t = table(b, b.u(1.2, 1.8), b.u(0.6, 0.9))
    at = along_wall(b, r, t, 40, gap=b.pick(0.02, 0.02, 0.1)) if b.chance(0.75) else None
    if at is None:
        at = (w / 2, d / 2, b.u(-3, 3))
        b.put(t, *at[:2], yaw=at[2])
    top = t.tops[0]
    if not kitchen:
        _workplace(b, t, at)
    b.clutter(t, at[0], at[1], 0, at[2], on_counter if kitchen else on_desk, b.u(10, 45))
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
    """Things on a floor or in a corner, seen from near, as a hand-held scanner does."""
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
