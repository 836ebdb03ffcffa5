from __future__ import annotations

import numpy as np
import pytest

from mono.evaluation.normals.ground_truth import counted_pixels, derive_normals
from mono.evaluation.normals.metrics import evaluate_normals
from mono.evaluation.protocols import Protocol, get_protocol
from mono.geometry.camera import Camera
from mono.geometry.normals import normals_from_depth

CAMERA = Camera.centered(60, 64, 48)


def wall() -> np.ndarray:
    """Depth [m] of a plane with the normal (0.6, 0, -0.8), 4 m away along the axis."""
    rays = CAMERA.rays()
    return (4 * 0.8 / (0.8 - 0.6 * rays[..., 0])).astype(np.float32)


def test_a_plane_gives_its_normal_but_at_the_border() -> None:
    found = derive_normals(wall(), CAMERA).normal
    np.testing.assert_allclose(found[1:-1, 1:-1], np.broadcast_to([0.6, 0, -0.8], (46, 62, 3)), atol=2e-3)
    border = np.ones((48, 64), bool)
    border[1:-1, 1:-1] = False
    assert not found[border].any()


def test_neighbours_of_holes_are_left_out() -> None:
    depth = wall()
    depth[20, 30] = 0
    found = derive_normals(depth, CAMERA).normal.any(axis=2)
    assert not found[19:22, 29:32].any()
    assert found[1:-1, 1:-1].sum() == 46 * 62 - 9


def test_both_sides_of_a_depth_edge_are_left_out() -> None:
    depth = np.full((48, 64), 2.0, np.float32)
    depth[:, 40:] = 2.3
    found = derive_normals(depth, CAMERA).normal.any(axis=2)
    assert not found[:, 39:41].any()
    assert found[1:-1, 1:39].all() and found[1:-1, 41:-1].all()


def test_a_floor_up_to_the_horizon_is_no_edge() -> None:
    rays = CAMERA.rays()
    depth = np.where(rays[..., 1] > 0, 1.5 / np.maximum(rays[..., 1], 1e-9), 0).astype(np.float32)
    found = derive_normals(depth, CAMERA).normal
    np.testing.assert_allclose(found[25:-1, 1:-1], np.broadcast_to([0, -1, 0], (22, 62, 3)), atol=2e-3)


def test_smaller_depth_has_a_smaller_camera() -> None:
    found = derive_normals(np.ascontiguousarray(wall()[::2, ::2]), CAMERA).normal
    # Every second pixel is not quite where a resized image has its pixels: half a pixel off.
    np.testing.assert_allclose(found[1:-1, 1:-1], np.broadcast_to([0.6, 0, -0.8], (22, 30, 3)), atol=2e-2)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.85])
def test_sparse_depth_is_refused(share: float) -> None:
    sparse = np.where(np.random.default_rng(0).random((48, 64)) < share, wall(), 0)
    assert derive_normals(sparse, CAMERA) is None
    assert derive_normals(np.zeros((48, 64), np.float32), CAMERA) is None


def test_pixels_that_count_are_in_the_window_and_the_range() -> None:
    protocol = Protocol("own", max_depth=10, crop=(0, 0.5, 0, 1))
    depth = np.float32([[1, 20, 0], [1, 5, 9], [3, 3, 3], [3, 3, 3]])
    # Too far does not count; where there is no depth, the normal stands for itself.
    expected = [[True, False, True], [True, True, True], [False] * 3, [False] * 3]
    assert counted_pixels((4, 3), protocol, depth).tolist() == expected
    assert counted_pixels((4, 3), protocol, None)[:2].all()
    assert counted_pixels((8, 6), protocol, depth)[:, 0].tolist() == [True] * 4 + [False] * 4
    assert counted_pixels((8, 6), protocol, depth)[0].tolist() == [True, True, False, False, True, True]
    with pytest.raises(ValueError, match="defined on ground truth of 640x480"):
        counted_pixels((4, 3), get_protocol("nyu_eigen"), None)


def test_exact_depth_is_not_averaged() -> None:
    found = derive_normals(wall(), CAMERA)
    assert found.window == 1 and found.noise == pytest.approx(0, abs=0.1)


def test_depth_in_steps_is_averaged_until_it_is_steady() -> None:
    """A plane in steps of 2 cm: from pixel to pixel it is flat, or a cliff."""
    camera = Camera.centered(300, 160, 120)
    depth = (3 * 0.8 / (0.8 - 0.6 * camera.rays()[..., 0])).astype(np.float32)
    found = derive_normals((np.round(depth * 50) / 50).astype(np.float32), camera)
    assert found.window > 1
    gt = np.broadcast_to(np.float32([0.6, 0, -0.8]), (120, 160, 3))
    kept = found.normal.any(axis=2)
    averaged, _ = evaluate_normals(found.normal, gt, kept)
    plain, _ = evaluate_normals(normals_from_depth((np.round(depth * 50) / 50).astype(np.float32), camera), gt, kept)
    assert plain.median > 15 > 3 > averaged.median
    margin = 1 + found.window // 2  # of neighbours that there must be
    assert kept[margin:-margin, margin:-margin].all() and not kept[:margin].any()


def test_noise_that_is_too_strong_is_told_of() -> None:
    camera = Camera.centered(600, 160, 120)
    noise = np.random.default_rng(0).normal(1, 0.004, (120, 160))
    found = derive_normals((3 * noise).astype(np.float32), camera)
    assert found.window == 9 and found.noise > 2
    gt = np.broadcast_to(np.float32([0, 0, -1]), (120, 160, 3))
    metrics, _ = evaluate_normals(found.normal, gt, found.normal.any(axis=2))
    assert metrics.median == pytest.approx(found.noise, rel=0.5)  # of the right order


@pytest.mark.parametrize(("steps", "median"), [(None, 0.1), (1000, 1.0), (200, 3.0)])
def test_derived_normals_are_those_of_rendered_frames(steps: int | None, median: float) -> None:
    from metricdepth_scenes.render import build_scene, render_view

    frame = render_view(build_scene(3, "room", None), np.random.default_rng(3), pixels=20_000)
    depth = frame.depth if steps is None else (np.round(frame.depth * steps) / steps).astype(np.float32)
    derived = derive_normals(depth, frame.camera)
    kept = derived.normal.any(axis=2)
    metrics, _ = evaluate_normals(derived.normal, frame.normal, kept)
    assert kept.sum() > 0.4 * (frame.depth > 0).sum()
    assert metrics.median < median
    assert metrics.under_11_25 > 0.85
    assert np.einsum("ijk,ijk->ij", derived.normal, frame.camera.rays()).max() <= 0  # all towards the camera
