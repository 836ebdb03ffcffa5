"""Buildings with windows and doors of real size: blocks with flat or pitched roofs, garages."""

from __future__ import annotations

import numpy as np

from metricdepth_scenes.builder import Builder, Piece
from metricdepth_scenes.meshes import Mesh, box, quad, soup, standing_box


def house(b: Builder, width: float, depth: float | None = None, storeys: int | None = None) -> Piece:
    """Build a house, its front along -y.

    Storeys of 2.7 to 3.4 m, rows of windows, a door, roof.
    """
    depth = depth or b.u(7, 14)
    storeys = storeys or int(b.rng.integers(1, 6))
    storey = b.u(2.7, 3.4)
    height = storeys * storey + b.u(0.2, 0.8)
    wall = b.role("facade", 0.5)
    trim, glass = b.gray(b.pick(0.9, 0.92, 0.4, 0.15)), b.solid((0.09, 0.1, 0.12), 0.2)
    parts: list[Mesh] = [standing_box((width, depth, height), material=wall)]
    if b.chance(0.4):
        parts.append(
            standing_box(
                (width + 0.04, depth + 0.04, b.u(0.3, 3.0)), material=b.role(b.pick("concrete", "brick", "facade"), 0.5)
            )
        )
    _windows(b, parts, width, depth, storeys, storey, trim, glass)
    _side_windows(b, parts, width, depth, storeys, storey, trim, glass)
    roof = b.role("roof", 0.6)
    if b.chance(0.65):
        rise, eave = b.u(1.5, 4.0), 0.4
        w, d = width / 2 + 0.15, depth / 2 + eave
        ridge_y = b.chance(0.6)
        for s in (-1, 1):
            if ridge_y:
                eaves, slope = [(-w * s, s * d, height), (w * s, s * d, height)], (2 * w, float(np.hypot(d, rise)))
                ridge = [(w * s, 0.0, height + rise), (-w * s, 0.0, height + rise)]
                gable = [(s * width / 2, y, z) for y, z in ((-d, height), (d, height), (0, height + rise))]
            else:
                out = s * (w + 0.3)
                eaves, slope = [(out, d * s, height), (out, -d * s, height)], (2 * d, float(np.hypot(w, rise)))
                ridge = [(0.0, -d * s, height + rise), (0.0, d * s, height + rise)]
                tip = (0, height + rise * 0.93)
                gable = [(x, s * depth / 2, z) for x, z in ((-width / 2, height), (width / 2, height), tip)]
            parts += [quad([*eaves, *ridge], slope, roof), soup(np.array([gable]), material=wall)]
        if b.chance(0.6):
            parts.append(
                standing_box((0.6, 0.6, rise + 1), b.u(-0.3, 0.3) * width, 0.1, height, material=b.role("brick", 0.5))
            )
        height += rise
    else:
        parts.append(standing_box((width + 0.2, depth + 0.2, 0.3), z=height, material=b.role("concrete", 0.5)))
    return Piece(parts, width, depth, height)


def _windows(
    b: Builder, parts: list[Mesh], width: float, depth: float, storeys: int, storey: float, trim: int, glass: int
) -> None:
    wide, tall, sill = b.u(0.8, 1.6), b.u(1.1, 1.8), b.u(0.7, 1.0)
    n = max(1, int(width / (wide + b.u(0.6, 1.8))))
    pitch = width / n
    door = int(b.rng.integers(n))
    shop = b.chance(0.2)
    balcony = b.chance(0.2)
    y = -depth / 2
    for level in range(storeys):
        z = level * storey + 0.2
        for k in range(n):
            x = -width / 2 + pitch * (k + 0.5)
            if level == 0 and k == door:
                parts += [
                    box((1.15, 0.1, 2.25), (x, y, 1.12), material=trim),
                    box((0.98, 0.12, 2.08), (x, y, 1.1), material=b.role("wood", 0.3)),
                ]
            elif level == 0 and shop:
                parts += [
                    box((pitch * 0.88, 0.1, 2.5), (x, y, 1.4), material=trim),
                    box((pitch * 0.8, 0.12, 2.3), (x, y, 1.4), material=glass),
                ]
            else:
                parts += _pane(x, y - 0.01, z + sill + tall / 2, wide, tall, trim, glass, 0)
                if b.chance(0.12):
                    parts.append(
                        box((wide, 0.13, tall * 0.5), (x, y, z + sill + tall * 0.75), material=b.role("wood", 0.2))
                    )
                if balcony and level > 0 and k % 2 == 0:
                    parts += [
                        box((wide + 1.2, 1.1, 0.15), (x, y - 0.55, z - 0.05), material=b.role("concrete", 0.2)),
                        box((wide + 1.2, 0.05, 1.0), (x, y - 1.08, z + 0.5), material=trim),
                    ]
    if shop:
        parts.append(box((width * 0.9, 0.25, 0.5), (0, y - 0.1, 2.95), material=b.vivid()))


def _side_windows(
    b: Builder, parts: list[Mesh], width: float, depth: float, storeys: int, storey: float, trim: int, glass: int
) -> None:
    n = max(1, int(depth / 4))
    for s in (-1, 1):
        for level in range(storeys):
            for k in range(n):
                if b.chance(0.7):
                    y = -depth / 2 + depth * (k + 0.5) / n
                    parts += _pane(s * width / 2, y, level * storey + 1.75, 1.0, 1.3, trim, glass, 1)


def _pane(x: float, y: float, z: float, wide: float, tall: float, trim: int, glass: int, axis: int) -> list[Mesh]:
    def part(w: float, thick: float, h: float, material: int, dz: float = 0.0) -> Mesh:
        return box((w, thick, h) if axis == 0 else (thick, w, h), (x, y, z + dz), material=material)

    return [
        part(wide + 0.14, 0.06, tall + 0.14, trim),
        part(wide, 0.08, tall, glass),
        part(0.06, 0.1, tall, trim),
        part(wide + 0.3, 0.22, 0.06, trim, -tall / 2 - 0.05),
    ]
