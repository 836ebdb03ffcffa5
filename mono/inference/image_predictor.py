"""Prediction of images of any size and lens by a predictor of perspective images."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast, overload

import numpy as np

from mono.calibration.camera_calibration import with_calibration
from mono.calibration.known import as_known
from mono.data.camera_source import ResolvedCamera
from mono.data.saved_predictions import PredictionFormat
from mono.geometry.camera import Camera
from mono.geometry.canonical import CanonicalTransform
from mono.geometry.undistortion import undistortion
from mono.inference.images import cameras_for_all, named_in_batch, read_input, resolve_camera
from mono.inference.prediction import Prediction
from mono.inference.predictor import NetworkInput, Predictor, RawPrediction, WideInput
from mono.inference.tensor_prediction import TensorPrediction, as_tensors
from mono.inference.wide import WideOutput, cut_wide_image, lay_out_for, within_image_circle
from mono.system.errors import MetricDepthError
from mono.views.layout import ViewOptions, needs_views

if TYPE_CHECKING:
    import torch
    from typing_extensions import Self

    from mono.calibration.known import Known
    from mono.inference.images import CameraLike, ImageLike

Output = Literal["numpy", "torch"]


class ImagePredictor(ABC):
    """Implementation of `Predictor` by `prepare_view` and `infer_views`, which know perspective images alone.

    Attributes:
        transform: transform between images and the canonical camera.
        views: settings of the views that wide images are cut into.
        device: device that computes.
        checksum, checkpoint, precision, name, backend: see `Predictor`.
        is_network: True if it can be saved as a folder of weights and settings.
    """

    transform: CanonicalTransform
    views: ViewOptions
    device: torch.device
    checksum: str
    checkpoint: Path
    precision: str
    name: str
    backend: str
    is_network: ClassVar[bool] = False

    @property
    def prediction_format(self) -> PredictionFormat:
        """Return the meaning of the predictions' values: depth in meters."""
        return PredictionFormat()

    def unguided(self) -> Self:
        """Return the predictor that resizes its maps by interpolation alone, as exported files do."""
        plain = replace(self.transform, guided=False)
        return replace(self, transform=plain)  # type: ignore[type-var]

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
        views = (self.prepare_view(c.rgb, replace(found, camera=c.view.camera, file=None)) for c in cut)
        return WideInput(found, tuple(views), cut)

    def infer(self, images: Sequence[NetworkInput | WideInput]) -> Sequence[RawPrediction]:
        """Compute the outputs of prepared images; see `Predictor.infer`."""
        plain = [image for image in images if isinstance(image, NetworkInput)]
        outputs = iter(self.infer_views(plain) if plain else [])
        return [next(outputs) if isinstance(image, NetworkInput) else self._infer_wide(image) for image in images]

    def _infer_wide(self, image: WideInput) -> WideOutput:
        count = 1 if self.device.type == "cpu" else 4  # more fall out of its cache
        parts = (image.views[i : i + count] for i in range(0, len(image.views), count))
        raw = [output for part in parts for output in self.infer_views(part)]
        return WideOutput(image.found, image.cut, tuple(raw))

    def network_pixels(self, camera: Camera) -> int:
        """Return the number of the network's input pixels that show an image; see `Predictor.network_pixels`."""
        cameras = [camera]
        if needs_views(camera, self.views):
            cameras = [view.camera for view in lay_out_for(camera, self.views, self.transform)]
        sizes = (self.transform.view(undistortion(each).pinhole).size for each in cameras)
        return sum(height * width for height, width in sizes)

    @overload
    def predict(
        self, image: ImageLike, camera: CameraLike = None, align: Known | None = None, *, output: Literal["numpy"] = ...
    ) -> Prediction: ...

    @overload
    def predict(
        self, image: ImageLike, camera: CameraLike = None, align: Known | None = None, *, output: Literal["torch"]
    ) -> TensorPrediction: ...

    def predict(
        self, image: ImageLike, camera: CameraLike = None, align: Known | None = None, *, output: Output = "numpy"
    ) -> Prediction | TensorPrediction:
        """Predict metric depth of one image; see `Predictor.predict`."""
        if align is None:
            return self._predict([image], [camera], output)[0]
        known, opened = as_known(align), read_input(image)
        prediction = self.predict_batch([opened], [camera])[0]
        size = (prediction.camera.width, prediction.camera.height)
        prediction = prediction.aligned(known.resized(opened.photo.full_size, size))
        return as_tensors(prediction, self.device) if _is_torch(output) else prediction

    @overload
    def predict_batch(
        self,
        images: Sequence[ImageLike],
        cameras: CameraLike | Sequence[CameraLike] = None,
        *,
        output: Literal["numpy"] = ...,
    ) -> list[Prediction]: ...

    @overload
    def predict_batch(
        self,
        images: Sequence[ImageLike],
        cameras: CameraLike | Sequence[CameraLike] = None,
        *,
        output: Literal["torch"],
    ) -> list[TensorPrediction]: ...

    def predict_batch(
        self,
        images: Sequence[ImageLike],
        cameras: CameraLike | Sequence[CameraLike] = None,
        *,
        output: Output = "numpy",
    ) -> list[Prediction] | list[TensorPrediction]:
        """Predict metric depth of several images; see `Predictor.predict_batch`."""
        return self._predict(images, cameras, output)

    def _predict(self, images: Sequence[ImageLike], cameras: CameraLike | Sequence[CameraLike], output: Output) -> Any:
        as_torch = _is_torch(output)
        if not hasattr(images, "__iter__") or _is_single(images):
            raise MetricDepthError("images must be a list; for a single one use predict")
        each = list(images)
        prepared = []
        for index, pair in enumerate(zip(each, cameras_for_all(cameras, len(each)), strict=True)):
            with named_in_batch(index, len(each)):
                image = read_input(pair[0])
                prepared.append(self.prepare(image.rgb, resolve_camera(image, pair[1])))
        finish = self.tensors if as_torch else self._arrays
        return [finish(raw) for raw in self.infer(prepared)]

    def _arrays(self, raw: RawPrediction) -> Prediction:
        return with_calibration(raw.prediction(), raw.found, self.checksum)

    def tensors(self, raw: RawPrediction) -> TensorPrediction:
        """Return the output for one image as tensors on the predictor's device."""
        return as_tensors(self._arrays(raw), self.device)

    def save_pretrained(
        self,
        folder: str | os.PathLike[str],
        *,
        evaluations: Mapping[str, str | os.PathLike[str]] | None = None,
        trained_on: str | None = None,
        license: str | None = None,
    ) -> list[Path]:
        """Save the model as a folder; see `Predictor.save_pretrained`."""
        from mono.inference.model_card import CardNotes
        from mono.inference.pretrained import save_pretrained

        notes = CardNotes(evaluations or {}, trained_on, license)
        return save_pretrained(self._savable(), Path(folder), notes)

    def push_to_hub(
        self,
        repository: str,
        *,
        private: bool | None = None,
        revision: str | None = None,
        token: str | None = None,
        message: str = "Upload model",
        evaluations: Mapping[str, str | os.PathLike[str]] | None = None,
        trained_on: str | None = None,
        license: str | None = None,
    ) -> str:
        """Upload the model to the hub; see `Predictor.push_to_hub`."""
        from mono.inference.model_card import CardNotes
        from mono.inference.pretrained import push_to_hub

        notes = CardNotes(evaluations or {}, trained_on, license)
        return push_to_hub(self._savable(), repository, notes, private, revision, token, message)

    def _savable(self) -> Predictor:
        if not self.is_network:
            raise MetricDepthError(
                f"{self.name} is run by {self.backend}: only networks of this package can be saved as a folder"
            )
        return cast(Predictor, self)


def _is_torch(output: str) -> bool:
    if output not in ("numpy", "torch"):
        raise MetricDepthError(f'output is "{output}"; it must be "numpy" or "torch"')
    return output == "torch"


def _is_single(images: object) -> bool:
    single = isinstance(images, (str, os.PathLike, bytes, bytearray)) or hasattr(images, "read")
    return single or getattr(images, "ndim", 4) == 3
