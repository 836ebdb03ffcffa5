"""Calibration matrices of any library."""

from __future__ import annotations

from typing import Any

from mono.system.checks import as_array
from mono.system.errors import MetricDepthError

_LARGEST_SKEW = 1e-3  # share of fx; below it, skew moves no pixel by more than a pixel
CAMERA = ("camera", "as a 3x3 matrix, or a Camera")  # what is given, and how, for messages
_SHAPES = ((3, 3), (3, 4), (4, 4))


def intrinsics_from_matrix(matrix: Any) -> tuple[float, float, float, float]:
    """Take the intrinsics from a calibration matrix.

    Args:
        matrix: K as 3x3, 3x4 or 4x4 [px]: array, tensor or nested list.

    Returns:
        fx, fy, cx, cy [px].

    Raises:
        MetricDepthError: the matrix has another shape, skew or rotation, or holds no numbers.
    """
    k = as_array(matrix, *CAMERA)
    if k.shape not in _SHAPES:
        raise MetricDepthError(f"camera matrix is {'x'.join(map(str, k.shape))}; it must be 3x3, 3x4 or 4x4")
    if k.shape == (4, 4) and k[3].tolist() != [0, 0, 0, 1]:
        raise MetricDepthError(f"camera matrix: its last row is {k[3].tolist()}; it must be 0, 0, 0, 1")
    k = k[:3, :3]
    if k[2].tolist() != [0, 0, 1]:
        raise MetricDepthError(
            f"camera matrix: its third row is {k[2].tolist()}; it must be 0, 0, 1: give K alone, without a rotation"
        )
    if k[1, 0] != 0:
        raise MetricDepthError(f"camera matrix: row 2, column 1 is {k[1, 0]:g}; give K alone, without a rotation")
    if k[0, 0] > 0 and not abs(k[0, 1]) <= _LARGEST_SKEW * k[0, 0]:
        raise MetricDepthError(
            f"camera matrix: its skew (row 1, column 2) is {k[0, 1]:g}; cameras with skewed pixels are not "
            "supported, so rectify the images first"
        )
    return k[0, 0].item(), k[1, 1].item(), k[0, 2].item(), k[1, 2].item()


def is_matrix(value: Any) -> bool:
    """Tell if a value has the shape of a calibration matrix."""
    try:
        return as_array(value, *CAMERA).shape in _SHAPES
    except MetricDepthError:
        return False
