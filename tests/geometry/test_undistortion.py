from dataclasses import replace

import numpy as np
import pytest

from mono.geometry.camera import Camera
from mono.geometry.canonical import CanonicalTransform
from mono.geometry.normals import angles, normals_from_depth
from mono.geometry.undistortion import undistortion

LENSES = [
    Camera(190.0, 186.0, 160.0, 118.0, 320, 240, (-0.3, 0.08, 0.001, -0.002)),
    Camera(190.0, 190.0, 155.0, 121.0, 320, 240, (0.1,)),
    Camera(200.0, 200.0, 155.0, 121.0, 320, 240, (0.05, -0.01), "fisheye"),
    Camera(330.0, 330.0, 155.0, 121.0, 320, 240, (0.9, -0.05), "unified"),
]


def depth_of_plane(camera, normal, distance):
    rays = camera.rays().astype(np.float64)
    return (distance / (rays / rays[..., 2:] @ normal)).astype(np.float32)


@pytest.mark.parametrize("camera", LENSES)
def test_depth_of_the_pinhole_comes_back_to_the_original_pixels(camera):
    flat = undistortion(camera)
    assert not flat.pinhole.is_distorted
    assert flat.pinhole.width * flat.pinhole.height < 2.5 * 320 * 240
    normal = np.array([0.1, 0.3, 1])
    depth = flat.map_to_image(depth_of_plane(flat.pinhole, normal, 3.0))
    expected = depth_of_plane(camera, normal, 3.0)
    seen = depth > 0
    assert seen[2:-2, 2:-2].all()
    assert np.abs(depth / expected - 1)[seen].max() < 1e-3
    there = flat.depth_to_pinhole(expected)
    covered = there > 0
    assert covered.mean() > 0.6
    assert np.abs(there / depth_of_plane(flat.pinhole, normal, 3.0) - 1)[covered].max() < 0.01


@pytest.mark.parametrize("camera", LENSES)
def test_images_are_undistorted_as_the_rays_say(camera):
    def pattern(rays):
        slopes = rays / rays[..., 2:]
        return 128 + 100 * np.sin(9 * slopes[..., 0]) * np.cos(7 * slopes[..., 1])

    flat = undistortion(camera)
    image = np.repeat(pattern(camera.rays())[..., None], 3, 2).astype(np.uint8)
    found = flat.image_to_pinhole(image)
    _, inside = camera.project(flat.pinhole.rays())
    assert np.abs(found[..., 0] - pattern(flat.pinhole.rays()))[inside].mean() < 1.5
    assert 0.02 < (~inside).mean() < 0.4
    # Beyond what the lens sees, the image goes on as a mirror image: without a step, and with contrast.
    steps = np.abs(np.diff(found[..., 0].astype(int), axis=1))
    at_border = inside[:, 1:] != inside[:, :-1]
    assert np.quantile(steps[at_border], 0.98) <= np.quantile(steps[inside[:, 1:] & inside[:, :-1]], 0.98) + 2
    assert found[..., 0][~inside].std() > 20


def test_missing_values_stay_missing():
    flat = undistortion(LENSES[0])
    depth = np.full((flat.pinhole.height, flat.pinhole.width), 2, np.float32)
    depth[:, : flat.pinhole.width // 2] = 0
    found = flat.map_to_image(depth, depth > 0)
    assert set(np.unique(found)) == {0, 2}
    assert 0.4 < (found == 0).mean() < 0.6


def test_ideal_pinholes_are_left_alone():
    camera = Camera(190.0, 186.0, 160.0, 118.0, 320, 240, (0.0, 0.0))
    flat = undistortion(camera)
    image = np.zeros((240, 320, 3), np.uint8)
    assert flat.pinhole is camera and flat.image_to_pinhole(image) is image and flat.map_to_image(image) is image


@pytest.mark.parametrize("camera", LENSES)
def test_normals_of_distorted_depth(camera):
    normal = np.array([0.1, 0.3, -1])
    normal /= np.linalg.norm(normal)
    found = normals_from_depth(depth_of_plane(camera, -normal, 3.0), camera)
    assert np.any(found, axis=-1).all()
    # The slopes at the border are one-sided, and the lens bends there.
    assert angles(found[2:-2, 2:-2], np.broadcast_to(normal, found[2:-2, 2:-2].shape)).max() < 0.5


@pytest.mark.parametrize(
    ("camera", "message"),
    [
        (
            Camera(100.0, 100.0, 160.0, 118.0, 320, 240, (), "fisheye"),
            r"sees 183 x 138 degrees.*cut perspective images out",
        ),
        (Camera.panorama(320, 160), r"360 x 180 degrees.*cut_views"),
        (Camera(200.0, 200.0, 160.0, 118.0, 320, 240, (-0.1,)).cropped(5000, 0, 320, 240), "sees nothing ahead"),
    ],
)
def test_cameras_that_no_perspective_image_shows_are_refused(camera, message):
    with pytest.raises(ValueError, match=message):
        undistortion(camera)


def test_the_canonical_transform_takes_no_distorted_camera():
    with pytest.raises(ValueError, match="undistort its images first"):
        CanonicalTransform((512, 832)).view(LENSES[0])
    with pytest.raises(ValueError, match="image is 10x10 but its camera 320x240"):
        undistortion(LENSES[0]).image_to_pinhole(np.zeros((10, 10, 3), np.uint8))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("lens", [{"max_angle": 0.001}, {"distortion": (1e300,)}])
def test_lenses_that_see_nothing_are_named(lens):
    camera = Camera(500.0, 500.0, 100.3, 100.3, 200, 200, model="fisheye")
    with pytest.raises(ValueError, match="sees nothing ahead of it; correct its lens or max_angle"):
        undistortion(replace(camera, **lens))


def test_a_narrow_image_circle_has_the_scale_of_the_lens():
    narrow = Camera(500.0, 510.0, 100.0, 100.0, 201, 201, model="fisheye", max_angle=0.05)  # 0.44 px
    flat = undistortion(narrow).pinhole
    assert (flat.fx, flat.fy) == pytest.approx((500, 510), rel=1e-5)
