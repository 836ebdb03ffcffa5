"""Report page: an evaluation as one HTML file with its protocol, baselines, charts and images."""

from __future__ import annotations

import base64
import hashlib
import logging
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mono.evaluation.alignment import primary_tier
from mono.evaluation.baselines import ConstantDepth, best_constant
from mono.evaluation.metrics import ImageMetrics
from mono.evaluation.normals.tables import Normals, groups_of, normals_section
from mono.evaluation.protocols import Protocol
from mono.evaluation.report import charts, thumbnails
from mono.evaluation.report.color_scales import ColorScale, depth_scale, error_scale
from mono.evaluation.report.distributions import Distribution, pooled
from mono.evaluation.report.image_records import ImageRecord, read_image_record
from mono.evaluation.report.reliability import Reliability
from mono.evaluation.report.result_table import Column, columns_of, headline, image_columns, notes, tier_blocks
from mono.evaluation.report.summary import describe_missing, spread_of
from mono.io.atomic import atomic_path

logger = logging.getLogger(__name__)

TEMPLATES = Path(__file__).parent / "templates"
_BREAKS = re.compile(r"(?<=[/\\_\-])")
_NOT_SHOWN = ("command", "settings")  # metadata of a run that the table of the page leaves out
_AVERAGING = {
    "image": "Averaged over images of equal weight",
    "pixel": "Pooled over pixels of equal weight",
}

Tiers = Mapping[str, ImageMetrics]


@dataclass(frozen=True)
class Thumbnail:
    """Thumbnail on the page.

    Attributes:
        uri: data URI of the image.
        alt: text alternative.
    """

    uri: str
    alt: str


@dataclass(frozen=True)
class Cell:
    """Number in the table of images.

    Attributes:
        value: number that the table is sorted by; "" without any.
        text: formatted number.
    """

    value: str
    text: str


@dataclass(frozen=True)
class Row:
    """Image in the table of images.

    Attributes:
        name: name of the image, in parts between which a line may break.
        pixels: formatted number of pixels that count.
        cells: numbers of its columns.
        thumbnails: images of photo, ground truth, prediction and error.
        width: width of the thumbnails [px].
        height: height of the thumbnails [px].
    """

    name: tuple[str, ...]
    pixels: str
    cells: tuple[Cell, ...]
    thumbnails: tuple[Thumbnail, ...] = ()
    width: int = 0
    height: int = 0


def write_page(
    path: Path,
    results: Mapping[str, Tiers | None],
    protocol: Protocol,
    run: Mapping[str, Any],
    frames: Mapping[str, Path],
    *,
    title: str = "Depth evaluation",
    failures: Sequence[tuple[str, str]] = (),
    normals: Normals | None = None,
    confidence: Reliability | None = None,
    hints: Sequence[str] = (),
    unscored: int = 0,
) -> None:
    """Write the report page atomically, as one file that needs no other.

    Args:
        path: file to write.
        results: metrics by image and tier; None for images that are left out.
        protocol: protocol under which they were computed.
        run: metadata of the run: command, model, checksum, precision, versions, ...
        frames: file of the image record (`write_image_record`) by image; images without one have no pictures and are
            not in the charts. They are read one by one, so memory does not grow with their thumbnails.
        title: title of the page.
        failures: (input, reason) pairs of images that could not be evaluated.
        normals: normal scores of each image, as for `normals_table`.
        confidence: relation of confidence and error.
        hints: suspicions about the predictions.
        unscored: number of further images with ground truth, which failed.

    Raises:
        OSError: the page cannot be written.
    """
    import jinja2

    scored = {name: tiers for name, tiers in results.items() if tiers}
    scales = [tiers["metric"].scale for tiers in scored.values() if "metric" in tiers]
    usable, whole, constant, shapes = _survey({name: frames[name] for name in scored if name in frames}, protocol)
    spread = spread_of(scored.values())
    shown, groups = image_columns(scored.values())
    warnings = list(hints)
    if spread and spread.common_factor and not hints:
        warnings.append(spread.describe())
    depths = depth_scale(whole) if usable else None
    errors = error_scale(whole) if usable else None
    script = (TEMPLATES / "page.js").read_text("utf-8")
    columns = columns_of(scored.values())
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined
    )
    stream = environment.get_template("page.html").stream(
        title=title,
        protocol=protocol,
        protocol_lines=protocol.describe().splitlines(),
        averaging=_AVERAGING[protocol.averaging],
        scored=len(scored),
        unscored=unscored,
        missing=describe_missing(scored.values(), protocol),
        headline=headline(scored, protocol),
        spread=spread,
        warnings=warnings,
        aligned=bool(scored) and spread is None,
        columns=columns,
        tiers=tier_blocks(scored, protocol, str(run.get("model", "this run")), constant, columns),
        notes=notes(constant, len(usable), len(scored), protocol),
        normals=normals_section(normals or {}),
        charts=[
            *charts.of_depth(whole, spread, scales),
            *charts.of_the_rest(confidence, groups_of(normals or {})),
        ],
        depth_scale=depths,
        error_scale=errors,
        image_columns=shown,
        column_groups=groups,
        wide=_mostly_wide(shapes),
        rows=_rows(scored, usable, depths, errors, shown),
        excluded=[name for name, tiers in results.items() if not tiers],
        failures=failures,
        command=_command(run.get("command")),
        run=[(key.replace("_", " "), describe_value(value)) for key, value in run.items() if key not in _NOT_SHOWN],
        style=(TEMPLATES / "page.css").read_text("utf-8"),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
    )
    stream.enable_buffering(200)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        # File names may hold bytes that are not text; they become "?".
        stream.dump(file, encoding="utf-8", errors="replace")


def _survey(
    frames: Mapping[str, Path], protocol: Protocol
) -> tuple[dict[str, Path], Distribution, ConstantDepth | None, list[tuple[int, ...]]]:
    """Read image records: the usable ones, their pixels, their best constant depth, and their shapes."""
    usable: dict[str, Path] = {}
    ground_truths, pixels, shapes = [], [], []

    def parts() -> Iterator[Distribution]:
        for name, path in frames.items():
            try:
                frame = read_image_record(path)
            except (OSError, ValueError) as error:
                logger.warning("%s: its pictures are left out of the report: %s", name, error)
                continue
            usable[name] = path
            ground_truths.append(frame.quantiles)
            pixels.append(frame.pixels)
            shapes.append(frame.ground_truth.shape)
            yield frame.distribution

    whole = pooled(parts())
    return usable, whole, best_constant(ground_truths, pixels, protocol), shapes


def _rows(
    scored: Mapping[str, Tiers],
    frames: Mapping[str, Path],
    depths: ColorScale | None,
    errors: ColorScale | None,
    columns: Sequence[Column],
) -> Iterator[Row]:
    """Make the rows of the table of images one by one, worst first."""
    first = {name: tiers[primary_tier(tiers)] for name, tiers in scored.items()}
    for name, tiers in sorted(scored.items(), key=lambda item: -first[item[0]].abs_rel):
        cells = []
        for column in columns:
            value = getattr(tiers[column.tier], column.name) if column.tier in tiers else None
            shown = value is not None
            cells.append(Cell(f"{value:.6g}" if shown else "", format(value, column.style) if shown else "–"))
        row = Row(tuple(_BREAKS.split(name)), f"{first[name].pixels:,}", tuple(cells))
        if name not in frames or depths is None or errors is None:
            yield row
            continue
        frame = read_image_record(frames[name])
        height, width = frame.ground_truth.shape
        yield Row(row.name, row.pixels, row.cells, _thumbnails(name, frame, depths, errors), width, height)


def _mostly_wide(shapes: Sequence[tuple[int, ...]]) -> bool:
    """Check that most images are so wide that their pictures fit better two by two."""
    wide = sum(width > 2 * height for height, width in shapes)
    return 2 * wide > len(shapes)


def _thumbnails(name: str, frame: ImageRecord, depths: ColorScale, errors: ColorScale) -> tuple[Thumbnail, ...]:
    maps = {
        "Photo": frame.image,
        "Ground truth": thumbnails.encode_image(thumbnails.depth_colors(frame.ground_truth, depths.low, depths.high)),
        "Prediction": thumbnails.encode_image(thumbnails.depth_colors(frame.predicted, depths.low, depths.high)),
        "Error": thumbnails.encode_image(thumbnails.error_colors(frame.error, errors.high)),
    }
    return tuple(Thumbnail(thumbnails.data_uri(data), f"{kind} of {name}") for kind, data in maps.items())


def _command(command: Any) -> str:
    return shlex.join(map(str, command)) if isinstance(command, (list, tuple)) else str(command or "")


def describe_value(value: Any) -> str:
    """Describe a value of a run's metadata in one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {describe_value(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return " × ".join(map(describe_value, value)) if len(value) == 2 else ", ".join(map(describe_value, value))
    return str(value)
