"""Things on walls, many of standard size: paper, boards, sockets, shelves, coats, ducts."""

from __future__ import annotations

import numpy as np

from metricdepth_scenes.builder import Builder
from metricdepth_scenes.meshes import Mesh, cylinder, lathe, sphere
from metricdepth_scenes.places.walls import Room, Wall

_STYLES = (
    *("picture", "picture", "picture", "notice", "notice", "poster", "poster", "board", "clock", "switch", "switch"),
    *("socket", "socket", "shelf", "coats", "extinguisher", "duct", "sign"),
)
_PAPER = ((0.21, 0.297), (0.297, 0.21), (0.297, 0.42))
_POSTER = ((0.42, 0.594), (0.594, 0.841), (0.841, 0.594), (0.841, 1.189), (1.189, 0.841))
_BOARD = ((0.9, 0.6), (1.2, 0.9), (1.5, 1.0), (1.8, 1.2), (2.4, 1.2))
_TURNED = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])


def wall_things(b: Builder, room: Room, count: int) -> None:
    """Try to put `count` things on the walls.

    Beside openings and above furniture or not.
    """
    for _ in range(count):
        style = b.pick(*_STYLES)
        wall = room.walls[int(b.rng.integers(4))]
        wide, tall = {
            "notice": b.pick(*_PAPER),
            "poster": b.pick(*_POSTER),
            "board": b.pick(*_BOARD),
            "clock": (0.3, 0.3),
            "switch": (0.08, 0.08),
            "socket": (0.08 * b.pick(1, 2, 3), 0.08),
            "shelf": (b.pick(0.6, 0.8, 1.2), 0.35),
            "coats": (0.6, 1.1),
            "extinguisher": (0.2, 0.6),
            "sign": (0.3, 0.15),
            "duct": (wall.length * 0.9, 0.1),
        }.get(style, (b.u(0.2, 1.1), b.u(0.2, 0.8)))
        if wall.length < wide + 0.25:
            continue
        u = b.u(wide / 2 + 0.1, wall.length - wide / 2 - 0.1)
        z = {
            "switch": 1.1,
            "socket": b.pick(0.3, 0.3, 1.1),
            "shelf": b.u(1.2, 1.7),
            "coats": 1.2,
            "extinguisher": 0.9,
            "sign": b.u(1.6, 2.2),
            "duct": b.pick(0.15, 0.85, 1.0),
        }.get(style, b.u(1.35, 1.75))
        if _free(wall, u, wide) and z + tall / 2 < room.height - 0.1:
            _hang(b, wall, style, u, z, wide, tall)


def _free(wall: Wall, u: float, wide: float) -> bool:
    return not any(o.start - 0.1 < u + wide / 2 and o.end + 0.1 > u - wide / 2 for o in wall.openings)


def _flat(b: Builder, wall: Wall, u: float, z: float, wide: float, tall: float, out: float, material: int) -> None:
    c = [(u + s * wide / 2, out, z + t * tall / 2) for s, t in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    b.add(wall.quad(c, material=material))


def _at(b: Builder, wall: Wall, mesh: Mesh, u: float, out: float, z: float) -> None:
    p = wall.at(u, out, z)
    b.add(mesh.placed(p[0], p[1], p[2], wall.yaw))


def _hang(b: Builder, wall: Wall, style: str, u: float, z: float, wide: float, tall: float) -> None:
    white = b.gray(b.u(0.85, 0.96))
    if style == "clock":
        _at(b, wall, cylinder(0.15, 0.04, 24, material=b.vivid()).transformed(_TURNED), u, 0.04, z)
        _at(b, wall, cylinder(0.135, 0.002, 24, material=white).transformed(_TURNED), u, 0.043, z)
    elif style in ("switch", "socket"):
        b.add(wall.box((wide, 0.015, tall), u, 0.007, z, white))
        for k in range(round(wide / 0.08)):
            x = u - wide / 2 + 0.08 * (k + 0.5)
            b.add(wall.box((0.055, 0.004, 0.055), x, 0.016, z, b.gray(0.8 if style == "switch" else 0.65)))
    elif style in ("notice", "poster", "sign"):
        _flat(
            b, wall, u, z, wide, tall, 0.004, b.printed() if b.chance(0.7) else b.picture("photograph", "window_view")
        )
    elif style == "board":
        b.add(wall.box((wide + 0.04, 0.02, tall + 0.04), u, 0.01, z, b.pick(b.role("metal", 0.3), b.wood())))
        kind = b.pick("white", "white", "cork", "black")
        m = {"white": b.gray(0.95, 0.06), "cork": b.solid((0.68, 0.5, 0.33)), "black": b.solid((0.1, 0.2, 0.16))}[kind]
        b.add(wall.box((wide, 0.022, tall), u, 0.012, z, m))
        for _ in range(int(b.rng.integers(0, 8)) if kind == "cork" else int(b.rng.integers(0, 3))):
            w, h = b.pick((0.21, 0.297), (0.148, 0.21), (0.105, 0.148))
            if w < wide and h < tall:
                x, y = u + b.u(-0.5, 0.5) * (wide - w), z + b.u(-0.5, 0.5) * (tall - h)
                _flat(b, wall, x, y, w, h, 0.025 + b.u(0, 0.002), b.printed())
    elif style == "shelf":
        m = b.wood()
        b.add(wall.box((wide, 0.22, 0.025), u, 0.11, z, m))
        x = u - wide / 2 + 0.03
        while x < u + wide / 2 - 0.06:
            t, high = b.u(0.012, 0.05), b.u(0.15, 0.3)
            if b.chance(0.8):
                b.add(wall.box((t * 0.96, 0.16, high), x + t / 2, 0.1, z + 0.0125 + high / 2, b.vivid()))
            x += t if b.chance(0.85) else b.u(0.05, 0.2)
    elif style == "coats":
        b.add(wall.box((wide, 0.02, 0.1), u, 0.01, 1.72, b.wood()))
        for k in range(int(b.rng.integers(1, 4))):
            coat = sphere(0.5, 12, material=b.role("fabric")).scaled((b.u(0.3, 0.45), b.u(0.15, 0.24), b.u(0.75, 1.15)))
            _at(b, wall, coat, u + (k - 1) * 0.22, 0.12, 1.28)
    elif style == "extinguisher":
        red = b.solid((0.72, 0.07, 0.06), 0.06)
        body = lathe([(0, 0), (0.075, 0.01), (0.075, 0.42), (0.03, 0.5), (0.03, 0.55), (0, 0.55)], 16, red)
        _at(b, wall, body, u, 0.1, z - 0.3)
    elif style == "duct":
        b.add(wall.box((wide, 0.06, tall), u, 0.03, z, white))
        for x in np.arange(u - wide / 2 + 0.4, u + wide / 2 - 0.2, b.u(0.8, 1.6)):
            b.add(wall.box((0.15, 0.01, 0.08), float(x), 0.064, z, b.gray(0.75)))
    else:
        rim = 0.0 if b.chance(0.25) else b.u(0.015, 0.05)
        b.add(wall.box((wide + rim, 0.02, tall + rim), u, 0.01, z, b.role("wood", 0.4)))
        _flat(b, wall, u, z, wide, tall, 0.021, b.picture("photograph", "photograph_crop", "window_view"))
