"""Predictor protocol: images and cameras in, metric depth out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, overload

import numpy as np

from mono.data.camera_source import ResolvedCamera
from mono.data.saved_predictions import PredictionFormat
from mono.geometry.canonical import CanonicalTransform, CanonicalView
from mono.geometry.guided_upsampling import Guide
from mono.inference.prediction import Prediction
from mono.inference.tensor_prediction import TensorPrediction

if TYPE_CHECKING:
    import torch

    from mono.calibration.known import Known
    from mono.geometry.camera import Camera
    from mono.inference.images import CameraLike, ImageLike
    from mono.views.cutting import CutView
    from mono.views.layout import ViewOptions


@dataclass(frozen=True)
class NetworkInput:
    """Image that is ready for a predictor's `infer`.

    Attributes:
        found: camera of the image.
        view: mapping between the image and the network's input.
        pixels: (3, H, W) float32, resized, padded and normalized; for an exported file, which does this itself, the
            image, (height, width, 3) uint8.
        guide: the undistorted photo, where it guides depth back to its size.
    """

    found: ResolvedCamera
    view: CanonicalView
    pixels: np.ndarray
    guide: Guide | None = None


@dataclass(frozen=True)
class WideInput:
    """Wide image that is ready for a predictor's `infer`.

    Attributes:
        found: camera of the image.
        views: views that it is cut into, as network inputs.
        cut: their directions and content.
    """

    found: ResolvedCamera
    views: tuple[NetworkInput, ...]
    cut: tuple[CutView, ...]


def transform_settings(transform: CanonicalTransform) -> dict[str, Any]:
    """Collect what decides a run's results; results of versions without `guided` are as those where it is off."""
    return {name: value for name, value in asdict(transform).items() if name != "guided" or value}


class RawPrediction(Protocol):
    """Output for one image, before it is brought back to the image."""

    @property
    def found(self) -> ResolvedCamera:
        """Return the camera of the image."""

    def prediction(self) -> Prediction:
        """Compute the prediction at the image's size; safe in threads beside `infer`."""


class Predictor(Protocol):
    """Loaded model, as made by `load_model`: a network, an exported file or another model."""

    @property
    def transform(self) -> CanonicalTransform:
        """Return the transform between images and the canonical camera."""

    @property
    def device(self) -> torch.device:
        """Return the device that computes."""

    @property
    def precision(self) -> str:
        """Return the number format: "float32", "bfloat16" or "float16"."""

    @property
    def backend(self) -> str:
        """Return the runtime: a backend's name, or the format of an exported file."""

    @property
    def prediction_format(self) -> PredictionFormat:
        """Return the meaning of the predictions' values."""

    @property
    def name(self) -> str:
        """Return the model's zoo name, or its config's file name."""

    @property
    def checkpoint(self) -> Path:
        """Return the file with the weights."""

    @property
    def checksum(self) -> str:
        """Return the SHA-256 of that file."""

    @property
    def architecture(self) -> Mapping[str, object]:
        """Return the config's values that decide the network's function."""

    @overload
    def predict(
        self, image: ImageLike, camera: CameraLike = None, align: Known | None = None, *, output: Literal["numpy"] = ...
    ) -> Prediction: ...

    @overload
    def predict(
        self, image: ImageLike, camera: CameraLike = None, align: Known | None = None, *, output: Literal["torch"]
    ) -> TensorPrediction: ...

    def predict(
        self, image: ImageLike, camera: CameraLike = None, align: Known | None = None, *, output: str = "numpy"
    ) -> Prediction | TensorPrediction:
        """Predict metric depth of one image.

        Args:
            image: path, bytes or open binary file of an image, PIL image, RGB array (H, W, 3) or (3, H, W), or RGB
                tensor (3, H, W). Arrays and tensors are uint8, or floats from 0 to 1, which are rounded to 8 bits.
            camera: camera of the image, as `Camera`, `ResolvedCamera` or 3x3 matrix [px], in pixels of the upright
                image, of its full size also where it is read at a reduced one. None: a camera file beside the image,
                its EXIF data, or an assumed field of view (logged as a warning), in this order.
            align: known distances to bring the depth to, as `mono.Known(points=[(412, 300, 2.0)])`, at pixels of the
                file as well.
            output: "numpy"; or "torch": tensors on the predictor's device, which the maps of undistorted perspective
                images do not leave; for edges, those of the network's size are copied.

        Returns:
            Depth [m] at the image's size.

        Raises:
            MetricDepthError: the image cannot be read or is no RGB image, the camera does not fit it, or the depth
                cannot be aligned.
        """

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
        output: str = "numpy",
    ) -> list[Prediction] | list[TensorPrediction]:
        """Predict metric depth of several images, of any sizes.

        Images whose network inputs have one size go through the network together.

        Args:
            images: images as for `predict`.
            cameras: one camera for all, or a list with one (or None) for each; None: as for `predict`.
            output: as for `predict`.

        Raises:
            MetricDepthError: as for `predict`, or the lists differ in length.
        """

    def save_pretrained(
        self,
        folder: str | os.PathLike[str],
        *,
        evaluations: Mapping[str, str | os.PathLike[str]] | None = None,
        trained_on: str | None = None,
        license: str | None = None,
    ) -> list[Path]:
        """Save the network as a folder, with a model card; see docs/hub.md.

        Args:
            folder: target folder, for `load_model`, `from_pretrained` and transformers.
            evaluations: metrics.json files of these weights by the name of their data, for the card's numbers.
            trained_on: description of the training data; None: that of the zoo model or of the fine-tuning.
            license: identifier of the weights' license, as "bsd-2-clause"; None: that of the zoo model.

        Returns:
            The written files.

        Raises:
            MetricDepthError: this is no network of this package, the folder holds another model or its card, or an
                evaluation is of other weights.
            OSError: a file cannot be written.
        """

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
        """Upload the network to Hugging Face, as `save_pretrained` writes it.

        Args:
            repository: "organization/name"; it is made where there is none.
            private: make a new repository private; None: the hub's default.
            revision: branch to write; None: the main branch.
            token: access token; None: the one that `hf auth login` stored.
            message: commit message.
            evaluations: see `save_pretrained`.
            trained_on: see `save_pretrained`.
            license: see `save_pretrained`.

        Returns:
            Address of the commit.

        Raises:
            MetricDepthError: as for `save_pretrained`, or the hub cannot be written.
        """

    @property
    def views(self) -> ViewOptions:
        """Return the settings of the views that wide images are cut into."""

    def network_pixels(self, camera: Camera) -> int:
        """Return the number of the network's input pixels that show an image of this camera."""

    def prepare(self, image: np.ndarray, found: ResolvedCamera) -> NetworkInput | WideInput:
        """Bring an image to the form that `infer` takes; safe in threads beside it.

        Args:
            image: (H, W, 3) uint8 RGB.
            found: its camera.

        Raises:
            MetricDepthError: the image does not have the camera's size, or does not fit the network's input.
        """

    def infer(self, images: Sequence[NetworkInput | WideInput]) -> Sequence[RawPrediction]:
        """Compute the outputs of prepared images, in their order."""
