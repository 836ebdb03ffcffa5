"""Tools, hardware and circuit boards of real size."""

from __future__ import annotations

import numpy as np

from metricdepth_scenes.builder import Builder, Piece
from metricdepth_scenes.meshes import Mesh, box, cylinder, lathe, rod, standing_box
from metricdepth_scenes.things.packaging import label, lying, thing


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
