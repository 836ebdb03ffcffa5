"""Openings of walls: windows with curtains, doors, glimpses of the next room."""

from __future__ import annotations

import numpy as np

from metricdepth_scenes.builder import AreaLight, Builder
from metricdepth_scenes.materials import Material
from metricdepth_scenes.meshes import grid, rod
from metricdepth_scenes.places.walls import Opening, Wall


def fill(b: Builder, wall: Wall, o: Opening, trim: int) -> None:
    """Add an opening's frame and the things in or behind it."""
    deep = {"window": b.u(0.06, 0.22), "door": 0.05, "way": 0.12}[o.kind]
    middle, wide, tall = (o.start + o.end) / 2, o.end - o.start, o.high - o.low
    reveal = b.role("ceiling", 0.1) if o.kind == "window" else trim
    for u in (o.start, o.end):
        b.add(wall.quad([(u, 0, o.low), (u, -deep, o.low), (u, -deep, o.high), (u, 0, o.high)], (deep, tall), reveal))
    for z in (o.low, o.high):
        b.add(wall.quad([(o.start, 0, z), (o.end, 0, z), (o.end, -deep, z), (o.start, -deep, z)], (wide, deep), reveal))
    bar = 0.05 if o.kind == "window" else 0.07
    out = -deep + 0.02 if o.kind == "window" else 0.01
    for u in (o.start, o.end):
        b.add(wall.box((bar, 0.04, tall), u, out, o.low + tall / 2, trim))
    b.add(wall.box((wide + bar, 0.04, bar), middle, out, o.high, trim))
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
    middle, wide, tall = (o.start + o.end) / 2, o.end - o.start, o.high - o.low
    corners = [(o.start, -deep, o.low), (o.end, -deep, o.low), (o.end, -deep, o.high), (o.start, -deep, o.high)]
    b.add(wall.quad(corners, material=b.number(view)))
    for k in range(1, 1 + int(wide / 0.9)):
        u = o.start + wide * k / (1 + int(wide / 0.9))
        b.add(wall.box((0.06, 0.05, tall), u, -deep + 0.03, o.low + tall / 2, trim))
    b.add(wall.box((wide, 0.05, 0.06), middle, -deep + 0.03, o.low + 0.03, trim))
    if o.low > 0:
        b.add(wall.box((wide + 0.1, 0.2, 0.03), middle, 0.05, o.low - 0.015, trim))
    color = np.minimum(view.mean, 1.0) * day
    edge_u = wall.at(o.start, 0, 0) - wall.at(o.end, 0, 0)
    b.areas.append(AreaLight(wall.at(o.end, 0.0, o.low), edge_u, np.array([0, 0, tall]), color))
    if b.chance(0.45):
        _curtains(b, wall, o)
    elif b.chance(0.25):
        m = b.gray(b.pick(0.9, 0.8, 0.6))
        for k in range(int(tall * b.u(0.2, 1.0) / 0.05)):
            b.add(wall.box((wide, 0.035, 0.004), middle, 0.05, o.high - 0.05 * k, m))


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
    m = b.role("wood", 0.3) if b.chance(0.5) else b.gray(b.pick(0.92, 0.9, 0.7, 0.5), 0.02)
    middle, wide, tall = (o.start + o.end) / 2, o.end - o.start, o.high
    b.add(wall.box((wide, 0.04, tall), middle, -deep, tall / 2, m))
    if b.chance(0.5):
        for z, h in ((tall * 0.28, tall * 0.38), (tall * 0.73, tall * 0.36)):
            b.add(wall.box((wide * 0.68, 0.02, h), middle, -deep + 0.02, z, m))
    elif b.chance(0.2):
        pane = b.picture("interior_view", glow=0.5)
        c = [(middle + s * wide * 0.25, -deep + 0.022, z) for s, z in ((-1, 1.0), (1, 1.0), (1, 1.8), (-1, 1.8))]
        b.add(wall.quad(c, material=pane))
    steel = b.role("metal", 0.2)
    u = o.start + 0.07 if b.chance(0.5) else o.end - 0.07
    b.add(
        wall.box((0.03, 0.02, 0.18), u, -deep + 0.03, 1.03, steel),
        wall.box((0.12, 0.02, 0.02), u, -deep + 0.07, 1.05, steel),
    )


def _next_room(b: Builder, wall: Wall, o: Opening, deep: float) -> None:
    """Build a glimpse of another room behind an open doorway."""
    long, left, right, high = b.u(1.2, 5.0), b.u(0.3, 2.0), b.u(0.3, 2.0), 2.5
    m, floor = b.role("wall", 0.5), b.role("floor", 0.5)
    lo, hi = o.start - left, o.end + right
    for z, mat in ((0.0, floor), (high, b.role("ceiling", 0.2))):
        corners = [(lo, -deep, z), (hi, -deep, z), (hi, -deep - long, z), (lo, -deep - long, z)]
        b.add(wall.quad(corners, (hi - lo, long), mat))
    b.add(
        wall.patch(lo, hi, 0, high, -deep - long, m),
        wall.patch(lo, o.start, 0, high, -deep, m),
        wall.patch(o.end, hi, 0, high, -deep, m),
        wall.patch(o.start, o.end, o.high, high, -deep, m),
    )
    for u in (lo, hi):
        b.add(
            wall.quad([(u, -deep, 0), (u, -deep - long, 0), (u, -deep - long, high), (u, -deep, high)], (long, high), m)
        )
    for _ in range(3):
        s = (b.u(0.3, 0.8), b.u(0.3, 0.5), b.u(0.4, 2.0))
        b.add(wall.box(s, b.u(lo + 0.4, hi - 0.4), -deep - long + s[1] / 2, s[2] / 2, b.role("wood", 0.3)))
