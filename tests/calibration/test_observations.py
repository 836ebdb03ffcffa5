from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from mono.calibration.fit import align_depth
from mono.calibration.ground import ground_plane
from mono.calibration.known import AlignmentError, Known, KnownDepth
from mono.calibration.observations import observe
from tests.calibration.rooms import CAMERA, room

ROOM = room()


def test_a_length_gives_the_scale_by_the_distance_of_its_ends() -> None:
    ends = ((60, 100), (140, 100))
    length = 6.0 * 80 / 300
    found = align_depth(ROOM / 1.25, CAMERA, Known(lengths=((*ends[0], *ends[1], length),)))[1]
    assert found.scale == pytest.approx(1.25, rel=1e-5)


def test_lengths_share_the_error_of_the_focal_length() -> None:
    lengths = tuple((60, v, 140, v, 1.6) for v in (90, 95, 100))
    errors = [
        align_depth(ROOM, CAMERA, Known(points, lengths), "scale", focal_error)[1].standard_error
        for points, focal_error in (((), None), ((), 0.25), (((60, 100, 6.0),), 0.25), (((60, 100, 6.0),), None))
    ]
    assert errors[1] == pytest.approx(math.hypot(errors[0], 0.25))
    assert errors[2] == pytest.approx(math.hypot(errors[3], 0.25 * 3 / 4))


def test_a_length_over_two_depths_counts_at_the_depths_that_move_it() -> None:
    points = CAMERA.unproject(ROOM)
    length = float(np.linalg.norm(points[100, 250] - points[100, 60]))
    known = Known(lengths=((250, 100, 60, 100, length * 1.1),))
    observed = observe(known, ROOM, CAMERA)
    assert observed.log_ratio[0] == pytest.approx(math.log(1.1), abs=1e-5)
    step = 1e-4
    bent = ROOM.astype(np.float64) * (ROOM / 3.0) ** step
    moved = CAMERA.unproject(bent)
    slope = (math.log(np.linalg.norm(moved[100, 250] - moved[100, 60])) - math.log(length)) / step
    assert observed.place[0, 2] - math.log(3.0) == pytest.approx(slope, abs=0.05)


def test_the_height_of_the_camera_gives_the_scale() -> None:
    ground = ground_plane(ROOM / 1.5, CAMERA)
    assert ground.height == pytest.approx(1.0, rel=1e-3)
    assert -ground.normal[1] == pytest.approx(1, abs=1e-4)
    found = align_depth(ROOM / 1.5, CAMERA, Known(camera_height=1.5))[1]
    assert found.scale == pytest.approx(1.5, rel=2e-3)


def test_the_ground_is_found_below_a_table_and_with_noise() -> None:
    noise = cv2.GaussianBlur(np.random.default_rng(0).standard_normal(ROOM.shape), (0, 0), 6)
    noisy = ROOM * np.exp(0.02 * noise / noise.std())
    table = np.full_like(ROOM, np.inf)
    v = (np.arange(240) - CAMERA.cy)[:, None] / CAMERA.fy
    rows = np.clip(0.7 / np.maximum(v, 1e-6), 0, np.inf) * np.ones((1, 320))
    table[200:, 80:240] = rows[200:, 80:240]
    found = ground_plane(np.minimum(noisy, table).astype(np.float32), CAMERA)
    assert found.height == pytest.approx(1.5, rel=0.07)
    assert abs(found.height / 1.5 - 1) < 3 * found.relative_error and found.relative_error < 0.05


def test_a_wall_alone_has_no_ground() -> None:
    with pytest.raises(AlignmentError, match="no ground is seen below the camera"):
        ground_plane(np.full((240, 320), 4.0, np.float32), CAMERA)


def test_distances_along_the_ray_are_brought_to_the_axis() -> None:
    ray = 6.0 * math.hypot((10 - CAMERA.cx) / 300, (10 - CAMERA.cy) / 300, 1)
    found = align_depth(ROOM / 2, CAMERA, Known(points=((10, 10, ray),), kind="ray"))[1]
    assert found.scale == pytest.approx(2, rel=1e-5)


def test_a_known_map_of_another_size_meets_the_same_places() -> None:
    small = np.zeros((120, 160), np.float32)
    small[50, 120], small[10, 10] = 2.5, 6.0
    observed = observe(Known(depth=small), ROOM / 2, CAMERA)
    assert len(observed) == 2 and observed.log_ratio == pytest.approx([math.log(2)] * 2)
    assert observed.place[1, :2] == pytest.approx([120.5 / 160, 50.5 / 120])
    with pytest.raises(AlignmentError, match="is 120x160, the image 320x240: another shape"):
        observe(Known(depth=small.T), ROOM, CAMERA)


def test_points_on_edges_and_without_depth_are_left_out_and_counted() -> None:
    depth = ROOM.copy()
    depth[:20] = 0
    uv = np.array([[200, 100], [100, 10], [50, 60], [999, 0]], np.float64)
    observed = observe(Known(depth=KnownDepth(uv, np.full(4, 6.0), (320, 240))), depth, CAMERA)
    assert len(observed) == 1
    assert observed.left_out == {"on edges": 1, "without depth": 1, "outside the image": 1}
