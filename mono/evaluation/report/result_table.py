"""The report page's numbers: results in three tiers that are never mixed, beside the baselines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mono.evaluation.alignment import LABELS, tier_names
from mono.evaluation.baselines import ConstantDepth, published
from mono.evaluation.comparison import HIGHER_IS_BETTER
from mono.evaluation.metrics import ImageMetrics
from mono.evaluation.protocols import Protocol
from mono.evaluation.report.summary import COLUMNS, averages

_SIGNS = {"delta1": "δ₁", "delta2": "δ₂", "delta3": "δ₃"}
_UNITS = {"sq_rel": " [m]", "rmse": " [m]"}

Tiers = Mapping[str, ImageMetrics]


@dataclass(frozen=True)
class Column:
    """A metric's column: attribute of `ImageMetrics`, heading, number format, and the tier where it has only one."""

    name: str
    heading: str
    style: str
    tier: str = ""

    @property
    def better(self) -> str:
        """ "higher" or "lower"."""
        return "higher" if self.name in HIGHER_IS_BETTER else "lower"

    @property
    def arrow(self) -> str:
        """Where better is."""
        return "↑" if self.better == "higher" else "↓"

    @property
    def first(self) -> str:
        """How the first click sorts: the worst on top."""
        return "ascending" if self.better == "higher" else "descending"


IMAGE_COLUMNS = (
    Column("abs_rel", "AbsRel", ".3f", "metric"),
    Column("rmse", "RMSE [m]", ".3f", "metric"),
    Column("silog", "SILog", ".1f", "metric"),
    Column("delta1", "δ₁", ".3f", "metric"),
    Column("scale", "scale", ".3f", "metric"),
    Column("abs_rel", "AbsRel", ".3f", "median"),
    Column("abs_rel", "AbsRel", ".3f", "scale_shift"),
)


@dataclass(frozen=True)
class Line:
    """A line of the table; `kind` is "own", "computed" or "quoted"."""

    kind: str
    label: str
    note: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """All lines of one tier."""

    name: str
    label: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Fact:
    """A number worth standing alone."""

    label: str
    text: str


def columns_of(images: Iterable[Tiers]) -> tuple[Column, ...]:
    """The columns of a run: boundaries only where they were measured."""
    columns = [Column(name, _SIGNS.get(name, head) + _UNITS.get(name, ""), style) for name, head, style in COLUMNS]
    if any(metrics.boundary_f1 is not None for tiers in images for metrics in tiers.values()):
        columns.append(Column("boundary_f1", "boundary F1", ".3f"))
    return tuple(columns)


def tier_blocks(
    scored: Mapping[str, Tiers],
    protocol: Protocol,
    model: str,
    constant: ConstantDepth | None,
    columns: Iterable[Column],
) -> list[Block]:
    """The table: of each tier the run, the best constant depth, and (metric only) published figures."""
    columns = tuple(columns)
    blocks = []
    for tier in tier_names(scored.values()):
        lines = []
        mean = averages([tiers[tier] for tiers in scored.values() if tier in tiers], protocol)
        if mean:
            lines.append(Line("own", model, "this run", _cells(_values(mean), columns)))
        if constant and tier in constant.tiers:
            note = f"{constant.depth:.2f} m everywhere, computed here"
            lines.append(
                Line(
                    "computed",
                    "best constant depth",
                    _ALIGNED_NOTE.get(tier, note),
                    _cells(_values(constant.tiers[tier]), columns),
                )
            )
        if tier == "metric":
            lines += [
                Line(
                    "quoted",
                    figures.model,
                    f"quoted: {figures.reference}; {figures.training}",
                    _cells(figures.values, columns),
                )
                for figures in published(protocol.name)
            ]
        if lines:
            blocks.append(Block(tier, _sentence(LABELS[tier]), tuple(lines)))
    return blocks


def headline(scored: Mapping[str, Tiers], protocol: Protocol) -> list[Fact]:
    """The metric tier in three numbers."""
    mean = averages([tiers["metric"] for tiers in scored.values()], protocol)
    if mean is None:
        return []
    return [
        Fact("AbsRel", f"{mean.abs_rel:.3f}"),
        Fact("RMSE", f"{mean.rmse:.3f} m"),
        Fact("δ₁", f"{mean.delta1:.3f}"),
    ]


def notes(constant: ConstantDepth | None, frames: int, images: int, protocol: Protocol) -> list[str]:
    """What must be known to read the table's other lines."""
    found = []
    if constant:
        found.append(
            f"Best constant depth: {constant.depth:.3f} m for every pixel of every image, which gives the least AbsRel "
            "that a constant can under this protocol; found from the ground truth of these images (512 evenly spaced "
            "quantiles of each). Aligned, it becomes each image's median or mean true depth."
        )
        if frames < images:
            found.append(f"The constant depth and the charts are of {frames} of the {images} images.")
    if published(protocol.name):
        found.append(
            "Quoted lines are figures from papers, on those papers' images: they are comparable only with a run on the "
            "whole test split. Dashes: not quoted."
        )
    return found


_ALIGNED_NOTE = {
    "median": "each image's median true depth everywhere, computed here",
    "scale_shift": "each image's mean true depth everywhere, computed here",
}


def _values(metrics: ImageMetrics) -> dict[str, float | None]:
    names = [name for name, _, _ in COLUMNS]
    return {name: getattr(metrics, name) for name in (*names, "boundary_f1")}


def _cells(values: Mapping[str, float | None], columns: Iterable[Column]) -> tuple[str, ...]:
    found = [(values.get(column.name), column.style) for column in columns]
    return tuple("–" if value is None else format(value, style) for value, style in found)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
