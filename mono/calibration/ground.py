"""Ground plane of a depth map, and the camera's height above it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from mono.calibration.known import AlignmentError
from mono.geometry.camera import Camera
from mono.geometry.normals import normals_from_depth

_SAMPLED = 6000  # points looked at
_HYPOTHESES = 200
_REFITS = 3  # of each hypothesis to the points on it, after which those of one surface are alike
_SMOOTHED = 300  # windows that normals are taken from, along the longer side: single pixels hold rounding and noise
_TILT = math.cos(math.radians(50))  # of the ground against the camera's vertical axis
_ALIKE = math.cos(math.radians(20))  # of a point's normal against the plane's
_NEAR = 0.05  # distance from the plane, as a share of the camera's height above it
_LEAST = 0.02  # share of the image that the ground covers
_STRIPS = 8  # parts of the ground whose depth errs by itself
_SAME = 0.5  # share of its points that a plane has in common with a larger one, from which both are one surface
_LOWER = 0.5  # size of a lower level surface against the largest, from which it is the ground
_PARALLEL = math.cos(math.radians(10))  # of level surfaces above each other
_RIVAL, _SAFE = 0.4, 1.25  # sizes against the ground, from which another surface, and one standing on it, may be it
_OTHER_HEIGHT = 0.1  # difference of log height of a surface that may be the ground


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
        rivals: heights of the camera above other surfaces that may be the ground [m], the largest first.
    """

    normal: np.ndarray
    height: float
    relative_error: float
    share: float
    place: tuple[float, float]
    depth: float
    rivals: tuple[float, ...] = ()


@dataclass(frozen=True)
class _Plane:
    """Level plane with the points on it, (N,) bool."""

    normal: np.ndarray
    height: float
    on: np.ndarray

    @property
    def size(self) -> int:
        return int(self.on.sum())

    def shares(self, other: _Plane) -> float:
        """Return the share of the smaller plane's points that are on both."""
        return float((self.on & other.on).sum()) / min(self.size, other.size)

    def is_parallel(self, other: _Plane) -> bool:
        return float(self.normal @ other.normal) > _PARALLEL


def ground_plane(depth: np.ndarray, camera: Camera) -> Ground:
    """Find the ground by RANSAC over level points.

    The camera is taken to be held upright, within 50 degrees. The largest level surface is the ground, or the lowest
    parallel to it that is at least half as large. Other surfaces that may be it widen the standard error.

    Args:
        depth: (H, W) depth [m], 0 where there is none.
        camera: its camera.

    Raises:
        AlignmentError: no level surface below the camera is large enough, or it is not flat.
    """
    normals = normals_from_depth(_smoothed(depth), camera)
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
    planes = _level_planes(points, facing, rng, least)
    if not planes:
        raise AlignmentError(
            "no ground is seen below the camera (a level surface over 2 % of the image): give distances at pixels, or "
            "tilt the camera down"
        )
    found = _choose(planes)
    normal, height, on = found.normal, found.height, found.on
    for _ in range(5):
        normal, height = _fit_plane(points[on], normal)
        on = _on_planes(points, facing, normal[None], np.array([height]))[0]
        if on.sum() < max(least / 2, 3):
            raise AlignmentError(
                "the ground below the camera is not flat, so the camera has no height above it: give distances at "
                "pixels instead"
            )
    rivals = _rivals(planes, _Plane(normal, height, on))
    error = math.hypot(_height_error(points[on], normal, columns[on]) / height, _choice_error(on, height, rivals))
    place = ((float(np.median(columns[on])) + 0.5) / camera.width, (float(np.median(rows[on])) + 0.5) / camera.height)
    share = float(on.sum()) / rate / max(1, valid)
    heights = tuple(rival.height for rival in rivals)
    return Ground(normal, height, max(error, 0.005), share, place, float(np.exp(np.log(z[on]).mean())), heights)


def _smoothed(depth: np.ndarray) -> np.ndarray:
    """Average inverse depth, which is linear on planes, over windows without gaps."""
    radius = max(depth.shape) // (2 * _SMOOTHED)
    valid = (depth > 0) & np.isfinite(depth)
    inverse = np.divide(1, depth, out=np.zeros(depth.shape, np.float64), where=valid)
    window = (2 * radius + 1, 2 * radius + 1)
    mean = cv2.blur(inverse, window, borderType=cv2.BORDER_CONSTANT)
    whole = cv2.erode(valid.astype(np.uint8), np.ones(window, np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.divide(1, mean, out=depth.astype(np.float64), where=whole > 0).astype(np.float32)


def _level_planes(points: np.ndarray, facing: np.ndarray, rng: np.random.Generator, least: float) -> list[_Plane]:
    """Find level surfaces below the camera, the largest first.

    Args:
        points: (N, 3) points with level surroundings [m].
        facing: their normals, (N, 3).
        rng: chooses the points whose planes are tried.
        least: number of points of the largest surface at least.
    """
    tried = rng.permutation(len(points))[:_HYPOTHESES]
    normals = facing[tried]
    heights = -(normals * points[tried]).sum(1)
    weight = 1 / np.maximum(points[:, 2], 1e-6) ** 2  # as in `_fit_plane`
    scaled = np.column_stack([np.ones(len(points)), points])
    search = points.astype(np.float32), facing.astype(np.float32)  # the decisions need no more, and take half the time
    moments = (weight[:, None, None] * scaled[:, :, None] * scaled[:, None, :]).reshape(len(points), 16)
    for _ in range(_REFITS):
        on = _on_planes(*search, normals, heights)
        keep = (heights > 0) & (on.sum(1) > 3)
        on, normals = on[keep], normals[keep]
        sums = (on.astype(np.float64) @ moments).reshape(-1, 4, 4) if len(on) else np.zeros((0, 4, 4))
        centers = sums[:, 0, 1:] / sums[:, :1, 0]
        spread = sums[:, 1:, 1:] / sums[:, :1, :1] - centers[:, :, None] * centers[:, None, :]
        fitted = np.linalg.eigh(spread)[1][:, :, 0]
        normals = fitted * np.where((fitted * normals).sum(1) > 0, 1, -1)[:, None]
        heights = -(normals * centers).sum(1)
    on = _on_planes(*search, normals, heights)
    sizes = on.sum(1) * ((heights > 0) & (normals[:, 1] < -_TILT))
    kept: list[_Plane] = []
    for i in np.argsort(-sizes, kind="stable"):
        if sizes[i] < max(least if not kept else _RIVAL * _LOWER * kept[0].size, 3):
            break
        plane = _Plane(normals[i], float(heights[i]), on[i])
        if all(plane.shares(other) < _SAME for other in kept):
            kept.append(plane)
    return kept


def _choose(planes: list[_Plane]) -> _Plane:
    """Choose the ground: the largest plane, or the lowest one beneath it that is nearly as large."""
    largest = planes[0]
    beneath = (p for p in planes if p.size >= _LOWER * largest.size and p.is_parallel(largest))
    return max((p for p in beneath if p is largest or p.shares(largest) < 0.1), key=lambda p: p.height)


def _rivals(planes: list[_Plane], ground: _Plane) -> list[_Plane]:
    """Find surfaces of another height that a little noise could make the ground."""
    rivals = []
    for plane in planes:
        higher = plane.height < ground.height and plane.is_parallel(ground)
        least = (_SAFE if higher else _RIVAL) * ground.size
        differs = abs(math.log(plane.height / ground.height)) > _OTHER_HEIGHT
        if differs and plane.size >= least and plane.shares(ground) < _SAME:
            rivals.append(plane)
    return rivals


def _choice_error(on: np.ndarray, height: float, rivals: list[_Plane]) -> float:
    """Standard error of the log height where each of the surfaces may be the ground, as likely as it is large."""
    squares = sum(rival.size * math.log(rival.height / height) ** 2 for rival in rivals)
    return math.sqrt(squares / (float(on.sum()) + sum(rival.size for rival in rivals)))


def _on_planes(points: np.ndarray, facing: np.ndarray, normals: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """Tell which points are on which planes, (planes, points) bool."""
    normals, heights = normals.astype(points.dtype), heights.astype(points.dtype)[:, None]
    distance = normals @ points.T
    distance += heights
    return (np.abs(distance, out=distance) < points.dtype.type(_NEAR) * heights) & (normals @ facing.T > _ALIKE)


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
