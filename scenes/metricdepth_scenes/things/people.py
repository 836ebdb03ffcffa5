"""People on foot and on bicycles."""

from __future__ import annotations

import numpy as np

from metricdepth_scenes.builder import Builder, Piece
from metricdepth_scenes.meshes import Mesh, box, lathe, rod, sphere
from metricdepth_scenes.models import model_piece


def person(b: Builder, seated: bool = False) -> Piece:
    """Build a clothed person.

    1.5 to 1.95 m.
    """
    if b.chance(0.3):
        found = model_piece(b, "person", lambda s: (s[1] < 1.32) == seated, across=False)
        if found:
            return found
    tall = float(np.clip(b.rng.normal(1.71, 0.09), 1.5, 1.95))
    s = tall / 1.75
    shirt, trousers, shoe = b.role("fabric"), b.role("fabric"), b.gray(0.1)
    skin = b.solid(np.array(b.pick((0.85, 0.65, 0.53), (0.75, 0.54, 0.42), (0.45, 0.3, 0.22))))
    hair = b.solid(np.array(b.pick((0.1, 0.08, 0.07), (0.35, 0.24, 0.15), (0.6, 0.5, 0.35), (0.5, 0.5, 0.5))))
    swing = b.u(-0.25, 0.25)
    hip = 0.48 if seated else 0.9
    parts: list[Mesh] = []
    for side in (-1, 1):
        x, y = side * 0.095, side * swing
        if seated:
            parts += [
                rod((x, 0, hip), (x, -0.42, hip), 0.075, 8, trousers),
                rod((x, -0.42, hip), (x, -0.45, 0.06), 0.055, 8, trousers),
            ]
            parts.append(box((0.1, 0.26, 0.08), (x, -0.5, 0.04), material=shoe))
        else:
            parts += [
                rod((x, 0, hip), (x, y * 0.5 - 0.02, 0.48), 0.08, 8, trousers),
                rod((x, y * 0.5 - 0.02, 0.48), (x, y, 0.07), 0.058, 8, trousers),
            ]
            parts.append(box((0.1, 0.27, 0.08), (x, y - 0.05, 0.04), material=shoe))
        shoulder, elbow = (side * 0.2, 0, hip + 0.5), (side * 0.27, -y * 0.6 + 0.03, hip + 0.24)
        hand = (side * 0.24, -y - b.u(0.03, 0.3), hip + b.u(-0.02, 0.2))
        parts += [
            rod(shoulder, elbow, 0.048, 8, shirt),
            rod(elbow, hand, 0.04, 8, b.pick(shirt, skin)),
            sphere(0.045, 8, material=skin).placed(*hand),
        ]
    parts.append(
        lathe([(0.13, 0), (0.165, 0.06), (0.15, 0.25), (0.2, 0.48), (0.15, 0.56), (0.06, 0.58), (0, 0.6)], 14, shirt)
        .scaled((1, 0.62, 1))
        .placed(0, 0, hip - 0.06)
    )
    parts += [
        rod((0, 0, hip + 0.5), (0, -0.01, hip + 0.62), 0.055, 8, skin),
        sphere(0.105, 14, 1.2, skin).placed(0, -0.02, hip + 0.72),
    ]
    parts.append(sphere(0.113, 12, 1.15, hair).placed(0, 0.012, hip + 0.745))
    return Piece([p.scaled(s) for p in parts], 0.55, 0.4, tall if not seated else 1.3)


def bicycle(b: Builder) -> Piece:
    """Build a bicycle with nobody on it."""
    return cyclist(b, ridden=0.0)


def cyclist(b: Builder, ridden: float = 0.75) -> Piece:
    """Build a bicycle.

    With probability `ridden` with somebody on it.
    """
    m, dark = b.vivid(), b.solid((0.08, 0.08, 0.08))
    lay = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]], float)
    parts: list[Mesh] = []
    for y in (-0.52, 0.52):
        ring = [(0.33 + 0.02 * np.cos(a), 0.02 * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 7)]
        parts.append(lathe(ring, 20, dark).transformed(lay, (0, y, 0.35)))
        parts += [
            rod(
                (0, y + 0.33 * np.cos(a), 0.35 + 0.33 * np.sin(a)),
                (0, y - 0.33 * np.cos(a), 0.35 - 0.33 * np.sin(a)),
                0.006,
                4,
                dark,
            )
            for a in np.arange(0, np.pi, 0.52)
        ]
    bars = [
        ((0, 0.52, 0.35), (0, 0.1, 0.35)),
        ((0, 0.1, 0.35), (0, 0.22, 0.95)),
        ((0, 0.2, 0.85), (0, -0.38, 0.9)),
        ((0, 0.1, 0.35), (0, -0.36, 0.8)),
        ((0, -0.52, 0.35), (0, -0.36, 1.05)),
        ((-0.28, -0.34, 1.05), (0.28, -0.34, 1.05)),
        ((0, 0.52, 0.35), (0, 0.2, 0.85)),
    ]
    parts += [rod(p, q, 0.018, 6, m) for p, q in bars]
    parts.append(box((0.14, 0.26, 0.06), (0, 0.24, 0.98), material=dark))
    rider = b.chance(ridden)
    if rider:
        parts += [q.placed(0, 0.2, 0.5) for q in person(b, seated=True).meshes]
    return Piece(parts, 0.6, 1.75, 1.8 if rider else 1.08)
