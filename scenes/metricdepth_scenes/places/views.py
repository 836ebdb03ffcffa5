"""Camera positions and directions in each kind of place, drawn from the generator given at the call."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from metricdepth_scenes.builder import Builder, Obstacle, Top
from metricdepth_scenes.cameras import look
from metricdepth_scenes.places.walls import Room

View = Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray, float]]


def _inside(position: np.ndarray, obstacles: Sequence[Obstacle], margin: float = 0.18) -> bool:
    return any(bool(np.all(position > o.low - margin) and np.all(position < o.high + margin)) for o in obstacles)


def _roll(rng: np.random.Generator) -> float:
    share = rng.random()
    return float(rng.normal(0, 1.5) if share < 0.5 else rng.normal(0, 6) if share < 0.95 else rng.uniform(-35, 35))


def _stand(rng: np.random.Generator, room: Room, obstacles: Sequence[Obstacle]) -> np.ndarray:
    p = np.zeros(3)
    for _ in range(40):
        high = min(float(np.clip(rng.normal(1.32, 0.28), 0.5, 2.1)), room.height - 0.25)
        p = np.array([rng.uniform(0.2, room.width - 0.2), rng.uniform(0.2, room.depth - 0.2), high])
        if not _inside(p, obstacles):
            break
    return p


def _limited(position: np.ndarray, target: np.ndarray, low: float = -55, high: float = 10) -> np.ndarray:
    """Raise or lower the target to keep the view's pitch within limits [deg]."""
    d = target - position
    flat = max(float(np.hypot(d[0], d[1])), 1e-3)
    pitch = np.clip(np.degrees(np.arctan2(d[2], flat)), low, high)
    return np.array([target[0], target[1], position[2] + flat * np.tan(np.radians(pitch))])


def filmed_from(
    rng: np.random.Generator, room: Room, obstacles: Sequence[Obstacle], target: np.ndarray, high: float
) -> np.ndarray:
    """Draw a camera position about 1.8 m from a target, as of one who walks through a room.

    Args:
        rng: random generator.
        room: room to stay inside of.
        obstacles: what the camera may not be in.
        target: point that is looked at, (3,) [m].
        high: height of the camera [m], which is kept.

    Returns:
        Position, (3,) [m], 0.7 to 4 m away on the floor plan; anywhere in the room if no such place is free.
    """
    p = np.zeros(3)
    for _ in range(40):
        away, turn = float(np.clip(np.exp(rng.normal(np.log(1.8), 0.4)), 0.7, 4)), rng.uniform(0, 2 * np.pi)
        p = np.array([target[0] + np.cos(turn) * away, target[1] + np.sin(turn) * away, high])
        inside = 0.2 < p[0] < room.width - 0.2 and 0.2 < p[1] < room.depth - 0.2
        if inside and not _inside(p, obstacles):
            return p
    return np.array([*_stand(rng, room, obstacles)[:2], high])


def room_view(b: Builder, room: Room) -> View:
    """Draw views of rooms.

    Across, along walls, at furniture (mostly from about 1.8 m), down at the floor.
    """
    obstacles = tuple(b.obstacles)

    def view(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
        p = _stand(rng, room, obstacles)
        style = rng.random()
        if style < 0.62 and obstacles:
            o = obstacles[int(rng.integers(len(obstacles)))]
            target = rng.uniform(o.low, o.high)
            if style < 0.4:
                p = filmed_from(rng, room, obstacles, target, p[2])
        elif style < 0.87:
            far = (0.0 if p[0] > room.width / 2 else room.width, 0.0 if p[1] > room.depth / 2 else room.depth)
            target = np.array([*far, 0.0]) + rng.normal(0, 0.2, 3) * (room.width, room.depth, 0)
            target[2] = p[2] + np.hypot(*(target[:2] - p[:2])) * np.tan(np.radians(rng.normal(-13, 9)))
        else:
            target = p + look(float(rng.uniform(0, 360)), float(rng.normal(-18, 12)))
        return p, _limited(p, target), _roll(rng)

    return view


def desk_view(room: Room, at: tuple[float, float, float], top: Top, obstacles: Sequence[Obstacle]) -> View:
    """Draw views around a desk.

    0.4 to 1.6 m from a point on it, above it, on the free side.
    """
    c, s = np.cos(at[2]), np.sin(at[2])

    def world(x: float, y: float) -> np.ndarray:
        return np.array([at[0] + c * x - s * y, at[1] + s * x + c * y, 0.0])

    def view(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
        p = target = np.zeros(3)
        for _ in range(30):
            target = world(top.x + rng.uniform(-0.45, 0.45) * top.width, top.y + rng.uniform(-0.3, 0.5) * top.depth)
            target[2] = top.z + rng.uniform(-0.05, 0.2)
            away, rise = float(np.exp(rng.uniform(np.log(0.4), np.log(2.0)))), np.radians(rng.uniform(12, 66))
            turn = rng.normal(0, 0.6) - np.pi / 2 + at[2]
            flat = away * np.cos(rise)
            p = target + np.array([np.cos(turn) * flat, np.sin(turn) * flat, away * np.sin(rise) + 0.1])
            if (
                0.15 < p[0] < room.width - 0.15
                and 0.15 < p[1] < room.depth - 0.15
                and p[2] < room.height - 0.2
                and not _inside(p, obstacles, 0.05)
            ):
                break
        target = target + rng.normal(0, 0.12, 3)
        return p, _limited(p, target, -70, 10), _roll(rng)

    return view


def corridor_view(room: Room, obstacles: Sequence[Obstacle]) -> View:
    """Draw views mostly along the corridor (y).

    Sometimes at its walls.
    """

    def view(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
        p = _stand(rng, room, obstacles)
        ahead = 90 if p[1] < room.depth * rng.uniform(0.3, 0.7) else -90
        yaw = ahead + (rng.normal(0, 13) if rng.random() < 0.75 else rng.uniform(-90, 90))
        return p, p + look(float(yaw), float(rng.normal(-10, 8))), _roll(rng)

    return view


def stairs_view(width: float, before: float, length: float, climb: float, run: float) -> View:
    """Draw views up from the foot.

    Down from the head, or from the flight itself.
    """

    def view(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
        x, high = rng.uniform(0.25, width - 0.25), rng.uniform(1.2, 1.75)
        style = rng.random()
        if style < 0.45:
            p, yaw, pitch = np.array([x, rng.uniform(0.2, before), high]), 90, rng.normal(4, 10)
        elif style < 0.8:
            p, yaw, pitch = (
                np.array([x, rng.uniform(before + run, length - 0.25), climb + high]),
                -90,
                rng.normal(-28, 8),
            )
        else:
            k = rng.uniform(0.1, 0.9)
            up = rng.random() < 0.5
            p, yaw, pitch = (
                np.array([x, before + k * run, k * climb + high]),
                90 if up else -90,
                rng.normal(8 if up else -32, 8),
            )
        return p, p + look(float(yaw + rng.normal(0, 12)), float(np.clip(pitch, -55, 30))), _roll(rng)

    return view


def near_view(room: Room, obstacles: Sequence[Obstacle]) -> View:
    """Draw views from 0.4 to 1.6 m at a piece, a corner or the floor."""
    things = tuple(obstacles)

    def view(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
        p = target = np.zeros(3)
        for _ in range(40):
            if things and rng.random() < 0.75:
                o = things[int(rng.integers(len(things)))]
                target = rng.uniform(o.low, o.high)
            else:
                target = np.array([rng.uniform(0, room.width), rng.uniform(0, room.depth), rng.uniform(0, 1.2)])
            turn, away = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 1.7)
            p = np.array([target[0] + np.cos(turn) * away, target[1] + np.sin(turn) * away, rng.uniform(0.5, 1.7)])
            if 0.12 < p[0] < room.width - 0.12 and 0.12 < p[1] < room.depth - 0.12 and not _inside(p, things, 0.1):
                break
        return p, _limited(p, target, -65, 20), _roll(rng)

    return view


def object_view(
    room: Room, targets: Sequence[Obstacle], obstacles: Sequence[Obstacle], near: float, far: float
) -> View:
    """Draw hand-held views of some things from `near` to `far` [m] away, from anywhere around them."""
    things = tuple(targets)

    def view(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
        p = target = np.zeros(3)
        for _ in range(40):
            o = things[int(rng.integers(len(things)))]
            target = (o.low + o.high) / 2 + rng.normal(0, 0.15, 3) * (o.high - o.low)
            turn, away = rng.uniform(0, 2 * np.pi), rng.uniform(near, far)
            high = min(target[2] + float(np.clip(rng.normal(0.5, 0.4), -0.3, 1.5)), 1.9, room.height - 0.2)
            p = np.array([target[0] + np.cos(turn) * away, target[1] + np.sin(turn) * away, max(high, 0.3)])
            if 0.15 < p[0] < room.width - 0.15 and 0.15 < p[1] < room.depth - 0.15 and not _inside(p, obstacles, 0.1):
                break
        return p, _limited(p, target, -60, 25), _roll(rng)

    return view


def road_view(half: float, side: float, length: float, ground: float = 0.0) -> View:
    """Draw views from a car on the right of a road along y, or (sometimes) from the pavement at `side` [m]."""

    def view(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
        if rng.random() < 0.8:
            x = rng.uniform(0.25, 0.75) * half
            p = np.array([x, rng.uniform(-5, 10), ground + float(np.clip(rng.normal(1.62, 0.18), 1.2, 2.4))])
            direction = look(
                90 + float(rng.normal(0, 4) if rng.random() < 0.8 else rng.normal(0, 25)), float(rng.normal(-0.5, 1.6))
            )
            roll = rng.normal(0, 0.8)
        else:
            p = np.array(
                [
                    side * rng.uniform(0.8, 1.2) * rng.choice([-1, 1]),
                    rng.uniform(-5, 20),
                    ground + rng.uniform(1.3, 1.8),
                ]
            )
            direction = look(90 + float(rng.normal(0, 50)), float(rng.normal(-3, 6)))
            roll = rng.normal(0, 2.5)
        return p, p + direction, float(roll)

    return view


def open_view(extent: float, height: Callable[[float, float], float]) -> View:
    """Draw views within `extent` [m] of the origin at eye height, in any direction."""

    def view(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
        x, y = rng.uniform(-extent, extent, 2)
        p = np.array([x, y, height(float(x), float(y)) + rng.uniform(1.1, 2.0)])
        return p, p + look(float(rng.uniform(0, 360)), float(rng.normal(-5, 7))), float(rng.normal(0, 2))

    return view
