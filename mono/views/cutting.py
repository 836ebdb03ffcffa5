"""Cutting of perspective views out of a wide image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mono.geometry.camera import Camera
from mono.system.errors import MetricDepthError
from mono.views.layout import View, pixels_per_radian

_FILL = (124, 116, 104)  # mean color of photographs, as in the padding of networks
_SHARPER = 1.3  # resolution of the source beside the middle of a view: its corners are finer
_LARGEST_SIDE = 32_000  # [px] that OpenCV can sample


@dataclass(frozen=True, eq=False)
class CutView:
    """Pixels of a view.

    Attributes:
        view: its camera and direction.
        rgb: (height, width, 3) uint8.
        inside: pixels that the wide image shows, (height, width) bool; the others have the mean color.
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

    height, width = rgb.shape[:2]
    if (camera.height, camera.width) != (height, width):
        raise MetricDepthError(f"image is {width}x{height} but its camera {camera.width}x{camera.height}")
    scale = _SHARPER * views[0].camera.fx / pixels_per_radian(camera)
    scale = min(scale, _LARGEST_SIDE / max(height, width))
    if scale < 1:
        camera = camera.resized(max(2, round(width * scale)), max(2, round(height * scale)))
        rgb = cv2.resize(rgb, (camera.width, camera.height), interpolation=cv2.INTER_AREA)
    if around := camera.wraps:  # neighbors of the first column are in the last one
        rgb = np.concatenate([rgb[:, -1:], rgb, rgb[:, :1]], axis=1)
    cut = []
    for view in views:
        pixels, inside = camera.project(view.directions)
        columns, rows = pixels[..., 0], pixels[..., 1]
        columns, rows = (np.where(inside, values, -9).astype(np.float32) for values in (columns, rows))
        image = cv2.remap(rgb, columns + int(around), rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        image[~inside] = _FILL
        cut.append(CutView(view, image, inside))
    return cut
