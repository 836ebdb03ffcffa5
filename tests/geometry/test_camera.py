import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mono.geometry.camera import Camera, as_camera

CAMERA = Camera(500.0, 510.0, 310.0, 250.0, 640, 480)


def test_a_pixel_is_unprojected_through_the_principal_point():
    depth = np.full((480, 640), 4.0, np.float32)
    points = CAMERA.unproject(depth)
    assert points.dtype == np.float32 and points.shape == (480, 640, 3)
    np.testing.assert_allclose(points[250, 310], [0, 0, 4], atol=1e-6)
    np.testing.assert_allclose(points[0, 0], [-310 / 500 * 4, -250 / 510 * 4, 4], rtol=1e-6)


def test_depth_of_another_size_is_refused():
    with pytest.raises(ValueError, match="depth is 10x20, the camera 640x480"):
        CAMERA.unproject(np.zeros((20, 10), np.float32))


def test_field_of_view():
    camera = Camera.from_fov(90, 200, 100)
    assert camera.fx == pytest.approx(100) and camera.fy == camera.fx
    assert (camera.cx, camera.cy) == (99.5, 49.5)
    assert camera.horizontal_fov == pytest.approx(90)
    for angle in (0, 180, -3, math.nan):
        with pytest.raises(ValueError, match="between 0 and 180"):
            Camera.from_fov(angle, 10, 10)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fx": 0.0}, "fx is 0"),
        ({"fy": -1.0}, "fy is -1"),
        ({"fx": math.nan}, "fx is nan"),
        ({"fy": math.inf}, "fy is inf"),
        ({"cx": math.nan}, "cx is nan"),
        ({"width": 0}, "width is 0"),
        ({"height": 2.5}, "height is 2.5"),
    ],
)
def test_impossible_cameras_are_refused(change, message):
    values = {"fx": 1.0, "fy": 1.0, "cx": 0.0, "cy": 0.0, "width": 2, "height": 2} | change
    with pytest.raises(ValueError, match=message):
        Camera(**values)


@given(
    width=st.integers(1, 3000),
    height=st.integers(1, 3000),
    left=st.integers(-50, 50),
    top=st.integers(-50, 50),
    point=st.tuples(st.floats(-2, 2), st.floats(-2, 2), st.floats(0.1, 100)),
)
def test_resizing_and_cropping_move_the_projection_as_the_pixels_move(width, height, left, top, point):
    x, y, z = point
    u, v = CAMERA.fx * x / z + CAMERA.cx, CAMERA.fy * y / z + CAMERA.cy
    changed = CAMERA.resized(width, height).padded(left + 50, top + 50, 7, 8)
    # A pixel's area, not its centre, is what scales: the image's border stays its border.
    expected_u = (u + 0.5) * width / CAMERA.width - 0.5 + left + 50
    expected_v = (v + 0.5) * height / CAMERA.height - 0.5 + top + 50
    assert changed.fx * x / z + changed.cx == pytest.approx(expected_u, rel=1e-9, abs=1e-6)
    assert changed.fy * y / z + changed.cy == pytest.approx(expected_v, rel=1e-9, abs=1e-6)
    assert (changed.width, changed.height) == (width + left + 57, height + top + 58)


K = [[500.0, 0.0, 310.0], [0.0, 510.0, 250.0], [0.0, 0.0, 1.0]]


@pytest.mark.parametrize("kind", [list, np.array, torch.tensor, lambda k: np.hstack([k, [[45], [0.2], [3e-3]]])])
def test_cameras_from_matrices_of_any_library(kind):
    assert Camera.from_matrix(kind(K), 640, 480) == as_camera(kind(K), 640, 480) == CAMERA
    assert as_camera(CAMERA, 640, 480) is CAMERA


@pytest.mark.parametrize(
    ("row", "column", "value", "message"),
    [(0, 1, 5.0, "skew"), (1, 0, 1.0, "rotation"), (2, 0, 0.1, "third row"), (0, 0, -1.0, "fx is -1"),
     (0, 1, math.nan, "skew"), (2, 2, 2.0, "third row")],
)  # fmt: skip
def test_matrices_that_are_no_pinholes_are_refused(row, column, value, message):
    matrix = np.array(K)
    matrix[row, column] = value
    with pytest.raises(ValueError, match=message):
        Camera.from_matrix(matrix, 640, 480)


def test_what_is_no_camera_is_refused():
    for value in (1480, "x", [500, 500, 320, 240], np.eye(2)):
        with pytest.raises(ValueError, match=r"the camera is|camera matrix is 2x2|must be a camera"):
            as_camera(value, 640, 480)
    with pytest.raises(ValueError, match="1 to 8"):
        CAMERA.turned(0)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turning_twice_by_inverse_orientations_changes_nothing(orientation):
    inverse = {6: 8, 8: 6}.get(orientation, orientation)
    assert CAMERA.turned(orientation).turned(inverse) == CAMERA
