"""Coloured point clouds from depth, and the PLY files they are kept in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mono.geometry.camera import Camera
from mono.io.atomic import atomic_path
from mono.system.errors import MetricDepthError

CAMERA_FRAME = "the camera's frame: x right, y down, z forward"
_KEY_BITS = 21  # three voxel indices in one 64-bit key


@dataclass(frozen=True)
class PointCloud:
    """Points in the camera's frame: x right, y down, z forward.

    Attributes:
        points: (N, 3) float32 [m].
        colors: (N, 3) uint8 RGB.
        normals: (N, 3) float32 unit normals, 0 where there are none; None: the cloud has none.
    """

    points: np.ndarray
    colors: np.ndarray
    normals: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.points)


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
    """The points of all valid pixels, in row order (in voxel order with `voxel_size`).

    Args:
        depth: depth along the optical axis [m], (height, width); 0, negative and not finite values are left out.
        rgb: the photo, (height, width, 3) uint8.
        camera: the camera of both.
        normal: surface normals, (height, width, 3), that the points carry.
        confidence: of the depth, (height, width).
        min_range, max_range: nearest and farthest depth to keep [m].
        edge_filter: leave out pixels whose depth differs from one of their 8 neighbours by more than this share
            (0.1 = 10 %). At the edge of an object depth maps run from front to back over a few pixels; those points
            hang in the air.
        voxel_size: edge of the cubes in which points, colours and normals are averaged [m].
        min_confidence: leave out pixels whose confidence is lower, or not a number.

    Raises:
        ValueError: sizes do not fit, an option is not positive, or there is no confidence to compare with.
    """
    size = (camera.height, camera.width)
    if depth.shape != size or rgb.shape != (*size, 3):
        raise MetricDepthError(
            f"depth {depth.shape}, picture {rgb.shape} and camera {size} differ: "
            "they must share (height, width), and the picture must have 3 channels"
        )
    if normal is not None and normal.shape != (*size, 3):
        raise MetricDepthError(f"the normals are {normal.shape}, the camera {size}: they must share (height, width)")
    for name, value in (("edge_filter", edge_filter), ("voxel_size", voxel_size)):
        if value is not None and not value > 0:
            raise MetricDepthError(f"{name} is {value}; it must be positive")
    depth = depth.astype(np.float32, copy=False)
    keep = np.isfinite(depth) & (depth > 0)
    if edge_filter is not None:
        keep &= ~depth_edges(depth, edge_filter)
    if min_range is not None:
        keep &= depth >= min_range
    if max_range is not None:
        keep &= depth <= max_range
    if min_confidence is not None:
        if confidence is None or confidence.shape != size:
            given = "none" if confidence is None else f"{confidence.shape}"
            raise MetricDepthError(f"min_confidence needs the confidence of every pixel, {size}; given is {given}")
        keep &= confidence >= min_confidence
    points = np.empty((*size, 3), np.float32)
    np.multiply(depth, ((np.arange(camera.width) - camera.cx) / camera.fx).astype(np.float32), out=points[..., 0])
    np.multiply(depth, ((np.arange(camera.height) - camera.cy) / camera.fy).astype(np.float32)[:, None], points[..., 1])
    points[..., 2] = depth
    normals = None if normal is None else _kept(normal.astype(np.float32, copy=False), keep)
    cloud = PointCloud(_kept(points, keep), _kept(rgb.astype(np.uint8, copy=False), keep), normals)
    return cloud if voxel_size is None else voxel_grid(cloud, voxel_size)


def _kept(values: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """`values[keep]` of (height, width, 3) values, as (N, 3).

    NumPy picks triples one number at a time; as one item each they take a tenth of the time.
    """
    triple = np.dtype((np.void, 3 * values.itemsize))
    picked = np.ascontiguousarray(values).reshape(-1, 3).view(triple)[:, 0][keep.ravel()]
    return picked.view(values.dtype).reshape(-1, 3)


def depth_edges(depth: np.ndarray, threshold: float) -> np.ndarray:
    """Pixels whose depth differs from a valid one of their 8 neighbours by more than the share `threshold`.

    The share is of the nearer depth, and both sides of a jump are edges. Pixels without depth are never edges, nor do
    they make any.

    Args:
        depth: depth [m], (height, width).

    Returns:
        (height, width) bool.
    """
    import cv2

    depth = depth.astype(np.float32, copy=False)
    valid = np.isfinite(depth) & (depth > 0)
    around = np.ones((3, 3), np.uint8)
    nearest = cv2.erode(np.where(valid, depth, np.float32(np.inf)), around)
    farthest = cv2.dilate(np.where(valid, depth, np.float32(0)), around)
    ratio = np.float32(1 + threshold)
    return valid & ((depth / ratio > nearest) | (farthest / ratio > depth))


def voxel_grid(cloud: PointCloud, size: float) -> PointCloud:
    """One point for each cube of edge `size` [m] that holds any: the mean of their places, colours and normals.

    Mean normals are brought to unit length; where they cancel out there is none. The cubes' corners lie at multiples of
    `size`; the order is by x, then y, then z of the cube.

    Raises:
        ValueError: the cloud spans more than two million cubes along an axis.
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
    """The order that sorts int64 keys of so many bits, and the keys in it; equal ones stay in their order.

    Where there is room for it, a key's place is put behind its last bit, and numbers are sorted instead of places:
    that takes a quarter of the time.
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
    """Write a binary little-endian PLY, whole or not at all.

    Args:
        path: where to; parent folders are made.
        points: (N, 3) [m].
        colors: (N, 3) uint8 RGB.
        normals: (N, 3) unit normals, for the properties nx, ny, nz; None: there are none.
        triangles: (M, 3) rows of the points, for a mesh; None: the points are a cloud.
        frame: the axes, for the file's comment.

    Raises:
        ValueError: the arrays do not fit each other.
        OSError: the file cannot be written.
    """
    count = len(points)
    columns: list[tuple[str, str, np.ndarray]] = [("points", "<f4", points), ("colors", "u1", colors)]
    if normals is not None:
        columns.insert(1, ("normals", "<f4", normals))
    for name, _, array in columns:
        if array.shape != (count, 3):
            raise MetricDepthError(f"{name} have shape {array.shape}; it must be ({count}, 3) as the points'")
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
