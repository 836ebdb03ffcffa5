"""The shell of a room: floor, ceiling, walls with windows and doors."""

from __future__ import annotations

import numpy as np

from metricdepth_scenes.builder import Builder
from metricdepth_scenes.meshes import box
from metricdepth_scenes.places.ceiling import ceiling
from metricdepth_scenes.places.openings import fill
from metricdepth_scenes.places.walls import Opening, Room, Wall


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
    rough: bool = False,
) -> Room:
    """Build the shell and its lamps (`rough`: as of a cellar or garage); lights are collected in `b.areas`."""
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
    main = b.role("bath", 1.0) if bath and b.chance(0.8) else b.paint() if b.chance(0.65) else b.role("wall", 1.0)
    if rough and b.chance(0.6):
        main = b.role(b.pick("brick", "concrete", "concrete", "odd_wall"), 1.0)
    odd = b.pick(b.paint, b.paint, lambda: b.role(b.pick("odd_wall", "wood"), 1.0))() if b.chance(0.3) else main
    trim = b.gray(b.pick(0.9, 0.93, 0.5, 0.2), 0.02) if b.chance(0.7) else b.role("wood")
    for k, wall in enumerate(walls):
        _raise(b, wall, height, odd if k == 0 else main, trim)
    floor = _floor(b, bath, rough)
    b.level(0, w, 0, d, 0, floor)
    ceiling(b, room)
    if b.chance(0.15):
        x = b.u(0, w)
        b.add(box((0.25, d, 0.3), (x, d / 2, height - 0.15), material=main))
    return room


def _floor(b: Builder, bath: bool, rough: bool) -> int:
    """Draw a floor.

    Even linoleum and dark carpet included, as in offices and schools.
    """
    if bath:
        return b.role("bath", 1.0)
    if rough and b.chance(0.7):
        return b.role("concrete", 1.0)
    if b.chance(0.22):
        tone = np.array(
            b.pick((0.5, 0.5, 0.5), (0.62, 0.6, 0.56), (0.4, 0.48, 0.44), (0.45, 0.5, 0.58), (0.5, 0.36, 0.28))
        )
        return b.solid(tone * b.u(0.6, 1.2), b.pick(0.0, 0.03, 0.06))
    if b.chance(0.15):
        return b.solid(np.array(b.pick((0.2, 0.2, 0.21), (0.16, 0.19, 0.25), (0.3, 0.27, 0.24))) * b.u(0.7, 1.4))
    return b.role("floor", 1.0)


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


def _raise(b: Builder, wall: Wall, height: float, material: int, trim: int) -> None:
    u = 0.0
    for o in sorted(wall.openings, key=lambda o: o.start):
        b.add(wall.patch(u, o.start, 0, height, 0, material), wall.patch(o.start, o.end, o.high, height, 0, material))
        if o.low > 0:
            b.add(wall.patch(o.start, o.end, 0, o.low, 0, material))
        fill(b, wall, o, trim)
        u = o.end
    b.add(wall.patch(u, wall.length, 0, height, 0, material))
    if b.chance(0.75):
        edges = [0.0]
        for o in sorted((o for o in wall.openings if o.low < 0.1), key=lambda o: o.start):
            edges += [o.start - 0.06, o.end + 0.06]
        edges.append(wall.length)
        for start, stop in zip(edges[::2], edges[1::2], strict=True):
            if stop > start:
                b.add(wall.box((stop - start, 0.015, 0.08), (start + stop) / 2, 0.0075, 0.04, trim))
