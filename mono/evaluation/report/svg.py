"""Figures as SVG in the colors of the report page."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Placeholders for the page's colors, which depend on its light or dark scheme.
_COLORS = {
    "#010101": "var(--ink)",
    "#020202": "var(--muted)",
    "#030303": "var(--line)",
    "#040404": "var(--accent)",
    "#050505": "var(--warm)",
}
INK, MUTED, LINE, ACCENT, WARM = _COLORS


def new_figure(width: float, height: float) -> Figure:
    """Create an empty figure.

    Args:
        width: width [inch].
        height: height [inch].
    """
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def add_legend(axes: Axes, where: Literal["best", "upper left", "upper right"] = "best") -> None:
    """Add a legend of the labeled artists."""
    axes.legend(loc=where, frameon=False, labelcolor=INK, fontsize=8.5)


def to_svg(figure: Figure, name: str) -> str:
    """Convert a figure to an `<svg>` element.

    Args:
        figure: the figure; its axes are styled.
        name: prefix of the element's ids, unique within the page.
    """
    from matplotlib import rc_context

    for axes in figure.axes:
        axes.patch.set_alpha(0)
        axes.grid(color=LINE, linewidth=0.7)
        axes.set_axisbelow(True)
        axes.tick_params(colors=MUTED, length=3, labelsize=9)
        for side, spine in axes.spines.items():
            spine.set_visible(side in ("left", "bottom"))
            spine.set_color(MUTED)
        for label in (axes.xaxis.label, axes.yaxis.label):
            label.set_color(INK)
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
