"""True surface normals of an image: annotated, or derived from dense ground-truth depth; and which pixels count."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mono.evaluation.protocols import Protocol
from mono.geometry.camera import Camera
from mono.geometry.normals import angles, normals_from_depth

_DENSE_SHARE = 0.5  # of the pixels with depth must have depth all around, or it is sparse
_JUMP = 0.05  # bend of the inverse depth, as a share of it; creases of common cameras bend it less
_WINDOWS = (1, 3, 5, 9, 13)  # [px] sides that depth may be averaged over; the last is only compared with
_STEADY = 2.0  # [deg]
_LOOKED_AT = 20_000  # pixels are enough for the median of the angles


@dataclass(frozen=True)
class DerivedNormals:
    """Normals derived from depth.

    Attributes:
        normal: (height, width, 3) float32 unit normals that point to the camera, 0 where there is none.
        window: side of the square that depth was averaged over [px]; 1 is not at all.
        noise: how far they turn if depth is averaged over the next wider square, the median of the angles [deg]: how
            uncertain they are; None where no pixel has so wide a neighbourhood.
    """

    normal: np.ndarray
    window: int
    noise: float | None


def derive_normals(depth: np.ndarray, camera: Camera) -> DerivedNormals | None:
    """Ground-truth normals from dense ground-truth depth, by geometry.

    Measured depth is noisy, or stored in steps, and normals are its slopes: those of neighbouring pixels are off by
    tens of degrees. So inverse depth, which is linear on planes, is averaged over the smallest square of 1, 3, 5 or 9
    pixels at which the next wider one turns the normals by no more than 2 degrees (median of the image). Exact depth is
    not averaged, as averaging rounds off creases.

    Pixels are left out (0) where depth is missing around a pixel of their square, in its 3x3 neighbourhood, and where
    there is a depth edge: where inverse depth bends by more than 5 % from one neighbour to the opposite one.

    Args:
        depth: true depth [m], (height, width), 0 where there is none.
        camera: the camera of the depth map, or of the image that it is a smaller or larger version of.

    Returns:
        The normals; None where depth is too sparse: of the pixels with depth, less than half have depth all around.
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
        some = both[:: -(-both.size // _LOOKED_AT)]
        noise = float(np.median(angles(normal.reshape(-1, 3)[some], found.reshape(-1, 3)[some])))
        if noise <= _STEADY:
            break
    return DerivedNormals(normal, window, noise)


def counted_pixels(size: tuple[int, int], protocol: Protocol, depth: np.ndarray | None) -> np.ndarray:
    """Pixels of a map of true normals that may count, (height, width) bool.

    They are in the protocol's window, and their true depth, where there is any, is in its range.

    Args:
        size: (height, width) of the map.
        protocol: which pixels count.
        depth: true depth [m] of the same view, of any size, 0 where there is none; None: there is none at all.

    Raises:
        ValueError: the protocol does not fit the size.
    """
    counts = protocol.mask(*size)
    if depth is None:
        return counts
    if depth.shape != size:
        import cv2

        # Looked up, never interpolated.
        depth = cv2.resize(depth, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    return counts & ((depth <= 0) | protocol.in_range(depth))


def _edges(inverse: np.ndarray) -> np.ndarray:
    """Where inverse depth (height, width) bends as at a depth edge, along rows, columns and diagonals; no borders."""
    height, width = inverse.shape
    found = np.zeros(inverse.shape, bool)
    here = inverse[1:-1, 1:-1]
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        ahead = inverse[1 + down : height - 1 + down, 1 + right : width - 1 + right]
        behind = inverse[1 - down : height - 1 - down, 1 - right : width - 1 - right]
        found[1:-1, 1:-1] |= np.abs(ahead + behind - 2 * here) > _JUMP * here
    return found


def _averaged(inverse: np.ndarray, smooth: np.ndarray, camera: Camera, window: int) -> np.ndarray:
    """Normals of inverse depth averaged over a square, where all of that is smooth."""
    import cv2

    usable = _eroded(inverse > 0, window)
    mean = cv2.blur(inverse, (window, window)) if window > 1 else inverse
    depth = np.divide(1, mean, out=np.zeros(mean.shape, np.float32), where=usable)
    normal = normals_from_depth(depth, camera)
    normal[~_eroded(smooth, window)] = 0
    return normal


def _eroded(mask: np.ndarray, window: int) -> np.ndarray:
    """Where all of a square is in the mask; beyond the border nothing is."""
    import cv2

    kernel = np.ones((window, window), np.uint8)
    return cv2.erode(mask.astype(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0).astype(bool)
