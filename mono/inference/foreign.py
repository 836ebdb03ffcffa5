"""Predictor around any other depth model: what it returns, in whichever unit, becomes predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from mono.data.camera_source import ResolvedCamera
from mono.data.saved_predictions import PREDICTION_KINDS, PredictionFormat
from mono.geometry.camera import Camera
from mono.geometry.canonical import CanonicalTransform, CanonicalView
from mono.inference.inputs import NetworkInput
from mono.inference.original_pixels import FlatOutput
from mono.inference.prediction import Prediction
from mono.inference.predictor import Predictor
from mono.system.errors import MetricDepthError
from mono.views.layout import ViewOptions

if TYPE_CHECKING:
    import torch

_MAPS = ("depth", "points", "disparity")


class DepthModelLike(Protocol):
    """Any model that gives depth; see docs/other-models.md."""

    def infer(self, image: np.ndarray, camera: Camera) -> Mapping[str, Any]:
        """Compute the depth of an image.

        Args:
            image: (H, W, 3) uint8 RGB.
            camera: its camera.

        Returns:
            One of "depth" (H, W), "points" (H, W, 3) or "disparity" (H, W); if wanted "kind", one of
            `PREDICTION_KINDS`, "intrinsics" (3, 3) [px] and "mask" (H, W) of valid pixels.
        """


@dataclass(frozen=True)
class UnchangedImages(CanonicalTransform):
    """Transform of models that take images as they are; its crop is not used."""

    crop_size: tuple[int, int] = (1, 1)

    def view(self, camera: Camera) -> CanonicalView:
        """Return the mapping that changes nothing."""
        size = (camera.height, camera.width)
        return self.place(camera, size, size, focal=self.focal_length)


@dataclass(frozen=True)
class ForeignPredictor(Predictor):
    """Any model as a predictor; see `Predictor`.

    Attributes:
        model: the model.
        kind: meaning of its depth, one of `PREDICTION_KINDS`.
        device: device that computes.
        name: name of the model.
        checkpoint: file or repository that it came from.
        checksum: hash or revision of that.
        backend: what runs it: "baseline" or "transformers".
        transform: images go to the model as they are.
        architecture: the kind, which decides what its values mean.
        precision: "float32".
        views: one, as these models take perspective images alone.
    """

    model: DepthModelLike
    kind: str
    device: torch.device
    name: str
    checkpoint: Path
    checksum: str
    backend: str
    transform: CanonicalTransform = field(default_factory=UnchangedImages)
    precision: str = "float32"
    views: ViewOptions = field(default_factory=lambda: ViewOptions(count=1))

    @property
    def architecture(self) -> Mapping[str, object]:  # type: ignore[override]
        """Return the kind of depth."""
        return {"kind": self.kind}

    @property
    def prediction_format(self) -> PredictionFormat:
        """Return the meaning of the predictions' values."""
        return PredictionFormat(self.kind)

    def prepare(self, image: np.ndarray, found: ResolvedCamera) -> NetworkInput:
        """Check that an image fits its camera."""
        if found.camera.depth_kind == "ray":
            raise MetricDepthError(f"{self.name} takes perspective images alone, and this is a fisheye or panorama")
        return self.prepare_view(image, found)

    def infer_views(self, images: Sequence[NetworkInput]) -> list[FlatOutput]:
        """Run the model on images, one after another."""
        return [self._output(image) for image in images]

    def _output(self, image: NetworkInput) -> FlatOutput:
        result = self.model.infer(image.pixels, image.view.camera)
        if not isinstance(result, Mapping):
            raise self._wrong(f"returned a {type(result).__name__}; it must return a dictionary")
        maps = [name for name in _MAPS if result.get(name) is not None]
        if len(maps) != 1:
            raise self._wrong(f"returned {', '.join(map(str, result)) or 'nothing'}; give one of {', '.join(_MAPS)}")
        self._check_kind(maps[0], result.get("kind"))
        values, size = to_map(result[maps[0]]), image.pixels.shape[:2]
        shape = (*size, 3) if maps == ["points"] else size
        if values.shape != shape or values.dtype.kind not in "fiu":
            raise self._wrong(f"returned {maps[0]} as {values.dtype} {values.shape}; it must be numbers {shape}")
        values = (values[..., 2] if maps == ["points"] else values).astype(np.float32)
        valid = self.prediction_format.valid(values) & np.isfinite(values)
        if result.get("mask") is not None:
            mask = to_map(result["mask"])
            if mask.shape != size:
                raise self._wrong(f"returned a mask {mask.shape}; it must be {size}")
            valid &= mask.astype(bool)
        values[~valid] = np.nan if self.prediction_format.zero_is_value else 0
        found, confidence = self._camera(result.get("intrinsics"), image.found), np.full_like(values, np.nan)
        flat = Prediction(values, confidence, **found.prediction_fields(), format=self.prediction_format)
        return FlatOutput(flat, found)

    def _check_kind(self, name: str, kind: object) -> None:
        """Refuse a map of another kind than the model's; a map "disparity" may be of either kind of inverse depth."""
        if kind is None and name == "disparity" and not self.prediction_format.is_inverse:
            raise self._wrong(
                f'returned disparity, and its kind is "{self.kind}": set `kind = "disparity"` in the class, or '
                '`kind = "inverse"` if 0 is at infinity'
            )
        if kind is not None and kind != self.kind:
            checked_kind(kind, f"{self.checkpoint}: a result of `infer`")
            raise self._wrong(
                f'returned {name} of kind "{kind}", and its kind is "{self.kind}": set `kind = "{kind}"` in the class'
            )

    def _camera(self, intrinsics: object, found: ResolvedCamera) -> ResolvedCamera:
        """Take the model's own camera where none was known."""
        if intrinsics is None or found.source not in ("assumed", "estimated"):
            return found
        camera = Camera.from_matrix(to_map(intrinsics), found.camera.width, found.camera.height)
        return replace(found, camera=camera, source="predicted", detail=f"predicted by {self.name}", focal_error=None)

    def _wrong(self, reason: str) -> MetricDepthError:
        return MetricDepthError(f"{self.checkpoint}: `infer` {reason}")


def checked_kind(kind: object, origin: str) -> str:
    """Return a kind of depth that exists.

    Raises:
        MetricDepthError: it is not one of `PREDICTION_KINDS`.
    """
    if kind not in PREDICTION_KINDS:
        raise MetricDepthError(f"{origin}: its kind is {kind!r}; choose one of {', '.join(PREDICTION_KINDS)}")
    return str(kind)


def to_map(value: Any) -> np.ndarray:
    """Convert an array, tensor of any device or nested list to an array, without sides of length 1 in front."""
    array = np.asarray(value.detach().cpu().numpy() if hasattr(value, "detach") else value)
    while array.ndim > 2 and array.shape[0] == 1:
        array = array[0]
    return array
