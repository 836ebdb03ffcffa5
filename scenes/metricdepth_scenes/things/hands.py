"""Hands with arms, and grippers of robot arms."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from metricdepth_scenes.builder import Builder
from metricdepth_scenes.meshes import Mesh, box, cylinder, joined, rod, sphere


def _skin(b: Builder) -> int:
    tone = b.pick((0.85, 0.65, 0.53), (0.78, 0.57, 0.45), (0.75, 0.54, 0.42), (0.55, 0.38, 0.28), (0.4, 0.27, 0.2))
    return b.solid(b.pick((0.2, 0.35, 0.7), (0.1, 0.1, 0.1), (0.9, 0.9, 0.88)) if b.chance(0.12) else tone, 0.01)


def _chain(points: np.ndarray, radii: np.ndarray, material: int) -> list[Mesh]:
    parts = [rod(p, q, float(r), 10, material) for (p, q), r in zip(pairwise(points), radii, strict=False)]
    return parts + [sphere(float(r), 10, material=material).placed(*p) for p, r in zip(points, radii, strict=True)]


def _arm(b: Builder, skin: int, length: float) -> list[Mesh]:
    """Make a forearm from the wrist at the origin back along -y and up."""
    rise = b.u(0.05, 0.45)
    back = np.array([b.u(-0.15, 0.15), -np.cos(rise), np.sin(rise)])
    at = [back * t for t in (0.0, 0.06, 0.15, length)]
    parts = _chain(np.array(at), np.array([0.028, 0.029, 0.036, 0.043]), skin)
    if b.chance(0.6):
        cuff = b.u(0.03, 0.15)
        cloth = b.role("fabric")
        parts += _chain(np.array([back * cuff, back * length]), np.array([0.045, 0.05]), cloth)
    elif b.chance(0.3):
        parts.append(rod(back * 0.03, back * 0.05, 0.034, 14, b.gray(b.pick(0.08, 0.7), 0.1)))
    return parts


def hand(b: Builder, length: float = 0.45) -> Mesh:
    """Make a flat or bent hand with its forearm.

    Wrist at the origin, fingers along +y, palm down.
    """
    skin = _skin(b)
    bend, spread = b.u(0.0, 0.9), b.u(0.02, 0.22)
    parts = [sphere(0.5, 16, material=skin).scaled((0.09, 0.12, 0.034)).placed(0, 0.05, 0)]
    for k, (x, n) in enumerate(((-0.032, 0.062), (-0.011, 0.076), (0.011, 0.08), (0.032, 0.072))):
        a = (x / 0.032) * spread
        p = np.array([x, 0.092 - 0.004 * abs(k - 2), 0.002])
        points, pitch = [p], 0.0
        for share in (0.45, 0.32, 0.23):
            pitch -= bend * b.u(0.6, 1.0)
            points.append(
                points[-1] + n * share * np.array([np.sin(a) * np.cos(pitch), np.cos(a) * np.cos(pitch), np.sin(pitch)])
            )
        parts += _chain(np.array(points), np.array([0.0095, 0.009, 0.0083, 0.0075]), skin)
    side = b.pick(-1, 1)
    thumb = np.array(
        [[0.025 * side, 0.015, -0.004], [0.055 * side, 0.045, -0.01], [0.066 * side, 0.078, -0.016 - 0.02 * bend]]
    )
    parts += _chain(thumb, np.array([0.014, 0.011, 0.009]), skin)
    return joined(parts + _arm(b, skin, length))


def holding(b: Builder, radius: float, length: float = 0.5) -> Mesh:
    """Make a hand that clasps an upright thing of a `radius` [m] at the origin; its forearm runs along -y."""
    skin, r = _skin(b), radius + 0.009
    parts: list[Mesh] = []
    side = b.pick(-1, 1)
    for k in range(4):
        z = 0.032 - 0.021 * k
        reach = min(0.1 / r, 2.9)
        a = np.linspace(-0.6, -0.6 + reach, 7) - np.pi / 2 + 0.2
        curve = np.stack([side * r * np.cos(a), r * np.sin(a), np.full(7, z)], 1)
        parts += _chain(curve, np.linspace(0.0095, 0.0078, 7), skin)
    a = np.linspace(0.5, 0.5 + min(0.07 / r, 1.6), 4)
    thumb = np.stack([-side * r * np.sin(a), -r * np.cos(a), np.linspace(0.0, 0.03, 4)], 1)
    parts += _chain(thumb, np.array([0.014, 0.012, 0.0105, 0.009]), skin)
    back = r + 0.012
    palm = sphere(0.5, 16, material=skin).scaled((0.1, 0.05, 0.1)).placed(-side * 0.01, -back, 0)
    arm = [m.placed(0, -back - 0.045, -0.01) for m in _arm(b, skin, length)]
    return joined([*parts, palm, *arm])


def gripper(b: Builder) -> Mesh:
    """Make a two-finger gripper with its wrist.

    The fingers point along +y, the tips are near the origin.
    """
    dark, light = b.gray(b.pick(0.06, 0.1, 0.2), 0.03), b.pick(b.gray(b.u(0.5, 0.85), 0.08), b.gray(0.08), b.vivid())
    opening, n = b.u(0.02, 0.05), b.u(0.05, 0.1)
    parts = [box((0.012, n, 0.02), (s * (opening + 0.006), -n / 2, 0), material=b.pick(dark, light)) for s in (-1, 1)]
    parts += [box((0.014, 0.03, 0.024), (s * (opening + 0.005), -0.015, 0), material=dark) for s in (-1, 1)]
    parts.append(box((0.16, 0.06, 0.06), (0, -n - 0.03, 0), material=light))
    parts.append(box((0.1, 0.06, 0.07), (0, -n - 0.08, 0), material=dark))
    parts.append(rod((0, -n - 0.1, 0), (0, -n - 0.3, 0), b.u(0.03, 0.05), 18, light))
    return joined(parts)


def robot_arm(b: Builder) -> Mesh:
    """Make a gripper that points down at the origin.

    On an arm that comes from -y.
    """
    down = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], float)
    light = b.pick(b.gray(0.9, 0.05), b.solid((0.85, 0.4, 0.1), 0.03), b.gray(0.25, 0.04))
    elbow, base = np.array([0, -0.05, 0.4]), np.array([b.u(-0.2, 0.2), -0.6, b.u(0.3, 0.7)])
    parts = [
        gripper(b).transformed(down),
        rod((0, 0, 0.35), elbow, 0.05, 14, light),
        rod(elbow, base, 0.055, 14, light),
    ]
    parts += [
        sphere(0.065, 14, material=light).placed(*elbow),
        cylinder(0.06, 0.12, 16, material=light).placed(0, 0, 0.3),
    ]
    return joined(parts)
