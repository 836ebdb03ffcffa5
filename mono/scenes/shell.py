"""The shell of a room: floor, ceiling, walls with windows and doors, lamps, curtains and pictures, and its light."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mono.scenes.builder import AreaLight, Builder, Light, Piece
from mono.scenes.materials import Material, horizon_view
from mono.scenes.meshes import Mesh, box, cylinder, grid, lathe, quad, rod, sphere
from mono.scenes.models import model_piece


@dataclass(frozen=True)
class Opening:
    """A hole in a wall: from and to along the wall and in height [m]; kind is window, door or way (open)."""

    start: float
    end: float
    low: float
    high: float
    kind: str


@dataclass(frozen=True)
class Wall:
    """A wall seen from inside: it starts at `start` and runs `length` [m] along `along`; `inward` is its normal."""

    start: np.ndarray
    along: np.ndarray
    inward: np.ndarray
    length: float
    openings: list[Opening] = field(default_factory=list)

    @property
    def yaw(self) -> float:
        """How to turn a piece so that its back stands at this wall."""
        return float(np.arctan2(self.along[1], self.along[0]))

    def at(self, u: float, out: float = 0.0, z: float = 0.0) -> np.ndarray:
        p = self.start + self.along * u + self.inward * out
        return np.array([p[0], p[1], z])


@dataclass(frozen=True)
class Room:
    """A rectangular room: x in 0..width, y in 0..depth, z in 0..height [m]."""

    width: float
    depth: float
    height: float
    walls: tuple[Wall, ...]
    bath: bool = False


def make_room(
    b: Builder,
    width: float,
    depth: float,
    height: float,
    *,
    windows: int = 1,
    doors: int = 1,
    ways: float = 0.3,
    bath: bool = False,
) -> Room:
    """Build the shell and its lamps; lights are collected in `b.areas`."""
    w, d = width, depth
    # Walls run so that a piece with its back at +y, turned by `yaw`, has its back at the wall.
    walls = tuple(
        Wall(np.array(s, float), np.array(a, float), np.array(n, float), length)
        for s, a, n, length in (
            ((0, d), (1, 0), (0, -1), w),
            ((w, 0), (-1, 0), (0, 1), w),
            ((0, 0), (0, 1), (1, 0), d),
            ((w, d), (0, -1), (-1, 0), d),
        )
    )
    room = Room(w, d, height, walls, bath)
    for kind, count in (("door", doors), ("window", windows)):
        for _ in range(count):
            _cut(b, room, walls[int(b.rng.integers(4))], "way" if kind == "door" and b.chance(ways) else kind)
    main = b.role("bath" if bath and b.chance(0.8) else "wall", 1.0)
    odd = b.role(b.pick("wall", "odd_wall", "wood", "fabric") if not bath else "wall", 1.0) if b.chance(0.4) else main
    trim = b.number(b.palette.solid(np.full(3, b.pick(0.9, 0.93, 0.5, 0.2)), 0.02)) if b.chance(0.7) else b.role("wood")
    for k, wall in enumerate(walls):
        _raise(b, wall, height, odd if k == 0 else main, trim)
    floor = b.role("bath" if bath else "floor", 1.0)
    b.add(_level(0, 0, w, d, 0, floor))
    _ceiling(b, room)
    if b.chance(0.15):
        x = b.u(0, w)
        b.add(box((0.25, d, 0.3), (x, d / 2, height - 0.15), material=main))
    return room


def _level(x0: float, y0: float, x1: float, y1: float, z: float, material: int) -> Mesh:
    up = [(x0, y0, z), (x1, y0, z), (x1, y1, z), (x0, y1, z)]
    return quad(up, (x1 - x0, y1 - y0), material)


def _cut(b: Builder, room: Room, wall: Wall, kind: str) -> None:
    if kind == "window":
        wide, low = b.u(0.6, min(2.6, wall.length * 0.7)), b.pick(0.0, b.u(0.7, 1.1), b.u(0.8, 1.0), 1.0)
        high = min(room.height - 0.1, b.u(1.95, 2.4))
        if room.bath:
            wide, low = b.u(0.4, 0.8), 1.3
    else:
        wide, low, high = b.u(0.74, 0.98), 0.0, min(b.u(1.98, 2.1), room.height - 0.1)
    if wall.length < wide + 0.4:
        return
    start = b.u(0.2, wall.length - wide - 0.2)
    if all(start > o.end + 0.15 or start + wide < o.start - 0.15 for o in wall.openings):
        wall.openings.append(Opening(start, start + wide, low, high, kind))


def _patch(wall: Wall, u0: float, u1: float, z0: float, z1: float, out: float, material: int) -> Mesh:
    return quad(
        [wall.at(u0, out, z0), wall.at(u1, out, z0), wall.at(u1, out, z1), wall.at(u0, out, z1)],
        (u1 - u0, z1 - z0),
        material,
    )


def _raise(b: Builder, wall: Wall, height: float, material: int, trim: int) -> None:
    u = 0.0
    for o in sorted(wall.openings, key=lambda o: o.start):
        b.add(
            _patch(wall, u, o.start, 0, height, 0, material), _patch(wall, o.start, o.end, o.high, height, 0, material)
        )
        if o.low > 0:
            b.add(_patch(wall, o.start, o.end, 0, o.low, 0, material))
        _fill(b, wall, o, trim)
        u = o.end
    b.add(_patch(wall, u, wall.length, 0, height, 0, material))
    if b.chance(0.75):
        edges = [0.0]
        for o in sorted((o for o in wall.openings if o.low < 0.1), key=lambda o: o.start):
            edges += [o.start - 0.06, o.end + 0.06]
        edges.append(wall.length)
        for start, stop in zip(edges[::2], edges[1::2], strict=True):
            if stop > start:
                middle = wall.at((start + stop) / 2, 0.0075, 0.04)
                b.add(box((stop - start, 0.015, 0.08), middle, wall.yaw, trim))


def _fill(b: Builder, wall: Wall, o: Opening, trim: int) -> None:
    deep = {"window": b.u(0.06, 0.22), "door": 0.05, "way": 0.12}[o.kind]
    middle, wide, tall = (o.start + o.end) / 2, o.end - o.start, o.high - o.low
    reveal = b.role("ceiling", 0.1) if o.kind == "window" else trim
    for u in (o.start, o.end):
        b.add(
            quad(
                [wall.at(u, 0, o.low), wall.at(u, -deep, o.low), wall.at(u, -deep, o.high), wall.at(u, 0, o.high)],
                (deep, tall),
                reveal,
            )
        )
    for z in (o.low, o.high):
        b.add(
            quad(
                [wall.at(o.start, 0, z), wall.at(o.end, 0, z), wall.at(o.end, -deep, z), wall.at(o.start, -deep, z)],
                (wide, deep),
                reveal,
            )
        )
    bar = 0.05 if o.kind == "window" else 0.07
    out = -deep + 0.02 if o.kind == "window" else 0.01
    for u in (o.start, o.end):
        b.add(box((bar, 0.04, tall), tuple(wall.at(u, out, o.low + tall / 2)), wall.yaw, trim))
    b.add(box((wide + bar, 0.04, bar), tuple(wall.at(middle, out, o.high)), wall.yaw, trim))
    if o.kind == "window":
        _window(b, wall, o, deep, trim)
    elif o.kind == "door":
        _door(b, wall, o, deep)
    else:
        _next_room(b, wall, o, deep)


def _window(b: Builder, wall: Wall, o: Opening, deep: float, trim: int) -> None:
    day = b.u(2.0, 7.0) if b.chance(0.8) else 0.05
    view = b.palette.picture("window_view", glow=day, pane=True)
    if b.chance(0.25):
        view = Material(b.palette.solid((0.93, 0.96, 1.0)).levels, glow=day * 1.5, pane=True)
    corners = [
        wall.at(o.start, -deep, o.low),
        wall.at(o.end, -deep, o.low),
        wall.at(o.end, -deep, o.high),
        wall.at(o.start, -deep, o.high),
    ]
    b.add(quad(corners, material=b.number(view)))
    wide, tall = o.end - o.start, o.high - o.low
    for k in range(1, 1 + int(wide / 0.9)):
        u = o.start + wide * k / (1 + int(wide / 0.9))
        b.add(box((0.06, 0.05, tall), tuple(wall.at(u, -deep + 0.03, o.low + tall / 2)), wall.yaw, trim))
    b.add(box((wide, 0.05, 0.06), tuple(wall.at((o.start + o.end) / 2, -deep + 0.03, o.low + 0.03)), wall.yaw, trim))
    if o.low > 0:
        b.add(box((wide + 0.1, 0.2, 0.03), tuple(wall.at((o.start + o.end) / 2, 0.05, o.low - 0.015)), wall.yaw, trim))
    colour = np.minimum(view.mean, 1.0) * day
    edge_u = wall.at(o.start, 0, 0) - wall.at(o.end, 0, 0)
    b.areas.append(AreaLight(wall.at(o.end, 0.0, o.low), edge_u, np.array([0, 0, tall]), colour))
    if b.chance(0.45):
        _curtains(b, wall, o)
    elif b.chance(0.25):
        m = b.number(b.palette.solid(np.full(3, b.pick(0.9, 0.8, 0.6))))
        for k in range(int(tall * b.u(0.2, 1.0) / 0.05)):
            b.add(
                box((wide, 0.035, 0.004), tuple(wall.at((o.start + o.end) / 2, 0.05, o.high - 0.05 * k)), wall.yaw, m)
            )


def _curtains(b: Builder, wall: Wall, o: Opening) -> None:
    m = b.role("fabric", 0.5)
    bottom = 0.04 if b.chance(0.6) else max(o.low - 0.1, 0.04)
    for side in (-1, 1):
        wide = b.u(0.15, 0.5) * (o.end - o.start)
        edge = o.start - 0.12 if side < 0 else o.end + 0.12 - wide
        u = np.linspace(0, wide, max(8, int(wide / 0.025)))
        ripple = 0.1 + 0.035 * np.sin(u * 2 * np.pi / b.u(0.1, 0.16))
        z = np.linspace(bottom, o.high + 0.1, 2)
        flat = grid(u, z, np.repeat(ripple[None], 2, 0), m)
        basis = np.stack([[*wall.along, 0], [0, 0, 1], [*wall.inward, 0]], 1)
        b.add(flat.transformed(basis, wall.at(edge)))
    ends = (wall.at(o.start - 0.2, 0.1, o.high + 0.12), wall.at(o.end + 0.2, 0.1, o.high + 0.12))
    b.add(rod(ends[0], ends[1], 0.012, 6, b.role("metal", 0.2)))


def _door(b: Builder, wall: Wall, o: Opening, deep: float) -> None:
    m = (
        b.role("wood", 0.3)
        if b.chance(0.5)
        else b.number(b.palette.solid(np.full(3, b.pick(0.92, 0.9, 0.7, 0.5)), 0.02))
    )
    middle, wide, tall = (o.start + o.end) / 2, o.end - o.start, o.high
    b.add(box((wide, 0.04, tall), tuple(wall.at(middle, -deep, tall / 2)), wall.yaw, m))
    if b.chance(0.5):
        for z, h in ((tall * 0.28, tall * 0.38), (tall * 0.73, tall * 0.36)):
            b.add(box((wide * 0.68, 0.02, h), tuple(wall.at(middle, -deep + 0.02, z)), wall.yaw, m))
    elif b.chance(0.2):
        pane = b.number(b.palette.picture("interior_view", glow=0.5))
        c = [wall.at(middle + s * wide * 0.25, -deep + 0.022, z) for s, z in ((-1, 1.0), (1, 1.0), (1, 1.8), (-1, 1.8))]
        b.add(quad(c, material=pane))
    steel = b.role("metal", 0.2)
    u = o.start + 0.07 if b.chance(0.5) else o.end - 0.07
    b.add(
        box((0.03, 0.02, 0.18), tuple(wall.at(u, -deep + 0.03, 1.03)), wall.yaw, steel),
        box((0.12, 0.02, 0.02), tuple(wall.at(u, -deep + 0.07, 1.05)), wall.yaw, steel),
    )


def _next_room(b: Builder, wall: Wall, o: Opening, deep: float) -> None:
    """A glimpse of another room behind an open doorway."""
    long, left, right, high = b.u(1.2, 5.0), b.u(0.3, 2.0), b.u(0.3, 2.0), 2.5
    m, floor = b.role("wall", 0.5), b.role("floor", 0.5)
    lo, hi = o.start - left, o.end + right
    for z, mat in ((0.0, floor), (high, b.role("ceiling", 0.2))):
        b.add(
            quad(
                [
                    wall.at(lo, -deep, z),
                    wall.at(hi, -deep, z),
                    wall.at(hi, -deep - long, z),
                    wall.at(lo, -deep - long, z),
                ],
                (hi - lo, long),
                mat,
            )
        )
    b.add(
        _patch(wall, lo, hi, 0, high, -deep - long, m),
        _patch(wall, lo, o.start, 0, high, -deep, m),
        _patch(wall, o.end, hi, 0, high, -deep, m),
    )
    b.add(_patch(wall, o.start, o.end, o.high, high, -deep, m))
    for u in (lo, hi):
        b.add(
            quad(
                [
                    wall.at(u, -deep, 0),
                    wall.at(u, -deep - long, 0),
                    wall.at(u, -deep - long, high),
                    wall.at(u, -deep, high),
                ],
                (long, high),
                m,
            )
        )
    for _ in range(3):
        s = (b.u(0.3, 0.8), b.u(0.3, 0.5), b.u(0.4, 2.0))
        b.add(
            box(
                s,
                tuple(wall.at(b.u(lo + 0.4, hi - 0.4), -deep - long + s[1] / 2, s[2] / 2)),
                wall.yaw,
                b.role("wood", 0.3),
            )
        )


def _ceiling(b: Builder, room: Room) -> None:
    w, d, h = room.width, room.depth, room.height
    b.add(_level(0, 0, w, d, h, b.role("ceiling", 1.0)))
    warm = np.array(b.pick((1, 0.93, 0.82), (1, 0.85, 0.65), (0.95, 1, 1), (1, 1, 1)))
    bright = b.u(0.6, 2.2) if b.chance(0.75) else 0.05
    glow = b.number(Material(b.palette.solid(np.clip(warm, 0, 0.97)).levels, 0.7, glow=4.0 if bright > 0.1 else 0.5))
    lights: list[AreaLight] = []
    if b.chance(0.35) or w * d > 45:
        n, m = max(1, round(w / 3)), max(1, round(d / 3))
        wide, deep = b.pick((0.6, 0.6), (1.2, 0.3), (1.5, 0.15))
        for i in range(n):
            for j in range(m):
                x, y = w * (i + 0.5) / n, d * (j + 0.5) / m
                b.add(box((wide, deep, 0.03), (x, y, h - 0.01), material=glow))
                lights.append(_lamp(x, y, h - 0.03, wide, deep, bright * h * h / (n * m) ** 0.5, warm))
    else:
        x, y = w * b.u(0.3, 0.7), d * b.u(0.3, 0.7)
        found = model_piece(b, "lamp", lambda s: s[0] > 0.4 and s[1] > 0.25) if b.chance(0.3) else None
        if found and h > 2.4 + found.height * 0.3:
            b.put(found, x, y, h - found.height, solid=False)
        elif b.chance(0.5):
            b.add(lathe([(b.u(0.12, 0.28), 0), (0.05, 0.12), (0, 0.12)], 18, glow).placed(x, y, h - 0.12))
        else:
            drop = b.u(0.3, 0.7)
            b.add(
                rod((x, y, h), (x, y, h - drop), 0.004, 5, b.role("metal", 0.2)),
                sphere(b.u(0.1, 0.2), 16, material=glow).placed(x, y, h - drop - 0.1),
            )
        lights.append(_lamp(x, y, h - 0.9 if h > 3 else h - 0.05, 0.35, 0.35, bright * h * h * 0.8, warm))
    b.rng.shuffle(lights)
    few = lights[:3]
    gain = len(lights) / len(few)
    b.areas += [AreaLight(a.corner, a.edge_u, a.edge_v, a.colour * gain) for a in few]


def _lamp(x: float, y: float, z: float, w: float, d: float, strength: float, colour: np.ndarray) -> AreaLight:
    corner = np.array([x - w / 2, y + d / 2, z])
    return AreaLight(corner, np.array([w, 0, 0]), np.array([0, -d, 0]), colour * strength / (w * d) * 0.5)


def wall_things(b: Builder, room: Room, count: int) -> None:
    """Pictures, notice boards, clocks, shelves for nothing, air conditioners, switches."""
    for _ in range(count):
        wall = room.walls[int(b.rng.integers(4))]
        wide, tall = b.u(0.2, 1.1), b.u(0.2, 0.8)
        if wall.length < wide + 0.3:
            continue
        u, z = b.u(wide / 2 + 0.1, wall.length - wide / 2 - 0.1), b.u(1.25, 1.85)
        if (
            any(o.start - 0.1 < u + wide / 2 and o.end + 0.1 > u - wide / 2 for o in wall.openings)
            or z + tall / 2 > room.height - 0.1
        ):
            continue
        style = b.pick("picture", "picture", "picture", "board", "clock", "switch")
        out = 0.021
        if style == "clock":
            turned = cylinder(0.15, 0.04, 24, material=b.vivid()).transformed(
                np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
            )
            p = wall.at(u, 0.04, z)
            b.add(turned.placed(p[0], p[1], p[2], wall.yaw))
        elif style == "switch":
            b.add(
                box(
                    (0.08, 0.015, 0.08),
                    tuple(wall.at(u, 0.007, b.pick(0.3, 1.1))),
                    wall.yaw,
                    b.number(b.palette.solid((0.93, 0.93, 0.92))),
                )
            )
        else:
            inner = b.number(
                b.palette.picture("photograph", "photograph_crop", "window_view")
                if style == "picture"
                else b.palette.printed()
            )
            rim = 0.0 if b.chance(0.25) else b.u(0.015, 0.05)
            b.add(box((wide + rim, 0.02, tall + rim), tuple(wall.at(u, 0.01, z)), wall.yaw, b.role("wood", 0.4)))
            c = [wall.at(u + s * wide / 2, out, z + t * tall / 2) for s, t in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
            b.add(quad(c, material=inner))


def along_wall(
    b: Builder, room: Room, piece: Piece, tries: int = 14, lift: float = 0.0, gap: float = 0.02
) -> tuple[float, float, float] | None:
    """Put a piece with its back at some wall where it is free; returns x, y, yaw, or None when there is no place."""
    for _ in range(tries):
        wall = room.walls[int(b.rng.integers(4))]
        if wall.length < piece.width + 0.05:
            continue
        u = b.pick(
            piece.width / 2 + 0.03,
            wall.length - piece.width / 2 - 0.03,
            b.u(piece.width / 2, wall.length - piece.width / 2),
        )
        blocked = any(
            o.start < u + piece.width / 2
            and o.end > u - piece.width / 2
            and (o.kind != "window" or lift + piece.height > o.low + 0.1)
            for o in wall.openings
        )
        if blocked:
            continue
        p = wall.at(u, piece.depth / 2 + gap)
        half = np.abs(wall.along) * piece.width / 2 + np.abs(wall.inward) * piece.depth / 2
        if b.free(p[0] - half[0], p[0] + half[0], p[1] - half[1], p[1] + half[1], -0.01):
            b.put(piece, float(p[0]), float(p[1]), lift, wall.yaw)
            return float(p[0]), float(p[1]), wall.yaw
    return None


def indoor_light(b: Builder) -> Light:
    """The light of a finished room, sometimes with sun through its windows."""
    level = b.u(0.35, 1.0)
    tint = np.exp(b.rng.normal(0, 0.04, 3))
    sun = None
    if b.chance(0.3):
        d = np.array([b.u(-1, 1), b.u(-1, 1), b.u(0.4, 1.0)])
        sun = d / np.linalg.norm(d)
    areas = sorted(b.areas, key=lambda a: -float(np.linalg.norm(np.cross(a.edge_u, a.edge_v)) * a.colour.mean()))[:4]
    sky = horizon_view(b.rng)
    return Light(tuple(areas), sun, np.array([1, 0.95, 0.85]) * b.u(2, 7), tint * level, sky)
