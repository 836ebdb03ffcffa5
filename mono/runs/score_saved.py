"""Evaluation of depth and normals that were saved before, by this toolkit or another: no network, several processes."""

from __future__ import annotations

import contextlib
import functools
import logging
import multiprocessing
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mono.data.camera_source import CameraResolver, ResolvedCamera
from mono.data.ground_truth import GroundTruth, ground_truth_camera, read_ground_truth, wants_normals
from mono.data.sample import Sample
from mono.data.saved_predictions import SavedPredictions, read_saved_normals, saved_camera
from mono.evaluation.alignment import TIERS
from mono.evaluation.metrics import ImageMetrics, evaluate_tiers
from mono.evaluation.normals.metrics import ImageNormals
from mono.evaluation.protocols import Protocol
from mono.evaluation.report.image_records import save_image_record
from mono.evaluation.scoring import refuse_sparse, score_normals
from mono.geometry.normals import normals_from_depth
from mono.io.depth import DEPTH_FORMATS, read_depth
from mono.io.images import read_image
from mono.system.memory import keep_memory

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scores:
    """Metrics of saved depth and normals.

    Attributes:
        metrics: by image with true depth, in input order: its metrics by tier; None for images of which none counts.
        normals: by image whose surface normals were to be compared: how; None where no true normal counts.
        failures: (input, reason) of images that could not be scored.
        frames: what the report page shows of images, by image: files.
    """

    metrics: dict[str, dict[str, ImageMetrics] | None]
    normals: dict[str, ImageNormals | None]
    failures: tuple[tuple[str, str], ...]
    frames: dict[str, Path]


def rescore(
    samples: Sequence[Sample],
    folder: Path,
    protocol: Protocol,
    workers: int = 1,
    alignments: tuple[str, ...] = TIERS,
    report: Path | None = None,
    on_done: Callable[[int], None] = lambda count: None,
    derive_normals: bool = False,
    resolver: CameraResolver | None = None,
) -> Scores:
    """Scores depth files, and surface normals where there are true ones, against ground truth.

    Normals are read from `normal/<name>.png` or .npy of the folder; where there is none, they follow from the
    predicted depth and its camera: the one saved beside it, else that of the image.

    Args:
        samples: with ground truth; those without are passed over.
        folder: holds `<name>.png` (16 bit, with its scale in it), .npy, .npz or .exr of each sample; or `depth/` of it
            does, as in the toolkit's output folders. A name may go without its folders, as in a flat folder of another
            program's results, if no two samples are then called alike.
        protocol: which pixels count.
        workers: processes.
        alignments: tiers that are computed.
        report: folder for what the report page shows of each image; None: nothing is kept, and photos are not read.
        on_done: called with the number of images that were finished.
        derive_normals: where true normals are not annotated, derive them from dense ground-truth depth.
        resolver: where the images' cameras come from, where normals need them.

    Raises:
        RunError: the folder does not exist, or the protocol's ground truth is too sparse to derive normals from.
    """
    refuse_sparse(protocol, derive_normals)
    wanted = scorable(samples)
    saved = SavedPredictions.open(folder, samples)
    job = _Job(saved, protocol, alignments, report, derive_normals, resolver or CameraResolver())
    work = functools.partial(_score, job=job)
    metrics: dict[str, dict[str, ImageMetrics] | None] = {}
    normals: dict[str, ImageNormals | None] = {}
    frames: dict[str, Path] = {}
    failures: list[tuple[str, str]] = []
    with contextlib.ExitStack() as stack:
        if workers > 1:
            pool = stack.enter_context(multiprocessing.get_context("spawn").Pool(workers, _prepare_worker))
            outcomes: Iterable[_Outcome | str] = pool.imap(work, wanted, chunksize=4)
        else:
            outcomes = map(work, wanted)
        for sample, outcome in zip(wanted, outcomes, strict=True):
            if isinstance(outcome, str):
                logger.error("%s: %s", sample.source, outcome)
                failures.append((sample.source, outcome))
            else:
                if sample.depth and outcome.depth:
                    metrics[sample.source] = outcome.tiers
                if wants_normals(sample, derive_normals):
                    normals[sample.source] = outcome.normals
                if report and outcome.tiers:
                    frames[sample.source] = _frame_file(report, sample)
            on_done(1)
    return Scores(metrics, normals, tuple(failures), frames)


def scorable(samples: Sequence[Sample]) -> list[Sample]:
    """The samples that have ground truth."""
    return [s for s in samples if s.depth or s.normal]


def _prepare_worker() -> None:
    """Keeps a worker to one thread, as the processes share the cores already, and to its memory."""
    import cv2

    cv2.setNumThreads(1)
    keep_memory(2**25)


def _frame_file(report: Path, sample: Sample) -> Path:
    return report / f"{sample.name}.json"


@dataclass(frozen=True)
class _Job:
    """What is to be done with each image."""

    saved: SavedPredictions
    protocol: Protocol
    alignments: tuple[str, ...]
    report: Path | None
    derive_normals: bool
    resolver: CameraResolver


@dataclass(frozen=True)
class _Outcome:
    tiers: dict[str, ImageMetrics] | None
    normals: ImageNormals | None
    depth: bool


def _score(sample: Sample, job: _Job) -> _Outcome | str:
    """An image's metrics, or why there are none."""
    try:
        file = job.saved.depth_file(sample)
        normals_only = wants_normals(sample, job.derive_normals) and not job.saved.has_depth
        if file is None and not (normals_only and job.saved.normal_file(sample)):
            return f"no predicted depth {job.saved.depth / sample.name}.({'|'.join(DEPTH_FORMATS)})"
        predicted, ground_truth, tiers = read_depth(file) if file else None, read_ground_truth(sample), None
        if predicted is not None and ground_truth.depth is not None:
            tiers = evaluate_tiers(predicted, ground_truth.depth, job.protocol, job.alignments)
            if tiers and job.report:
                rgb = read_image(sample.rgb).rgb
                save_image_record(_frame_file(job.report, sample), rgb, predicted, ground_truth.depth, job.protocol)
        normals = _score_normals(sample, job, file, predicted, ground_truth)
        return _Outcome(tiers, normals, depth=file is not None)
    except Exception as error:  # whatever one image does, the others are done
        return str(error).removeprefix(f"{sample.rgb}: ") or type(error).__name__


def _score_normals(
    sample: Sample, job: _Job, depth_file: Path | None, depth: np.ndarray | None, ground_truth: GroundTruth
) -> ImageNormals | None:
    if not wants_normals(sample, job.derive_normals):
        return None
    normal_file, found = job.saved.normal_file(sample), None
    if normal_file is None or ground_truth.normal is None:
        found = _find_camera(sample, job.resolver)
    if normal_file is not None:
        predicted, source = read_saved_normals(normal_file)
    else:
        assert found is not None and depth_file is not None and depth is not None
        camera = saved_camera(depth_file) or found.camera
        predicted, source = normals_from_depth(depth, camera.resized(depth.shape[1], depth.shape[0])), "depth"
    true_camera = ground_truth_camera(sample, found) if found else None
    return score_normals(predicted, source, ground_truth, true_camera, job.protocol, sample.source)


def _find_camera(sample: Sample, resolver: CameraResolver) -> ResolvedCamera:
    return resolver.resolve_for(sample, sample.read())
