"""Loop over images: samples go through a predictor to files and metrics.

Finished images are skipped, and images that fail stop no others.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mono.data.annotations import load_annotations
from mono.data.camera_source import CameraResolver
from mono.data.sample import Sample
from mono.data.saved_predictions import PredictionFormat, SavedPredictions
from mono.evaluation.alignment import TIERS
from mono.evaluation.files import format_evaluation, stale_metrics, write_evaluation
from mono.evaluation.protocols import Protocol, read_protocol
from mono.evaluation.result import EvaluationResult
from mono.inference.load import load_model
from mono.inference.predictor import Predictor
from mono.inference.pretrained import is_saved
from mono.model.zoo import MODELS
from mono.runs.execute import execute_plan
from mono.runs.folder import lock_output_folder, open_output_folder, warn_of_other_names, write_journal
from mono.runs.former_metrics import hold_scores, refuse_scores_of_saved, saved_settings
from mono.runs.options import RunOptions
from mono.runs.outputs import OutputOptions
from mono.runs.paths import remove_files
from mono.runs.plan import RunPlan, plan_run
from mono.runs.records import metrics_from_record, normals_from_record, run_metadata, run_settings
from mono.runs.score_saved import saved_metadata, score_saved
from mono.runs.unitless import refuse_without_unit
from mono.system.distributed import Ranks
from mono.system.errors import MetricDepthError, RunError
from mono.system.failure import Failure

logger = logging.getLogger(__name__)


def run(
    samples: Sequence[Sample],
    predictor: Predictor,
    options: RunOptions,
    on_done: Callable[[int], None] = lambda count: None,
    ranks: Ranks | None = None,
) -> EvaluationResult | None:
    """Predict all samples, write their results and keep the manifest.

    Images that cannot be read, predicted or written are logged and listed in the manifest with the reason; the others
    are done. A run that was killed continues where it was, to the same bytes. Results of former runs with the same
    settings are added to; no results and no files of others are replaced without `options.overwrite`.

    Args:
        samples: images, as from `mono.data`; their names are unique.
        predictor: the model.
        options: what to write, and where.
        on_done: called with the number of newly finished images, for a progress bar.
        ranks: processes that share the run; each takes every world_size-th batch.

    Returns:
        Result of all processes together; None on ranks other than 0.

    Raises:
        RunError: the output folder cannot be written, its disk is full, or its results or files of others would be
            replaced.
    """
    ranks = ranks or Ranks()
    if options.align is not None:
        options.align.check(samples)
    with lock_output_folder(options.out) if ranks.rank == 0 else contextlib.nullcontext():
        started = time.perf_counter()
        plan = _plan(samples, predictor, options, ranks)
        failures = ranks.gather(execute_plan(samples, plan, predictor, options, on_done, ranks))
        if ranks.rank != 0:
            return None
        return _summarize(samples, plan, [f for part in failures for f in part], options, started)


def _plan(samples: Sequence[Sample], predictor: Predictor, options: RunOptions, ranks: Ranks) -> RunPlan:
    """Open the output folder, plan the run, and make way for its results."""
    kinds = [*options.output.save, *["focal_sweep"] * bool(options.focal_sweep)]
    refuse_without_unit(predictor.prediction_format, kinds, options.output.depth_format)
    settings = run_settings(predictor, options)
    if settings != ranks.broadcast(settings):
        raise RunError(
            f"process {ranks.rank} computes in {predictor.precision} by {predictor.backend}, or with other settings, "
            "than process 0: their results would differ. Name --precision and --backend, and start all alike"
        )
    plan = None
    if ranks.rank == 0:
        manifest = open_output_folder(options.out)
        if options.protocol and not options.overwrite:
            refuse_scores_of_saved(options.out)
        plan = plan_run(samples, manifest, settings, options)
        warn_of_other_names(samples, manifest)
        if plan.changed:
            logger.warning("%s: images that changed are done again: %d", options.out, plan.changed)
        if plan.images:
            write_journal(options.out, plan.files(options))
        manifest.drop(plan.dropped)
        if count := remove_files(options.out, plan.removed):
            logger.info("%d files in %s are replaced", count, options.out)
    plan = ranks.broadcast(plan)
    assert plan is not None
    return plan


def _summarize(
    samples: Sequence[Sample], plan: RunPlan, failures: Sequence[Failure], options: RunOptions, started: float
) -> EvaluationResult:
    order = {sample.source: i for i, sample in enumerate(samples)}
    sources: Counter[str] = Counter()
    metrics, normals, image_records, alignments, beyond_range, checksums = {}, {}, {}, {}, {}, {}
    by_name = {sample.name: sample.source for sample in samples}
    for record in open_output_folder(options.out).walk(by_name):
        if record["status"] != "ok":
            continue
        source = by_name[record["name"]]
        sources[record.get("camera_source", "unknown")] += 1
        if "alignment" in record:
            alignments[source] = record["alignment"]
        metrics[source] = metrics_from_record(record) if "metrics" in record else None
        if "normals" in record:
            normals[source] = normals_from_record(record)
        if record.get("beyond_range"):
            beyond_range[source] = record["beyond_range"]
        if "ground_truth_checksum" in record:
            checksums[source] = record["ground_truth_checksum"]
        if "report" in record["outputs"]:
            image_records[source] = options.out / record["outputs"]["report"]
    return EvaluationResult(
        done=len(plan.images) - len(failures),
        skipped=len(samples) - len(plan.images),
        failures=tuple(sorted(failures, key=lambda failure: order[failure.source])),
        seconds=time.perf_counter() - started,
        sources=dict(sources),
        metrics=metrics,
        normals=normals,
        image_records=image_records,
        beyond_range=beyond_range,
        alignments=alignments,
        unscored=sum(samples[order[failure.source]].depth is not None for failure in failures),
        checksums=checksums,
    )


def evaluate(
    data: str | os.PathLike[str],
    model: str | os.PathLike[str] | Predictor = "lite",
    *,
    out: str | os.PathLike[str],
    protocol: str | Protocol = "none",
    data_root: str | os.PathLike[str] | None = None,
    alignments: tuple[str, ...] = TIERS,
    report: bool = True,
    derive_normals: bool = False,
    prediction_format: PredictionFormat | None = None,
    workers: int = 1,
    on_done: Callable[[int], None] = lambda count: None,
    overwrite: bool = False,
) -> EvaluationResult:
    """Evaluate a model or saved predictions, and write metrics.json and report.html.

    Results of other settings there are refused. Without any ground truth that counts, nothing is written, and a warning
    says so.

    Args:
        data: annotation JSON, or a folder with annotations.json.
        model: model as for `load_model`, a loaded predictor, or a folder of saved predictions.
        out: output folder.
        protocol: name of a protocol, path of a protocol config (.py), or a protocol.
        data_root: folder that paths in the JSON are relative to.
        alignments: tiers of `mono.evaluation.alignment.ALIGNMENTS` to compute.
        report: write report.html too.
        derive_normals: derive ground-truth normals from dense ground-truth depth where none are annotated.
        prediction_format: meaning of saved depth files; None: depth [m], or in the file's own scale.
        workers: threads beside the network, or processes for saved predictions.
        on_done: called with the number of images finished since the last call.
        overwrite: replace results of other inputs or settings, and files of others, in the output folder.

    Returns:
        Scores and failures of all images.

    Raises:
        MetricDepthError: the data, the model, the protocol or an option cannot be used.
        OSError: the output folder cannot be written.
    """
    path, folder = Path(data), Path(out)
    path = path / "annotations.json" if path.is_dir() else path
    samples = load_annotations(path, data_root)
    rules = protocol if isinstance(protocol, Protocol) else read_protocol(protocol)
    named = isinstance(model, (str, os.PathLike)) and str(model) not in MODELS
    if isinstance(model, (str, os.PathLike)) and named and Path(model).is_dir() and not is_saved(Path(model)):
        meaning = prediction_format or PredictionFormat()
        records = folder / "report" if report else None
        root, saved, resolver = Path(data_root) if data_root else None, Path(model), CameraResolver()
        settings = saved_settings(path, root, saved, meaning, rules, alignments, derive_normals, resolver)
        SavedPredictions.open(saved, samples)  # before an output folder is made
        with hold_scores(folder, settings, samples, overwrite):
            result = score_saved(
                samples, saved, rules, workers, alignments, records, on_done, derive_normals, resolver, meaning
            )
            _write(result, folder, rules, saved_metadata(saved, meaning, settings), str(model), path)
    elif prediction_format is not None:
        raise MetricDepthError(f"a prediction format is for saved predictions, and there is no folder {model}")
    else:
        predictor = load_model(model) if isinstance(model, (str, os.PathLike)) else model
        options = RunOptions(
            folder,
            OutputOptions(save=()),
            workers=workers,
            protocol=rules,
            alignments=alignments,
            report=report,
            derive_normals=derive_normals,
            overwrite=overwrite,
        )
        finished = run(samples, predictor, options, on_done)
        assert finished is not None  # as this process is alone
        result = finished
        _write(result, folder, rules, run_metadata(predictor), predictor.name, path)
    return result


def _write(
    result: EvaluationResult, folder: Path, rules: Protocol, metadata: Mapping[str, Any], name: str, path: Path
) -> None:
    """Write an evaluation, or warn that there is none."""
    if not write_evaluation(result, folder, rules, metadata, title=f"{name} on {path.parent.name or path.stem}"):
        logger.warning("%s: %s", path, format_evaluation(result, rules, stale_metrics(result, folder)))
