"""Scoring of saved depth and normals of this toolkit or another: no network, several processes."""

from __future__ import annotations

import contextlib
import functools
import logging
import multiprocessing
import statistics
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mono.data.camera_source import CameraResolver, ResolvedCamera
from mono.data.ground_truth import GroundTruth, ground_truth_camera, read_ground_truth, wants_normals
from mono.data.sample import Sample
from mono.data.saved_predictions import PredictionFormat, SavedPredictions, read_saved_normals
from mono.evaluation.alignment import TIERS
from mono.evaluation.protocols import Protocol
from mono.evaluation.report.image_records import save_image_record
from mono.evaluation.result import EvaluationResult
from mono.evaluation.scoring import METRES, ImagePrediction, ImageScore, as_depth, refuse_sparse, score_image
from mono.evaluation.view_check import OtherViewError, doubt_of_view
from mono.geometry.camera import Camera
from mono.geometry.normals import normals_from_depth
from mono.io.depth import DEPTH_FORMATS
from mono.io.depth_encoding import clean_depth
from mono.io.depth_metadata import saved_camera
from mono.io.images import read_image
from mono.runs.manifest import Manifest
from mono.runs.paths import output_files
from mono.system.errors import without_path
from mono.system.failure import Failure
from mono.system.memory import keep_memory

logger = logging.getLogger(__name__)


def score_saved(
    samples: Sequence[Sample],
    folder: Path,
    protocol: Protocol,
    workers: int = 1,
    alignments: tuple[str, ...] = TIERS,
    report: Path | None = None,
    on_done: Callable[[int], None] = lambda count: None,
    derive_normals: bool = False,
    resolver: CameraResolver | None = None,
    prediction_format: PredictionFormat | None = None,
) -> EvaluationResult:
    """Score saved depth and normals against ground truth.

    Normals are read from `normal/<name>.png` or .npy of the folder; without them they are derived from the predicted
    depth and its camera: the one saved beside it, else that of the image.

    Args:
        samples: images; those without ground truth are skipped.
        folder: holds `<name>.png` (16 bit), .npy, .npz or .exr of each sample, or has them in `depth/` as the
            toolkit's output folders do. Names may lack their folders, as in a flat folder of another program's
            results, if no two samples then share a name.
        protocol: pixels that count, and their range.
        workers: number of processes.
        alignments: tiers to compute.
        report: folder for the report's image records; None: none are written, and photos are not read.
        on_done: called with the number of images finished since the last call.
        derive_normals: derive ground-truth normals from dense ground-truth depth where none are annotated.
        resolver: source of the images' cameras, where normals need them.
        prediction_format: meaning of the values in the depth files; None: depth [m], or in the file's own scale.

    Returns:
        Scores and failures; hints name predictions that look like inverse depth.

    Raises:
        RunError: the folder does not exist, or the protocol's ground truth is too sparse to derive normals from.
    """
    refuse_sparse(protocol, derive_normals)
    wanted = scorable(samples)
    saved = SavedPredictions.open(folder, samples)
    meaning = prediction_format or METRES
    job = _Job(saved, protocol, alignments, report, derive_normals, resolver or CameraResolver(), meaning)
    outcomes: dict[str, _Outcome] = {}
    with contextlib.ExitStack() as stack:
        work = functools.partial(_score, job=job)
        if workers > 1:
            pool = stack.enter_context(
                multiprocessing.get_context("spawn").Pool(max(1, min(workers, len(samples))), _prepare_worker)
            )
            finished: Iterable[_Outcome] = pool.imap(work, wanted, chunksize=4)
        else:
            finished = map(work, wanted)
        for sample, outcome in zip(wanted, finished, strict=True):
            if outcome.error:
                logger.error("%s: %s", sample.source, outcome.error)
            outcomes[sample.source] = outcome
            on_done(1)
    _refuse_alike(outcomes)
    failures = tuple(Failure(source, outcome.error) for source, outcome in outcomes.items() if outcome.error)
    scored = [(s, outcome) for s in wanted if not (outcome := outcomes[s.source]).error]
    beyond_range = _beyond_range([s for s, outcome in scored if s.depth and outcome.has_depth], saved)
    if beyond_range:
        where = f"{sum(beyond_range.values())} pixels of {len(beyond_range)} image{'s' * (len(beyond_range) != 1)}"
        logger.warning(
            "%s: depth of %s was beyond the range of the PNGs, is missing there and counts as nearest depth: save it "
            "again with --depth-format npz, or with --depth-scale 200, which reaches 327 m",
            saved.depth,
            where,
        )
    return EvaluationResult(
        metrics={s.source: outcome.score.metrics for s, outcome in scored if s.depth and outcome.has_depth},
        normals={s.source: outcome.score.normals for s, outcome in scored if wants_normals(s, derive_normals)},
        failures=failures,
        image_records={s.source: _record_file(report, s) for s, o in scored if o.score.metrics and report},
        hints=tuple(_hints([outcome.score for _, outcome in scored], meaning)),
        done=len(scored),
        beyond_range=beyond_range,
        unscored=sum(s.depth is not None and bool(outcomes[s.source].error) for s in wanted),
        checksums={s.source: o.score.checksum for s, o in scored if o.score.checksum},
    )


def saved_metadata(folder: Path, meaning: PredictionFormat, settings: Mapping[str, str]) -> dict[str, Any]:
    """Describe saved predictions for `metrics.json`.

    Args:
        folder: folder of the predictions.
        meaning: format of the depth files.
        settings: as from `mono.runs.former_metrics.saved_settings`.
    """
    plain = meaning == METRES
    return {
        "predictions": str(folder),
        **({} if plain else {"prediction_kind": meaning.kind, "prediction_scale": meaning.scale}),
        **({"prediction_stretched": True} if meaning.stretched else {}),
        "settings": dict(settings),
    }


def scorable(samples: Sequence[Sample]) -> list[Sample]:
    """Select the samples that have ground truth."""
    return [s for s in samples if s.depth or s.normal]


def _beyond_range(samples: Sequence[Sample], saved: SavedPredictions) -> dict[str, int]:
    """Count the pixels by image that the manifest of the run calls beyond the range of its depth file."""
    root = saved.depth.parent
    if saved.depth.name != "depth" or (root / "manifest.jsonl").is_symlink():
        return {}
    records = (r for r in Manifest(root, clean=False).walk() if r["status"] == "ok" and r.get("beyond_range"))
    counts = {root / path: r["beyond_range"] for r in records for path in output_files(r["outputs"])}
    files = {sample.source: saved.depth_file(sample) for sample in samples} if counts else {}
    return {source: counts[file] for source, file in files.items() if file in counts}


def _hints(scores: Sequence[ImageScore], meaning: PredictionFormat) -> list[str]:
    known = [score.correlation for score in scores if score.correlation is not None]
    if not known or (median := statistics.median(known)) >= 0:
        return []
    against = sum(correlation < 0 for correlation in known)
    suspicion = (
        "they are probably disparity or inverse depth: score them with --pred-kind disparity or --pred-kind inverse"
        if meaning.kind == "depth"
        else "they are probably depth: score them with --pred-kind depth"
    )
    return [
        f"in {against} of {len(known)} images predictions fall where ground truth rises (median rank correlation "
        f"{median:+.2f}); {suspicion}"
    ]


def _prepare_worker() -> None:
    """Limit a worker to one thread and to its memory, as processes share the cores already."""
    import cv2

    cv2.setNumThreads(1)
    keep_memory(2**25)
    warnings.filterwarnings("ignore", module=r"PIL\.")


def _record_file(report: Path, sample: Sample) -> Path:
    return report / f"{sample.name}.json"


@dataclass(frozen=True)
class _Job:
    """Settings shared by all images."""

    saved: SavedPredictions
    protocol: Protocol
    alignments: tuple[str, ...]
    report: Path | None
    derive_normals: bool
    resolver: CameraResolver
    prediction_format: PredictionFormat


@dataclass(frozen=True)
class _Outcome:
    """Scores of an image, or the reason why it cannot be scored.

    Attributes:
        score: its scores.
        error: reason; "" where it was scored.
        shape: (height, width) of its predicted depth; None without.
        other_view: the reason is the aspect ratio of the prediction.
        doubt: what refuses a prediction whose aspect ratio is nearly that of the ground truth, if others are refused.
    """

    score: ImageScore = field(default_factory=ImageScore)
    error: str = ""
    shape: tuple[int, ...] | None = None
    other_view: bool = False
    doubt: str = ""

    @property
    def has_depth(self) -> bool:
        """Check that depth was predicted."""
        return self.shape is not None


def _refuse_alike(outcomes: dict[str, _Outcome]) -> None:
    """Refuse maps of a network's own size alike, where some images are refused and others agree by tolerance."""
    shapes = {outcome.shape for outcome in outcomes.values() if outcome.shape}
    if len(shapes) > 1 or not any(outcome.other_view for outcome in outcomes.values()):
        return
    for source, outcome in outcomes.items():
        if outcome.doubt and not outcome.error:
            logger.error("%s: %s", source, outcome.doubt)
            outcomes[source] = replace(outcome, error=outcome.doubt)


def _score(sample: Sample, job: _Job) -> _Outcome:
    """Score an image, or give the reason why it cannot be scored."""
    depth = None
    try:
        file = job.saved.depth_file(sample)
        compared = wants_normals(sample, job.derive_normals)
        if file is None and not (compared and not job.saved.has_depth and job.saved.normal_file(sample)):
            return _Outcome(error=f"no predicted depth {job.saved.depth / sample.name}.({'|'.join(DEPTH_FORMATS)})")
        depth = job.prediction_format.read(file) if file else None
        wide = _lens_camera(sample, job, file)
        size = None if depth is None or job.prediction_format.stretched else depth.shape[::-1]
        ground_truth = read_ground_truth(sample, size, wide)
        found = _find_camera(sample, job) if compared and _needs_camera(sample, job, ground_truth) else None
        normal, source = _normals(sample, job, file, depth, found) if compared else (None, "")
        score = score_image(
            ImagePrediction(depth, job.prediction_format, normal, source),
            ground_truth,
            job.protocol,
            alignments=job.alignments,
            camera=ground_truth_camera(sample, found) if found else None,
            name=sample.source,
        )
        if job.report and score.depth is not None and ground_truth.depth is not None:
            rgb = read_image(sample.rgb).rgb
            save_image_record(_record_file(job.report, sample), rgb, score.depth, ground_truth.depth, job.protocol)
        gt = ground_truth.depth
        doubt = "" if size is None or gt is None else doubt_of_view("depth", size[::-1], gt.shape)
        return _Outcome(replace(score, depth=None), "", None if depth is None else depth.shape, doubt=doubt)
    except Exception as error:  # whatever one image does, the others are done
        reason = without_path(error, sample.rgb) or type(error).__name__
        shape = None if depth is None else depth.shape
        return _Outcome(error=reason, shape=shape, other_view=isinstance(error, OtherViewError))


def _lens_camera(sample: Sample, job: _Job, file: Path | None) -> Camera | None:
    """Find the camera of a prediction with a lens; None where it is an ideal pinhole or not needed."""
    camera = saved_camera(file) if file else None
    if camera is None and sample.depth_kind == "ray" and sample.intrinsics is None:
        camera = _find_camera(sample, job).camera
    return camera if camera is not None and camera.is_distorted else None


def _needs_camera(sample: Sample, job: _Job, ground_truth: GroundTruth) -> bool:
    return job.saved.normal_file(sample) is None or ground_truth.normal is None


def _normals(
    sample: Sample, job: _Job, depth_file: Path | None, depth: np.ndarray | None, found: ResolvedCamera | None
) -> tuple[np.ndarray | None, str]:
    """Read an image's normals, or derive them from depth; gives them with their source, None without either."""
    normal_file = job.saved.normal_file(sample)
    if normal_file is not None:
        return read_saved_normals(normal_file)
    if not job.prediction_format.metric:
        logger.warning("%s: normals cannot be derived from %s", sample.source, job.prediction_format.kind)
        return None, ""
    assert found is not None and depth_file is not None and depth is not None
    camera = saved_camera(depth_file) or found.camera
    metres = clean_depth(as_depth(depth, job.prediction_format))
    return normals_from_depth(metres, camera.resized(depth.shape[1], depth.shape[0])), "depth"


def _find_camera(sample: Sample, job: _Job) -> ResolvedCamera:
    return job.resolver.resolve_for(sample, sample.read())
