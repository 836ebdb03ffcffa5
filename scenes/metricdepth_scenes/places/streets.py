"""Roads between houses, with traffic."""

from __future__ import annotations

import numpy as np

from metricdepth_scenes.builder import Builder, Piece, Scene
from metricdepth_scenes.meshes import box, joined
from metricdepth_scenes.places.daylight import FAR, outdoor_scene
from metricdepth_scenes.places.verges import bent, close_in, close_off, rails
from metricdepth_scenes.places.views import road_view
from metricdepth_scenes.things.cars import car
from metricdepth_scenes.things.houses import house
from metricdepth_scenes.things.people import cyclist, person
from metricdepth_scenes.things.plants import hedge, tree_kind
from metricdepth_scenes.things.street_furniture import fence, pole
from metricdepth_scenes.things.vans import van


def _markings(b: Builder, half: float, lanes: int, z: float, length: float) -> None:
    white = b.gray(b.u(0.7, 0.9))
    for k in range(1, lanes):
        x = -half + 2 * half * k / lanes
        if b.chance(0.25):
            b.level(x - 0.07, x + 0.07, -20, length, z, white)
        else:
            dash, gap = b.pick((3, 6), (3, 3), (6, 12), (1.5, 3))
            for y in np.arange(-20, min(length, 160), dash + gap):
                b.level(x - 0.06, x + 0.06, y, y + dash, z, white)
    if b.chance(0.5):
        for s in (-1, 1):
            b.level(s * (half - 0.25) - 0.06, s * (half - 0.25) + 0.06, -20, length, z, white)
    if b.chance(0.25):
        y = b.u(8, 40)
        for x in np.arange(-half + 0.3, half - 0.3, 1.0):
            b.level(x, x + 0.5, y, y + 3, z, white)
    dark = b.gray(0.25)
    for _ in range(int(b.rng.integers(0, 6))):
        x, y = b.u(-half, half - 1), b.u(3, 40)
        b.level(x, x + b.u(0.3, 1.6), y, y + b.u(0.4, 6), z - 0.002, dark if b.chance(0.5) else b.role("asphalt", 0.4))


def street(b: Builder) -> Scene:
    """Build a road along y between pavements and houses or gardens, with traffic."""
    lanes = b.pick(1, 2, 2, 2, 2, 3, 4)
    half = lanes * b.u(2.4, 3.5) / 2
    parking = b.pick(0.0, 2.0, 2.1, 2.2)
    walk, curb = b.u(1.2, 4.0), b.pick(0.12, 0.12, 0.08, 0.02)
    edge = half + parking
    length = FAR
    b.level(-FAR, FAR, -120, FAR, -0.06, b.role(b.pick("grass", "grass", "soil", "paving", "asphalt")))
    b.level(-edge, edge, -120, length, 0.0, b.role("asphalt", 1.0))
    _markings(b, half, lanes, 0.005, length)
    pave, stone = b.role("paving", 1.0), b.role("concrete", 1.0)
    verge = b.chance(0.3)
    for s in (-1, 1):
        inner, outer = sorted((s * (edge + 0.15), s * (edge + walk)))
        b.add(
            box(
                (outer - inner, length + 120, 0.3),
                ((inner + outer) / 2, (length - 120) / 2, curb - 0.15),
                material=b.role("grass") if verge and s > 0 else pave,
            )
        )
        b.add(box((0.15, length + 120, 0.32), (s * (edge + 0.075), (length - 120) / 2, curb - 0.155), material=stone))
    end = b.u(35, 110) if b.chance(0.45) else 170.0
    tracks = b.chance(0.15)
    for s in (-1, 1):
        start = edge + walk
        if tracks and s > 0:
            start = rails(b, edge + 0.3, int(b.rng.integers(1, 3)), length) + b.u(0.3, 3)
        if b.chance(0.5):
            close_in(b, s, start, min(end, 120.0) - 12)
        else:
            _side(b, s, start, curb, end - 14)
    if end < 170:
        close_off(b, end)
    _trees(b, edge, walk, curb, end - 14)
    _traffic(b, half, parking, lanes, end - 18)
    for _ in range(int(b.rng.poisson(5))):
        s, y = b.pick(-1, 1), b.u(3, 60)
        piece = person(b) if b.chance(0.8) else cyclist(b)
        b.put(piece, s * (edge + b.u(0.5, max(walk, 0.8))), y, curb, b.pick(0, np.pi) + b.u(-0.3, 0.3))
    if b.chance(0.2):
        b.put(cyclist(b), b.u(0.6, 0.9) * half * b.pick(-1, 1), b.u(5, 30), 0, b.pick(0, np.pi))
    for _ in range(int(b.rng.poisson(9))):
        s = b.pick(-1, 1)
        b.put(pole(b), s * (edge + b.u(0.35, 0.6)), b.u(1, 90), curb, b.pick(0, np.pi) + b.u(-0.1, 0.1))
    if b.chance(0.4):
        b.meshes = [bent(joined(b.meshes), b.pick(-1, 1) * float(np.exp(b.u(np.log(130), np.log(700)))))]
    return outdoor_scene(b, road_view(half, edge + walk * 0.5, length), "street")


def _side(b: Builder, s: int, start: float, curb: float, end: float) -> None:
    """Build one side of a road from x = s * start outwards."""
    style = b.pick("town", "town", "houses", "houses", "green", "open")
    y = b.u(-25, -10)
    back = 0.0 if style == "town" else b.u(3, 12)
    rows: list[Piece] = []
    while y < end:
        width = b.u(8, 22) if style == "town" else b.u(8, 14)
        if style in ("town", "houses"):
            if len(rows) < 7:
                rows.append(
                    house(b, width, storeys=int(b.rng.integers(2, 7)) if style == "town" else int(b.rng.integers(1, 4)))
                )
                piece = rows[-1]
            else:
                piece = rows[int(b.rng.integers(7))]
            x = start + back + b.u(0, 1.5 if style == "houses" else 0.3) + piece.depth / 2
            b.put(
                piece,
                s * x,
                y + piece.width / 2,
                0.0 if style == "houses" else curb - 0.1,
                -s * np.pi / 2,
            )
            y += piece.width + (b.u(1.5, 9) if style == "houses" else b.pick(0.0, 0.0, 0.0, b.u(2, 10)))
        else:
            y += 20
    if style != "town":
        y = -15.0
        make = b.pick(hedge, fence, fence, None, None)
        while y < min(end, 110) and make is not None:
            piece = make(b, b.u(6, 14))
            b.put(piece, s * (start + 0.5), y + piece.width / 2, -0.06, np.pi / 2)
            y += piece.width + b.pick(0.0, 0.0, b.u(1, 5))
        kinds = [tree_kind(b) for _ in range(3)]
        for _ in range(int(b.rng.poisson(28 if style == "green" else 9))):
            near = start + (1.5 if style != "houses" else back + 18)
            b.put(
                kinds[int(b.rng.integers(3))],
                s * (near + float(b.rng.exponential(12))),
                b.u(-5, end - 5),
                -0.06,
                b.u(0, 6),
            )
    if style == "open" and b.chance(0.6):
        _wall_of_trees(b, s)


def _wall_of_trees(b: Builder, s: int) -> None:
    """Build the far edge of a wood."""
    kinds = [tree_kind(b) for _ in range(2)]
    x = b.u(35, 90)
    for y in np.arange(0, 180, 7.0):
        b.put(kinds[int(b.rng.integers(2))], s * (x + b.u(-3, 3)), y + b.u(-2, 2), -0.06, b.u(0, 6))


def _trees(b: Builder, edge: float, walk: float, curb: float, end: float) -> None:
    if b.chance(0.5) and walk > 1.8:
        kind, step = [tree_kind(b) for _ in range(2)], b.u(7, 16)
        for s in (-1, 1) if b.chance(0.7) else (1,):
            for y in np.arange(b.u(2, 8), min(end, 130), step):
                if b.chance(0.85):
                    b.put(kind[int(b.rng.integers(2))], s * (edge + 0.8), float(y), curb, b.u(0, 6))


def _traffic(b: Builder, half: float, parking: float, lanes: int, end: float) -> None:
    fleet = [car(b) for _ in range(7)] + [van(b)]

    def any_car() -> Piece:
        return fleet[min(int(b.rng.integers(9)), 7)]

    if parking:
        for s in (-1, 1):
            share, y = b.pick(0.95, 0.8, 0.6, 0.3, 0.0), b.u(-12, -6)
            while y < min(end, 110) and share:
                piece = any_car()
                if b.chance(share):
                    b.put(
                        piece,
                        s * (half + parking / 2 - 0.05 + b.u(-0.08, 0.08)),
                        y + piece.depth / 2,
                        0,
                        (np.pi if s > 0 else 0) + b.u(-0.03, 0.03),
                    )
                y += piece.depth + b.u(0.6, 1.6)
    lane = 2 * half / lanes
    for k in range(lanes):
        x = -half + lane * (k + 0.5)
        own = x > -0.1
        y = b.u(6, 45) if own else b.u(3, 30)
        while y < min(end, 130):
            piece = any_car()
            if b.chance(0.75):
                b.put(piece, x + b.u(-0.25, 0.25), y + piece.depth / 2, 0, np.pi if own else 0.0)
            y += piece.depth + b.u(5, 40)
