"""`metricdepth train-focal`: train the network that estimates focal lengths from pictures."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("train-focal")
    parser.add_argument(
        "--data", nargs="+", default=[], metavar="JSON",
        help="annotation files (or folders with an annotations.json) of images with cam_in, drawn equally often; crops "
        "vary the angle; name one twice to draw it twice as often",
    )  # fmt: skip
    parser.add_argument(
        "--val", nargs="+", required=True, metavar="JSON",
        help="annotation files of other cameras or places: the announced error is fitted to these",
    )  # fmt: skip
    parser.add_argument("--out", "-o", type=Path, required=True, metavar="FILE", help="weights to write (.safetensors)")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")
    parser.add_argument(
        "--minutes", type=float, required=True, metavar="M",
        help="train for this long; 0: only fit the announced error of the network of --from; --data is not used",
    )  # fmt: skip
    parser.add_argument(
        "--from", dest="start", type=Path, metavar="FILE",
        help="start from the encoder of a depth network, as weight/lite.safetensors, or a network of focal lengths",
    )  # fmt: skip
    parser.add_argument(
        "--mix-style", type=float, default=0.0, metavar="SHARE",
        help="share of batches whose images exchange light, color and grain, at each of two stages (default: 0)",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="random seed (default: 0)")
    parser.add_argument(
        "--threads", type=int, default=os.cpu_count() or 1, metavar="N", help="threads of the network (default: all)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train, write the weights and return the exit code."""
    from mono.cli.train import weight_metadata
    from mono.model.focal_network import load_focal_network
    from mono.runs.folder import refuse_existing
    from mono.system.errors import MetricDepthError
    from mono.system.threads import share_cores
    from mono.training.focal import FocalRun, train_focal
    from mono.training.focal_errors import calibrate, measure
    from mono.training.focal_views import read_views
    from mono.training.loop import write_weights

    if args.out.is_dir():
        raise MetricDepthError(f"{args.out} is a folder; name a file for the weights, such as focal.safetensors")
    if args.start and args.start.exists() and args.out.exists() and args.start.samefile(args.out):
        raise MetricDepthError(f"{args.out}: is the network to start from, and would be replaced; choose another --out")
    refuse_existing(args.out, args.overwrite)
    share_cores(args.threads)
    if args.minutes:
        settings = FocalRun(args.minutes, args.start, seed=args.seed, mix_style=args.mix_style)
        if not args.data:
            raise MetricDepthError("train-focal: there is nothing to train on; give annotation files by --data")
        held = read_views(args.val)
        network = train_focal(read_views(args.data), held, settings)
    elif args.start:
        held, network = read_views(args.val), load_focal_network(args.start)
    else:
        raise MetricDepthError("train-focal: --minutes 0 needs a network of focal lengths; give one by --from")
    calibrate(network, held)
    write_weights(network.state_dict(), args.out, weight_metadata("focal"))
    for name, part in zip(args.val, held, strict=True):
        error = measure(network, part)
        sys.stdout.write(f"{name}: {len(part)} images, median error of ln(focal length) {error.median:.3f}, ")
        sys.stdout.write(f"of the best constant {error.constant:.3f}, {100 * error.held:.0f} % within the error\n")
    return 0
