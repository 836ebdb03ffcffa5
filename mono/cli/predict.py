"""`metricdepth predict`: photos to depth, surface normals, pictures and point clouds."""

from __future__ import annotations

import argparse
from pathlib import Path

from mono.cli import common


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser("predict", help="photos to metric depth, surface normals, pictures and point clouds")
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="image files, folders, or quoted globs")
    parser.add_argument("--recursive", action="store_true", help="look into subfolders too")
    parser.add_argument("--out", type=Path, default=Path("outputs"), metavar="DIR", help="(default: outputs)")
    parser.add_argument("--model", default="lite", help="zoo name, config or checkpoint (default: lite)")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="weights for the model")
    common.add_camera_flags(parser)
    common.add_output_flags(parser, save="depth,vis")
    common.add_machine_flags(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Predicts; returns the exit code."""
    from mono.data.folder import find_images
    from mono.ranks import join_ranks

    options = common.run_options(args, args.out, protocol=None)
    samples = find_images(args.inputs, recursive=args.recursive)
    ranks = join_ranks(args.launcher)
    predictor = common.load_predictor(args, args.model, args.checkpoint, ranks)
    return common.say_summary(common.execute(samples, predictor, options, ranks), options, predictor)
