"""Colored point clouds from depth, and PLY files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mono.geometry.camera import Camera
from mono.io.atomic import atomic_path
from mono.system.errors import MetricDepthError

CAMERA_FRAME = "the camera's frame: x right, y down, z forward"
AXES = {"opencv": CAMERA_FRAME, "opengl": "the camera's frame: x right, y up, z backward"}
_KEY_BITS = 21  # three voxel indices in one 64-bit key


@dataclass(frozen=True)
class PointCloud:
    """Colored points in the camera frame: x right, y down, z forward.

    Attributes:
        points: (N, 3) float32 positions [m].
        colors: (N, 3) uint8 RGB.
        normals: (N, 3) float32 unit normals, 0 where there are none; None for a cloud without normals.
    """

    points: np.ndarray
    colors: np.ndarray
    normals: np.ndarray | None = None

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.points)

    def in_axes(self, axes: str) -> PointCloud:
        """Convert from the camera frame to other axes.

        Args:
            axes: one of `AXES`: "opencv" (x right, y down, z forward) or "opengl" (x right, y up, z backward, as most
                viewers expect).

        Returns:
            Cloud whose points and normals are in these axes; `AXES[axes]` describes them for `write_ply`.

        Raises:
            MetricDepthError: the axes are unknown.
        """
        if axes not in AXES:
            raise MetricDepthError(f"axes are {axes!r}; choose one of {', '.join(AXES)}")
        if axes == "opencv":
            return self
        flip = np.array([1, -1, -1], np.float32)
        return PointCloud(self.points * flip, self.colors, None if self.normals is None else self.normals * flip)


def point_cloud(
    depth: np.ndarray,
    rgb: np.ndarray,
    camera: Camera,
    *,
    normal: np.ndarray | None = None,
    confidence: np.ndarray | None = None,
    min_range: float | None = None,
    max_range: float | None = None,
    edge_filter: float | None = None,
    voxel_size: float | None = None,
    min_confidence: float | None = None,
) -> PointCloud:
    """Unproject a depth map to a colored point cloud.

    Points are in row order, or in voxel order with `voxel_size`.

    Args:
        depth: (H, W) depth [m] of the camera's `depth_kind`; pixels that are not finite and positive are left out.
        rgb: (H, W, 3) uint8 image.
        camera: camera of both.
        normal: (H, W, 3) surface normals, carried by the points.
        confidence: (H, W) confidence of the depth.
        min_range: nearest depth to keep [m].
        max_range: farthest depth to keep [m].
        edge_filter: leave out pixels on edges of the depth map, as found by `depth_edges` with this threshold
            (0.1 = 10 %). There, depth runs from front to back over a few pixels, and the points hang in the air.
        voxel_size: edge length of the cubes in which points, colors and normals are averaged [m].
        min_confidence: leave out pixels whose confidence is lower, or not a number.

    Returns:
        The cloud, in the camera frame.

    Raises:
        MetricDepthError: sizes do not agree, an option is not positive, or there is no confidence to compare with.
    """
    size = (camera.height, camera.width)
    if depth.shape != size or rgb.shape != (*size, 3):
        raise MetricDepthError(
            f"depth {depth.shape}, image {rgb.shape} and camera {size} differ: "
            "they must share (height, width), and the image must have 3 channels"
        )
    if normal is not None and normal.shape != (*size, 3):
        raise MetricDepthError(f"the normals are {normal.shape}, the camera {size}: they must share (height, width)")
    for name, value in (("edge_filter", edge_filter), ("voxel_size", voxel_size)):
        if value is not None and not value > 0:
            raise MetricDepthError(f"{name} is {value}; it must be positive")
    depth = depth.astype(np.float32, copy=False)
    keep = np.isfinite(depth) & (depth > 0)
    if edge_filter is not None:
        keep &= ~depth_edges(depth, edge_filter, confidence, edge_radius(depth.shape))
    if min_range is not None:
        keep &= depth >= min_range
    if max_range is not None:
        keep &= depth <= max_range
    if min_confidence is not None:
        if confidence is None or confidence.shape != size or np.isnan(confidence).all():
            given = "none" if confidence is None or confidence.shape == size else f"{confidence.shape}"
            raise MetricDepthError(f"min_confidence needs the confidence of every pixel, {size}; given is {given}")
        keep &= confidence >= min_confidence
    depth = np.where(keep, depth, np.float32(0))
    points = camera.unproject_distance(depth) if camera.depth_kind == "ray" else camera.unproject(depth)
    normals = None if normal is None else _kept(normal.astype(np.float32, copy=False), keep)
    cloud = PointCloud(_kept(points, keep), _kept(rgb.astype(np.uint8, copy=False), keep), normals)
    return cloud if voxel_size is None else voxel_grid(cloud, voxel_size)


def _kept(values: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """Select `values[keep]` of (H, W, 3) values, as (N, 3).

    NumPy picks triples one number at a time; as one item each, they take a tenth of the time.
    """
    triple = np.dtype((np.void, 3 * values.itemsize))
    picked = np.ascontiguousarray(values).reshape(-1, 3).view(triple)[:, 0][keep.ravel()]
    return picked.view(values.dtype).reshape(-1, 3)


def edge_radius(shape: tuple[int, ...]) -> int:
    """Choose the neighborhood of `depth_edges` for a size.

    Networks see images at about 640 pixels: in larger depth maps, an edge is a ramp over as many more pixels.

    Args:
        shape: (height, width) [px].

    Returns:
        Radius [px], at least 1.
    """
    return max(1, round(max(shape) / 640))


def depth_edges(
    depth: np.ndarray, threshold: float, confidence: np.ndarray | None = None, radius: int = 1
) -> np.ndarray:
    """Find edges by the change of log depth over a neighborhood.

    A pixel is on an edge where its depth differs from the nearest or the farthest in its neighborhood by more than the
    threshold, as a share of the nearer depth. So both sides of a jump are edges, the ramp between them, and things as
    thin as the neighborhood. Where the confidence is below its median, half the threshold suffices. Pixels without
    depth are never edges, nor do they make any.

    Args:
        depth: (H, W) depth [m].
        threshold: relative change of depth (0.1 = 10 %).
        confidence: (H, W) confidence of the depth; None, or nowhere a number: the same threshold everywhere.
        radius: reach of the square neighborhood [px].

    Returns:
        (H, W) bool.

    Raises:
        MetricDepthError: the confidence has another size than the depth map.
    """
    import cv2

    if confidence is not None and confidence.shape != depth.shape:
        raise MetricDepthError(f"the confidence is {confidence.shape}, the depth map {depth.shape}: sizes must agree")
    depth = depth.astype(np.float32, copy=False)
    valid = np.isfinite(depth) & (depth > 0)
    around = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    nearest = cv2.erode(np.where(valid, depth, np.float32(np.inf)), around)
    farthest = cv2.dilate(np.where(valid, depth, np.float32(0)), around)
    ratio: np.ndarray | np.float32 = np.float32(1 + threshold)
    if confidence is not None and np.isfinite(confidence[valid]).any():
        doubtful = ~(confidence >= np.median(confidence[valid]))
        ratio = np.where(doubtful, np.float32(1 + threshold / 2), ratio)
    return valid & ((depth / ratio > nearest) | (farthest / ratio > depth))


def voxel_grid(cloud: PointCloud, size: float) -> PointCloud:
    """Average points, colors and normals within voxels.

    Mean normals are scaled to unit length; where they cancel out, there is none. Corners of voxels lie at multiples of
    `size`.

    Args:
        cloud: points to average.
        size: edge length of a voxel [m].

    Returns:
        One point per occupied voxel, ordered by x, then y, then z of the voxel.

    Raises:
        MetricDepthError: the cloud spans more than two million voxels along an axis.
    """
    if not len(cloud):
        return cloud
    cells = []
    for axis in cloud.points.T:
        cell = np.floor(axis.astype(np.float64) / size)
        cell -= cell.min()
        if cell.max() >= 1 << _KEY_BITS:
            raise MetricDepthError(f"voxel size {size} m is too small for a cloud of this extent; choose a larger one")
        cells.append(cell.astype(np.int64))
    bits = [int(cell.max()).bit_length() for cell in cells]
    order, keys = _sorted((cells[0] << bits[1] + bits[2]) | (cells[1] << bits[2]) | cells[2], sum(bits))
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    counts = np.diff(starts, append=len(keys))

    def mean(values: np.ndarray) -> np.ndarray:
        columns = (column[order].astype(np.float64) for column in values.T)
        return np.stack([np.add.reduceat(column, starts) / counts for column in columns], axis=1)

    normals = None
    if cloud.normals is not None:
        sums = mean(cloud.normals)
        length = np.linalg.norm(sums, axis=1, keepdims=True)
        normals = np.divide(sums, length, out=np.zeros_like(sums), where=length > 1e-6).astype(np.float32)
    return PointCloud(mean(cloud.points).astype(np.float32), np.rint(mean(cloud.colors)).astype(np.uint8), normals)


def _sorted(keys: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Sort int64 keys of so many bits, stably; returns their order and the sorted keys.

    Where there is room, a key's position is put behind its last bit, and numbers are sorted instead of positions: that
    takes a quarter of the time.
    """
    room = (len(keys) - 1).bit_length()
    if bits + room > 63:
        order = np.argsort(keys, kind="stable")
        return order, keys[order]
    both = np.sort((keys << room) | np.arange(len(keys)))
    return both & ((1 << room) - 1), both >> room


def write_ply(
    path: Path,
    points: np.ndarray,
    colors: np.ndarray,
    normals: np.ndarray | None = None,
    triangles: np.ndarray | None = None,
    frame: str = CAMERA_FRAME,
) -> None:
    """Write a binary little-endian PLY atomically.

    Args:
        path: file to write; parent folders are made.
        points: (N, 3) positions [m].
        colors: (N, 3) uint8 RGB.
        normals: (N, 3) unit normals, for the properties nx, ny, nz; None for a file without them.
        triangles: (M, 3) indices of points, for a mesh; None for a point cloud.
        frame: description of the axes, for the file's comment.

    Raises:
        MetricDepthError: the shapes of the arrays do not agree.
        OSError: the file cannot be written.
    """
    count = len(points)
    columns: list[tuple[str, str, np.ndarray]] = [("points", "<f4", points), ("colors", "u1", colors)]
    if normals is not None:
        columns.insert(1, ("normals", "<f4", normals))
    for name, _, array in columns:
        if array.shape != (count, 3):
            raise MetricDepthError(f"{name} have shape {array.shape}; it must be ({count}, 3), like the points")
    vertices = np.empty(count, [(name, kind, 3) for name, kind, _ in columns])
    for name, _, array in columns:
        vertices[name] = array
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        faces = None if triangles is None else len(triangles)
        file.write(_ply_header(count, faces, frame, with_normals=normals is not None))
        file.write(vertices.data)
        if triangles is not None:
            corners = np.empty(len(triangles), [("count", "u1"), ("rows", "<i4", 3)])
            corners["count"], corners["rows"] = 3, triangles
            file.write(corners.data)


def _ply_header(count: int, faces: int | None, frame: str, *, with_normals: bool) -> bytes:
    names = ["float x", "float y", "float z"]
    names += ["float nx", "float ny", "float nz"] if with_normals else []
    names += ["uchar red", "uchar green", "uchar blue"]
    lines = [
        "ply",
        "format binary_little_endian 1.0",
        f"comment metres in {frame}",
        f"element vertex {count}",
        *(f"property {name}" for name in names),
        *(() if faces is None else (f"element face {faces}", "property list uchar int vertex_indices")),
        "end_header",
    ]
    return ("\n".join(lines) + "\n").encode("ascii")
