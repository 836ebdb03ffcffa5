"""Command `metricdepth evaluate`: metrics of a model, or of saved predictions, on an annotated dataset."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mono.cli import arguments, camera_flags, console, session
from mono.cli.align_flags import add_align_flags, align_options
from mono.system.errors import MetricDepthError

if TYPE_CHECKING:
    from mono.data.sample import Sample
    from mono.evaluation.protocols import Protocol
    from mono.evaluation.result import EvaluationResult
    from mono.inference.predictor import Predictor
    from mono.runs.options import RunOptions


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("evaluate")
    parser.add_argument("data", type=Path, help="annotation JSON, or a folder with annotations.json")
    parser.add_argument("--data-root", type=Path, metavar="DIR", help="folder that paths in the JSON are relative to")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="(default: outputs/MODEL/DATA/PROTOCOL, with --pred outputs/saved/DIR/DATA/PROTOCOL)",
    )
    parser.add_argument("--no-report", action="store_true", help="write metrics.json only, without report.html")
    parser.add_argument(
        "--derive-normals", action="store_true",
        help="score surface normals, against dense ground-truth depth where none are annotated",
    )  # fmt: skip
    saved = parser.add_argument_group("saved predictions")
    saved.add_argument("--pred", type=Path, metavar="DIR", help="score depth and normals saved in DIR, without a model")
    saved.add_argument(
        "--pred-kind", choices=("depth", "relative", "affine", "disparity", "inverse"),
        help="meaning of the depth files: depth; relative: depth of unknown scale; affine: of unknown scale and shift; "
        "inverse: inverse depth, 0 at infinity; disparity: inverse depth of "
        "unknown scale and shift, or stereo disparity with --pred-scale (default: depth)",
    )  # fmt: skip
    saved.add_argument(
        "--pred-scale", type=float, metavar="N",
        help="metres = stored value / N; for inverse and disparity, 1/metres = value / N (stereo: focal length in px "
        "times baseline in m) (default: the scale in the file, or metres)",
    )  # fmt: skip
    saved.add_argument(
        "--pred-stretched", action="store_true",
        help="the maps are of the whole image, resized without keeping its aspect ratio, as to a network's own size; "
        "else such maps are refused",
    )  # fmt: skip
    saved.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, metavar="N", help="processes (default: all cores)"
    )
    arguments.add_model_flags(parser)
    arguments.add_protocol_flags(parser)
    camera_flags.add_camera_flags(parser)
    camera_flags.add_wide_flags(parser)
    add_align_flags(parser)
    arguments.add_output_flags(parser, save="none")
    arguments.add_machine_flags(parser)
    parser.set_defaults(run=run, resumes=True)


def run(args: argparse.Namespace) -> int:
    """Evaluate and return the exit code."""
    from mono.data.annotations import load_annotations
    from mono.system.distributed import join_ranks

    if not args.pred and (args.pred_kind or args.pred_scale is not None or args.pred_stretched):
        raise MetricDepthError(
            "--pred-kind, --pred-scale and --pred-stretched describe saved predictions: give their folder with --pred"
        )
    data = args.data / "annotations.json" if args.data.is_dir() else args.data
    samples = load_annotations(data, args.data_root)
    name = arguments.data_name(data)
    model = Path("saved", args.pred.resolve().name) if args.pred else Path((args.baseline or Path(args.model)).stem)
    out = args.out or Path("outputs") / model / name / Path(args.protocol).stem
    if args.pred:
        if align_options(args) is not None:
            raise MetricDepthError("saved predictions are scored as they are: align them first (metricdepth align)")
        return _score_saved(args, data, samples, out)
    options = arguments.evaluation_options(args, out, report=not args.no_report)
    options = replace(options, derive_normals=args.derive_normals, align=align_options(args))
    ranks = join_ranks(args.launcher)
    predictor = session.load_for_run(args, args.model, args.checkpoint, ranks, samples, options)
    result = session.execute(samples, predictor, options, ranks)
    code = say_metrics(result, options, predictor, title=f"{predictor.name} on {name}")
    return console.say_summary(result, options, predictor) | code


def _score_saved(args: argparse.Namespace, data: Path, samples: Sequence[Sample], out: Path) -> int:
    from mono.data.saved_predictions import PredictionFormat, SavedPredictions
    from mono.runs.former_metrics import hold_scores, saved_settings
    from mono.runs.score_saved import saved_metadata, scorable, score_saved

    protocol = arguments.protocol_of(args)
    meaning = PredictionFormat(args.pred_kind or "depth", args.pred_scale, args.pred_stretched)
    alignments, resolver = arguments.alignments_of(args), camera_flags.camera_resolver(args)
    settings = saved_settings(
        data, args.data_root, args.pred, meaning, protocol, alignments, args.derive_normals, resolver
    )
    SavedPredictions.open(args.pred, samples)  # before an output folder is made
    with hold_scores(out, settings, samples, args.overwrite):
        with console.progress_line(len(scorable(samples))) as line:
            result = score_saved(
                samples,
                args.pred,
                protocol,
                args.workers,
                alignments,
                report=None if args.no_report else out / "report",
                on_done=line.update,
                derive_normals=args.derive_normals,
                resolver=resolver,
                prediction_format=meaning,
            )
        metadata = {"command": session.command(), **saved_metadata(args.pred, meaning, settings)}
        code = _say(result, out, protocol, metadata, title=f"{args.pred} on {args.data}")
    console.say_failures(result.failures)
    return 1 if result.failures else code


def say_metrics(result: EvaluationResult | None, options: RunOptions, predictor: Predictor, title: str) -> int:
    """Write the evaluation's files and print its table, on rank 0.

    Args:
        result: scores of the run; None on other ranks.
        options: options of the run; without a protocol nothing is written.
        predictor: the model.
        title: title of the report page.

    Returns:
        Exit code: 1 where nothing was measured and metrics.json is of a former run, else 0.
    """
    if result is None or options.protocol is None:
        return 0
    return _say(result, options.out, options.protocol, session.run_metadata(predictor), title)


def _say(result: EvaluationResult, out: Path, protocol: Protocol, metadata: Mapping[str, Any], title: str) -> int:
    from mono.evaluation.files import format_evaluation, stale_metrics, write_evaluation

    written = write_evaluation(result, out, protocol, metadata, title)
    stale = stale_metrics(result, out)
    sys.stdout.write(f"\n{format_evaluation(result, protocol, stale)}\n")
    for kind, path in written.items():
        sys.stdout.write(f"  {kind}: {path}\n")
    return 1 if stale else 0
