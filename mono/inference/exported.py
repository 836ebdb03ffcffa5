"""Predictor that runs an exported file, which contains the canonical transform too."""

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
from mono.inference.image_predictor import ImagePredictor
from mono.inference.original_pixels import in_original_pixels
from mono.inference.prediction import Prediction
from mono.inference.predictor import NetworkInput
from mono.inference.uncertainty import announced_scale
from mono.system.errors import BackendError
from mono.views.layout import ViewOptions

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class ExportedOutput:
    """Output of an exported file for one image.

    Attributes:
        depth: (H, W) float32 [m].
        confidence: (H, W) float32.
        found: camera of the image.
        error_scale: factor of the errors that the confidence announces; None: it announces none.
    """

    depth: np.ndarray
    confidence: np.ndarray
    found: ResolvedCamera
    error_scale: float | None = None

    def prediction(self) -> Prediction:
        """Return the output as a prediction; nothing is left to compute."""
        return in_original_pixels(
            Prediction(
                depth=self.depth,
                confidence=self.confidence,
                camera=self.found.camera,
                camera_source=self.found.source,
                camera_detail=self.found.detail,
                error_scale=self.error_scale,
            )
        )


@dataclass(frozen=True)
class ExportedPredictor(ImagePredictor):
    """Exported file, ready to run; see `Predictor`.

    Attributes:
        exported_model: function that runs the file.
        metadata: values that `metricdepth export` wrote into the file.
        transform: canonical transform inside of the file.
        device: the CPU.
        name: name of the exported model.
        checkpoint: the file.
        checksum: SHA-256 of the file.
        architecture: config values of the exported network.
        backend: format of the file.
        precision: "float32".
        views: settings of the views that wide images are cut into.
    """

    exported_model: ExportedModel
    metadata: Mapping[str, object]
    transform: CanonicalTransform
    device: torch.device
    name: str
    checkpoint: Path
    checksum: str
    architecture: Mapping[str, object]
    backend: str
    precision: str = "float32"
    views: ViewOptions = field(default_factory=ViewOptions)

    def infer_views(self, images: Sequence[NetworkInput]) -> list[ExportedOutput]:
        """Run the file on images, one after another."""
        outputs, scale = [], announced_scale(self.architecture)
        for image in images:
            intrinsics = np.array(image.view.camera.intrinsics, np.float32)
            outputs.append(ExportedOutput(*self.exported_model(image.pixels, intrinsics), image.found, scale))
        return outputs


def open_predictor(
    path: Path,
    device: torch.device,
    precision: str | None,
    backend: str,
    options: Mapping[str, object] | None,
    checkpoint: str | os.PathLike[str] | None,
    trust: bool = False,
) -> ExportedPredictor:
    """Open a file that `metricdepth export` wrote as a predictor.

    Args:
        path: the file.
        device: must be the CPU.
        precision: see `load_model`; must be float32 or open, as are the backend, options and checkpoint.
        backend: see `load_model`.
        options: see `load_model`.
        checkpoint: see `load_model`.
        trust: see `load_model`.

    Raises:
        BackendError: the file cannot be used, or an argument asks for something that was decided when it was written.
    """
    from mono.model.checkpoint import sha256

    decided = {
        "a checkpoint": bool(checkpoint),
        "config options": bool(options),
        f"backend {backend}": backend not in ("eager", "auto", "fastest"),
        f"precision {precision}": precision not in (None, "auto", "float32"),
        f"device {device}": device.type != "cpu",
    }
    if wrong := [name for name, asked in decided.items() if asked]:
        raise BackendError(
            f"{path} is an exported model: it holds its weights and settings, and runs in float32 on the CPU with the "
            f"runtime of its format. Leave out {', '.join(wrong)}"
        )
    exported_model, metadata = open_exported(path, trust)
    try:
        transform: dict[str, Any] = {
            key: tuple(v) if isinstance(v, list) else v for key, v in metadata["transform"].items()
        }
        texts = {key: metadata[key] for key in ("model", "format")}
        if not all(isinstance(text, str) for text in texts.values()):
            raise TypeError(f"not text: {texts}")
        return ExportedPredictor(
            exported_model=exported_model,
            metadata=metadata,
            transform=CanonicalTransform(**transform),
            device=device,
            name=texts["model"],
            checkpoint=path,
            checksum=sha256(path),
            architecture=dict(metadata["architecture"]),
            backend=texts["format"],
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise BackendError(
            f"{path}: its metadata is damaged or of another version ({type(error).__name__}: {str(error)[:200]}); "
            "export it again"
        ) from error
