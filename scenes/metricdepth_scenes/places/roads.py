"""Lay out roads: a road's own frame, its surface, traffic, pavements and what stands along it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from metricdepth_scenes.builder import AreaLight, Builder, Piece
from metricdepth_scenes.meshes import box, quad
from metricdepth_scenes.things.cars import car
from metricdepth_scenes.things.people import cyclist
from metricdepth_scenes.things.roadside import street_lamp, wires
from metricdepth_scenes.things.trees import street_tree
from metricdepth_scenes.things.trucks import bus, truck
from metricdepth_scenes.things.vans import van

Span = tuple[float, float]
BEHIND, AHEAD = -65.0, 165.0


@dataclass(frozen=True)
class Lane:
    """Line to drive along.

    A start [m], a heading [rad] and a usable length [m].
    """

    x: float
    y: float
    heading: float
    length: float


@dataclass
class Road:
    """Straight road in its own frame: `r` to the right of its heading, `s` along it [m]."""

    b: Builder
    x: float
    y: float
    angle: float

    def at(self, r: float, s: float) -> tuple[float, float]:
        """Return the world position of (r, s)."""
        c, d = np.cos(self.angle), np.sin(self.angle)
        return float(self.x + s * c + r * d), float(self.y + s * d - r * c)

    def put(self, piece: Piece, r: float, s: float, z: float = 0.0, turn: float = 0.0, solid: bool = True) -> None:
        """Place a piece.

        `turn` 0 lets its front look back along the road.
        """
        self.b.put(piece, *self.at(r, s), z, self.angle - np.pi / 2 + turn, solid)

    def strip(self, r0: float, r1: float, s0: float, s1: float, z: float, material: int) -> None:
        """Add a level rectangle."""
        corners = [(*self.at(r, s), z) for r, s in ((r0, s0), (r1, s0), (r1, s1), (r0, s1))]
        self.b.add(quad(corners, (r1 - r0, s1 - s0), material))

    def slab(self, r0: float, r1: float, s0: float, s1: float, low: float, high: float, material: int) -> None:
        """Add a box between heights `low` and `high`."""
        x, y = self.at((r0 + r1) / 2, (s0 + s1) / 2)
        size = (abs(r1 - r0), s1 - s0, high - low)
        self.b.add(box(size, (x, y, (low + high) / 2), self.angle - np.pi / 2, material))

    def lane(self, r: float, s0: float, s1: float, forward: bool) -> Lane:
        """Return the line at `r` from s0 to s1.

        Driven forward or back.
        """
        x, y = self.at(r, s0 if forward else s1)
        return Lane(x, y, self.angle if forward else self.angle + np.pi, s1 - s0)


def spans(start: float, end: float, gaps: Sequence[Span]) -> list[Span]:
    """Return the parts of [start, end] outside of gaps."""
    left = [(start, end)]
    for low, high in gaps:
        left = [p for a, c in left for p in ((a, min(c, low)), (max(a, high), c)) if p[1] - p[0] > 0.5]
    return left


@dataclass
class Pool:
    """Things of one scene, built on first use and used again."""

    b: Builder
    made: dict[str, list[Piece]] = field(default_factory=dict)

    def draw(self, name: str, make: Callable[[], Piece], most: int) -> Piece:
        """Return one of at most `most` pieces of a name."""
        known = self.made.setdefault(name, [])
        if len(known) < most:
            known.append(make())
            return known[-1]
        return known[int(self.b.rng.integers(len(known)))]

    def vehicle(self, heavy: float = 0.1) -> Piece:
        """Return a car.

        Or with probability `heavy` a van, truck or bus.
        """
        b = self.b
        if not b.chance(heavy):
            return self.draw("car", lambda: car(b), 8)
        if b.chance(0.4):
            return self.draw("van", lambda: van(b), 2)
        return self.draw("truck", lambda: truck(b), 2) if b.chance(0.6) else self.draw("bus", lambda: bus(b), 1)

    def tree(self, out: float = 0.0) -> Piece:
        """Return a tree.

        With a coarse crown if it stands more than 20 m `out` from the road.
        """
        if out > 20:
            return self.draw("far", lambda: street_tree(self.b, leaves=0.3), 4)
        return self.draw("tree", lambda: street_tree(self.b), 4)


def markings(road: Road, lines: Sequence[float], edges: Sequence[float], s0: float, s1: float, z: float) -> None:
    """Paint dashed or solid lane lines and solid edge lines."""
    b = road.b
    paint = b.gray(b.u(0.6, 0.9)) if b.chance(0.85) else b.solid((0.85, 0.65, 0.2))
    wide = b.u(0.05, 0.075)
    dash, gap = b.pick((3, 6), (3, 3), (6, 12), (3, 9), (1.5, 3))
    for r in lines:
        if b.chance(0.2):
            road.strip(r - wide, r + wide, s0, s1, z, paint)
        else:
            for s in np.arange(s0, min(s1, 170), dash + gap):
                road.strip(r - wide, r + wide, float(s), float(s + dash), z, paint)
    for r in edges:
        road.strip(r - wide, r + wide, s0, s1, z, paint)


def zebra(road: Road, half: float, s: float, z: float) -> None:
    """Paint a pedestrian crossing and its stop lines."""
    white = road.b.gray(road.b.u(0.65, 0.9))
    if road.b.chance(0.75):
        for r in np.arange(-half + 0.3, half - 0.4, 1.0):
            road.strip(float(r), float(r) + 0.5, s, s + 3.2, z, white)
    else:
        for d in (0.0, 3.0):
            road.strip(-half, half, s + d, s + d + 0.15, z, white)
    for r0, r1, d in ((0.0, half, -1.4), (-half, 0.0, 4.2)):
        road.strip(r0 + 0.1, r1 - 0.1, s + d, s + d + 0.4, z, white)


def wear(road: Road, half: float, s0: float, s1: float) -> None:
    """Add repair patches.

    Manholes and cracks to a road's surface.
    """
    b = road.b
    dark = b.gray(b.u(0.18, 0.32))
    for _ in range(int(b.rng.poisson(6))):
        r, s = b.u(-half, half - 1), b.u(s0, s1)
        road.strip(r, r + b.u(0.4, 2.0), s, s + b.u(0.5, 8), 0.003, dark if b.chance(0.5) else b.role("asphalt", 0.4))
    for _ in range(int(b.rng.poisson(3))):
        r, s = b.u(-half, half - 0.6), b.u(s0, s1)
        road.strip(r, r + 0.6, s, s + 0.6, 0.004, dark)


def traffic(
    pool: Pool, road: Road, lanes: Sequence[tuple[float, bool]], s0: float, s1: float, gaps: Span, heavy: float
) -> None:
    """Set vehicles on lanes (r, forward) with gaps [m] between them."""
    b = road.b
    for r, forward in lanes:
        s, sparse = s0 + b.u(0, 25), b.u(0.5, 1.0)
        while s < s1:
            piece = pool.vehicle(heavy)
            if b.chance(sparse):
                road.put(piece, r + b.u(-0.3, 0.3), s + piece.depth / 2, 0, np.pi if forward else 0.0)
            s += piece.depth + b.u(*gaps)
        if b.chance(0.12):
            rider = pool.draw("cyclist", lambda: cyclist(b, 1.0), 2)
            road.put(rider, r + (1.0 if forward else -1.0), b.u(s0, s1), 0, np.pi if forward else 0.0)


def parked(pool: Pool, road: Road, r: float, stretches: Sequence[Span], share: float, turn: float) -> None:
    """Park vehicles along a line."""
    b = road.b
    for s0, s1 in stretches:
        s = s0
        while s < s1 - 6:
            piece = pool.draw("car", lambda: car(b), 8) if b.chance(0.93) else pool.draw("van", lambda: van(b), 2)
            if b.chance(share) and piece.depth < 7:
                road.put(piece, r + b.u(-0.1, 0.1), s + piece.depth / 2, 0, turn + b.u(-0.03, 0.03))
            s += piece.depth + b.u(0.6, 1.6)


def pavement(road: Road, r0: float, r1: float, stretches: Sequence[Span], curb: float, material: int) -> None:
    """Lay a raised pavement with a curb stone at r0."""
    stone = road.b.role("concrete", 0.5)
    sign = 1 if r1 > r0 else -1
    for s0, s1 in stretches:
        road.slab(r0 + sign * 0.15, r1, s0, s1, -0.2, curb, material)
        road.slab(r0, r0 + sign * 0.15, s0, s1, -0.2, curb + 0.003, stone)


def lamps(road: Road, r: float, stretches: Sequence[Span], curb: float) -> None:
    """Set street lamps along a line.

    At night the nearer ones shine.
    """
    b = road.b
    height, metal, arm, step = b.u(4.5, 10.0), b.role("metal", 0.3), b.u(0.6, 2.2), b.u(22, 38)
    lamp = street_lamp(b, height, metal, arm)
    sign = 1 if r > 0 else -1
    color = np.array(b.pick((1.0, 0.72, 0.4), (1.0, 0.9, 0.75), (0.9, 0.95, 1.0))) * b.u(25, 60) * (height / 7) ** 2
    for s in np.arange(-45 + b.u(0, step), 150, step):
        if not any(a < s < c for a, c in stretches):
            continue
        road.put(lamp, r, float(s), curb, -sign * np.pi / 2)
        if b.night and s < 110:
            x, y = road.at(r - sign * arm, float(s))
            light_at(b, np.array([x, y, curb + height]), color)


def light_at(b: Builder, position: np.ndarray, color: np.ndarray, forward: np.ndarray | None = None) -> None:
    """Add a lamp 0.5 m wide at a position that shines down, or along `forward`."""
    if forward is None:
        b.areas.append(AreaLight(position, np.array([0, 0.5, 0.0]), np.array([0.5, 0, 0.0]), color))
        return
    side = np.array([forward[1], -forward[0], 0.0])
    up = np.cross(side, forward)
    b.areas.append(AreaLight(position, side * 0.5, up * 0.5, color))


def wire_line(road: Road, r: float, s0: float, s1: float, drops: float) -> None:
    """Set wooden or concrete poles along a line and hang wires between them, some across the road to `drops`."""
    b = road.b
    m, dark = b.role(b.pick("bark", "concrete"), 0.3), b.solid((0.06, 0.06, 0.06))
    high, step = b.u(7, 10), b.u(25, 38)
    mast = Piece([box((0.24, 0.24, high), (0, 0, high / 2), material=m)], 0.3, 0.3, high)
    mast.meshes += [
        box((2.0, 0.1, 0.12), (0, 0, high - d), material=m) for d in ((0.5, 1.4) if b.chance(0.4) else (0.5,))
    ]
    places = [float(s) for s in np.arange(s0 + b.u(0, step), s1, step)]
    for s in places:
        road.put(mast, r, s)
        if b.chance(0.4):
            b.add(wires([np.array([*road.at(r, s), high - 1]), np.array([*road.at(drops, s + 6), 5.5])], dark))
    if len(places) > 1:
        for off, down in ((-0.9, 0.4), (0.0, 0.4), (0.9, 0.4), (0.1, 2.0))[: b.pick(2, 3, 4)]:
            b.add(wires([np.array([*road.at(r + off, s), high - down]) for s in places], dark))
