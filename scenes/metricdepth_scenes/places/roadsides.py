"""Things beside a road: frontages, boundaries and street furniture."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from metricdepth_scenes.builder import Piece
from metricdepth_scenes.places.roads import Pool, Road, Span
from metricdepth_scenes.places.verges import garages, garden_wall, thicket
from metricdepth_scenes.things.cars import car
from metricdepth_scenes.things.houses import house
from metricdepth_scenes.things.people import cyclist, person
from metricdepth_scenes.things.plants import hedge
from metricdepth_scenes.things.roadside import block
from metricdepth_scenes.things.street_furniture import fence, pole


def frontage(pool: Pool, road: Road, sign: int, start: float, stretches: Sequence[Span], style: str) -> None:
    """Build one side of a road from `start` [m] outwards: town, houses, modern, park, wall or open."""
    b = road.b
    face = -sign * np.pi / 2
    back = {"town": b.pick(0.0, 0.0, b.u(2, 6)), "houses": b.u(4, 11), "modern": b.u(6, 22)}.get(style, 0.0)
    for s0, s1 in stretches:
        s = s0
        while style in ("town", "houses", "modern") and s < s1 - 6:
            if style == "houses":
                piece = pool.draw("house", lambda: house(b, b.u(8, 14), storeys=int(b.rng.integers(1, 4))), 5)
                gap = b.u(2, 9)
            else:
                most = 9 if style == "town" else 7
                wide = b.u(9, 22) if style == "town" else b.u(18, 45)
                storeys = int(b.rng.integers(2, most))
                piece = pool.draw(style, lambda w=wide, n=storeys: block(b, w, n), 5)  # type: ignore[misc]
                gap = b.pick(0.0, 0.0, 0.0, b.u(3, 9)) if style == "town" else b.u(6, 25)
            if s + piece.width > s1 + 3:
                break
            out = start + back + (b.u(0, 1.5) if style == "houses" else b.u(0, 0.2)) + piece.depth / 2
            road.put(piece, sign * out, s + piece.width / 2, 0.0, face)
            if style == "houses" and b.chance(0.5) and gap > 3:
                parked_car = pool.draw("car", lambda: car(b), 8)
                road.put(
                    parked_car,
                    sign * (start + back * 0.5 + 1),
                    s + piece.width + gap / 2,
                    0,
                    face + np.pi * b.pick(0, 1),
                )
            s += piece.width + gap
        if style in ("houses", "park", "wall", "modern"):
            _boundary(pool, road, sign, start, (s0, s1), style)
        count = {"park": 0.22, "houses": 0.1, "modern": 0.1, "open": 0.06, "wall": 0.12}.get(style, 0.0)
        for _ in range(int(b.rng.poisson(count * (s1 - s0)))):
            deep = {"houses": back + 14, "wall": 3.0, "modern": 1.5}.get(style, 2.0)
            out = start + deep + (b.u(0, max(back - 4, 1)) if style == "modern" else float(b.rng.exponential(9)))
            road.put(pool.tree(out), sign * out, b.u(s0, s1), -0.06, b.u(0, 6))
    if style in ("open", "park"):
        far = b.u(35, 90)
        for s in np.arange(-60, 170, 8.0):
            road.put(pool.tree(far), sign * (far + b.u(-4, 4)), float(s) + b.u(-3, 3), -0.06, b.u(0, 6))


def _boundary(pool: Pool, road: Road, sign: int, start: float, span: Span, style: str) -> None:
    """Build a hedge.

    Fence, wall or green right at the pavement, with openings.
    """
    b = road.b
    kind = (
        b.pick("hedge", "hedge", "fence", "wall", "green", "none")
        if style != "wall"
        else b.pick("wall", "wall", "green")
    )
    if kind == "none" or (style == "modern" and b.chance(0.6)):
        return
    make: Callable[[], Piece] = {
        "hedge": lambda: hedge(b, 7.0),
        "fence": lambda: fence(b, 7.0),
        "wall": lambda: garden_wall(b, 7.0, b.pick(0.9, 1.4, 1.9, 2.4)),
        "green": lambda: thicket(b, 7.0, b.u(2.0, 5.0)),
    }[kind]
    other = garages(b, 2) if style == "houses" and b.chance(0.3) else None
    s = span[0]
    while s < span[1] - 7:
        piece = pool.draw(kind, make, 3)
        if other and b.chance(0.06):
            piece = other
        road.put(piece, sign * (start + 0.15 + piece.depth / 2), s + piece.width / 2, -0.06, -sign * np.pi / 2)
        s += piece.width + (b.pick(0.0, 0.0, b.u(2.5, 5)) if style == "houses" else b.pick(0.0, 0.0, 0.0, b.u(2, 4)))


def furnish(pool: Pool, road: Road, inner: float, outer: float, stretches: Sequence[Span], curb: float) -> None:
    """Set people, signs.

    Bins and bicycles on a pavement between `inner` and `outer` (signed).
    """
    b = road.b
    sign = 1 if outer > 0 else -1
    wide = max(abs(outer - inner), 0.8)
    for s0, s1 in stretches:
        for _ in range(int(b.rng.poisson((s1 - s0) / 14))):
            piece = pool.draw("pole", lambda: pole(b), 7)
            road.put(piece, inner + sign * b.u(0.3, 0.6), b.u(s0, s1), curb, b.pick(0, np.pi) + b.u(-0.1, 0.1))
        for _ in range(int(b.rng.poisson((s1 - s0) / b.pick(12, 25, 60)))):
            piece = pool.draw("person", lambda: person(b), 5)
            if b.chance(0.12):
                piece = pool.draw("cyclist", lambda: cyclist(b, 1.0), 2)
            road.put(piece, inner + sign * b.u(0.5, wide), b.u(s0, s1), curb, b.pick(0, np.pi) + b.u(-0.4, 0.4))
