"""`metricdepth evaluate`: an annotated dataset to metrics."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mono.cli import arguments, console, session

if TYPE_CHECKING:
    from mono.data.sample import Sample
    from mono.evaluation.protocols import Protocol
    from mono.evaluation.result import EvaluationResult
    from mono.inference.predictor import Predictor
    from mono.runs.options import RunOptions


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser("evaluate", help="an annotated dataset to a table of metrics")
    parser.add_argument("data", type=Path, help="annotation JSON, or a folder with annotations.json")
    parser.add_argument("--data-root", type=Path, metavar="DIR", help="what paths in the JSON are relative to")
    parser.add_argument("--out", type=Path, metavar="DIR", help="(default: outputs/MODEL/DATA/PROTOCOL)")
    parser.add_argument("--no-report", action="store_true", help="metrics.json only, without report.html")
    parser.add_argument(
        "--derive-normals", action="store_true",
        help="compare surface normals, with true ones from dense true depth where none are annotated",
    )  # fmt: skip
    parser.add_argument(
        "--pred", type=Path, metavar="DIR", help="score depth and normals saved before, instead of a model"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, metavar="N", help="processes for --pred")
    parser.add_argument("--model", default="lite", help="zoo name, config or checkpoint (default: lite)")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="weights for the model")
    arguments.add_protocol_flags(parser)
    arguments.add_camera_flags(parser)
    arguments.add_output_flags(parser, save="none")
    arguments.add_machine_flags(parser)
    parser.set_defaults(run=run, resumes=True)


def run(args: argparse.Namespace) -> int:
    """Evaluates; returns the exit code."""
    from mono.data.annotations import load_annotations
    from mono.system.distributed import join_ranks

    data = args.data / "annotations.json" if args.data.is_dir() else args.data
    samples = load_annotations(data, args.data_root)
    name = arguments.data_name(data)
    out = (
        args.out
        or Path("outputs") / ("saved" if args.pred else Path(args.model).stem) / name / Path(args.protocol).stem
    )
    if args.pred:
        return _rescore(args, samples, out)
    options = arguments.evaluation_options(args, out, report=not args.no_report)
    options = replace(options, derive_normals=args.derive_normals)
    ranks = join_ranks(args.launcher)
    predictor = session.load_predictor(args, args.model, args.checkpoint, ranks)
    summary = session.execute(samples, predictor, options, ranks)
    say_metrics(summary, options, predictor, title=f"{predictor.name} on {name}")
    return console.say_summary(summary, options, predictor)


def _rescore(args: argparse.Namespace, samples: Sequence[Sample], out: Path) -> int:
    from tqdm import tqdm
    from tqdm.contrib.logging import logging_redirect_tqdm

    from mono.runs.score_saved import scorable, score_saved

    protocol = arguments.protocol_of(args)
    with logging_redirect_tqdm(), tqdm(total=len(scorable(samples)), unit="image") as bar:
        scores = score_saved(
            samples,
            args.pred,
            protocol,
            args.workers,
            arguments.alignments_of(args),
            report=None if args.no_report else out / "report",
            on_done=bar.update,
            derive_normals=args.derive_normals,
            resolver=arguments.camera_resolver(args),
        )
    metadata = {"command": session.command(), "predictions": str(args.pred)}
    _say(scores, out, protocol, metadata, title=f"{args.pred} on {args.data}")
    console.say_failures(scores.failures)
    return 1 if scores.failures else 0


def say_metrics(summary: EvaluationResult | None, options: RunOptions, predictor: Predictor, title: str) -> None:
    """Writes metrics.json and report.html and prints the table, on rank 0; says so where there is no ground truth."""
    if summary is not None and options.protocol is not None:
        _say(summary, options.out, options.protocol, session.run_metadata(predictor), title)


def _say(scores: EvaluationResult, out: Path, protocol: Protocol, metadata: Mapping[str, Any], title: str) -> None:
    from mono.evaluation.normals.tables import normals_table
    from mono.evaluation.report.image_records import reliability_of
    from mono.evaluation.report.summary import table, write_metrics

    results, normals = scores.metrics, scores.normals
    if not any(results.values()) and not any(normals.values()):
        why = "no image could be scored" if scores.failures else "no ground truth"
        sys.stdout.write(f"\n{why}: no metrics\n")
        return
    confidence = reliability_of(scores.image_records.values())
    write_metrics(out / "metrics.json", results, protocol, metadata, scores.failures, normals, confidence)
    lines = [table(results, protocol) if any(results.values()) else protocol.describe(), normals_table(normals)]
    lines += [f"confidence: {confidence.describe()}"] if confidence else []
    sys.stdout.write("\n" + "\n\n".join(filter(None, lines)) + "\n")
    sys.stdout.write(f"  metrics: {out / 'metrics.json'}\n")
    if scores.image_records:
        from mono.evaluation.report.page import write_page

        page = out / "report.html"
        write_page(
            page,
            results,
            protocol,
            metadata,
            scores.image_records,
            title=title,
            failures=scores.failures,
            normals=normals,
            confidence=confidence,
        )
        sys.stdout.write(f"  report: {page}\n")
