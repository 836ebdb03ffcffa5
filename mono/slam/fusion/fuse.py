"""Fusion of depth maps into a surface: a truncated signed distance grid (open3d)."""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from types import ModuleType

import numpy as np

from mono.geometry.pixel_mask import depth_edges
from mono.slam.fusion.consistency import explain_doubt, median_step
from mono.slam.fusion.grid_size import BLOCK, TRUNCATION, FuseError, refuse_clearly_too_fine, refuse_too_many
from mono.slam.fusion.posed_depth import PosedFrame
from mono.slam.fusion.posed_views import PosedView
from mono.system.rounding import NICE_STEPS, round_down

logger = logging.getLogger(__name__)

_STEPS = 400  # voxels from the camera to the far end, if no size is given
_NEARLY_ALL = 95  # percent of depth that defines the far end
_PROBED = 12  # frames read to choose sizes
_NEIGHBOR, _NEAR = 5, 0.1  # most frames, and way as a share of the farthest depth, between two that are compared


@dataclass(frozen=True)
class FuseOptions:
    """Options of the fusion.

    Attributes:
        voxel_size: voxel edge length [m]; None: the far end / 400, rounded.
        min_range: nearest depth to fuse [m]; None: no limit.
        max_range: farthest depth to fuse [m]; None: the 95th percentile of depth.
        edge_filter: relative depth jump above which pixels are left out, as in `select_pixels`; None: keep all.
        min_views: fewest frames that must have seen a place.

    Raises:
        FuseError: a value is out of range.
    """

    voxel_size: float | None = None
    min_range: float | None = None
    max_range: float | None = None
    edge_filter: float | None = 0.1
    min_views: int = 2

    def __post_init__(self) -> None:
        for name in ("voxel_size", "min_range", "max_range", "edge_filter"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise FuseError(f"{name} is {value}; it must be positive")
        if self.min_range and self.max_range and self.min_range >= self.max_range:
            raise FuseError(f"depth from {self.min_range:g} m to {self.max_range:g} m: there is none")
        if self.min_views < 1:
            raise FuseError(f"min_views is {self.min_views}; it must be at least 1")


@dataclass(frozen=True)
class FusedMap:
    """Fused surface in the world of the poses.

    Attributes:
        vertices: positions, (N, 3) float32 [m].
        colors: RGB, (N, 3) uint8.
        normals: unit normals towards the cameras, (N, 3) float32.
        triangles: indices of vertices, (M, 3) int32.
        voxel_size: voxel edge length used [m].
        max_range: farthest depth used [m].
        frames: number of fused frames.
        failures: (frame, reason) of the others.
    """

    vertices: np.ndarray
    colors: np.ndarray
    normals: np.ndarray
    triangles: np.ndarray
    voxel_size: float
    max_range: float
    frames: int
    failures: tuple[tuple[str, str], ...]


def fuse(
    frames: Sequence[PosedFrame], options: FuseOptions | None = None, on_done: Callable[[int], None] = lambda n: None
) -> FusedMap:
    """Fuse frames into a surface, reproducibly.

    Frames are read one at a time; those that cannot be read are logged, listed in the result and left out.

    Args:
        frames: depth, images, cameras and poses.
        options: options of the fusion; None: the defaults.
        on_done: called with 1 after each frame.

    Raises:
        FuseError: open3d is missing, there is no depth in range, the grid is too large, or no place was
            seen often enough.
    """
    options = options or FuseOptions()
    o3d = import_open3d()
    core = o3d.core
    voxel, far = chosen_sizes(frames, options)
    logger.info("voxels of %.4g m, depth up to %.4g m", voxel, far)
    refuse_clearly_too_fine(_probe(frames, options, far), voxel, far)
    step = median_step(frames)
    is_annotated = all(frame.frame.is_annotated for frame in frames)
    if doubt := explain_doubt(step, far, _pairs(frames, options, far, step), is_annotated):
        logger.warning("%s", doubt)
    device = core.Device("CPU:0")
    kinds = (core.float32,) * 3
    channels = (core.SizeVector([1]), core.SizeVector([1]), core.SizeVector([3]))
    grid = o3d.t.geometry.VoxelBlockGrid(("tsdf", "weight", "color"), kinds, channels, voxel, BLOCK, 1000, device)
    failures = []
    fused = 0
    for frame in frames:
        try:
            views = _masked(frame, options, far)
        except ValueError as error:
            logger.warning("%s: %s", frame.name, error)
            failures.append((frame.name, str(error)))
            on_done(1)
            continue
        for view in views:
            intrinsic = core.Tensor(view.camera.matrix)
            extrinsic = core.Tensor(np.ascontiguousarray(np.linalg.inv(view.pose)))
            image = o3d.t.geometry.Image(core.Tensor(view.depth))
            color = o3d.t.geometry.Image(core.Tensor(np.ascontiguousarray(view.rgb, np.float32) / np.float32(255)))
            blocks = grid.compute_unique_block_coordinates(image, intrinsic, extrinsic, 1.0, far, TRUNCATION)
            grid.integrate(blocks, image, color, intrinsic, extrinsic, 1.0, far, TRUNCATION)
            refuse_too_many(grid.hashmap().size(), voxel)
        fused += bool(views)
        on_done(1)
    if not fused:
        raise FuseError(f"none of the {len(frames)} frames has depth to fuse: {_first_reason(failures)}")
    mesh = grid.extract_triangle_mesh(min(options.min_views, fused) - 0.5)
    vertices = mesh.vertex.positions.numpy()
    if not len(vertices):
        raise FuseError(
            f"no surface was seen by {options.min_views} frames or more: check that the poses are in metres and those "
            "of the depth, or take a smaller --min-views"
        )
    triangles, colors, normals = (
        mesh.triangle.indices.numpy(),
        mesh.vertex.colors.numpy(),
        mesh.vertex.normals.numpy(),
    )
    rgb8 = np.rint(np.clip(colors, 0, 1) * 255).astype(np.uint8)
    order, triangles = _ordered(vertices, triangles)
    return FusedMap(
        vertices[order].astype(np.float32),
        rgb8[order],
        normals[order].astype(np.float32),
        triangles,
        voxel,
        far,
        fused,
        tuple(failures),
    )


def _masked(frame: PosedFrame, options: FuseOptions, far: float) -> list[PosedView]:
    """Read a frame's views that have depth, with 0 for depth that is left out."""
    views = []
    for view in frame.read():
        keep = (view.depth > 0) & (view.depth <= far)
        if options.min_range is not None:
            keep &= view.depth >= options.min_range
        if options.edge_filter is not None:
            keep &= ~depth_edges(view.depth, options.edge_filter)
        if keep.any():
            views.append(replace(view, depth=np.where(keep, view.depth, np.float32(0))))
    return views


def _probed(frames: Sequence[PosedFrame]) -> list[PosedFrame]:
    """Choose frames to read first, evenly spread."""
    return [frames[i] for i in np.unique(np.linspace(0, len(frames) - 1, _PROBED).astype(int))] if frames else []


def _probe(frames: Sequence[PosedFrame], options: FuseOptions, far: float) -> Iterator[PosedView]:
    """Iterate over the views of a few frames."""
    for frame in _probed(frames):
        with contextlib.suppress(ValueError):  # reported when it is fused
            yield from _masked(frame, options, far)


def _pairs(
    frames: Sequence[PosedFrame], options: FuseOptions, far: float, step: float
) -> Iterator[tuple[PosedView, PosedView]]:
    """Iterate over views of a few frames, each with one of a later frame that is near."""
    near = round(_NEAR * far / step) if step > 0 else _NEIGHBOR
    apart = min(max(near, 1), _NEIGHBOR, len(frames) - 1)
    for frame, later in zip(_probed(frames[: len(frames) - apart]), _probed(frames[apart:]), strict=True):
        with contextlib.suppress(ValueError):  # reported when it is fused
            yield from zip(_masked(frame, options, far), _masked(later, options, far), strict=False)


def chosen_sizes(frames: Sequence[PosedFrame], options: FuseOptions) -> tuple[float, float]:
    """Choose voxel size and farthest depth [m] from a few frames.

    Args:
        frames: all frames.
        options: given sizes are kept.

    Raises:
        FuseError: these frames have no depth in range.
    """
    if options.voxel_size and options.max_range:
        return float(options.voxel_size), float(options.max_range)
    views = _probe(frames, options, options.max_range or math.inf)
    seen = [view.depth[view.depth > 0][::7] for view in views]
    values = np.concatenate(seen) if seen else np.empty(0)
    if not len(values):
        raise FuseError(
            f"there is no depth in {len(_probed(frames))} of the {len(frames)} frames, which were read first; check "
            "the depth maps and the range"
        )
    far = float(options.max_range or np.percentile(values, _NEARLY_ALL))
    return float(options.voxel_size or round_down(far / _STEPS, NICE_STEPS[:-1])), far


def _ordered(vertices: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sort vertices and triangles by place: open3d's order depends on its threads."""
    order = np.lexsort(vertices.T[::-1])
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    renamed = rank[triangles]
    first = renamed.argmin(axis=1)
    turned = np.take_along_axis(renamed, (first[:, None] + np.arange(3)) % 3, axis=1)
    return order, np.ascontiguousarray(turned[np.lexsort(turned.T[::-1])], np.int32)


def _first_reason(failures: Sequence[tuple[str, str]]) -> str:
    return f"{failures[0][0]}: {failures[0][1]}" if failures else "all of it is out of range, at edges or sky"


def import_open3d() -> ModuleType:
    """Import open3d.

    Raises:
        FuseError: it is not installed, or a library that it needs is missing.
    """
    try:
        import open3d
    except (ImportError, OSError) as error:
        raise FuseError(f"fusing needs open3d ({error}): pip install 'metricdepth[fusion]'") from error
    return open3d
