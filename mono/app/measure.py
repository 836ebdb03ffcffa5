"""Measurements between pixels of a depth map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mono.inference.prediction import Prediction
from mono.system.errors import MetricDepthError

MAX_POINTS = 200


def measure(prediction: Prediction, pixels: Sequence[Sequence[float]], area: bool = False) -> dict[str, object]:
    """Measure a distance, path or area between pixels.

    Args:
        prediction: depth and camera.
        pixels: (x, y) of each point [px]; one point is measured from the camera.
        area: close the path and measure the flat area inside it.

    Returns:
        "points" [m] (x right, y down, z forward), "length" [m] of the path, and for more than one point "straight" [m]
        between its ends, with its "horizontal" and "vertical" parts for a camera that was held level; "area" [m2];
        "relative_error": standard error as a share of any of the lengths, where the prediction has an uncertainty.

    Raises:
        MetricDepthError: a pixel is outside or has no depth, or there are too few or too many.
    """
    least = 3 if area else 1
    if not least <= len(pixels) <= MAX_POINTS:
        raise MetricDepthError(f"there are {len(pixels)} points; give {least} to {MAX_POINTS}")
    points = np.array([_point(prediction, pixel) for pixel in pixels])
    result: dict[str, object] = {"points": points.round(6).tolist(), **_relative_error(prediction, pixels)}
    if len(points) == 1:
        return result | {"length": float(np.linalg.norm(points[0]))}
    closed = np.vstack([points, points[:1]]) if area else points
    ends = points[-1] - points[0]
    result["length"] = float(np.linalg.norm(np.diff(closed, axis=0), axis=1).sum())
    if area:
        spokes = points - points.mean(axis=0)
        result["area"] = float(np.linalg.norm(np.cross(spokes, np.roll(spokes, -1, axis=0)).sum(axis=0)) / 2)
        return result
    result["straight"] = float(np.linalg.norm(ends))
    return result | {"horizontal": float(np.hypot(ends[0], ends[2])), "vertical": float(abs(ends[1]))}


def _point(prediction: Prediction, pixel: Sequence[float]) -> np.ndarray:
    """Unproject one pixel to a point [m]."""
    height, width = prediction.depth.shape
    camera = prediction.camera
    if len(pixel) != 2 or not np.isfinite(pixel).all():
        raise MetricDepthError(f"the pixel {list(pixel)!r:.60} is not two finite numbers x,y")
    x, y = pixel
    column, row = round(x), round(y)
    if not (0 <= column < width and 0 <= row < height):
        raise MetricDepthError(f"pixel ({x:g}, {y:g}) lies outside the image of {width}x{height}")
    depth = float(prediction.depth[row, column])
    if not depth > 0:
        raise MetricDepthError(f"pixel ({x:g}, {y:g}) has no depth: choose another point")
    return np.array([(x - camera.cx) / camera.fx, (y - camera.cy) / camera.fy, 1.0]) * depth


def _relative_error(prediction: Prediction, pixels: Sequence[Sequence[float]]) -> dict[str, float]:
    """Take the error of the points' depths for an error of the whole scene's scale: lengths have the same one."""
    if not prediction.has_uncertainty:
        return {}
    confidence = np.array([prediction.confidence[round(y), round(x)] for x, y in pixels])
    return {"relative_error": round(float(np.sqrt(np.mean(prediction.uncertainty.std(confidence) ** 2))), 4)}
