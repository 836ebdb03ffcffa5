"""Alignment of depth with known distances: the model that they support, and its errors."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from mono.calibration.depth_alignment import DepthAlignment
from mono.calibration.known import AlignmentError, Known
from mono.calibration.model_choice import choose_field, prefers_bent
from mono.calibration.observations import Observations, observe
from mono.calibration.robust_line import FEW, robust_line
from mono.calibration.standard_errors import standard_errors
from mono.calibration.statistics import rank_correlation
from mono.geometry.camera import Camera

MODELS = ("auto", "scale", "affine", "field")
_AFFINE_LEAST, _AFFINE_SPAN = 6, math.log(1.5)
_FIELD_LEAST = 60
_EXPONENTS = (0.4, 2.5)
_TWO_DISAGREE, _FEW_DIFFER = math.log(2), math.log(1.25)
_BROKEN_SPREAD, _BROKEN_SHARE = 0.5, 0.4
_LARGEST = 25.0  # factor of depth in metres
# Rank correlation of known and predicted depth. Of 100 real frames, 1 was doubted and none refused; of the same with
# their maps turned by 180 degrees, 75 and 16.
_DOUBTFUL_ORDER, _WRONG_ORDER = 0.5, -0.5


def align_depth(
    depth: np.ndarray,
    camera: Camera,
    known: Known,
    model: str = "auto",
    focal_error: float | None = None,
    metric: bool = True,
) -> tuple[np.ndarray, DepthAlignment]:
    """Bring a depth map to known distances.

    Args:
        depth: (H, W) predicted depth [m], 0 where there is none.
        camera: camera of the depth map.
        known: known distances.
        model: one of `MODELS`; see `fit_alignment`.
        focal_error: standard error of ln(focal length); None: nothing is known of it.
        metric: the map is in metres; False: in a unit of its own.

    Returns:
        Aligned depth, (H, W) float32, and the alignment.

    Raises:
        AlignmentError: the distances contradict each other, lie on edges or without depth, or are too few.
    """
    alignment = fit_alignment(observe(known, depth, camera, focal_error), model, known.unit, metric)
    return alignment.apply(depth), alignment


def fit_alignment(
    observations: Observations, model: str = "auto", unit: str = "m", metric: bool = True
) -> DepthAlignment:
    """Fit the correction that known distances support.

    "auto" takes one scale unless an information criterion (BIC) and cross-validation both prefer scale and exponent,
    and these unless both prefer a smooth field.

    Args:
        observations: log ratios of known and predicted distances, at least one.
        model: one of `MODELS`.
        unit: unit of the known distances, "m" or "model".
        metric: predicted depth is in metres, so that a large factor is another unit.

    Raises:
        AlignmentError: the distances contradict each other, are too few for `model`, or are in another unit.
    """
    if model not in MODELS:
        raise AlignmentError(f'alignment model "{model}" is unknown; give one of {", ".join(MODELS)}')
    x, y = observations.place[:, 2], observations.log_ratio
    line = robust_line(x, y, observations.sigma, False)
    chosen = "scale"
    doubt = _check_order(x, y)
    why_not = _why_not_affine(x)
    if model == "affine" and why_not:
        raise AlignmentError(f"scale and exponent need {why_not}: use --align-model scale or auto")
    if model in ("auto", "affine", "field") and not why_not:
        bent = robust_line(x, y, observations.sigma, True)
        sane = _EXPONENTS[0] <= 1 + bent.b <= _EXPONENTS[1]
        if model == "affine" and not sane:
            raise AlignmentError(
                f"the known distances give an exponent of {1 + bent.b:.2f}, which no error of a network makes: check "
                "that each is at its own pixel"
            )
        if model == "affine" or (sane and prefers_bent(x, y, observations.sigma, line, bent)):
            line, chosen = bent, "affine"
    field = None
    if model == "field" and len(y) < _FIELD_LEAST:
        raise AlignmentError(
            f"a field needs {_FIELD_LEAST} known distances all over the image; there are {len(y)}: use "
            "--align-model scale or auto"
        )
    kept, noise, spread = line.kept, line.noise, line.spread
    if model in ("auto", "field") and len(y) >= _FIELD_LEAST:
        found = choose_field(observations, y - line.at(x), noise, forced=model == "field")
        if found is not None:
            field, noise, kept, spread = found
            chosen = "field"
    _refuse_contradiction(y, kept, noise, metric and unit == "m", line.a)
    error, slope_error = standard_errors(observations, line, kept, field)
    left_out = dict(observations.left_out)
    if outliers := int((~kept).sum()):
        left_out["contradicting the others"] = outliers
    alignment = DepthAlignment(
        model=chosen,
        scale=math.exp(line.a),
        standard_error=math.hypot(error, observations.focal_error),
        spread=spread,
        used=int(kept.sum()),
        left_out=left_out,
        exponent=1 + line.b,
        exponent_error=slope_error if line.b else 0.0,
        center=math.exp(line.center),
        near=math.exp(float(x[kept].min())),
        far=math.exp(float(x[kept].max())),
        unit=unit,
        field=field,
        source=observations.source,
    )
    notes = (observations.note, doubt, _note(x, y, kept, alignment))
    return replace(alignment, note="; ".join(filter(None, notes)))


def _why_not_affine(x: np.ndarray) -> str:
    if len(x) < _AFFINE_LEAST:
        return f"{_AFFINE_LEAST} known distances, of which there are {len(x)}"
    low, high = np.percentile(x, (5, 95))
    if high - low < _AFFINE_SPAN:
        return f"depths that differ by a factor of 1.5, and these differ by {math.exp(high - low):.2f}"
    return ""


def _check_order(x: np.ndarray, y: np.ndarray) -> str:
    """Compare the order of many known depths with that of the predicted ones, which a field would hide.

    Args:
        x: log predicted depth.
        y: log ratio of known and predicted depth.

    Returns:
        Doubt that they are of the same view; empty without.

    Raises:
        AlignmentError: far is known where near is predicted.
    """
    depths = x, x + y
    if len(x) < _FIELD_LEAST or min(float(np.ptp(np.percentile(depth, (5, 95)))) for depth in depths) < _AFFINE_SPAN:
        return ""
    correlation = rank_correlation(*depths)
    if correlation is None:
        return ""
    hint = f"their rank correlation is {correlation:.2f}; is it of this view, upright, and depth instead of disparity?"
    if correlation < _WRONG_ORDER:
        raise AlignmentError(f"known depth is far where the predicted is near: {hint}")
    return f"known depth hardly follows the predicted: {hint}" if correlation < _DOUBTFUL_ORDER else ""


def _refuse_contradiction(y: np.ndarray, kept: np.ndarray, noise: float, metric: bool, a: float) -> None:
    if len(y) == 2 and abs(y[0] - y[1]) > _TWO_DISAGREE:
        raise AlignmentError(
            f"the two known distances contradict each other: one asks for a factor of {math.exp(y[0]):.3g}, the other "
            f"for {math.exp(y[1]):.3g}; check both, or measure a third"
        )
    share = float((~kept).mean())
    if len(y) > 2 and (noise > _BROKEN_SPREAD or share > _BROKEN_SHARE):
        agreeing = f"only {int(kept.sum())} of {len(y)} agree, and these" if share > _BROKEN_SHARE else "they"
        raise AlignmentError(
            f"the known distances contradict each other: {agreeing} differ by a factor of {math.exp(noise):.2f} from "
            "one to the next; check that they belong to this image, its camera, and the extrinsics"
        )
    if metric and abs(a) > math.log(_LARGEST):
        factor = math.exp(a)
        hint = next(
            (
                f"; are they in {name} (give metres, or the stored value of a metre as scale)?"
                for name, size in (("millimetres", 1000.0), ("centimetres", 100.0))
                if 0.3 < factor / size < 3
            ),
            "; check their unit",
        )
        raise AlignmentError(f"the known distances are {factor:.3g} times the predicted ones{hint}")


def _note(x: np.ndarray, y: np.ndarray, kept: np.ndarray, alignment: DepthAlignment) -> str:
    """Tell what the known distances cannot fix."""
    near, far = alignment.near, alignment.far
    if kept.sum() == 1:
        return (
            "one distance fixes the factor only: an error that grows with depth, or the network's error at this "
            "place, stays; a second distance, far from the first in depth, would tell"
        )
    notes = []
    differ = float(np.ptp(y[kept]))
    if len(y) < FEW and differ > _FEW_DIFFER:
        notes.append(
            f"the distances ask for factors from {math.exp(y[kept].min()):.3g} to {math.exp(y[kept].max()):.3g}: "
            f"one is wrong, or the error grows with depth; {_AFFINE_LEAST} or more at many depths would tell"
        )
    if alignment.model == "scale" and far < 1.5 * near:
        span = f"{near:.3g} to {far:.3g} m"
        notes.append(f"all known distances are at predicted {span}: an error that grows with depth is not seen")
    elif alignment.model != "scale":
        notes.append(f"known at predicted {near:.3g} to {far:.3g} m; beyond twice this range the factor is held")
    return "; ".join(notes)
