"""Schedule of a run: learning rate and length."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from mono.system.errors import MetricDepthError
from mono.training.schedule import Run, rate


def test_rate_rises_then_falls():
    assert rate(0.0, 0.1) == 0.01
    assert rate(0.05, 0.1) == pytest.approx(0.5)
    assert rate(0.1, 0.1) == pytest.approx(1.0)
    assert rate(0.55, 0.1) == pytest.approx(0.505)
    assert rate(1.0, 0.1) == pytest.approx(0.01)


def test_a_run_is_measured_by_the_clock_or_by_steps(tmp_path: Path):
    assert Run(tmp_path, minutes=2).share_done(999, 60) == 0.5
    assert Run(tmp_path, steps=10).share_done(4, 1e9) == 0.4


def test_the_remaining_time_follows_from_the_speed_so_far(tmp_path: Path):
    assert Run(tmp_path, steps=10).minutes_left(4, 120.0) == pytest.approx(3.0)
    assert Run(tmp_path, minutes=5).minutes_left(4, 120.0) == pytest.approx(3.0)
    assert Run(tmp_path, steps=10).minutes_left(0, 0.0) == math.inf


@pytest.mark.parametrize("length", [{}, {"minutes": -1.0}, {"minutes": math.nan}, {"minutes": math.inf}, {"steps": -5}])
def test_a_run_has_a_length(tmp_path: Path, length: dict[str, Any]):
    with pytest.raises(ValueError, match="training takes a positive number"):
        Run(tmp_path, **length)


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"seed": 10**23}, {"workers": -1}])
def test_seed_and_workers_have_a_range(tmp_path: Path, wrong: dict[str, int]):
    (name,) = wrong
    with pytest.raises(MetricDepthError, match=f"{name}s? (is|are) {wrong[name]}"):
        Run(tmp_path, steps=1, **wrong)  # type: ignore[arg-type]


def test_validation_has_an_interval(tmp_path: Path):
    with pytest.raises(ValueError, match=r"every is \(60.0, 20, 0\)"):
        Run(tmp_path, steps=1, every=(60.0, 20, 0))
