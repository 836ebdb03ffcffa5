"""Masks as 8-bit PNG and maps of floats as NPY."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mono.io.arrays import write_npy
from mono.io.atomic import write_bytes
from mono.system.errors import MetricDepthError


def write_mask(path: Path, mask: np.ndarray) -> None:
    """Write a mask or a map of probabilities as PNG.

    Args:
        path: file to write; parent folders are made.
        mask: (H, W) bool, or float from 0 to 1; 1 becomes 255.

    Raises:
        OSError: the file cannot be written.
    """
    import cv2

    codes = np.rint(np.clip(np.nan_to_num(mask.astype(np.float32)), 0, 1) * 255).astype(np.uint8)
    write_bytes(path, cv2.imencode(".png", codes)[1].tobytes())


def read_mask(path: Path) -> np.ndarray:
    """Read a mask or a map of probabilities.

    Args:
        path: file that `write_mask` wrote.

    Returns:
        (H, W) float32 from 0 to 1.

    Raises:
        MetricDepthError: the file is missing, or no gray 8-bit image.
    """
    import cv2

    codes = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.is_file() else None
    if codes is None or codes.ndim != 2 or codes.dtype != np.uint8:
        raise MetricDepthError(f"{path} is missing, or no gray 8-bit PNG: predict again with --save mask,sky")
    return codes.astype(np.float32) / 255


def write_map(path: Path, values: np.ndarray) -> None:
    """Write a map as float32 NPY.

    Args:
        path: file to write; parent folders are made.
        values: (H, W, ...) numbers.

    Raises:
        OSError: the file cannot be written.
    """
    write_npy(path, values)
