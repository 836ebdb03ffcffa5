"""Loose goods of real size: fruit, tools, toys, tableware, boards and textiles."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np

from metricdepth_scenes.builder import Builder, Piece
from metricdepth_scenes.meshes import box, cylinder, joined, lathe, rod, sphere, standing_box
from metricdepth_scenes.things.containers import cup
from metricdepth_scenes.things.desk_things import (
    plush,
)
from metricdepth_scenes.things.packaging import _sheet, lying, thing


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
