"""The loop: samples go through a predictor to files and metrics; what is done is skipped, what fails is isolated."""

from __future__ import annotations

import contextlib
import functools
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mono.data.camera_source import ResolvedCamera
from mono.data.ground_truth import GroundTruth, ground_truth_camera, read_ground_truth, wants_normals
from mono.data.sample import Sample
from mono.evaluation.metrics import ImageMetrics, evaluate_tiers
from mono.evaluation.normals.metrics import ImageNormals
from mono.evaluation.report.image_records import save_image_record
from mono.evaluation.scoring import score_normals
from mono.inference.predictor import NetworkInput, Predictor, RawPrediction
from mono.runs.folder import lock_output_folder, open_output_folder, refuse_other_inputs, remove
from mono.runs.manifest import Manifest
from mono.runs.options import RunOptions
from mono.runs.outputs import write_outputs
from mono.runs.records import (
    cache_key,
    failure_record,
    metrics_from_record,
    normals_from_record,
    run_settings,
    success_record,
)
from mono.system.distributed import Ranks
from mono.system.errors import MetricDepthError, RunError
from mono.system.prefetch import prefetch_map, workers

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunSummary:
    """How a run went.

    Attributes:
        done, skipped: numbers of images; skipped ones were complete before.
        failures: (input, reason) of those that failed.
        seconds: wall time [s].
        sources: how many images' cameras came from where, skipped ones included.
        metrics: by image, in input order, skipped ones included: its metrics by tier ("metric", "median",
            "scale_shift"); None for images without valid ground truth.
        normals: by image whose surface normals were to be compared: how; None where no true normal counts.
        frames: what the report page shows of images, by image: files.
    """

    done: int
    skipped: int
    failures: tuple[tuple[str, str], ...]
    seconds: float
    sources: dict[str, int]
    metrics: dict[str, dict[str, ImageMetrics] | None]
    normals: dict[str, ImageNormals | None]
    frames: dict[str, Path]


@dataclass(frozen=True)
class _Loaded:
    """A sample that was read, ready for the network: with its own camera, then with those of the focal sweep."""

    sample: Sample
    rgb: np.ndarray
    ground_truth: GroundTruth
    prepared: tuple[NetworkInput, ...]


@dataclass(frozen=True)
class _Inferred:
    """A sample whose turn has come: the network's output, or why there is none. With neither there is nothing to do.

    `seconds` is the network's share of the time [s].
    """

    sample: Sample
    loaded: _Loaded | None = None
    raw_predictions: tuple[RawPrediction, ...] = ()
    seconds: float = 0.0
    error: Exception | None = None


def run(
    samples: Sequence[Sample],
    predictor: Predictor,
    options: RunOptions,
    on_done: Callable[[int], None] = lambda count: None,
    ranks: Ranks | None = None,
) -> RunSummary | None:
    """Predicts all samples, writes what is asked for, and keeps the manifest.

    An image that cannot be read, predicted or written is logged and listed in the manifest with its reason; the run
    goes on. A run that was killed continues where it was: outputs are the same to the byte.

    Args:
        samples: as from `mono.data`; their names are unique.
        predictor: the model.
        options: what to write.
        on_done: called with the number of images that were finished, for a progress bar.
        ranks: the processes that share the run; each takes every count-th batch.

    Returns:
        How it went, of all processes together; None on ranks other than 0.

    Raises:
        RunError: the output folder cannot be written.
    """
    ranks = ranks or Ranks()
    with lock_output_folder(options.out) if ranks.rank == 0 else contextlib.nullcontext():
        return _run(samples, predictor, options, on_done, ranks)


def _run(
    samples: Sequence[Sample],
    predictor: Predictor,
    options: RunOptions,
    on_done: Callable[[int], None],
    ranks: Ranks,
) -> RunSummary | None:
    started = time.perf_counter()
    settings = run_settings(predictor, options)
    if settings != ranks.broadcast(settings):
        raise RunError(
            f"process {ranks.rank} computes in {predictor.precision} by {predictor.backend}, or with other settings, "
            "than process 0: their results would differ. Name --precision and --backend, and start all alike"
        )
    if ranks.rank == 0:
        open_output_folder(options.out)
    ranks.barrier()
    manifest = Manifest(options.out)
    if not options.overwrite:
        refuse_other_inputs(samples, manifest)
    keys, pending = ranks.broadcast(_what_to_do(samples, manifest, settings, options) if ranks.rank == 0 else None)
    former = {name: record["outputs"] for name in pending if (record := manifest.get(name))}
    ranks.barrier()
    if ranks.rank == 0:
        outdated = sum(bool(outputs) for outputs in former.values())
        if outdated and not options.overwrite:
            message = "%d images in %s: settings or files have changed, they are redone, their former files removed"
            logger.warning(message, outdated, options.out)
        manifest.drop(pending)
        for outputs in former.values():
            remove(options.out, outputs)
    ranks.barrier()
    if ranks.world_size > 1:
        manifest = Manifest(options.out, f"manifest.rank{ranks.rank}.jsonl")
    # Batches are cut from the whole list, done or not, so that a run which was killed computes the very same batches.
    batches = [samples[i : i + options.batch_size] for i in range(0, len(samples), options.batch_size)]
    waiting = [batch for batch in batches if any(s.name in pending for s in batch)]
    if ranks.rank == 0:
        on_done(len(samples) - sum(map(len, waiting)))
    failures = _do(waiting[ranks.rank :: ranks.world_size], pending, keys, predictor, options, manifest, on_done)
    everything = ranks.gather(failures)
    if ranks.rank != 0:
        return None
    order = {s.source: i for i, s in enumerate(samples)}
    failed = sorted((f for part in everything for f in part), key=lambda one: order[one[0]])
    sources: Counter[str] = Counter()
    metrics, normals, frames = {}, {}, {}
    for record in open_output_folder(options.out).walk(s.name for s in samples):
        if record["status"] != "ok":
            continue
        sources[record["camera_source"]] += 1
        metrics[record["input"]] = metrics_from_record(record)
        if "normals" in record:
            normals[record["input"]] = normals_from_record(record)
        if "report" in record["outputs"]:
            frames[record["input"]] = options.out / record["outputs"]["report"]
    return RunSummary(
        done=len(pending) - len(failed),
        skipped=len(samples) - len(pending),
        failures=tuple(failed),
        seconds=time.perf_counter() - started,
        sources=dict(sources),
        metrics=metrics,
        normals=normals,
        frames=frames,
    )


def _what_to_do(
    samples: Sequence[Sample], manifest: Manifest, settings: Mapping[str, Any], options: RunOptions
) -> tuple[dict[str, str], set[str]]:
    """The key of each sample, and the names of those that are not done."""
    keys = {s.name: cache_key(settings, s, options.resolver) for s in samples}
    return keys, {s.name for s in samples if options.overwrite or not manifest.done(s.name, keys[s.name])}


def _do(
    batches: Sequence[Sequence[Sample]],
    pending: set[str],
    keys: Mapping[str, str],
    predictor: Predictor,
    options: RunOptions,
    manifest: Manifest,
    on_done: Callable[[int], None],
) -> list[tuple[str, str]]:
    """Does batches, of which those pending are written; returns (input, reason) of those that failed.

    Reading, the network, and bringing back and writing go on at once; the network runs in this thread. Records are
    added in the order of the samples, as if nothing went on at once.
    """
    failures = []

    def fail(sample: Sample, error: Exception) -> None:
        reason = _reason(error).removeprefix(f"{sample.rgb}: ")
        logger.error("%s: %s", sample.source, reason)
        logger.debug("traceback", exc_info=error)
        failures.append((sample.source, reason))
        _record(manifest, failure_record(sample, keys[sample.name], reason))

    max_pending = options.batch_size + options.workers if options.workers else 0
    with workers(options.workers) as pool:
        samples = (sample for batch in batches for sample in batch)
        loaded = prefetch_map(
            pool, functools.partial(_load, predictor=predictor, options=options), samples, max_pending
        )
        inferred = _infer_all(batches, loaded, pending, predictor)
        finish = functools.partial(_finish, predictor=predictor, options=options)
        for finished in prefetch_map(pool, finish, inferred, max_pending):
            sample, record, error = finished.result()
            if record is not None:
                try:
                    manifest.add(record | {"key": keys[sample.name]})
                except Exception as wrong:
                    error = wrong
            if error is not None:
                fail(sample, error)
            on_done(1)
    return failures


def _load(sample: Sample, predictor: Predictor, options: RunOptions) -> _Loaded:
    photo = sample.read()
    height, width = photo.rgb.shape[:2]
    found = options.resolver.resolve_for(sample, photo)
    ground_truth = read_ground_truth(sample, (width, height)) if options.protocol else GroundTruth()
    swept = [
        ResolvedCamera(replace(found.camera, fx=focal, fy=focal), "given", f"focal sweep, {focal:g} px")
        for focal in options.focal_sweep
    ]
    prepared = tuple(predictor.prepare(photo.rgb, camera) for camera in (found, *swept))
    return _Loaded(sample, photo.rgb, ground_truth, prepared)


def _infer_all(
    batches: Sequence[Sequence[Sample]],
    loaded: Iterator[Future[_Loaded]],
    pending: set[str],
    predictor: Predictor,
) -> Iterator[_Inferred]:
    """Runs the network; gives every sample its turn, batch by batch, those of a batch that cannot be read first."""
    for batch in batches:
        read = []
        for sample in batch:
            try:
                read.append(next(loaded).result())
            except Exception as error:  # whatever one image does, the others are done
                yield _Inferred(sample, error=error if sample.name in pending else None)
        begun = time.perf_counter()
        outcomes = _infer(predictor, [item.prepared[0] for item in read])
        seconds = (time.perf_counter() - begun) / max(1, len(read))
        for item, outcome in zip(read, outcomes, strict=True):
            if item.sample.name not in pending:
                yield _Inferred(item.sample)
                continue
            begun = time.perf_counter()
            swept = [_infer(predictor, [other])[0] for other in item.prepared[1:]]
            spent = seconds + time.perf_counter() - begun
            errors = [raw for raw in (outcome, *swept) if isinstance(raw, Exception)]
            raw_predictions = tuple(raw for raw in (outcome, *swept) if not isinstance(raw, Exception))
            # Without its pixels, which the network has seen: images that wait to be written are many.
            yield _Inferred(item.sample, replace(item, prepared=()), raw_predictions, spent, next(iter(errors), None))


def _infer(predictor: Predictor, images: Sequence[NetworkInput]) -> Sequence[RawPrediction | Exception]:
    """A raw prediction for each, or the exception that it met; if the batch fails, each image is tried alone."""
    if not images:
        return []
    try:
        return predictor.infer(images)
    except Exception as error:
        if len(images) == 1:
            return [error]
        logger.debug("a batch of %d failed, its images are tried one by one", len(images), exc_info=error)
    return [outcome for image in images for outcome in _infer(predictor, [image])]


_Finished = tuple[Sample, dict[str, Any] | None, Exception | None]


def _finish(inferred: _Inferred, predictor: Predictor, options: RunOptions) -> _Finished:
    """Brings raw predictions back to the image and does what is left; gives its record (without key) or its error."""
    if inferred.loaded is None or inferred.error:
        return inferred.sample, None, inferred.error
    begun = time.perf_counter()
    try:
        record = _write(inferred.loaded, inferred.raw_predictions, predictor, options)
    except Exception as error:
        return inferred.sample, None, error
    record["seconds"] = round(inferred.seconds + time.perf_counter() - begun, 4)
    return inferred.sample, record, None


def _write(
    item: _Loaded, raw_predictions: Sequence[RawPrediction], predictor: Predictor, options: RunOptions
) -> dict[str, Any]:
    """Evaluates and writes a prediction, and those with other focal lengths; returns its record."""
    sample, protocol, ground_truth = item.sample, options.protocol, item.ground_truth
    prediction, *others = (raw.prediction() for raw in raw_predictions)
    if not (prediction.depth > 0).any():
        raise MetricDepthError("the network gave no valid depth at all: all of it is beyond 300 m or not positive")
    scores: dict[str, Any] = {"metrics": None}
    if protocol and ground_truth.depth is not None:
        tiers = evaluate_tiers(prediction.depth, ground_truth.depth, protocol, options.alignments)
        scores["metrics"] = {tier: asdict(metrics) for tier, metrics in tiers.items()} if tiers else None
        if tiers is None:
            logger.warning("%s: no pixel with ground truth counts; it is left out of the means", sample.source)
    if protocol and wants_normals(sample, options.derive_normals):
        camera = ground_truth_camera(sample, raw_predictions[0].found)
        normal, source = prediction.surface_normals(), prediction.normal_source
        normals = score_normals(normal, source, ground_truth, camera, protocol, sample.source)
        scores["normals"] = asdict(normals) if normals else None
    outputs: dict[str, Any] = {}
    try:
        write_outputs(options.out, sample.name, item.rgb, prediction, options.output, others, outputs)
        if options.report and scores["metrics"] and protocol and ground_truth.depth is not None:
            outputs["report"] = f"report/{sample.name}.json"
            path, confidence = options.out / outputs["report"], prediction.confidence
            save_image_record(path, item.rgb, prediction.depth, ground_truth.depth, protocol, confidence)
    except Exception:
        remove(options.out, outputs)  # no record would name them
        raise
    return success_record(sample, prediction, outputs, predictor) | scores


def _record(manifest: Manifest, record: dict[str, Any]) -> None:
    try:
        manifest.add(record)
    except OSError as error:
        logger.error("%s cannot be written: %s", manifest.path, error.strerror or error)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error) if isinstance(error, ValueError) and str(error) else f"{type(error).__name__}: {error}"
