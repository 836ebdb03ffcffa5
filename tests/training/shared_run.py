"""Run of several processes, as torchrun starts them: -m tests.training.shared_run ANNOTATIONS OUT STEPS."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import torch

from mono.system.distributed import join_ranks
from mono.training.data.images import read_frames
from mono.training.loop import train
from mono.training.schedule import Run
from tests.training.small import CONFIG, RECIPE

# Adam divides by the gradient's size, and so makes rounding errors as large as the learning rate.
SLOW = replace(RECIPE, lr=1e-4, encoder_lr=1e-4)

if __name__ == "__main__":
    torch.set_num_threads(1)
    annotations, out, steps = sys.argv[1:]
    run = Run(Path(out), steps=int(steps), precision="float32", workers=0, every=(0.0, 1, 500))
    train(CONFIG, SLOW, read_frames([annotations]), {}, run, join_ranks())
