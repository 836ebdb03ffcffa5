"""Surface normals: derived from depth, compared by angle, and encoded as colors.

Everywhere in this package a normal is a unit vector in the camera's frame, x right, y down, z forward, that points to
the camera's side of the surface; (0, 0, 0) marks a missing normal.
"""

from __future__ import annotations

import numpy as np

from mono.geometry.camera import Camera
from mono.system.errors import MetricDepthError

_NEAREST = 1e-6  # [m], depth below this is none: its inverse would drown in `_NOTHING`
_NOTHING = np.float32(1e30)  # stands for the inverse depth of a pixel without depth
_STRIP = 32  # rows worked on at a time, so that what is between stays in the processor's cache
_VECTORS = 1 << 16  # encoded at a time
_REACH = 2  # neighbors looked at on each side
_STRAIGHT = 1e-3  # share of the inverse depth: a bend as small as this may be rounding, and both sides are averaged


def normals_from_depth(depth: np.ndarray, camera: Camera) -> np.ndarray:
    """Compute surface normals from a depth map.

    On a plane, inverse depth is linear in pixels, and its slope is the normal: this is the cross product of differences
    of neighboring points, without the points. Along rows and along columns the slope is that of both neighbors, but
    at edges and creases only of the neighbor that lies on the same surface: the one whose own neighbor, or whose own
    depth, goes on straight to the pixel.

    Args:
        depth: depth along the optical axis [m], (height, width), 0 where there is none; distances along the rays for
            cameras whose `depth_kind` is "ray".
        camera: the camera of the depth map.

    Returns:
        (height, width, 3) float32 unit normals that point to the camera; 0 where there is no depth, or none beside it
        in its row or in its column.

    Raises:
        MetricDepthError: the depth map's size is not the camera's.
    """
    if depth.shape != (camera.height, camera.width):
        raise MetricDepthError(f"depth is {depth.shape}, the camera (height, width) {(camera.height, camera.width)}")
    if camera.depth_kind == "ray":
        return normals_from_distance(depth, camera)
    valid = np.isfinite(depth) & (depth > _NEAREST)
    inverse = np.full((camera.height + 2 * _REACH, camera.width + 2 * _REACH), _NOTHING)
    inside = inverse[_REACH:-_REACH, _REACH:-_REACH]
    np.divide(np.float32(1), depth, out=inside, where=valid, casting="same_kind")
    distorted = _distorted_slopes(camera) if camera.is_distorted else None
    x = ((np.arange(camera.width) - camera.cx) / camera.fx).astype(np.float32)
    y = ((np.arange(camera.height) - camera.cy) / camera.fy).astype(np.float32)[:, None]
    normals = np.zeros((camera.height, camera.width, 3), np.float32)
    for top in range(0, camera.height, _STRIP):
        rows = slice(top, min(top + _STRIP, camera.height))
        strip = inverse[top : rows.stop + 2 * _REACH]
        here = inside[rows]
        along_x, found_x = _slope([strip[_REACH:-_REACH, i : i + camera.width] for i in range(2 * _REACH + 1)])
        along_y, found_y = _slope([strip[i : i + len(here), _REACH:-_REACH] for i in range(2 * _REACH + 1)])
        found = valid[rows] & found_x & found_y
        # Where n . point = -1, n . ray is minus the inverse depth: so n points to the camera by itself.
        if distorted is None:
            nx = np.where(found, along_x, 0) * np.float32(-camera.fx)
            ny = np.where(found, along_y, 0) * np.float32(-camera.fy)
            nz = np.where(found, -here, -1) - nx * x - ny * y[rows]
        else:
            x_here, y_here, matrix = distorted[0][rows], distorted[1][rows], distorted[2][:, rows]
            found &= np.isfinite(matrix).all(0) & np.isfinite(x_here)
            along_x, along_y = np.where(found, along_x, 0), np.where(found, along_y, 0)
            nx, ny = matrix[0] * along_x + matrix[1] * along_y, matrix[2] * along_x + matrix[3] * along_y
            nz = np.where(found, -here, -1) - nx * x_here - ny * y_here
        length = np.sqrt(nx * nx + ny * ny + nz * nz)
        for axis, values in enumerate((nx, ny, nz)):
            np.divide(values, length, out=normals[rows, :, axis], where=found & (length > 0))
    return normals


def normals_from_distance(distance: np.ndarray, camera: Camera) -> np.ndarray:
    """Compute surface normals from distances along the rays of any lens.

    A point is the unit ray over the inverse distance q; so its tangents, and their cross product, follow from the
    slopes of q, which are those of `normals_from_depth`, and from the slopes of the rays.

    Args:
        distance: distance from the camera [m], (height, width), 0 where there is none.
        camera: the camera of the map.

    Returns:
        (height, width, 3) float32 unit normals that point to the camera; 0 where there is no distance, or none beside
        it in its row or in its column.

    Raises:
        MetricDepthError: the map's size is not the camera's.
    """
    size = (camera.height, camera.width)
    if distance.shape != size:
        raise MetricDepthError(f"distance is {distance.shape}, the camera (height, width) {size}")
    rays = camera.unit_rays()
    valid = np.isfinite(distance) & (distance > _NEAREST) & np.isfinite(rays[..., 2])
    inverse = np.full((camera.height + 2 * _REACH, camera.width + 2 * _REACH), _NOTHING)
    inside = inverse[_REACH:-_REACH, _REACH:-_REACH]
    np.divide(np.float32(1), distance, out=inside, where=valid, casting="same_kind")
    if camera.wraps:
        rows = slice(_REACH, -_REACH)
        inverse[rows, :_REACH], inverse[rows, -_REACH:] = inside[:, -_REACH:], inside[:, :_REACH]
    normals = np.zeros((*size, 3), np.float32)
    for top in range(0, camera.height, _STRIP):
        rows = slice(top, min(top + _STRIP, camera.height))
        strip, here, ray = inverse[top : rows.stop + 2 * _REACH], inside[rows, :, None], rays[rows]
        along_x, found_x = _slope([strip[_REACH:-_REACH, i : i + camera.width] for i in range(2 * _REACH + 1)])
        along_y, found_y = _slope([strip[i : i + len(here), _REACH:-_REACH] for i in range(2 * _REACH + 1)])
        found = valid[rows] & found_x & found_y
        ray_x, ray_y = _ray_slopes(rays, rows)
        with np.errstate(invalid="ignore", over="ignore"):
            n = here * np.cross(ray_x, ray_y)
            n -= along_y[..., None] * np.cross(ray_x, ray) + along_x[..., None] * np.cross(ray, ray_y)
            n *= -np.sign(np.einsum("ijk,ijk->ij", n, ray))[..., None]
            length = np.sqrt(np.einsum("ijk,ijk->ij", n, n))
        found &= np.isfinite(length) & (length > 0)
        np.divide(n, length[..., None], out=normals[rows], where=found[..., None])
    return normals


def _ray_slopes(rays: np.ndarray, rows: slice) -> tuple[np.ndarray, np.ndarray]:
    """Slopes of rays along rows and along columns, of the rows of a strip; single ones at the borders of the lens."""
    low, high = max(rows.start - 1, 0), min(rows.stop + 1, len(rays))
    around = rays[low:high].astype(np.float64)
    inner = slice(rows.start - low, rows.start - low + rows.stop - rows.start)
    slopes = []
    for axis in (1, 0):
        if around.shape[axis] < 2:
            slopes.append(np.zeros_like(around[inner]))
            continue
        steps = np.diff(around, axis=axis)
        first, last = (np.take(steps, [i], axis=axis) for i in (0, -1))
        before, after = np.concatenate([first, steps], axis), np.concatenate([steps, last], axis)
        before, after = np.where(np.isfinite(before), before, after), np.where(np.isfinite(after), after, before)
        slopes.append((before + after)[inner] / 2)
    return slopes[0], slopes[1]


def _distorted_slopes(camera: Camera) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Slopes x / z and y / z of rays, and the matrix from the slope of inverse depth in pixels to n, (4, H, W)."""
    rays = camera.rays()
    with np.errstate(all="ignore"):
        x, y = (np.where(rays[..., 2] > 0, rays[..., i] / rays[..., 2], np.nan) for i in (0, 1))
        if min(x.shape) < 2:
            return x, y, np.full((4, *x.shape), np.nan)
        (x_v, x_u), (y_v, y_u) = np.gradient(x), np.gradient(y)
        determinant = x_u * y_v - x_v * y_u
        # slope_u = -(nx x_u + ny y_u) and slope_v = -(nx x_v + ny y_v), solved for n.
        return x, y, np.stack([-y_v, y_u, x_v, -x_u]) / determinant


def angles(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Compute the angles between two arrays of vectors.

    Args:
        first: vectors of any length, (..., 3).
        second: vectors to compare with, (..., 3).

    Returns:
        Angles [deg], (...) float64; NaN where a vector is 0.
    """
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    pairs = ((0, 1), (1, 2), (2, 0))
    crossed = np.sqrt(sum((a[..., i] * b[..., j] - a[..., j] * b[..., i]) ** 2 for i, j in pairs))
    # Unlike the arc cosine, this is exact for small angles.
    found = np.degrees(np.arctan2(crossed, (a * b).sum(axis=-1)))
    return np.where(a.any(axis=-1) & b.any(axis=-1), found, np.nan)


def encode_normals(normal: np.ndarray) -> np.ndarray:
    """Encode unit normals as 16-bit colors.

    Args:
        normal: unit normals (..., 3); (0, 0, 0) or values that are not numbers where missing.

    Returns:
        Red, green and blue for x, y and z, each round((n + 1) / 2 * 65535), (..., 3) uint16; (0, 0, 0) where missing,
        which no unit vector becomes.
    """
    normal = np.asarray(normal, np.float32)
    encoded = np.empty(normal.shape, np.uint16)
    vectors, colors = normal.reshape(-1, 3), encoded.reshape(-1, 3)
    for start in range(0, len(vectors), _VECTORS):
        part = vectors[start : start + _VECTORS]
        present = np.abs(part).sum(axis=-1, keepdims=True) > 0
        codes = np.rint((np.clip(part, -1, 1) + np.float32(1)) * np.float32(65535 / 2))
        colors[start : start + _VECTORS] = np.where(present, codes, 0).astype(np.uint16)
    return encoded


def decode_normals(codes: np.ndarray) -> np.ndarray:
    """Decode 8-bit or 16-bit colors to unit normals.

    Args:
        codes: colors as `encode_normals` makes them, (..., 3) uint8 or uint16.

    Returns:
        Unit normals (..., 3) float32; (0, 0, 0) for black and for vectors shorter than half a unit, such as the gray
        that other tools mark missing normals with.

    Raises:
        MetricDepthError: the codes are neither uint8 nor uint16, or do not have three channels.
    """
    if codes.dtype not in (np.uint8, np.uint16) or codes.shape[-1:] != (3,):
        raise MetricDepthError(
            f"normals are {codes.dtype} {codes.shape}; they must be uint8 or uint16 with three channels"
        )
    normal = codes * np.float32(2 / np.iinfo(codes.dtype).max) - np.float32(1)
    length = np.sqrt(np.einsum("...i,...i->...", normal, normal))[..., None]
    present = codes.any(axis=-1, keepdims=True) & (length > 0.5)
    return np.divide(normal, length, out=np.zeros_like(normal), where=present)


def _slope(line: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Slope of inverse depth at the third of five neighbors in a line, and a mask of where it exists.

    Missing neighbors are so far off that whatever they take part in is never the least.
    """
    before_that, before, here, after, after_that = line
    back, ahead = here - before, after - here
    back_misfit = np.minimum(np.abs(before - before_that - back), np.abs(back))
    ahead_misfit = np.minimum(np.abs(after_that - after - ahead), np.abs(ahead))
    least = np.minimum(back_misfit, ahead_misfit)
    bend = np.abs(ahead - back)
    smooth = bend <= np.float32(3) * least + np.float32(_STRAIGHT) * here
    one_sided = np.where(back_misfit <= ahead_misfit, back, ahead)
    return np.where(smooth, (back + ahead) * np.float32(0.5), one_sided), least < _NOTHING * np.float32(0.1)
