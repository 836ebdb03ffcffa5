"""Vans, lorries and buses."""

from __future__ import annotations

import numpy as np

from metricdepth_scenes.builder import Builder, Piece
from metricdepth_scenes.meshes import box, cylinder, quad
from metricdepth_scenes.models import model_piece
from metricdepth_scenes.things.cars import car_paint, hull, proportioned


def van(b: Builder) -> Piece:
    """Build a van, lorry or bus."""
    if b.chance(0.3) and (found := model_piece(b, "vehicle", lambda s: s[1] > 2, across=False)):
        return proportioned(found, b.u(4.9, 9.0), b.u(1.95, 2.4), b.u(2.1, 3.2))
    length, width, height = b.u(4.6, 6.5), b.u(1.9, 2.1), b.u(1.95, 2.6)
    paint, glass = car_paint(b), b.solid((0.07, 0.08, 0.09), 0.2)
    dark = b.solid((0.06, 0.06, 0.06))
    y = np.array([-0.5, -0.47, -0.38, -0.24, 0.48, 0.5]) * length
    high = np.array([0.45, 0.52, 0.56, 1.0, 1.0, 0.95]) * height
    parts = [hull(y, np.array([0.9, 0.97, 1, 1, 1, 0.97]) * width / 2, np.full(6, 0.25), high, paint)]
    c = [
        (-width * 0.43, y[2] - 0.03, height * 0.6),
        (width * 0.43, y[2] - 0.03, height * 0.6),
        (width * 0.4, y[3] - 0.06, height * 0.93),
        (-width * 0.4, y[3] - 0.06, height * 0.93),
    ]
    parts.append(quad(c, (1, 1), glass))
    for s in (-1, 1):
        parts.append(
            box(
                (0.02, length * 0.14, height * 0.28), (s * width / 2 * 0.985, y[3] + 0.5, height * 0.74), material=glass
            )
        )
        parts.append(
            box(
                (width * 0.36, 0.03, height * 0.25),
                (s * width * 0.21, length / 2 + 0.005, height * 0.72),
                material=glass,
            )
        )
        parts.append(
            box(
                (0.14, 0.04, 0.4),
                (s * width * 0.43, length / 2 + 0.005, height * 0.45),
                material=b.solid((0.6, 0.06, 0.05)),
            )
        )
        for ty in (-0.3, 0.3):
            lay = np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]], float)
            parts.append(
                cylinder(0.34, 0.24, 18, material=dark)
                .placed(0, 0, -0.12)
                .transformed(lay, (s * (width / 2 - 0.1), ty * length, 0.34))
            )
    return Piece(parts, width, length, height)
