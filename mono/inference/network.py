"""Predictor that computes with a network in this process."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from mono.calibration.camera_calibration import read_calibration
from mono.data.camera_source import ResolvedCamera
from mono.data.saved_predictions import PredictionFormat
from mono.geometry.canonical import FARTHEST, CanonicalTransform, CanonicalView
from mono.geometry.guided_upsampling import Guide, guide_for, guided_upsampling
from mono.geometry.undistortion import undistortion
from mono.inference.inputs import NetworkInput, RawPrediction
from mono.inference.original_pixels import in_original_pixels
from mono.inference.prediction import Prediction
from mono.inference.predictor import Predictor
from mono.inference.tensor_prediction import TensorPrediction
from mono.inference.uncertainty import announced_scale
from mono.system.memory import SizeChanges, within_memory
from mono.views.layout import ViewOptions

if TYPE_CHECKING:
    import torch

    from mono.backends.base import Network
    from mono.model.depth_model import NetworkOutput


@dataclass(frozen=True)
class NetworkPrediction:
    """Raw network output for one image of a batch, in canonical space.

    Attributes:
        output: maps of the batch.
        row: place of the image in the batch.
        view: mapping between the image and the network's input.
        found: camera of the image.
        error_scale: factor of the errors that the confidence announces; None: it announces none.
        guide: see `NetworkInput`.
    """

    output: NetworkOutput
    row: int
    view: CanonicalView
    found: ResolvedCamera
    error_scale: float | None = None
    guide: Guide | None = None

    def prediction(self) -> Prediction:
        """Bring the output back to the image, in metres; safe in threads beside the network."""
        return in_original_pixels(self.tensors().numpy())

    def tensors(self) -> TensorPrediction:
        """Bring the output back to the undistorted image, in metres, on the device."""
        camera = self.found.camera
        return within_memory(
            self._tensors,
            f"resize depth to {camera.width}x{camera.height} on {self.output.depth.device}",
            "predict fewer images at a time (--batch-size), or use another device (--device cpu)",
        )

    def _tensors(self) -> TensorPrediction:
        output, row, view, sure = self.output, self.row, self.view, self.output.normal_confidence
        small = [m[row].float() for m in (output.depth, output.confidence, output.sky) if m is not None]
        maps = [view.depth_to_metric(small[0]), *(view.map_to_image(m)[0] for m in small[1:])]
        if self.guide is not None:
            canonical, *others = (view.without_padding(m)[0] for m in small)
            guided_upsampling(maps, [canonical / view.depth_factor, *others], self.guide, FARTHEST)
        depth, confidence, *sky = maps
        return TensorPrediction(
            depth=depth,
            confidence=confidence,
            **self.found.prediction_fields(),
            error_scale=self.error_scale,
            normal=None if output.normal is None else view.normal_to_image(output.normal[row].float()),
            normal_confidence=None if sure is None else view.map_to_image(sure[row].float())[0],
            sky=sky[0] if sky else None,
            format=PredictionFormat(),
        )


@dataclass(frozen=True)
class NetworkPredictor(Predictor):
    """Network with the canonical transform around it; see `Predictor`.

    Attributes:
        network: maps normalized RGB (B, 3, H, W), and the principal points (B, 2) [px] if `uses_principal_point`, to
            canonical depth and confidence.
        transform: transform between images and the canonical camera.
        device: device of the network.
        precision: "float32", "bfloat16" or "float16".
        name: zoo name of the model, or file name of its config.
        checkpoint: file with the weights.
        checksum: SHA-256 of that file.
        architecture: other values of the config that decide the network's function.
        backend: runtime of the network: "eager", "compile", "onnxruntime" or "openvino".
        views: settings of the views that wide images are cut into.
        sizes: counter of changing sizes of images.
    """

    is_network: ClassVar[bool] = True
    network: Network
    transform: CanonicalTransform
    device: torch.device
    precision: str
    name: str
    checkpoint: Path
    checksum: str
    architecture: Mapping[str, object] = field(default_factory=dict)
    backend: str = "eager"
    views: ViewOptions = field(default_factory=ViewOptions)
    sizes: SizeChanges = field(default_factory=SizeChanges, compare=False, repr=False)

    def prepare_view(self, image: np.ndarray, found: ResolvedCamera) -> NetworkInput:
        """Bring a perspective image to the network's input; see `Predictor.prepare`."""
        flat = undistortion(found.camera)
        view = self.transform.view(flat.pinhole)
        pinhole = flat.image_to_pinhole(image)
        return NetworkInput(
            found, view, view.image_to_input(pinhole), guide_for(pinhole, view.size) if view.guided else None
        )

    def tensors(self, raw: RawPrediction) -> TensorPrediction:
        """Return the output for one image as tensors; where nothing but the network made it, it stays on the device."""
        file = raw.found.file
        corrected = raw.found.camera.is_distorted or (file and read_calibration(file, self.checksum))
        return raw.tensors() if isinstance(raw, NetworkPrediction) and not corrected else super().tensors(raw)

    def infer_views(self, images: Sequence[NetworkInput]) -> list[NetworkPrediction]:
        """Run the network; images whose inputs have one size go through it together."""
        by_size: dict[tuple[int, int], list[int]] = {}
        for i, image in enumerate(images):
            by_size.setdefault(image.view.input_size, []).append(i)
        for image in images:
            self.sizes.saw((image.found.camera.width, image.found.camera.height))
        raw: dict[int, NetworkPrediction] = {}
        scale = announced_scale(self.architecture)
        for members in by_size.values():
            output = self._run([images[i] for i in members])
            for row, i in enumerate(members):
                raw[i] = NetworkPrediction(output, row, images[i].view, images[i].found, scale, images[i].guide)
        return [raw[i] for i in range(len(images))]

    def _run(self, images: Sequence[NetworkInput]) -> NetworkOutput:
        import torch

        def run() -> NetworkOutput:
            """Move the batch to the device and run the network."""
            inputs = [torch.from_numpy(np.stack([image.pixels for image in images])).to(self.device)]
            if getattr(self.network, "uses_principal_point", False):
                points = [image.view.principal_point for image in images]
                inputs.append(torch.tensor(points, device=self.device))
            with torch.inference_mode(), self._autocast():
                return self.network(*inputs)

        count, (height, width) = len(images), images[0].view.input_size
        fewer = "predict fewer images at a time (--batch-size), or " if count > 1 else ""
        return within_memory(
            run,
            f"compute {count} image{'s' * (count > 1)} of {width}x{height} in {self.precision} on {self.device}",
            f"{fewer}use half precision (--precision float16) or another device (--device cpu)",
        )

    def _autocast(self) -> contextlib.AbstractContextManager[object]:
        import torch

        if self.precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=getattr(torch, self.precision))
