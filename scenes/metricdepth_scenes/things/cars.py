"""Cars, their bodies lofted from outlines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from metricdepth_scenes.builder import Builder, Piece
from metricdepth_scenes.meshes import Mesh, box, cylinder, joined, rod, soup
from metricdepth_scenes.models import model_piece


def car(b: Builder) -> Piece:
    """Build a car, its nose towards -y.

    From lofted outlines, or a model brought to real proportions.
    """
    if b.chance(0.3):
        found = model_piece(b, "car", across=False)
        if found:
            return proportioned(_repainted(b, found), b.u(3.8, 4.8), b.u(1.7, 1.88), b.u(1.42, 1.75))
    length, width, height = b.u(3.7, 4.9), b.u(1.68, 1.88), b.pick(b.u(1.42, 1.52), b.u(1.45, 1.7))
    estate = b.u(0.0, 1.0)
    paint = car_paint(b)
    glass = b.solid((0.07, 0.08, 0.09), 0.25)
    dark = b.solid((0.06, 0.06, 0.06))
    bonnet = height * b.u(0.56, 0.64)
    t = np.array([0, 0.02, 0.1, 0.26, 0.30, 0.40, 0.62, 0.80 + 0.1 * estate, 0.96, 1.0])
    hood = np.array([0.40, 0.50, 0.58, 0.63, 0.64, 0.64, 0.65, 0.66, 0.64, 0.42]) * height
    hood[2:4] = bonnet * np.array([0.9, 1.0])
    waist = np.array([0.84, 0.93, 0.98, 1.0, 1.0, 1.0, 1.0, 1.0, 0.96, 0.88]) * width / 2
    y = (t - 0.5) * length
    parts = [hull(y, waist, np.full(10, 0.22), hood, paint)]
    tc = np.array([0.27, 0.42, 0.5, 0.68, 0.78 + 0.12 * estate, 0.88 + 0.1 * estate])
    roof = np.array([0.64, 0.96, 1.0, 0.99, 0.93, 0.66]) * height
    yc = (tc - 0.5) * length
    parts.append(hull(yc, np.full(6, width / 2 * 0.95), np.full(6, height * 0.6), roof, glass, top_share=0.8))
    inner = slice(1, 5)
    parts.append(
        hull(yc[inner], np.full(4, width / 2 * 0.78), roof[inner] - 0.05, roof[inner] + 0.012, paint, top_share=0.95)
    )
    for k in (0, 2, 4):
        for s in (-1, 1):
            a = (s * width / 2 * 0.955, yc[k] + (0.02 if k else 0), height * 0.62)
            e = (s * width / 2 * 0.79, yc[min(k + 1, 5)] if k == 0 else yc[k], float(roof[1 if k == 0 else k]))
            parts.append(rod(a, e, 0.035, 5, paint))
    r = b.u(0.29, 0.34)
    rim = b.role("metal", 0.2)
    lay = np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]], float)
    for sx in (-1, 1):
        for ty in (0.17, 0.81):
            x, yy = sx * (width / 2 - 0.1), (ty - 0.5) * length
            parts.append(cylinder(r, 0.22, 18, material=dark).placed(0, 0, -0.11).transformed(lay, (x, yy, r)))
            parts.append(cylinder(r * 0.62, 0.23, 14, material=rim).placed(0, 0, -0.115).transformed(lay, (x, yy, r)))
    front = b.glowing((0.9, 0.9, 0.92), gloss=0.1)
    back = b.glowing((0.6, 0.05, 0.05), night=2.0)
    plate = b.solid((0.9, 0.9, 0.85))
    for sx in (-1, 1):
        parts += [
            box((0.34, 0.05, 0.13), (sx * width * 0.33, y[1] + 0.01, height * 0.44), material=front),
            box((0.26, 0.05, 0.16), (sx * width * 0.36, y[-1] - 0.02, height * 0.5), material=back),
            box((0.18, 0.1, 0.12), (sx * (width / 2 + 0.06), yc[0] + 0.35, height * 0.66), material=paint),
        ]
    parts += [box((0.52, 0.02, 0.11), (0, s * (length / 2 + 0.005), 0.42), material=plate) for s in (-1, 1)]
    parts += [box((width * 0.85, 0.06, 0.16), (0, s * length / 2 * 0.985, 0.32), material=dark) for s in (-1, 1)]
    return Piece(parts, width, length, height)


def _repainted(b: Builder, piece: Piece) -> Piece:
    """Repaint most of a car model's surface.

    Parts with an image stay.
    """
    mesh = piece.meshes[0]
    area = np.linalg.norm(np.cross(mesh.tri[:, 1] - mesh.tri[:, 0], mesh.tri[:, 2] - mesh.tri[:, 0]), axis=1)
    share = np.bincount(mesh.mat, area, minlength=len(b.materials))
    most = int(share.argmax())
    red, green, blue = b.materials[most].mean
    placeholder = red > 1.8 * green and blue > 1.5 * green
    if not placeholder and ((share > 0).sum() < 3 or b.chance(0.1)):
        return piece
    repainted = np.where(mesh.mat == most, car_paint(b), mesh.mat).astype(np.int32)
    return replace(piece, meshes=[replace(mesh, mat=repainted)])


def car_paint(b: Builder) -> int:
    """Draw a material in a color of cars."""
    color = b.pick(
        (0.85, 0.85, 0.85),
        (0.1, 0.1, 0.11),
        (0.55, 0.56, 0.58),
        (0.33, 0.34, 0.36),
        (0.14, 0.2, 0.38),
        (0.5, 0.08, 0.08),
        (0.75, 0.76, 0.78),
        (0.2, 0.3, 0.22),
        (0.6, 0.5, 0.35),
        (0.15, 0.16, 0.2),
    )
    return b.solid(np.clip(np.array(color) * b.u(0.8, 1.15), 0.03, 0.95), 0.08)


def hull(
    y: np.ndarray, half: np.ndarray, low: np.ndarray, high: np.ndarray, material: int, top_share: float = 0.88
) -> Mesh:
    """Build a closed body lofted along y from eight-cornered outlines."""
    zs = np.stack([low, low + (high - low) * 0.1, low + (high - low) * 0.8, high], 1)
    xs = np.stack(
        [half * 0.9, half, half * (0.5 + 0.5 * top_share) if top_share < 0.85 else half * 0.985, half * top_share], 1
    )
    ring = np.concatenate([np.stack([xs, zs], 2), np.stack([-xs[:, ::-1], zs[:, ::-1]], 2)], 1)
    n, k = ring.shape[:2]
    p = np.concatenate([ring[..., :1], np.repeat(y[:, None, None], k, 1), ring[..., 1:]], 2)
    p = np.concatenate([p, p[:, :1]], 1)
    a, c, e, g = p[:-1, :-1], p[:-1, 1:], p[1:, 1:], p[1:, :-1]
    tri = [np.stack([a, e, c], 2).reshape(-1, 3, 3), np.stack([a, g, e], 2).reshape(-1, 3, 3)]
    for end, turn in ((0, 1), (n - 1, -1)):
        center = p[end, :-1].mean(0)
        tri.append(np.stack([np.repeat(center[None], k, 0), *(p[end, :-1], p[end, 1:])[::turn]], 1))
    return soup(np.concatenate(tri), smooth=True, material=material)


def proportioned(piece: Piece, length: float, width: float, height: float) -> Piece:
    """Stretch a model to a size [m].

    Its longer side along y.
    """
    mesh = joined(piece.meshes)
    low, high = mesh.bounds()
    size = high - low
    if size[0] > size[1]:
        mesh = mesh.placed(yaw=np.pi / 2)
        size = size[[1, 0, 2]]
    mesh = mesh.scaled((width / size[0], length / size[1], height / size[2]))
    return Piece([mesh], width, length, height)
