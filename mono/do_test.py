"""Loop over images: samples go through a predictor to files and metrics.

Finished images are skipped, and images that fail stop no others.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence

from mono.data.sample import Sample
from mono.evaluation.result import EvaluationResult
from mono.inference.predictor import Predictor
from mono.runs.execute import execute_plan
from mono.runs.folder import lock_output_folder, open_output_folder, write_journal
from mono.runs.options import RunOptions
from mono.runs.paths import remove_files
from mono.runs.plan import RunPlan, plan_run
from mono.runs.records import metrics_from_record, normals_from_record, run_settings
from mono.system.distributed import Ranks
from mono.system.errors import RunError
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
    settings are added to; nothing is replaced without `options.overwrite`.

    Args:
        samples: images, as from `mono.data`; their names are unique.
        predictor: the model.
        options: what to write, and where.
        on_done: called with the number of newly finished images, for a progress bar.
        ranks: processes that share the run; each takes every world_size-th batch.

    Returns:
        Result of all processes together; None on ranks other than 0.

    Raises:
        RunError: the output folder cannot be written, or its results would be replaced.
    """
    ranks = ranks or Ranks()
    with lock_output_folder(options.out) if ranks.rank == 0 else contextlib.nullcontext():
        started = time.perf_counter()
        plan = _plan(samples, predictor, options, ranks)
        failures = ranks.gather(execute_plan(samples, plan, predictor, options, on_done, ranks))
        if ranks.rank != 0:
            return None
        return _summarize(samples, plan, [f for part in failures for f in part], options, started)


def _plan(samples: Sequence[Sample], predictor: Predictor, options: RunOptions, ranks: Ranks) -> RunPlan:
    """Open the output folder, plan the run, and make way for its results."""
    settings = run_settings(predictor, options)
    if settings != ranks.broadcast(settings):
        raise RunError(
            f"process {ranks.rank} computes in {predictor.precision} by {predictor.backend}, or with other settings, "
            "than process 0: their results would differ. Name --precision and --backend, and start all alike"
        )
    plan = None
    if ranks.rank == 0:
        manifest = open_output_folder(options.out)
        plan = plan_run(samples, manifest, settings, options)
        if plan.changed:
            logger.warning(
                "%d images in %s have changed since they were done: they are redone", plan.changed, options.out
            )
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
    metrics, normals, image_records = {}, {}, {}
    by_name = {sample.name: sample.source for sample in samples}
    for record in open_output_folder(options.out).walk(by_name):
        if record["status"] != "ok":
            continue
        source = by_name[record["name"]]
        sources[record.get("camera_source", "unknown")] += 1
        metrics[source] = metrics_from_record(record) if "metrics" in record else None
        if "normals" in record:
            normals[source] = normals_from_record(record)
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
    )
