"""Model of the flags, and its run with a progress line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mono.cli.console import progress_line
from mono.cli.model_options import refinement_of, with_fit, with_iterations, with_sky
from mono.system.errors import MetricDepthError
from mono.system.threads import share_cores

if TYPE_CHECKING:
    from mono.data.sample import Sample
    from mono.evaluation.result import EvaluationResult
    from mono.inference.predictor import Predictor
    from mono.runs.options import RunOptions
    from mono.system.distributed import Ranks


def load_predictor(args: argparse.Namespace, model: str, checkpoint: Path | None, ranks: Ranks) -> Predictor:
    """Load the model of the flags; processes on one machine take its GPUs in turn."""
    from mono.config import parse_options
    from mono.conversion.formats import is_exported
    from mono.inference.devices import nth_device
    from mono.inference.load import load_model
    from mono.views.layout import ViewOptions

    share_cores(args.threads)
    if args.baseline:
        if model != "lite" or checkpoint:
            raise MetricDepthError("--baseline is the model: leave out --model and --checkpoint")
        model = f"baseline:{args.baseline}"
    options = with_fit(with_iterations(parse_options(args.options), args.iterations), args.fit)
    options = with_sky(options, args.sky)
    exported = is_exported(model) or model.startswith(("hf:", "baseline:", "onnx:"))
    views = ViewOptions(getattr(args, "views", None), getattr(args, "view_fov", None))
    spread = ranks.world_size > 1 and args.device in ("auto", "cuda") and not exported
    device = nth_device(ranks.local) if spread else args.device

    def load(precision: Any, backend: Any) -> Predictor:
        with refinement_of(model, options):
            return load_model(
                model,
                checkpoint=checkpoint,
                device=device,
                precision=precision,
                options=options,
                backend=backend,
                trust=args.trust_model,
                views=views,
            )

    if args.backend != "fastest" or ranks.world_size == 1 or exported:
        return load(args.precision, args.backend)
    # One process measures the fastest choice: others would disturb it, and might find another.
    first = load(args.precision, "fastest") if ranks.rank == 0 else None
    precision, backend = ranks.broadcast(first and (first.precision, first.backend))
    return first or load(precision, backend)


def load_metric_predictor(args: argparse.Namespace) -> Predictor:
    """Load the model of the flags in this process; refuse one whose depth has no unit."""
    from mono.system.distributed import Ranks

    predictor = load_predictor(args, args.model, args.checkpoint, Ranks())
    if not predictor.prediction_format.metric:
        kind = predictor.prediction_format.kind
        raise MetricDepthError(f"{predictor.name} gives {kind} without a unit: choose a metric model, as lite")
    return predictor


def command() -> list[str]:
    """Return the command line, as it can be typed again."""
    program = Path(sys.argv[0]).name
    return ["metricdepth" if program in ("__main__.py", "metricdepth") else program, *sys.argv[1:]]


def run_metadata(predictor: Predictor) -> dict[str, Any]:
    """Collect the metadata that repeats a run."""
    from mono.runs import records

    return {"command": command(), **records.run_metadata(predictor)}


def execute(
    samples: Sequence[Sample], predictor: Predictor, options: RunOptions, ranks: Ranks
) -> EvaluationResult | None:
    """Run with a progress line on rank 0; return the result there, and None elsewhere."""
    from mono.do_test import run

    total = len(range(ranks.rank, len(samples), ranks.world_size))
    with progress_line(total, shown=ranks.rank == 0) as line:
        return run(samples, predictor, options, on_done=line.update, ranks=ranks)
