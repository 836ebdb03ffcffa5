"""Ground plane of a depth map, and the camera's height above it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mono.calibration.known import AlignmentError
from mono.geometry.camera import Camera
from mono.geometry.normals import normals_from_depth

_SAMPLED = 6000  # points looked at
_HYPOTHESES = 400
_TILT = math.cos(math.radians(50))  # of the ground against the camera's vertical axis
_ALIKE = math.cos(math.radians(20))  # of a point's normal against the plane's
_NEAR = 0.05  # distance from the plane, as a share of the camera's height above it
_LEAST = 0.02  # share of the image that the ground covers
_STRIPS = 8  # parts of the ground whose depth errs by itself


@dataclass(frozen=True)
class Ground:
    """Ground plane below the camera.

    Attributes:
        normal: unit normal, pointing up to the camera, (3,).
        height: height of the camera above the plane [m].
        relative_error: standard error of the height, relative.
        share: share of the image's valid pixels on the plane.
        place: middle of the ground in the image, from 0 to 1 along u and v.
        depth: typical depth of the ground [m].
    """

    normal: np.ndarray
    height: float
    relative_error: float
    share: float
    place: tuple[float, float]
    depth: float


def ground_plane(depth: np.ndarray, camera: Camera) -> Ground:
    """Find the ground by RANSAC over level points.

    The camera is taken to be held upright, within 50 degrees. Of several level planes that are nearly as large as the
    largest, the lowest is the ground.

    Args:
        depth: (H, W) depth [m], 0 where there is none.
        camera: its camera.

    Raises:
        AlignmentError: no level surface below the camera is large enough, or it is not flat.
    """
    normals = normals_from_depth(depth, camera)
    rows, columns = np.nonzero((normals[..., 1] < -_TILT) & (depth > 0))
    valid = int((depth > 0).sum())
    rng = np.random.default_rng(0)
    rate = min(1.0, _SAMPLED / max(1, len(rows)))
    chosen = np.sort(rng.permutation(len(rows))[: math.ceil(rate * len(rows))])
    rows, columns = rows[chosen], columns[chosen]
    z = depth[rows, columns].astype(np.float64)
    points = camera.axis_rays_at(np.column_stack([columns, rows])) * z[:, None]
    facing = normals[rows, columns].astype(np.float64)
    least = _LEAST * rate * valid
    best: tuple[float, np.ndarray] | None = None
    tried = []
    for i in rng.permutation(len(points))[:_HYPOTHESES]:
        height = -float(facing[i] @ points[i])
        if height > 0:
            on = _on_plane(points, facing, facing[i], height)
            tried.append((int(on.sum()), height, on))
    if tried:
        most = max(count for count, _, _ in tried)
        if most >= least:
            _, height, on = max((t for t in tried if t[0] > 0.5 * most), key=lambda t: t[1])
            best = (height, on)
    if best is None:
        raise AlignmentError(
            "no ground is seen below the camera (a level surface over 2 % of the image): give distances at pixels, or "
            "tilt the camera down"
        )
    height, on = best
    normal = facing[on].mean(axis=0)
    for _ in range(5):
        normal, height = _fit_plane(points[on], normal)
        on = _on_plane(points, facing, normal, height)
        if on.sum() < max(least / 2, 3):
            raise AlignmentError(
                "the ground below the camera is not flat, so the camera has no height above it: give distances at "
                "pixels instead"
            )
    error = _height_error(points[on], normal, columns[on]) / height
    place = ((float(np.median(columns[on])) + 0.5) / camera.width, (float(np.median(rows[on])) + 0.5) / camera.height)
    share = float(on.sum()) / rate / max(1, valid)
    return Ground(normal, height, max(error, 0.005), share, place, float(np.exp(np.log(z[on]).mean())))


def _on_plane(points: np.ndarray, facing: np.ndarray, normal: np.ndarray, height: float) -> np.ndarray:
    return (np.abs(points @ normal + height) < _NEAR * height) & (facing @ normal > _ALIKE)


def _height_error(points: np.ndarray, normal: np.ndarray, columns: np.ndarray) -> float:
    """Standard error of the height: jackknife over strips of columns."""
    strip = (np.argsort(np.argsort(columns, kind="stable"), kind="stable") * _STRIPS) // len(columns)
    heights = np.array([_fit_plane(points[strip != k], normal)[1] for k in range(_STRIPS)])
    return math.sqrt((_STRIPS - 1) * float(heights.var()))


def _fit_plane(points: np.ndarray, toward: np.ndarray) -> tuple[np.ndarray, float]:
    # Depth errs in proportion to itself, so far points count less.
    weight = 1 / np.maximum(points[:, 2], 1e-6) ** 2
    center = (weight[:, None] * points).sum(0) / weight.sum()
    scaled = (points - center) * np.sqrt(weight)[:, None]
    normal = np.linalg.svd(scaled, full_matrices=False)[2][2]
    normal = normal if normal @ toward > 0 else -normal
    return normal, -float(normal @ center)
