import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st

from mono.geometry.camera import Camera
from mono.geometry.canonical import CanonicalTransform, CanonicalView
from mono.geometry.normals import angles
from mono.system.errors import MetricDepthError
from tests.golden.reference_values import reference_image
from tests.surfaces import away_from_edges, plane, sphere

GOLDEN = Path(__file__).parents[1] / "golden"
CASES = json.loads((GOLDEN / "canonical_transform.json").read_text())


@pytest.mark.parametrize("name", CASES)
def test_label_mode_reproduces_the_published_transform(name):
    case, arrays = CASES[name], np.load(GOLDEN / "canonical_transform.npz")
    camera = Camera(*case["cam_in"], case["width"], case["height"])
    view = CanonicalTransform(tuple(case["crop_size"])).view(camera)
    assert list(view.padding) == case["pad_top_bottom_left_right"]
    assert view.depth_factor == pytest.approx(case["label_scale_factor"], rel=1e-12)
    image = view.image_to_input(reference_image(case["height"], case["width"], case["seed"]))
    assert list(image.shape) == case["network_input_shape"]
    # The golden input is stored in half precision.
    np.testing.assert_array_equal(image.astype(np.float16), arrays[f"{name}_network_input"])
    height, width = case["crop_size"]
    row, column = np.mgrid[:height, :width]
    canonical = torch.tensor(5 + 20 * row / height + 10 * np.sin(6 * column / width), dtype=torch.float32)[None]
    depth = view.depth_to_metric(canonical).numpy()
    np.testing.assert_allclose(depth[::4, ::4], arrays[f"{name}_final_depth_sub4"], rtol=1e-5, atol=1e-6)
    assert depth.mean() == pytest.approx(case["final_depth_mean"], rel=1e-5)


cameras = st.builds(
    lambda fx, ratio, *rest: Camera(fx, fx * ratio, *rest),
    st.floats(80, 4000),
    st.floats(0.25, 4),
    st.floats(-50, 900),
    st.floats(-50, 900),
    st.integers(64, 900),
    st.integers(64, 900),
)
transforms = st.builds(
    CanonicalTransform,
    crop_size=st.tuples(st.integers(2, 20).map(lambda n: 32 * n), st.integers(2, 40).map(lambda n: 32 * n)),
    focal_length=st.floats(100, 2000),
    mode=st.sampled_from(["label", "image"]),
    fit=st.sampled_from(["pad", "tight"]),
)


def view_of(transform: CanonicalTransform, camera: Camera) -> CanonicalView:
    """The view of a camera; cameras whose images would be thinner than a pixel are refused, and drawn anew."""
    try:
        return transform.view(camera)
    except MetricDepthError as error:
        if "less than a pixel" in str(error):
            reject()
        raise


def perfect_network(view: CanonicalView, normal: np.ndarray, distance: float) -> torch.Tensor:
    """What a network that knows the world says of the plane normal . X = distance, seen in `view`'s input image."""
    rays = view.input_camera.rays().astype(np.float64)
    metric = distance / (rays @ normal)
    # An object of the size s at depth d covers focal * s / d pixels, and the canonical camera sees as many at d_c.
    ratio = view.input_camera.focal / view.camera.focal
    canonical = metric * CANONICAL_FOCAL / (view.camera.focal * ratio)
    return torch.from_numpy(canonical.astype(np.float32))[None]


CANONICAL_FOCAL = 1000.0


@settings(max_examples=60, deadline=None)
@given(camera=cameras, transform=transforms, distance=st.floats(0.5, 80), tilt=st.floats(-0.3, 0.3))
def test_a_plane_comes_back_at_its_distance(camera, transform, distance, tilt):
    transform = CanonicalTransform(transform.crop_size, CANONICAL_FOCAL, transform.mode, transform.fit)
    view = view_of(transform, camera)
    assume(min(view.size) >= 24)
    normal = np.array([0.0, tilt, 1.0])
    gt = distance / (camera.rays().astype(np.float64) @ normal)
    assume(gt.min() > 0 and gt.max() < 290)
    input_rays = view.input_camera.rays() @ normal
    assume((input_rays > 0.05).all())
    depth = view.depth_to_metric(perfect_network(view, normal, distance)).numpy()
    assert depth.shape == (camera.height, camera.width)
    # Sizes are whole pixels, so that the ratio is known to half a pixel of the resized image.
    rounding = 1.0 / min(view.size)
    inner = np.s_[camera.height // 8 : -camera.height // 8, camera.width // 8 : -camera.width // 8]
    np.testing.assert_allclose(depth[inner], gt[inner], rtol=0.02 + 2 * rounding)


@settings(max_examples=60, deadline=None)
@given(camera=cameras, crop=st.tuples(st.integers(4, 20), st.integers(4, 40)), distance=st.floats(0.5, 80))
def test_both_modes_give_the_same_metres(camera, crop, distance):
    normal, depths = np.array([0.0, 0.0, 1.0]), []
    for mode in ("label", "image"):
        view = view_of(CanonicalTransform((32 * crop[0], 32 * crop[1]), CANONICAL_FOCAL, mode), camera)
        assume(min(view.size) >= 24)
        depths.append(view.depth_to_metric(perfect_network(view, normal, distance)).numpy())
        np.testing.assert_allclose(depths[-1], distance, rtol=2 / min(view.size))


@settings(max_examples=40, deadline=None)
@given(camera=cameras, transform=transforms)
def test_a_label_survives_the_way_there_and_back(camera, transform):
    view = view_of(transform, camera)
    assume(min(view.size) >= 4)
    label = view.depth_to_canonical(np.full((camera.height, camera.width), 7.0, np.float32))
    top, _, left, _ = view.padding
    assert label.shape == view.input_size
    assert (label[:top] == 0).all() and (label[:, :left] == 0).all()
    depth = view.depth_to_metric(torch.from_numpy(label)[None])
    assert torch.allclose(depth, torch.full_like(depth, 7.0), rtol=1e-5)


def test_image_mode_brings_the_image_to_the_canonical_focal_length():
    view = CanonicalTransform((512, 832), 400.0, "image", "tight").view(Camera.centered(800.0, 1000, 600))
    assert view.size == (300, 500) and view.depth_factor == pytest.approx(1)
    assert view.input_size == (320, 512)
    assert view.input_camera.fx == pytest.approx(400)


def test_the_mean_focal_length_counts_where_pixels_are_about_square():
    view = CanonicalTransform((512, 832), 400.0, "image", "tight").view(Camera(797.0, 803.0, 499.5, 299.5, 1000, 600))
    assert view.size == (300, 500) and view.depth_factor == pytest.approx(1)


@pytest.mark.parametrize("mode", ["label", "image"])
def test_squeezed_images_reach_the_network_with_square_pixels(mode):
    """A 16:9 image resized to a square is seen as the 16:9 image was, with the same depth factor."""
    transform = CanonicalTransform((512, 832), 400.0, mode, "tight")
    original = Camera(900.0, 900.0, 610.0, 350.0, 1280, 720)
    expected = transform.view(original)
    for width, height in ((720, 720), (1280, 640), (640, 720), (720, 1280)):
        view = transform.view(original.resized(width, height))
        assert np.abs(np.subtract(view.size, expected.size)).max() <= 1
        assert view.input_camera.fx == pytest.approx(view.input_camera.fy, rel=4e-3)
        assert view.depth_factor * view.input_camera.focal == pytest.approx(400.0, rel=4e-3)
        assert view.input_camera.intrinsics == pytest.approx(expected.input_camera.intrinsics, abs=1.5)


def test_pixels_count_as_square_up_to_a_ratio():
    transform = CanonicalTransform((480, 640), 500.0)
    for ratio, size in ((1.0249, (480, 640)), (1.0251, (480, 624)), (1 / 1.0251, (468, 640))):
        assert transform.view(Camera(500.0 * ratio, 500.0, 319.5, 239.5, 640, 480)).size == size


def test_every_config_has_its_own_normalisation():
    transform = CanonicalTransform((32, 64), 40.0, mean=(10.0, 20.0, 30.0), std=(2.0, 4.0, 8.0))
    view = transform.view(Camera.centered(40.0, 32, 32))
    pixels = view.image_to_input(np.full((32, 32, 3), (12, 28, 14), np.uint8))
    np.testing.assert_allclose(pixels[:, 5, 32], [1, 2, -2], rtol=1e-6)
    np.testing.assert_allclose(pixels[:, 5, 0], 0, atol=1e-6)  # the padding


def test_image_mode_leaves_to_the_depth_what_the_crop_does_not_allow():
    view = CanonicalTransform((512, 832), 400.0, "image", "tight").view(Camera.centered(200.0, 1664, 900))
    assert view.size == (450, 832) and view.depth_factor == pytest.approx(4.0)


def test_ground_truth_is_never_interpolated():
    depth = np.zeros((90, 120), np.float32)
    depth[::7, ::5] = 3.0
    view = CanonicalTransform((64, 96)).view(Camera.centered(100.0, 120, 90))
    assert set(np.unique(view.depth_to_canonical(depth))) <= {0.0, np.float32(3.0 * np.float32(view.depth_factor))}


def test_what_is_not_between_0_and_300_m_is_invalid():
    view = CanonicalTransform((32, 32), 100.0).view(Camera.centered(100.0, 32, 32))
    values = torch.full((1, 32, 32), 5.0)
    values[0, 0, :5] = torch.tensor([-1.0, 0.0, 301.0, float("nan"), float("inf")])
    depth = view.depth_to_metric(values)
    assert (depth[0, :5] == 0).all() and (depth[1:] == 5).all()


def test_the_wrong_image_or_map_is_refused():
    view = CanonicalTransform((64, 96)).view(Camera.centered(100.0, 120, 90))
    with pytest.raises(ValueError, match="image is 90x120 but its camera 120x90"):
        view.image_to_input(np.zeros((120, 90, 3), np.uint8))
    with pytest.raises(ValueError, match=r"for an input of \(64, 96\)"):
        view.map_to_image(torch.zeros(1, 64, 64))
    with pytest.raises(ValueError, match="short side would be less than a pixel"):
        CanonicalTransform((64, 96)).view(Camera.centered(100.0, 20000, 20))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"crop_size": (0, 32)}, "crop_size"),
        ({"crop_size": (32,)}, "crop_size"),
        ({"crop_size": (32, 32), "focal_length": 0.0}, "focal length"),
        ({"crop_size": (32, 32), "mode": "both"}, "mode"),
        ({"crop_size": (32, 32), "fit": "loose"}, "fit"),
    ],
)
def test_impossible_transforms_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        CanonicalTransform(**arguments)


def normal_cases():
    """Views of odd sizes and off-centre cameras, made smaller and larger, by both modes and fits."""
    for camera in (
        Camera(260, 270, 171.5, 120.25, 301, 211),
        Camera(140.0, 150.0, 40.0, 200.0, 189, 167),
        Camera.centered(700.0, 640, 185),
    ):
        for mode in ("label", "image"):
            for fit in ("pad", "tight"):
                for crop in ((160, 224), (320, 448)):
                    view = CanonicalTransform(crop, 230.0, mode, fit).view(camera)
                    yield pytest.param(view, id=f"{camera.width}x{camera.height}-{mode}-{fit}-{crop[0]}")


def scene_of(view: CanonicalView, camera: Camera, what: str = "sphere"):
    """The normals of a plane, or of a ball in the middle of the image before a wall, as `camera` sees them."""
    if what == "plane":
        return plane(camera, (0.4, -0.3, -1), 2.0)[1]
    own = view.camera
    middle = np.array([(own.width / 2 - own.cx) / own.fx, (own.height / 2 - own.cy) / own.fy, 1])
    return sphere(camera, 3.0 * middle, 3.0 * 0.4 * own.height / own.focal, wall=5.0)[1]


@pytest.mark.parametrize("view", list(normal_cases()))
@pytest.mark.parametrize("what", ["plane", "sphere"])
def test_normals_of_a_perfect_network_come_back_as_they_were(view, what):
    gt = scene_of(view, view.camera, what)
    message = torch.from_numpy(scene_of(view, view.input_camera, what).astype(np.float32)).permute(2, 0, 1)
    found = view.normal_to_image(message).numpy()
    assert found.shape == gt.shape and found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=-1), 1, atol=1e-5)
    error = angles(found, gt)
    if what == "plane":
        assert error.max() < 1e-3
    else:
        away = away_from_edges(gt, reach=2 + 2 * view.camera.width // view.size[1], turn=8)
        round_ones = away & (gt[..., 2] > -0.999)
        assert round_ones.sum() > 1000
        assert error[round_ones].mean() < 0.05  # a tenth of what a shift by a pixel does


@pytest.mark.parametrize(("mode", "fit", "crop"), [("label", "pad", (192, 320)), ("image", "tight", (448, 640))])
def test_normals_of_rendered_rooms_come_back(mode, fit, crop):
    from metricdepth_scenes.render import build_scene, render, render_view

    camera = Camera(230.0, 236.0, 118.0, 131.0, 275, 221)
    rng = np.random.default_rng(0)
    scene = build_scene(1, "room")
    frame = render_view(scene, rng, camera)
    view = CanonicalTransform(crop, 400.0, mode, fit).view(camera)
    message = render(scene, view.input_camera, frame.pose, rng).normal
    found = view.normal_to_image(torch.from_numpy(message).permute(2, 0, 1)).numpy()
    away = away_from_edges(frame.normal, reach=2 + 2 * camera.width // view.size[1])
    assert away.mean() > 0.2
    assert angles(found, frame.normal)[away].mean() < 0.5


def test_normals_without_a_direction_stay_none():
    view = CanonicalTransform((32, 32), 100.0).view(Camera.centered(100.0, 16, 16))
    message = torch.zeros(3, 32, 32)
    message[2, :, 16:] = -1
    message[0, 16:, :16], message[0, 16:, 1:16:2] = 1.0, -1.0  # opposite ones cancel out
    found = view.normal_to_image(message).numpy()
    assert not found[:, :7].any() and (found[:, 9:] == [0, 0, -1]).all()


def test_what_is_no_normal_becomes_none():
    view = CanonicalTransform((32, 48)).view(Camera(60.0, 60.0, 23.5, 15.5, 48, 32))
    message = torch.zeros(3, 32, 48)
    message[2] = -2.0
    message[:, 4, 5] = float("nan")
    message[:, 6, 7] = 0
    back = view.normal_to_image(message).numpy()
    assert np.array_equal(back[4, 5], [0, 0, 0]) and np.array_equal(back[6, 7], [0, 0, 0])
    assert np.array_equal(back[0, 0], [0, 0, -1]) and np.isfinite(back).all()
    assert (back[..., 2] == -1).sum() == 32 * 48 - 2 and back.flags["C_CONTIGUOUS"]


@pytest.mark.parametrize("size", [(64, 64), (480, 640), (20, 31), (1, 1)])
def test_maps_are_resized_as_by_torch(size):
    values = torch.rand(3, 70, 90, generator=torch.Generator().manual_seed(0))
    transform = CanonicalTransform((64, 64))
    view = transform.place(Camera.from_fov(60, size[1], size[0]), (60, 80), (70, 90))
    expected = torch.nn.functional.interpolate(
        view.without_padding(values)[None], size, mode="bilinear", align_corners=False
    )[0]
    torch.testing.assert_close(view.map_to_image(values), expected, atol=2e-5, rtol=0)
    learned = values.clone().requires_grad_()
    view.map_to_image(learned).sum().backward()
    assert learned.grad is not None and float(learned.grad.sum()) == pytest.approx(3 * size[0] * size[1], rel=1e-5)
