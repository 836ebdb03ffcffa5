"""Outputs of models whose depth has no unit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mono.data.saved_predictions import PredictionFormat
from mono.evaluation.scoring import as_depth
from mono.inference.prediction import Prediction
from mono.system.errors import RunError
from mono.visual.color_maps import colorize, visualize_depth


def refuse_without_unit(meaning: PredictionFormat, kinds: Sequence[str], depth_format: str) -> None:
    """Refuse outputs in meters of a model that gives none.

    Args:
        meaning: meaning of the model's values.
        kinds: kinds of outputs that are wanted.
        depth_format: file format of depth.

    Raises:
        RunError: points and the like, or depth in a format whose values are meters, were asked for.
    """
    if meaning.metric:
        return
    lost = [kind for kind in kinds if kind not in ("depth", "vis")]
    if lost:
        raise RunError(f"this model gives {meaning.kind} without a unit: there is no {', '.join(lost)} in meters of it")
    if "depth" in kinds and depth_format == "png":
        raise RunError(
            f"this model gives {meaning.kind} without a unit, and a depth PNG holds meters: add --depth-format npy "
            "(its own values, for `evaluate --pred` with --pred-kind), or --save vis"
        )


def visualize_prediction(rgb: np.ndarray, prediction: Prediction) -> np.ndarray:
    """Show a photo beside its depth, with a color bar if that is in meters.

    Args:
        rgb: the photo, (H, W, 3) uint8.
        prediction: its prediction.

    Returns:
        (H', W', 3) uint8 RGB.
    """
    if prediction.format.metric:
        return visualize_depth(rgb, prediction.depth)
    depth = as_depth(prediction.depth, prediction.format)
    farthest = depth[np.isfinite(depth)].max(initial=0)
    colors = colorize(np.where(np.isposinf(depth), farthest, depth))
    return np.concatenate([rgb, colors], axis=int(rgb.shape[1] < 1.5 * rgb.shape[0]))
