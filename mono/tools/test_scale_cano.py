"""Published command line, CONFIG --load-from CKPT --test_data_path PATH, as a thin door to `mono.do_test`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":  # Python put this file's folder first; the checkout that it belongs to is meant
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from mono.cli import arguments, camera_flags, console, session
from mono.cli.evaluate import say_metrics
from mono.cli.help import HelpFormatter, add_hidden
from mono.cli.main import guarded
from mono.data.annotations import load_annotations
from mono.data.folder import find_images
from mono.system.distributed import join_ranks


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the command line and run; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="test_scale_cano.py",
        description="Test a model on an annotated dataset (JSON) or on photos (a folder).",
        epilog="example: python mono/tools/test_scale_cano.py lite --test_data_path data/wild_demo",
        formatter_class=HelpFormatter,
    )
    parser.add_argument("config", help="config file, or the name of a model")
    parser.add_argument("--load-from", type=Path, metavar="CKPT", help="checkpoint (default: found in weight/)")
    parser.add_argument("--test_data_path", nargs="+", metavar="PATH", help="annotation JSON, or images (folder, glob)")
    add_hidden(parser, "--test-data-path", dest="test_data_path", nargs="+")
    parser.add_argument("--data-root", type=Path, metavar="DIR", help="folder that paths in the JSON are relative to")
    parser.add_argument("--recursive", action="store_true", help="search subfolders too")
    parser.add_argument("--show-dir", type=Path, metavar="DIR", help="output folder (default: SHOW_ROOT/DATA)")
    add_hidden(parser, "--out", dest="show_dir", type=Path)  # as messages of the other commands call it
    parser.add_argument(
        "--show-root", type=Path, metavar="DIR", help="folder of output folders (default: show_dirs/CONFIG)"
    )
    arguments.add_protocol_flags(parser)
    camera_flags.add_camera_flags(parser)
    camera_flags.add_wide_flags(parser)
    arguments.add_output_flags(parser, save="depth,vis,pcd")
    arguments.add_machine_flags(parser)
    parser.set_defaults(resumes=True)
    args = parser.parse_args(argv)
    if not args.test_data_path:
        parser.error("--test_data_path is required")
    return guarded(_run, args)


def _run(args: argparse.Namespace) -> int:
    data = [Path(p) for p in args.test_data_path]
    annotated = len(data) == 1 and data[0].suffix == ".json"
    samples = load_annotations(data[0], args.data_root) if annotated else find_images(data, recursive=args.recursive)
    name = arguments.data_name(data[0]) if annotated else data[0].name if data[0].is_dir() else "images"
    out = args.show_dir or (args.show_root or Path("show_dirs") / Path(args.config).stem) / name
    options = arguments.evaluation_options(args, out, report=annotated)
    ranks = join_ranks(args.launcher)
    predictor = session.load_for_run(args, args.config, args.load_from, ranks, samples, options)
    summary = session.execute(samples, predictor, options, ranks)
    code = 0
    if annotated or args.protocol != "none":
        code = say_metrics(summary, options, predictor, title=f"{predictor.name} on {name}")
    return console.say_summary(summary, options, predictor) | code


if __name__ == "__main__":
    sys.exit(main())
