"""Depth of a COLMAP model's points in its images, to align predictions with."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from mono.calibration.known import AlignmentError, KnownDepth
from mono.calibration.statistics import robust_std
from mono.data.sample import Sample
from mono.geometry.camera import Camera
from mono.slam.scale.colmap_model import image_log_ratios, image_points, model_name_finder, read_model, same_shape
from mono.slam.scale.orientation import stored_orientation

logger = logging.getLogger(__name__)

_MIN_POINTS = 30  # with depth in both readings, to tell upright keypoints from stored ones
_SURELY, _PERHAPS = 0.2, 0.5  # share of the spread as stored, below which keypoints are upright
_FITS = 0.2  # spread above which no reading fits


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
        ratios = np.array(
            [image_log_ratios(self._model, image_id, predicted, o, keep_all=True) for o in (1, orientation)]
        )
        ratios = ratios[:, np.isfinite(ratios).all(0)]
        if ratios.shape[1] < _MIN_POINTS:
            return orientation
        seen, stored = map(robust_std, ratios)
        if seen >= min(_PERHAPS * stored, _FITS):
            return orientation
        found = 1 if seen < _SURELY * stored else orientation
        logger.warning(
            "%s: points of %s fit its depth to %.0f %% as in the upright photo, to %.0f %% as stored: read %s",
            *(sample.rgb.name, self.folder, 100 * seen, 100 * stored, "upright" if found == 1 else "as stored"),
        )
        return found
