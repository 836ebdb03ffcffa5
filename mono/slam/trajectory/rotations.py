"""Rotations: quaternions, matrices and angles."""

from __future__ import annotations

import numpy as np


def rotation_angles(rotations: np.ndarray) -> np.ndarray:
    """Compute rotation angles by the trace.

    This is the formula of the KITTI development kit.

    Args:
        rotations: (..., 3, 3).

    Returns:
        Angles [rad], 0 to pi, (...).
    """
    return np.arccos(np.clip((np.trace(rotations, axis1=-2, axis2=-1) - 1) / 2, -1, 1))


def to_quaternions(rotations: np.ndarray) -> np.ndarray:
    """Convert rotation matrices to unit quaternions.

    Args:
        rotations: (N, 3, 3).

    Returns:
        Quaternions (x, y, z, w) with w >= 0, (N, 4).
    """
    r = rotations
    t = np.trace(r, axis1=1, axis2=2)
    # Four times the squared components; dividing by the largest avoids dividing by small numbers.
    squares = np.stack([1 + 2 * r[:, 0, 0] - t, 1 + 2 * r[:, 1, 1] - t, 1 + 2 * r[:, 2, 2] - t, 1 + t], axis=1)
    products = np.empty((len(r), 4, 4))
    for i, j, value in (
        (0, 1, r[:, 0, 1] + r[:, 1, 0]),
        (0, 2, r[:, 0, 2] + r[:, 2, 0]),
        (1, 2, r[:, 1, 2] + r[:, 2, 1]),
        (0, 3, r[:, 2, 1] - r[:, 1, 2]),
        (1, 3, r[:, 0, 2] - r[:, 2, 0]),
        (2, 3, r[:, 1, 0] - r[:, 0, 1]),
    ):
        products[:, i, j] = products[:, j, i] = value
    products[:, range(4), range(4)] = squares
    quaternions = products[np.arange(len(r)), squares.argmax(axis=1)]
    quaternions = quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True)
    return np.where(quaternions[:, 3:] < 0, -quaternions, quaternions)


def from_quaternions(quaternions: np.ndarray) -> np.ndarray:
    """Convert quaternions of any non-zero length to rotations.

    Args:
        quaternions: (x, y, z, w), (N, 4).

    Returns:
        Rotation matrices, (N, 3, 3).
    """
    x, y, z, w = (quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True)).T
    return np.stack(
        [
            np.stack([1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)], axis=1),
            np.stack([2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)], axis=1),
            np.stack([2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)], axis=1),
        ],
        axis=1,
    )
