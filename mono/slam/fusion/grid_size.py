"""Size of the grid of a fusion: the least that a few frames take."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from mono.slam.fusion.posed_views import PosedView
from mono.system.errors import MetricDepthError
from mono.system.rounding import round_up

BLOCK = 16  # voxels along an edge of an allocated block
BLOCK_BYTES = BLOCK**3 * 5 * 4  # distance, weight and three colors of each voxel, float32
LARGEST = 32_767 * BLOCK_BYTES  # open3d 0.20 crashes on meshing 32,768 blocks or more, whose indices are 2^31 bytes
TRUNCATION = 6.0  # voxels on both sides of a surface that hold its distance; fewer let noise tear it
_STRIDE = 4  # pixels between the rays that open3d allocates blocks along
_MOST_RAYS = 40_000  # of a view
_CLEARLY = 1.25  # times the limit that a few frames must exceed
_ROOM = 0.5  # share of the limit that a few frames may take with a suggested voxel size


class FuseError(MetricDepthError):
    """Reports that nothing can be fused: cause and remedy."""


class Rays:
    """Sparse rays of views, of which every block along a surface can be counted."""

    def __init__(self, views: Iterable[PosedView]) -> None:
        """Collect the rays of views."""
        nothing = np.empty((0, 3)), np.empty((0, 3)), np.empty(0)
        parts = [nothing, *map(rays_of, views)]
        self._origins, self._directions, self._depth = (np.concatenate(part) for part in zip(*parts, strict=True))

    def count_blocks(self, voxel: float, far: float) -> int:
        """Count the blocks that these rays take: fewer than those of the whole map.

        Args:
            voxel: voxel edge length [m].
            far: farthest depth [m].
        """
        if not len(self._depth):
            return 0
        found = []
        for side in (-1, 0, 1):  # as open3d: the near end of the truncation, the surface, the far end
            depth = np.clip(self._depth + side * TRUNCATION * voxel, 0, far)
            places = self._origins + self._directions * depth[:, None]
            found.append(np.floor(places / (voxel * BLOCK)))
        blocks = np.concatenate(found)
        order = np.lexsort(blocks.T)
        return 1 + int((np.diff(blocks[order], axis=0) != 0).any(axis=1).sum())


def rays_of(view: PosedView) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return origins, directions with 1 along the optical axis, and depth of some pixels."""
    height, width = view.depth.shape
    stride = max(_STRIDE, math.ceil(math.sqrt(height * width / _MOST_RAYS)))
    depth = view.depth[::stride, ::stride].astype(np.float64)
    rows, columns = np.nonzero(depth > 0)
    camera = view.camera
    x, y = (columns * stride - camera.cx) / camera.fx, (rows * stride - camera.cy) / camera.fy
    directions = np.stack([x, y, np.ones_like(x)], axis=-1) @ view.pose[:3, :3].T
    return np.broadcast_to(view.pose[:3, 3], directions.shape), directions, depth[rows, columns]


def refuse_clearly_too_fine(views: Iterable[PosedView], voxel: float, far: float) -> None:
    """Refuse voxels so small that the grid of a few frames is clearly too large.

    Args:
        views: views of a few frames.
        voxel: voxel edge length [m].
        far: farthest depth [m].

    Raises:
        FuseError: it is; a voxel size that should fit is named.
    """
    rays = Rays(views)
    needed = rays.count_blocks(voxel, far) * BLOCK_BYTES
    if needed <= _CLEARLY * LARGEST:
        return
    fitting = voxel
    while (share := rays.count_blocks(fitting, far) * BLOCK_BYTES / (_ROOM * LARGEST)) > 1 and fitting < far:
        fitting = round_up(fitting * max(1.1, math.sqrt(share)))  # surfaces take blocks by the square
    raise _too_large(voxel, f"--voxel-size {fitting:.4g}")


def refuse_too_many(blocks: int, voxel: float) -> None:
    """Raise FuseError if a grid has more blocks than can be meshed."""
    if blocks * BLOCK_BYTES > LARGEST:
        raise _too_large(voxel, "a larger --voxel-size")


def _too_large(voxel: float, remedy: str) -> FuseError:
    return FuseError(
        f"with voxels of {voxel:g} m the map needs more than {LARGEST / 1e9:.3g} GB: take {remedy}, or a nearer "
        "--max-range"
    )
