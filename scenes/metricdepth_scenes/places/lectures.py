"""Lecture rooms and assembly halls: rows of seats before a board."""

from __future__ import annotations

import numpy as np

from metricdepth_scenes.builder import Builder, Piece, Scene
from metricdepth_scenes.cameras import look
from metricdepth_scenes.meshes import standing_box
from metricdepth_scenes.places.furnishing import furnish, indoor_scene, people
from metricdepth_scenes.places.on_walls import wall_things
from metricdepth_scenes.places.shell import make_room
from metricdepth_scenes.places.views import View, room_view
from metricdepth_scenes.places.walls import Room
from metricdepth_scenes.things.clutter import on_desk
from metricdepth_scenes.things.fittings import radiator
from metricdepth_scenes.things.plants import plant
from metricdepth_scenes.things.rows import lectern, pupils, seat_row
from metricdepth_scenes.things.seating import chair
from metricdepth_scenes.things.storage import cabinet
from metricdepth_scenes.things.tables import table


def lecture(b: Builder) -> Scene:
    """Build a lecture room or assembly hall.

    6 to 24 m long, level or rising towards the back (y = 0).
    """
    w, d, h = b.u(6, 17), b.u(8, 24), b.u(2.8, 7.5)
    r = make_room(b, w, d, h, windows=int(b.rng.integers(0, 7)), doors=int(b.rng.integers(1, 4)), ways=0.1)
    _front(b, r)
    rising = b.chance(0.35) and h > 4
    style = b.pick("fixed", "benches", "loose", "tables")
    wood, cloth, metal = b.wood(), b.role("fabric") if b.chance(0.6) else b.wood(), b.role("metal")
    pitch = b.u(0.85, 1.0) if style in ("fixed", "loose") else b.u(1.05, 1.4)
    aisle = b.pick((0.0,), (-w / 4, w / 4)) if w > 8 else (0.0,)
    n = max(2, int((w - 2.4) / len(aisle) / (2 if aisle == (0.0,) else 1) / 0.6))
    middles = (-(n * 0.3 + 0.6), n * 0.3 + 0.6) if aisle == (0.0,) else aisle
    piece = _row(b, style, min(n, 14), wood, cloth, metal)
    step, floor = b.u(0.1, 0.2) if rising else 0.0, b.role("floor", 0.3)
    rows = np.arange(d - b.u(3.2, 5.0), 1.2, -pitch)
    for k, y in enumerate(rows):
        z = step * k
        if rising:
            b.add(
                standing_box(
                    (w, float(y) + pitch / 2, max(step, 0.01)),
                    w / 2,
                    (float(y) + pitch / 2) / 2,
                    z - step,
                    material=floor,
                )
            )
        for x in middles:
            if abs(x) + piece.width / 2 < w / 2 - 0.05:
                b.put(piece, w / 2 + x, float(y), z, np.pi)
    furnish(b, r, [radiator, b.pick(plant, cabinet), chair, cabinet], on_desk, 3)
    wall_things(b, r, 8)
    people(b, r, 0.5)
    climb = step * len(rows)
    view = _seats_view(r, climb) if b.chance(0.75) or rising else room_view(b, r)
    return indoor_scene(b, view)


def _row(b: Builder, style: str, n: int, wood: int, cloth: int, metal: int) -> Piece:
    if style == "loose":
        return pupils(b, chair(b), n)
    if style == "tables":
        desk = table(b, min(n, 6) * 0.6, b.u(0.5, 0.7))
        back = pupils(b, chair(b), min(n, 6))
        meshes = desk.meshes + [m.placed(0, desk.depth / 2 + 0.15, 0, 0.0) for m in back.meshes]
        return Piece(meshes, max(desk.width, back.width), desk.depth + 0.6, back.height)
    return seat_row(b, n, style == "benches", wood, cloth, metal)


def _front(b: Builder, r: Room) -> None:
    """Put boards on the front wall (at y = depth).

    A lectern or a desk.
    """
    wall = r.walls[0]
    wide, tall = b.pick((1.8, 1.2), (2.4, 1.2), (3.6, 1.2), (4.0, 2.5))
    if wall.length > wide + 0.6:
        u, z = wall.length / 2 + b.u(-0.3, 0.3) * (wall.length - wide), b.u(1.5, 1.7) + (tall - 1.2) / 2
        shade = b.pick(b.gray(0.95, 0.06), b.solid((0.1, 0.22, 0.17), 0.02), b.gray(0.12, 0.02), b.gray(0.95))
        b.add(wall.box((wide + 0.06, 0.03, tall + 0.06), u, 0.015, z, b.role("metal", 0.3)))
        b.add(wall.box((wide, 0.035, tall), u, 0.018, z, shade))
    piece = b.pick(lectern, table)(b)
    b.put(piece, r.width * b.u(0.25, 0.75), r.depth - b.u(1.4, 2.2), 0, b.u(-0.3, 0.3))


def _seats_view(room: Room, climb: float) -> View:
    """Draw views from the back or a seat to the board, or from the board at the seats."""

    def view(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
        x = rng.uniform(0.4, room.width - 0.4)
        if rng.random() < 0.6:
            y = rng.uniform(0.3, room.depth * 0.6)
            ground = climb * max(0.0, 1 - y / (room.depth * 0.8))
            p = np.array([x, y, min(ground + rng.uniform(1.3, 1.9), room.height - 0.3)])
            yaw, pitch = 90 + rng.normal(0, 18), rng.normal(-9, 5) - (6 if climb else 0)
        else:
            p = np.array([x, room.depth - rng.uniform(0.4, 3.0), rng.uniform(1.2, 1.8)])
            yaw, pitch = -90 + rng.normal(0, 22), rng.normal(-8, 5) + (6 if climb else 0)
        return p, p + look(float(yaw), float(pitch)), float(rng.normal(0, 3))

    return view
