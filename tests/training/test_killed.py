"""Training killed at random and started again: the same bytes as without the kills, and no stray file."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from mono.training.schedule import LAST, PROGRESS, WEIGHTS
from tests.training.test_resume import content, lines, same
from tests.warm_process import WarmProcess


def start(annotations: Path, out: Path) -> WarmProcess:
    return WarmProcess("tests.training.killed_run", annotations, out)


@pytest.mark.parametrize("kills", [2, pytest.param(30, marks=pytest.mark.slow)])
def test_killed_training_ends_like_others(tmp_path: Path, annotations: Path, kills: int):
    whole, begun = tmp_path / "whole", time.monotonic()
    assert start(annotations, whole).wait() == 0
    seconds, chance, done, number = time.monotonic() - begun, random.Random(kills), 0, 0

    def compare(out: Path) -> None:
        assert sorted(p.name for p in out.iterdir()) == sorted([LAST, PROGRESS, WEIGHTS])
        assert (out / WEIGHTS).read_bytes() == (whole / WEIGHTS).read_bytes()
        same(content(whole), content(out))
        assert lines(whole) == lines(out)

    while done < kills:
        run, begun = start(annotations, tmp_path / str(number)), time.monotonic()
        try:
            assert run.wait(chance.uniform(0, seconds)) == 0
        except subprocess.TimeoutExpired:
            run.send_signal(signal.SIGKILL)
            done += run.wait() == -signal.SIGKILL
        else:
            compare(tmp_path / str(number))
            number += 1
            seconds = min(seconds, time.monotonic() - begun)  # the first run may have met a busy machine
    assert start(annotations, tmp_path / str(number)).wait() == 0
    compare(tmp_path / str(number))
