import numpy as np
import pytest

from mono.geometry.camera import Camera
from mono.system.errors import MetricDepthError
from mono.views.layout import View, ViewOptions, lay_out_views, needs_views, pixels_per_radian

FISHEYE = Camera(305.6, 305.6, 479.5, 479.5, 960, 960, model="fisheye")  # 180 degrees across


def elevations(views):
    return [round(float(np.degrees(np.arcsin(-view.rotation[1, 2])))) for view in views]


def test_panoramas_get_a_dozen_views_up_and_down_included():
    views = lay_out_views(Camera.panorama(4096, 2048), ViewOptions(), 640)
    assert elevations(views) == [-54] * 3 + [0] * 6 + [54] * 3
    assert {(v.camera.width, v.camera.height, round(v.camera.fx)) for v in views} == {(640, 640, 320)}


@pytest.mark.parametrize(
    ("camera", "most"),
    [
        (FISHEYE, 16),  # 254 degrees from corner to corner
        (Camera(432, 432, 479.5, 479.5, 960, 960, model="fisheye"), 6),  # 180 degrees from corner to corner
        (Camera(458.4, 458.4, 479.5, 299.5, 960, 600, model="fisheye"), 4),  # 120 x 75 degrees
        (Camera.panorama(4096, 2048).cropped(0, 768, 4096, 512), 6),  # a band of 45 degrees all around
        (Camera.panorama(4096, 2048).cropped(1000, 500, 1400, 700), 4),  # 123 x 62 degrees, across the middle
        (Camera.from_fov(130, 1000, 500), 4),
        (Camera.panorama(1200, 600).cropped(0, 0, 400, 300), 6),  # 120 x 90 degrees behind, from the zenith on
        (Camera.panorama(1200, 600).cropped(100, 112, 800, 150), 6),  # 240 x 45 degrees above the horizon
        (Camera(300, 300, 639.5, 479.5, 1280, 960, (), "fisheye", 95).cropped(0, 0, 640, 480), 4),
    ],
)
def test_every_direction_is_well_inside_of_a_view(camera, most):
    views = lay_out_views(camera, ViewOptions(), 640)
    rays = camera.resized(camera.width // 4, camera.height // 4).unit_rays().astype(np.float64)
    rays = rays[np.isfinite(rays).all(-1)]
    close = np.max([view.closeness(*view.locate(rays)) for view in views], axis=0)
    assert close.min() > 0.01 and 1 < len(views) <= most


def test_views_have_no_more_pixels_than_the_image():
    views = lay_out_views(Camera.panorama(512, 256), ViewOptions(), 640)
    assert views[0].camera.fx == pytest.approx(512 / 2 / np.pi, rel=0.02)
    assert pixels_per_radian(FISHEYE) == pytest.approx(305.6, rel=0.05)


def test_an_image_that_fits_gets_one_view():
    camera = Camera(500, 500, 319.5, 239.5, 640, 480, model="fisheye")
    (view,) = lay_out_views(camera, ViewOptions(), 640)
    assert (view.rotation == np.eye(3)).all() and view.camera.horizontal_fov == pytest.approx(77, abs=3)


@pytest.mark.parametrize("left", [0, 650, 1130])
def test_a_narrow_window_far_off_the_axis_is_wide_and_gets_a_view_turned_to_it(left):
    window = Camera.panorama(1200, 600).cropped(left, 140, 70, 150)
    assert window.is_wide == (left != 650) and window.depth_kind == ("z" if left == 650 else "ray")
    (view,) = lay_out_views(window, ViewOptions(), 640)
    rays = window.unit_rays().astype(np.float64)
    assert view.closeness(*view.locate(rays)).min() > 0 and view.camera.horizontal_fov < 60
    assert len(lay_out_views(window, ViewOptions(fov=75), 640)) == 1


def test_only_wide_images_need_views():
    options = ViewOptions()
    assert needs_views(Camera.panorama(64, 32), options) and needs_views(FISHEYE, ViewOptions(count=1))
    assert needs_views(Camera.from_fov(110, 640, 480), options)
    assert not needs_views(Camera.from_fov(110, 640, 480), ViewOptions(count=1))
    assert not needs_views(Camera.from_fov(95, 640, 480), options)


def test_numbers_of_views_and_fields_of_view_are_kept():
    camera = Camera.panorama(1024, 512)
    assert elevations(lay_out_views(camera, ViewOptions(count=8), 256))[::7] == [-90, 90]
    assert len(lay_out_views(camera, ViewOptions(count=8), 256)) == 8
    assert 18 < len(lay_out_views(camera, ViewOptions(count=30), 256)) <= 30
    narrow = lay_out_views(camera, ViewOptions(fov=60), 256)
    assert len(narrow) > 20 and narrow[0].camera.horizontal_fov == pytest.approx(60, abs=1)
    with pytest.raises(MetricDepthError, match=r"3 views do not cover this image; allow at least \d"):
        lay_out_views(camera, ViewOptions(count=3), 256)


@pytest.mark.parametrize("wrong", [{"count": 0}, {"count": 65}, {"fov": 20.0}, {"fov": float("nan")}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(MetricDepthError, match="must lie between"):
        ViewOptions(**wrong)


def test_views_locate_directions_where_their_rays_are():
    view = lay_out_views(Camera.panorama(256, 128), ViewOptions(), 64)[4]
    assert isinstance(view, View)
    columns, rows, cosine = view.locate(view.directions / np.linalg.norm(view.directions, axis=-1, keepdims=True))
    height, width = columns.shape
    assert np.abs(columns - np.arange(width)).max() < 1e-5 and np.abs(rows - np.arange(height)[:, None]).max() < 1e-5
    assert (cosine > 0.5).all()
