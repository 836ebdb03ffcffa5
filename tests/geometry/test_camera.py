import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mono.geometry.camera import Camera, as_camera
from mono.system.errors import MetricDepthError

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
    np.testing.assert_array_equal(CAMERA.matrix, K)
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
        with pytest.raises(ValueError, match=r"the camera is|camera matrix is 2x2|or a Camera"):
            as_camera(value, 640, 480)
    with pytest.raises(ValueError, match="1 to 8"):
        CAMERA.turned(0)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turning_twice_by_inverse_orientations_changes_nothing(orientation):
    inverse = {6: 8, 8: 6}.get(orientation, orientation)
    assert CAMERA.turned(orientation).turned(inverse) == CAMERA


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Camera("1", 1, 0, 0, 10, 10), "fx is '1'; a focal length in pixels must be"),
        (lambda: Camera(1, 1, None, 0, 10, 10), "cx is None; the principal point must be finite"),
        (lambda: Camera(1, 1, [1, 2], 0, 10, 10), r"cx is \[1, 2\]"),
        (lambda: Camera(1, 1, 0, 0, "10", 10), "width is '10'; an image size must be a whole number"),
        (lambda: Camera(1, 1, 0, 0, 1e30, 10), "width is 1e\\+30; an image size must be a whole number"),
        (lambda: Camera(1, 1, 0, 0, 10, 10, 0.1), "distortion is 0.1; give the parameters of the lens as a list"),
        (lambda: Camera(1, 1, 0, 0, 10, 10, "abc"), "distortion: 'abc'; give numbers"),
        (lambda: Camera(1, 1, 0, 0, 10, 10, (), ["fisheye"]), "lens model is .*choose one of"),
        (lambda: Camera(1, 1, 0, 0, 10, 10, (), "fisheye", "90"), "max_angle is '90'; give degrees"),
        (lambda: Camera.from_fov("60", 10, 10), "field of view is '60'"),
        (lambda: Camera.from_fov(60, "a", 10), "width is 'a'"),
        (lambda: Camera.centered(100, None, 10), "width is None"),
        (lambda: Camera.panorama(0, 0), "width is 0; an image size"),
        (lambda: CAMERA.resized(0, 0), "width is 0; an image size"),
        (lambda: CAMERA.resized(10, "a"), "height is 'a'"),
        (lambda: CAMERA.cropped("a", 0, 5, 5), "left side of the window is 'a'; give a number"),
        (lambda: CAMERA.padded(1, 1, None, 1), "width of the padding is None"),
        (lambda: CAMERA.within_circle("a"), "radius of the image circle is 'a'"),
        (lambda: CAMERA.turned([6]), "EXIF orientation is"),
        (lambda: CAMERA.project([1, 2]), r"points: shape \(2,\); give \(..., 3\)"),
        (lambda: CAMERA.project("abc"), "points: 'abc'; give numbers"),
        (lambda: CAMERA.rays_at([1, 2, 3]), r"pixels: shape \(3,\); give \(..., 2\)"),
        (lambda: CAMERA.unproject([[1.0, 2.0]]), "depth is 2x1, the camera 640x480"),
        (
            lambda: CAMERA.unproject(np.ones((480, 640, 1))),
            r"depth is float64 \(480, 640, 1\); give .*\(height, width\)",
        ),
        (lambda: CAMERA.unproject([[1, 2], [3]]), "depth: .*; give numbers"),
        (lambda: CAMERA.unproject_distance(np.full((480, 640), "a")), "distance is <U1"),
        (lambda: as_camera(np.eye(3) * 1j, 10, 10), "give numbers, as a 3x3 matrix, or a Camera"),
    ],
)
def test_values_of_wrong_kinds_are_refused(make, message):
    with pytest.raises(MetricDepthError, match=message):
        make()


def test_numbers_of_any_library_are_taken():
    camera = Camera(np.float32(5), torch.tensor(6.0), np.int64(3), 2, np.uint16(10), 8.0, np.array([[-0.1, 0.01]]))
    assert camera == Camera(5.0, 6.0, 3.0, 2.0, 10, 8, (-0.1, 0.01)) and type(camera.width) is int
    assert Camera(5, 6, 3, 2, 10, 8, None).distortion == ()
    depth = np.full((480, 640), 4.0, np.float32)
    for form in (depth.tolist(), torch.from_numpy(depth), depth.astype(np.uint8)):
        np.testing.assert_array_equal(CAMERA.unproject(form), CAMERA.unproject(depth))
    assert CAMERA.project([[0, 0, 1]])[0].tolist() == [[310, 250]]
