"""Prediction of images of any size and lens by a predictor of perspective images."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mono.calibration.camera_calibration import with_calibration
from mono.data.camera_source import ResolvedCamera
from mono.data.saved_predictions import PredictionFormat
from mono.geometry.camera import Camera
from mono.geometry.canonical import CanonicalTransform
from mono.geometry.undistortion import undistortion
from mono.inference.images import cameras_for_all, read_input, resolve_camera
from mono.inference.prediction import Prediction
from mono.inference.predictor import NetworkInput, RawPrediction, WideInput
from mono.inference.wide import WideOutput, cut_wide_image, lay_out_for, within_image_circle
from mono.system.errors import MetricDepthError
from mono.views.layout import ViewOptions, needs_views

if TYPE_CHECKING:
    from mono.calibration.known import Known
    from mono.inference.images import CameraLike, ImageLike

_AT_ONCE = 4  # views that go through the network together


class ImagePredictor(ABC):
    """Implementation of `Predictor` by `prepare_view` and `infer_views`, which know perspective images alone.

    Attributes:
        transform: transform between images and the canonical camera.
        views: settings of the views that wide images are cut into.
        checksum: SHA-256 of the weights' file.
    """

    transform: CanonicalTransform
    views: ViewOptions
    checksum: str

    @property
    def prediction_format(self) -> PredictionFormat:
        """Return the meaning of the predictions' values: depth in meters."""
        return PredictionFormat()

    def prepare_view(self, image: np.ndarray, found: ResolvedCamera) -> NetworkInput:
        """Check that a perspective image fits its camera, and undistort it; see `Predictor.prepare`."""
        camera = found.camera
        if image.shape[:2] != (camera.height, camera.width):
            raise MetricDepthError(
                f"image is {image.shape[1]}x{image.shape[0]} but its camera {camera.width}x{camera.height}"
            )
        flat = undistortion(camera)
        view = self.transform.view(flat.pinhole)  # refuses images that are too long, for which a file has no message
        return NetworkInput(found, view, np.ascontiguousarray(flat.image_to_pinhole(image)))

    @abstractmethod
    def infer_views(self, images: Sequence[NetworkInput]) -> Sequence[RawPrediction]:
        """Compute the outputs of perspective images; see `Predictor.infer`."""

    def prepare(self, image: np.ndarray, found: ResolvedCamera) -> NetworkInput | WideInput:
        """Bring an image to the form that `infer` takes; see `Predictor.prepare`."""
        found = within_image_circle(image, found)
        if not needs_views(found.camera, self.views):
            return self.prepare_view(image, found)
        cut = cut_wide_image(image, found.camera, self.views, self.transform)
        views = (self.prepare_view(c.rgb, ResolvedCamera(c.view.camera, found.source, found.detail)) for c in cut)
        return WideInput(found, tuple(views), cut)

    def infer(self, images: Sequence[NetworkInput | WideInput]) -> Sequence[RawPrediction]:
        """Compute the outputs of prepared images; see `Predictor.infer`."""
        plain = [image for image in images if isinstance(image, NetworkInput)]
        outputs = iter(self.infer_views(plain) if plain else [])
        return [next(outputs) if isinstance(image, NetworkInput) else self._infer_wide(image) for image in images]

    def _infer_wide(self, image: WideInput) -> WideOutput:
        parts = (image.views[i : i + _AT_ONCE] for i in range(0, len(image.views), _AT_ONCE))
        raw = [output for part in parts for output in self.infer_views(part)]
        return WideOutput(image.found, image.cut, tuple(raw))

    def network_pixels(self, camera: Camera) -> int:
        """Return the number of the network's input pixels that show an image; see `Predictor.network_pixels`."""
        cameras = [camera]
        if needs_views(camera, self.views):
            cameras = [view.camera for view in lay_out_for(camera, self.views, self.transform)]
        sizes = (self.transform.view(undistortion(each).pinhole).size for each in cameras)
        return sum(height * width for height, width in sizes)

    def predict(self, image: ImageLike, camera: CameraLike = None, align: Known | None = None) -> Prediction:
        """Predict metric depth of one image; see `Predictor.predict`."""
        prediction = self.predict_batch([image], [camera])[0]
        return prediction if align is None else prediction.aligned(align)

    def predict_batch(
        self, images: Sequence[ImageLike], cameras: CameraLike | Sequence[CameraLike] = None
    ) -> list[Prediction]:
        """Predict metric depth of several images; see `Predictor.predict_batch`."""
        if not hasattr(images, "__iter__") or _is_single(images):
            raise MetricDepthError("images must be a list; for a single one use predict")
        read = [read_input(image) for image in images]
        found = [resolve_camera(*pair) for pair in zip(read, cameras_for_all(cameras, len(read)), strict=True)]
        prepared = [self.prepare(image.rgb, camera) for image, camera in zip(read, found, strict=True)]
        return [with_calibration(raw.prediction(), raw.found, self.checksum) for raw in self.infer(prepared)]


def _is_single(images: object) -> bool:
    single = isinstance(images, (str, os.PathLike, bytes, bytearray)) or hasattr(images, "read")
    return single or getattr(images, "ndim", 4) == 3
