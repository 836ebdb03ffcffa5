"""Predictor: images and cameras in, metric depth out."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, overload

import numpy as np

from mono.calibration.camera_calibration import with_calibration
from mono.calibration.known import as_known
from mono.data.camera_source import ResolvedCamera
from mono.data.saved_predictions import PredictionFormat
from mono.geometry.camera import Camera
from mono.geometry.canonical import CanonicalTransform
from mono.geometry.undistortion import undistortion
from mono.inference.images import cameras_for_all, image_list, named_in_batch, read_input, resolve_camera
from mono.inference.inputs import NetworkInput, RawPrediction, WideInput
from mono.inference.prediction import Prediction
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


class Predictor(ABC):
    """Loaded model, as made by `load_model`: a network, an exported file or another model.

    Attributes:
        transform: transform between images and the canonical camera.
        views: settings of the views that wide images are cut into.
        device: device that computes.
        precision: number format: "float32", "bfloat16" or "float16".
        backend: runtime: a backend's name, or the format of an exported file.
        name: the model's zoo name, or its config's file name.
        checkpoint: file with the weights.
        checksum: SHA-256 of that file.
        architecture: the config's values that decide the network's function.
        is_network: True if it can be saved as a folder of weights and settings.
    """

    transform: CanonicalTransform
    views: ViewOptions
    device: torch.device
    precision: str
    backend: str
    name: str
    checkpoint: Path
    checksum: str
    architecture: Mapping[str, object]
    is_network: ClassVar[bool] = False

    @property
    def prediction_format(self) -> PredictionFormat:
        """Return the meaning of the predictions' values: depth in meters."""
        return PredictionFormat()

    def unguided(self) -> Self:
        """Return the predictor that resizes its maps by interpolation alone, as exported files do."""
        return replace(self, transform=replace(self.transform, guided=False))  # type: ignore[type-var]

    def prepare_view(self, image: np.ndarray, found: ResolvedCamera) -> NetworkInput:
        """Check that a perspective image fits its camera, and undistort it; see `prepare`."""
        camera = found.camera
        camera.require_size(image)
        flat = undistortion(camera)
        view = self.transform.view(flat.pinhole)  # refuses images that are too long, for which a file has no message
        return NetworkInput(found, view, np.ascontiguousarray(flat.image_to_pinhole(image)))

    @abstractmethod
    def infer_views(self, images: Sequence[NetworkInput]) -> Sequence[RawPrediction]:
        """Compute the outputs of perspective images, the only ones that subclasses know; see `infer`."""

    def prepare(self, image: np.ndarray, found: ResolvedCamera) -> NetworkInput | WideInput:
        """Bring an image to the form that `infer` takes; safe in threads beside it.

        Args:
            image: (H, W, 3) uint8 RGB.
            found: its camera.

        Raises:
            MetricDepthError: the image does not have the camera's size, or does not fit the network's input.
        """
        found = within_image_circle(image, found)
        if not needs_views(found.camera, self.views):
            return self.prepare_view(image, found)
        cut = cut_wide_image(image, found.camera, self.views, self.transform)
        views = (self.prepare_view(c.rgb, replace(found, camera=c.view.camera, file=None)) for c in cut)
        return WideInput(found, tuple(views), cut)

    def infer(self, images: Sequence[NetworkInput | WideInput]) -> Sequence[RawPrediction]:
        """Compute the outputs of prepared images, in their order."""
        plain = [image for image in images if isinstance(image, NetworkInput)]
        outputs = iter(self.infer_views(plain) if plain else [])
        return [next(outputs) if isinstance(image, NetworkInput) else self._infer_wide(image) for image in images]

    def _infer_wide(self, image: WideInput) -> WideOutput:
        count = 1 if self.device.type == "cpu" else 4  # more fall out of its cache
        parts = (image.views[i : i + count] for i in range(0, len(image.views), count))
        raw = [output for part in parts for output in self.infer_views(part)]
        return WideOutput(image.found, image.cut, tuple(raw))

    def network_pixels(self, camera: Camera) -> int:
        """Return the number of the network's input pixels that show an image of this camera."""
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
        if align is None:
            return self.predict_batch([image], [camera], output=output)[0]
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
        """Predict metric depth of several images, of any sizes.

        Images whose network inputs have one size go through the network together.

        Args:
            images: images as for `predict`.
            cameras: one camera for all, or a list with one (or None) for each; None: as for `predict`.
            output: as for `predict`.

        Raises:
            MetricDepthError: as for `predict`, or the lists differ in length.
        """
        as_torch, each, prepared = _is_torch(output), image_list(images), []
        for index, pair in enumerate(zip(each, cameras_for_all(cameras, len(each)), strict=True)):
            with named_in_batch(index, len(each)):
                image = read_input(pair[0])
                prepared.append(self.prepare(image.rgb, resolve_camera(image, pair[1])))
        raw = self.infer(prepared)
        return [self.tensors(one) for one in raw] if as_torch else [self._arrays(one) for one in raw]

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
        from mono.inference.model_card import CardNotes
        from mono.inference.pretrained import push_to_hub

        notes = CardNotes(evaluations or {}, trained_on, license)
        return push_to_hub(self._savable(), repository, notes, private, revision, token, message)

    def _savable(self) -> Predictor:
        if not self.is_network:
            raise MetricDepthError(
                f"{self.name} is run by {self.backend}: only networks of this package can be saved as a folder"
            )
        return self


def _is_torch(output: str) -> bool:
    if output not in ("numpy", "torch"):
        raise MetricDepthError(f'output is "{output}"; it must be "numpy" or "torch"')
    return output == "torch"
