"""Furnish rooms: along walls, on walls, on the floor, around tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from metricdepth_scenes.builder import Builder, Piece, Scene
from metricdepth_scenes.meshes import joined, standing_box
from metricdepth_scenes.models import model_piece
from metricdepth_scenes.places.ceiling import indoor_light
from metricdepth_scenes.places.views import View
from metricdepth_scenes.places.walls import Room, along_wall
from metricdepth_scenes.things.clutter import ball, on_shelf
from metricdepth_scenes.things.containers import bag, bin_, cardboard, package, vase
from metricdepth_scenes.things.devices import cable
from metricdepth_scenes.things.people import person
from metricdepth_scenes.things.plants import plant
from metricdepth_scenes.things.seating import chair
from metricdepth_scenes.things.stationery import book_pile, sheet
from metricdepth_scenes.things.tables import table

Maker = Callable[[Builder], Piece]


def furnish(b: Builder, room: Room, makers: list[Maker], clutter: Maker, density: float) -> None:
    """Put pieces along the walls while there is room.

    And small things on them.
    """
    for make in makers:
        piece = make(b)
        at = along_wall(b, room, piece)
        if at:
            b.clutter(piece, at[0], at[1], 0, at[2], clutter, density)


def floor_clutter(b: Builder, room: Room, count: int, rug: float = 0.45, makers: Sequence[Maker] = ()) -> None:
    """Put cartons, bags.

    Bins, balls, plants and paper (or `makers`) on the floor; with probability `rug`, a rug.
    """
    kinds = makers or (cardboard, bag, bin_, ball, book_pile, sheet, package, cable, vase, plant)
    if b.chance(rug) and not room.bath:
        w, d = min(b.u(1.0, 3.0), room.width * 0.8), min(b.u(0.8, 2.2), room.depth * 0.8)
        x, y = b.u(w / 2, room.width - w / 2), b.u(d / 2, room.depth - d / 2)
        b.add(standing_box((w, d, 0.008), x, y, material=b.role("rug")))
    for _ in range(count):
        piece = b.pick(*kinds)(b)
        r = max(piece.width, piece.depth) / 2
        if room.width < 2 * r + 0.2 or room.depth < 2 * r + 0.2:
            continue
        x, y = b.u(r, room.width - r), b.u(r, room.depth - r)
        if b.free(x - r, x + r, y - r, y + r):
            b.put(piece, x, y, 0, b.u(-3.2, 3.2), solid=piece.height > 0.2)


def dining(b: Builder, room: Room, clutter: Maker, density: float, size: tuple[float, float] | None = None) -> None:
    """Build a table in the room with chairs around it."""
    t = table(b, *(size or (None, None)))
    reach = max(t.width, t.depth) / 2 + 0.45
    for _ in range(8):
        if room.width < 2 * reach or room.depth < 2 * reach:
            reach = max(t.width, t.depth) / 2
            if room.width < 2 * reach or room.depth < 2 * reach:
                return
        x, y, yaw = (
            b.u(reach, room.width - reach),
            b.u(reach, room.depth - reach),
            b.pick(0.0, np.pi / 2, 0.0, b.u(0, 3)),
        )
        r = max(t.width, t.depth) / 2
        if b.free(x - r, x + r, y - r, y + r, 0.1):
            b.put(t, x, y, 0, yaw)
            b.clutter(t, x, y, 0, yaw, clutter, density)
            _chairs(b, room, x, y, yaw, t)
            return


def _seat(b: Builder) -> Piece:
    """Build a chair.

    Mostly like the ones that the scene already has.
    """
    if "seat" not in b.models or b.chance(0.15):
        b.models["seat"] = chair(b)
    seat: Piece = b.models["seat"]
    return seat


def _chairs(b: Builder, room: Room, x: float, y: float, yaw: float, t: Piece, most: int = 6) -> None:
    seat = _seat(b)
    for k in range(most):
        if b.chance(0.25):
            continue
        side = (k % 2) * 2 - 1
        along = (k // 2 - 1) * 0.65 if t.width > 1.5 else b.u(-0.1, 0.1)
        if k >= 2 and t.width <= 1.5:
            break
        px, py = along, -side * (t.depth / 2 + b.u(0.0, 0.35))
        cx, cy = x + np.cos(yaw) * px - np.sin(yaw) * py, y + np.sin(yaw) * px + np.cos(yaw) * py
        if not (0.3 < cx < room.width - 0.3 and 0.3 < cy < room.depth - 0.3) or not b.free(
            cx - 0.2, cx + 0.2, cy - 0.2, cy + 0.2, -0.2
        ):
            continue
        b.put(seat, cx, cy, 0, yaw + (np.pi if side > 0 else 0) + b.u(-0.3, 0.3))


def low_table(b: Builder, r: Room) -> None:
    """Build a coffee table somewhere in the room."""
    t = model_piece(b, "table", lambda z: z[1] < 0.6 and max(z[0], z[2]) > 0.5) or table(
        b, b.u(0.8, 1.3), b.u(0.5, 0.8), b.u(0.35, 0.48)
    )
    reach = max(t.width, t.depth) / 2
    for _ in range(8):
        if min(r.width, r.depth) < 2 * reach + 0.2:
            return
        x, y = b.u(reach, r.width - reach), b.u(reach, r.depth - reach)
        if b.free(x - reach, x + reach, y - reach, y + reach, 0.15):
            b.put(t, x, y)
            b.clutter(t, x, y, 0, 0, on_shelf, b.u(3, 12))
            return


def people(b: Builder, r: Room, share: float) -> None:
    """Add a few people with probability `share`."""
    for _ in range(int(b.rng.poisson(1)) if b.chance(share) else 0):
        x, y = b.u(0.3, r.width - 0.3), b.u(0.3, r.depth - 0.3)
        if b.free(x - 0.3, x + 0.3, y - 0.3, y + 0.3):
            b.put(person(b), x, y, 0, b.u(-3.2, 3.2))


def indoor_scene(b: Builder, view: View) -> Scene:
    """Finish a scene with the light of a room."""
    return Scene(joined(b.meshes), tuple(b.materials), indoor_light(b), "", 0, view, "room")
