"""Exported files as predictors: the same images, cameras and predictions, but the file does what is in between."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mono.conversion.formats import Whole, open_exported
from mono.data.camera_source import ResolvedCamera
from mono.geometry.canonical import CanonicalTransform
from mono.inference.prediction import Prediction
from mono.inference.predictor import Predictor
from mono.system.errors import BackendError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Photo:
    """An image for an exported file, with its camera."""

    rgb: np.ndarray
    found: ResolvedCamera


@dataclass(frozen=True)
class Said:
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
        whole: runs the file.
        facts: what the file says of itself.
    """

    whole: Whole | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def predict_found(self, images: Sequence[np.ndarray], cameras: Sequence[ResolvedCamera]) -> list[Prediction]:
        """`predict_batch` for (H, W, 3) uint8 RGB arrays whose cameras were found already."""
        photos = [self.prepare(image, found) for image, found in zip(images, cameras, strict=True)]
        return [said.prediction() for said in self.ask(photos)]

    def prepare(self, image: np.ndarray, found: ResolvedCamera) -> Any:
        """An image as the file wants it.

        Raises:
            ValueError: the image does not have the camera's size, or is so long that its short side would vanish.
        """
        camera = found.camera
        if image.shape[:2] != (camera.height, camera.width):
            raise ValueError(
                f"image is {image.shape[1]}x{image.shape[0]} but its camera {camera.width}x{camera.height}"
            )
        self.transform.view(camera)  # the file itself would only say that some size is not positive
        return Photo(np.ascontiguousarray(image), found)

    def ask(self, images: Sequence[Any]) -> list[Any]:
        """Runs the file on images, one after another, as it takes them."""
        assert self.whole is not None
        answers = []
        for photo in images:
            depth, confidence = self.whole(photo.rgb, np.array(photo.found.camera.intrinsics, np.float32))
            answers.append(Said(depth, confidence, photo.found))
        return answers


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
    whole, facts = open_exported(path, trust)
    values: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in facts["transform"].items()}
    return ExportedPredictor(
        network=_no_network,
        transform=CanonicalTransform(**values),
        device=device,
        precision="float32",
        name=facts["model"],
        checkpoint=path,
        checksum=sha256(path),
        architecture=facts["architecture"],
        backend=facts["format"],
        whole=whole,
        facts=facts,
    )


def _no_network(image: torch.Tensor, principal_point: torch.Tensor | None = None, /) -> Any:
    raise TypeError("an exported file takes photos, not network inputs")
