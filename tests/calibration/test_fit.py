from __future__ import annotations

import math

import numpy as np
import pytest

from mono.calibration.depth_alignment import DepthAlignment
from mono.calibration.fit import align_depth, fit_alignment
from mono.calibration.known import AlignmentError, Known
from mono.calibration.observations import Observations
from mono.data.saved_predictions import PredictionFormat
from mono.inference.prediction import Prediction
from tests.calibration.rooms import CAMERA, distances, room

ROOM = room()


def known_points(points: np.ndarray) -> Known:
    return Known(points=tuple(map(tuple, points.tolist())))


def log_ratios(x: np.ndarray, y: np.ndarray, sigma: float = 0.01) -> Observations:
    place = np.column_stack([np.full((len(x), 2), 0.5), x])
    return Observations(place, y, np.full(len(x), sigma), {}, "test", (320, 240))


def test_standard_errors_hold_and_the_factor_is_within_a_percent() -> None:
    """200 draws: 20 points with 2 % noise, two of them grossly wrong, of a room scaled and bent."""
    rng = np.random.default_rng(0)
    errors, standard = [], []
    for _ in range(200):
        factor, exponent = rng.uniform(0.6, 1.7), rng.choice([1.0, 1.0, 0.85, 1.15])
        predicted = ((ROOM.astype(np.float64) / factor) ** (1 / exponent)).astype(np.float32)
        points = distances(ROOM, rng, 20, 0.02)
        wrong = rng.choice(20, 2, replace=False)
        points[wrong, 2] *= rng.choice([0.4, 0.55, 1.8, 3.0], 2)
        _, found = align_depth(predicted, CAMERA, known_points(points))
        true = math.log(factor) + (exponent - 1) * math.log(found.center)
        errors.append(abs(math.log(found.scale) - true))
        standard.append(found.standard_error)
    ratio = np.array(errors) / np.array(standard)
    assert 0.60 <= (ratio < 1).mean() <= 0.76
    assert 0.90 <= (ratio < 2).mean() <= 0.99
    assert (np.array(errors) < 0.01).mean() > 0.93


def test_gross_outliers_are_left_out_and_counted() -> None:
    points = distances(ROOM, np.random.default_rng(3), 20, 0.01)
    points[[2, 11], 2] *= (3.0, 0.4)
    aligned, found = align_depth(ROOM / 1.5, CAMERA, known_points(points))
    assert found.scale == pytest.approx(1.5, rel=0.01)
    assert found.left_out == {"contradicting the others": 2} and found.used == 18
    assert np.median(aligned / ROOM) == pytest.approx(1, abs=0.01)


def test_a_bent_depth_gets_an_exponent_and_a_straight_one_does_not() -> None:
    points = known_points(distances(ROOM, np.random.default_rng(1), 60, 0.01))
    bent = (ROOM.astype(np.float64) ** (1 / 1.3)).astype(np.float32)
    aligned, found = align_depth(bent, CAMERA, points)
    assert found.model == "affine"
    assert found.exponent == pytest.approx(1.3, abs=3 * found.exponent_error + 0.01)
    assert np.abs(aligned / ROOM - 1).max() < 0.03
    assert align_depth(ROOM / 1.3, CAMERA, points)[1].model == "scale"


def test_a_field_is_fitted_to_dense_depth_that_errs_over_the_image() -> None:
    u = np.linspace(-1, 1, 320)[None, :] * np.ones((240, 1))
    predicted = (ROOM * np.exp(0.15 * np.sin(2 * u))).astype(np.float32)
    points = known_points(distances(ROOM, np.random.default_rng(2), 800, 0.01))
    aligned, found = align_depth(predicted, CAMERA, points)
    assert found.model == "field" and found.field is not None and found.field.freedom < 200
    assert np.abs(aligned / ROOM - 1).mean() < 0.01 < np.abs(predicted / ROOM - 1).mean() / 5
    assert align_depth(ROOM / 1.2, CAMERA, points)[1].model == "scale"


def test_no_more_freedom_than_points_support() -> None:
    few = distances(ROOM, np.random.default_rng(2), 4)
    bent = (ROOM.astype(np.float64) ** 0.7).astype(np.float32)
    assert align_depth(bent, CAMERA, known_points(few))[1].model == "scale"
    with pytest.raises(AlignmentError, match="need 6 known distances, of which there are 4"):
        align_depth(bent, CAMERA, known_points(few), "affine")
    with pytest.raises(AlignmentError, match="a field needs 60 known distances"):
        align_depth(bent, CAMERA, known_points(few), "field")
    alike = log_ratios(np.linspace(1, 1.2, 20), np.zeros(20))
    with pytest.raises(AlignmentError, match=r"differ by a factor of 1\.5"):
        fit_alignment(alike, "affine")


def test_one_distance_fixes_the_factor_and_says_what_it_cannot() -> None:
    aligned, found = align_depth(ROOM / 2, CAMERA, Known(points=((250, 100, 2.5),)))
    assert found.scale == pytest.approx(2) and found.standard_error == pytest.approx(0.1, rel=0.05)
    assert aligned[100, 250] == pytest.approx(2.5)
    assert "one distance fixes the factor only" in found.note


def test_two_distances_that_differ_are_told_and_that_contradict_are_refused() -> None:
    doubt = align_depth(ROOM, CAMERA, Known(points=((250, 100, 2.5), (20, 30, 9.0))))[1]
    assert "ask for factors from 1 to 1.5" in doubt.note
    with pytest.raises(AlignmentError, match="the two known distances contradict each other"):
        align_depth(ROOM, CAMERA, Known(points=((250, 100, 2.5), (20, 30, 18.0))))


def test_distances_of_another_unit_are_refused_with_the_unit() -> None:
    with pytest.raises(AlignmentError, match="1e\\+03 times the predicted ones; are they in millimetres"):
        align_depth(ROOM, CAMERA, Known(points=((250, 100, 2500.0), (20, 30, 6000.0))))
    model = align_depth(ROOM, CAMERA, Known(points=((250, 100, 2500.0), (20, 30, 6000.0)), unit="model"))[0]
    assert model[100, 250] == pytest.approx(2500)
    given = np.full(ROOM.shape, np.nan), CAMERA, "given", "given"
    relative = Prediction(ROOM / 1000, *given, format=PredictionFormat("relative")).aligned(Known(depth=ROOM))
    assert relative.alignment is not None and relative.alignment.scale == pytest.approx(1000)


def test_the_relative_error_grows_away_from_the_known_depths() -> None:
    alignment = DepthAlignment("affine", 1.2, 0.01, 0.03, 20, {}, "", 1.1, 0.05, 4.0, 2.0, 8.0)
    near, middle, far = alignment.relative_error(np.array([1.2 * 2 * 0.5**0.1, 1.2 * 4.0, 1.2 * 8 * 2**0.1]))
    assert middle == pytest.approx(0.01, rel=1e-6)
    assert near == pytest.approx(far) == pytest.approx(math.hypot(0.01, 0.05 * math.log(2)), rel=1e-3)


def test_beyond_twice_the_known_range_the_factor_is_held() -> None:
    alignment = DepthAlignment("affine", 1.0, 0.01, 0.03, 20, {}, "", 1.5, 0.05, 4.0, 2.0, 8.0)
    aligned = alignment.apply(np.array([[4.0, 16.0, 32.0, 0.0]], np.float32))
    assert aligned[0].tolist() == pytest.approx([4.0, 32.0, 64.0, 0.0])


def test_depth_in_another_order_is_doubted_where_depths_differ() -> None:
    rng = np.random.default_rng(0)
    x, known = rng.uniform(0, 0.8, (2, 200))
    assert "hardly follows the predicted: their rank correlation is" in fit_alignment(log_ratios(x, known - x)).note
    assert "rank correlation" not in fit_alignment(log_ratios(x, 0.5 + 0 * x)).note
    assert "rank correlation" not in fit_alignment(log_ratios(x / 4, (known - x) / 4)).note
