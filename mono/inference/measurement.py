"""Measurements between pixels of a depth map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mono.inference.prediction import Prediction
from mono.system.checks import as_array
from mono.system.errors import MetricDepthError

MAX_POINTS = 200


@dataclass(frozen=True)
class Measurement:
    """Lengths between pixels.

    Attributes:
        points: (N, 3) points of the pixels [m], x right, y down, z forward.
        length: length of the path, closed around an area; of one point the distance from the camera [m].
        straight: distance between the ends [m]; None for one point and for areas.
        horizontal: part of the distance between the ends along the ground, for a camera that was held level [m].
        vertical: part of the distance between the ends up or down, for a camera that was held level [m].
        area: flat area inside the closed path [m2]; None if it was not asked for.
        relative_error: standard error as a share of any of the lengths; None: the prediction announces none.
    """

    points: np.ndarray
    length: float
    straight: float | None = None
    horizontal: float | None = None
    vertical: float | None = None
    area: float | None = None
    relative_error: float | None = None

    def values(self) -> dict[str, Any]:
        """Return what was measured as values for JSON."""
        found = {name: value for name, value in vars(self).items() if value is not None}
        return found | {"points": self.points.round(6).tolist()}


def measure(
    prediction: Prediction,
    pixels: Sequence[Sequence[float]],
    area: bool = False,
    size: tuple[int, int] | None = None,
) -> Measurement:
    """Measure a distance, path or area between pixels.

    Args:
        prediction: depth and camera.
        pixels: (x, y) of each point [px], from 0 at the top left; one point is measured from the camera.
        area: close the path and measure the flat area inside it.
        size: (width, height) of the photo that the pixels are of [px]; None: that of the depth.

    Raises:
        MetricDepthError: a pixel is outside or has no depth, there are too few or too many, sides of an area cross, or
            the depth has no unit.
    """
    prediction.format.require_meters()
    least = 3 if area else 1
    if not least <= len(pixels) <= MAX_POINTS:
        raise MetricDepthError(f"there are {len(pixels)} points; give {least} to {MAX_POINTS}")
    height, width = prediction.depth.shape
    size = size or (width, height)
    inside = np.array([_inside(pixel, size) for pixel in pixels])
    scaled = (inside + 0.5) * [width / size[0], height / size[1]] - 0.5
    places = [_place(prediction, pixel, at) for pixel, at in zip(inside, scaled, strict=True)]
    points = _points(prediction, scaled, places)
    error = _relative_error(prediction, places)
    if len(points) == 1:
        return Measurement(points, float(np.linalg.norm(points[0])), relative_error=error)
    closed = np.vstack([points, points[:1]]) if area else points
    length = float(np.linalg.norm(np.diff(closed, axis=0), axis=1).sum())
    if area:
        _refuse_crossing(points)
        spokes = points - points.mean(axis=0)
        enclosed = float(np.linalg.norm(np.cross(spokes, np.roll(spokes, -1, axis=0)).sum(axis=0)) / 2)
        return Measurement(points, length, area=enclosed, relative_error=error)
    x, y, z = points[-1] - points[0]
    parts = float(np.linalg.norm([x, y, z])), float(np.hypot(x, z)), float(abs(y))
    return Measurement(points, length, *parts, relative_error=error)


def _inside(pixel: Sequence[float], size: tuple[int, int]) -> np.ndarray:
    """Return a pixel as an array, if it lies in a photo."""
    at = as_array(pixel, "pixel", "x, y")
    if at.shape != (2,) or not np.isfinite(at).all():
        raise MetricDepthError(f"the pixel {pixel!r:.60} is not two finite numbers x,y")
    if not ((at >= -0.5) & (at <= np.subtract(size, 0.5))).all():
        raise MetricDepthError(f"pixel ({at[0]:g}, {at[1]:g}) lies outside the image of {size[0]}x{size[1]}")
    return at


def _place(prediction: Prediction, pixel: np.ndarray, scaled: np.ndarray) -> tuple[int, int]:
    """Return the row and column of a pixel, given also in pixels of the depth, that has depth."""
    height, width = prediction.depth.shape
    row, column = min(max(round(scaled[1]), 0), height - 1), min(max(round(scaled[0]), 0), width - 1)
    if not prediction.depth[row, column] > 0:
        raise MetricDepthError(f"pixel ({pixel[0]:g}, {pixel[1]:g}) has no depth: choose another point")
    return row, column


def _points(prediction: Prediction, pixels: np.ndarray, places: Sequence[tuple[int, int]]) -> np.ndarray:
    """Unproject pixels to points (N, 3) [m]."""
    depth = np.array([[prediction.depth[place]] for place in places], np.float64)
    camera = prediction.camera
    if prediction.depth_kind == "z":
        return np.asarray(camera.axis_rays_at(pixels) * depth)
    rays = camera.rays_at(pixels)
    return np.asarray(rays / np.linalg.norm(rays, axis=-1, keepdims=True) * depth)


def _refuse_crossing(points: np.ndarray) -> None:
    """Refuse corners whose sides cross in the image."""
    n = len(points)
    rays = points / np.linalg.norm(points, axis=1, keepdims=True)
    i, j = np.triu_indices(n, 2)
    a, b, c, d = rays[i], rays[(i + 1) % n], rays[j], rays[(j + 1) % n]
    # The planes of two sides meet in a ray between a and b, and between c and d, where these have one sign.
    sides = np.array([(np.cross(p, q) * r).sum(1) for p, q, r in ((a, b, d), (b, a, c), (a, c, d), (c, b, d))])
    crossing = np.flatnonzero((np.abs(sides) > 1e-9).all(0) & (np.abs(np.sign(sides).sum(0)) == 4))
    if len(crossing):
        first, second = i[crossing[0]], j[crossing[0]]
        raise MetricDepthError(
            f"the area's sides from point {first + 1} to {first + 2} and from {second + 1} to {(second + 1) % n + 1} "
            "cross: give its corners in their order around it"
        )


def _relative_error(prediction: Prediction, places: Sequence[tuple[int, int]]) -> float | None:
    """Take the error of the points' depths for an error of the whole scene's scale: lengths have the same one."""
    if not prediction.has_uncertainty:
        return None
    confidence = np.array([prediction.confidence[place] for place in places])
    return round(float(np.sqrt(np.mean(prediction.uncertainty.std(confidence) ** 2))), 4)
