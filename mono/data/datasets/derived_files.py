"""Depth maps and images extracted from archives, or masked."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mono.data.datasets.annotation_writer import DatasetError, Entry
from mono.io.atomic import atomic_path, write_bytes
from mono.io.depth import read_depth, write_depth
from mono.io.depth_encoding import encode_png16


def write_depth_png(path: Path, depth: np.ndarray, scale: int = 1000) -> None:
    """Write depth as a 16-bit PNG that carries its scale.

    Args:
        path: PNG file.
        depth: (height, width) [m]; NaN and depth beyond the range become 0.
        scale: stored value of one meter.

    Raises:
        OSError: the file cannot be written.
    """
    steps = np.rint(np.nan_to_num(depth.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0) * scale)
    steps[(steps < 0) | (steps > 65535)] = 0
    write_bytes(path, encode_png16(steps.astype(np.uint16, order="C"), {"depth_scale": str(scale)}))


def write_rgb_png(path: Path, rgb: np.ndarray) -> None:
    """Write an image as PNG.

    Args:
        path: PNG file.
        rgb: (height, width, 3) uint8.

    Raises:
        OSError: the file cannot be written.
    """
    from PIL import Image

    with atomic_path(path) as temporary:
        Image.fromarray(np.ascontiguousarray(rgb)).save(temporary, compress_level=3)


def masked(entry: Entry, valid: np.ndarray, target: Path) -> Entry:
    """Remove masked depth from an entry.

    A new depth map is written only if the mask removes pixels; it holds float32 meters, so that nothing is rounded.

    Args:
        entry: entry with depth.
        valid: (height, width) bool, True where depth is valid.
        target: file of the masked depth map (.npz).

    Returns:
        entry with the masked depth map, or the same entry.

    Raises:
        DatasetError: the mask and the depth map have different sizes.
        DepthError: the depth map cannot be read.
        OSError: the file cannot be written.
    """
    if entry.depth is None:
        return entry
    depth = read_depth(entry.depth, entry.depth_scale)
    if depth.shape != valid.shape:
        sizes = f"{depth.shape[1]}x{depth.shape[0]} pixels and its mask {valid.shape[1]}x{valid.shape[0]}"
        raise DatasetError(f"{entry.depth}: has {sizes}; they must be the same, unpack the dataset again")
    if not (depth[~valid] > 0).any():
        return entry
    write_depth(target, np.where(valid, depth, np.float32(0)))
    return Entry(entry.rgb, target, None, entry.intrinsics)
