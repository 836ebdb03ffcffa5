"""Ground of depth maps: the same whatever rounding does, and other surfaces that may be it are announced."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest

import mono
from mono.calibration.fit import align_depth
from mono.calibration.ground import ground_plane
from mono.calibration.known import Known
from tests.calibration.rooms import CAMERA, room

PHOTOS = Path(__file__).parents[2] / "data" / "wild_demo"


def rounded(depth: np.ndarray) -> np.ndarray:
    """Depth as 16-bit PNG stores it, in millimetres."""
    return (np.rint(depth * 1000) / 1000).astype(np.float32)


def table(rows: int, height: float) -> np.ndarray:
    """Depth of a room with a table `height` below the camera in the lowest rows of the image."""
    depth = room()
    v = (np.arange(240) - CAMERA.cy)[-rows:, None] / CAMERA.fy
    depth[-rows:] = height / v
    return depth


@pytest.mark.parametrize("name", ["china", "leuven", "mountain_path", "room", "stream"])
def test_rounding_does_not_choose_the_ground(name: str):
    prediction = mono.load_model("lite", device="cpu").predict(PHOTOS / f"{name}.jpg")
    before, after = (ground_plane(d, prediction.camera) for d in (prediction.depth, rounded(prediction.depth)))
    assert after.height == pytest.approx(before.height, rel=0.06)
    # The steps of a temple and the floor of a furnished room have many levels, a street has one.
    assert before.relative_error > 0.2 if name in ("china", "room") else before.relative_error < 0.2


def test_the_same_ground_is_found_with_noise():
    heights, errors = [], []
    for seed in range(8):
        noise = cv2.GaussianBlur(np.random.default_rng(seed).standard_normal((240, 320)), (0, 0), 4)
        ground = ground_plane((room() * np.exp(0.01 * noise / noise.std())).astype(np.float32), CAMERA)
        heights.append(ground.height)
        errors.append(ground.relative_error)
    assert heights == pytest.approx([1.5] * 8, rel=0.02) and max(errors) < 0.02


def test_missing_and_infinite_depth_changes_nothing():
    depth = room()
    depth[200:220, 40:80], depth[225:, 200:240] = 0, np.inf
    ground = ground_plane(depth, CAMERA)
    assert ground.height == pytest.approx(1.5, rel=1e-3) and ground.rivals == ()


def test_a_table_as_large_as_the_ground_is_announced():
    small, large = (ground_plane(table(rows, 0.7), CAMERA) for rows in (10, 26))
    for ground in (small, large):
        assert ground.height == pytest.approx(1.5, rel=1e-3)
    assert small.rivals == () and small.relative_error < 0.01
    assert large.rivals == pytest.approx([0.7], rel=1e-3)
    assert 0.5 * math.log(1.5 / 0.7) < large.relative_error < math.log(1.5 / 0.7)
    certain, doubtful = (
        align_depth(table(rows, 0.7), CAMERA, Known(camera_height=3.0), "scale")[1] for rows in (10, 26)
    )
    assert (certain.scale, doubtful.scale) == pytest.approx((2.0, 2.0), rel=1e-3)
    assert certain.standard_error == pytest.approx(0.1, abs=0.01) and "may be the ground" not in certain.note
    assert doubtful.standard_error == pytest.approx(large.relative_error, rel=0.01)
    assert doubtful.note.startswith("several level surfaces may be the ground, for factors from 2 to 4.29")


def test_a_slope_beside_the_ground_does_not_become_it():
    depth = room(wall=40.0, box=40.0)
    x, y = (np.indices(depth.shape)[::-1] - np.array([CAMERA.cx, CAMERA.cy])[:, None, None]) / CAMERA.fx
    normal = np.array([0.0, -math.cos(0.5), -math.sin(0.5)])  # it falls away from the camera
    slope = -2.2 / (normal[0] * x + normal[1] * y + normal[2])
    side = (x > 0.2) & (slope > 0) & (slope < 40)
    depth[side] = slope[side]
    ground = ground_plane(depth.astype(np.float32), CAMERA)
    assert ground.height == pytest.approx(1.5, rel=0.01)
    assert ground.rivals == pytest.approx([2.2], rel=0.01) and ground.relative_error > 0.15
