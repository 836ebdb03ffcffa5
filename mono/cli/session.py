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


def load_for_run(
    args: argparse.Namespace,
    model: str,
    checkpoint: Path | None,
    ranks: Ranks,
    samples: Sequence[Sample],
    options: RunOptions,
) -> Predictor:
    """Load the model of the flags for a run.

    The backend "auto" is the one that computed what is in the output folder, so that a run goes on as it began.
    """
    backend = None
    if args.backend == "auto" and ranks.rank == 0 and not options.overwrite and not _is_fixed(args, model):
        backend = _former_backend(args, samples, options)
    return load_predictor(args, model, checkpoint, ranks, len(samples), backend)


def _former_backend(args: argparse.Namespace, samples: Sequence[Sample], options: RunOptions) -> str | None:
    from mono.backends.base import why_not
    from mono.inference.devices import choose_device, choose_precision
    from mono.runs.folder import former_backend

    device = choose_device(args.device)
    precision = choose_precision(args.precision or "float32", device)
    found = former_backend(options.out, [sample.name for sample in samples], precision)
    return None if found is None or why_not(found, precision, device.type) else found


def _is_fixed(args: argparse.Namespace, model: str) -> bool:
    """Tell if a model comes with its own runtime."""
    from mono.conversion.formats import is_exported

    return bool(args.baseline) or is_exported(model) or model.startswith(("hf:", "baseline:", "onnx:"))


def load_predictor(
    args: argparse.Namespace,
    model: str,
    checkpoint: Path | None,
    ranks: Ranks,
    images: int | None = None,
    backend: str | None = None,
) -> Predictor:
    """Load the model of the flags; processes on one machine take its GPUs in turn.

    Args:
        args: the flags.
        model: see `load_model`.
        checkpoint: see `load_model`.
        ranks: processes that share the run; process 0 chooses the backend for all.
        images: number of images to come; None: many.
        backend: backend in place of the flag's.
    """
    from mono.config import parse_options
    from mono.inference.devices import nth_device
    from mono.inference.load import load_model
    from mono.views.layout import ViewOptions

    share_cores(args.threads)
    if args.baseline and (model != "lite" or checkpoint):
        raise MetricDepthError("--baseline is the model: leave out --model and --checkpoint")
    fixed = _is_fixed(args, model)
    model = f"baseline:{args.baseline}" if args.baseline else model
    options = with_fit(with_iterations(parse_options(args.options), args.iterations), args.fit)
    options = with_sky(options, args.sky)
    views = ViewOptions(getattr(args, "views", None), getattr(args, "view_fov", None))
    spread = ranks.world_size > 1 and args.device in ("auto", "cuda") and not fixed
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
                images=images,
            )

    backend = backend or args.backend
    if args.backend not in ("auto", "fastest") or ranks.world_size == 1 or fixed:
        return load(args.precision, backend)
    # One process chooses: others would disturb its measurements, and might find another.
    first = load(args.precision, backend) if ranks.rank == 0 else None
    precision, backend = ranks.broadcast(first and (first.precision, first.backend))
    return first or load(precision, backend)


def load_metric_predictor(args: argparse.Namespace) -> Predictor:
    """Load the model of the flags in this process; refuse one whose depth has no unit."""
    from mono.inference.load import require_metric
    from mono.system.distributed import Ranks

    return require_metric(load_predictor(args, args.model, args.checkpoint, Ranks()))


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
