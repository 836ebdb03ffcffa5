"""Depth of a COLMAP model's points in its images, to align predictions with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mono.calibration.known import AlignmentError, KnownDepth
from mono.calibration.statistics import robust_std
from mono.data.sample import Sample
from mono.geometry.camera import Camera
from mono.slam.scale.colmap_model import image_log_ratios, image_points, model_name_finder, read_model, same_shape
from mono.slam.scale.model_scale import CLEARLY_LESS
from mono.slam.scale.orientation import stored_orientation


class ColmapDepth:
    """Known depth of images from the points of a COLMAP model, in the model's unit."""

    def __init__(self, folder: Path) -> None:
        """Read a model.

        Args:
            folder: holds cameras, images and points3D.

        Raises:
            MetricDepthError: there is no model, it is damaged, or pycolmap is not installed.
        """
        self.folder, self._model = folder, read_model(folder)
        self._find = model_name_finder(self._model)

    def find(self, sample: Sample, camera: Camera, predicted: np.ndarray | None = None) -> KnownDepth:
        """Return the points that an image sees; see `DepthFinder`."""
        image_id = self._find(str(sample.rgb))
        if image_id is None:
            raise AlignmentError(f"{self.folder}: its model has no image {sample.rgb.name}; give the frames it is of")
        orientation = self._orientation(image_id, sample, (camera.width, camera.height), predicted)
        uv, z, sides = image_points(self._model, image_id, orientation)
        if not len(z):
            raise AlignmentError(f"{self.folder}: its model has no reliable points in {sample.rgb.name}")
        return KnownDepth(uv - 0.5, z, sides, source=str(self.folder))

    def settings(self) -> Any:
        """Return the model's files; see `DepthFinder`."""
        files = sorted(file for file in self.folder.iterdir() if file.suffix in (".bin", ".txt"))
        return [(str(file.absolute()), file.stat().st_size, file.stat().st_mtime_ns) for file in files]

    def _orientation(self, image_id: int, sample: Sample, size: tuple[int, int], predicted: np.ndarray | None) -> int:
        """Return the EXIF orientation of the model's pixels: as stored, unless the shape or the depth tell upright."""
        orientation = stored_orientation(sample)
        camera = self._model.cameras[self._model.images[image_id].camera_id]
        upright = (camera.width, camera.height)
        if orientation > 4 and not same_shape(size, upright[::-1]):
            return 1
        if orientation == 1 or predicted is None or not same_shape(size, upright):
            return orientation
        ratios = [image_log_ratios(self._model, image_id, predicted, o) for o in (1, orientation)]
        if not all(map(len, ratios)):
            return orientation
        return 1 if robust_std(ratios[0]) < CLEARLY_LESS * robust_std(ratios[1]) else orientation
