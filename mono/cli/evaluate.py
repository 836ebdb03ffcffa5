"""`metricdepth evaluate`: an annotated dataset to metrics."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mono.cli import common

if TYPE_CHECKING:
    from mono.do_test import RunOptions, RunSummary
    from mono.predictor import Predictor


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser("evaluate", help="an annotated dataset to a table of metrics")
    parser.add_argument("data", type=Path, help="annotation JSON, or a folder with annotations.json")
    parser.add_argument("--data-root", type=Path, metavar="DIR", help="what paths in the JSON are relative to")
    parser.add_argument("--protocol", default="none", help="name of an evaluation protocol (default: none: no crop)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="(default: outputs/MODEL/DATA)")
    parser.add_argument("--model", default="lite", help="zoo name, config or checkpoint (default: lite)")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="weights for the model")
    common.add_camera_flags(parser)
    common.add_output_flags(parser, save="none")
    common.add_machine_flags(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluates; returns the exit code."""
    from mono.data.annotations import load_annotations
    from mono.ranks import join_ranks

    data = args.data / "annotations.json" if args.data.is_dir() else args.data
    samples = load_annotations(data, args.data_root)
    name = data.parent.name if data.stem == "annotations" else data.stem
    out = args.out or Path("outputs") / Path(args.model).stem / (name or "data")
    options = common.run_options(args, out, args.protocol)
    ranks = join_ranks(args.launcher)
    predictor = common.load_predictor(args, args.model, args.checkpoint, ranks)
    summary = common.execute(samples, predictor, options, ranks)
    say_metrics(summary, options, predictor)
    return common.say_summary(summary, options, predictor)


def say_metrics(summary: RunSummary | None, options: RunOptions, predictor: Predictor) -> None:
    """Writes metrics.json and prints the table, on rank 0; says so where there is no ground truth."""
    from mono.evaluation.report import table, write_metrics

    if summary is None:
        return
    if options.protocol is None or not any(summary.metrics.values()):
        sys.stdout.write("\nno ground truth: no metrics\n")
        return
    write_metrics(options.out / "metrics.json", summary.metrics, options.protocol, common.facts(predictor))
    sys.stdout.write("\n" + table(summary.metrics, options.protocol) + "\n")
    sys.stdout.write(f"  metrics: {options.out / 'metrics.json'}\n")
