"""Fit of an alignment: the model that the known distances support, and its errors."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from mono.calibration.depth_alignment import DepthAlignment
from mono.calibration.field import GRIDS, STIFFNESS, Field, solve_field
from mono.calibration.known import AlignmentError
from mono.calibration.observations import Observations
from mono.calibration.statistics import TO_STD

MODELS = ("auto", "scale", "affine", "field")
_OUTLIER = 3.0  # standard deviations
_CUT = 0.9866  # standard deviation of a normal distribution that is cut there
_FLOOR = 0.003  # of log ratios, below which differences are rounding
_NETWORK = 0.10  # error of a network's depth at a pixel, relative, where nothing else tells
_FEW = 8  # distances, below which `_NETWORK` counts as one degree of freedom of the spread
_AFFINE_LEAST, _AFFINE_SPAN = 6, math.log(1.5)
_FIELD_LEAST, _PER_FREEDOM = 60, 4.0
_EXPONENTS = (0.4, 2.5)
_TWO_DISAGREE, _FEW_DIFFER = math.log(2), math.log(1.25)
_BROKEN_SPREAD, _BROKEN_SHARE = 0.5, 0.4
_LARGEST = 25.0  # factor of depth in metres
_CLUSTERED, _CELLS = 40, 8  # from so many points on, neighbors may share an error; cells along the longer side
_FOLDS, _FIELD_FOLDS, _FOLD_POINTS = 10, 3, 3000


@dataclass(frozen=True)
class RobustLine:
    """Robust line y = a + b (x - center).

    Attributes:
        a, b: coefficients; b is 0 for one scale.
        center: weighted mean of x.
        kept: points that count, (N,) bool.
        spread: standard deviation of the residuals of kept points.
        noise: robust standard deviation of all residuals.
    """

    a: float
    b: float
    center: float
    kept: np.ndarray
    spread: float
    noise: float

    def at(self, x: np.ndarray) -> np.ndarray:
        """Evaluate the line."""
        return self.a + self.b * (x - self.center)


def fit_alignment(observations: Observations, model: str = "auto", unit: str = "m") -> DepthAlignment:
    """Fit the correction that known distances support.

    "auto" takes one scale unless an information criterion (BIC) and cross-validation both prefer scale and exponent,
    and these unless both prefer a smooth field.

    Args:
        observations: log ratios of known and predicted distances, at least one.
        model: one of `MODELS`.
        unit: unit of the known distances, "m" or "model".

    Raises:
        AlignmentError: the distances contradict each other, are too few for `model`, or are in another unit.
    """
    if model not in MODELS:
        raise AlignmentError(f'alignment model "{model}" is unknown; give one of {", ".join(MODELS)}')
    x, y = observations.place[:, 2], observations.log_ratio
    line = robust_line(x, y, observations.sigma, False)
    chosen = "scale"
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
        if model == "affine" or (sane and _prefers_bent(x, y, observations.sigma, line, bent)):
            line, chosen = bent, "affine"
    field = None
    if model == "field" and len(y) < _FIELD_LEAST:
        raise AlignmentError(
            f"a field needs {_FIELD_LEAST} known distances all over the image; there are {len(y)}: use "
            "--align-model scale or auto"
        )
    kept, noise, spread = line.kept, line.noise, line.spread
    if model in ("auto", "field") and len(y) >= _FIELD_LEAST:
        found = _choose_field(observations, y - line.at(x), noise, forced=model == "field")
        if found is not None:
            field, noise, kept, spread = found
            chosen = "field"
    _refuse_contradiction(y, kept, noise, unit, line.a)
    error, slope_error = _standard_errors(observations, line, kept, field)
    left_out = dict(observations.left_out)
    if outliers := int((~kept).sum()):
        left_out["contradicting the others"] = outliers
    alignment = DepthAlignment(
        model=chosen,
        scale=math.exp(line.a),
        standard_error=error,
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
    return replace(alignment, note=_note(x, y, kept, alignment))


def robust_line(x: np.ndarray, y: np.ndarray, sigma: np.ndarray, bent: bool) -> RobustLine:
    """Fit a line by least squares to the points within three robust standard deviations of it.

    Args:
        x: log predicted depth, (N,).
        y: log ratio of known and predicted distance, (N,).
        sigma: relative standard error of what is known, (N,).
        bent: fit a slope too.
    """
    a, b, center = float(np.median(y)), 0.0, float(np.mean(x))
    if bent:
        b = _theil_sen(x, y)
        a = float(np.median(y - b * (x - center)))
    kept, noise = np.ones(len(y), bool), 0.0
    for _ in range(30):
        residual = y - a - b * (x - center)
        middle = np.median(residual) if bent or len(y) > 2 else residual.mean()
        noise = float(TO_STD * np.median(np.abs(residual - middle)))
        # What is known has errors too: they are part of the noise, and weigh where they exceed it.
        own = np.maximum(noise**2 - np.median(sigma) ** 2, 0) + sigma**2
        limit = _OUTLIER * np.sqrt(np.maximum(np.maximum(own, noise**2), _FLOOR**2))
        within = np.abs(residual) <= limit
        if not within.any():
            within = np.ones(len(y), bool)
        w = within / np.maximum(own, _FLOOR**2)
        center = float((w * x).sum() / w.sum())
        if bent:
            variance = float((w * (x - center) ** 2).sum())
            b = float((w * (x - center) * y).sum() / variance) if variance > 0 else 0.0
        a = float((w * y).sum() / w.sum())
        if (within == kept).all():
            break
        kept = within
    residual = y - a - b * (x - center)
    freedom = int(kept.sum()) - 1 - bent
    square = float((residual[kept] ** 2).sum())
    spread = math.sqrt(square / freedom) / _CUT if freedom > 0 else 0.0
    if len(y) < _FEW:
        spread = math.sqrt((square + _NETWORK**2) / (max(freedom, 0) + 1))
    return RobustLine(a, b, center, kept, spread, max(noise, _FLOOR))


def _theil_sen(x: np.ndarray, y: np.ndarray) -> float:
    """Median slope of pairs; at most 40 000 of them."""
    rng = np.random.default_rng(0)
    n = len(x)
    if n <= 280:
        i, j = np.triu_indices(n, 1)
    else:
        i, j = rng.integers(0, n, (2, 40_000))
    apart = np.abs(x[i] - x[j]) > 0.25 * (x.max() - x.min())
    return float(np.median((y[i] - y[j])[apart] / (x[i] - x[j])[apart])) if apart.any() else 0.0


def _why_not_affine(x: np.ndarray) -> str:
    if len(x) < _AFFINE_LEAST:
        return f"{_AFFINE_LEAST} known distances, of which there are {len(x)}"
    low, high = np.percentile(x, (5, 95))
    if high - low < _AFFINE_SPAN:
        return f"depths that differ by a factor of 1.5, and these differ by {math.exp(high - low):.2f}"
    return ""


def _loss(residual: np.ndarray, noise: float) -> np.ndarray:
    return np.minimum((residual / noise) ** 2, _OUTLIER**2)


def _prefers_bent(x: np.ndarray, y: np.ndarray, sigma: np.ndarray, line: RobustLine, bent: RobustLine) -> bool:
    noise = bent.noise
    gain = _loss(y - line.at(x), noise).sum() - _loss(y - bent.at(x), noise).sum()
    if gain <= math.log(len(y)):
        return False
    straight, curved = np.empty(len(y)), np.empty(len(y))
    for fold in _folds(len(y)):
        straight[fold] = (y - robust_line(x[~fold], y[~fold], sigma[~fold], False).at(x))[fold]
        curved[fold] = (y - robust_line(x[~fold], y[~fold], sigma[~fold], True).at(x))[fold]
    return _better(_loss(curved, noise), _loss(straight, noise))


def _folds(count: int, folds: int = _FOLDS) -> list[np.ndarray]:
    number = np.random.default_rng(1).permutation(count) % min(folds, count)
    return [number == k for k in range(number.max() + 1)]


def _better(loss: np.ndarray, other: np.ndarray) -> bool:
    """Tell whether losses are smaller by more than the standard error of their differences."""
    gain = other - loss
    return float(gain.mean()) > float(gain.std()) / math.sqrt(len(gain))


def _choose_field(
    observations: Observations, residual: np.ndarray, noise: float, forced: bool
) -> tuple[Field, float, np.ndarray, float] | None:
    """Choose knots and stiffness by cross-validation; None where no field is supported."""
    place = observations.place
    chosen = np.random.default_rng(2).permutation(len(residual))[:_FOLD_POINTS]
    points, values = place[chosen], residual[chosen]
    folds, best = _folds(len(chosen), _FIELD_FOLDS), None
    size = max(noise, float(np.median(observations.sigma)), _FLOOR)
    for shape in GRIDS:
        if np.prod(shape) > len(residual):
            break
        for stiffness in STIFFNESS:
            left = np.empty(len(values))
            for fold in folds:
                field = solve_field(points[~fold], values[~fold], size, shape, stiffness)
                left[fold] = values[fold] - field.at(*points[fold].T)
            error = float(_loss(left, noise).mean())
            if best is None or error < best[0]:
                best = (error, shape, stiffness, left)
    if best is None:
        return None
    _, shape, stiffness, left = best
    field = solve_field(place, residual, size, shape, stiffness)
    after = residual - field.at(*place.T)
    gain = float(_loss(residual, noise).sum() - _loss(after, noise).sum())
    supported = field.freedom <= len(residual) / _PER_FREEDOM
    preferred = gain > field.freedom * math.log(len(residual)) and _better(_loss(left, noise), _loss(values, noise))
    if not supported or not (forced or preferred):
        if forced:
            raise AlignmentError(
                f"a field of {field.freedom:.0f} effective parameters is more than {len(residual)} known distances "
                "support: use --align-model auto"
            )
        return None
    own = max(float(TO_STD * np.median(np.abs(after))), _FLOOR)
    return field, own, np.abs(after) <= _OUTLIER * own, float(TO_STD * np.median(np.abs(left)))


def _standard_errors(
    observations: Observations, line: RobustLine, kept: np.ndarray, field: Field | None
) -> tuple[float, float]:
    """Standard errors of the log scale and of the exponent."""
    x = observations.place[kept, 2]
    residual = observations.log_ratio[kept] - line.at(x)
    if field is not None:
        residual = residual - field.at(*observations.place[kept].T)
    n, bent = len(x), line.b != 0
    spread = line.spread if field is None else max(float(residual.std()) / _CUT, _FLOOR / 10)
    freedom = n - 1 - bent if n >= _FEW else max(n - 1 - bent, 0) + 1
    wide = _student(freedom) if n > 1 else 1.0  # of one distance, the error is taken from other images
    # One source may be wrong as a whole by its own error.
    error = max(spread, float(np.median(observations.sigma[kept]))) / math.sqrt(n)
    slope = spread / math.sqrt(float(((x - x.mean()) ** 2).sum())) if bent else 0.0
    if n >= _CLUSTERED:
        long = max(observations.size)
        cell = np.floor(observations.place[kept, :2] * observations.size / long * _CELLS).astype(np.int64)
        _, group = np.unique(cell[:, 0] * 1000 + cell[:, 1], return_inverse=True)
        groups = int(group.max()) + 1
        if groups > 3:
            grow = groups / (groups - 1)
            error = max(error, math.sqrt(grow * float((np.bincount(group, residual) ** 2).sum())) / n)
            if bent:
                off = x - x.mean()
                square = float((off**2).sum())
                slope = max(slope, math.sqrt(grow * float((np.bincount(group, residual * off) ** 2).sum())) / square)
            wide = _student(groups - 1)
    return error * wide, slope * wide


def _student(freedom: int) -> float:
    """Ratio of the 84th percentiles of Student's t and of the normal distribution."""
    from scipy.special import stdtrit

    return float(stdtrit(max(freedom, 1), 0.8413447))


def _refuse_contradiction(y: np.ndarray, kept: np.ndarray, noise: float, unit: str, a: float) -> None:
    if len(y) == 2 and abs(y[0] - y[1]) > _TWO_DISAGREE:
        raise AlignmentError(
            f"the two known distances contradict each other: one asks for a factor of {math.exp(y[0]):.3g}, the other "
            f"for {math.exp(y[1]):.3g}; check both pixels, or measure a third"
        )
    share = float((~kept).mean())
    if len(y) > 2 and (noise > _BROKEN_SPREAD or share > _BROKEN_SHARE):
        agreeing = f"only {int(kept.sum())} of {len(y)} agree, and these" if share > _BROKEN_SHARE else "they"
        raise AlignmentError(
            f"the known distances contradict each other: {agreeing} differ by a factor of {math.exp(noise):.2f} from "
            "one to the next; check that they belong to this image, its camera, and the extrinsics"
        )
    if unit == "m" and abs(a) > math.log(_LARGEST):
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
    if len(y) < _FEW and differ > _FEW_DIFFER:
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
