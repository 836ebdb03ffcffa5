"""Records of images in the manifest: how they are made and read back."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mono.data.camera_source import CameraResolver
from mono.data.focal_estimate import weights_checksum
from mono.data.sample import Sample
from mono.evaluation.metrics import ImageMetrics
from mono.evaluation.normals.metrics import ImageNormals, NormalMetrics
from mono.evaluation.report.image_records import IMAGE_RECORD_VERSION
from mono.evaluation.scoring import SCORING_VERSION, ImageScore
from mono.geometry.camera import Camera
from mono.geometry.median import median_depth
from mono.inference.inputs import transform_settings
from mono.inference.prediction import Prediction
from mono.io.cameras.files import camera_file_beside
from mono.system.errors import MetricDepthError
from mono.system.versions import versions

if TYPE_CHECKING:
    from mono.inference.predictor import Predictor
    from mono.runs.options import RunOptions

_METRICS_FIELDS = ("metrics", "normals", "ground_truth_checksum")  # fields of a record that evaluation writes
Spelling = Callable[[Path], str]
_DEPTH_FIELDS = ("calibration", "alignment")  # fields that tell how depth was corrected
_NEAR_BRANCH = 2  # raised when the same weights find another depth by it: results of both are not mixed


def run_settings(predictor: Predictor, options: RunOptions) -> dict[str, Any]:
    """Collect the settings that decide an image's results, by the part they decide.

    Left out is what only changes rounding: the device and the batch size.

    Returns:
        "model", "computation" and "camera", which all results depend on, and one entry per kind of output.
    """
    output, encoding = options.output, options.output.encoding
    invalid = math.nan if predictor.prediction_format.zero_is_value else encoding.invalid
    return {
        "model": model_settings(predictor),
        "computation": computation_settings(predictor.precision, predictor.backend),
        "camera": {name: value for name, value in asdict(options.resolver).items() if name != "pooled" or value}
        | ({"focal_weights": weights_checksum()} if options.resolver.estimates else {})
        | {"views": asdict(predictor.views)}
        | ({"align": options.align.settings()} if options.align else {}),
        "depth": [output.depth_format, encoding.scale if output.depth_format == "png" else str(invalid)],
        "vis": None,
        "normal": output.normal_format,
        "pcd": asdict(output.cloud),
        "mask": output.cloud.filters,
        "sky": None,
        "confidence": None,
        "std": None,
        "points": None,
        "mesh": [asdict(output.cloud), output.mesh_format, output.mesh_faces],
        "focal_sweep": [options.focal_sweep, asdict(output.cloud)],
        "metrics": {
            "protocol": asdict(options.protocol) if options.protocol else None,
            "alignments": options.alignments,
            "report": IMAGE_RECORD_VERSION if options.report else None,
            "derive_normals": options.derive_normals,
            "scoring": SCORING_VERSION,
        },
    }


def model_settings(predictor: Predictor) -> dict[str, Any]:
    """Collect the settings of a model that decide its predictions."""
    architecture = dict(predictor.architecture)
    return {
        "checksum": predictor.checksum,
        "architecture": architecture,
        "transform": transform_settings(predictor.transform),
        **({"near_branch": _NEAR_BRANCH} if architecture.get("near_blocks") else {}),
    }


def computation_settings(precision: str, backend: str) -> dict[str, str]:
    """Collect the settings that decide how a network is computed."""
    return {"precision": precision, "backend": backend}


def run_metadata(predictor: Predictor) -> dict[str, Any]:
    """Describe the model and its computation for `metrics.json`."""
    return {
        "model": predictor.name,
        "checkpoint": str(predictor.checkpoint),
        "checksum_sha256": predictor.checksum,
        "architecture": dict(predictor.architecture),
        "transform": asdict(predictor.transform),
        "precision": predictor.precision,
        "backend": predictor.backend,
        "device": str(predictor.device),
        "versions": versions(),
    }


def wanted_kinds(sample: Sample, options: RunOptions) -> set[str]:
    """List the kinds of results that a run makes of a sample."""
    kinds = set(options.output.save)
    if options.focal_sweep:
        kinds.add("focal_sweep")
    if options.protocol and (sample.depth or sample.normal):
        kinds.add("metrics")
    return kinds


def short_hash(value: Any) -> str:
    """Hash a value of JSON types, paths and dataclass fields."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def cache_key(
    sample: Sample, resolver: CameraResolver, known: Path | None = None, spell: Spelling = os.path.abspath
) -> str:
    """Hash an image, its camera and their files; changes when any of them changes.

    Args:
        sample: the image.
        resolver: source of its camera.
        known: file of known depth that it is aligned with.
        spell: spelling of paths; former versions took them as typed, `str`.

    Raises:
        MetricDepthError: the image cannot be reached.
        OSError: another file cannot be asked for, as with names that are too long.
    """
    try:  # a photo that cannot be reached now has not changed
        sample.rgb.stat()
    except OSError as error:
        raise MetricDepthError(f"{sample.rgb}: cannot be opened ({error.strerror}); check the path") from error
    camera = resolver.camera_file or camera_file_beside(sample.rgb)
    models = [camera.with_name(name) for name in ("images.txt", "images.bin")] if camera else []
    return short_hash(
        [spell(sample.rgb), sample.intrinsics, file_stamps(sample.rgb, camera, *models, known, spell=spell)]
    )


def ground_truth_key(sample: Sample, spell: Spelling = os.path.abspath) -> str:
    """Hash a sample's ground truth and its files; changes when any of them changes; `spell` as for `cache_key`."""
    ignored = ("name", "rgb", "source", "intrinsics", "video", "index", "seconds")
    values = {name: value for name, value in vars(sample).items() if name not in ignored}
    values |= {name: spell(value) for name, value in values.items() if isinstance(value, Path)}
    return short_hash([values, file_stamps(sample.depth, sample.normal, spell=spell)])


def file_stamps(*files: Path | None, spell: Spelling = os.path.abspath) -> list[tuple[str, int, int]]:
    """List path, size and time of change of the files that exist."""
    return [(spell(file), stat.st_size, stat.st_mtime_ns) for file in files if file and (stat := _stat(file))]


def _stat(path: Path) -> Any:
    try:
        return path.stat()
    except OSError:
        return None


def success_record(
    sample: Sample, prediction: Prediction, outputs: Mapping[str, Any], predictor: Predictor
) -> dict[str, Any]:
    """Build the record of a finished image, without its metrics, keys and time."""
    camera = prediction.camera
    median = math.nan if prediction.format.unknown_shift else median_depth(prediction.depth)
    return {
        "input": sample.source,
        "path": str(sample.rgb.absolute()),
        "name": sample.name,
        "status": "ok",
        "outputs": dict(outputs),
        **camera_record(camera),
        "normal_source": prediction.normal_source,
        "median_depth": None if math.isnan(median) else round(median, 4),
        "model": predictor.name,
        "checksum": predictor.checksum,
        "versions": versions(),
        **prediction.notes(),
        "camera_detail": prediction.camera_detail,
    }


def camera_record(camera: Camera) -> dict[str, Any]:
    """Build the part of a record that describes the camera."""
    size, intrinsics = [camera.width, camera.height], [round(v, 4) for v in camera.intrinsics]
    return {"size": size, "intrinsics": intrinsics} | ({"lens": _lens_entries(camera)} if camera.is_distorted else {})


def record_of_score(score: ImageScore, normals: bool) -> dict[str, Any]:
    """Build the part of a record that evaluation writes.

    Args:
        score: scores of the image.
        normals: whether its normals were to be scored.
    """
    return {
        "metrics": score.metrics and {tier: asdict(metrics) for tier, metrics in score.metrics.items()},
        **({"normals": score.normals and asdict(score.normals)} if normals else {}),
        **({"ground_truth_checksum": score.checksum} if score.checksum else {}),
    }


def _lens_entries(camera: Camera) -> dict[str, Any]:
    entries = {"model": camera.model, "distortion": list(camera.distortion)}
    return entries | ({} if camera.max_angle is None else {"max_angle": camera.max_angle})


def merge_records(former: Mapping[str, Any], record: Mapping[str, Any], kept: frozenset[str]) -> dict[str, Any]:
    """Add what stays of an image's former record to its new one.

    Args:
        former: record before this run.
        record: record of the outputs that this run added.
        kept: kinds of the former record that stay.

    Returns:
        The record of both.
    """
    merged = dict(record)
    merged = {name: former[name] for name in _DEPTH_FIELDS if name in former} | merged
    merged["outputs"] = {**former["outputs"], **record["outputs"]}
    merged["settings"] = {**former["settings"], **record["settings"]}
    if "metrics" in kept:
        merged |= {name: former[name] for name in (*_METRICS_FIELDS, "ground_truth_key") if name in former}
    if "depth" in kept and "beyond_range" in former:
        merged["beyond_range"] = former["beyond_range"]
    return merged


def failure_record(sample: Sample, key: str, reason: str) -> dict[str, Any]:
    """Build the record of an image that failed."""
    return {"input": sample.source, "name": sample.name, "status": "failed", "key": key, "outputs": {}, "error": reason}


def metrics_from_record(record: Mapping[str, Any]) -> dict[str, ImageMetrics] | None:
    """Read an image's metrics by tier.

    Returns:
        The metrics; None for images without valid ground truth.

    Raises:
        MetricDepthError: the record is malformed.
    """
    metrics = record["metrics"]
    if metrics is None:
        return None
    try:
        return {tier: ImageMetrics(**_numbers(values)) for tier, values in metrics.items()}
    except (TypeError, ValueError, AttributeError) as error:
        raise _malformed(record, "metrics") from error


def normals_from_record(record: Mapping[str, Any]) -> ImageNormals | None:
    """Read the comparison of an image's normals.

    Returns:
        The comparison; None where no ground-truth normal counts.

    Raises:
        MetricDepthError: the record is malformed.
    """
    found = record["normals"]
    if found is None:
        return None
    try:
        metrics, histogram = NormalMetrics(**_numbers(found["metrics"])), tuple(found["histogram"])
        if not all(type(count) is int and 0 <= count < 2**53 for count in histogram):
            raise TypeError("counts")
        return ImageNormals(**found | {"metrics": metrics, "histogram": histogram})
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise _malformed(record, "normals") from error


def _numbers(values: Mapping[str, Any]) -> dict[str, Any]:
    if not all(value is None or (type(value) in (int, float) and -1e300 < value < 1e300) for value in values.values()):
        raise TypeError("values that are not finite numbers")
    return dict(values)


def _malformed(record: Mapping[str, Any], field: str) -> MetricDepthError:
    return MetricDepthError(f"manifest record of {record.get('name')!r}: its {field} are malformed; use --overwrite")
