"""Way back from undistorted images to the pixels of the original."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mono.data.camera_source import ResolvedCamera
from mono.geometry.undistortion import undistortion
from mono.inference.prediction import Prediction


def in_original_pixels(prediction: Prediction) -> Prediction:
    """Bring a prediction for the undistorted image back to the original pixels.

    Args:
        prediction: prediction whose maps have the size of the undistorted image, with the original camera.

    Returns:
        Prediction at the camera's size; pixels without a value are invalid. The same where there is no distortion.
    """
    if not prediction.camera.is_distorted:
        return prediction
    flat = undistortion(prediction.camera)
    normal = prediction.normal
    if normal is not None:
        normal = flat.map_to_image(normal, np.any(normal, axis=-1))
        length = np.linalg.norm(normal, axis=-1, keepdims=True)
        normal = np.divide(normal, length, out=np.zeros_like(normal), where=length > 1e-6)
    sure, sky, confidence = prediction.normal_confidence, prediction.sky, prediction.confidence
    if np.isnan(confidence).all():  # of a network without confidence
        confidence = np.full((flat.camera.height, flat.camera.width), np.nan, np.float32)
    else:
        confidence = flat.map_to_image(confidence)
    present = prediction.mask
    depth = flat.map_to_image(prediction.depth, present)
    if prediction.format.zero_is_value:
        depth[flat.map_to_image(np.ones_like(prediction.depth), present) == 0] = np.nan
    return replace(
        prediction,
        depth=depth,
        confidence=confidence,
        normal=normal,
        normal_confidence=None if sure is None else flat.map_to_image(sure),
        sky=None if sky is None else flat.map_to_image(sky),
    )


@dataclass(frozen=True)
class FlatOutput:
    """Output for one undistorted image.

    Attributes:
        flat: its prediction, with the original camera.
        found: camera of the image.
    """

    flat: Prediction
    found: ResolvedCamera

    def prediction(self) -> Prediction:
        """Return the prediction in the original pixels."""
        return in_original_pixels(self.flat)
