import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from mono.data.camera_source import ResolvedCamera
from mono.geometry.camera import Camera
from mono.io.cameras.files import CameraFileError, camera_from_file
from mono.system.errors import MetricDepthError
from mono.views.image_circle import find_image_circle
from tests.inference.test_wide import RoomPredictor, photo, relative_error

CAMERA = Camera(76.4, 76.4, 119.5, 119.5, 240, 240, model="fisheye")  # 180 degrees across, 255 between corners


def fisheye(camera, angle, brightness=1.0, noise=6):
    """Photo of a fisheye whose image circle ends `angle` degrees off the axis."""
    rng = np.random.default_rng(0)
    rays = camera.unit_rays()
    with np.errstate(invalid="ignore"):
        outside = ~(rays[..., 2] > np.cos(np.radians(angle)))
    rgb = (photo(camera) * brightness).astype(np.uint8)
    rgb[outside] = rng.integers(0, noise + 1, (int(outside.sum()), 3))
    return rgb


@pytest.mark.parametrize("angle", [60, 80, 92, 110])
@pytest.mark.parametrize("center", [(0, 0), (9, -6)])
def test_the_circle_is_found_to_a_degree(angle, center):
    camera = replace(CAMERA, cx=CAMERA.cx + center[0], cy=CAMERA.cy + center[1])
    assert find_image_circle(fisheye(camera, angle), camera) == pytest.approx(angle - 1, abs=1)


def test_dark_parts_of_a_scene_are_no_surround():
    bright = photo(CAMERA)
    assert find_image_circle(bright, CAMERA) is None
    assert find_image_circle(np.zeros_like(bright), CAMERA) is None
    night = bright.copy()
    night[:100] = 3  # the sky
    assert find_image_circle(night, CAMERA) is None
    corner = bright.copy()
    corner[150:, 150:] = 0
    assert find_image_circle(corner, CAMERA) is None
    lamp = (bright * 0.05).astype(np.uint8)
    cv2.circle(lamp, (120, 120), 30, (250, 250, 200), -1)  # one lamp on the axis, and beyond it nothing but night
    found = find_image_circle(lamp, CAMERA)
    assert found is None or found < 30  # cannot be told from a circle


def test_time_stamps_in_the_surround_do_not_hide_the_circle():
    camera = Camera(76.4, 76.4, 159.5, 119.5, 320, 240, model="fisheye")
    rgb = fisheye(camera, 88)
    cv2.putText(rgb, "12:04", (2, 9), cv2.FONT_HERSHEY_SIMPLEX, 0.25, (255, 255, 255))
    assert find_image_circle(rgb, camera) == pytest.approx(87, abs=1)


def test_pixels_outside_of_the_circle_are_invalid_and_cost_no_views():
    found = ResolvedCamera(CAMERA, "given", "")
    rgb = fisheye(CAMERA, 85)
    whole, bounded = RoomPredictor().prepare(photo(CAMERA), found), RoomPredictor().prepare(rgb, found)
    assert len(bounded.views) < len(whole.views)
    prediction = RoomPredictor().predict(rgb, found)
    with np.errstate(invalid="ignore"):
        inside = CAMERA.unit_rays()[..., 2] > np.cos(np.radians(84))
    assert (prediction.mask == inside).mean() > 0.995 and not prediction.mask[0, 0]
    assert prediction.camera.max_angle == 84 and "image circle of 168 deg" in prediction.camera_detail
    assert np.median(relative_error(prediction)) < 0.01


def test_lenses_end_at_their_largest_angle():
    camera = replace(CAMERA, max_angle=70)
    rays = camera.rays()
    degrees = np.degrees(np.arccos(np.nanmin(rays[..., 2])))
    assert degrees == pytest.approx(70, abs=0.8) and np.isnan(rays[0, 0]).all()
    assert camera.field_of_view == pytest.approx((140, 140, 140), abs=1)
    points = np.stack([np.sin(np.radians([60, 69.9, 70.1])), np.zeros(3), np.cos(np.radians([60, 69.9, 70.1]))], -1)
    assert camera.project(points)[1].tolist() == [True, True, False]
    assert camera.project(points[0])[0].shape == (2,) and camera.project(points[0])[1]
    for changed in (camera.resized(120, 120), camera.cropped(10, 0, 200, 240), camera.turned(6)):
        assert changed.max_angle == 70
    assert replace(Camera.from_fov(60, 64, 48), max_angle=20.0).is_distorted
    for wrong in (0, -3, 181, float("nan")):
        with pytest.raises(MetricDepthError, match="max_angle"):
            replace(CAMERA, max_angle=wrong)


def test_camera_files_state_the_circle(tmp_path):
    values = {"fx": 76.4, "cx": 119.5, "cy": 119.5, "width": 240, "height": 240, "model": "fisheye"}
    (tmp_path / "camera.json").write_text(json.dumps(values | {"max_angle": 75}))
    assert camera_from_file(tmp_path / "camera.json", 480, 480).max_angle == 75
    studio = {
        "camera_model": "OPENCV_FISHEYE",
        "fl_x": 76.4,
        "fl_y": 76.4,
        "cx": 119.5,
        "cy": 119.5,
        "w": 240,
        "h": 240,
    }
    (tmp_path / "transforms.json").write_text(json.dumps(studio | {"fisheye_crop_radius": 100, "frames": []}))
    camera = camera_from_file(tmp_path / "transforms.json", 240, 240)
    assert camera.max_angle == pytest.approx(np.degrees(100 / 76.4))
    assert camera_from_file(tmp_path / "transforms.json", 480, 480).max_angle == pytest.approx(np.degrees(100 / 76.4))
    (tmp_path / "camera.json").write_text(json.dumps(values | {"max_angle": 300}))
    with pytest.raises(CameraFileError, match="max_angle of the lens is 300"):
        camera_from_file(tmp_path / "camera.json", 240, 240)
    for radius in (-5, 1000):
        (tmp_path / "transforms.json").write_text(json.dumps(studio | {"fisheye_crop_radius": radius}))
        with pytest.raises(CameraFileError, match=f"radius of {radius} px: give a positive one"):
            camera_from_file(tmp_path / "transforms.json", 240, 240)
