"""The report page's charts as SVG drawn by matplotlib: small, without scripts, in the page's own colours."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from mono.evaluation.distributions import DEPTH_EDGES, DISTANCE_EDGES, Distribution
from mono.output.pictures import scale_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colours that stand for the page's, which depend on whether it is light or dark.
_COLORS = {
    "#010101": "var(--ink)",
    "#020202": "var(--muted)",
    "#030303": "var(--line)",
    "#040404": "var(--accent)",
    "#050505": "var(--warm)",
}
_INK, _MUTED, _LINE, _ACCENT, _WARM = _COLORS
_HUE = (0.17, 0.46, 0.75)  # of the 2-D histogram, good on white and on black
_ENOUGH = 1e-4  # share of the pixels that a distance must have to be drawn


def error_by_distance(distribution: Distribution) -> str:
    """AbsRel and the spread of predicted / true, against true depth, as SVG."""
    from matplotlib.ticker import NullLocator

    pixels = distribution.ratios.sum(1)
    drawn = np.flatnonzero(pixels >= max(1, _ENOUGH * pixels.sum()))
    if not drawn.size:
        return ""
    part = slice(int(drawn[0]), int(drawn[-1]) + 1)
    seen = pixels[part] > 0
    edges = np.log10(DISTANCE_EDGES[part.start : part.stop + 1])
    centres = (edges[1:] + edges[:-1]) / 2
    abs_rel = np.where(seen, distribution.abs_rel[part] / np.maximum(pixels[part], 1), np.nan)
    low, first, middle, third, high = distribution.ratio_quantiles((0.05, 0.25, 0.5, 0.75, 0.95))[:, part]

    figure = _figure(6.4, 4.4)
    upper, lower, share = figure.subplots(3, 1, sharex=True, height_ratios=(3, 3, 1))
    upper.stairs(abs_rel, edges, color=_ACCENT, linewidth=2, baseline=None)
    upper.set_ylabel("AbsRel")
    upper.set_ylim(0, 1.15 * float(np.nanmax(abs_rel)) or 1)
    lower.fill_between(centres, low, high, color=_ACCENT, alpha=0.15, linewidth=0, label="90 % of pixels")
    lower.fill_between(centres, first, third, color=_ACCENT, alpha=0.35, linewidth=0, label="50 %")
    lower.plot(centres, middle, color=_ACCENT, linewidth=2, marker=".", label="median")
    lower.axhline(1, color=_INK, linewidth=0.8)
    lower.set_yscale("log")
    ends = float(np.nanmin(low[seen])) * 0.95, float(np.nanmax(high[seen])) * 1.05
    lower.set_ylim(min(ends[0], 0.8), max(ends[1], 1.25))
    bottom, top = lower.get_ylim()
    lower.yaxis.set_minor_locator(NullLocator())
    ticks = _ratio_ticks(bottom, top, 4)
    lower.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    lower.set_ylabel("predicted / true")
    _legend(lower)
    share.stairs(100 * pixels[part] / pixels.sum(), edges, fill=True, color=_MUTED, alpha=0.6)
    share.set_ylabel("% of\npixels")
    share.set_xlabel("true depth [m]")
    _log_metres(share, "x", 10 ** edges[0], 10 ** edges[-1])
    return _svg(figure, "distance")


def depth_against_truth(distribution: Distribution) -> str:
    """Predicted against true depth, a 2-D histogram of pixels, as SVG."""
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

    figure = _figure(4.7, 4.4)
    axes = figure.subplots()
    extent = (logs[first], logs[last], logs[first], logs[last])
    axes.imshow(image, extent=extent, origin="lower", interpolation="nearest", aspect="equal")
    line = np.array(extent[:2])
    axes.plot(line, line, color=_INK, linewidth=1, label="exact")
    for sign in (1, -1):
        label = "factor 1.25 (δ₁)" if sign > 0 else None
        axes.plot(line, line + sign * np.log10(1.25), color=_WARM, linewidth=1, linestyle="--", label=label)
    axes.set_xlim(*line)
    axes.set_ylim(*line)
    axes.set_xlabel("true depth [m]")
    axes.set_ylabel("predicted depth [m]")
    _log_metres(axes, "x", 10 ** line[0], 10 ** line[1])
    _log_metres(axes, "y", 10 ** line[0], 10 ** line[1])
    _legend(axes, "upper left")
    return _svg(figure, "against")


def scale_histogram(scales: Sequence[float]) -> str:
    """How many images have which scale factor (true / predicted median depth), as SVG."""
    from matplotlib.ticker import MaxNLocator

    known = np.asarray(scales, float)
    if not known.size:
        return ""
    reach = float(np.abs(np.log(known)).max())
    reach = max(reach * 1.1, np.log(1.25))
    bins = int(np.clip(2 * np.sqrt(known.size), 16, 60)) // 2 * 2
    edges = np.linspace(-reach, reach, bins + 1)
    counts, _ = np.histogram(np.log(known), edges)

    figure = _figure(11.4, 2.3)
    axes = figure.subplots()
    axes.stairs(counts, edges, fill=True, color=_ACCENT, alpha=0.55)
    axes.axvline(0, color=_INK, linewidth=1, label="1: right scale")
    median = float(np.median(known))
    axes.axvline(np.log(median), color=_WARM, linewidth=1.5, linestyle="--", label=f"median {median:.3f}")
    axes.set_xlim(-reach, reach)
    axes.set_ylim(0, counts.max() * 1.18)
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    ticks = _ratio_ticks(float(np.exp(-reach)), float(np.exp(reach)), 10)
    axes.set_xticks(np.log(ticks).tolist(), [f"{tick:g}" for tick in ticks])
    axes.set_xlabel("true / predicted median depth of an image")
    axes.set_ylabel("images")
    _legend(axes, "upper left" if median > 1 else "upper right")
    return _svg(figure, "scale")


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _legend(axes: Axes, where: Literal["best", "upper left", "upper right"] = "best") -> None:
    axes.legend(loc=where, frameon=False, labelcolor=_INK, fontsize=8.5)


def _log_metres(axes: Axes, axis: str, near: float, far: float) -> None:
    """Labels in metres on an axis that is in log10 of metres."""
    ticks = scale_ticks(near, far, 300, 34)
    inside = [tick for tick in ticks if near * 1.0001 < tick < far * 0.9999]
    round_ones = [tick for tick in inside if tick == float(f"{tick:.1g}")] or inside
    (axes.set_xticks if axis == "x" else axes.set_yticks)(
        [float(np.log10(tick)) for tick in round_ones], [f"{tick:g}" for tick in round_ones]
    )


def _ratio_ticks(low: float, high: float, most: int) -> list[float]:
    """About so many round ratios between two, with 1 among them, for a logarithmic axis."""
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


def _svg(figure: Figure, name: str) -> str:
    """The figure as an `<svg>` element for a page that may hold several; `name` keeps their ids apart."""
    from matplotlib import rc_context

    for axes in figure.axes:
        axes.patch.set_alpha(0)
        axes.grid(color=_LINE, linewidth=0.7)
        axes.set_axisbelow(True)
        axes.tick_params(colors=_MUTED, length=3, labelsize=9)
        for side, spine in axes.spines.items():
            spine.set_visible(side in ("left", "bottom"))
            spine.set_color(_MUTED)
        for label in (axes.xaxis.label, axes.yaxis.label):
            label.set_color(_INK)
            label.set_fontsize(9.5)
    stream = io.StringIO()
    # Text stays text: it takes the page's font, can be searched, and is a tenth of the outlines' size.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(
            stream, format="svg", transparent=True, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type"))
        )
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", text)
    for placeholder, color in _COLORS.items():
        text = text.replace(placeholder, color)
    return text
