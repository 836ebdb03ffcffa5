"""Results of an evaluation as a table and as `metrics.json`, with the protocol beside every number."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mono.evaluation.alignment import LABELS, ScaleSpread, primary_tier, scale_spread, tier_names
from mono.evaluation.metrics import ImageMetrics, mean_over_images, missing_pixels, pooled_over_pixels
from mono.evaluation.normals.tables import Normals, normals_summary
from mono.evaluation.protocols import Protocol
from mono.evaluation.report.reliability import Reliability
from mono.io.atomic import write_bytes

# Columns of the table: attribute of the metrics, heading, number format.
COLUMNS = (
    ("abs_rel", "AbsRel", ".3f"),
    ("sq_rel", "SqRel", ".3f"),
    ("rmse", "RMSE", ".3f"),
    ("rmse_log", "RMSElog", ".3f"),
    ("log10", "log10", ".3f"),
    ("silog", "SILog", ".2f"),
    ("delta1", "delta1", ".3f"),
    ("delta2", "delta2", ".3f"),
    ("delta3", "delta3", ".3f"),
)

Tiers = Mapping[str, ImageMetrics]


def averages(images: Sequence[ImageMetrics], protocol: Protocol) -> ImageMetrics | None:
    """Average metrics over images or over pixels, as the protocol does.

    Args:
        images: metrics of each image.
        protocol: protocol with its averaging.

    Returns:
        The average; None without images.
    """
    return pooled_over_pixels(images) if protocol.averaging == "pixel" else mean_over_images(images)


def spread_of(images: Iterable[Tiers]) -> ScaleSpread | None:
    """Summarize the scale factors of images; None where predictions have no unit.

    Args:
        images: metrics of each image by tier.
    """
    return scale_spread(tiers["metric"].scale if "metric" in tiers else None for tiers in images)


def table(results: Mapping[str, Tiers | None], protocol: Protocol, hints: Sequence[str] = (), unscored: int = 0) -> str:
    """Format the table of a run, with its protocol above it.

    Args:
        results: metrics by image and tier; None for images without valid ground truth, which are left out.
        protocol: protocol under which they were computed.
        hints: suspicions about the predictions; with any, no cause of a common scale factor is named.
        unscored: number of further images with ground truth, which failed.
    """
    scored = [tiers for tiers in results.values() if tiers]
    whole = f" of {len(scored) + unscored}" if unscored else ""
    lines = [protocol.describe(), f"{len(scored)}{whole} image{'s' * (len(scored) + unscored != 1)} with ground truth"]
    excluded = [name for name, tiers in results.items() if tiers is None]
    if excluded:
        some = ", ".join(excluded[:5]) + (", …" if len(excluded) > 5 else "")
        lines.append(f"{len(excluded)} images without valid ground truth are left out: {some}")
    lines += ["", f"{'':20}" + "".join(f"{heading:>9}" for _, heading, _ in COLUMNS)]
    for tier in tier_names(scored):
        mean = averages([tiers[tier] for tiers in scored if tier in tiers], protocol)
        if mean:
            cells = "".join(f"{format(getattr(mean, name), style):>9}" for name, _, style in COLUMNS)
            lines.append(f"{tier:20}{cells}")
    lines.append("")
    lines += [f"{tier}: {LABELS[tier]}" for tier in tier_names(scored)]
    lines += filter(None, [describe_missing(scored, protocol)])
    lines += _boundary_line(scored)
    spread = spread_of(scored)
    if spread:
        lines.append(spread.describe(advise=not hints))
    lines += [f"suspicious: {hint}" for hint in hints]
    return "\n".join(lines)


def describe_missing(images: Iterable[Tiers], protocol: Protocol) -> str:
    """Tell how many pixels have no prediction; "" if none.

    Args:
        images: metrics of each image by tier.
        protocol: protocol under which they were computed.
    """
    missing, pixels = _missing(images)
    if not missing:
        return ""
    share = f"{100 * missing / pixels:.3g}" if missing / pixels >= 1e-4 else "less than 0.01"
    return (
        f"{share} % of the pixels with ground truth have no prediction and count as the nearest depth "
        f"({protocol.min_depth:g} m)"
    )


def _missing(images: Iterable[Tiers]) -> tuple[int | None, int]:
    """Count the pixels without a prediction, and all."""
    first = [tiers[primary_tier(tiers)] for tiers in images]
    counted = [metrics for metrics in first if metrics.missing is not None]
    return missing_pixels(counted), sum(metrics.pixels for metrics in counted)


def _boundary_line(scored: Sequence[Tiers]) -> list[str]:
    """Say how well edges are placed, where it was measured; factors do not matter, so the first tier tells."""
    images = [next(iter(tiers.values())) for tiers in scored]
    measured, mean = [m for m in images if m.boundary_f1 is not None], mean_over_images(images)
    if not measured or mean is None:
        return []
    rest = len(images) - len(measured)
    others = f"; the other {rest} have sparse ground truth or no edges" if rest else ""
    value = f"{mean.boundary_f1:.3f}"
    return [f"boundary F1: {value}, edges of depth at the right pixel; mean of {len(measured)} images{others}"]


def summary(results: Mapping[str, Tiers | None], protocol: Protocol, unscored: int = 0) -> dict[str, Any]:
    """Summarize depth metrics for `metrics.json`.

    Args:
        results: metrics by image and tier; None for images without valid ground truth.
        protocol: protocol under which they were computed.
        unscored: number of further images with ground truth, which failed.

    Returns:
        JSON values: both averages of each tier, the spread of scale factors, and the metrics of each image.
    """
    scored = {name: tiers for name, tiers in results.items() if tiers}
    missing, pixels = _missing(scored.values())
    spread = spread_of(scored.values())
    present = tier_names(scored.values())
    by_tier = {tier: [tiers[tier] for tiers in scored.values() if tier in tiers] for tier in present}
    return {
        "protocol": {**asdict(protocol), "description": protocol.describe()},
        "images": len(scored),
        "images_with_ground_truth": len(scored) + unscored,
        "without_prediction": None if missing is None else {"pixels": missing, "share": missing / pixels},
        "without_valid_ground_truth": [name for name, tiers in results.items() if tiers is None],
        "per_image_mean": {tier: _values(mean_over_images(images)) for tier, images in by_tier.items()},
        "pooled_over_pixels": {tier: _values(pooled_over_pixels(images)) for tier, images in by_tier.items()},
        "scale": asdict(spread) if spread else None,
        "per_image": {name: {tier: asdict(m) for tier, m in tiers.items()} for name, tiers in scored.items()},
    }


def write_metrics(
    path: Path,
    results: Mapping[str, Tiers | None],
    protocol: Protocol,
    run: Mapping[str, Any],
    failures: Sequence[tuple[str, str]] = (),
    normals: Normals | None = None,
    confidence: Reliability | None = None,
    hints: Sequence[str] = (),
    unscored: int = 0,
    checksums: Mapping[str, str] | None = None,
) -> None:
    """Write `metrics.json` atomically.

    Args:
        path: file to write.
        results: metrics by image and tier; None for images without valid ground truth.
        protocol: protocol under which they were computed.
        run: metadata of the run: command, model, checksum, input size, precision, versions.
        failures: (input, reason) pairs of images that could not be evaluated.
        normals: normal scores of each image, as for `normals_table`.
        confidence: relation of confidence and error.
        hints: suspicions about the predictions; the entry is left out without any.
        unscored: number of further images with ground truth, which failed.
        checksums: checksum of the ground truth of each image, by which `compare` knows it again.

    Raises:
        OSError: the file cannot be written.
    """
    content = {
        "run": dict(run),
        "failures": [list(failure) for failure in failures],
        **summary(results, protocol, unscored),
        "normals": normals_summary(normals or {}),
        "confidence": {"description": confidence.describe(), **asdict(confidence)} if confidence else None,
        **({"hints": list(hints)} if hints else {}),
        "ground_truth_checksums": dict(checksums or {}),
    }
    write_bytes(path, json.dumps(content, indent=1, default=str).encode() + b"\n")


def _values(metrics: ImageMetrics | None) -> dict[str, Any] | None:
    return asdict(metrics) if metrics else None
