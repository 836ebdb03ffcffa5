"""COLMAP model of ideal pinholes, for the images of a pack."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mono.packs.layout import PackError
from mono.packs.model_frames import ModelPackFrame
from mono.slam.scale.colmap_model import import_pycolmap, write_model

if TYPE_CHECKING:
    import pycolmap


def write_pinhole_model(
    model: pycolmap.Reconstruction, frames: Mapping[int, tuple[str, ModelPackFrame]], folder: Path
) -> None:
    """Write a model of the packed images.

    Images that are not packed are left out, with what only they saw.

    Args:
        model: the model that the frames were found in.
        frames: name and frame of each packed image, by its id.
        folder: folder of the files.

    Raises:
        PackError: images of one camera have different sizes.
        OSError: a file cannot be written.
    """
    colmap = import_pycolmap()
    copy = colmap.Reconstruction(model)
    for image_id in set(copy.reg_image_ids()) - set(frames):
        copy.deregister_frame(copy.images[image_id].frame_id)
    cameras: dict[int, ModelPackFrame] = {}
    for image_id, (name, frame) in frames.items():
        image = copy.images[image_id]
        image.name = name
        first = cameras.setdefault(image.camera_id, frame)
        if first.camera != frame.camera:
            raise PackError(
                f"{frame.name} and {first.name} are images of one camera of the model, but their depth has different "
                "sizes; predict them together"
            )
        points = list(image.points2D)
        if points:
            moved = frame.to_pixels(np.array([point.xy for point in points])) + 0.5
            for point, xy in zip(image.points2D, np.nan_to_num(moved, nan=-1.0), strict=True):
                point.xy = xy
    for camera_id, frame in cameras.items():
        own, pinhole = copy.cameras[camera_id], frame.camera
        own.model = colmap.CameraModelId.PINHOLE
        own.width, own.height = pinhole.width, pinhole.height
        own.params = [pinhole.fx, pinhole.fy, pinhole.cx + 0.5, pinhole.cy + 0.5]
    write_model(copy, folder)
