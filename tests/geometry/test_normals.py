import time

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mono.geometry.camera import Camera
from mono.geometry.normals import angles, decode_normals, encode_normals, normals_from_depth
from tests.surfaces import away_from_edges, plane, sphere

CAMERA = Camera(300, 310, 150.3, 122.9, 320, 240)


@pytest.mark.parametrize("camera", [CAMERA, Camera(900, 500, -40, 20, 161, 99), Camera.from_fov(110, 64, 200)])
@pytest.mark.parametrize("normal", [(0, 0, -1), (0.5, 0.2, -1), (0, -1, -0.05), (-1, 0.3, -0.2), (0.1, 1, 0)])
def test_planes_come_out_exactly_up_to_the_border(camera, normal):
    depth, gt = plane(camera, normal, 2.0)
    depth[depth > 300] = 0  # towards the horizon
    gt[depth == 0] = 0
    found = normals_from_depth(depth, camera)
    assert found.dtype == np.float32
    seen = gt.any(-1)
    # What is alone in its row or column beside the horizon has none.
    assert (found.any(-1) <= seen).all() and found.any(-1).sum() > 0.995 * seen.sum()
    assert np.nanmax(angles(found, gt)) < 0.05


@pytest.mark.parametrize("wall", [None, 5.0])
def test_a_sphere_is_exact_away_from_its_silhouette_and_good_on_it(wall):
    depth, gt = sphere(CAMERA, (0.1, -0.05, 3), 0.8, wall)
    found = normals_from_depth(depth, CAMERA)
    error = angles(found, gt)
    ball = (depth > 0) & (depth < 3.5)
    inner = cv2.erode(ball.astype(np.uint8), np.ones((5, 5))) > 0
    assert np.isfinite(error[ball]).all()
    assert error[inner].mean() < 0.05 and error[ball].mean() < 0.3
    if wall:
        assert error[~ball].max() < 0.01  # nothing of the ball reaches over its edge


def test_a_thing_before_a_wall_keeps_its_normals_to_its_last_pixel():
    wall, wall_normal = plane(CAMERA, (0.3, 0.1, -1), 6.0)
    thing, thing_normal = plane(CAMERA, (-0.6, 0.4, -1), 1.5)
    for width in (60, 3, 2):
        mask = np.zeros(wall.shape, bool)
        mask[60:180, 100 : 100 + width] = True
        found = normals_from_depth(np.where(mask, thing, wall), CAMERA)
        gt = np.where(mask[..., None], thing_normal, wall_normal)
        assert angles(found, gt).max() < 0.1


def test_two_walls_meet_in_a_line():
    left, left_normal = plane(CAMERA, (1, 0, -0.6), 2.0)
    right, right_normal = plane(CAMERA, (-1, 0.2, -0.8), 2.5)
    left, right = np.where(left > 0, left, np.inf), np.where(right > 0, right, np.inf)
    nearer = left < right
    error = angles(
        normals_from_depth(np.minimum(left, right), CAMERA), np.where(nearer[..., None], left_normal, right_normal)
    )
    crease = cv2.dilate(nearer.astype(np.uint8), np.ones((3, 3))) - cv2.erode(nearer.astype(np.uint8), np.ones((3, 3)))
    assert error[crease == 0].max() < 0.1 and np.median(error[crease == 1]) < 0.1


def test_there_is_none_without_depth_around():
    depth = np.zeros((9, 9), np.float32)
    depth[1, 1] = 2  # alone
    depth[4, 2:7] = 2  # a line
    depth[6:8, 6:8] = [[2, np.nan], [2, 2]]
    depth[0, 5:7], depth[1, 5:7] = np.inf, -1
    camera = Camera.centered(9, 9, 9)
    found = normals_from_depth(depth, camera)
    assert sorted(zip(*map(list, np.nonzero(found.any(-1))), strict=True)) == [(7, 6)]
    np.testing.assert_allclose(found[7, 6], [0, 0, -1], atol=1e-6)
    assert not normals_from_depth(np.ones((1, 9)), Camera.centered(9, 9, 1)).any()


def test_rounding_of_depth_to_millimetres_is_borne():
    depth, gt = plane(CAMERA, (0.4, -0.8, -1), 3.0)
    error = angles(normals_from_depth(np.round(depth, 3), CAMERA), gt)
    assert error.mean() < 3


def test_sizes_must_agree():
    with pytest.raises(ValueError, match=r"depth is \(240, 321\).*\(240, 320\)"):
        normals_from_depth(np.ones((240, 321)), CAMERA)


@pytest.mark.parametrize(("seed", "family"), [(1, "room"), (2, "room"), (4, "street")])
def test_rendered_scenes_have_the_normals_of_their_depth(seed, family):
    from metricdepth_scenes.render import render_frame

    frame = render_frame(seed, family, pixels=60_000)
    found = normals_from_depth(frame.depth, frame.camera)
    error = angles(found, frame.normal)
    flat = away_from_edges(frame.normal, 2) & (cv2.erode(frame.depth, np.ones((5, 5))) > 0)
    assert flat.mean() > 0.2
    assert np.nanmean(error[flat]) < 0.5 and np.nanmedian(error[frame.depth > 0]) < 0.05
    present = found.any(-1)
    np.testing.assert_allclose(np.linalg.norm(found[present], axis=-1), 1, atol=1e-5)
    assert ((found * frame.camera.rays()).sum(-1)[present] < 0).all()
    assert not found[frame.depth == 0].any()


def test_angles_are_exact_where_the_arc_cosine_is_not():
    first = np.array([[1.0, 0, 0], [0, 2, 0], [0, 0, 3], [1, 0, 0], [1, 1, 0]])
    tiny = np.radians(1e-5)
    second = np.array([[np.cos(tiny), np.sin(tiny), 0], [0, 0, 5], [0, 0, -1], [1, 0, 0], [1, 0, 0]])
    found = angles(first, second)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, [1e-5, 90, 180, 0, 45], rtol=1e-6)
    assert np.isnan(angles(np.array([0, 0, 0]), first)).all()
    assert angles(np.ones((2, 3, 3)), np.array([1, 1, 1])).shape == (2, 3)


def test_codes_by_hand():
    normals = np.array([[0, 0, -1], [1, 0, 0], [0, -1, 0], [0, 0, 0], [np.nan, 0, 1]], np.float32)
    codes = encode_normals(normals)
    assert codes.dtype == np.uint16
    middle = 32768
    expected = [[middle, middle, 0], [65535, middle, middle], [middle, 0, middle], [0, 0, 0], [0, 0, 0]]
    np.testing.assert_array_equal(codes, expected)
    np.testing.assert_allclose(decode_normals(codes)[:3], normals[:3], atol=2e-5)
    assert not decode_normals(codes)[3:].any()


directions = st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: np.linalg.norm(v) > 0.01)


@settings(max_examples=60, deadline=None)
@given(directions)
def test_codes_come_back_within_half_a_step(direction):
    normal = (np.array(direction) / np.linalg.norm(direction)).astype(np.float32)
    codes = encode_normals(normal)
    back = decode_normals(codes)
    assert angles(back, normal) < 0.003
    assert np.linalg.norm(back) == pytest.approx(1, abs=1e-6)
    eight = np.rint(codes / 257).astype(np.uint8)
    assert angles(decode_normals(eight), normal) < 0.5


def test_grey_is_no_normal_in_8_bits():
    assert not decode_normals(np.full((2, 2, 3), 128, np.uint8)).any()
    with pytest.raises(ValueError, match="uint8 or uint16"):
        decode_normals(np.zeros((2, 2, 3), np.float32))
    with pytest.raises(ValueError, match="three channels"):
        decode_normals(np.zeros((2, 2, 4), np.uint8))


def test_two_megapixels_are_quick():
    depth, _ = plane(Camera.from_fov(70, 1632, 1224), (0, -1, -0.5), 2.0)
    camera, times = Camera.from_fov(70, 1632, 1224), []
    for _ in range(3):
        begun = time.perf_counter()
        normals_from_depth(depth, camera)
        times.append(time.perf_counter() - begun)
    assert min(times) < 0.5


def test_absurd_depth_has_no_normals():
    camera = Camera(60.0, 60.0, 23.5, 15.5, 48, 32)
    for metres in (1e30, 1e38):
        normals = normals_from_depth(np.full((32, 48), metres, np.float32), camera)
        assert np.isfinite(normals).all()
