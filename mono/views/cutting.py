"""Cutting of perspective views out of a wide image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from mono.geometry.camera import Camera
from mono.geometry.undistortion import mirrored
from mono.system.prefetch import workers
from mono.system.threads import threads_within
from mono.views.layout import View, pixels_per_radian

_SHARPER = 1.3  # resolution of the source beside the middle of a view: its corners are finer
_LARGEST_SIDE = 32_000  # [px] that OpenCV can sample


@dataclass(frozen=True, eq=False)
class CutView:
    """Pixels of a view.

    Attributes:
        view: its camera and direction.
        rgb: (height, width, 3) uint8.
        inside: pixels that the wide image shows, (height, width) bool; the others show what lies across its border,
            mirrored.
    """

    view: View
    rgb: np.ndarray
    inside: np.ndarray


def cut_views(rgb: np.ndarray, camera: Camera, views: Sequence[View]) -> list[CutView]:
    """Cut views out of a wide image, without aliasing.

    Args:
        rgb: wide image, (height, width, 3) uint8.
        camera: its camera.
        views: views of one resolution, as from `lay_out_views`.

    Raises:
        MetricDepthError: the image does not have the camera's size.
    """
    import cv2

    camera.require_size(rgb)
    height, width = rgb.shape[:2]
    scale = _SHARPER * views[0].camera.fx / pixels_per_radian(camera)
    scale = min(scale, _LARGEST_SIDE / max(height, width))
    if scale < 1:
        camera = camera.resized(max(2, round(width * scale)), max(2, round(height * scale)))
        rgb = cv2.resize(rgb, (camera.width, camera.height), interpolation=cv2.INTER_AREA)
    around = camera.wraps
    if around:  # neighbors of the first column are in the last one
        rgb = np.concatenate([rgb[:, -1:], rgb, rgb[:, :1]], axis=1)

    def cut(view: View) -> CutView:
        """Look up the pixels of one view."""
        columns, rows, inside = _pixels(camera, view)
        image = cv2.remap(rgb, columns + int(around), rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return CutView(view, image, inside)

    with workers(threads_within()) as pool:
        return list(pool.map(cut, views))


def cut_map(values: np.ndarray, camera: Camera, view: View) -> np.ndarray:
    """Look up a map of a wide image at the pixels of a view, at the nearest pixel.

    Args:
        values: (height, width) float32 of the camera's size.
        camera: camera of the wide image.
        view: the view.

    Returns:
        (height', width') float32 of the view's size, 0 where the wide image shows nothing.
    """
    columns, rows, inside = _pixels(camera, view)
    last = camera.width - 1, camera.height - 1
    at = (np.clip(np.rint(side), 0, end).astype(int) for side, end in zip((columns, rows), last, strict=True))
    column, row = at
    return np.where(inside, values[row, column], np.float32(0))


@lru_cache(maxsize=32)  # all images of a video have the same
def _pixels(camera: Camera, view: View) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find columns and rows of a wide image for the pixels of a view, and where it shows the image."""
    pixels, inside = camera.project(view.directions)
    columns, rows = (np.where(inside, pixels[..., i], 0).astype(np.float32) for i in range(2))
    return *mirrored(columns, rows, inside), inside
