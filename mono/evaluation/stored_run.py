"""Reading of `metrics.json`, whose content is checked before it is used."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from mono.evaluation.alignment import ALIGNMENTS
from mono.evaluation.metrics import ImageMetrics
from mono.system.errors import MetricDepthError

_LARGEST = 1e100  # of any metric, so that sums of squares stay finite
_OPTIONAL = ("scale", "boundary_f1", "missing")
_COUNTS = {"pixels": 1, "missing": 0}  # whole numbers, and their least
_LIMIT = 2**30  # [bytes] of a metrics.json; 500,000 images have less


class ComparisonError(MetricDepthError):
    """Error of runs that cannot be compared, or of a file that holds no run."""


@dataclass(frozen=True)
class StoredRun:
    """Evaluation as read from `metrics.json`.

    Attributes:
        path: the file.
        protocol: fields of the protocol.
        run: metadata of the run: command, model, ...
        images: metrics by image and tier.
        checksums: checksum of the ground truth by image; images of former versions have none.
    """

    path: Path
    protocol: Mapping[str, Any]
    run: Mapping[str, Any]
    images: Mapping[str, Mapping[str, ImageMetrics]]
    checksums: Mapping[str, str] = field(default_factory=dict)


def read_metrics(path: Path) -> StoredRun:
    """Read a `metrics.json`.

    Args:
        path: the file, or its folder.

    Raises:
        ComparisonError: the file does not exist or does not hold an evaluation.
        OSError: the file cannot be read.
    """
    path = Path(path)
    path = path / "metrics.json" if path.is_dir() else path
    if not path.is_file():
        raise ComparisonError(f"{path}: there is no such file; give the metrics.json of `metricdepth evaluate`")
    if path.stat().st_size > _LIMIT:
        raise ComparisonError(
            f"{path}: is too large for the metrics.json of an evaluation ({path.stat().st_size} bytes)"
        )
    try:
        content = json.loads(path.read_bytes())
        images = {name: _parse_tiers(name, tiers) for name, tiers in _object(content, "per_image").items()}
        checksums = _object(content, "ground_truth_checksums", optional=True)
        if wrong := [value for value in checksums.values() if not isinstance(value, str)]:
            raise ComparisonError(f"the checksum of ground truth {str(wrong[0])[:40]!r} is not a text")
        return StoredRun(path, _object(content, "protocol"), _object(content, "run", optional=True), images, checksums)
    except ComparisonError as error:
        raise ComparisonError(f"{path}: not the metrics.json of an evaluation ({error})") from error
    except (ValueError, RecursionError) as error:
        raise ComparisonError(f"{path}: not the metrics.json of an evaluation (it is not valid JSON)") from error


def _object(content: Any, name: str, optional: bool = False) -> dict[str, Any]:
    """Get a JSON object out of another."""
    if not isinstance(content, dict) or (name not in content and not optional):
        raise ComparisonError(f"no entry {name!r}")
    value = content.get(name)
    if value is None and optional:
        return {}
    if not isinstance(value, dict):
        raise ComparisonError(f"{name!r} is not an object")
    return value


def _parse_tiers(image: str, content: Any) -> dict[str, ImageMetrics]:
    """Check and convert the metrics of an image."""
    if not isinstance(content, dict) or not content or not content.keys() <= set(ALIGNMENTS):
        raise ComparisonError(f"image {image!r} has no metrics by tier ({', '.join(ALIGNMENTS)})")
    return {tier: _parse_metrics(f"image {image!r}, tier {tier}", values) for tier, values in content.items()}


def _parse_metrics(place: str, content: Any) -> ImageMetrics:
    names = [each.name for each in fields(ImageMetrics)]
    if not isinstance(content, dict) or not content.keys() <= set(names):
        raise ComparisonError(f"{place}: not metrics")
    for name in names:
        value = content.get(name)
        if value is None and name in _OPTIONAL:
            continue
        known = isinstance(value, (int, float)) and not isinstance(value, bool) and -_LARGEST < value < _LARGEST
        if not known or (name in _COUNTS and not (isinstance(value, int) and value >= _COUNTS[name])):
            raise ComparisonError(f"{place}: {name} is {str(value)[:40]!r}, not a number that it can be")
    return ImageMetrics(**content)
