"""Depth of a COLMAP model's points in its images, to align predictions with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mono.calibration.known import AlignmentError, KnownDepth
from mono.data.sample import Sample
from mono.geometry.camera import Camera
from mono.slam.scale.colmap_model import image_points, model_name_finder, read_model, same_shape
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

    def find(self, sample: Sample, camera: Camera) -> KnownDepth:
        """Return the points that an image sees; see `DepthFinder`."""
        image_id = self._find(str(sample.rgb))
        if image_id is None:
            raise AlignmentError(f"{self.folder}: its model has no image {sample.rgb.name}; give the frames it is of")
        orientation = self._orientation(image_id, sample, (camera.width, camera.height))
        uv, z, sides = image_points(self._model, image_id, orientation)
        if not len(z):
            raise AlignmentError(f"{self.folder}: its model has no reliable points in {sample.rgb.name}")
        return KnownDepth(uv - 0.5, z, sides, source=str(self.folder))

    def settings(self) -> Any:
        """Return the model's files; see `DepthFinder`."""
        files = sorted(file for file in self.folder.iterdir() if file.suffix in (".bin", ".txt"))
        return [(str(file.absolute()), file.stat().st_size, file.stat().st_mtime_ns) for file in files]

    def _orientation(self, image_id: int, sample: Sample, size: tuple[int, int]) -> int:
        """Return the EXIF orientation of the model's pixels: as stored, unless only the upright shape fits."""
        orientation = stored_orientation(sample)
        camera = self._model.cameras[self._model.images[image_id].camera_id]
        return orientation if orientation < 5 or same_shape(size, (camera.height, camera.width)) else 1
