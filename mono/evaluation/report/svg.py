"""What the report page's charts are drawn with: figures as SVG in the page's own colours."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Literal

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
INK, MUTED, LINE, ACCENT, WARM = _COLORS


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of this size [inch]."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def add_legend(axes: Axes, where: Literal["best", "upper left", "upper right"] = "best") -> None:
    """Adds the legend of what has a label."""
    axes.legend(loc=where, frameon=False, labelcolor=INK, fontsize=8.5)


def to_svg(figure: Figure, name: str) -> str:
    """The figure as an `<svg>` element for a page that may hold several; `name` keeps their ids apart."""
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
