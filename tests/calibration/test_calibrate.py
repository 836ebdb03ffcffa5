from __future__ import annotations

import math

import numpy as np
import pytest

from mono.calibration.calibrate import fit_calibration
from mono.calibration.known import AlignmentError
from mono.calibration.observations import Observations


def image(rng: np.random.Generator, factor: float, exponent: float, count: int, between: float = 0.05) -> Observations:
    """Log ratios of an image of a camera whose depth errs by a factor and an exponent."""
    x = rng.uniform(0, 2, count)
    y = (
        math.log(factor)
        + (exponent - 1) * (x - 1)
        + between * rng.standard_normal()
        + 0.03 * rng.standard_normal(count)
    )
    place = np.column_stack([rng.random((count, 2)), x])
    return Observations(place, y, np.full(count, 0.01), {}, "test", (320, 240))


def test_standard_errors_come_from_the_images_not_from_their_points() -> None:
    ratios = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        found = fit_calibration([image(rng, 1.4, 1.0, 200) for _ in range(5)], "scale")
        ratios.append(abs(math.log(found.scale / 1.4)) / found.standard_error)
    assert 0.60 <= np.mean(np.array(ratios) < 1) <= 0.78
    assert found.standard_error > 5 * 0.03 / math.sqrt(1000)


def test_images_count_the_same_whatever_their_points() -> None:
    rng = np.random.default_rng(0)
    found = fit_calibration([image(rng, 1.0, 1, 2000, 0), image(rng, 1.2, 1, 10, 0), image(rng, 1.1, 1, 10, 0)])
    assert found.scale == pytest.approx((1.0 * 1.2 * 1.1) ** (1 / 3), rel=0.02) and found.used > 2000


def test_an_exponent_is_taken_where_it_predicts_other_images() -> None:
    rng = np.random.default_rng(1)
    bent = fit_calibration([image(rng, 1.2, 1.25, 50) for _ in range(6)])
    assert bent.model == "affine" and bent.exponent == pytest.approx(1.25, abs=0.03)
    assert fit_calibration([image(rng, 1.2, 1.0, 50) for _ in range(6)]).exponent == pytest.approx(1, abs=0.03)
    assert fit_calibration([image(rng, 1.2, 1.25, 50) for _ in range(2)]).model == "scale"


def test_an_image_that_differs_from_all_others_is_left_out_and_named() -> None:
    rng = np.random.default_rng(3)
    images = [image(rng, factor, 1.0, 50, 0) for factor in (1.2, 1.2, 3.6, 1.2, 1.2, 1.2)]
    found = fit_calibration(images, names=list("abcdef"))
    assert found.scale == pytest.approx(1.2, rel=0.02) and found.source == "5 images"
    assert "far from the median of x1.2, so check the distances: c (x3.61), left out" in found.note
    few = fit_calibration([image(rng, factor, 1.0, 50, 0) for factor in (1.2, 1.2, 2.2, 1.2)])
    assert few.source == "4 images" and few.scale > 1.3 and "image 3 (x" in few.note


def test_images_of_a_camera_whose_factors_differ_all_count() -> None:
    rng = np.random.default_rng(5)
    notes, within = [], []
    for _ in range(200):
        found = fit_calibration([image(rng, 1.4, 1.0, 20, 0.18) for _ in range(20)], "scale")
        notes.append("left out" in found.note)
        within.append(abs(math.log(found.scale / 1.4)) < found.standard_error)
    assert np.mean(notes) < 0.03 and 0.62 <= np.mean(within) <= 0.75
    agreeing = [image(rng, factor, 1.0, 20) for factor in (1.2, 1.2, 3.6, 1.2, 1.2, 1.2)]
    assert fit_calibration(agreeing, "scale").source == "5 images"


def test_an_impossible_exponent_is_no_calibration() -> None:
    rng = np.random.default_rng(4)
    images = [image(rng, 1.2, 0.4, 50) for _ in range(6)]
    assert fit_calibration(images).model == "scale"
    with pytest.raises(AlignmentError, match=r"an exponent of 0.[34]\d, which no error of a network makes"):
        fit_calibration(images, "affine")


def test_what_no_calibration_fits_is_refused() -> None:
    rng = np.random.default_rng(2)
    with pytest.raises(AlignmentError, match="no one calibration fits them"):
        fit_calibration([image(rng, factor, 1, 50) for factor in (0.5, 1.0, 2.0)])
    with pytest.raises(AlignmentError, match="no image with known distances"):
        fit_calibration([])
    one = fit_calibration([image(rng, 1.5, 1, 500)])
    assert one.standard_error == 0.1 and "one image does not tell" in one.note


def test_doubt_about_a_single_image_stays() -> None:
    place = np.array([[0.5, 0.8, math.log(3.0)]])
    known = Observations(place, np.array([0.2]), np.array([0.4]), {}, "test", (320, 240), "which ground is in doubt")
    one = fit_calibration([known])
    assert one.standard_error == pytest.approx(0.4) and one.note.startswith("which ground is in doubt; one image")
