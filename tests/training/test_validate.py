"""Validation scores, checked by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from mono.model.depth_model import build_depth_model
from mono.training.validate import read_sets, validate
from tests.training.small import CONFIG


def test_validation_by_hand(annotations: Path):
    network = build_depth_model(**{**CONFIG.architecture, "depth_range": (1.0, 16.0)}).eval()
    (score,) = validate(network, CONFIG.transform, read_sets([annotations], 5)).values()
    # It says 4 m where 2 m and 8 m are true.
    assert score.abs_rel == pytest.approx((1.0 + 0.5) / 2, rel=1e-3)
    assert score.delta1 == 0 and score.aligned_delta1 == 1
    assert score.scale == pytest.approx((0.5 + 2) / 2, rel=1e-3)
    assert score.spread == pytest.approx(math.log(4) / 2, rel=1e-3)


def test_images_are_spread_over_a_set(annotations: Path):
    (chosen,) = read_sets([annotations], 1).values()
    assert len(chosen) == 1


def test_a_set_may_be_a_folder_and_is_named_by_it(annotations: Path):
    assert read_sets([annotations.parent], 5) == read_sets([annotations], 5)
    assert list(read_sets([annotations.parent], 5)) == [annotations.parent.name]
