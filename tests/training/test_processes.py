"""Two processes at one run learn what one does with twice the batch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mono.training.data.images import read_frames
from mono.training.loop import train
from mono.training.schedule import LAST, PROGRESS, Run
from tests.training.shared_run import SLOW
from tests.training.small import CONFIG, RECIPE

ROOT = Path(__file__).parents[2]


def torchrun(annotations: Path, out: Path, steps: int) -> str:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "tests.training.shared_run", str(annotations), str(out), str(steps)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stderr


def curve(out: Path) -> list[dict[str, Any]]:
    names = ("step", "loss", "norm", *RECIPE.losses)
    lines = [json.loads(line) for line in (out / PROGRESS).read_text().splitlines()]
    return [{name: line[name] for name in names} for line in lines]


@pytest.mark.slow
@pytest.mark.integration
def test_two_processes_are_one_with_twice_the_batch_and_continue(tmp_path: Path, annotations: Path):
    shared = tmp_path / "shared"
    torchrun(annotations, shared, 2)
    torchrun(annotations, shared, 4)
    assert sorted(p.name for p in shared.iterdir()) == [LAST, PROGRESS]

    alone = tmp_path / "alone"
    recipe = replace(SLOW, batch_pixels=2 * RECIPE.batch_pixels)
    run = Run(alone, precision="float32", workers=0, every=(0.0, 1, 500))
    for steps in (2, 4):
        train(CONFIG, recipe, read_frames([annotations]), {}, replace(run, steps=steps))
    assert [line["step"] for line in curve(shared)] == [1, 2, 3, 4]
    for ours, theirs in zip(curve(shared), curve(alone), strict=True):
        assert ours["norm"] == pytest.approx(theirs["norm"], rel=1e-3)
        ours["norm"] = theirs["norm"]
        assert ours == pytest.approx(theirs, rel=1e-5, abs=1.1e-5)  # the file has five digits
