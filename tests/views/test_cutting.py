import numpy as np
import pytest

from mono.geometry.camera import Camera
from mono.system.errors import MetricDepthError
from mono.views.cutting import cut_views
from mono.views.layout import View, ViewOptions, lay_out_views
from tests.views.test_layout import FISHEYE


def waves(directions):
    """Smooth colors of directions, up to 255."""
    unit = directions / np.linalg.norm(directions, axis=-1, keepdims=True)
    return 127.5 + 100 * np.stack([np.sin(3 * unit[..., 0]), np.cos(4 * unit[..., 1]), np.sin(5 * unit[..., 2])], -1)


@pytest.mark.parametrize("camera", [Camera.panorama(1024, 512), FISHEYE.resized(480, 480)])
def test_views_show_what_lies_in_their_directions(camera):
    with np.errstate(invalid="ignore"):
        image = np.nan_to_num(np.rint(waves(camera.unit_rays()))).astype(np.uint8)
    for cut in cut_views(image, camera, lay_out_views(camera, ViewOptions(), 128)):
        error = np.abs(cut.rgb - waves(cut.view.directions))[cut.inside]
        assert np.percentile(error, 99) < 3 and cut.inside.mean() > 0.15
        if not cut.inside.all():  # mirrored beyond the border: without a step, and with contrast
            steps, border = np.abs(np.diff(cut.rgb.astype(int), axis=1)).max(-1), np.diff(cut.inside, axis=1)
            assert np.quantile(steps[border], 0.98) <= np.quantile(steps[~border], 0.98) + 4
            assert cut.rgb[~cut.inside].std() > 20


def test_the_back_of_a_panorama_has_no_seam():
    camera = Camera.panorama(512, 256)
    image = np.rint(waves(camera.unit_rays())).astype(np.uint8)
    back = View(Camera.from_fov(90, 128, 128), np.diag([-1.0, 1.0, -1.0]))
    (cut,) = cut_views(image, camera, [back])
    assert cut.inside.all() and np.abs(cut.rgb - waves(back.directions)).max() < 3


def test_fine_patterns_become_gray_not_moire():
    rows, columns = np.mgrid[:1024, :2048]
    image = np.repeat((255 * ((rows + columns) % 2)).astype(np.uint8)[..., None], 3, axis=2)
    camera = Camera.panorama(2048, 1024)
    view = View(Camera.from_fov(90, 96, 96), np.eye(3))
    (cut,) = cut_views(image, camera, [view])
    assert np.abs(cut.rgb.astype(float) - 127.5).max() < 12


def test_views_are_those_of_py360convert():
    py360convert = pytest.importorskip("py360convert")
    camera = Camera.panorama(512, 256)
    image = np.rint(waves(camera.unit_rays())).astype(np.uint8)
    for view in lay_out_views(camera, ViewOptions(), 81):
        forward = view.rotation[:, 2]
        azimuth, elevation = np.degrees(np.arctan2(forward[0], forward[2])), np.degrees(np.arcsin(-forward[1]))
        size = view.camera.height, view.camera.width
        fov = float(np.degrees(2 * np.arctan((view.camera.width - 1) / 2 / view.camera.fx)))  # between pixel centers
        other = py360convert.e2p(image, (fov, fov), float(azimuth), float(elevation), size)
        (cut,) = cut_views(image, camera, [view])
        assert np.abs(cut.rgb.astype(float) - other).max() < 4


def test_an_image_of_another_size_is_refused():
    camera = Camera.panorama(64, 32)
    with pytest.raises(MetricDepthError, match="image is 60x30 but its camera 64x32"):
        cut_views(np.zeros((30, 60, 3), np.uint8), camera, lay_out_views(camera, ViewOptions(), 16))
