"""Training killed at random and started again: the same bytes as without the kills, and no stray file."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mono.training.schedule import LAST, PROGRESS, WEIGHTS
from tests.training.test_resume import content, lines, same

ROOT = Path(__file__).parents[2]
_RUN = """
import sys, torch
from pathlib import Path
from mono.training.data.images import read_frames
from mono.training.loop import export, train
from mono.training.schedule import LAST, WEIGHTS, Run
from tests.training.small import CONFIG
from tests.training.test_resume import RANDOM
torch.set_num_threads(1)
out = Path(sys.argv[2])
run = Run(out, steps=60, precision="float32", workers=0, every=(0.0, 5, 500))
train(CONFIG, RANDOM, read_frames([Path(sys.argv[1])]), {}, run)
export(out / LAST, out / WEIGHTS, {"config": "small.py", "commit": "unknown"})
"""


def start(annotations: Path, out: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-c", _RUN, annotations, out], cwd=ROOT, env=environment)


@pytest.mark.parametrize("kills", [2, pytest.param(30, marks=pytest.mark.slow)])
def test_killed_training_ends_like_others(tmp_path: Path, annotations: Path, kills: int, request):
    if kills > 2 and "slow" not in request.config.getoption("markexpr"):
        pytest.skip("takes minutes: run it with -m slow")
    whole, begun = tmp_path / "whole", time.monotonic()
    assert start(annotations, whole).wait() == 0
    seconds, chance, done, number = time.monotonic() - begun, random.Random(kills), 0, 0

    def compare(out: Path) -> None:
        assert sorted(p.name for p in out.iterdir()) == sorted([LAST, PROGRESS, WEIGHTS])
        assert (out / WEIGHTS).read_bytes() == (whole / WEIGHTS).read_bytes()
        same(content(whole), content(out))
        assert lines(whole) == lines(out)

    while done < kills:
        run = start(annotations, tmp_path / str(number))
        try:
            assert run.wait(chance.uniform(0, seconds)) == 0
        except subprocess.TimeoutExpired:
            run.send_signal(signal.SIGKILL)
            done += run.wait() == -signal.SIGKILL
        else:
            compare(tmp_path / str(number))
            number += 1
    assert start(annotations, tmp_path / str(number)).wait() == 0
    compare(tmp_path / str(number))
