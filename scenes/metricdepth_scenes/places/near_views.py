"""Camera positions for near views: over tables, into bins, at things in a hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from metricdepth_scenes.builder import Obstacle
from metricdepth_scenes.places.views import View, _inside, _roll

Allowed = Callable[[np.ndarray], bool]


def _aim(turn: float, pitch: float) -> np.ndarray:
    """Return the unit vector from the target to a camera that looks down at it by -`pitch` [rad]."""
    return np.array([np.cos(turn) * np.cos(pitch), np.sin(turn) * np.cos(pitch), -np.sin(pitch)])


def table_view(
    targets: Sequence[np.ndarray],
    things: Sequence[Obstacle],
    allowed: Allowed,
    front: bool,
    near: float,
    far: float,
    flattest: float = -5.0,
) -> View:
    """Look at one of some points from level to straight down.

    Args:
        targets: points [m], each (3,).
        things: obstacles for the camera.
        allowed: whether a camera may be at a point.
        front: keep to the side of -y.
        near: least distance [m].
        far: largest distance [m].
        flattest: pitch of the most level view [deg].
    """
    points, solid = tuple(targets), tuple(things)

    def view(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
        p = target = np.zeros(3)
        pitch = np.radians(rng.uniform(-88, flattest))
        if rng.random() < 0.17:
            pitch = -np.pi / 2 + (0.0 if rng.random() < 0.5 else abs(rng.normal(0, 0.05)))
        for _ in range(40):
            target = points[int(rng.integers(len(points)))] + rng.normal(0, 1, 3) * (0.07, 0.07, 0.01)
            away = float(np.exp(rng.uniform(np.log(near), np.log(far))))
            turn = -np.pi / 2 + (rng.normal(0, 0.55) if front else rng.uniform(-np.pi, np.pi))
            p = target + away * _aim(turn, pitch)
            if allowed(p) and not _inside(p, solid, 0.06):
                break
        steep = target[2] - p[2] < -0.85 * np.linalg.norm(target - p)
        return p, target, float(rng.uniform(-180, 180)) if steep and rng.random() < 0.8 else _roll(rng)

    return view


def fixed_view(position: np.ndarray, target: np.ndarray, roll: float, wander: float) -> View:
    """Look from about one position at about one point.

    Both move by about `wander` [m].
    """

    def view(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
        return position + rng.normal(0, wander, 3), target + rng.normal(0, wander * 1.5, 3), roll + rng.normal(0, 2)

    return view
