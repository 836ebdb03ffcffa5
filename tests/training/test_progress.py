"""Training log: means over steps, and lines that survive an interruption."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from mono.training.progress import Progress
from mono.training.schedule import PROGRESS, Run


def test_lines_hold_means_since_the_last_line(tmp_path: Path):
    progress = Progress(Run(tmp_path, steps=8))
    progress.add({"loss": 1.0}, images=3)
    progress.add({"loss": 2.0}, images=3)
    progress.line(2, 60.0)
    progress.add({"loss": 5.0}, images=4)
    progress.line(4, 120.0)
    first, second = (json.loads(line) for line in (tmp_path / PROGRESS).read_text().splitlines())
    assert first == {"step": 2, "images_per_second": 0.1, "minutes": 1.0, "minutes_left": 3.0, "loss": 1.5}
    assert second["loss"] == 5.0 and second["images_per_second"] == pytest.approx(4 / 60, abs=0.005)


def test_steps_that_are_not_finite_are_left_out_of_means_and_counted(tmp_path: Path):
    progress = Progress(Run(tmp_path, steps=8))
    progress.add({"loss": 1.0, "norm": 2.0}, images=3)
    progress.add({"loss": 9.0, "norm": math.inf}, images=3)
    state = progress.state()
    progress.line(2, 60.0)
    progress.add({"loss": math.nan}, images=3)
    progress.line(3, 60.0)
    progress.restore(state)
    progress.line(4, 60.0)
    lines = [json.loads(line) for line in (tmp_path / PROGRESS).read_text().splitlines()]
    assert [(line["loss"], line["skipped"]) for line in lines] == [(1.0, 1), (None, 1), (1.0, 1)]


def test_a_log_that_cannot_be_written_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    progress = Progress(Run(tmp_path / "absent", steps=8))
    progress.add({"loss": 1.0}, images=3)
    progress.line(1, 60.0)
    assert "training goes on without this line" in caplog.text


def test_a_restored_log_continues_its_means(tmp_path: Path):
    progress = Progress(Run(tmp_path, steps=8))
    progress.add({"loss": 1.0}, images=3)
    again = Progress(Run(tmp_path, steps=8))
    again.restore(progress.state())
    again.add({"loss": 3.0}, images=3)
    again.line(2, 60.0)
    assert json.loads((tmp_path / PROGRESS).read_text())["loss"] == 2.0


def test_lines_of_later_steps_and_broken_lines_are_removed(tmp_path: Path):
    path = tmp_path / PROGRESS
    path.write_text('{"step": 2}\n{"step": 4}\n{"step": 6}\n{"step": 2, "lo')
    Progress(Run(tmp_path, steps=8)).open(4)
    assert path.read_text() == '{"step": 2}\n{"step": 4}\n'
