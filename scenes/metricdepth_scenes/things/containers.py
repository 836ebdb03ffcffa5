"""Containers: cups to cartons."""

from __future__ import annotations

import numpy as np

from metricdepth_scenes.builder import Builder, Piece, Top
from metricdepth_scenes.meshes import box, cylinder, facing, lathe, soup, sphere, standing_box


def cup(b: Builder) -> Piece:
    """Build a cup."""
    r, h, m = b.u(0.035, 0.048), b.u(0.07, 0.12), b.vivid()
    body = lathe([(0, 0), (r * 0.85, 0), (r, h), (r * 0.92, h), (r * 0.8, h * 0.12), (0, h * 0.1)], 14, m)
    handle = [box((0.025, 0.01, 0.008), (r + 0.01, 0, h * z), material=m) for z in (0.3, 0.75)]
    handle.append(box((0.008, 0.01, h * 0.5), (r + 0.023, 0, h * 0.52), material=m))
    return Piece([body, *handle], 2 * r + 0.05, 2 * r, h)


def bottle(b: Builder) -> Piece:
    """Build a bottle."""
    r, h = b.u(0.03, 0.05), b.u(0.18, 0.32)
    neck = r * b.u(0.3, 0.6)
    body = lathe([(0, 0), (r, 0.004), (r, h * 0.6), (neck, h * 0.78), (neck, h), (0, h)], 14, b.vivid())
    label = lathe([(r * 1.01, h * 0.2), (r * 1.01, h * 0.5)], 14, b.printed())
    return Piece([body, label], 2 * r, 2 * r, h)


def can(b: Builder) -> Piece:
    """Build a can."""
    r, h = b.u(0.03, 0.05), b.u(0.08, 0.15)
    return Piece([cylinder(r, h, 14, material=b.printed())], 2 * r, 2 * r, h)


def bowl(b: Builder) -> Piece:
    """Build a bowl."""
    r, h = b.u(0.07, 0.15), b.u(0.04, 0.09)
    body = lathe([(0, 0), (r * 0.4, 0), (r, h), (r * 0.95, h), (r * 0.4, 0.012), (0, 0.012)], 18, b.vivid())
    return Piece([body], 2 * r, 2 * r, h)


def vase(b: Builder) -> Piece:
    """Build a vase."""
    h, r = b.u(0.1, 0.35), b.u(0.04, 0.1)
    m = b.vivid() if b.chance(0.6) else b.role("stone")
    body = lathe([(0, 0), (r * 0.6, 0), (r, h * b.u(0.3, 0.6)), (r * b.u(0.3, 0.7), h * 0.88), (r * 0.6, h)], 16, m)
    return Piece([body], 2 * r, 2 * r, h)


def package(b: Builder) -> Piece:
    """Build a package."""
    w, d, h = b.u(0.05, 0.3), b.u(0.03, 0.2), b.u(0.04, 0.3)
    face = b.printed()
    mesh = standing_box((w, d, h), material=b.vivid())
    front = facing(-w / 2, w / 2, 0, h, -d / 2 - 0.001, face)
    return Piece([mesh, front], w, d, h)


def cardboard(b: Builder) -> Piece:
    """Build a stack of cartons."""
    parts, z = [], 0.0
    w, d = b.u(0.25, 0.6), b.u(0.2, 0.5)
    m = b.solid(np.array([0.68, 0.53, 0.36]) * b.u(0.8, 1.1))
    for _ in range(int(b.rng.integers(1, 4))):
        h, k = b.u(0.15, 0.45), b.u(0.8, 1.0)
        parts.append(standing_box((w * k, d * k, h), z=z, yaw=b.u(-0.15, 0.15), material=m))
        parts.append(standing_box((w * k, 0.05, 0.001), z=z + h, material=b.solid((0.75, 0.65, 0.45))))
        z += h
    return Piece(parts, w, d, z, [Top(0, 0, z, w * 0.7, d * 0.7)])


def bin_(b: Builder) -> Piece:
    """Build a waste bin."""
    r, h = b.u(0.1, 0.18), b.u(0.25, 0.6)
    return Piece(
        [lathe([(0, 0), (r * 0.8, 0), (r, h), (r * 0.95, h), (r * 0.78, 0.01), (0, 0.01)], 18, b.vivid())],
        2 * r,
        2 * r,
        h,
    )


def bag(b: Builder) -> Piece:
    """Build a rucksack or bag leaning about."""
    w, d, h = b.u(0.28, 0.4), b.u(0.15, 0.25), b.u(0.3, 0.5)
    mesh = sphere(0.5, 14, material=b.role("fabric")).scaled((w * 1.1, d * 1.1, h * 1.05)).placed(0, 0, h * 0.5)
    low = np.maximum(mesh.tri[..., 2:], 0)
    return Piece([soup(np.concatenate([mesh.tri[..., :2], low], 2), mesh.uv, True, int(mesh.mat[0]))], w, d, h)
