"""Borders of roads: hedges, fences, walls, garages and dense green along them, ends of streets, rails and bends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from metricdepth_scenes.builder import Builder, Piece
from metricdepth_scenes.meshes import Mesh, box, foliage, joined, standing_box
from metricdepth_scenes.things.houses import house
from metricdepth_scenes.things.plants import hedge, tree_kind
from metricdepth_scenes.things.street_furniture import fence


def thicket(b: Builder, length: float, high: float) -> Piece:
    """Build a dense band of bushes and low branches."""
    leaf, parts, deep = b.role("leaves", 0.3), [], b.u(1.5, 3.0)
    x = -length / 2
    while x < length / 2:
        wide, tall = b.u(1.2, 2.6), high * b.u(0.7, 1.1)
        count = int(np.clip(wide * tall * 60, 150, 600))
        body = foliage(b.rng, count, (wide * 0.75, deep * 0.5, tall * 0.55), b.u(0.12, 0.22), leaf, dense=True)
        parts.append(body.placed(x + wide / 2, b.u(-0.3, 0.3), tall * 0.5))
        x += wide * 0.85
    return Piece(parts, length, deep, high)


def garden_wall(b: Builder, length: float, high: float) -> Piece:
    """Build a wall of brick.

    Stone or plaster with a coping, now and then with green hanging over it.
    """
    parts = [
        standing_box((length, 0.25, high), material=b.role(b.pick("brick", "brick", "facade", "concrete"), 0.4)),
        box((length, 0.33, 0.08), (0, 0, high), material=b.role("concrete", 0.3)),
    ]
    if b.chance(0.4):
        over = foliage(b.rng, int(length * 60), (length / 2, 0.5, 0.5), 0.1, b.role("leaves", 0.3))
        parts.append(over.placed(0, 0.2, high))
    return Piece(parts, length, 0.33, high)


def guard_rail(b: Builder, length: float) -> Piece:
    """Build a steel crash barrier.

    Its rail 0.75 m high.
    """
    m = b.gray(b.u(0.55, 0.7), 0.08)
    parts = [
        standing_box((0.1, 0.06, 0.7), float(x), 0.05, material=m) for x in np.arange(-length / 2, length / 2, 2.0)
    ]
    for z in (0.5, 0.62, 0.74):
        parts.append(box((length, 0.05 if z == 0.62 else 0.09, 0.1), (0, 0, z - 0.05), material=m))
    return Piece(parts, length, 0.15, 0.75)


def garages(b: Builder, count: int) -> Piece:
    """Build a row of garages with up-and-over doors 2.4 m wide."""
    wall, door, parts = b.role("facade", 0.5), b.gray(b.pick(0.15, 0.3, 0.85)), []
    width = 3.0 * count
    parts.append(standing_box((width, 6.0, 2.7), material=wall))
    parts.append(box((width + 0.4, 6.5, 0.2), (0, -0.15, 2.8), material=b.role("concrete", 0.3)))
    for k in range(count):
        x = (k - (count - 1) / 2) * 3.0
        parts.append(box((2.4, 0.06, 2.1), (x, -3.0, 1.05), material=door))
        parts += [box((2.3, 0.08, 0.02), (x, -3.01, z), material=b.gray(0.1)) for z in (0.5, 1.0, 1.5)]
    return Piece(parts, width, 6.0, 2.9)


def close_in(b: Builder, s: int, start: float, end: float) -> None:
    """Build hedges, walls.

    Fences and green right along x = s * start, with trees and roofs behind.
    """
    style = b.pick("hedges", "walls", "wood", "mixed", "mixed", "barrier")
    high = b.u(2.5, 7.0)
    greens = [thicket(b, 8.0, high * b.u(0.7, 1.2)) for _ in range(3)]
    walls = [garden_wall(b, 8.0, b.pick(1.0, 1.8, 2.2)) for _ in range(2)]
    fences = [fence(b, 8.0) for _ in range(2)] + [hedge(b, 8.0) for _ in range(2)]
    other = garages(b, int(b.rng.integers(1, 4)))
    barrier = guard_rail(b, 8.0)
    y = b.u(-18, -12)
    while y < end:
        piece = {
            "hedges": b.pick(*fences, *fences, greens[0]),
            "walls": b.pick(*walls),
            "wood": b.pick(*greens),
            "mixed": b.pick(*fences, *walls, greens[0], other),
            "barrier": barrier,
        }[style]
        out = start + piece.depth / 2 + (0.2 if style != "barrier" else 0.0)
        b.put(piece, s * out, y + piece.width / 2, -0.06, -s * np.pi / 2)
        if style in ("barrier", "walls") and b.chance(0.8):
            green = b.pick(*greens)
            b.put(green, s * (start + b.u(2.5, 5.0)), y + 4, -0.06, np.pi / 2)
        y += piece.width + (b.pick(0.0, 0.0, 0.0, b.u(2, 6)) if style == "mixed" else 0.0)
    trees = [tree_kind(b) for _ in range(3)]
    for _ in range(int(b.rng.poisson(b.pick(6, 14, 24)))):
        b.put(b.pick(*trees), s * (start + 2.5 + float(b.rng.exponential(5))), b.u(-5, end), -0.06, b.u(0, 6))
    if style != "wood" and b.chance(0.6):
        homes = [house(b, b.u(8, 14), storeys=int(b.rng.integers(1, 4))) for _ in range(4)]
        y, back = b.u(-20, -5), b.u(4, 9)
        while y < end:
            home = b.pick(*homes)
            b.put(home, s * (start + back + home.depth / 2), y + home.width / 2, 0, -s * np.pi / 2)
            y += home.width + b.u(3, 14)


def close_off(b: Builder, end: float) -> None:
    """Build houses or a wood across the end of a road at y = `end`; the road meets another before them."""
    b.level(-90, 90, end - 14, end - 4, 0.004, b.role("asphalt", 0.0))
    x = -80.0
    green = b.chance(0.35)
    homes: list[Piece] = [tree_kind(b) for _ in range(3)] if green else [house(b, b.u(10, 20)) for _ in range(4)]
    bushes = thicket(b, 8.0, b.u(2, 6)) if green else None
    while x < 80:
        home = b.pick(*homes)
        step = 8.0 if bushes else home.width
        if bushes:
            b.put(bushes, x + 4, end + 0.5, -0.06)
        b.put(home, x + step / 2, end + (b.u(2, 8) if green else home.depth / 2), -0.05, 0.0)
        x += step + (0.0 if green else b.pick(0.0, b.u(1, 6)))


def rails(b: Builder, x: float, tracks: int, length: float) -> float:
    """Build tram tracks (1.435 m gauge) on ballast from x outwards; returns the far edge [m]."""
    width = 3.2 * tracks + 0.6
    b.level(x, x + width, -60, length, 0.05, b.role("soil", 1.0))
    steel, sleeper = b.gray(0.35, 0.08), b.role("wood", 0.2)
    for k in range(tracks):
        middle = x + 0.3 + 3.2 * (k + 0.5)
        for side in (-0.72, 0.72):
            b.add(box((0.07, length + 60, 0.14), (middle + side, (length - 60) / 2, 0.14), material=steel))
        for y in np.arange(-10, 60, 0.65):
            b.add(box((2.5, 0.24, 0.1), (middle, float(y), 0.06), material=sleeper))
    return x + width


def bent(mesh: Mesh, radius: float) -> Mesh:
    """Bend the mesh's y axis along a circle of `radius` [m] (to the left if negative); long edges are split."""
    return _curved(split(mesh, 12.0), radius)


def _place(p: np.ndarray, radius: float) -> np.ndarray:
    turn = p[..., 1] / radius
    reach = radius - p[..., 0]
    return np.stack([radius - reach * np.cos(turn), reach * np.sin(turn), p[..., 2]], -1)


def _curved(mesh: Mesh, radius: float) -> Mesh:
    turn = mesh.tri[..., 1] / radius
    c, s = np.cos(turn), np.sin(turn)
    n = mesh.nrm
    nrm = np.stack([n[..., 0] * c + n[..., 1] * s, n[..., 1] * c - n[..., 0] * s, n[..., 2]], -1)
    return replace(mesh, tri=_place(mesh.tri, radius).astype(np.float32), nrm=nrm.astype(np.float32))


def split(mesh: Mesh, longest: float) -> Mesh:
    """Halve triangles until none is longer than `longest` [m] along y."""
    done = []
    while len(mesh.tri):
        y = mesh.tri[..., 1]
        edge = np.abs(y - np.roll(y, -1, 1))
        short = edge.max(1) <= longest
        done.append(Mesh(mesh.tri[short], mesh.uv[short], mesh.nrm[short], mesh.mat[short]))
        keep = ~short
        order = (edge[keep].argmax(1)[:, None] + np.arange(3)) % 3
        parts = [np.take_along_axis(a[keep], order[..., None], 1) for a in (mesh.tri, mesh.uv, mesh.nrm)]
        halves = []
        for a in parts:
            middle = (a[:, 0] + a[:, 1]) / 2
            halves.append(
                np.concatenate([np.stack([a[:, 0], middle, a[:, 2]], 1), np.stack([middle, a[:, 1], a[:, 2]], 1)])
            )
        mesh = Mesh(halves[0], halves[1], halves[2], np.tile(mesh.mat[keep], 2))
    return joined(done)
