"""Train ConvNeXt-T with the hourglass decoder for 50 steps from random weights.

    python benchmarks/train_convnext.py --data scenes/annotations.json

It uses the small model's training code. Images are small and the canonical focal length is lowered with them, so depth
stays in the network's range; the learning rate is ten times the recipe's, as weights are random and steps only 50. All
else is the recipe `convnext` and the config `convtiny.0.3_150.py`. Prints each loss's mean over the first and last ten
steps.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import torch

from mono.config import read_config
from mono.training.data.images import read_frames
from mono.training.loop import train
from mono.training.recipe import read_recipe
from mono.training.schedule import PROGRESS, Run


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", required=True, metavar="JSON")
    parser.add_argument("--config", default="convtiny.0.3_150.py")
    parser.add_argument("--steps", type=int, default=50, metavar="N")
    parser.add_argument("--size", type=int, nargs=2, default=(128, 160), metavar=("H", "W"))
    parser.add_argument("--batch", type=int, default=4, metavar="N")
    parser.add_argument("--threads", type=int, default=1, metavar="N")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    config = read_config(args.config, {"data_basic.canonical_space.focal_length": 0.8 * args.size[1]})
    size = (args.size[0], args.size[1])
    changes = {"sizes": [size], "batch_pixels": args.batch * size[0] * size[1], "lr": 1e-3, "encoder_lr": 1e-3}
    recipe = read_recipe("convnext", changes)
    frames = read_frames(args.data)
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder), steps=args.steps, workers=0, every=(1e9, 1, 10**9))
        began = time.monotonic()
        train(config, recipe, frames, {}, run)
        seconds = (time.monotonic() - began) / args.steps
        lines = [json.loads(line) for line in (Path(folder) / PROGRESS).read_text().splitlines()]
    print(f"{args.config}, {args.batch} x {size[0]}x{size[1]}, {len(frames)} frames, {seconds:.2f} s a step\n")
    print("| loss | first ten steps | last ten steps |\n|---|---|---|")
    for name in ("loss", *recipe.losses):
        first, last = (sum(line[name] for line in part) / len(part) for part in (lines[:10], lines[-10:]))
        print(f"| {name} | {first:.3f} | {last:.3f} |")


if __name__ == "__main__":
    main()
