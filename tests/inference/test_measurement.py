"""Measurements between pixels."""

import numpy as np
import pytest

import mono
from mono.data.saved_predictions import PredictionFormat
from mono.geometry.camera import Camera
from mono.inference.measurement import measure

CAMERA = Camera(100.0, 200.0, 50.0, 40.0, 120, 90)
BARREL = Camera(100.0, 100.0, 60.0, 45.0, 120, 90, distortion=(-0.1, 0.02, 0.0, 0.0))
FISHEYE = Camera(30.0, 30.0, 60.0, 45.0, 120, 90, model="fisheye")


def flat(camera=CAMERA, depth=2.0, **values):
    depth = np.full((camera.height, camera.width), depth, np.float32)
    return mono.Prediction(depth, np.ones_like(depth), camera, **values)


def test_lengths_on_a_wall_are_those_of_its_pixels():
    found = measure(flat(), [(50, 40), (100, 40)])  # 50 px of 100 at 2 m
    assert (found.length, found.straight, found.horizontal, found.vertical) == pytest.approx((1, 1, 1, 0))
    np.testing.assert_allclose(found.points, [[0, 0, 2], [1, 0, 2]])
    path = measure(flat(), [(50, 40), (100, 40), (100, 80)])
    assert (path.length, path.straight, path.vertical) == pytest.approx((1.4, np.hypot(1, 0.4), 0.4))
    assert measure(flat(), [(100, 40)]).length == pytest.approx(np.hypot(1, 2))
    square = measure(flat(), [(50, 40), (100, 40), (100, 80), (50, 80)], area=True)
    assert (square.area, square.length, square.straight) == (pytest.approx(0.4), pytest.approx(2.8), None)
    bent = [(50, 40), (100, 40), (100, 80), (90, 80), (90, 50), (50, 50), (50, 40)]  # concave, its last corner again
    assert measure(flat(), bent, area=True).area == pytest.approx(0.4 * 800 / 2000)


@pytest.mark.parametrize("camera", [BARREL, FISHEYE])
def test_points_seen_through_a_lens_are_where_they_were(camera):
    points = np.array([[-0.5, -0.3, 1.0], [0.6, 0.35, 1.0]])
    pixels, seen = camera.project(points)
    assert seen.all()
    prediction = flat(camera)
    for (x, y), point in zip(pixels, points, strict=True):
        distance = np.linalg.norm(point) if prediction.depth_kind == "ray" else point[2]
        prediction.depth[round(y), round(x)] = distance
    found = measure(prediction, pixels.tolist())
    np.testing.assert_allclose(found.points, points, rtol=1e-6)
    assert found.values()["length"] == pytest.approx(np.hypot(1.1, 0.65))
    assert set(found.values()) == {"points", "length", "straight", "horizontal", "vertical"}


@pytest.mark.parametrize(
    ("pixels", "area", "message"),
    [
        ([], False, "there are 0 points; give 1 to 200"),
        ([(1, 1), (2, 2)], True, "there are 2 points; give 3 to 200"),
        ([(1, 1, 1)], False, "is not two finite numbers"),
        ([(float("nan"), 1)], False, "is not two finite numbers"),
        ([("a", "b")], False, "give numbers, x, y"),
        ([(120, 3)], False, r"pixel \(120, 3\) lies outside the image of 120x90"),
        ([(50, 20), (100, 80), (100, 20), (50, 80)], True, "from point 1 to 2 and from 3 to 4 cross: give its corners"),
        ([(3, 4)], False, r"pixel \(3, 4\) has no depth"),
    ],
)
def test_what_cannot_be_measured_is_said(pixels, area, message):
    prediction = flat()
    prediction.depth[4, 3] = 0
    with pytest.raises(mono.MetricDepthError, match=message):
        measure(prediction, pixels, area)


def test_pixels_of_a_larger_photo_are_those_of_its_depth():
    prediction = flat()
    prediction.depth[:, 60:] = 4
    small, large = measure(prediction, [(50, 40), (100, 40)]), [(4 * x + 1.5, 161.5) for x in (50, 100)]
    found = measure(prediction, large, size=(480, 360))
    assert found.length == pytest.approx(small.length) and found.straight > 2
    with pytest.raises(mono.MetricDepthError, match=r"pixel \(480, 3\) lies outside the image of 480x360"):
        measure(prediction, [(480, 3)], size=(480, 360))
    assert measure(prediction, [(479, 359)], size=(480, 360)).length > 4


def test_depth_without_a_unit_is_not_measured():
    with pytest.raises(mono.MetricDepthError, match="without a unit"):
        measure(flat(format=PredictionFormat("affine")), [(1, 1)])
