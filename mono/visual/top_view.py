"""Depth of one photo under several focal lengths, seen from above."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mono.geometry.camera import Camera
from mono.system.errors import MetricDepthError
from mono.system.rounding import round_down

_SIDE = 720  # [px] of the longer side of the plot
_MARGIN = 48  # [px]
# The palette of Okabe and Ito, which the color-blind tell apart.
VIEW_COLORS = ((0, 114, 178), (230, 159, 0), (0, 158, 115), (213, 94, 0), (204, 121, 167), (86, 180, 233))


def draw_top_view(views: Sequence[tuple[np.ndarray, Camera]]) -> np.ndarray:
    """Draw depth maps as points seen from above, in one scale.

    Args:
        views: depth along the optical axis [m], (H, W), with its camera; all of one photo.

    Returns:
        RGB image (H, W, 3) uint8: the camera at the bottom, depth upward, a grid in meters, a color per view.

    Raises:
        MetricDepthError: there is no view.
    """
    import cv2

    if not views:
        raise MetricDepthError("there is no depth map to draw from above")
    points = [_ground_points(depth, camera) for depth, camera in views]
    farthest = max((float(np.percentile(z, 98)) for _, z in points if len(z)), default=1.0)
    widest = max((float(np.percentile(np.abs(x), 98)) for x, z in points if len(z)), default=1.0)
    scale = min(_SIDE / farthest, _SIDE / max(2 * widest, 1e-6))
    height, width = math.ceil(farthest * scale), max(math.ceil(2 * widest * scale), 240)
    image = np.full((height + 2 * _MARGIN, width + 2 * _MARGIN, 3), 255, np.uint8)
    center, bottom = _MARGIN + width // 2, _MARGIN + height
    step = round_down(farthest / 5, (1, 2, 5))
    for i in range(int(farthest / step) + 1):
        row = bottom - round(i * step * scale)
        cv2.line(image, (_MARGIN, row), (_MARGIN + width, row), (225, 225, 225), 1)
        cv2.putText(
            image, f"{i * step:g} m", (4, row + 4), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (90, 90, 90), 1, cv2.LINE_AA
        )
    for i, ((x, z), (_, camera)) in enumerate(zip(points, views, strict=True)):
        color = VIEW_COLORS[i % len(VIEW_COLORS)]
        columns, rows = np.rint(center + x * scale).astype(int), np.rint(bottom - z * scale).astype(int)
        shown = (columns >= _MARGIN) & (columns <= _MARGIN + width) & (rows >= _MARGIN) & (rows <= bottom)
        image[rows[shown], columns[shown]] = color
        label, place = f"{camera.focal:.10g} px", (_MARGIN + 4, 16 + 16 * (i % 2) + 0)
        place = (_MARGIN + 4 + 110 * (i // 2), place[1])
        cv2.putText(image, label, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, color, 1, cv2.LINE_AA)
    return image


def _ground_points(depth: np.ndarray, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Return x and z [m] of at most 40,000 pixels with depth."""
    step = max(1, math.ceil(math.sqrt(depth.size / 40_000)))
    z = depth[::step, ::step]
    if camera.is_distorted:
        x = camera.unproject(depth)[::step, ::step, 0]
    else:
        x = z * ((np.arange(0, depth.shape[1], step) - camera.cx) / camera.fx)
    valid = np.isfinite(z) & (z > 0)
    return x[valid].astype(np.float64), z[valid].astype(np.float64)
