"""Ceilings with their lamps, and the light of a finished room."""

from __future__ import annotations

import numpy as np

from metricdepth_scenes.builder import AreaLight, Builder, Light
from metricdepth_scenes.materials import Material, horizon_view
from metricdepth_scenes.meshes import box, lathe, rod, sphere
from metricdepth_scenes.models import model_piece
from metricdepth_scenes.places.walls import Room


def ceiling(b: Builder, room: Room) -> None:
    """Add a room's ceiling and lamps.

    At most three lights shine, as brightly as all together.
    """
    w, d, h = room.width, room.depth, room.height
    b.level(0, w, 0, d, h, b.role("ceiling", 1.0) if b.chance(0.5) else b.gray(b.u(0.85, 0.96)))
    warm = np.array(b.pick((1, 0.93, 0.82), (1, 0.85, 0.65), (0.95, 1, 1), (1, 1, 1)))
    bright = b.u(0.6, 2.2) if b.chance(0.75) else 0.05
    glow = b.number(Material(b.palette.solid(np.clip(warm, 0, 0.97)).levels, 0.7, glow=4.0 if bright > 0.1 else 0.5))
    lights: list[AreaLight] = []
    if b.chance(0.35) or w * d > 45:
        n, m = max(1, round(w / 3)), max(1, round(d / 3))
        wide, deep = b.pick((0.6, 0.6), (1.2, 0.3), (1.5, 0.15))
        for i in range(n):
            for j in range(m):
                x, y = w * (i + 0.5) / n, d * (j + 0.5) / m
                b.add(box((wide, deep, 0.03), (x, y, h - 0.01), material=glow))
                lights.append(_lamp(x, y, h - 0.03, wide, deep, bright * h * h / (n * m) ** 0.5, warm))
    else:
        x, y = w * b.u(0.3, 0.7), d * b.u(0.3, 0.7)
        found = model_piece(b, "lamp", lambda s: s[0] > 0.4 and s[1] > 0.25) if b.chance(0.3) else None
        if found and h > 2.4 + found.height * 0.3:
            b.put(found, x, y, h - found.height, solid=False)
        elif b.chance(0.5):
            b.add(lathe([(b.u(0.12, 0.28), 0), (0.05, 0.12), (0, 0.12)], 18, glow).placed(x, y, h - 0.12))
        else:
            drop = b.u(0.3, 0.7)
            b.add(
                rod((x, y, h), (x, y, h - drop), 0.004, 5, b.role("metal", 0.2)),
                sphere(b.u(0.1, 0.2), 16, material=glow).placed(x, y, h - drop - 0.1),
            )
        lights.append(_lamp(x, y, h - 0.9 if h > 3 else h - 0.05, 0.35, 0.35, bright * h * h * 0.8, warm))
    b.rng.shuffle(lights)
    few = lights[:3]
    gain = len(lights) / len(few)
    b.areas += [AreaLight(a.corner, a.edge_u, a.edge_v, a.color * gain) for a in few]


def _lamp(x: float, y: float, z: float, w: float, d: float, strength: float, color: np.ndarray) -> AreaLight:
    corner = np.array([x - w / 2, y + d / 2, z])
    return AreaLight(corner, np.array([w, 0, 0]), np.array([0, -d, 0]), color * strength / (w * d) * 0.5)


def indoor_light(b: Builder) -> Light:
    """Build the light of a finished room.

    Sometimes with sun through its windows.
    """
    brightness = float(np.exp(b.u(np.log(0.12), np.log(0.8))))
    tint = np.exp(b.rng.normal(0, 0.04, 3))
    sun = None
    if b.chance(0.3):
        d = np.array([b.u(-1, 1), b.u(-1, 1), b.u(0.4, 1.0)])
        sun = d / np.linalg.norm(d)
    areas = sorted(b.areas, key=lambda a: -float(np.linalg.norm(np.cross(a.edge_u, a.edge_v)) * a.color.mean()))[:4]
    sky = horizon_view(b.rng)
    return Light(tuple(areas), sun, np.array([1, 0.95, 0.85]) * b.u(2, 7), tint * brightness, sky)
