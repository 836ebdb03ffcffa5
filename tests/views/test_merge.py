import numpy as np
import pytest

from mono.geometry.camera import Camera
from mono.geometry.normals import angles, normals_from_depth
from mono.views.agreement import ViewDepth
from mono.views.layout import ViewOptions, lay_out_views
from mono.views.merge import ViewResult, merge_views
from tests.views.rooms import near_creases, room_distance
from tests.views.test_layout import FISHEYE

PANORAMA = Camera.panorama(512, 256)


def results(camera, factors=None, confidence=None, options=None):
    """Exact depth of the room in each view, times a factor."""
    made = []
    for i, view in enumerate(lay_out_views(camera, options or ViewOptions(), 256)):
        depth = room_distance(view.directions).astype(np.float32)  # the rays' length along the view's axis is 1
        inside = camera.project(view.directions)[1].astype(np.float32)
        if factors is not None:
            depth *= np.float32(factors[i])
        certain = np.ones_like(depth) if confidence is None else np.full_like(depth, confidence[i])
        made.append(ViewResult(ViewDepth(view, depth, inside), certain, {}))
    return made


@pytest.mark.parametrize(
    "camera", [PANORAMA, FISHEYE.resized(480, 480), Camera.from_fov(130, 640, 320), PANORAMA.cropped(90, 60, 333, 111)]
)
def test_exact_depth_is_merged_exactly(camera):
    merged = merge_views(results(camera), camera)
    rays = camera.unit_rays().astype(np.float64)
    seen = np.isfinite(rays).all(-1)
    error = np.abs(np.log(merged.distance / room_distance(np.nan_to_num(rays, nan=1.0))))
    assert (merged.distance[seen] > 0).all() and (merged.distance[~seen] == 0).all()
    flat = seen & ~near_creases(np.nan_to_num(rays, nan=1.0), 0.05)
    assert error[flat].max() < 1e-3 and np.median(error[seen]) < 2e-5
    assert np.abs(merged.agreement.factors).max() < 1e-3


def test_factors_of_views_are_found_and_the_mean_scale_is_kept():
    factors = np.exp(np.random.default_rng(1).normal(0, 0.2, 12))
    merged = merge_views(results(PANORAMA, factors), PANORAMA)
    ratio = np.log(merged.distance / room_distance(PANORAMA.unit_rays().astype(np.float64)))
    flat = ~near_creases(PANORAMA.unit_rays(), 0.05)
    assert np.ptp(ratio[flat]) < 1e-3  # no seam, whatever the views' own scales
    assert np.median(ratio) == pytest.approx(np.log(factors).mean(), abs=0.05)
    found = merged.agreement.factors + np.log(factors)
    assert np.ptp(found) < 2e-3
    assert merged.agreement.disagreement[0] > 0.05 > 1e-3 > merged.agreement.disagreement[1]


def test_one_view_that_is_far_off_does_not_move_the_scale():
    factors = np.ones(12)
    factors[4] = 5.0
    merged = merge_views(results(PANORAMA, factors), PANORAMA)
    ratio = np.log(merged.distance / room_distance(PANORAMA.unit_rays().astype(np.float64)))
    assert abs(np.median(ratio)) < 0.03  # a mean of the logs would be 0.13


def test_smooth_errors_of_views_leave_no_seams():
    made, rng = results(PANORAMA), np.random.default_rng(2)
    for result in made:
        height, width = result.depth.depth.shape
        tilt = rng.normal(0, 0.1, 2)
        field = tilt[0] * np.linspace(-1, 1, width) + tilt[1] * np.linspace(-1, 1, height)[:, None]
        result.depth.depth[:] *= np.exp(field)
    merged = merge_views(made, PANORAMA)
    ratio = np.log(merged.distance / room_distance(PANORAMA.unit_rays().astype(np.float64)))
    ratio[near_creases(PANORAMA.unit_rays(), 0.1)] = np.nan
    around = np.concatenate([ratio, ratio[:, :1]], axis=1)
    assert np.nanmax(np.abs(np.diff(around, axis=1))) < 0.02
    assert merged.agreement.disagreement[1] < 0.02 < 0.05 < merged.agreement.disagreement[0]


def test_sky_is_invalid_and_its_views_keep_the_others_scale():
    made = results(PANORAMA)
    for result in made:
        up = result.depth.view.directions[..., 1] < -0.5 * np.linalg.norm(result.depth.view.directions, axis=-1)
        result.depth.depth[up] = 0
    merged = merge_views(made, PANORAMA)
    elevation = np.degrees(np.arcsin(-PANORAMA.unit_rays()[..., 1]))
    assert (merged.distance[elevation > 32] == 0).all() and (merged.distance[elevation < 28] > 0).all()
    low = (elevation < 28) & ~near_creases(PANORAMA.unit_rays(), 0.05)
    exact = room_distance(PANORAMA.unit_rays().astype(np.float64))
    assert np.abs(np.log(merged.distance[low] / exact[low])).max() < 1e-3


def test_surer_views_count_more():
    made = results(PANORAMA)
    made[4].depth.depth[:] *= 1 + 0.3 * (np.indices(made[4].depth.depth.shape).sum(0) // 8 % 2)
    sure, doubtful = ([1.0] * 12 for _ in range(2))
    doubtful[4], sure[4] = 0.2, 3.0
    errors = []
    for confidence in (sure, doubtful):
        ranked = [ViewResult(r.depth, np.full_like(r.confidence, c), {}) for r, c in zip(made, confidence, strict=True)]
        merged = merge_views(ranked, PANORAMA)
        ratio = np.log(merged.distance / room_distance(PANORAMA.unit_rays().astype(np.float64)))
        errors.append(np.abs(ratio - np.median(ratio)).mean())
    assert errors[1] < 0.9 * errors[0]


def test_maps_and_vectors_are_blended_in_the_wide_frame():
    made = []
    for result in results(PANORAMA):
        view = result.depth.view
        normal = normals_from_depth(result.depth.depth, view.camera)
        unit = view.directions / np.linalg.norm(view.directions, axis=-1, keepdims=True)
        made.append(ViewResult(result.depth, result.confidence, {"sky": unit[..., 1].astype(np.float32)}, normal))
    merged = merge_views(made, PANORAMA)
    rays = PANORAMA.unit_rays()
    assert np.abs(merged.maps["sky"] - rays[..., 1]).max() < 1e-3
    assert np.allclose(merged.confidence, 1)
    flat = ~near_creases(rays, 0.1)
    axis = np.abs(merged.vectors).max(-1)
    assert axis[flat].min() > 0.999  # walls are along the axes
    assert (np.einsum("ijk,ijk->ij", merged.vectors, rays)[flat] < 0).all()
    derived = normals_from_depth(merged.distance, PANORAMA)
    assert np.nanmax(angles(derived, merged.vectors)[flat]) < 2


def test_a_single_view_is_taken_as_it_is():
    camera = Camera(500, 500, 319.5, 239.5, 640, 480, model="fisheye")
    merged = merge_views(results(camera, [2.0]), camera)
    exact = 2 * room_distance(camera.unit_rays().astype(np.float64))
    assert np.median(np.abs(merged.distance / exact - 1)) < 1e-5
    assert merged.agreement.factors.tolist() == [0] and np.isnan(merged.agreement.disagreement[0])
