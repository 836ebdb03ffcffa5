"""Tables of the report page: results by tier, beside the baselines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

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
    """Column of a metric.

    Attributes:
        name: attribute of `ImageMetrics`.
        heading: heading of the column.
        style: number format.
        tier: tier of the values, in the table of images; "" where rows are of several tiers.
    """

    name: str
    heading: str
    style: str
    tier: str = ""

    @property
    def better(self) -> str:
        """Name the better direction, "higher" or "lower"."""
        return "higher" if self.name in HIGHER_IS_BETTER else "lower"

    @property
    def arrow(self) -> str:
        """Show the better direction as an arrow."""
        return "↑" if self.better == "higher" else "↓"

    @property
    def first(self) -> str:
        """Name the order of the first click, which puts the worst on top."""
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


_ALIGNED_COLUMNS = (
    Column("abs_rel", "AbsRel", ".3f"),
    Column("rmse", "RMSE [m]", ".3f"),
    Column("silog", "SILog", ".1f"),
    Column("delta1", "δ₁", ".3f"),
)


def image_columns(images: Iterable[Tiers]) -> tuple[tuple[Column, ...], tuple[tuple[str, int], ...]]:
    """Choose the columns of the table of images.

    Args:
        images: metrics of each image by tier.

    Returns:
        The columns, and (heading, number of columns) of their groups; predictions without unit have columns of their
        tiers instead of the metric ones.
    """
    present = tier_names(images)
    if "metric" in present or not present:
        return IMAGE_COLUMNS, (("metric: as predicted", 5), ("median-aligned", 1), ("scale and shift", 1))
    columns = tuple(replace(column, tier=tier) for tier in present for column in _ALIGNED_COLUMNS)
    return columns, tuple((LABELS[tier].partition(" (")[0], len(_ALIGNED_COLUMNS)) for tier in present)


@dataclass(frozen=True)
class Line:
    """Line of the table.

    Attributes:
        kind: "own", "computed" or "quoted".
        label: name of the model or baseline.
        note: origin of the numbers.
        cells: formatted numbers.
    """

    kind: str
    label: str
    note: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """Lines of one tier.

    Attributes:
        name: name of the tier.
        label: heading of the block.
        lines: the lines.
    """

    name: str
    label: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Fact:
    """Number shown at the top of the page.

    Attributes:
        label: name of the metric.
        tier: tier of the metric.
        text: formatted value with its unit.
    """

    label: str
    tier: str
    text: str


def columns_of(images: Iterable[Tiers]) -> tuple[Column, ...]:
    """Choose the columns of a run; boundaries only where they were measured.

    Args:
        images: metrics of each image by tier.
    """
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
    """Build the table: by tier the run, the best constant depth, and (metric only) published figures.

    Args:
        scored: metrics by image and tier.
        protocol: protocol under which they were computed.
        model: name of the model.
        constant: best constant depth; None where it is unknown.
        columns: columns of the table.
    """
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
    """Choose three numbers of the first tier for the top of the page.

    Args:
        scored: metrics by image and tier.
        protocol: protocol under which they were computed.
    """
    if not scored:
        return []
    tier = tier_names(scored.values())[0]
    mean = averages([tiers[tier] for tiers in scored.values() if tier in tiers], protocol)
    if mean is None:
        return []
    word = "metric" if tier == "metric" else "aligned"
    return [
        Fact("AbsRel", word, f"{mean.abs_rel:.3f}"),
        Fact("RMSE", word, f"{mean.rmse:.3f} m"),
        Fact("δ₁", word, f"{mean.delta1:.3f}"),
    ]


def notes(constant: ConstantDepth | None, frames: int, images: int, protocol: Protocol) -> list[str]:
    """Explain the baselines of the table.

    Args:
        constant: best constant depth; None where it is unknown.
        frames: number of images with an image record.
        images: number of images with metrics.
        protocol: protocol under which they were computed.
    """
    found = []
    if constant:
        found.append(
            f"Best constant depth: {constant.depth:.3f} m for every pixel of every image, the constant of least AbsRel "
            "under this protocol; found from the ground truth of these images (512 evenly spaced "
            "quantiles of each). Aligned, it becomes each image's median or mean ground-truth depth."
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
    "median": "each image's median ground-truth depth everywhere, computed here",
    "scale_shift": "each image's mean ground-truth depth everywhere, computed here",
}


def _values(metrics: ImageMetrics) -> dict[str, float | None]:
    names = [name for name, _, _ in COLUMNS]
    return {name: getattr(metrics, name) for name in (*names, "boundary_f1")}


def _cells(values: Mapping[str, float | None], columns: Iterable[Column]) -> tuple[str, ...]:
    found = [(values.get(column.name), column.style) for column in columns]
    return tuple("–" if value is None else format(value, style) for value, style in found)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
