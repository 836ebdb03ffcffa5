"""Packed goods of real size: tins, flasks, jars, packets, parcels and soft packs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np

from metricdepth_scenes.assets import pyramid
from metricdepth_scenes.builder import Builder, Piece
from metricdepth_scenes.materials import Material
from metricdepth_scenes.meshes import Mesh, box, cylinder, joined, lathe, quad, soup, standing_box

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
