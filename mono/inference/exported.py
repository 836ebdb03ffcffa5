"""Predictors that run exported files: whole models, or networks alone in their canonical transform."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mono.backends.file_network import FileNetwork
from mono.conversion.formats import open_exported
from mono.conversion.integrity import checked_run
from mono.conversion.run_file import RunFile
from mono.conversion.signature import OUTPUTS, Signature
from mono.data.camera_source import ResolvedCamera
from mono.geometry.canonical import CanonicalTransform
from mono.inference.inputs import NetworkInput
from mono.inference.network import NetworkPredictor
from mono.inference.original_pixels import FlatOutput
from mono.inference.prediction import Prediction
from mono.inference.predictor import Predictor
from mono.inference.uncertainty import announced_scale
from mono.system.errors import BackendError
from mono.system.files import sha256
from mono.views.layout import ViewOptions

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class ExportedPredictor(Predictor):
    """Exported file with its canonical transform inside, ready to run; see `Predictor`.

    Attributes:
        run: function that runs the file.
        metadata: values that `metricdepth export` wrote into the file.
        transform: canonical transform inside of the file.
        device: the CPU, from which the file's runtime takes its inputs.
        name: name of the exported model.
        checkpoint: the file.
        checksum: SHA-256 of the file.
        architecture: config values of the exported network.
        backend: format of the file.
        precision: "float32", or "float16".
        views: settings of the views that wide images are cut into.
        signature: inputs and outputs of the file.
    """

    run: RunFile
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
    signature: Signature = field(default_factory=Signature)

    def prepare_view(self, image: np.ndarray, found: ResolvedCamera) -> NetworkInput:
        """Check the size of an image, once undistorted; see `Predictor.prepare`."""
        prepared, size = super().prepare_view(image, found), self.signature.size
        height, width = prepared.pixels.shape[:2]
        if size is not None and (height, width) != size:
            undistorted = " undistorted" if found.camera.is_distorted else ""
            raise BackendError(
                f"{self.checkpoint} takes{undistorted} images of {size[1]}x{size[0]}, not of {width}x{height}: "
                f"{'undistort and ' * bool(undistorted)}resize them, or export the model without --size"
            )
        return prepared

    def infer_views(self, images: Sequence[NetworkInput]) -> list[FlatOutput]:
        """Run the file on images.

        Those of one camera go through it together if it has a batch axis.
        """
        together: dict[tuple[object, ...], list[int]] = {}
        for i, image in enumerate(images):
            together.setdefault((image.pixels.shape, image.view.camera.intrinsics), []).append(i)
        outputs: dict[int, FlatOutput] = {}
        for members in together.values():
            intrinsics = np.array(images[members[0]].view.camera.intrinsics, np.float32)
            maps = self.signature.run(self.run, [images[i].pixels for i in members], intrinsics)
            outputs |= {i: self._output(images[i].found, m) for i, m in zip(members, maps, strict=True)}
        return [outputs[i] for i in range(len(images))]

    def _output(self, found: ResolvedCamera, maps: Sequence[np.ndarray]) -> FlatOutput:
        names = next(names for names in OUTPUTS.values() if len(names) == len(maps))
        values = dict(zip(names, maps, strict=True)) | found.prediction_fields()
        return FlatOutput(Prediction(**values, error_scale=announced_scale(self.architecture)), found)


def open_predictor(
    path: Path,
    device: str,
    precision: str | None,
    backend: str,
    options: Mapping[str, object] | None,
    checkpoint: str | os.PathLike[str] | None,
    trust: bool = False,
    views: ViewOptions | None = None,
) -> ExportedPredictor | NetworkPredictor:
    """Open an exported file as a predictor.

    Args:
        path: the file.
        device: "cpu" or "auto", or for ONNX files one of `mono.conversion.providers.PROVIDERS`.
        precision: see `load_model`; must be float32 or open, as are the backend, options and checkpoint.
        backend: see `load_model`.
        options: see `load_model`.
        checkpoint: see `load_model`.
        trust: see `load_model`.
        views: see `load_model`.

    Raises:
        BackendError: the file cannot be used, or an argument asks for something that was decided when it was written.
    """
    import torch

    from mono.config import SKY_KEY

    device = "cpu" if device == "auto" else device
    decided = {
        "a checkpoint": bool(checkpoint),
        "--sky": SKY_KEY in (options or {}),
        "config options": any(key != SKY_KEY for key in options or {}),
        f"backend {backend}": backend not in ("eager", "auto", "fastest"),
        f"precision {precision}": precision not in (None, "auto", "float32"),
        f"device {device}": device != "cpu" and path.suffix != ".onnx",
    }
    if wrong := [name for name, asked in decided.items() if asked]:
        raise BackendError(
            f"{path} is an exported model: it holds its weights, settings and precision, and runs with the runtime of "
            f"its format. Leave out {', '.join(wrong)}"
        )
    run, metadata = open_exported(path, trust, device)
    try:
        transform: dict[str, Any] = {
            key: tuple(v) if isinstance(v, list) else v for key, v in metadata["transform"].items()
        }
        texts = {"precision": "float32"} | {key: metadata[key] for key in ("model", "format")}
        texts |= {key: metadata[key] for key in ("precision",) if key in metadata}
        if not all(isinstance(text, str) for text in texts.values()):
            raise TypeError(f"not text: {texts}")
        signature = Signature.from_metadata(metadata.get("signature", {}))
        shared: dict[str, Any] = {
            "transform": CanonicalTransform(**transform),
            "device": torch.device("cpu"),  # to which the outputs come
            "name": texts["model"],
            "checkpoint": path,
            "checksum": sha256(path if path.is_file() else next(path.rglob("*.mlmodel"))),
            "precision": texts["precision"],
            "architecture": dict(metadata["architecture"]),
            "backend": texts["format"],
            "views": views or ViewOptions(),
        }
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise BackendError(
            f"{path}: its metadata is damaged or of another version ({type(error).__name__}: {str(error)[:200]}); "
            "export it again"
        ) from error
    run = checked_run(run, path, signature)
    if signature.network_only:
        return NetworkPredictor(FileNetwork(run, signature), **shared)
    return ExportedPredictor(run, metadata, signature=signature, **shared)
