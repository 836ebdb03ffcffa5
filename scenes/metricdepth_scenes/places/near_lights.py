"""Light of scenes seen from near: lamps, windows, a lamp at the camera."""

from __future__ import annotations

import numpy as np

from metricdepth_scenes.builder import AreaLight, Builder, Light
from metricdepth_scenes.materials import horizon_view
from metricdepth_scenes.places.walls import Room


def lamp_towards(position: np.ndarray, target: np.ndarray, size: float, color: np.ndarray) -> AreaLight:
    """Make a square lamp of `size` [m] that gives about `color` as irradiance at the target."""
    forward = target - position
    away = float(np.linalg.norm(forward))
    n = forward / away
    u = np.cross(n, (0, 0, 1.0) if abs(n[2]) < 0.9 else (1.0, 0, 0))
    u = u / np.linalg.norm(u) * size
    v = np.cross(n, u)
    return AreaLight(position - u / 2 - v / 2, u, v, color * np.pi * (away * away + 0.02) / (size * size))


def near_light(b: Builder, at: np.ndarray, room: Room, roofless: bool, dark: float = 0.15) -> Light:
    """Draw the light around a point.

    Lamps of the room, overhead panels, a window, one hard lamp, sun, or a lamp at the camera.

    Args:
        b: builder of the scene.
        at: point that the lamps light [m], (3,).
        room: room around it.
        dark: share of places lit only by one lamp or the camera's lamp.
        roofless: allow the light of open sky.
    """
    warm = np.array(b.pick((1, 0.93, 0.82), (1, 0.82, 0.6), (0.95, 1, 1.02), (1, 1, 1), (0.9, 0.97, 1.08)))
    ambient = float(np.exp(b.u(np.log(0.12), np.log(0.7))))
    areas = list(b.areas)
    spots: list[AreaLight] = []
    head = None
    sun = None
    kind = (
        "dark"
        if b.chance(dark)
        else b.pick("room", "over", "over", "window", "lamp", "sun" if roofless else "room", "head")
    )
    if kind == "room" and not areas:
        kind = "over"
    if kind != "room":
        areas = []
    high = room.height - at[2] - 0.05

    def place(turn: float, pitch: float, away: float) -> np.ndarray:
        p = at + away * np.array([np.cos(turn) * np.cos(pitch), np.sin(turn) * np.cos(pitch), np.sin(pitch)])
        return np.clip(p, [0.1, 0.1, 0.1], [room.width - 0.1, room.depth - 0.1, at[2] + high])

    around = b.u(0, 2 * np.pi)
    if kind == "over":
        for _ in range(int(b.rng.integers(1, 4))):
            areas.append(
                lamp_towards(place(b.u(0, 6.3), b.u(0.8, 1.57), b.u(1.0, 2.4)), at, b.u(0.2, 1.0), warm * b.u(0.4, 1.4))
            )
    elif kind == "window":
        areas.append(
            lamp_towards(
                place(around, b.u(0.1, 0.6), b.u(1.2, 2.6)),
                at,
                b.u(0.8, 1.6),
                np.array([0.95, 1, 1.08]) * b.u(0.8, 2.2),
            )
        )
    elif kind == "lamp":
        spots.append(
            lamp_towards(place(around, b.u(0.5, 1.3), b.u(0.45, 1.2)), at, b.u(0.004, 0.02), warm * b.u(0.8, 2.5))
        )
        ambient *= 0.5
    elif kind == "sun":
        pitch = b.u(0.35, 1.3)
        sun = np.array([np.cos(around) * np.cos(pitch), np.sin(around) * np.cos(pitch), np.sin(pitch)])
    elif kind in ("head", "dark"):
        ambient *= 0.25 if kind == "dark" else 0.7
        if kind == "head" or b.chance(0.5):
            size = b.u(0.004, 0.012)
            corner = np.array([b.u(-0.04, 0.04) - size / 2, b.u(-0.05, 0.02) + size / 2, -0.01])
            # cross(u, v) points along the view (+z).
            bright = warm * b.u(0.25, 0.7) / (size * size)
            head = AreaLight(corner, np.array([size, 0, 0]), np.array([0, size, 0]), bright)
        else:
            spots.append(
                lamp_towards(place(around, b.u(0.3, 1.4), b.u(0.5, 1.6)), at, b.u(0.004, 0.02), warm * b.u(0.5, 1.6))
            )
    tint = np.exp(b.rng.normal(0, 0.05, 3)) * ambient
    return Light(
        tuple(areas[:4]),
        sun,
        np.array([1, 0.95, 0.85]) * b.u(1.0, 4.0),
        tint,
        horizon_view(b.rng),
        spots=tuple(spots),
        headlamp=head,
        reach=b.u(0.3, 0.8),
    )
