"""Fit of a camera's calibration: one correction for all its images."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mono.calibration.depth_alignment import DepthAlignment
from mono.calibration.fit import fit_alignment
from mono.calibration.known import AlignmentError
from mono.calibration.observations import Observations
from mono.calibration.robust_line import OUTLIER, robust_line
from mono.calibration.statistics import robust_std

_POINTS = 2000  # of an image; more of them tell nothing new about other images
_NETWORK = 0.10  # change of a network's scale between images, relative, where one image is all there is
_SPAN = math.log(1.5)  # of log depth, for an exponent
_EXPONENTS = (0.5, 2.0)
_DOUBTFUL = 0.1  # standard error that is worth a word
_FAR = 0.5  # |log scale| from the median, beyond which an image may be left out
_AGREE = 5.0  # as many standard deviations of the rest must an image that is left out be away
_BROKEN = 0.35  # standard deviation of log scale between images


def fit_calibration(
    images: Sequence[Observations], model: str = "auto", names: Sequence[str] | None = None
) -> DepthAlignment:
    """Fit the correction that holds for all images of a camera; each counts the same.

    The standard error comes from how the images differ, not from how many points they have. An exponent is taken
    where it predicts images that were left out of the fit better than one scale does. Of five images or more, up to a
    fifth is left out whose factors are far from all others, which agree; the note names such images.

    Args:
        images: observations of each image.
        model: "auto", "scale" or "affine".
        names: name of each image, for the note; None: their numbers.

    Raises:
        AlignmentError: there are no images, distances within or between them contradict each other, or depths are too
            alike for an exponent that is asked for, or ask for an impossible one.
    """
    if not images:
        raise AlignmentError("there is no image with known distances to calibrate with")
    if model not in ("auto", "scale", "affine"):
        raise AlignmentError(f'calibration model "{model}" is unknown; give auto, scale or affine')
    data, left_out = [], 0
    for observations in images:
        own = fit_alignment(observations, "scale")  # refuses what contradicts itself
        x, y, sigma = observations.place[:, 2], observations.log_ratio, observations.sigma
        kept = robust_line(x, y, sigma, False).kept
        left_out += own.dropped
        chosen = np.random.default_rng(0).permutation(int(kept.sum()))[:_POINTS]
        data.append((x[kept][chosen], y[kept][chosen]))
    scales = np.array([y.mean() for _, y in data])
    between = robust_std(scales) if len(scales) > 4 else float(scales.std())
    if len(scales) > 1 and max(between, float(np.ptp(scales)) / 2 if len(scales) == 2 else 0.0) > _BROKEN:
        raise AlignmentError(
            f"the images ask for factors from {math.exp(scales.min()):.3g} to {math.exp(scales.max()):.3g}: no one "
            "calibration fits them; check that all are of one camera, and their distances"
        )
    data, doubts = _without_outliers(data, scales, names or [f"image {i + 1}" for i in range(len(data))])
    x_all = np.concatenate([x for x, _ in data])
    low, high = np.percentile(x_all, (5, 95))
    bent = False
    if model == "affine" and high - low < _SPAN:
        raise AlignmentError("the known distances are at depths too alike for an exponent: use --align-model scale")
    if model != "scale" and high - low >= _SPAN:
        bent = model == "affine" or (len(data) >= 3 and _predicts_better(data))
    a, b, center, covariance = _pooled(data, bent)
    if bent and not _EXPONENTS[0] <= 1 + b <= _EXPONENTS[1]:
        if model == "affine":
            raise AlignmentError(
                f"the known distances give an exponent of {1 + b:.2f}, which no error of a network makes: check that "
                "each is at its own pixel, or use --align-model scale"
            )
        bent = False
        a, b, center, covariance = _pooled(data, bent)
    residual = [y - a - b * (x - center) for x, y in data]
    count = len(data)
    if count == 1:
        error = max(_NETWORK, own.standard_error)
        note = "one image does not tell how the factor changes between images: give three or more"
        note = "; ".join(filter(None, (images[0].note, note)))
    else:
        from scipy.special import stdtrit

        error, note = math.sqrt(covariance[0]) * float(stdtrit(count - 1, 0.8413447)), ""
        if abs(a) < 2 * error and not bent:
            note = (
                "the factor is not clearly other than 1: images differ more among themselves, and others may get worse"
            )
        elif error > _DOUBTFUL:
            note = "the images differ too much for a factor that is known well: give more of them"
    return DepthAlignment(
        model="affine" if bent else "scale",
        scale=math.exp(a),
        standard_error=error,
        spread=robust_std(np.concatenate(residual)),
        used=len(x_all),
        left_out={"outliers or of no use": left_out} if left_out else {},
        note="; ".join(filter(None, (doubts, note))),
        exponent=1 + b,
        exponent_error=math.sqrt(covariance[1]) if bent else 0.0,
        center=math.exp(center),
        near=math.exp(float(low)),
        far=math.exp(float(high)),
        source=f"{count} image{'s' * (count != 1)}",
    )


def _without_outliers(
    data: list[tuple[np.ndarray, np.ndarray]], scales: np.ndarray, names: Sequence[str]
) -> tuple[list[tuple[np.ndarray, np.ndarray]], str]:
    """Leave out images whose factors differ from all others, up to a fifth; return the rest and a note on them."""
    if len(data) < 3:
        return data, ""
    off = scales - np.median(scales)
    outliers = np.flatnonzero(np.abs(off) > max(OUTLIER * robust_std(scales), _FAR))
    if not len(outliers):
        return data, ""
    listed = ", ".join(f"{names[i]} (x{math.exp(scales[i]):.3g})" for i in outliers[:3])
    listed += f" and {len(outliers) - 3} more" if len(outliers) > 3 else ""
    note = f"factors far from the median of x{math.exp(np.median(scales)):.3g}, so check the distances: {listed}"
    rest = np.delete(scales, outliers)
    if len(outliers) > len(data) // 5 or np.abs(off[outliers]).min() < _AGREE * rest.std(ddof=1):
        return data, note
    return [part for i, part in enumerate(data) if i not in outliers], f"{note}, left out"


def _pooled(data: Sequence[tuple[np.ndarray, np.ndarray]], bent: bool) -> tuple[float, float, float, list[float]]:
    """Fit all images together; the variances of both coefficients come from the images' differences."""
    weight = np.concatenate([np.full(len(x), 1 / len(x)) for x, _ in data])
    x, y = (np.concatenate([image[i] for image in data]) for i in range(2))
    image = np.concatenate([np.full(len(part), i) for i, (part, _) in enumerate(data)])
    center = float((weight * x).sum() / weight.sum())
    off = x - center
    square = float((weight * off**2).sum())
    b = float((weight * off * y).sum() / square) if bent and square > 0 else 0.0
    a = float((weight * y).sum() / weight.sum())
    residual = weight * (y - a - b * off)
    grow = len(data) / max(1, len(data) - 1)
    first = grow * float((np.bincount(image, residual) ** 2).sum()) / weight.sum() ** 2
    second = grow * float((np.bincount(image, residual * off) ** 2).sum()) / square**2 if square > 0 else 0.0
    return a, b, center, [first, second]


def _predicts_better(data: Sequence[tuple[np.ndarray, np.ndarray]]) -> bool:
    """Cross-validate over images: does an exponent predict left-out images better?"""
    gains = []
    for i, (x, y) in enumerate(data):
        others = [part for j, part in enumerate(data) if j != i]
        errors = []
        for bent in (False, True):
            a, b, center, _ = _pooled(others, bent)
            errors.append(float(np.abs(y - a - b * (x - center)).mean()))
        gains.append(errors[0] - errors[1])
    return float(np.mean(gains)) > float(np.std(gains)) / math.sqrt(len(gains))
