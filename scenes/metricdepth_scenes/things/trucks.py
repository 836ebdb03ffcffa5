"""Build trucks, articulated lorries and buses of real size."""

from __future__ import annotations

import numpy as np

from metricdepth_scenes.builder import Builder, Piece
from metricdepth_scenes.meshes import Mesh, box, cylinder, standing_box
from metricdepth_scenes.things.cars import car_paint

_LAY = np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]], float)


def _wheels(b: Builder, parts: list[Mesh], width: float, ys: tuple[float, ...], radius: float) -> None:
    dark, rim = b.solid((0.05, 0.05, 0.05)), b.role("metal", 0.2)
    for y in ys:
        for s in (-1, 1):
            at = (s * (width / 2 - 0.16), y, radius)
            parts.append(
                cylinder(radius, 0.3, 16, material=dark).placed(0, 0, -0.15).transformed(_LAY, at),
            )
            parts.append(
                cylinder(radius * 0.55, 0.31, 12, material=rim).placed(0, 0, -0.155).transformed(_LAY, at),
            )


def _lights(b: Builder, parts: list[Mesh], width: float, length: float, low: float) -> None:
    front, back = b.glowing((0.9, 0.9, 0.86)), b.glowing((0.6, 0.06, 0.05), night=2.0)
    for s in (-1, 1):
        parts.append(box((0.34, 0.04, 0.18), (s * width * 0.38, -length / 2 - 0.01, low), material=front))
        parts.append(box((0.3, 0.04, 0.16), (s * width * 0.4, length / 2 + 0.01, low + 0.1), material=back))
    parts.append(box((0.52, 0.02, 0.12), (0, length / 2 + 0.01, low), material=b.solid((0.9, 0.9, 0.85))))


def truck(b: Builder) -> Piece:
    """Build a rigid truck or an articulated lorry.

    6 to 16.5 m long and up to 4 m high; nose towards -y.
    """
    long = b.chance(0.45)
    length = b.u(14.0, 16.5) if long else b.u(6.0, 9.5)
    width, height = (2.5, b.u(3.7, 4.0)) if long else (b.u(2.2, 2.5), b.u(2.9, 3.7))
    cab_long, cab_high = b.u(1.7, 2.3), min(height - 0.1, b.u(2.6, 3.6))
    nose = -length / 2
    paint, dark, glass = car_paint(b), b.solid((0.07, 0.07, 0.07)), b.solid((0.07, 0.08, 0.09), 0.2)
    parts = [
        standing_box((width * 0.97, cab_long, cab_high - 0.4), 0, nose + cab_long / 2, 0.4, material=paint),
        box((width * 0.85, 0.06, 0.8), (0, nose - 0.01, min(cab_high - 0.65, 2.2)), material=glass),
        box((width * 0.7, 0.05, 0.55), (0, nose - 0.01, 1.05), material=dark),
        box((width, 0.3, 0.35), (0, nose + 0.1, 0.5), material=dark),
    ]
    for s in (-1, 1):
        parts.append(box((0.03, cab_long * 0.5, 0.7), (s * width * 0.485, nose + cab_long * 0.4, 1.95), material=glass))
        parts.append(box((0.2, 0.12, 0.5), (s * (width / 2 + 0.1), nose - 0.02, 2.0), material=dark))
    body = b.pick("box", "box", "box", "curtain", "tank", "flat")
    start, floor = nose + cab_long + 0.3, b.u(0.9, 1.25)
    stretch = length / 2 - start
    middle = start + stretch / 2
    parts.append(standing_box((width * 0.9, stretch, 0.25), 0, middle, floor - 0.25, material=dark))
    if body == "tank":
        shell = cylinder(1.0, stretch, 18, material=b.role("metal", 0.5)).transformed(
            np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], float), (0, start, floor + 1.1)
        )
        parts.append(shell.scaled((1.15, 1, 1)))
    elif body == "flat":
        parts.append(standing_box((width, stretch, 0.5), 0, middle, floor, material=car_paint(b)))
        load = b.role(b.pick("wood", "concrete", "metal", "soil"), 0.5)
        parts.append(standing_box((width * 0.85, stretch * 0.8, b.u(0.4, 1.4)), 0, middle, floor + 0.2, material=load))
    else:
        side = b.gray(b.u(0.6, 0.95), 0.02) if b.chance(0.5) else car_paint(b)
        parts.append(standing_box((width, stretch, height - floor), 0, middle, floor, material=side))
        if b.chance(0.6):
            for s in (-1, 1):
                parts.append(
                    box(
                        (0.02, stretch * b.u(0.3, 0.7), b.u(0.5, 1.2)),
                        (s * (width / 2 + 0.005), middle, (floor + height) / 2),
                        material=b.vivid(),
                    )
                )
        for x in (-0.02, 0.02) if body == "box" else ():
            parts.append(box((0.02, 0.03, height - floor - 0.2), (x, length / 2, (floor + height) / 2), material=dark))
    back = (length / 2 - 0.9, length / 2 - 2.1) if not long else tuple(length / 2 - d for d in (1.2, 2.5, 3.8))
    _wheels(b, parts, width, (nose + 1.0, *back[: (3 if long else b.pick(1, 2))]), 0.48)
    _lights(b, parts, width, length, 0.75)
    return Piece(parts, width, length, height)


def bus(b: Builder) -> Piece:
    """Build a city bus or coach.

    10.5 to 13 m long and 2.9 to 3.6 m high; nose towards -y.
    """
    length, width, height = b.u(10.5, 13.0), 2.55, b.u(2.9, 3.6)
    paint, trim = (car_paint(b), b.vivid())
    dark, glass = b.solid((0.07, 0.07, 0.07)), b.solid((0.08, 0.09, 0.1), 0.2)
    parts = [
        standing_box((width, length, height - 0.3), 0, 0, 0.3, material=paint),
        standing_box((width + 0.01, length * 0.99, b.u(0.2, 0.7)), 0, 0, 0.35, material=trim),
        box((width * 0.9, 0.06, 1.5), (0, -length / 2 - 0.005, height * 0.55), material=glass),
        box((width * 0.75, 0.05, 0.9), (0, length / 2 + 0.005, height * 0.66), material=glass),
        box(
            (width * 0.6, 0.07, 0.25),
            (0, -length / 2 - 0.01, height - 0.25),
            material=b.glowing((0.9, 0.6, 0.15), day=1.0),
        ),
    ]
    count = int(length / 1.55)
    for s in (-1, 1):
        for k in range(count):
            y = -length / 2 + length * (k + 0.5) / count
            parts.append(
                box((0.03, length / count * 0.92, 1.05), (s * (width / 2 + 0.002), y, height * 0.62), material=glass)
            )
    for y in (-length / 2 + 1.3, 0.3, length / 2 - 3.0):
        parts.append(box((0.04, 1.15, 2.0), (width / 2 + 0.005, y, 1.35), material=glass))
    _wheels(b, parts, width + 0.04, (-length / 2 + 2.6, length / 2 - 3.2), 0.48)
    parts.append(box((width, 0.1, 0.3), (0, -length / 2, 0.5), material=dark))
    _lights(b, parts, width, length, 0.7)
    return Piece(parts, width, length, height)
