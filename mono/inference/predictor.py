"""Images and cameras in, predictions out: the Python interface to a model."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mono.data.camera_source import CameraResolver, ResolvedCamera
from mono.data.sample import Sample
from mono.geometry.camera import Camera, as_camera
from mono.geometry.canonical import CanonicalTransform, CanonicalView
from mono.inference.prediction import Prediction
from mono.system.errors import MetricDepthError
from mono.system.memory import within_memory

if TYPE_CHECKING:
    import torch

    from mono.backends.base import Network
    from mono.model.depth_model import NetworkOutput

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class NetworkInput:
    """An image that is ready for the network.

    Attributes:
        found: its camera.
        view: what was done to it.
        pixels: (3, H, W) float32, resized, padded and normalised.
    """

    found: ResolvedCamera
    view: CanonicalView
    pixels: np.ndarray


@dataclass(frozen=True)
class RawPrediction:
    """What the network said of the image `row` of a batch; see `NetworkInput`."""

    output: NetworkOutput
    row: int
    view: CanonicalView
    found: ResolvedCamera

    def prediction(self) -> Prediction:
        """The output brought back to the image, in metres. Threads may do this while the network runs."""
        camera = self.found.camera
        return within_memory(
            self._prediction,
            f"resize depth to {camera.width}x{camera.height} on {self.output.depth.device}",
            "predict fewer images at a time (--batch-size), or use another device (--device cpu)",
        )

    def _prediction(self) -> Prediction:
        output, row, view = self.output, self.row, self.view
        normal = normal_confidence = None
        if output.normal is not None and output.normal_confidence is not None:
            normal = view.normal_to_image(output.normal[row].float()).cpu().numpy()
            normal_confidence = view.map_to_image(output.normal_confidence[row].float())[0].cpu().numpy()
        return Prediction(
            depth=view.depth_to_metric(output.depth[row].float()).cpu().numpy(),
            confidence=view.map_to_image(output.confidence[row].float())[0].cpu().numpy(),
            camera=self.found.camera,
            camera_source=self.found.source,
            camera_detail=self.found.detail,
            normal=normal,
            normal_confidence=normal_confidence,
        )


@dataclass(frozen=True)
class Predictor:
    """A loaded network with the canonical transform around it. Made by `load_model`.

    Attributes:
        network: maps normalised (B, 3, H, W), and the principal points (B, 2) [px] if `uses_principal_point`,
            to canonical depth and confidence.
        transform: brings images to the canonical camera, and depth back to metres.
        device: where the network runs.
        precision: "float32", "bfloat16" or "float16".
        name: the model's zoo name, or its config's file name.
        checkpoint: the file its weights came from.
        checksum: SHA-256 of that file.
        architecture: what else of the config decides what the network says.
        backend: what computes the network: "eager", "compile", "onnxruntime" or "openvino".
    """

    network: Network
    transform: CanonicalTransform
    device: torch.device
    precision: str
    name: str
    checkpoint: Path
    checksum: str
    architecture: Mapping[str, Any] = field(default_factory=dict)
    backend: str = "eager"

    def predict(self, image: Any, camera: Camera | ResolvedCamera | None = None) -> Prediction:
        """Predicts metric depth of one image.

        Args:
            image: a path, a PIL image, or an (H, W, 3) uint8 RGB array.
            camera: its camera; without it, a camera file beside the image, its EXIF data, or an assumed field of view
                (logged as a warning) are used, in this order.

        Raises:
            ValueError: the image cannot be read, is no RGB image, or does not have the camera's size.
        """
        return self.predict_batch([image], [camera])[0]

    def predict_batch(
        self, images: Sequence[Any], cameras: Sequence[Camera | ResolvedCamera | None] | None = None
    ) -> list[Prediction]:
        """Predicts metric depth of several images, of any sizes and cameras.

        Images whose network inputs have one size go through the network together.

        Args:
            images: as for `predict`.
            cameras: one for each image, or None for those to be found; None: all are to be found.

        Raises:
            ValueError: as `predict`, or the two lists differ in length.
        """
        if isinstance(images, (str, os.PathLike)):
            raise MetricDepthError("images must be a list; for a single one use predict")
        cameras = [None] * len(images) if cameras is None else cameras
        if len(cameras) != len(images):
            raise MetricDepthError(f"there are {len(images)} images but {len(cameras)} cameras")
        read = [_read(image, camera) for image, camera in zip(images, cameras, strict=True)]
        prepared = [self.prepare(rgb, found) for rgb, found in read]
        return [raw.prediction() for raw in self.infer(prepared)]

    def prepare(self, image: np.ndarray, found: ResolvedCamera) -> NetworkInput:
        """Brings an (H, W, 3) uint8 RGB array to the network's input. Threads may do this while the network runs.

        Raises:
            ValueError: the image does not have the camera's size, or does not fit the network's input.
        """
        view = self.transform.view(found.camera)
        return NetworkInput(found, view, view.image_to_input(image))

    def infer(self, images: Sequence[NetworkInput]) -> list[RawPrediction]:
        """Runs the network; images whose inputs have one size go through it together."""
        by_size: dict[tuple[int, int], list[int]] = {}
        for i, image in enumerate(images):
            by_size.setdefault(image.view.input_size, []).append(i)
        raw: dict[int, RawPrediction] = {}
        for members in by_size.values():
            output = self._run([images[i] for i in members])
            raw |= {i: RawPrediction(output, row, images[i].view, images[i].found) for row, i in enumerate(members)}
        return [raw[i] for i in range(len(images))]

    def _run(self, images: Sequence[NetworkInput]) -> NetworkOutput:
        import torch

        def run() -> NetworkOutput:
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

    def _autocast(self) -> contextlib.AbstractContextManager[Any]:
        import torch

        if self.precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=getattr(torch, self.precision))


def _read(image: Any, camera: Camera | ResolvedCamera | None) -> tuple[np.ndarray, ResolvedCamera]:
    from mono.io.exif import read_exif_camera
    from mono.io.images import Photo, read_image, to_rgb

    exif, sample = None, None
    if isinstance(image, (str, os.PathLike)):
        sample = Sample(os.fspath(image), Path(image), os.fspath(image))
        photo = read_image(sample.rgb)
        rgb, exif = photo.rgb, photo.exif
    elif isinstance(image, np.ndarray):
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise MetricDepthError(f"the image is {image.dtype} {image.shape}; an array must be uint8 (H, W, 3), RGB")
        rgb = image
    elif hasattr(image, "getexif"):
        rgb, exif = to_rgb(image), read_exif_camera(image)
    else:
        raise MetricDepthError(f"an image must be a path, a PIL image or an array, not a {type(image).__name__}")
    if isinstance(camera, ResolvedCamera):
        return rgb, camera
    height, width = rgb.shape[:2]
    if camera is not None:
        return rgb, ResolvedCamera(as_camera(camera, width, height), "given", "given by the caller")
    found = CameraResolver().resolve_for(sample, Photo(rgb, exif))
    if found.source == "assumed":
        logger.warning("%s: %s", sample.rgb if sample else "image", found.detail)
    return rgb, found
