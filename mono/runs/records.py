"""What the manifest holds of an image: its record, the settings it was made with, and its metrics read back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mono.data.camera_source import CameraResolver
from mono.data.sample import Sample
from mono.evaluation.metrics import ImageMetrics
from mono.evaluation.normals.metrics import ImageNormals, NormalMetrics
from mono.evaluation.report.image_records import IMAGE_RECORD_VERSION
from mono.evaluation.scoring import SCORING_VERSION
from mono.inference.prediction import Prediction
from mono.io.camera_files import camera_file_beside
from mono.system.versions import versions

if TYPE_CHECKING:
    from mono.inference.predictor import Predictor
    from mono.runs.options import RunOptions


_COMPARING = ("protocol", "alignments", "report", "derive_normals", "scoring")


def run_settings(predictor: Predictor, options: RunOptions) -> dict[str, Any]:
    """All that decides what an image's outputs are, up to the rounding of another device or batch size."""
    return {
        "checksum": predictor.checksum,
        "architecture": dict(predictor.architecture),
        "transform": asdict(predictor.transform),
        "precision": predictor.precision,
        "backend": predictor.backend,
        "policy": asdict(options.resolver),
        "output": asdict(options.output),
        "focal_sweep": options.focal_sweep,
        "protocol": asdict(options.protocol) if options.protocol else None,
        "alignments": options.alignments,
        "report": IMAGE_RECORD_VERSION if options.report else None,
        "derive_normals": options.derive_normals,
        "scoring": SCORING_VERSION,
    }


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


def cache_key(settings: Mapping[str, Any], sample: Sample, resolver: CameraResolver) -> str:
    """A short text that is another one when the settings, the sample or one of its files is."""
    if sample.depth is None and sample.normal is None:  # nothing to compare with
        settings = {name: value for name, value in settings.items() if name not in _COMPARING}
    camera = resolver.camera_file or camera_file_beside(sample.rgb)
    files = [sample.rgb, sample.depth, sample.normal, camera, camera and camera.with_name("images.txt")]
    stats = [(str(f), s.st_size, s.st_mtime_ns) for f in files if f and (s := _stat(f))]
    text = json.dumps([settings, vars(sample), stats], sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _stat(path: Path) -> Any:
    try:
        return path.stat()
    except OSError:
        return None


def success_record(
    sample: Sample, prediction: Prediction, outputs: Mapping[str, Any], predictor: Predictor
) -> dict[str, Any]:
    """The record of an image that was done, but for its metrics, its key and the time it took."""
    camera = prediction.camera
    return {
        "input": sample.source,
        "path": str(sample.rgb.absolute()),
        "name": sample.name,
        "status": "ok",
        "outputs": dict(outputs),
        "size": [camera.width, camera.height],
        "intrinsics": [round(v, 4) for v in camera.intrinsics],
        "camera_source": prediction.camera_source,
        "camera_detail": prediction.camera_detail,
        **({"normal_source": prediction.normal_source} if "normal" in outputs else {}),
        "median_depth": round(float(np.median(prediction.depth[prediction.depth > 0])), 4),
        "model": predictor.name,
        "checksum": predictor.checksum,
        "versions": versions(),
    }


def failure_record(sample: Sample, key: str, reason: str) -> dict[str, Any]:
    """The record of an image that failed."""
    return {"input": sample.source, "name": sample.name, "status": "failed", "key": key, "outputs": {}, "error": reason}


def metrics_from_record(record: Mapping[str, Any]) -> dict[str, ImageMetrics] | None:
    """A record's metrics by tier; None without valid ground truth."""
    metrics = record["metrics"]
    return {tier: ImageMetrics(**values) for tier, values in metrics.items()} if metrics else None


def normals_from_record(record: Mapping[str, Any]) -> ImageNormals | None:
    """A record's comparison of normals; None without a true normal that counts."""
    found = record["normals"]
    if found is None:
        return None
    return ImageNormals(
        **found | {"metrics": NormalMetrics(**found["metrics"]), "histogram": tuple(found["histogram"])}
    )
