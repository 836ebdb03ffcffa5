"""Execution of a run's plan: reading, the network, evaluation and writing go on at once."""

from __future__ import annotations

import errno
import functools
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any

from mono.calibration.camera_calibration import with_calibration
from mono.data.ground_truth import ground_truth_camera, wants_normals
from mono.data.sample import Sample
from mono.evaluation.report.image_records import save_image_record
from mono.evaluation.scoring import ImagePrediction, score_image
from mono.geometry.pixel_mask import SKY
from mono.inference.inputs import NetworkInput, RawPrediction, WideInput
from mono.inference.prediction import Prediction
from mono.inference.predictor import Predictor
from mono.runs.loading import LoadedImage, load_image, reading_cost
from mono.runs.manifest import Manifest
from mono.runs.options import RunOptions
from mono.runs.outputs import write_outputs
from mono.runs.paths import output_files, remove_files
from mono.runs.plan import ImagePlan, RunPlan
from mono.runs.records import failure_record, merge_records, record_of_score, success_record
from mono.system.distributed import Ranks
from mono.system.errors import MetricDepthError, RunError
from mono.system.failure import Failure
from mono.system.prefetch import ByteBudget, prefetch_map, workers

logger = logging.getLogger(__name__)

_NO_MORE_FILES = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # every other image would fail in the same way
_ONLY_SKY = 0.9  # share of sky from which an image without depth is a photo of the sky, and no failure
_BYTES_PER_PIXEL = 60  # photo, depth, confidence, normals, points and what is computed on the way


@dataclass(frozen=True)
class _Inferred:
    """Image whose turn has come: its raw predictions, or the reason why there are none.

    Attributes:
        sample: the image.
        loaded: the image's data; None where there is nothing to do.
        raw_predictions: predictions with its own camera and with those of the focal sweep.
        seconds: the network's share of the time [s].
        error: cause of a failure.
    """

    sample: Sample
    loaded: LoadedImage | None = None
    raw_predictions: tuple[RawPrediction, ...] = ()
    seconds: float = 0.0
    error: Exception | None = None


def execute_plan(
    samples: Sequence[Sample],
    plan: RunPlan,
    predictor: Predictor,
    options: RunOptions,
    on_done: Callable[[int], None],
    ranks: Ranks,
) -> list[Failure]:
    """Do this process's share of the planned images.

    Reading, the network, and bringing back and writing go on at once; the network runs in this thread. Records are
    added in the order of the samples, as if nothing went on at once.

    Args:
        samples: all images of the run.
        plan: work that each image needs.
        predictor: the model.
        options: what to write, and where.
        on_done: called with the number of newly finished images.
        ranks: processes that share the run.

    Returns:
        Images of this process that failed.

    Raises:
        RunError: the output folder takes no more files; what is done is recorded.
    """
    # Batches are cut from the whole list, done or not, so that a run which was killed computes the very same batches.
    size = options.batch_size or int(getattr(getattr(predictor, "network", None), "best_batch", 1))
    batches = [samples[i : i + size] for i in range(0, len(samples), size)]
    waiting = [batch for batch in batches if any(sample.name in plan.images for sample in batch)]
    if ranks.rank == 0:
        on_done(len(samples) - sum(map(len, waiting)))
    batches = waiting[ranks.rank :: ranks.world_size]
    former = Manifest(options.out)
    manifest = Manifest(options.out, f"manifest.rank{ranks.rank}.jsonl") if ranks.world_size > 1 else former
    failures = []

    def fail(sample: Sample, error: Exception) -> None:
        if isinstance(error, OSError) and error.errno in _NO_MORE_FILES:
            raise RunError(
                f"cannot write into {options.out}: {error.strerror}; when that is solved, the same command goes on"
            ) from error
        image, reason = plan.images[sample.name], _reason(error).removeprefix(f"{sample.rgb}: ")
        logger.error("%s: %s", sample.source, reason)
        logger.debug("traceback", exc_info=error)
        failures.append(Failure(sample.source, reason))
        if not image.kept:  # else the record of what is there stays
            _record(manifest, failure_record(sample, image.key, reason))

    max_pending = size + options.workers if options.workers else 0
    budget = ByteBudget()
    with workers(options.workers) as pool:
        load = functools.partial(load_image, predictor=predictor, options=options)
        planned = _planned_samples(batches, plan)
        loaded = prefetch_map(pool, lambda item: load(*item), planned, max_pending, reading_cost, budget)
        inferred = _infer_all(batches, loaded, plan.images, predictor)
        finish = functools.partial(_finish, images=plan.images, predictor=predictor, options=options)
        for finished in prefetch_map(pool, finish, inferred, max_pending, _writing_cost, budget):
            sample, record, error = finished.result()
            if record is not None:
                try:
                    _add(manifest, former, record, plan.images[sample.name])
                except Exception as wrong:
                    error = wrong
            if error is not None:
                fail(sample, error)
            on_done(1)
    return failures


def _planned_samples(
    batches: Sequence[Sequence[Sample]], plan: RunPlan
) -> Iterator[tuple[Sample, ImagePlan | None, bool]]:
    """Iterate over samples with their plans, and whether their batch needs the network."""
    for batch in batches:
        images = [plan.images[sample.name] for sample in batch if sample.name in plan.images]
        network = any(image.depth_file is None and image.error is None for image in images)
        for sample in batch:
            yield sample, plan.images.get(sample.name), network


def _writing_cost(inferred: _Inferred) -> int:
    """Estimate the memory of an image whose results are made and written [bytes]."""
    return 0 if inferred.loaded is None else _BYTES_PER_PIXEL * (inferred.loaded.rgb.size // 3)


def _add(manifest: Manifest, former: Manifest, record: dict[str, Any], image: ImagePlan) -> None:
    record = record | {"key": image.key, "settings": dict(image.settings)}
    if "metrics" in image.kinds:
        record["ground_truth_key"] = image.ground_truth_key
    if image.kept and (before := former.get(record["name"])):
        record = merge_records(before, record, image.kept)
    manifest.add(record)


def _infer_all(
    batches: Sequence[Sequence[Sample]],
    loaded: Iterator[Future[LoadedImage]],
    images: Mapping[str, ImagePlan],
    predictor: Predictor,
) -> Iterator[_Inferred]:
    """Run the network and give every sample its turn, batch by batch; unreadable ones come first."""
    for batch in batches:
        read = []
        for sample in batch:
            try:
                read.append(next(loaded).result())
            except Exception as error:  # whatever one image does, the others are done
                yield _Inferred(sample, error=error if sample.name in images else None)
        begun = time.perf_counter()
        asked = [item for item in read if item.prepared]
        outcomes = dict(
            zip((item.sample.name for item in asked), _infer(predictor, [i.prepared[0] for i in asked]), strict=True)
        )
        seconds = (time.perf_counter() - begun) / max(1, len(asked))
        for item in read:
            if item.sample.name not in images:
                yield _Inferred(item.sample)
                continue
            if item.saved is not None:
                yield _Inferred(item.sample, item)
                continue
            begun = time.perf_counter()
            swept = [_infer(predictor, [other])[0] for other in item.prepared[1:]]
            spent = seconds + time.perf_counter() - begun
            outcome = outcomes[item.sample.name]
            errors = [raw for raw in (outcome, *swept) if isinstance(raw, Exception)]
            raw_predictions = tuple(raw for raw in (outcome, *swept) if not isinstance(raw, Exception))
            # Without its pixels, which the network has seen: images that wait to be written are many.
            yield _Inferred(item.sample, replace(item, prepared=()), raw_predictions, spent, next(iter(errors), None))


def _infer(predictor: Predictor, images: Sequence[NetworkInput | WideInput]) -> Sequence[RawPrediction | Exception]:
    """Return a raw prediction or an exception per image; if the batch fails, each image is tried alone."""
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


def _finish(
    inferred: _Inferred, images: Mapping[str, ImagePlan], predictor: Predictor, options: RunOptions
) -> _Finished:
    """Bring raw predictions back to the image, evaluate and write them; return the record or the error."""
    if inferred.loaded is None or inferred.error:
        return inferred.sample, None, inferred.error
    begun = time.perf_counter()
    try:
        record = _write(inferred.loaded, inferred.raw_predictions, images[inferred.sample.name], predictor, options)
    except Exception as error:
        return inferred.sample, None, error
    record["seconds"] = round(inferred.seconds + time.perf_counter() - begun, 4)
    return inferred.sample, record, None


def _write(
    item: LoadedImage,
    raw_predictions: Sequence[RawPrediction],
    image: ImagePlan,
    predictor: Predictor,
    options: RunOptions,
) -> dict[str, Any]:
    """Evaluate and write a prediction, and those with other focal lengths; return its record."""
    sample, protocol, ground_truth = item.sample, options.protocol, item.ground_truth
    predictions = (
        [item.saved]
        if item.saved is not None
        else [with_calibration(raw.prediction(), raw.found, predictor.checksum) for raw in raw_predictions]
    )
    prediction, *others = predictions
    if options.align is not None and item.saved is None:  # saved depth is aligned
        known = options.align.find(sample, prediction.camera, item.full_size, prediction.depth)
        prediction = prediction.aligned(known, options.align.model)
    if not prediction.mask.any():
        _refuse_without_depth(prediction, sample)
    protocol = protocol if "metrics" in image.kinds else None
    scores: dict[str, Any] = {"metrics": None}
    if protocol:
        compared = prediction.format.metric and wants_normals(sample, options.derive_normals)
        normal = prediction.surface_normals() if compared else None
        score = score_image(
            ImagePrediction(prediction.depth, prediction.format, normal, prediction.normal_source),
            ground_truth,
            protocol,
            alignments=options.alignments,
            camera=ground_truth_camera(sample, item.found) if item.found else None,
            name=sample.source,
        )
        scores = record_of_score(score, compared)
    outputs: dict[str, Any] = {}
    kinds = tuple(kind for kind in options.output.save if kind in image.kinds)
    try:
        write_outputs(
            options.out, sample.name, item.rgb, prediction, replace(options.output, save=kinds), others, outputs,
            points_with_normals="normal" in image.kept, network_pixels=predictor.network_pixels(prediction.camera),
        )  # fmt: skip
        if options.report and scores["metrics"] and protocol and ground_truth.depth is not None:
            outputs["report"] = f"report/{sample.name}.json"
            path, confidence = options.out / outputs["report"], prediction.confidence
            shown = prediction.depth if prediction.format.metric or score.depth is None else score.depth
            save_image_record(path, item.rgb, shown, ground_truth.depth, protocol, confidence)
    except Exception:
        remove_files(options.out, output_files(outputs))  # no record would name them
        raise
    if "depth" in kinds and options.output.depth_format == "png":
        scores["beyond_range"] = options.output.encoding.count_beyond(prediction.depth)
    return success_record(sample, prediction, outputs, predictor) | scores


def _refuse_without_depth(prediction: Prediction, sample: Sample) -> None:
    """Refuse a prediction without depth; of a photo of the sky, warn."""
    share = 0.0 if prediction.sky is None else float((prediction.sky >= SKY).mean())
    rest = "" if share == 1 else ", and the rest is at its edge, beyond 300 m or not positive"
    why = f"{100 * share:.3g} % of the image is sky{rest}; --sky far gives sky a depth"
    message = f"the network gave no valid depth at all: {why if share else 'all of it is beyond 300 m or not positive'}"
    if share < _ONLY_SKY:
        raise MetricDepthError(message)
    logger.warning("%s: %s", sample.source, message)


def _record(manifest: Manifest, record: dict[str, Any]) -> None:
    try:
        manifest.add(record)
    except OSError as error:
        logger.error("%s cannot be written: %s", manifest.path, error.strerror or error)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error) if isinstance(error, ValueError) and str(error) else f"{type(error).__name__}: {error}"
