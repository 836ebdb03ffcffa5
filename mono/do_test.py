"""The loop: samples go through a predictor to files and metrics; what is done is skipped, what fails is isolated."""

from __future__ import annotations

import contextlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mono.data.sample import Sample
from mono.evaluation.alignment import TIERS
from mono.evaluation.frames import keep_frame
from mono.evaluation.metrics import ImageMetrics, evaluate_tiers
from mono.evaluation.normal_metrics import ImageNormals
from mono.evaluation.protocols import Protocol
from mono.focal import CameraPolicy, FoundCamera
from mono.output.manifest import Manifest
from mono.output.run_folder import RunError, alone, prepare, refuse_other_inputs, remove
from mono.output.writer import OutputOptions, sweep_folder, write_outputs
from mono.prediction import Prediction
from mono.predictor import Predictor
from mono.ranks import Ranks
from mono.records import failure, key_of, normals_of, settings_of, success, tiers_of
from mono.scoring import Truth, read_truth, refuse_sparse, score_normals, true_camera, wants_normals

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunOptions:
    """What a run writes, where, and how cameras are found.

    Attributes:
        out: output folder; it gets the outputs' folders and manifest.jsonl.
        output: what is written for each image.
        batch_size: images that go through the network together.
        overwrite: redo what is done.
        policy: where cameras come from.
        focal_sweep: focal lengths [px]; a point cloud is written for each, for images of unknown cameras.
        protocol: how predictions are compared with ground truth; None: they are not.
        alignments: tiers of `mono.evaluation.alignment` that are computed.
        report: keep what the report page shows of each image with ground truth, in report/.
        derive_normals: where true normals are not annotated, derive them from dense ground-truth depth.

    Raises:
        RunError: a value is out of range.
    """

    out: Path
    output: OutputOptions = field(default_factory=OutputOptions)
    batch_size: int = 1
    overwrite: bool = False
    policy: CameraPolicy = field(default_factory=CameraPolicy)
    focal_sweep: tuple[float, ...] = ()
    protocol: Protocol | None = None
    alignments: tuple[str, ...] = TIERS
    report: bool = False
    derive_normals: bool = False

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise RunError(f"batch size is {self.batch_size}; it must be at least 1")
        if len(set(map(sweep_folder, self.focal_sweep))) < len(self.focal_sweep):
            raise RunError(f"focal sweep {self.focal_sweep} holds a focal length twice")
        if bad := [f for f in self.focal_sweep if not (np.isfinite(f) and f > 0)]:
            raise RunError(f"focal sweep holds {bad[0]:g}; focal lengths must be positive")
        refuse_sparse(self.protocol, self.derive_normals)


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
    """A sample that was read: its image, camera and ground truth."""

    sample: Sample
    rgb: np.ndarray
    found: FoundCamera
    truth: Truth


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
    with alone(options.out) if ranks.rank == 0 else contextlib.nullcontext():
        return _run(samples, predictor, options, on_done, ranks)


def _run(
    samples: Sequence[Sample],
    predictor: Predictor,
    options: RunOptions,
    on_done: Callable[[int], None],
    ranks: Ranks,
) -> RunSummary | None:
    started = time.perf_counter()
    settings = settings_of(predictor, options)
    keys = {s.name: key_of(settings, s, options.policy) for s in samples}
    if ranks.rank == 0:
        prepare(options.out)
    ranks.wait()
    manifest = Manifest(options.out)
    if not options.overwrite:
        refuse_other_inputs(samples, manifest)
    pending = {s.name for s in samples if options.overwrite or not manifest.done(s.name, keys[s.name])}
    former = {name: record["outputs"] for name in pending if (record := manifest.get(name))}
    ranks.wait()
    if ranks.rank == 0:
        outdated = sum(bool(outputs) for outputs in former.values())
        if outdated and not options.overwrite:
            said = "%d images in %s: settings or files have changed, they are redone, their former files removed"
            log.warning(said, outdated, options.out)
        manifest.drop(pending)
        for outputs in former.values():
            remove(options.out, outputs)
    ranks.wait()
    if ranks.count > 1:
        manifest = Manifest(options.out, f"manifest.rank{ranks.rank}.jsonl")
    # Batches are cut from the whole list, done or not, so that a run which was killed computes the very same batches.
    batches = [samples[i : i + options.batch_size] for i in range(0, len(samples), options.batch_size)]
    failures: list[tuple[str, str]] = []
    waiting = [batch for batch in batches if any(s.name in pending for s in batch)]
    if ranks.rank == 0:
        on_done(len(samples) - sum(map(len, waiting)))
    for batch in waiting[ranks.rank :: ranks.count]:
        failures += _do_batch(batch, pending, keys, predictor, options, manifest)
        on_done(len(batch))
    everything = ranks.gather(failures)
    if ranks.rank != 0:
        return None
    manifest = prepare(options.out)
    records = [r for s in samples if (r := manifest.get(s.name)) and r["status"] == "ok"]
    order = {s.source: i for i, s in enumerate(samples)}
    failed = sorted((f for part in everything for f in part), key=lambda failure: order[failure[0]])
    return RunSummary(
        done=len(pending) - len(failed),
        skipped=len(samples) - len(pending),
        failures=tuple(failed),
        seconds=time.perf_counter() - started,
        sources=dict(Counter(r["camera_source"] for r in records)),
        metrics={r["input"]: tiers_of(r) for r in records},
        normals={r["input"]: normals_of(r) for r in records if "normals" in r},
        frames={r["input"]: options.out / r["outputs"]["report"] for r in records if "report" in r["outputs"]},
    )


def _do_batch(
    batch: Sequence[Sample],
    pending: set[str],
    keys: dict[str, str],
    predictor: Predictor,
    options: RunOptions,
    manifest: Manifest,
) -> list[tuple[str, str]]:
    """Does a batch, of which those pending are written; returns (input, reason) of those that failed."""
    failures = []

    def fail(sample: Sample, error: Exception) -> None:
        reason = _reason(error).removeprefix(f"{sample.rgb}: ")
        log.error("%s: %s", sample.source, reason)
        log.debug("traceback", exc_info=error)
        failures.append((sample.source, reason))
        _record(manifest, failure(sample, keys[sample.name], reason))

    loaded = []
    for sample in batch:
        try:
            loaded.append(_load(sample, options))
        except Exception as error:  # whatever one image does, the others are done
            if sample.name in pending:
                fail(sample, error)
    begun = time.perf_counter()
    outcomes = _predict(predictor, loaded)
    network_seconds = (time.perf_counter() - begun) / max(1, len(loaded))
    for item, outcome in zip(loaded, outcomes, strict=True):
        if item.sample.name not in pending:
            continue
        begun = time.perf_counter()
        try:
            if isinstance(outcome, Exception):
                raise outcome
            record = _finish(item, outcome, predictor, options)
            record["key"] = keys[item.sample.name]
            record["seconds"] = round(network_seconds + time.perf_counter() - begun, 4)
            manifest.add(record)
        except Exception as error:
            fail(item.sample, error)
    return failures


def _load(sample: Sample, options: RunOptions) -> _Loaded:
    photo = sample.read()
    height, width = photo.rgb.shape[:2]
    found = options.policy.find(width, height, exif=photo.exif, image_path=sample.rgb, annotated=sample.intrinsics)
    truth = read_truth(sample, (width, height)) if options.protocol else Truth()
    return _Loaded(sample, photo.rgb, found, truth)


def _predict(predictor: Predictor, loaded: Sequence[_Loaded]) -> Sequence[Prediction | Exception]:
    """A prediction for each, or the exception that it met; if the batch fails, each image is tried alone."""
    if not loaded:
        return []
    try:
        return predictor.predict_found([i.rgb for i in loaded], [i.found for i in loaded])
    except Exception as error:
        if len(loaded) == 1:
            return [error]
        log.debug("a batch of %d failed, its images are tried one by one", len(loaded), exc_info=error)
    return [outcome for item in loaded for outcome in _predict(predictor, [item])]


def _finish(item: _Loaded, prediction: Prediction, predictor: Predictor, options: RunOptions) -> dict[str, Any]:
    """Evaluates and writes a prediction; returns its record."""
    sample, protocol, truth = item.sample, options.protocol, item.truth
    if not (prediction.depth > 0).any():
        raise ValueError("the network gave no valid depth at all: all of it is beyond 300 m or not positive")
    scores: dict[str, Any] = {"metrics": None}
    if protocol and truth.depth is not None:
        tiers = evaluate_tiers(prediction.depth, truth.depth, protocol, options.alignments)
        scores["metrics"] = {tier: asdict(metrics) for tier, metrics in tiers.items()} if tiers else None
        if tiers is None:
            log.warning("%s: no pixel with ground truth counts; it is left out of the means", sample.source)
    if protocol and wants_normals(sample, options.derive_normals):
        normal, source, camera = prediction.surface_normals(), prediction.normal_source, true_camera(sample, item.found)
        normals = score_normals(normal, source, truth, camera, protocol, sample.source)
        scores["normals"] = asdict(normals) if normals else None
    swept = [
        FoundCamera(replace(item.found.camera, fx=focal, fy=focal), "given", f"focal sweep, {focal:g} px")
        for focal in options.focal_sweep
    ]
    others = [predictor.predict_found([item.rgb], [found])[0] for found in swept]
    outputs = write_outputs(options.out, sample.name, item.rgb, prediction, options.output, others)
    if options.report and scores["metrics"] and protocol and truth.depth is not None:
        outputs["report"] = f"report/{sample.name}.json"
        path, confidence = options.out / outputs["report"], prediction.confidence
        keep_frame(path, item.rgb, prediction.depth, truth.depth, protocol, confidence)
    return success(sample, prediction, outputs, predictor) | scores


def _record(manifest: Manifest, record: dict[str, Any]) -> None:
    try:
        manifest.add(record)
    except OSError as error:
        log.error("%s cannot be written: %s", manifest.path, error.strerror or error)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error) if isinstance(error, ValueError) and str(error) else f"{type(error).__name__}: {error}"
