"""Exact distances in a room, for any camera."""

import numpy as np

LOW, HIGH = np.array([-2.0, -3.0, -4.0]), np.array([3.0, 1.5, 5.0])  # [m], corners of the room around the camera


def room_distance(directions):
    """Return the factor of each direction, (..., 3), that ends on a wall."""
    return _walls(directions).min(-1)


def near_creases(directions, share=0.02):
    """Find directions whose wall is not the only near one."""
    walls = np.sort(_walls(directions), axis=-1)
    return walls[..., 1] < walls[..., 0] * (1 + share)


def _walls(directions):
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(directions == 0, np.inf, np.where(directions > 0, HIGH / directions, LOW / directions))
