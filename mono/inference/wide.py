"""Wide images through a network of perspective images: views are cut, predicted and merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from mono.data.camera_source import ResolvedCamera
from mono.geometry.camera import Camera
from mono.geometry.canonical import CanonicalTransform
from mono.inference.inputs import RawPrediction
from mono.inference.prediction import Prediction
from mono.views.agreement import ViewDepth
from mono.views.cutting import CutView, cut_views
from mono.views.image_circle import find_image_circle
from mono.views.layout import View, ViewOptions, lay_out_views
from mono.views.merge import Merged, ViewResult, merge_views

_MAPS = ("sky", "normal_confidence")


def lay_out_for(camera: Camera, options: ViewOptions, transform: CanonicalTransform) -> tuple[View, ...]:
    """Choose views of a wide image, as large as a network's input.

    Args:
        camera: camera of the wide image.
        options: number and field of view of the views.
        transform: canonical transform of the network.
    """
    return _layout(camera, options, min(transform.crop_size))


@lru_cache(maxsize=4)  # all images of a video have the same
def _layout(camera: Camera, options: ViewOptions, side: int) -> tuple[View, ...]:
    return lay_out_views(camera, options, side)


def within_image_circle(rgb: np.ndarray, found: ResolvedCamera) -> ResolvedCamera:
    """Bound the camera of a fisheye by its image circle, where the image shows one and the camera does not say it.

    Args:
        rgb: image, (height, width, 3) uint8.
        found: its camera.
    """
    camera = found.camera
    if camera.is_perspective or camera.model == "equirectangular" or camera.max_angle is not None:
        return found
    if rgb.shape[:2] != (camera.height, camera.width) or (angle := find_image_circle(rgb, camera)) is None:
        return found
    detail = f"{found.detail}; image circle of {2 * angle:.0f} deg, black around it"
    return replace(found, camera=replace(camera, max_angle=angle), detail=detail)


def cut_wide_image(
    rgb: np.ndarray, camera: Camera, options: ViewOptions, transform: CanonicalTransform
) -> tuple[CutView, ...]:
    """Cut a wide image into views for a network.

    Args:
        rgb: wide image, (height, width, 3) uint8.
        camera: its camera.
        options: number and field of view of the views.
        transform: canonical transform of the network.

    Raises:
        MetricDepthError: the image does not have the camera's size, or cannot be covered.
    """
    return tuple(cut_views(rgb, camera, lay_out_for(camera, options, transform)))


@dataclass(frozen=True)
class WideOutput:
    """Raw outputs for the views of a wide image.

    Attributes:
        found: camera of the wide image.
        cut: its views.
        raw: outputs for the views, in their order.
    """

    found: ResolvedCamera
    cut: tuple[CutView, ...]
    raw: tuple[RawPrediction, ...]

    def prediction(self) -> Prediction:
        """Merge the views' predictions, safely in threads."""
        return merge_predictions([raw.prediction() for raw in self.raw], self.cut, self.found)


def merge_predictions(predictions: Sequence[Prediction], cut: Sequence[CutView], found: ResolvedCamera) -> Prediction:
    """Merge views' predictions into the wide image's.

    Args:
        predictions: predictions of the views.
        cut: the views, in the same order.
        found: camera of the wide image.

    Returns:
        Prediction in the pixels of the wide image; its depth is of the camera's `depth_kind`.
    """
    merged = merge_views([_result(*pair) for pair in zip(predictions, cut, strict=True)], found.camera)
    return replace(_as_prediction(merged, found), error_scale=predictions[0].error_scale)


def _result(prediction: Prediction, cut: CutView) -> ViewResult:
    maps = {name: values for name in _MAPS if (values := getattr(prediction, name)) is not None}
    depth = ViewDepth(cut.view, prediction.depth, cut.inside.astype(np.float32))
    return ViewResult(depth, prediction.confidence, maps, prediction.normal)


def _as_prediction(merged: Merged, found: ResolvedCamera) -> Prediction:
    camera, depth = found.camera, merged.distance
    if camera.depth_kind == "z":
        depth = np.nan_to_num(depth * camera.unit_rays()[..., 2])
    count = len(merged.agreement.factors)
    detail = f"{found.detail}; merged of {count} view{'s' * (count > 1)}"
    return Prediction(
        depth=depth,
        confidence=merged.confidence,
        **replace(found, detail=detail).prediction_fields(),
        normal=merged.vectors,
        normal_confidence=merged.maps.get("normal_confidence"),
        sky=merged.maps.get("sky"),
    )
