"""Color scales of the report page: one for all depths, one for all errors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mono.evaluation.report.distributions import Distribution
from mono.evaluation.report.thumbnails import error_ramp
from mono.visual.color_maps import colorize, css_gradient, depth_limits, scale_ticks

_STOPS = 25
_FACTORS = (1.1, 1.25, 1.25**2, 1.25**3)  # ends of the error scale: those of delta 1, 2, 3, and a finer one


@dataclass(frozen=True)
class Tick:
    """Label on a color scale.

    Attributes:
        percent: position, as a percentage of the scale's length.
        label: text.
    """

    percent: str
    label: str


@dataclass(frozen=True)
class ColorScale:
    """Color scale with its labels.

    Attributes:
        low: lower end: depth [m], or factor of predicted over ground-truth depth.
        high: upper end, in the same unit.
        label: name of the quantity.
        gradient: colors as a CSS gradient.
        ticks: labels in ascending order; the first and the last are at the ends.
    """

    low: float
    high: float
    label: str
    gradient: str
    ticks: tuple[Tick, ...]


def depth_scale(distribution: Distribution) -> ColorScale:
    """Choose a logarithmic scale for the depths of a dataset.

    Args:
        distribution: pixels of the dataset.

    Returns:
        The scale that holds nearly all ground-truth depths, with round numbers at its ends.
    """
    near, far = depth_limits(np.array(distribution.gt_limits(0.01)))
    ramp = colorize(np.geomspace(near, far, _STOPS)[None], near, far)[0]
    values = scale_ticks(near, far, 440, 44)
    return ColorScale(near, far, "depth [m]", css_gradient(ramp), _ticks(values, [f"{v:g} m" for v in values]))


def error_scale(distribution: Distribution) -> ColorScale:
    """Choose the error scale that holds 90 % of a dataset's pixels.

    Args:
        distribution: pixels of the dataset.
    """
    fitting = [factor for factor in _FACTORS if distribution.share_within(factor) >= 0.9]
    factor = fitting[0] if fitting else _FACTORS[-1]
    ramp = error_ramp(np.linspace(0, 1, _STOPS))
    half = math.sqrt(factor)
    values = [1 / factor, 1 / half, 1.0, half, factor]
    labels = [f"{100 * (value - 1):+.0f} %".replace("-", "−") for value in values]
    labels[0], labels[2], labels[-1] = f"too near {labels[0]}", "exact", f"{labels[-1]} too far"
    label = "error: predicted depth relative to ground truth"
    return ColorScale(values[0], factor, label, css_gradient(ramp), _ticks(values, labels))


def _ticks(values: list[float], labels: list[str]) -> tuple[Tick, ...]:
    low, high = values[0], values[-1]
    places = [100 * math.log(value / low) / math.log(high / low) for value in values]
    return tuple(Tick(f"{place:.2f}", label) for place, label in zip(places, labels, strict=True))
