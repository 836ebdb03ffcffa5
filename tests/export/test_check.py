"""Tests of the comparison of exported files with their models."""

from dataclasses import replace

import numpy as np
import pytest

from mono.export.check import BOUND, _agreement
from mono.geometry.camera import Camera
from mono.inference.prediction import Prediction

SHAPE = (120, 160)


@pytest.fixture
def street() -> Prediction:
    depth = np.full(SHAPE, 5, np.float32)
    sky = np.full(SHAPE, 0.01, np.float32)
    depth[:40], sky[:40], sky[40] = 200, 0.99, 0.501
    depth[40] = 200
    return Prediction(depth, np.ones(SHAPE, np.float32), Camera.from_fov(60, 160, 120), "given", "", sky=sky)


def _with(prediction: Prediction, rows: slice, columns: slice, depth: float) -> Prediction:
    other = prediction.depth.copy()
    other[rows, columns] = depth
    return replace(prediction, depth=other)


def test_far_sky_may_begin_a_pixel_earlier_where_its_probability_is_at_the_threshold(street: Prediction) -> None:
    found = _agreement(street, _with(street, slice(38, 41), slice(0, 3), 5), "float32")
    assert found.depth == 0 and found.invalid == 9 / (120 * 160) and found.within
    many = _agreement(street, _with(street, slice(38, 41), slice(0, 30), 5), "float32")
    assert many.invalid == 90 / (120 * 160) > BOUND and not many.within


def test_far_sky_elsewhere_and_depth_must_be_equal(street: Prediction) -> None:
    for row in (10, 90):
        found = _agreement(street, _with(street, slice(row, row + 1), slice(0, 1), 50), "float32")
        assert found.depth == pytest.approx({10: 0.75, 90: 9}[row]) and not found.within
