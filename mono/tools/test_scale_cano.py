"""The published command line: CONFIG --load-from CKPT --test_data_path PATH, and a thin door to `mono.do_test`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mono.cli import arguments, console, session
from mono.cli.evaluate import say_metrics
from mono.cli.main import guarded


def main(argv: Sequence[str] | None = None) -> int:
    """Parses the command line and runs; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="test_scale_cano.py", description="Test a model on an annotated dataset (JSON) or on photos (a folder)."
    )
    parser.add_argument("config", help="config file, or the name of a model")
    parser.add_argument("--load-from", type=Path, metavar="CKPT", help="checkpoint (default: found in weight/)")
    parser.add_argument(
        "--test_data_path", "--test-data-path", nargs="+", required=True, metavar="PATH",
        help="annotation JSON, or images: a folder, files or a glob",
    )  # fmt: skip
    parser.add_argument("--data-root", type=Path, metavar="DIR", help="what paths in the JSON are relative to")
    parser.add_argument("--recursive", action="store_true", help="look into subfolders too")
    parser.add_argument("--show-dir", type=Path, metavar="DIR", help="output folder (default: show_dirs/CONFIG/DATA)")
    arguments.add_protocol_flags(parser)
    arguments.add_camera_flags(parser)
    arguments.add_output_flags(parser, save="depth,vis,pcd")
    arguments.add_machine_flags(parser)
    parser.set_defaults(resumes=True)
    return guarded(_run, parser.parse_args(argv))


def _run(args: argparse.Namespace) -> int:
    from mono.data.annotations import load_annotations
    from mono.data.folder import find_images
    from mono.system.distributed import join_ranks

    data = [Path(p) for p in args.test_data_path]
    annotated = len(data) == 1 and data[0].suffix == ".json"
    samples = load_annotations(data[0], args.data_root) if annotated else find_images(data, recursive=args.recursive)
    name = arguments.data_name(data[0]) if annotated else data[0].name if data[0].is_dir() else "images"
    out = args.show_dir or Path("show_dirs") / Path(args.config).stem / name
    options = arguments.evaluation_options(args, out, report=annotated)
    ranks = join_ranks(args.launcher)
    predictor = session.load_predictor(args, args.config, args.load_from, ranks)
    summary = session.execute(samples, predictor, options, ranks)
    if annotated:
        say_metrics(summary, options, predictor, title=f"{predictor.name} on {name}")
    return console.say_summary(summary, options, predictor)


if __name__ == "__main__":
    sys.exit(main())
