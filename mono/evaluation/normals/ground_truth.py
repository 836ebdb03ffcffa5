"""Ground-truth surface normals derived from dense depth, and the pixels that count."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mono.evaluation.protocols import Protocol
from mono.geometry.camera import Camera
from mono.geometry.normals import angles, normals_from_depth

_DENSE_SHARE = 0.5  # smallest share of the pixels with depth that have depth all around; less is sparse
_JUMP = 0.05  # relative bend of inverse depth at a depth edge; creases bend it less
_WINDOWS = (1, 3, 5, 9, 13)  # [px] sides of the averaging squares; the last is only compared with
_STEADY = 2.0  # [deg] largest change between two windows
_SAMPLED = 20_000  # pixels are enough for the median of the angles


@dataclass(frozen=True)
class DerivedNormals:
    """Normals derived from depth.

    Attributes:
        normal: unit normals that point to the camera, (height, width, 3) float32, 0 where there is none.
        window: side of the square that depth was averaged over [px]; 1: not averaged.
        noise: uncertainty, as the median angle [deg] to normals of the next wider window; None where no pixel has so
            wide a neighborhood.
    """

    normal: np.ndarray
    window: int
    noise: float | None


def derive_normals(depth: np.ndarray, camera: Camera) -> DerivedNormals | None:
    """Derive ground-truth normals from dense ground-truth depth.

    Measured depth is noisy or quantized, so slopes between neighboring pixels are off by tens of degrees. Inverse
    depth, which is linear on planes, is therefore averaged over the smallest square of 1, 3, 5 or 9 pixels at which
    the next wider one turns the normals by at most 2 degrees (median of the image). Exact depth is not averaged, as
    averaging rounds off creases.

    Pixels are left out (0) where depth is missing in the 3x3 neighborhood of a pixel of their square, and at depth
    edges, where inverse depth bends by more than 5 % between opposite neighbors.

    Args:
        depth: ground-truth depth [m], (height, width), 0 where there is none.
        camera: camera of the depth map, or of the image in another size.

    Returns:
        The normals; None where depth is sparse: less than half of the pixels with depth have depth all around.
    """
    valid = depth > 0
    full = _eroded(valid, 3)
    if not full.any() or full.sum() < _DENSE_SHARE * valid.sum():
        return None
    inverse = np.divide(1, depth, out=np.zeros(depth.shape, np.float32), where=valid)
    smooth = full & ~_edges(inverse)
    camera = camera.resized(depth.shape[1], depth.shape[0])
    found = None
    for window, wider in pairwise(_WINDOWS):
        normal = _averaged(inverse, smooth, camera, window) if found is None else found
        found = _averaged(inverse, smooth, camera, wider)
        both = np.flatnonzero(normal.any(axis=2) & found.any(axis=2))
        if not both.size:
            return DerivedNormals(normal, window, None)
        some = both[:: -(-both.size // _SAMPLED)]
        noise = float(np.median(angles(normal.reshape(-1, 3)[some], found.reshape(-1, 3)[some])))
        if noise <= _STEADY:
            break
    return DerivedNormals(normal, window, noise)


def counted_pixels(size: tuple[int, int], protocol: Protocol, depth: np.ndarray | None) -> np.ndarray:
    """Mark the pixels of ground-truth normals that may count.

    Args:
        size: (height, width) of the normals.
        protocol: pixels that count, and their range.
        depth: ground-truth depth [m] of the same view, any size, 0 where there is none; None: no depth.

    Returns:
        (height, width) bool: pixels in the protocol's window, whose depth, where there is any, is in its range.

    Raises:
        MetricDepthError: the protocol does not fit the size.
    """
    counts = protocol.mask(*size)
    if depth is None:
        return counts
    if depth.shape != size:
        import cv2

        # Nearest neighbor: depth is never interpolated.
        depth = cv2.resize(depth, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    return counts & ((depth <= 0) | protocol.in_range(depth))


def _edges(inverse: np.ndarray) -> np.ndarray:
    """Mark depth edges of inverse depth (height, width), along rows, columns and diagonals, without borders."""
    height, width = inverse.shape
    found = np.zeros(inverse.shape, bool)
    here = inverse[1:-1, 1:-1]
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        ahead = inverse[1 + down : height - 1 + down, 1 + right : width - 1 + right]
        behind = inverse[1 - down : height - 1 - down, 1 - right : width - 1 - right]
        found[1:-1, 1:-1] |= np.abs(ahead + behind - 2 * here) > _JUMP * here
    return found


def _averaged(inverse: np.ndarray, smooth: np.ndarray, camera: Camera, window: int) -> np.ndarray:
    """Compute normals of inverse depth averaged over a square, where all of it is smooth."""
    import cv2

    usable = _eroded(inverse > 0, window)
    mean = cv2.blur(inverse, (window, window)) if window > 1 else inverse
    depth = np.divide(1, mean, out=np.zeros(mean.shape, np.float32), where=usable)
    normal = normals_from_depth(depth, camera)
    normal[~_eroded(smooth, window)] = 0
    return normal


def _eroded(mask: np.ndarray, window: int) -> np.ndarray:
    """Erode a mask by a square; nothing beyond the border is in the mask."""
    import cv2

    kernel = np.ones((window, window), np.uint8)
    return cv2.erode(mask.astype(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0).astype(bool)
