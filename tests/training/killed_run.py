"""A short run of training and its export: python -m tests.training.killed_run ANNOTATIONS OUT."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from mono.training.data.images import read_frames
from mono.training.loop import export, train
from mono.training.schedule import LAST, WEIGHTS, Run
from tests.training.small import CONFIG
from tests.training.test_resume import RANDOM

if __name__ == "__main__":
    torch.set_num_threads(1)
    annotations, out = map(Path, sys.argv[1:])
    run = Run(out, steps=12, precision="float32", workers=0, every=(0.0, 3, 500))
    train(CONFIG, RANDOM, read_frames([annotations]), {}, run)
    export(out / LAST, out / WEIGHTS, {"config": "small.py", "commit": "unknown"})
