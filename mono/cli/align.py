"""Command `metricdepth align`: saved depth brought to known distances."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mono.cli import camera_flags, console
from mono.cli.align_flags import add_align_flags, align_options
from mono.system.errors import MetricDepthError


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("align")
    parser.add_argument(
        "inputs", nargs="+", type=Path, metavar="DEPTH", help="output folders of predict, or depth maps"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="output folder")
    parser.add_argument("--depth-format", choices=("png", "npy", "npz", "exr"), default="png", help="write this format")
    parser.add_argument("--depth-scale", type=float, metavar="N", help="metres = stored value / N in the depth maps")
    parser.add_argument("--overwrite", action="store_true", help="replace former results of these depth maps")
    add_align_flags(parser)
    camera_flags.add_camera_flags(parser, sweep=False)
    parser.add_argument("--verbose", action="store_true", help="log more, with tracebacks of failures")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Align, print what was found, and return the exit code."""
    from mono.calibration.depth_alignment import describe_record
    from mono.io.depth_metadata import DepthEncoding
    from mono.runs.align_saved import align_saved, find_saved_depth

    options = align_options(args)
    if options is None:
        raise MetricDepthError("give what is known: --align, --known, --known-length or --camera-height")
    samples = find_saved_depth(args.inputs)
    resolver = camera_flags.camera_resolver(args)
    result = align_saved(
        samples, args.out, options, resolver, args.depth_format, args.depth_scale, overwrite=args.overwrite
    )
    for name, record in result.alignments.items():
        sys.stdout.write(f"  {name}: {describe_record(record)}\n")
    if result.alignments:
        sys.stdout.write(f"  results: {args.out / 'depth'}/  {args.out / 'alignment.json'}\n")
    if result.beyond_range:
        console.say_beyond_range(result.beyond_range, DepthEncoding(), has_scale=False)
    console.say_failures(result.failures)
    return 1 if result.failures else 0
