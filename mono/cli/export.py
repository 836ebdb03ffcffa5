"""`metricdepth export`: model as one file for other programs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mono.cli import arguments


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("export")
    parser.add_argument("format", choices=("onnx", "openvino", "torchscript", "exported-program"), help="file format")
    parser.add_argument("--model", default="lite", help="zoo name, config or checkpoint")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="weights of the model")
    parser.add_argument(
        "--out", type=Path, metavar="FILE",
        help="write .onnx, .xml (OpenVINO, with a .bin beside it), .ts or .pt2 (default: MODEL with that suffix)",
    )  # fmt: skip
    arguments.add_config_flags(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Export, and return the exit code."""
    from mono.config import parse_options
    from mono.conversion.formats import SUFFIXES
    from mono.export.write import export
    from mono.inference.load import load_model

    predictor = load_model(
        args.model, checkpoint=args.checkpoint, device="cpu", precision="float32", options=parse_options(args.options)
    )
    path = args.out or Path(predictor.name + SUFFIXES[args.format])
    for agreement in export(predictor, args.format, path):
        width, height = agreement.size
        sys.stdout.write(
            f"  {width}x{height}, focal length {agreement.focal:g} px: depth equals eager to {agreement.depth:.1e}, "
            f"confidence to {agreement.confidence:.1e}\n"
        )
    sys.stdout.write(f"written: {path}; run it: metricdepth predict PHOTO --model {path}\n")
    return 0
