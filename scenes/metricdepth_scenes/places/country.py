"""Open country."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from metricdepth_scenes.builder import Builder, Piece, Scene
from metricdepth_scenes.meshes import foliage, grid, standing_box
from metricdepth_scenes.places.daylight import FAR, outdoor_scene
from metricdepth_scenes.places.views import open_view, road_view
from metricdepth_scenes.things.cars import car
from metricdepth_scenes.things.houses import house
from metricdepth_scenes.things.people import person
from metricdepth_scenes.things.plants import hedge, tree_kind
from metricdepth_scenes.things.street_furniture import fence


def country(b: Builder) -> Scene:
    """Build a road or path through rolling fields and woods."""
    xs = np.concatenate([np.linspace(-FAR, -40, 28), np.linspace(-38, 38, 60), np.linspace(40, FAR, 28)])
    ys = np.concatenate([np.linspace(-60, 60, 70), np.linspace(64, FAR, 40)])
    amp, wave = b.u(0.3, 9), b.rng.uniform(0, 6.28, 6)
    half = b.pick(b.u(2.4, 4.0), b.u(0.8, 1.5))
    bend = b.u(-1, 1) * b.pick(0, 0.0008, 0.003)

    def rise(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return amp * (
            np.sin(x / 47 + wave[0]) * np.cos(y / 61 + wave[1])
            + 0.35 * np.sin(x / 17 + wave[2]) * np.sin(y / 23 + wave[3])
        )

    def height(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        off = np.abs(x - bend * y * y)
        blend = np.clip((off - half - 1) / 14, 0, 1)
        return (rise(x, y) * blend + 0.25 * rise(bend * y * y, y) * (1 - blend)).astype(np.float64)

    gx, gy = np.meshgrid(xs, ys)
    b.add(grid(xs, ys, height(gx, gy) - 0.03, b.role(b.pick("grass", "grass", "soil"), 1.0)))
    if b.chance(0.85):
        tarmac = half > 2
        line = np.linspace(-60, 300, 240)
        across = np.linspace(-half, half, 3)
        strip = grid(across, line, np.zeros((240, 3)), b.role("asphalt" if tarmac else "soil", 1.0))
        moved = strip.tri.copy()
        moved[..., 0] += bend * moved[..., 1] ** 2
        moved[..., 2] = height(bend * moved[..., 1] ** 2, moved[..., 1]) + 0.02
        b.add(replace(strip, tri=moved))
    kinds = [tree_kind(b) for _ in range(4)]

    def set_down(piece: Piece, x: float, y: float, yaw: float) -> None:
        b.put(piece, x, y, float(height(np.array(x), np.array(y))) - 0.05, yaw)

    for _ in range(int(b.rng.poisson(b.pick(12, 40, 90)))):
        x, y = b.u(-90, 90), b.u(-30, 200)
        if abs(x - bend * y * y) > half + 1.5:
            set_down(kinds[int(b.rng.integers(4))], x, y, b.u(0, 6))
    if b.chance(0.6):
        y0, s = b.u(-20, 20), b.pick(-1, 1)
        for k in range(8):
            set_down(b.pick(hedge, fence)(b, 8.0), s * (half + 2.5) + bend * (y0 + 8 * k) ** 2, y0 + 8 * k, np.pi / 2)
    for _ in range(int(b.rng.poisson(1.2))):
        x, y = b.pick(-1, 1) * b.u(14, 60), b.u(20, 120)
        set_down(house(b, b.u(8, 16), storeys=int(b.rng.integers(1, 3))), x, y, b.u(0, 6.3))
    for _ in range(int(b.rng.poisson(2))):
        y = b.u(8, 90)
        x = bend * y * y
        if half > 2:
            set_down(car(b), x + half * b.pick(-0.5, 0.5), y, b.pick(0, np.pi))
        else:
            set_down(person(b), x, y, b.u(0, 6))
    for _ in range(int(b.rng.poisson(20))):
        x, y = b.u(-12, 12), b.u(-5, 40)
        if abs(x - bend * y * y) > half + 0.5:
            s = b.u(0.1, 0.7)
            set_down(_stone_or_bush(b, s), x, y, b.u(0, 6))
    if b.chance(0.55):
        base = float(height(np.array(0.0), np.array(2.0)))
        return outdoor_scene(b, road_view(half, half + 1.5, 200, base), "street")
    return outdoor_scene(b, open_view(20, lambda x, y: float(height(np.array(x), np.array(y)))), "walk")


def _stone_or_bush(b: Builder, size: float) -> Piece:
    if b.chance(0.3):
        mesh = standing_box((size, size * 0.8, size * 0.6), material=b.role("concrete", 0.1))
    else:
        mesh = foliage(b.rng, 60, (size, size, size), 0.08, b.role("leaves", 0.2)).placed(0, 0, size * 0.6)
    return Piece([mesh], size, size, size)
