"""Exported files as predictors: the same images, cameras and predictions, but the file does what is in between."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mono.conversion.formats import ExportedModel, open_exported
from mono.data.camera_source import ResolvedCamera
from mono.geometry.canonical import CanonicalTransform
from mono.inference.prediction import Prediction
from mono.inference.predictor import Predictor
from mono.system.errors import BackendError, MetricDepthError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Photo:
    """An image for an exported file, with its camera."""

    rgb: np.ndarray
    found: ResolvedCamera


@dataclass(frozen=True)
class ExportedOutput:
    """What an exported file said of an image."""

    depth: np.ndarray
    confidence: np.ndarray
    found: ResolvedCamera

    def prediction(self) -> Prediction:
        """It as a prediction; nothing is left to compute."""
        return Prediction(
            depth=self.depth,
            confidence=self.confidence,
            camera=self.found.camera,
            camera_source=self.found.source,
            camera_detail=self.found.detail,
        )


@dataclass(frozen=True)
class ExportedPredictor(Predictor):
    """A predictor whose canonical transform and network are in one file. Made by `load_model`.

    Attributes:
        exported_model: runs the file.
        metadata: what the file says of itself.
    """

    exported_model: ExportedModel | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def prepare(self, image: np.ndarray, found: ResolvedCamera) -> Any:
        """An image as the file wants it.

        Raises:
            ValueError: the image does not have the camera's size, or is so long that its short side would vanish.
        """
        camera = found.camera
        if image.shape[:2] != (camera.height, camera.width):
            raise MetricDepthError(
                f"image is {image.shape[1]}x{image.shape[0]} but its camera {camera.width}x{camera.height}"
            )
        self.transform.view(camera)  # the file itself would only say that some size is not positive
        return Photo(np.ascontiguousarray(image), found)

    def infer(self, images: Sequence[Any]) -> list[Any]:
        """Runs the file on images, one after another, as it takes them."""
        assert self.exported_model is not None
        outputs = []
        for photo in images:
            depth, confidence = self.exported_model(photo.rgb, np.array(photo.found.camera.intrinsics, np.float32))
            outputs.append(ExportedOutput(depth, confidence, photo.found))
        return outputs


def open_predictor(
    path: Path,
    device: torch.device,
    precision: str | None,
    backend: str,
    options: Mapping[str, Any] | None,
    checkpoint: str | os.PathLike[str] | None,
    trust: bool = False,
) -> ExportedPredictor:
    """A file that `metricdepth export` wrote, as a predictor; the other arguments are those of `load_model`.

    Raises:
        BackendError: the file cannot be used, or something is asked for that was decided when it was written.
    """
    from mono.model.checkpoint import sha256

    decided = {
        "a checkpoint": bool(checkpoint),
        "config options": bool(options),
        f"backend {backend}": backend not in ("eager", "auto"),
        f"precision {precision}": precision not in (None, "auto", "float32"),
        f"device {device}": device.type != "cpu",
    }
    if wrong := [name for name, asked in decided.items() if asked]:
        raise BackendError(
            f"{path} is an exported model: it holds its weights and settings, and runs in float32 on the CPU with what "
            f"it was written for. Leave out {', '.join(wrong)}"
        )
    exported_model, metadata = open_exported(path, trust)
    values: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in metadata["transform"].items()}
    return ExportedPredictor(
        network=_no_network,
        transform=CanonicalTransform(**values),
        device=device,
        precision="float32",
        name=metadata["model"],
        checkpoint=path,
        checksum=sha256(path),
        architecture=metadata["architecture"],
        backend=metadata["format"],
        exported_model=exported_model,
        metadata=metadata,
    )


def _no_network(image: torch.Tensor, principal_point: torch.Tensor | None = None, /) -> Any:
    raise TypeError("an exported file takes photos, not network inputs")
