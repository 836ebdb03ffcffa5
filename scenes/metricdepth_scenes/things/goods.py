"""Goods of real size for tables, bins and hands: tins, flasks, packets, fruit, tools, toys, tableware."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np

from metricdepth_scenes.assets import pyramid
from metricdepth_scenes.builder import Builder, Piece
from metricdepth_scenes.materials import Material
from metricdepth_scenes.meshes import Mesh, box, cylinder, joined, lathe, quad, rod, soup, sphere, standing_box
from metricdepth_scenes.models import painted
from metricdepth_scenes.things.containers import bottle, bowl, cup
from metricdepth_scenes.things.desk_things import (
    book,
    controller,
    headphones,
    mobile,
    papers,
    plush,
    stapler,
    sticky_notes,
    tissues,
    wire,
)
from metricdepth_scenes.things.devices import mouse
from metricdepth_scenes.things.plants import pot_plant
from metricdepth_scenes.things.stationery import book_pile, pens

_WORDS = ("NOVA", "fresh", "Sun", "classic", "ORIGINAL", "tea", "Bio", "Ultra", "500 g", "Milk", "Choco", "PRO", "x12")


def thing(parts: Sequence[Mesh]) -> Piece:
    """Make a piece of parts.

    Centered and standing on z = 0.
    """
    mesh = joined(parts)
    low, high = mesh.bounds()
    mesh = mesh.placed(-(low[0] + high[0]) / 2, -(low[1] + high[1]) / 2, -low[2])
    w, d, h = (float(v) for v in high - low)
    return Piece([mesh], w, d, h)


def lying(piece: Piece) -> Piece:
    """Tip a piece onto its back."""
    mesh = joined(piece.meshes).transformed(np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], float))
    return thing([mesh])


def brand(b: Builder) -> int:
    """Draw the printed face of a product.

    Bands, a badge and words; texture coordinates run 0..1.
    """
    known: list[int] = b.models.setdefault("brands", [])
    if len(known) > 7 and b.chance(0.6):
        return b.pick(*known)
    rng = b.rng
    colors = rng.integers(0, 256, (4, 3))
    colors[0] = (colors[0] * 0.5 + rng.choice([20, 60, 127])).astype(int)
    image = np.empty((320, 320, 3), np.uint8)
    image[:] = colors[0]
    for _ in range(int(rng.integers(0, 4))):
        y, h = int(rng.integers(0, 300)), int(rng.integers(6, 110))
        image[y : y + h] = rng.choice([colors[1], colors[2], [240, 240, 235]])
    if b.chance(0.6):
        middle, axes = rng.integers(80, 240, 2).tolist(), rng.integers(30, 130, 2).tolist()
        cv2.ellipse(image, middle, axes, float(rng.uniform(-30, 30)), 0, 360, colors[3].tolist(), -1)
    for _ in range(int(rng.integers(1, 4))):
        ink = [255.0] * 3 if b.chance(0.5) else [float(v) for v in rng.integers(0, 120, 3)]
        font, scale = int(rng.integers(0, 5)), float(rng.uniform(0.7, 3.2))
        at = (int(rng.integers(5, 90)), int(rng.integers(50, 300)))
        cv2.putText(image, b.pick(*_WORDS), at, font, scale, ink, int(rng.integers(2, 9)), cv2.LINE_AA)
    for y in range(int(rng.integers(200, 330)), 314, 7):
        for x in range(int(rng.integers(10, 60)), int(rng.integers(180, 310)), 9):
            if rng.random() < 0.85:
                image[y : y + 3, x : x + int(rng.integers(3, 9))] = 30 if image[y, x].mean() > 110 else 220
    known.append(b.number(Material(pyramid(image), gloss=b.pick(0.0, 0.02, 0.05))))
    return known[-1]


def art(b: Builder) -> int:
    """Draw something printed for a face with texture coordinates 0..1."""
    share = b.u(0, 1)
    if share < 0.55:
        return brand(b)
    return b.printed() if share < 0.8 else b.picture("photograph", "photograph_crop")


def label(r: float, z0: float, z1: float, material: int, segments: int = 20, repeats: float = 1.0) -> Mesh:
    """Wrap an upright picture around a cylinder of radius r [m]."""
    mesh = lathe([(r, z0), (r, z1)], segments, material)
    u = mesh.uv[..., 0] * (repeats / (2 * np.pi * r))
    return replace(mesh, uv=np.stack([u, 1 - mesh.uv[..., 1] / (z1 - z0)], 2).astype(np.float32))


def face_box(w: float, d: float, h: float, front: int, side: int, top: int) -> list[Mesh]:
    """Make the six faces of a box that stands on z = 0, each with an upright picture."""
    x, y = w / 2, d / 2
    ring = [(-x, -y), (x, -y), (x, y), (-x, y), (-x, -y)]
    faces = [
        quad([(*p, 0), (*q, 0), (*q, h), (*p, h)], material=m)
        for (p, q), m in zip(pairwise(ring), (front, side, front, side), strict=True)
    ]
    faces.append(quad([(-x, -y, h), (x, -y, h), (x, y, h), (-x, y, h)], material=top))
    faces.append(quad([(-x, y, 0), (x, y, 0), (x, -y, 0), (-x, -y, 0)], material=top))
    return faces


def tin(b: Builder) -> Piece:
    """Make a tin or drink can of a usual size."""
    r, h = b.pick(
        (0.033, 0.116), (0.029, 0.134), (0.034, 0.102), (0.037, 0.11), (0.043, 0.06), (0.05, 0.14), (0.05, 0.17)
    )
    steel = b.gray(b.pick(0.7, 0.8, 0.85), 0.12)
    body = lathe(
        [(0, 0.003), (r * 0.9, 0), (r, 0.004), (r, h - 0.004), (r * 0.92, h), (r * 0.9, h - 0.004), (0, h - 0.004)],
        22,
        steel,
    )
    parts = [body, label(r * 1.006, 0.006, h - 0.006, art(b), 22, b.pick(1, 2))]
    if b.chance(0.5):
        parts.append(box((0.02, 0.012, 0.002), (0, 0.006, h - 0.002), material=steel))
    return thing(parts)


def flask(b: Builder) -> Piece:
    """Make a bottle.

    Drink, wine, shampoo, detergent, medicine, sauce, spray.
    """
    r, h, flat = b.pick(
        (0.033, 0.22, 1.0), (0.037, 0.3, 1.0), (0.031, 0.235, 1.0), (0.045, 0.33, 1.0), (0.036, 0.2, 0.6),
        (0.045, 0.26, 0.6), (0.02, 0.06, 1.0), (0.024, 0.1, 1.0), (0.03, 0.17, 0.8), (0.025, 0.15, 1.0),
    )  # fmt: skip
    neck = max(r * b.u(0.25, 0.5), 0.009)
    shoulder = b.u(0.55, 0.75)
    glass = b.pick(b.vivid(), b.solid((0.12, 0.2, 0.12), 0.15), b.solid((0.75, 0.82, 0.85), 0.12), b.gray(0.93, 0.05))
    body = lathe(
        [
            (0, 0),
            (r * 0.9, 0),
            (r, 0.006),
            (r, h * shoulder),
            (r * 0.9, h * (shoulder + 0.06)),
            (neck, h * (shoulder + 0.18)),
            (neck, h * 0.93),
        ],
        22,
        glass,
    )
    parts = [body, label(r * 1.008, h * 0.12, h * b.u(0.4, shoulder), art(b), 22, b.pick(1, 1, 2))]
    cap = cylinder(neck * 1.25, h * 0.09, 16, material=b.vivid()).placed(0, 0, h * 0.92)
    return thing([p.scaled((1, flat, 1)) for p in parts] + [cap])


def jar(b: Builder) -> Piece:
    """Make a jar with a lid."""
    r, h = b.pick((0.035, 0.09), (0.042, 0.13), (0.03, 0.06), (0.05, 0.17))
    inside = b.solid(np.array(b.pick((0.5, 0.1, 0.1), (0.45, 0.27, 0.12), (0.85, 0.7, 0.3), (0.3, 0.4, 0.15))), 0.1)
    body = lathe([(0, 0), (r, 0.004), (r, h * 0.78), (r * 0.85, h * 0.86), (0, h * 0.86)], 20, inside)
    lid = cylinder(r * 0.9, h * 0.15, 20, material=b.vivid()).placed(0, 0, h * 0.85)
    return thing([body, label(r * 1.01, h * 0.2, h * 0.68, art(b), 20), lid])


def packet(b: Builder) -> Piece:
    """Make a printed box of a usual size.

    Food, medicine, electronics, shoes.
    """
    w, d, h = b.pick(
        (0.16, 0.06, 0.21), (0.085, 0.028, 0.073), (0.09, 0.038, 0.175), (0.19, 0.06, 0.3), (0.1, 0.025, 0.06),
        (0.17, 0.09, 0.05), (0.14, 0.07, 0.04), (0.1, 0.1, 0.1), (0.095, 0.064, 0.2), (0.07, 0.07, 0.24),
        (0.063, 0.017, 0.088), (0.16, 0.07, 0.08), (0.24, 0.16, 0.05), (0.075, 0.055, 0.092), (0.12, 0.08, 0.18),
    )  # fmt: skip
    front, side = art(b), art(b) if b.chance(0.5) else b.vivid()
    return thing(face_box(w, d, h, front, side, b.pick(front, side)))


def parcel(b: Builder) -> Piece:
    """Make a small carton with tape and a label."""
    w, d, h = b.pick(
        (0.15, 0.1, 0.05), (0.2, 0.15, 0.1), (0.25, 0.18, 0.1), (0.3, 0.2, 0.15), (0.12, 0.12, 0.12), (0.33, 0.19, 0.12)
    )
    m = b.solid(np.array(b.pick((0.68, 0.53, 0.36), (0.72, 0.58, 0.42), (0.88, 0.87, 0.84))) * b.u(0.8, 1.1))
    tape = standing_box(
        (w * 1.002, 0.048, 0.0008), z=h, material=b.solid(b.pick((0.78, 0.68, 0.48), (0.85, 0.8, 0.7)), 0.06)
    )
    parts = [standing_box((w, d, h), material=m), tape]
    if b.chance(0.7):
        s = min(w, d) * 0.3
        corners = [
            (-s, -s * 0.7, h + 0.0012),
            (s, -s * 0.7, h + 0.0012),
            (s, s * 0.7, h + 0.0012),
            (-s, s * 0.7, h + 0.0012),
        ]
        parts.append(quad(corners, material=b.printed()).placed(b.u(-0.1, 0.1) * w, 0, 0))
    return thing(parts)


def soft_pack(b: Builder) -> Piece:
    """Make a filled bag.

    Crisps, sweets, rice, a padded envelope, a packed shirt.
    """
    w, d, t = b.pick(
        (0.16, 0.22, 0.06),
        (0.12, 0.17, 0.035),
        (0.1, 0.14, 0.03),
        (0.2, 0.28, 0.05),
        (0.18, 0.25, 0.02),
        (0.08, 0.2, 0.03),
    )
    n = 17
    u = np.linspace(-1, 1, n)
    x, y = np.meshgrid(u, u)
    puff = np.clip((1 - x**4) * (1 - y**6), 0, 1) ** 0.6
    crease = cv2.resize(b.rng.normal(0, 1, (7, 7)).astype(np.float32), (n, n), interpolation=cv2.INTER_CUBIC)
    rim = np.maximum(np.abs(x), np.abs(y)) < 0.99
    parts = []
    for sign, m in ((1, art(b)), (-1, b.vivid())):
        z = sign * (puff * t / 2 + crease * t * 0.05 * rim) * (1.0 if sign > 0 else 0.8)
        p = np.stack([x * w / 2 * (1 - 0.05 * puff), y * d / 2, z], 2)
        uv = np.stack([(x + 1) / 2, (1 - y) / 2], 2)
        parts.append(_sheet(p, uv, m))
    return thing(parts)


def _sheet(p: np.ndarray, uv: np.ndarray, material: int) -> Mesh:
    """Make triangles of a grid of points (n, m, 3) with texture coordinates (n, m, 2)."""

    def cells(q: np.ndarray) -> np.ndarray:
        a, c, e, g = q[:-1, :-1], q[:-1, 1:], q[1:, 1:], q[1:, :-1]
        k = q.shape[2]
        return np.concatenate([np.stack([a, c, e], 2).reshape(-1, 3, k), np.stack([a, e, g], 2).reshape(-1, 3, k)])

    return soup(cells(p), cells(uv), True, material)


def fruit(b: Builder) -> Piece:
    """Make an apple.

    Orange, lemon, pear, plum, potato, egg or banana.
    """
    kind = b.pick("apple", "orange", "lemon", "pear", "plum", "potato", "egg", "banana", "tomato")
    tone = {
        "apple": b.pick((0.75, 0.15, 0.12), (0.5, 0.65, 0.2), (0.8, 0.6, 0.2)),
        "orange": (0.93, 0.53, 0.12), "lemon": (0.93, 0.82, 0.2), "pear": (0.66, 0.68, 0.25),
        "plum": (0.35, 0.13, 0.25),
        "potato": (0.7, 0.56, 0.36), "egg": b.pick((0.9, 0.85, 0.78), (0.75, 0.5, 0.35)), "banana": (0.92, 0.78, 0.2),
        "tomato": (0.82, 0.17, 0.1),
    }[kind]  # fmt: skip
    m = b.solid(np.array(tone) * b.u(0.85, 1.1), b.pick(0.0, 0.03, 0.05))
    if kind == "banana":
        a = np.linspace(-0.75, 0.75, 10)
        line = np.stack([0.13 * np.sin(a), 0.13 * (1 - np.cos(a)), np.full(10, 0.017)], 1)
        radii = 0.017 * np.sqrt(np.clip(1 - (a / 0.82) ** 4, 0.1, 1))
        parts = [rod(p, q, float(k), 8, m) for (p, q), k in zip(pairwise(line), radii[:-1], strict=True)]
        return thing([*parts, rod(line[-1], line[-1] + (0.014, 0.012, 0), 0.005, 6, b.gray(0.2))])
    radius, stretch = {
        "apple": (0.038, 0.9), "orange": (0.038, 0.95), "lemon": (0.028, 1.3), "pear": (0.034, 1.35),
        "plum": (0.022, 1.1),
        "potato": (0.032, 0.75), "egg": (0.022, 1.3), "tomato": (0.036, 0.82),
    }[kind]  # fmt: skip
    r = radius * b.u(0.85, 1.15)
    body = sphere(r, 20, stretch, m)
    if kind == "potato":
        body = body.scaled((1.5, 1, 1))
    parts = [body]
    if kind in ("apple", "pear", "tomato"):
        parts.append(
            rod((0, 0, r * stretch * 0.9), (0.004, 0.003, r * stretch + 0.014), 0.002, 5, b.solid((0.3, 0.22, 0.12)))
        )
    piece = thing(parts)
    return lying(piece) if kind in ("lemon", "pear", "egg") else piece


def tool(b: Builder) -> Piece:
    """Make a hand tool that lies.

    Screwdriver, spanner, hammer, pliers, brush, knife, torch, tape.
    """
    kind = b.pick("driver", "driver", "spanner", "hammer", "pliers", "brush", "torch", "tape", "ruler", "marker")
    steel, grip = b.gray(b.u(0.45, 0.75), 0.12), b.vivid()
    if kind == "driver":
        g, s = b.u(0.08, 0.11), b.u(0.06, 0.15)
        handle = lathe([(0, 0), (0.012, 0.002), (0.016, g * 0.3), (0.012, g * 0.8), (0.014, g), (0, g)], 10, grip)
        return lying(thing([handle, cylinder(0.003, s, 8, material=steel).placed(0, 0, g)]))
    if kind == "spanner":
        n = b.u(0.13, 0.26)
        parts = [box((n, n * 0.08, 0.006), (0, 0, 0.003), material=steel)]
        for s in (-1, 1):
            parts += [
                box((n * 0.13, n * 0.055, 0.008), (s * n * 0.5, t * n * 0.07, 0.004), s * t * 0.5, steel)
                for t in (-1, 1)
            ]
        return thing(parts)
    if kind == "hammer":
        n = b.u(0.26, 0.33)
        parts = [
            rod((0, 0, 0.013), (n, 0, 0.013), 0.013, 8, b.pick(b.wood(), grip)),
            box((0.028, 0.11, 0.026), (n, 0, 0.013), material=steel),
        ]
        return thing(parts)
    if kind == "pliers":
        n = b.u(0.14, 0.19)
        parts = [rod((0, s * 0.004, 0.008), (-n * 0.62, s * 0.028, 0.008), 0.0075, 8, grip) for s in (-1, 1)]
        parts += [box((n * 0.35, 0.011, 0.012), (n * 0.16, s * 0.006, 0.008), s * 0.05, steel) for s in (-1, 1)]
        return thing([*parts, cylinder(0.014, 0.014, 12, material=steel).placed(0, 0, 0.001)])
    if kind == "brush":
        parts = [
            box((0.13, 0.022, 0.012), (0, 0, 0.01), material=b.wood()),
            box((0.03, 0.05, 0.014), (0.08, 0, 0.01), material=steel),
        ]
        return thing([*parts, box((0.05, 0.05, 0.012), (0.12, 0, 0.01), material=b.solid((0.25, 0.2, 0.15)))])
    if kind == "torch":
        g = b.u(0.09, 0.2)
        r = g * 0.11
        body = lathe(
            [(0, 0), (r, 0), (r, g * 0.7), (r * 1.4, g * 0.82), (r * 1.4, g), (0, g)],
            16,
            b.pick(grip, b.gray(0.08, 0.05)),
        )
        return lying(thing([body, label(r * 1.01, g * 0.15, g * 0.2, steel, 16)]))
    if kind == "tape":
        r, h = b.u(0.035, 0.06), b.pick(0.012, 0.019, 0.048)
        return thing(
            [
                lathe(
                    [(r * 0.75, 0), (r, 0), (r, h), (r * 0.75, h), (r * 0.75, 0)],
                    24,
                    b.pick(grip, b.solid((0.75, 0.65, 0.45), 0.05)),
                )
            ]
        )
    if kind == "ruler":
        return thing([standing_box((b.pick(0.16, 0.31), 0.032, 0.002), material=b.pick(b.wood(), steel, grip))])
    return lying(
        thing(
            [
                cylinder(b.u(0.004, 0.009), b.u(0.13, 0.15), 10, material=grip),
                cylinder(0.0095, 0.045, 10, material=b.gray(0.15)),
            ]
        )
    )


def hardware(b: Builder) -> Piece:
    """Scatter screws, nuts and washers."""
    steel = b.pick(b.gray(b.u(0.4, 0.75), 0.15), b.solid((0.7, 0.58, 0.3), 0.12))
    parts: list[Mesh] = []
    for _ in range(int(b.rng.integers(3, 16))):
        x, y, a = b.u(-0.08, 0.08), b.u(-0.06, 0.06), b.u(0, 6.3)
        if b.chance(0.6):
            n, r = b.u(0.012, 0.05), b.u(0.0015, 0.004)
            end = (x + np.cos(a) * n, y + np.sin(a) * n, r)
            head = (x - np.cos(a) * r, y - np.sin(a) * r, r)
            parts += [rod((x, y, r), end, r, 6, steel), rod(head, (x, y, r), 2 * r, 6, steel)]
        else:
            r = b.u(0.004, 0.01)
            ring = lathe(
                [(r * 0.5, 0), (r, 0), (r, r * 0.6), (r * 0.5, r * 0.6), (r * 0.5, 0)], b.pick(6, 12), steel, False
            )
            parts.append(ring.placed(x, y, 0, a))
    return thing(parts)


def block(b: Builder) -> Piece:
    """Make a toy block.

    Cube, brick with studs, cylinder, puzzle cube, die.
    """
    kind = b.pick("cube", "cube", "brick", "brick", "column", "puzzle", "prism")
    m = b.solid(
        np.array(
            b.pick(
                (0.8, 0.1, 0.1), (0.1, 0.25, 0.7), (0.9, 0.75, 0.1), (0.1, 0.5, 0.2), (0.85, 0.6, 0.4), (0.9, 0.4, 0.1)
            )
        )
        * b.u(0.8, 1.05),
        b.pick(0.0, 0.05),
    )
    if kind == "cube":
        s = b.pick(0.025, 0.03, 0.04, 0.05, 0.05, 0.06)
        return thing([standing_box((s, s, s), material=m)])
    if kind == "brick":
        n, k, h = b.pick((2, 4, 0.0096), (2, 2, 0.0096), (2, 6, 0.0096), (1, 4, 0.0096), (2, 8, 0.0032))
        big = b.pick(1, 1, 2)
        studs = [
            cylinder(0.0024, 0.0018, 8, material=m).placed((i - (k - 1) / 2) * 0.008, (j - (n - 1) / 2) * 0.008, h)
            for i in range(k)
            for j in range(n)
        ]
        return thing([p.scaled(big) for p in [standing_box((k * 0.008, n * 0.008, h), material=m), *studs]])
    if kind == "column":
        return thing([cylinder(b.u(0.012, 0.03), b.u(0.03, 0.1), 20, material=m)])
    if kind == "prism":
        return thing([cylinder(b.u(0.02, 0.04), b.u(0.02, 0.05), b.pick(3, 6), material=m)])
    shades = [
        b.solid(c, 0.05)
        for c in (
            (0.9, 0.9, 0.9),
            (0.8, 0.1, 0.1),
            (0.1, 0.25, 0.7),
            (0.9, 0.8, 0.1),
            (0.1, 0.55, 0.2),
            (0.9, 0.45, 0.1),
        )
    ]
    s = 0.019
    parts = [standing_box((0.057, 0.057, 0.057), material=b.gray(0.05))]
    for i in (-1, 0, 1):
        for j in (-1, 0, 1):
            k = 0.0285
            parts += [
                box((s * 0.88, s * 0.88, 0.001), (i * s, j * s, 2 * k), material=b.pick(*shades)),
                box((s * 0.88, 0.001, s * 0.88), (i * s, -k, k + j * s), material=b.pick(*shades)),
                box((s * 0.88, 0.001, s * 0.88), (i * s, k, k + j * s), material=b.pick(*shades)),
                box((0.001, s * 0.88, s * 0.88), (-k, i * s, k + j * s), material=b.pick(*shades)),
                box((0.001, s * 0.88, s * 0.88), (k, i * s, k + j * s), material=b.pick(*shades)),
            ]
    return thing(parts)


def toy_car(b: Builder) -> Piece:
    """Make a toy car of 7 to 20 cm."""
    n = b.pick(0.07, 0.075, 0.12, 0.2)
    m, dark = b.vivid(), b.gray(0.06)
    parts = [
        box((n, n * 0.42, n * 0.14), (0, 0, n * 0.16), material=m),
        box((n * 0.5, n * 0.36, n * 0.13), (-n * 0.05, 0, n * 0.29), material=b.solid((0.12, 0.14, 0.16), 0.15)),
    ]
    parts.append(box((n * 0.4, n * 0.35, n * 0.02), (-n * 0.05, 0, n * 0.36), material=m))
    parts += [
        rod((x * n, y * n * 0.16, n * 0.09), (x * n, y * n * 0.23, n * 0.09), n * 0.09, 12, dark)
        for x in (-0.3, 0.3)
        for y in (-1, 1)
    ]
    return thing(parts)


def plate(b: Builder) -> Piece:
    """Make a plate or saucer.

    Sometimes with fruit on it.
    """
    r = b.pick(0.075, 0.095, 0.12, 0.135)
    m = b.pick(b.gray(0.93, 0.06), b.gray(0.93, 0.06), b.vivid())
    rim = lathe([(0, 0), (r * 0.6, 0), (r, 0.02), (r * 0.98, 0.023), (r * 0.6, 0.006), (0, 0.006)], 28, m)
    parts = [rim]
    if b.chance(0.3):
        parts += [p.placed(b.u(-0.25, 0.25) * r, b.u(-0.25, 0.25) * r, 0.006) for p in fruit(b).meshes]
    return thing(parts)


def cutlery(b: Builder) -> Piece:
    """Make a knife, fork or spoon."""
    m, n = b.pick(b.gray(0.7, 0.2), b.gray(0.7, 0.2), b.vivid()), b.u(0.17, 0.22)
    parts = [box((n * 0.6, 0.01, 0.003), (-n * 0.2, 0, 0.002), material=m)]
    kind = b.pick("knife", "fork", "spoon")
    if kind == "knife":
        parts.append(box((n * 0.45, 0.018, 0.0015), (n * 0.3, 0, 0.002), material=m))
    elif kind == "spoon":
        parts.append(sphere(0.02, 12, 0.25, m).scaled((1.5, 1, 1)).placed(n * 0.22, 0, 0.005))
    else:
        parts.append(box((0.025, 0.022, 0.002), (n * 0.15, 0, 0.003), material=m))
        parts += [box((0.04, 0.003, 0.002), (n * 0.28, y * 0.006, 0.004), material=m) for y in (-1.5, -0.5, 0.5, 1.5)]
    return thing(parts)


def glass(b: Builder) -> Piece:
    """Make a tumbler or mug of a light even color."""
    if b.chance(0.5):
        return cup(b)
    r, h, m = b.u(0.03, 0.04), b.u(0.08, 0.15), b.solid((0.75, 0.8, 0.82), 0.2)
    return thing([lathe([(0, 0), (r * 0.8, 0), (r, h), (r * 0.94, h), (r * 0.75, 0.01), (0, 0.01)], 22, m)])


def board(b: Builder) -> Piece:
    """Make a circuit board with its parts."""
    w, d = b.pick((0.085, 0.056), (0.1, 0.08), (0.07, 0.05), (0.16, 0.1), (0.05, 0.025))
    parts = [
        standing_box(
            (w, d, 0.0016),
            z=0.002,
            material=b.solid(b.pick((0.05, 0.35, 0.15), (0.05, 0.15, 0.4), (0.08, 0.08, 0.09)), 0.05),
        )
    ]
    for _ in range(int(b.rng.integers(8, 24))):
        s = b.pick(
            (0.014, 0.014, 0.0015),
            (0.005, 0.003, 0.001),
            (0.016, 0.014, 0.014),
            (0.02, 0.005, 0.009),
            (0.006, 0.006, 0.01),
        )
        x, y = b.u(-0.4, 0.4) * w, b.u(-0.38, 0.38) * d
        parts.append(
            standing_box(
                s, x, y, 0.0036, b.pick(0, np.pi / 2), b.pick(b.gray(0.06), b.gray(0.7, 0.1), b.gray(0.9), b.gray(0.06))
            )
        )
    return thing(parts)


def small_plush(b: Builder) -> Piece:
    """Make a soft toy of 8 to 22 cm."""
    piece = plush(b)
    return thing([joined(piece.meshes).scaled(b.u(0.08, 0.22) / piece.height)])


def towel(b: Builder) -> Piece:
    """Fold a cloth or towel."""
    w, d, t = b.u(0.12, 0.3), b.u(0.1, 0.22), b.u(0.012, 0.05)
    m = b.role("fabric")
    n = 12
    u = np.linspace(-1, 1, n)
    x, y = np.meshgrid(u, u)
    waves = cv2.resize(b.rng.normal(0, 1, (5, 5)).astype(np.float32), (n, n), interpolation=cv2.INTER_CUBIC)
    z = t * (1 + 0.2 * waves) * np.clip((1 - x**8) * (1 - y**8), 0, 1) ** 0.5
    p = np.stack([x * w / 2, y * d / 2, z], 2)
    return thing([_sheet(p, p[..., :2], m), standing_box((w * 0.96, d * 0.96, 0.002), material=m)])


_ODD = (
    *("rubber_duck", "ecurity", "pizza_box", "Dumbbell", "Horologe", "trashcan", "tea_set", "irconditioner", "corn"),
    *("loaf", "crowbar", "Handle", "kenney_bear", "CrackerBox", "GelatinBox", "MasterChef", "PottedMeat", "TomatoSoup"),
    *("market_bottle_large", "PowerDrill", "MustardBottle", "FoamBrick", "BookA_01", "BookC_01", "Computer", "barrel"),
)


def found(b: Builder) -> Piece | None:
    """Draw a small model from the assets.

    If there are any.
    """
    if b.assets is None:
        return None
    category = b.pick("food", "food", "can", "bottle", "box", "vessel", "vessel", "tool", "decor", "misc", "book")
    fit = [
        e
        for e in b.assets.entries("model", [category])
        if max(e.size) < 0.36 and min(e.size) > 0.004 and not any(name in e.file for name in _ODD)
    ]
    sharp = [e for e in fit if e.style != "low-poly"]
    entry = b.pick(*(sharp if sharp and b.chance(0.5) else fit))
    mesh = painted(b, b.assets.model(entry.file), "", f"{entry.file}:{int(b.rng.integers(3))}")
    return thing([mesh.scaled(float(np.exp(b.rng.normal(0, 0.03))))])


PACKED = (tin, flask, jar, packet, packet, packet, parcel, soft_pack, soft_pack, book, block, tissues)
KITCHEN = (
    tin,
    flask,
    jar,
    packet,
    fruit,
    fruit,
    plate,
    plate,
    cutlery,
    cutlery,
    glass,
    glass,
    bowl,
    cup,
    bottle,
    soft_pack,
)
BENCH = (tool, tool, tool, hardware, board, tin, flask, parcel, wire, block, tool, mobile, cup, packet)
DESK = (
    book,
    book_pile,
    papers,
    mobile,
    headphones,
    controller,
    stapler,
    sticky_notes,
    wire,
    mouse,
    pens,
    cup,
    glass,
    packet,
    tool,
    pot_plant,
)
TOYS = (block, block, block, toy_car, small_plush, packet, fruit, book, towel, tool)
ANY = (*PACKED, *KITCHEN, *BENCH, *TOYS, *DESK, towel)


def goods(b: Builder, kinds: Sequence[Callable[[Builder], Piece]], models: float = 0.3) -> Piece:
    """Draw one of some kinds of goods.

    Or with probability `models` a model from the assets.
    """
    if b.chance(models) and (piece := found(b)):
        return piece
    return thing(b.pick(*kinds)(b).meshes)
