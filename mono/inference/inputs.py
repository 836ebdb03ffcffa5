"""Images on their way through a predictor: prepared for `infer`, and its outputs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from mono.data.camera_source import ResolvedCamera
from mono.geometry.canonical import CanonicalTransform, CanonicalView
from mono.geometry.guided_upsampling import Guide
from mono.inference.prediction import Prediction

if TYPE_CHECKING:
    from mono.views.cutting import CutView


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
