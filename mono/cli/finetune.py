"""`metricdepth finetune`: adapt a network to your own images with depth."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mono.cli.train import add_run_flags, weight_metadata
from mono.system.errors import MetricDepthError

if TYPE_CHECKING:
    from mono.training.finetune import Outcome


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("finetune")
    parser.add_argument(
        "--from", dest="start", default="lite", metavar="MODEL", help="zoo name, config or checkpoint (default: lite)"
    )
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="weights of the model, if --from is a config")
    parser.add_argument(
        "--data", nargs="+", required=True, metavar="JSON[:KIND]",
        help="annotation files, or folders with an annotations.json; kind of ground truth: rendered, dense or sparse "
        "(default: dense)",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for weights and scores")
    parser.add_argument(
        "--val", nargs="+", default=[], metavar="JSON",
        help="score on these annotation files (default: hold out 15 %% of the scenes of --data)",
    )  # fmt: skip
    parser.add_argument("--val-images", type=int, default=40, metavar="N", help="images to score on (default: 40)")
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--minutes", type=float, default=5.0, metavar="M",
        help="train for this long; results depend on the machine's speed (default: 5)",
    )  # fmt: skip
    length.add_argument("--steps", type=int, default=0, metavar="N", help="train for N steps instead (reproducible)")
    parser.add_argument("--recipe", default="finetune", help="name or file of the training recipe (default: finetune)")
    add_run_flags(parser)
    parser.set_defaults(run=run, resumes=True)


def run(args: argparse.Namespace) -> int:
    """Fine-tune a network and return the exit code."""
    import torch

    from mono.config import ModelConfig, parse_options
    from mono.inference.load import load_model
    from mono.inference.network import NetworkPredictor
    from mono.io.atomic import write_bytes
    from mono.runs.folder import lock_output_folder
    from mono.system.memory import keep_memory
    from mono.system.threads import share_cores
    from mono.training.data.images import read_frames
    from mono.training.finetune import finetune, samples_of, split
    from mono.training.loop import write_weights
    from mono.training.recipe import read_recipe
    from mono.training.schedule import WEIGHTS, Run

    keep_memory()
    share_cores(args.threads)
    frames = read_frames(args.data)
    frames, held = (frames, read_frames(args.val)) if args.val else split(frames)
    start = load_model(args.start, checkpoint=args.checkpoint, device=args.device, options=parse_options(args.options))
    if not isinstance(start, NetworkPredictor):
        raise MetricDepthError(
            f"{args.start} is an exported file, which cannot be trained: give its model or checkpoint"
        )
    architecture: dict[str, Any] = dict(start.architecture)
    config = ModelConfig(**architecture, transform=start.transform, path=Path(f"{start.name}.py"))
    values = parse_options(args.set)
    if config.transform.mode == "label":  # these networks train at their inference size
        values.setdefault("sizes", [config.transform.crop_size])
    if "efficientnet" not in config.encoder:
        values.setdefault("frozen_blocks", 0)
    plan = Run(
        out=args.out, start=start.checkpoint, minutes=0.0 if args.steps else args.minutes, steps=args.steps,
        seed=args.seed, device=str(start.device), precision=args.precision, workers=args.workers, every=(60.0, 20, 500),
    )  # fmt: skip
    if args.val_images < 1:
        raise MetricDepthError(f"--val-images {args.val_images}: give at least 1")
    samples = samples_of(held, args.val_images)
    sys.stdout.write(f"training on {len(frames)} images, scoring on {len(samples)} of {len(held)} held-out images\n")
    network: Any = start.network
    network.sky_depth = None  # depth that ground truth shows is scored, sky or not
    network.to(memory_format=torch.contiguous_format)  # the layout of checkpoints, so that a resumed run rounds alike
    with lock_output_folder(args.out):
        outcome = finetune(network, config, read_recipe(args.recipe, values), frames, samples, plan)
        metadata = weight_metadata(config.path.name) | {
            "from": start.checkpoint.name,
            "finetuned": str(outcome.improved).lower(),
            "run": outcome.run,
        }
        write_weights(outcome.tensors, args.out / WEIGHTS, metadata)
        scores = {"before": asdict(outcome.before), "after": asdict(outcome.after), "improved": outcome.improved}
        scores |= {"frames": len(frames), "held_out": len(samples), "unreadable": outcome.unreadable}
        write_bytes(args.out / "finetune.json", json.dumps(scores).encode())
    sys.stdout.write(_table(outcome, start.name, args.start, args.out / WEIGHTS))
    if outcome.unreadable:
        message = "images could not be read: `metricdepth annotate check` names all that is wrong with them"
        sys.stdout.write(f"{outcome.unreadable} of {len(frames)} {message}\n")
    return 0


def _table(outcome: Outcome, name: str, model: str, weights: Path) -> str:
    lines = ["", f"{'held-out images':18}{'AbsRel':>8}{'delta1':>8}{'scale':>8}"]
    for label, score in ((name, outcome.before), ("fine-tuned", outcome.after)):
        lines.append(f"{label:18}{score.abs_rel:8.3f}{score.delta1:8.3f}{score.scale:8.2f}")
    if outcome.improved:
        use = f"--model {model} --checkpoint {weights}" if model.endswith(".py") else f"--model {weights}"
        lines += ["", f"{weights} holds the fine-tuned network: use it with {use}"]
    else:
        lines += ["", f"fine-tuning did not improve AbsRel: {weights} holds the weights it started from"]
    return "\n".join(lines) + "\n"
