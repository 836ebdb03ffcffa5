"""Perspective views of frames of any lens, with their poses."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from mono.geometry.camera import Camera
from mono.geometry.undistortion import undistortion
from mono.views.cutting import cut_map, cut_views
from mono.views.layout import View, ViewOptions, lay_out_views

_VIEW_SIDE = 640  # [px] of the views that wide frames are cut into


@dataclass(frozen=True)
class PosedView:
    """Perspective depth map with its pose.

    Attributes:
        depth: (H, W) float32 along the optical axis [m], 0 without depth.
        rgb: (H, W, 3) uint8.
        camera: ideal pinhole of both.
        pose: camera to world, (4, 4) [m].
    """

    depth: np.ndarray
    rgb: np.ndarray
    camera: Camera
    pose: np.ndarray


def perspective_views(depth: np.ndarray, rgb: np.ndarray, camera: Camera, pose: np.ndarray) -> list[PosedView]:
    """Bring a frame of any lens to ideal pinholes; values are looked up at the nearest pixel.

    Args:
        depth: (height, width) float32 [m] of the camera's `depth_kind`, 0 without depth.
        rgb: (height, width, 3) uint8.
        camera: camera of both.
        pose: camera to world, (4, 4) [m].

    Returns:
        The frame, undistorted; of a fisheye or panorama the views that it is cut into.

    Raises:
        MetricDepthError: the camera sees nothing.
    """
    if camera.depth_kind == "z":
        flat = undistortion(camera)
        return [PosedView(flat.depth_to_pinhole(depth), flat.image_to_pinhole(rgb), flat.pinhole, pose)]
    made = []
    for cut in cut_views(rgb, camera, _layout(camera)):
        turn = np.eye(4)
        turn[:3, :3] = cut.view.rotation
        along = cut_map(depth, camera, cut.view) * cut.view.camera.unit_rays()[..., 2]
        made.append(PosedView(along, cut.rgb, cut.view.camera, pose @ turn))
    return made


@lru_cache(maxsize=1)  # all frames have the same
def _layout(camera: Camera) -> tuple[View, ...]:
    return lay_out_views(camera, ViewOptions(), _VIEW_SIDE)
