"""Draw where cameras sit on vehicles and robots, and where people on foot hold them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from metricdepth_scenes.builder import Builder, Obstacle, Piece
from metricdepth_scenes.cameras import look
from metricdepth_scenes.meshes import box, rod
from metricdepth_scenes.places.roads import Lane
from metricdepth_scenes.places.views import View
from metricdepth_scenes.things.cars import car

Warp = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Host:
    """Vehicle that carries a camera.

    A point of the world [m], its heading [rad], places (right, ahead, up) [m].
    """

    x: float
    y: float
    heading: float
    places: tuple[tuple[float, float, float, float], ...]


def host_car(b: Builder, lane: Lane, along: float) -> Host:
    """Set a car on a lane whose body the camera sees: mountings at the windscreen, the mirrors and the rear."""
    piece = car(b)
    while len(piece.meshes) < 4:  # a downloaded model has no known windscreen
        piece = car(b)
    x, y = lane.x + np.cos(lane.heading) * along, lane.y + np.sin(lane.heading) * along
    b.put(piece, x, y, 0, lane.heading + np.pi / 2)
    long, high, wide = piece.depth, piece.height, piece.width
    front = tuple(
        (b.u(-0.3, 0.3), (0.5 - t) * long, high * (0.64 + (t - 0.27) * 2.2) + 0.1, 0.0) for t in (0.31, 0.36, 0.4)
    )
    rear = ((0.0, -long * 0.44, high * 0.78 + 0.12, np.pi), (0.0, -long * 0.52, 0.95, np.pi))
    sides = tuple((s * (wide / 2 + 0.2), long * 0.16, 1.05, -s * np.pi / 2) for s in (-1, 1))
    return Host(float(x), float(y), lane.heading, (*front, *front, *rear, *sides))


def host_cabin(b: Builder, lane: Lane, along: float) -> Host:
    """Build the dash board.

    Pillars and roof edge around a camera behind a windscreen.
    """
    h = b.u(1.15, 1.6) if b.chance(0.75) else b.u(2.2, 2.8)
    dark = b.gray(b.u(0.04, 0.2), b.pick(0.0, 0.04))
    parts = [
        box((1.6, 0.5, 0.12), (0, -0.8, h - b.u(0.3, 0.45)), material=dark),
        box((1.7, 0.2, 0.12), (0, -0.3, h + b.u(0.3, 0.4)), material=dark),
    ]
    for s in (-1, 1):
        parts.append(rod((s * 0.72, -0.85, h - 0.35), (s * 0.6, -0.2, h + 0.38), b.u(0.03, 0.05), 7, dark))
        parts.append(box((0.08, 1.6, 0.25), (s * 0.8, 0.0, h - 0.42), material=dark))
        parts.append(box((0.08, 0.14, 0.8), (s * 0.76, 0.45, h), material=dark))
    if b.chance(0.5):
        parts.append(box((0.22, 0.03, 0.07), (0.1, -0.5, h + 0.2), material=dark))
    x, y = lane.x + np.cos(lane.heading) * along, lane.y + np.sin(lane.heading) * along
    b.put(Piece(parts, 1.7, 2.0, h + 0.4), x, y, 0, lane.heading + np.pi / 2, solid=False)
    ahead = tuple((b.u(-0.35, 0.35), b.u(-0.1, 0.1), h, float(b.rng.normal(0, 0.1))) for _ in range(3))
    sides = tuple((s * 0.3, 0.0, h, -s * b.u(0.9, 1.6)) for s in (-1, 1))
    return Host(float(x), float(y), lane.heading, (*ahead, *sides))


def blocked(p: np.ndarray, obstacles: Sequence[Obstacle], margin: float) -> bool:
    """Tell whether something stands within `margin` [m] of a point, from its height down."""
    return any(
        o.low[0] - margin < p[0] < o.high[0] + margin
        and o.low[1] - margin < p[1] < o.high[1] + margin
        and o.low[2] < p[2] + 0.3
        and o.high[2] > 0.3
        for o in obstacles
    )


def mounted_view(lanes: Sequence[Lane], obstacles: Sequence[Obstacle], hosts: Sequence[Host], warp: Warp) -> View:
    """Draw a view from a vehicle on one of `lanes`.

    Uses the hosts if there are any. Cameras face front, rear or sides; vehicles are cars to trucks.
    """
    things = tuple(obstacles)

    def turned(p: np.ndarray, heading: float, pitch: float, roll: float) -> tuple[np.ndarray, np.ndarray, float]:
        a = warp(p)
        c = warp(p + np.array([np.cos(heading), np.sin(heading), 0.0])) - a
        c /= np.linalg.norm(c)
        yaw, rise = np.degrees(np.arctan2(c[1], c[0])), np.degrees(np.arcsin(np.clip(c[2], -1, 1)))
        return a, a + look(float(yaw), float(rise) + pitch), roll

    def view(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
        pitch, roll = float(rng.normal(-1.5, 2.2)), float(rng.normal(0, 0.9))
        if hosts:
            host = hosts[int(rng.integers(len(hosts)))]
            right, ahead, up, turn = host.places[int(rng.integers(len(host.places)))]
            c, s = np.cos(host.heading), np.sin(host.heading)
            p = np.array([host.x + c * ahead + s * right, host.y + s * ahead - c * right, up])
            return turned(p, host.heading + turn + float(rng.normal(0, 0.06)), pitch - 1.5, roll)
        p, heading = np.zeros(3), 0.0
        for _ in range(40):
            lane = lanes[int(rng.integers(len(lanes)))]
            along, off = rng.uniform(0, lane.length), rng.normal(0, 0.3)
            kind = rng.random()
            if kind < 0.82:
                high = float(np.clip(rng.normal(1.6, 0.22), 1.2, 2.2))
            elif kind < 0.92:
                high = float(rng.uniform(2.3, 3.0))
            else:
                high = float(rng.uniform(0.5, 1.0))
            c, s = np.cos(lane.heading), np.sin(lane.heading)
            p = np.array([lane.x + c * along + s * off, lane.y + s * along - c * off, high])
            heading = lane.heading
            if not blocked(p, things, 0.7):
                break
        mount = rng.random()
        if mount < 0.65:
            turn = rng.normal(0, 4) if rng.random() < 0.85 else rng.normal(0, 18)
        elif mount < 0.8:
            turn = 180 + rng.normal(0, 8)
        else:
            turn = rng.choice([-1, 1]) * rng.uniform(30, 120)
        return turned(p, heading + float(np.radians(turn)), pitch, roll)

    return view


def foot_view(
    areas: Sequence[tuple[float, float, float, float]], obstacles: Sequence[Obstacle], targets: Sequence[Obstacle]
) -> View:
    """Draw a view at eye height from rectangles (x0, x1, y0, y1) [m]; around or at one of `targets` (buildings)."""
    things, goals = tuple(obstacles), tuple(targets)

    def view(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
        p = np.zeros(3)
        for _ in range(40):
            x0, x1, y0, y1 = areas[int(rng.integers(len(areas)))]
            p = np.array([rng.uniform(x0, x1), rng.uniform(y0, y1), float(np.clip(rng.normal(1.55, 0.2), 1.1, 1.95))])
            if not blocked(p, things, 0.5):
                break
        yaw = float(rng.uniform(0, 360))
        if goals and rng.random() < 0.55:
            near = sorted(goals, key=lambda o: float(np.hypot(*((o.low + o.high)[:2] / 2 - p[:2]))))[:4]
            o = near[int(rng.integers(len(near)))]
            at = rng.uniform(o.low, o.high)
            yaw = float(np.degrees(np.arctan2(at[1] - p[1], at[0] - p[0])))
        pitch, roll = float(np.clip(rng.normal(-1, 7), -30, 25)), float(rng.normal(0, 2))
        return p, p + look(yaw, pitch), roll

    return view
