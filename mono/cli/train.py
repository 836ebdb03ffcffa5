"""`metricdepth train`: train a depth network on annotated images."""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
from pathlib import Path


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("train")
    parser.add_argument("config", help="config of the network, such as lite.py")
    parser.add_argument(
        "--data", nargs="+", required=True, metavar="JSON[:KIND]",
        help="annotation files, or folders with an annotations.json; kind of ground truth: rendered, dense, sparse, "
        "relative, predicted, unlabelled or sky (default: by the recipe)",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for checkpoint, log and weights")
    parser.add_argument(
        "--from", dest="start", type=Path, metavar="FILE", help="zoo name or initial checkpoint, such as lite"
    )
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument(
        "--minutes", type=float, default=0.0, metavar="M",
        help="train for this long; the learning rate follows the clock, so results are not reproducible",
    )  # fmt: skip
    length.add_argument("--steps", type=int, default=0, metavar="N", help="train for this many steps (reproducible)")
    parser.add_argument("--recipe", default="lite", help="name or file of the training recipe (default: lite)")
    parser.add_argument("--val", nargs="*", default=[], metavar="JSON", help="validate on these annotation files")
    parser.add_argument("--val-images", type=int, default=10, metavar="N", help="images per file (default: 10)")
    parser.add_argument("--val-every", type=int, default=500, metavar="N", help="validate every N steps (default: 500)")
    parser.add_argument("--tensorboard", action="store_true", help="write curves for TensorBoard into DIR/tensorboard")
    parser.add_argument(
        "--launcher", default="None", help="None (detects torchrun), pytorch (torchrun) or slurm (default: None)"
    )
    add_run_flags(parser)
    parser.set_defaults(run=run, resumes=True)


def add_run_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that training and fine-tuning share."""
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (default: auto)")
    parser.add_argument(
        "--set", nargs="+", default=[], metavar="K=V", help="override recipe values with Python literals, as in lr=2e-3"
    )
    parser.add_argument("--options", nargs="+", default=[], metavar="K=V", help="override config values")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="random seed (default: 0)")
    parser.add_argument(
        "--precision", choices=("bfloat16", "float32"), default="bfloat16", help="of the network (default: bfloat16)"
    )
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes that read images (default: 1)")
    parser.add_argument(
        "--threads", type=int, default=os.cpu_count() or 1, metavar="N", help="threads of the network (default: all)"
    )


def run(args: argparse.Namespace) -> int:
    """Train a network and return the exit code."""
    import torch

    from mono.config import parse_options, read_config
    from mono.inference.devices import choose_device
    from mono.model.download import find_or_fetch
    from mono.model.zoo import MODELS
    from mono.runs.folder import lock_output_folder
    from mono.system.distributed import join_ranks
    from mono.system.memory import keep_memory
    from mono.system.threads import share_cores
    from mono.training.data.images import read_frames
    from mono.training.loop import export, train
    from mono.training.recipe import read_recipe
    from mono.training.schedule import LAST, WEIGHTS, Run
    from mono.training.validate import read_sets

    keep_memory()
    share_cores(args.threads)
    ranks = join_ranks(args.launcher)
    device = choose_device(args.device)
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", ranks.local)
    config = read_config(args.config, parse_options(args.options))
    recipe = read_recipe(args.recipe, parse_options(args.set))
    frames = read_frames(args.data)
    sets = read_sets(args.val, args.val_images)
    if (record := MODELS.get(str(args.start))) and not args.start.is_file():
        args.start = find_or_fetch(record)
    plan = Run(
        out=args.out, start=args.start, minutes=args.minutes, steps=args.steps, seed=args.seed, device=str(device),
        precision=args.precision, workers=args.workers, every=(180.0, 20, args.val_every), tensorboard=args.tensorboard,
    )  # fmt: skip
    with lock_output_folder(args.out) if ranks.rank == 0 else contextlib.nullcontext():
        train(config, recipe, frames, sets, plan, ranks)
        if ranks.rank == 0:
            export(args.out / LAST, args.out / WEIGHTS, weight_metadata(config.path.name))
    return 0


def weight_metadata(config: str) -> dict[str, str]:
    """Describe the origin of weights for their file's header; has no date, so equal runs give equal files."""
    return {"config": config, "commit": _commit()}


def _commit() -> str:
    """Return the source tree's commit, or "unknown"."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
