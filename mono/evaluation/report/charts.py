"""Charts of the report page as SVG in the page's own colors, without scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mono.evaluation.alignment import ScaleSpread
from mono.evaluation.normals.metrics import BIN, pooled_histogram
from mono.evaluation.normals.tables import Group
from mono.evaluation.report.distributions import DEPTH_EDGES, DISTANCE_EDGES, Distribution
from mono.evaluation.report.reliability import Reliability
from mono.evaluation.report.svg import ACCENT, INK, MUTED, WARM, add_legend, new_figure, to_svg
from mono.visual.color_maps import scale_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HUE = (0.17, 0.46, 0.75)  # color of the 2-D histogram, visible on white and on black
_ENOUGH = 1e-4  # smallest share of the pixels for a distance to be drawn


@dataclass(frozen=True)
class Chart:
    """Chart with its caption.

    Attributes:
        kind: CSS class, "wide" or "".
        title: title.
        text: explanation.
        svg: `<svg>` element.
    """

    kind: str
    title: str
    text: str
    svg: str


def of_depth(whole: Distribution, spread: ScaleSpread | None, scales: Sequence[float | None]) -> list[Chart]:
    """Draw the charts of depth and of scale factors.

    Args:
        whole: pixels of the dataset.
        spread: spread of the scale factors.
        scales: scale factor of each image.

    Returns:
        The charts; those without data are left out.
    """
    drawn = [
        Chart(
            "",
            "Error against distance.",
            "AbsRel of the pixels at each ground-truth depth; below, predicted / ground truth: above 1 is too far.",
            error_by_distance(whole),
        ),
        Chart(
            "",
            "Predicted against ground-truth depth.",
            "Logarithmic axes; the stronger the color, the more pixels.",
            depth_against_ground_truth(whole),
        ),
        Chart(
            "wide",
            "Scale of each image.",
            f"{spread.describe().capitalize()}." if spread else "",
            scale_histogram([scale for scale in scales if scale is not None]),
        ),
    ]
    return [chart for chart in drawn if chart.svg]


def of_the_rest(confidence: Reliability | None, normals: Sequence[Group]) -> list[Chart]:
    """Draw the charts of confidence and of surface normals.

    Args:
        confidence: relation of confidence and error; None without confidence.
        normals: groups of images with normal scores.
    """
    drawn = []
    if confidence:
        text = confidence.describe()
        drawn.append(Chart("", "Confidence against error.", text, confidence_against_error(confidence)))
    if normals:
        text = "Share of the pixels whose predicted normal is off by less than an angle"
        text += f": {normals[0].label}." if len(normals) == 1 else "."
        drawn.append(Chart("", "Angles of normals.", text, angles_of_normals(normals)))
    return drawn


def error_by_distance(distribution: Distribution) -> str:
    """Draw error against ground-truth depth.

    Args:
        distribution: pixels of the dataset.

    Returns:
        `<svg>` element; "" without pixels.
    """
    from matplotlib.ticker import NullLocator

    pixels = distribution.ratios.sum(1)
    drawn = np.flatnonzero(pixels >= max(1, _ENOUGH * pixels.sum()))
    if not drawn.size:
        return ""
    part = slice(int(drawn[0]), int(drawn[-1]) + 1)
    seen = pixels[part] > 0
    edges = np.log10(DISTANCE_EDGES[part.start : part.stop + 1])
    centers = (edges[1:] + edges[:-1]) / 2
    abs_rel = np.where(seen, distribution.abs_rel[part] / np.maximum(pixels[part], 1), np.nan)
    low, first, middle, third, high = distribution.ratio_quantiles((0.05, 0.25, 0.5, 0.75, 0.95))[:, part]

    figure = new_figure(6.4, 4.4)
    upper, lower, share = figure.subplots(3, 1, sharex=True, height_ratios=(3, 3, 1))
    upper.stairs(abs_rel, edges, color=ACCENT, linewidth=2, baseline=None)
    upper.set_ylabel("AbsRel")
    upper.set_ylim(0, 1.15 * float(np.nanmax(abs_rel)) or 1)
    lower.fill_between(centers, low, high, color=ACCENT, alpha=0.15, linewidth=0, label="90 % of pixels")
    lower.fill_between(centers, first, third, color=ACCENT, alpha=0.35, linewidth=0, label="50 %")
    lower.plot(centers, middle, color=ACCENT, linewidth=2, marker=".", label="median")
    lower.axhline(1, color=INK, linewidth=0.8)
    lower.set_yscale("log")
    ends = float(np.nanmin(low[seen])) * 0.95, float(np.nanmax(high[seen])) * 1.05
    lower.set_ylim(min(ends[0], 0.8), max(ends[1], 1.25))
    bottom, top = lower.get_ylim()
    lower.yaxis.set_minor_locator(NullLocator())
    ticks = _ratio_ticks(bottom, top, 4)
    lower.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    lower.set_ylabel("ratio")
    add_legend(lower)
    share.stairs(100 * pixels[part] / pixels.sum(), edges, fill=True, color=MUTED, alpha=0.6)
    share.set_ylabel("% of\npixels")
    share.set_xlabel("ground-truth depth [m]")
    _log_metres(share, "x", 10 ** edges[0], 10 ** edges[-1])
    return to_svg(figure, "distance")


def depth_against_ground_truth(distribution: Distribution) -> str:
    """Draw a 2-D histogram of predicted against ground-truth depth.

    Args:
        distribution: pixels of the dataset.

    Returns:
        `<svg>` element; "" without pixels.
    """
    if not distribution.pixels:
        return ""
    near, far = distribution.limits(5e-4)
    first, last = (int(np.argmin(np.abs(DEPTH_EDGES - limit))) for limit in (near, far))
    logs = np.log10(DEPTH_EDGES)
    counts = distribution.depths[first:last, first:last].T
    strength = np.log1p(counts) / max(np.log1p(counts.max()), 1e-9)
    image = np.zeros((*counts.shape, 4))
    image[..., :3] = _HUE
    image[..., 3] = np.where(counts > 0, 0.06 + 0.94 * strength**1.5, 0)

    figure = new_figure(4.7, 4.4)
    axes = figure.subplots()
    extent = (logs[first], logs[last], logs[first], logs[last])
    axes.imshow(image, extent=extent, origin="lower", interpolation="nearest", aspect="equal")
    line = np.array(extent[:2])
    axes.plot(line, line, color=INK, linewidth=1, label="exact")
    for sign in (1, -1):
        label = "factor 1.25 (δ₁)" if sign > 0 else None
        axes.plot(line, line + sign * np.log10(1.25), color=WARM, linewidth=1, linestyle="--", label=label)
    axes.set_xlim(*line)
    axes.set_ylim(*line)
    axes.set_xlabel("ground-truth depth [m]")
    axes.set_ylabel("predicted depth [m]")
    _log_metres(axes, "x", 10 ** line[0], 10 ** line[1])
    _log_metres(axes, "y", 10 ** line[0], 10 ** line[1])
    add_legend(axes, "upper left")
    return to_svg(figure, "against")


def scale_histogram(scales: Sequence[float]) -> str:
    """Draw a histogram of the images' scale factors.

    Args:
        scales: ground-truth over predicted median depth of each image.

    Returns:
        `<svg>` element; "" without images.
    """
    from matplotlib.ticker import MaxNLocator

    known = np.asarray(scales, float)
    if not known.size:
        return ""
    reach = float(np.abs(np.log(known)).max())
    reach = max(reach * 1.1, np.log(1.25))
    bins = int(np.clip(2 * np.sqrt(known.size), 16, 60)) // 2 * 2
    edges = np.linspace(-reach, reach, bins + 1)
    counts, _ = np.histogram(np.log(known), edges)

    figure = new_figure(11.4, 2.3)
    axes = figure.subplots()
    axes.stairs(counts, edges, fill=True, color=ACCENT, alpha=0.55)
    axes.axvline(0, color=INK, linewidth=1, label="1: right scale")
    median = float(np.median(known))
    axes.axvline(np.log(median), color=WARM, linewidth=1.5, linestyle="--", label=f"median {median:.3f}")
    axes.set_xlim(-reach, reach)
    axes.set_ylim(0, counts.max() * 1.18)
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    ticks = _ratio_ticks(float(np.exp(-reach)), float(np.exp(reach)), 10)
    axes.set_xticks(np.log(ticks).tolist(), [f"{tick:g}" for tick in ticks])
    axes.set_xlabel("ground-truth / predicted median depth of an image")
    axes.set_ylabel("images")
    add_legend(axes, "upper left" if median > 1 else "upper right")
    return to_svg(figure, "scale")


def confidence_against_error(reliability: Reliability) -> str:
    """Draw AbsRel of each tenth of the pixels by confidence.

    Args:
        reliability: relation of confidence and error.

    Returns:
        `<svg>` element.
    """
    tenths = reliability.tenths
    figure = new_figure(6.4, 3.4)
    axes = figure.subplots()
    places = range(1, len(tenths) + 1)
    errors = [tenth.abs_rel for tenth in tenths]
    axes.bar(places, errors, color=ACCENT, alpha=0.55, width=0.8)
    whole = sum(errors) / len(errors)
    axes.axhline(whole, color=WARM, linewidth=1.5, linestyle="--", label=f"all pixels {whole:.3f}")
    axes.set_ylim(0, 1.2 * max(errors) or 1)
    axes.set_xticks(list(places), [f"{tenth.confidence:.3g}" for tenth in tenths])
    axes.set_xlabel("mean confidence of each tenth, ascending")
    axes.set_ylabel("AbsRel")
    add_legend(axes, "upper right")
    return to_svg(figure, "confidence")


def angles_of_normals(groups: Sequence[Group]) -> str:
    """Draw the share of pixels below each angle between normals, a line per group.

    Args:
        groups: groups of images.

    Returns:
        `<svg>` element.
    """
    figure = new_figure(4.7, 3.4)
    axes = figure.subplots()
    for group, color in zip(groups, (ACCENT, WARM, INK, MUTED), strict=False):
        counts = pooled_histogram(group.images)
        angle = BIN * np.arange(counts.size + 1)
        shares = 100 * np.concatenate([[0], counts.cumsum()]) / counts.sum()
        axes.plot(angle, shares, color=color, linewidth=2, label=group.label.replace(" against", "\nagainst"))
    for limit in (5, 11.25, 22.5, 30):
        axes.axvline(limit, color=INK, linewidth=0.6, linestyle=":")
    axes.set_xlim(0, 60)
    axes.set_ylim(0, 100)
    axes.set_xticks([0, 5, 11.25, 22.5, 30, 45, 60], ["0", "5", "11.25", "22.5", "30", "45", "60"])
    axes.set_xlabel("angle to the ground-truth normal [deg]")
    axes.set_ylabel("% of pixels below it")
    if len(groups) > 1:
        add_legend(axes)
    return to_svg(figure, "normals")


def _log_metres(axes: Axes, axis: str, near: float, far: float) -> None:
    """Label an axis of log10 metres in metres."""
    ticks = scale_ticks(near, far, 300, 34)
    inside = [tick for tick in ticks if near * 1.0001 < tick < far * 0.9999]
    round_ones = [tick for tick in inside if tick == float(f"{tick:.1g}")] or inside
    (axes.set_xticks if axis == "x" else axes.set_yticks)(
        [float(np.log10(tick)) for tick in round_ones], [f"{tick:g}" for tick in round_ones]
    )


def _ratio_ticks(low: float, high: float, most: int) -> list[float]:
    """Choose about `most` round ratios between two, 1 included, for a logarithmic axis."""
    from matplotlib.ticker import MaxNLocator

    if high / low > 6:
        steps = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.5, 2, 3, 5, 10, 20, 50)
        found = [float(tick) for tick in steps if low <= tick <= high]
    else:
        found = [
            float(f"{tick:.4g}")
            for tick in MaxNLocator(most, steps=[1, 2, 5, 10]).tick_values(low, high)
            if low <= tick <= high
        ]
    apart = float(np.log(high / low)) / (2 * most)
    return sorted([1.0, *(tick for tick in found if abs(np.log(tick)) > apart)])
