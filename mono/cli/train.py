"""`metricdepth train`: annotated frames to a network."""

from __future__ import annotations

import argparse
import os
import subprocess
from datetime import datetime, timezone
from pathlib import Path


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser("train", help="annotated frames to a network; a stopped run is continued")
    parser.add_argument("config", help="config of the network, as lite.py")
    parser.add_argument(
        "--data", nargs="+", required=True, metavar="JSON[:KIND]",
        help="frames to train on; the kind of their ground truth is rendered, dense, sparse, relative, "
        "predicted or unlabelled (default: as the recipe says)",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="checkpoint, progress and weights")
    parser.add_argument(
        "--from", dest="start", type=Path, metavar="FILE", help="checkpoint to start from, as weight/lite.safetensors"
    )
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=float, default=0.0, metavar="M", help="train for this long")
    length.add_argument("--steps", type=int, default=0, metavar="N", help="train for this many steps")
    parser.add_argument("--recipe", default="lite", help="how to train: a file, or a name (default: lite)")
    parser.add_argument("--val", type=Path, nargs="*", default=[], metavar="JSON", help="frames to evaluate on")
    parser.add_argument("--val-images", type=int, default=10, metavar="N", help="of each of them (default: 10)")
    parser.add_argument("--val-every", type=int, default=500, metavar="N", help="steps (default: 500)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    parser.add_argument("--tensorboard", action="store_true", help="write curves for TensorBoard into DIR/tensorboard")
    parser.add_argument(
        "--launcher", default="None", help="None, pytorch (torchrun; found out by itself) or slurm (default: None)"
    )
    add_run_flags(parser)
    parser.set_defaults(run=run, resumes=True)


def add_run_flags(parser: argparse.ArgumentParser) -> None:
    """Adds what training and fine-tuning share: overrides, seed, precision, processes and threads."""
    parser.add_argument(
        "--set", nargs="+", default=[], metavar="K=V", help="values of the recipe, as lr=2e-3 (a Python literal each)"
    )
    parser.add_argument("--options", nargs="+", default=[], metavar="K=V", help="values of the config")
    parser.add_argument("--seed", type=int, default=0, metavar="S")
    parser.add_argument("--precision", choices=("bfloat16", "float32"), default="bfloat16")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes that read images (default: 1)")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, metavar="N", help="of the network")


def run(args: argparse.Namespace) -> int:
    """Trains; returns the exit code."""
    import torch

    from mono.config import parse_options, read_config
    from mono.system.distributed import join_ranks
    from mono.system.memory import keep_memory
    from mono.training.data.images import read_frames
    from mono.training.loop import export, train
    from mono.training.recipe import read_recipe
    from mono.training.schedule import LAST, WEIGHTS, Run
    from mono.training.validate import read_sets

    keep_memory()
    torch.set_num_threads(args.threads)
    ranks = join_ranks(args.launcher)
    config = read_config(args.config, parse_options(args.options))
    recipe = read_recipe(args.recipe, parse_options(args.set))
    frames = read_frames(args.data)
    sets = read_sets(args.val, args.val_images)
    plan = Run(
        out=args.out, start=args.start, minutes=args.minutes, steps=args.steps, seed=args.seed,
        device=f"cuda:{ranks.local}" if args.device == "cuda" else args.device,
        precision=args.precision, workers=args.workers, every=(180.0, 20, args.val_every), tensorboard=args.tensorboard,
    )  # fmt: skip
    train(config, recipe, frames, sets, plan, ranks)
    if ranks.rank == 0:
        export(args.out / LAST, args.out / WEIGHTS, weight_metadata(config.path.name))
    return 0


def weight_metadata(config: str) -> dict[str, str]:
    """Where weights come from, for their file."""
    return {"config": config, "date": datetime.now(timezone.utc).isoformat(timespec="seconds"), "commit": _commit()}


def _commit() -> str:
    """The source tree's commit, or "unknown"."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
