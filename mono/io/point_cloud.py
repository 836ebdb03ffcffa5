"""Colored point clouds from depth, and PLY files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mono.geometry.camera import Camera
from mono.geometry.pixel_mask import select_pixels
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
    sky: np.ndarray | None = None,
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
        sky: (H, W) probability of sky.
        min_range: nearest depth to keep [m].
        max_range: farthest depth to keep [m].
        edge_filter: relative jump of depth beside which pixels are left out, as in `select_pixels`.
        voxel_size: edge length of the cubes in which points, colors and normals are averaged [m].
        min_confidence: lowest confidence to keep.

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
    if voxel_size is not None and not voxel_size > 0:
        raise MetricDepthError(f"voxel_size is {voxel_size}; it must be positive")
    depth = depth.astype(np.float32, copy=False)
    keep = select_pixels(
        depth, confidence, sky, min_range=min_range, max_range=max_range, edge_filter=edge_filter,
        min_confidence=min_confidence,
    )  # fmt: skip
    if camera.is_distorted:
        points = camera.points(np.where(keep, depth, np.float32(0)))
        keep &= points.any(-1)
    else:
        points = np.empty((*size, 3), np.float32)
        x = ((np.arange(camera.width) - camera.cx) / camera.fx).astype(np.float32)
        y = ((np.arange(camera.height) - camera.cy) / camera.fy).astype(np.float32)
        np.multiply(depth, x, out=points[..., 0])
        np.multiply(depth, y[:, None], out=points[..., 1])
        points[..., 2] = depth
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
