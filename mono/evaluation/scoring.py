"""Scoring of one image: depth and surface normals against ground truth, predicted now or saved before."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mono.calibration.statistics import rank_correlation
from mono.data.ground_truth import GroundTruth
from mono.data.saved_predictions import PredictionFormat
from mono.evaluation.alignment import ALIGNMENTS, TIERS, fit
from mono.evaluation.checksum import ground_truth_checksum
from mono.evaluation.metrics import ImageMetrics, evaluate_tiers, resize_depth
from mono.evaluation.normals.ground_truth import counted_pixels, derive_normals
from mono.evaluation.normals.metrics import ImageNormals, evaluate_normals
from mono.evaluation.protocols import Protocol
from mono.evaluation.resizing import resize_known
from mono.evaluation.view_check import refuse_other_view
from mono.geometry.camera import Camera
from mono.system.errors import RunError

SCORING_VERSION = 6  # increase when the same files get other scores, or scores other names
METRES = PredictionFormat()
_ALIGNED = {"depth": ALIGNMENTS, "relative": ALIGNMENTS[1:], "affine": ("scale_shift",)}  # tiers of kinds of depth
_SAMPLED = 10_000  # pixels are enough for a rank correlation
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImagePrediction:
    """Predicted depth and normals of one image.

    Attributes:
        depth: values of `format`, (height', width'); None: depth is not scored.
        format: meaning of the values, and which of them are predictions; default: depth [m].
        normal: unit normals, (height'', width'', 3), 0 where there is none; None: normals are not scored.
        normal_source: origin of the normals: "network", "saved" or "depth".
    """

    depth: np.ndarray | None
    format: PredictionFormat = METRES
    normal: np.ndarray | None = None
    normal_source: str = "network"


@dataclass(frozen=True)
class ImageScore:
    """Scores of one image.

    Attributes:
        metrics: depth metrics by tier; None where no pixel of depth counts.
        normals: normal scores; None where no ground-truth normal counts.
        depth: depth [m] that pictures and charts show, of the ground truth's size: as predicted, or aligned where
            predictions have no unit; None without metrics.
        correlation: rank correlation of predicted and ground-truth depth; None without metrics or where constant.
        checksum: checksum of the ground-truth depth that counts; None without metrics.
    """

    metrics: dict[str, ImageMetrics] | None = None
    normals: ImageNormals | None = None
    depth: np.ndarray | None = None
    correlation: float | None = None
    checksum: str | None = None


def score_image(
    prediction: ImagePrediction,
    ground_truth: GroundTruth,
    protocol: Protocol,
    *,
    alignments: Sequence[str] = TIERS,
    camera: Camera | None = None,
    name: str = "image",
) -> ImageScore:
    """Score an image's depth and normals against ground truth.

    Args:
        prediction: what was predicted.
        ground_truth: depth and normals; what is None is not scored.
        protocol: pixels that count, and their range.
        alignments: tiers of `ALIGNMENTS` to compute; those that the prediction's format does not allow are left out.
        camera: camera of the ground-truth depth, to derive normals from it; None: unknown.
        name: image name for the log.

    Returns:
        The scores; the log says why one is missing.

    Raises:
        MetricDepthError: prediction and ground truth are not the same view, or the protocol does not fit.
    """
    score = ImageScore()
    if prediction.depth is not None and ground_truth.depth is not None:
        score = _score_depth(prediction.depth, prediction.format, ground_truth.depth, protocol, alignments)
        if score.metrics is None:
            logger.warning("%s: no pixel with ground truth counts; it is left out of the means", name)
        else:
            score = replace(score, checksum=ground_truth_checksum(ground_truth, protocol))
    if prediction.normal is not None:
        normals = score_normals(
            prediction.normal,
            prediction.normal_source,
            ground_truth,
            camera,
            protocol,
            name,
            prediction.format.stretched,
        )
        score = replace(score, normals=normals)
    return score


def _score_depth(
    values: np.ndarray, meaning: PredictionFormat, gt: np.ndarray, protocol: Protocol, alignments: Sequence[str]
) -> ImageScore:
    if not meaning.stretched:
        refuse_other_view("depth", values.shape, gt.shape)
    tiers = applicable_tiers(meaning, alignments)
    if meaning.zero_is_value:  # depth is resized in depth, by `evaluate_tiers`
        values = resize_values(values, meaning, *gt.shape)
    depth = as_depth(values, meaning)
    metrics = evaluate_tiers(depth, gt, protocol, tiers)
    if metrics is None:
        return ImageScore()
    if not meaning.metric:
        metrics = {tier: replace(m, scale=None) for tier, m in metrics.items()}
    window = protocol.window(*gt.shape)
    shown = resize_depth(depth, *gt.shape)
    valid = protocol.in_range(gt[window])
    p, t = shown[window][valid], gt[window][valid]
    step = -(-p.size // _SAMPLED)
    known = p[::step] > 0
    correlation = rank_correlation(p[::step][known], t[::step][known]) if known.any() else None
    if not meaning.metric:
        shown = fit(p, t, tiers[0], protocol.far).apply(shown)
    return ImageScore(metrics, None, shown if not meaning.metric else depth, correlation)


def applicable_tiers(meaning: PredictionFormat, alignments: Sequence[str] = TIERS) -> tuple[str, ...]:
    """Choose the tiers that predictions of a format can be scored in.

    Args:
        meaning: format of the predictions.
        alignments: tiers that are wanted.

    Returns:
        The wanted tiers for depth, without the metric one (nor, of affine depth, others that need a zero) where its
        unit is unknown. Inverse depth is aligned in inverse depth instead of depth; it has a metric tier
        only where its unit is known, and relative disparity, whose zero is unknown, has no median tier either.
    """
    if meaning.kind in _ALIGNED:
        return tuple(tier for tier in alignments if meaning.metric or tier in _ALIGNED[meaning.kind]) or (
            "scale_shift",
        )
    tiers = ["metric", "median"] if meaning.metric else ["median"] if meaning.kind == "inverse" else []
    return (*(tier for tier in tiers if tier in alignments), ALIGNMENTS[-1])


def as_depth(values: np.ndarray, meaning: PredictionFormat) -> np.ndarray:
    """Convert values of a format to depth.

    Args:
        values: depth or inverse depth, (height, width), as `PredictionFormat.read` returns it.
        meaning: format of the values.

    Returns:
        Depth, (height, width), 0, negative or NaN where there is none, infinite where inverse depth is 0: in metres
        where the unit is known, else up to a factor. Values of unknown shift are shifted to be positive: only their
        least-squares fit has a meaning.
    """
    valid = meaning.valid(values)
    if meaning.unknown_shift and valid.any():
        low, high = float(values[valid].min()), float(values[valid].max())
        values = values.astype(np.float64) + ((high - low or 1.0) - low)
    if meaning.is_inverse:
        with np.errstate(divide="ignore", over="ignore"):
            return np.divide(1, values, out=np.zeros_like(values), where=valid)
    return np.where(valid, values, 0) if meaning.unknown_shift else values


def resize_values(values: np.ndarray, meaning: PredictionFormat, height: int, width: int) -> np.ndarray:
    """Resize values bilinearly; missing ones do not bleed.

    Args:
        values: values of the format, (height', width').
        meaning: format of the values.
        height: new height [px].
        width: new width [px].

    Returns:
        (height, width); NaN where most of the weight is missing.
    """
    if values.shape == (height, width):
        return values
    total, weight = resize_known(values, meaning.valid(values), (height, width))
    return np.where(weight > 0.5, total / np.maximum(weight, np.float32(0.5)), np.float32(np.nan))


def refuse_sparse(protocol: Protocol | None, derive: bool) -> None:
    """Refuse to derive normals from sparse ground truth.

    Args:
        protocol: evaluation protocol; None: nothing is scored.
        derive: whether normals are to be derived from ground-truth depth.

    Raises:
        RunError: normals are to be derived, and the protocol's ground truth is sparse.
    """
    if derive and protocol and protocol.ground_truth == "sparse":
        raise RunError(
            f"normals cannot be derived from the sparse ground truth of protocol {protocol.name}: leave "
            "--derive-normals away, or annotate normals"
        )


def score_normals(
    predicted: np.ndarray,
    source: str,
    ground_truth: GroundTruth,
    camera: Camera | None,
    protocol: Protocol,
    name: str,
    stretched: bool = False,
) -> ImageNormals | None:
    """Score normals against annotated or derived ground-truth normals.

    Args:
        predicted: unit normals, (height, width, 3), 0 where there is none.
        source: origin of the predicted normals: "network", "saved" or "depth".
        ground_truth: annotated normals, or depth to derive them from.
        camera: camera of the ground-truth depth; needed without annotated normals; None: unknown.
        protocol: pixels that count.
        name: image name for the log.
        stretched: predicted normals are of the whole image, whatever their aspect ratio.

    Returns:
        The scores; None where no ground-truth normal counts, and the log says why.

    Raises:
        MetricDepthError: the protocol does not fit, or the maps are not the same view.
    """
    normal, derived = ground_truth.normal, None
    if normal is None and camera is None:
        logger.warning("%s: normals cannot be derived from depth of an unknown camera: annotate cam_in", name)
        return None
    if normal is None and camera is not None and camera.depth_kind == "ray":
        logger.warning("%s: normals cannot be derived from distances of a fisheye or panorama: annotate them", name)
        return None
    if normal is None and ground_truth.depth is not None and camera is not None:
        derived = derive_normals(ground_truth.depth, camera)
        normal = derived.normal if derived else None
    if normal is None:
        logger.warning("%s: ground-truth depth is too sparse to derive normals from", name)
        return None
    if not stretched:
        refuse_other_view("normals", predicted.shape, normal.shape)
    counts = counted_pixels(normal.shape[:2], protocol, ground_truth.depth)
    found = evaluate_normals(predicted, normal, counts)
    if found is None:
        logger.warning("%s: no pixel with a ground-truth normal counts; it is left out of the normals' means", name)
        return None
    if derived is None:
        return ImageNormals(*found, source, "annotation")
    return ImageNormals(*found, source, "depth", derived.window, derived.noise)
