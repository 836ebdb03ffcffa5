"""Files that builders write where a dataset's own cannot be referred to: depth inside archives, or with masks apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mono.data.datasets.annotation_writer import DatasetError, Entry
from mono.io.atomic import atomic_path, write_bytes
from mono.io.depth import read_depth, write_depth
from mono.io.depth_encoding import encode_png16


def write_depth_png(path: Path, depth: np.ndarray, scale: int = 1000) -> None:
    """Write depth [m], (H, W), as a 16-bit PNG that carries its scale; what does not fit becomes 0, as does NaN.

    Raises:
        OSError: the file cannot be written.
    """
    steps = np.rint(np.nan_to_num(depth.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0) * scale)
    steps[(steps < 0) | (steps > 65535)] = 0
    write_bytes(path, encode_png16(steps.astype(np.uint16, order="C"), {"depth_scale": str(scale)}))


def write_rgb_png(path: Path, rgb: np.ndarray) -> None:
    """Write an image, (H, W, 3) uint8, as PNG.

    Raises:
        OSError: the file cannot be written.
    """
    from PIL import Image

    with atomic_path(path) as temporary:
        Image.fromarray(np.ascontiguousarray(rgb)).save(temporary, compress_level=3)


def masked(entry: Entry, valid: np.ndarray, target: Path) -> Entry:
    """The entry with depth only where `valid` (H, W) bool is true.

    Depth that is there where it should not be is cut out, and the rest written to `target` (.npz, float32 metres, so
    that nothing is rounded). Where the dataset's own file says the same already, it is kept.

    Raises:
        DatasetError: the mask and the depth map are of different sizes.
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
