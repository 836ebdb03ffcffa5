"""Standard errors and intervals: they hold what they announce, and say so where there is nothing to announce."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mono.calibration.depth_alignment import DepthAlignment
from mono.geometry.camera import Camera
from mono.inference.measurement import measure
from mono.inference.prediction import Prediction
from mono.inference.uncertainty import Uncertainty, announced_scale
from mono.system.errors import MetricDepthError

CAMERA = Camera.from_fov(60, 400, 300)


def prediction(**values) -> Prediction:
    """Depth of 5 m whose confidence announces errors of 5 to 30 %."""
    confidence = np.exp(-np.linspace(0.05, 0.3, 120_000, dtype=np.float32)).reshape(300, 400)
    depth = np.full((300, 400), 5.0, np.float32)
    depth[0] = 0
    return Prediction(depth, confidence, CAMERA, error_scale=1.25, **values)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_intervals_hold_the_announced_share_of_laplace_errors(level: float) -> None:
    found = prediction()
    scale = -1.25 * np.log(found.confidence)
    errors = np.random.default_rng(0).laplace(0, scale)
    low, high = found.interval(level)
    inside = ((low <= 5 * np.exp(errors)) & (5 * np.exp(errors) <= high))[1:]
    assert inside.mean() == pytest.approx(level, abs=0.005)
    assert (low[0] == 0).all() and (high[0] == 0).all()


def test_the_standard_error_is_that_of_the_errors() -> None:
    found = prediction()
    errors = np.random.default_rng(1).laplace(0, -1.25 * np.log(found.confidence))
    assert np.sqrt(np.mean((found.std / 5)[1:] ** 2)) == pytest.approx(errors[1:].std(), rel=0.01)
    assert found.std.dtype == np.float32 and (found.std[0] == 0).all()


def test_an_estimated_focal_length_adds_its_own_error() -> None:
    given, estimated = prediction(), prediction(camera_source="estimated", focal_error=0.14)
    np.testing.assert_allclose(estimated.std[1:], 5 * np.hypot(given.std[1:] / 5, 0.14), rtol=1e-5)
    assert estimated.uncertainty.shared == 0.14 and estimated.notes()["focal_error"] == 0.14


def test_an_assumed_focal_length_adds_its_part() -> None:
    given, assumed = prediction(), prediction(camera_source="assumed")
    np.testing.assert_allclose(assumed.std[1:], 5 * np.hypot(given.std[1:] / 5, 0.25), rtol=1e-5)
    assert (prediction(camera_source="exif").std[1:] > given.std[1:]).all()


def test_known_distances_decide_where_depth_is_aligned() -> None:
    alignment = DepthAlignment("scale", 1.1, 0.03, 0.04, 20, {})
    found = prediction(camera_source="assumed", alignment=alignment)
    np.testing.assert_allclose(found.std[1:], 0.25, rtol=1e-5)  # 5 % of 5 m
    low, high = found.interval(0.6827)
    np.testing.assert_allclose([low[5, 5], high[5, 5]], [5 * math.exp(-0.05), 5 * math.exp(0.05)], rtol=1e-3)


def test_measured_lengths_have_the_error_of_their_points() -> None:
    found = prediction()
    confidence = found.confidence
    expected = math.sqrt((math.log(confidence[150, 100]) ** 2 + math.log(confidence[150, 300]) ** 2) * 1.25**2)
    assert measure(found, [(100, 150), (300, 150)]).relative_error == pytest.approx(expected, abs=1e-4)
    plain = Prediction(found.depth, np.full_like(found.depth, np.nan), CAMERA)
    assert measure(plain, [(100, 150), (300, 150)]).relative_error is None


def test_a_model_that_announces_nothing_is_said() -> None:
    plain = Prediction(np.ones((9, 9), np.float32), np.ones((9, 9), np.float32), Camera.from_fov(60, 9, 9))
    for ask in (lambda: plain.std, plain.interval):
        with pytest.raises(MetricDepthError, match="announces no errors: standard errors need lite, or aligned depth"):
            ask()
    assert announced_scale({"decoder": "HourglassDecoder"}) is None
    for level in (0, 1, 90, float("nan")):
        with pytest.raises(MetricDepthError, match="give a share between 0 and 1"):
            Uncertainty(1.0).half_width(plain.confidence, level)
