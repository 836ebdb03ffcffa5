"""`metricdepth average`: mean of the weights of several runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mono.system.errors import MetricDepthError


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("average")
    parser.add_argument(
        "files", nargs="+", metavar="FILE[=WEIGHT]", help="checkpoints with weights, such as run/model.safetensors=0.7"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="write float16 safetensors to this file"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")
    parser.add_argument(
        "--init-share",
        type=_shares,
        default=(),
        metavar="SHARE[,...]",
        help="share of ImageNet weights in the encoder (EfficientNet-Lite0), such as 0.1, or one for each of 7 stages",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Average, and return the exit code."""
    from mono.runs.folder import refuse_existing
    from mono.training.averaging import average_weights
    from mono.training.loop import write_weights

    files = [_weighted(text) for text in args.files]
    if args.out.exists() and any(path.exists() and path.samefile(args.out) for path, _ in files):
        raise MetricDepthError(
            f"{args.out} is one of the files to average, and would be replaced; choose another --out"
        )
    refuse_existing(args.out, args.overwrite)
    mean = average_weights(files, args.init_share)
    total = sum(weight for _, weight in files)
    recipe = ", ".join(f"{weight / total:.3g} {path}" for path, weight in files)
    if args.init_share:
        recipe += f"; {','.join(f'{share:g}' for share in args.init_share)} of the encoder from ImageNet"
    write_weights(mean, args.out, {"average": recipe})
    sys.stdout.write(f"{args.out}: {recipe}\n")
    return 0


def _weighted(text: str) -> tuple[Path, float]:
    """Split "file=0.7"; a file without a weight counts 1."""
    name, equals, number = text.rpartition("=")
    if not equals or Path(text).exists():
        return Path(text), 1.0
    try:
        return Path(name), float(number)
    except ValueError as error:
        raise MetricDepthError(
            f'"{text}": the weight after "=" must be a number, as in model.safetensors=0.7'
        ) from error


def _shares(text: str) -> tuple[float, ...]:
    """Split "0,0.4"."""
    try:
        return tuple(float(number) for number in text.split(","))
    except ValueError as error:
        message = f'"{text}" must be a number from 0 to below 1, or seven with commas between'
        raise argparse.ArgumentTypeError(message) from error
