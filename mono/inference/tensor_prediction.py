"""Prediction as torch tensors, on the device of the network."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from mono.data.saved_predictions import PredictionFormat
from mono.geometry.camera import Camera
from mono.inference.prediction import Prediction

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from mono.calibration.depth_alignment import DepthAlignment
    from mono.inference.uncertainty import Uncertainty

_MAPS = ("depth", "confidence", "normal", "normal_confidence", "sky")


@dataclass(frozen=True)
class TensorPrediction:
    """Metric depth of one image at its own size, as tensors on one device; fields as in `Prediction`.

    Attributes:
        depth: (H, W) float32 [m], 0 is invalid.
        confidence: (H, W) float32.
        camera: camera that the depth holds for.
        camera_source: origin of the camera.
        camera_detail: description of the camera's source.
        normal: (H, W, 3) float32 unit normals; None if the network has none.
        normal_confidence: (H, W) float32; None without `normal`.
        sky: (H, W) float32 probability of sky; None if the network has none.
        format: meaning of `depth`.
        calibration: correction of the depth by the camera's file; None: there is none.
        alignment: alignment of the depth with known distances; None: not aligned.
        error_scale: factor of the errors that the confidence announces; None: it announces none.
        focal_error: standard error of ln(focal length) where it is estimated; None: by the camera's source.
    """

    depth: Tensor
    confidence: Tensor
    camera: Camera
    camera_source: str
    camera_detail: str
    normal: Tensor | None
    normal_confidence: Tensor | None
    sky: Tensor | None
    format: PredictionFormat
    calibration: DepthAlignment | None = None
    alignment: DepthAlignment | None = None
    error_scale: float | None = None
    focal_error: float | None = None

    @property
    def mask(self) -> Tensor:
        """Return the pixels with valid depth, (H, W) bool."""
        valid: Tensor = self.format.valid(self.depth)
        return valid

    @property
    def K(self) -> Tensor:
        """Return the camera matrix, (3, 3) float32 [px], without lens distortion."""
        fx, fy, cx, cy = self.camera.intrinsics
        return self.depth.new_tensor([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])

    @property
    def depth_kind(self) -> Literal["z", "ray"]:
        """Return what `depth` holds: "ray" for fisheyes and panoramas of more than 100 degrees, else "z"."""
        return self.camera.depth_kind

    @property
    def distance(self) -> Tensor:
        """Return the distance along rays, (H, W) float32 [m], 0 where invalid."""
        return self.depth if self.depth_kind == "ray" else self.points().norm(dim=-1)

    @property
    def normal_source(self) -> Literal["network", "depth"]:
        """Return the source of `surface_normals`: "network" or "depth"."""
        return "depth" if self.normal is None else "network"

    @property
    def has_uncertainty(self) -> bool:
        """Tell whether the errors are known, as of `Prediction`."""
        return self._without_maps.has_uncertainty

    @property
    def uncertainty(self) -> Uncertainty:
        """Return the distribution of errors in log depth."""
        return self._without_maps.uncertainty

    @property
    def std(self) -> Tensor:
        """Return the standard error of depth, (H, W) float32 [m], 0 where depth is invalid; see `uncertainty`."""
        return self._moved(self._with_errors.std)

    def interval(self, level: float = 0.9) -> tuple[Tensor, Tensor]:
        """Compute the interval that holds the true depth of a share `level` of the pixels.

        Args:
            level: share of pixels, above 0 and below 1.

        Returns:
            Nearest and farthest depth, (H, W) float32 [m] each, 0 where depth is invalid.

        Raises:
            MetricDepthError: there is no uncertainty, or the level is out of range.
        """
        low, high = self._with_errors.interval(level)
        return self._moved(low), self._moved(high)

    def surface_normals(self) -> Tensor:
        """Return the network's normals, or those of depth.

        Returns:
            Unit normals in the camera's frame, pointing to the camera, (H, W, 3) float32; 0 where there are none.

        Raises:
            MetricDepthError: the depth has no unit.
        """
        self.format.require_meters()
        return self._moved(self.numpy().surface_normals()) if self.normal is None else self.normal

    def points(self) -> Tensor:
        """Unproject the depth to 3D points.

        Returns:
            Points [m] in the camera's frame, x right, y down, z forward; (H, W, 3) float32, 0 where invalid.

        Raises:
            MetricDepthError: the depth has no unit.
        """
        import torch

        self.format.require_meters()
        rays = self.camera.points(np.ones(tuple(self.depth.shape), np.float32))
        return torch.from_numpy(rays).to(self.depth.device) * self.depth[..., None]

    def to_dict(self) -> dict[str, Tensor]:
        """Return the maps by name, with mask and K, without those that the network lacks; they are not copied."""
        names = ("depth", "mask", "K", *_MAPS[1:])
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    @property
    def _without_maps(self) -> Prediction:
        nothing = np.zeros((0, 0), np.float32)
        return Prediction(nothing, nothing, **{name: getattr(self, name) for name in _FACTS})

    @property
    def _with_errors(self) -> Prediction:
        return replace(self._without_maps, depth=self.depth.cpu().numpy(), confidence=self.confidence.cpu().numpy())

    def _moved(self, values: np.ndarray) -> Tensor:
        import torch

        return torch.from_numpy(np.ascontiguousarray(values)).to(self.depth.device)

    def numpy(self) -> Prediction:
        """Return the prediction as arrays, with all its methods."""
        maps = {name: value.cpu().numpy() for name in _MAPS if (value := getattr(self, name)) is not None}
        return Prediction(**maps, **{name: getattr(self, name) for name in _FACTS})


_FACTS = tuple(field.name for field in fields(TensorPrediction) if field.name not in _MAPS)


def as_tensors(prediction: Prediction, device: torch.device) -> TensorPrediction:
    """Bring a prediction to a device.

    Args:
        prediction: the prediction.
        device: target device.
    """
    import torch

    def moved(values: np.ndarray | None) -> Tensor | None:
        return None if values is None else torch.from_numpy(np.ascontiguousarray(values)).to(device)

    maps = {name: moved(getattr(prediction, name)) for name in _MAPS}
    return TensorPrediction(**maps, **{name: getattr(prediction, name) for name in _FACTS})  # type: ignore[arg-type]
