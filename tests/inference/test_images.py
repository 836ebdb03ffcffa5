"""Every form of image and camera gives the same prediction, or is refused in plain words."""

import io
from dataclasses import replace

import numpy as np
import PIL.Image
import pytest
import torch

import mono
from mono.data.camera_source import ResolvedCamera
from mono.data.intrinsics import FocalError, warn_once
from mono.geometry.camera import Camera
from mono.inference.images import read_input, resolve_camera
from mono.system.errors import MetricDepthError
from tests.golden.reference_values import reference_image

CAMERA = Camera(70.0, 70.0, 41.0, 28.0, 80, 60)
K = [[70.0, 0, 41.0], [0, 70.0, 28.0], [0, 0, 1]]


@pytest.fixture
def image():
    return reference_image(60, 80, 4)


def test_all_forms_of_an_image_are_the_same(toy_predictor, image):
    expected = toy_predictor.predict(image, CAMERA).depth
    tensor = torch.from_numpy(image).permute(2, 0, 1)
    png = io.BytesIO()
    PIL.Image.fromarray(image).save(png, "PNG")
    for form in (
        PIL.Image.fromarray(image),
        image / 255,
        (image / 255).astype(np.float32),
        image[:, ::-1][:, ::-1],
        tensor,
        tensor / 255,
        (tensor / 255).requires_grad_(),
        tensor.numpy(),
        tensor.numpy() / 255,
        png.getvalue(),
        memoryview(png.getvalue()),
        io.BytesIO(png.getvalue()),
    ):
        np.testing.assert_array_equal(toy_predictor.predict(form, CAMERA).depth, expected)
    near = toy_predictor.predict((tensor / 255).bfloat16(), CAMERA).depth
    assert np.abs(near / expected - 1).max() < 0.05


def closed_file():
    file = io.BytesIO(b"data")
    file.close()
    return file


def test_floats_that_rounding_left_beyond_their_range_are_taken(toy_predictor):
    values = np.linspace(0, 1, 14400).reshape(60, 80, 3)
    expected = toy_predictor.predict(np.rint(255 * values).astype(np.uint8), CAMERA).depth
    for factor, shift in ((1 + 1.2e-7, 0), (1, -1e-7), (1, 1e-7)):
        np.testing.assert_array_equal(toy_predictor.predict(values * factor + shift, CAMERA).depth, expected)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros((60, 80), np.uint8), r"uint8 \(60, 80\); give \(H, W, 3\) RGB"),
        (np.zeros((60, 80, 4), np.uint8), r"uint8 \(60, 80, 4\)"),
        (np.zeros((1, 60, 80, 3), np.uint8), r"uint8 \(1, 60, 80, 3\)"),
        (np.zeros((0, 80, 3), np.uint8), r"\(0, 80, 3\)"),
        (np.zeros((60, 80, 3), np.uint16), "uint16 .* brightest possible"),
        (np.zeros((60, 80, 3), bool), "bool"),
        (np.full((60, 80, 3), 200.0), "from 200 to 200; floats are taken as RGB from 0 to 1.*divide values up to 255"),
        (np.linspace(-2, 2, 14400).reshape(60, 80, 3), "from -2 to 2; .* undo a normalization"),
        (np.linspace(-0.06, 1.09, 14400).reshape(60, 80, 3), "from -0.06 to 1.09; .* clip them"),
        (np.full((60, 80, 3), 1.002), "from 1.002 to 1.002; .* clip them"),
        (np.full((60, 80, 3), np.nan), "not finite"),
        (np.full((60, 80, 3), np.inf), "not finite"),
        (np.array([["a"]]), "the image is <U1"),
        (torch.zeros(60, 80, 3), r"tensor \(60, 80, 3\); give \(3, H, W\)"),
        (torch.zeros(1, 3, 60, 80), r"tensor \(1, 3, 60, 80\)"),
        (torch.full((3, 60, 80), torch.nan), "not finite"),
        (None, "not a NoneType"),
        (b"", "is empty"),
        (b"no image at all", "image: is a text file"),
        (io.StringIO("text"), "open it in binary mode"),
        (closed_file(), "closed file; open it again"),
        (torch.zeros(3, 60, 80, device="meta"), "float32 tensor on meta, has no pixels"),
    ],
)
def test_wrong_images_are_refused(toy_predictor, wrong, message):
    with pytest.raises(MetricDepthError, match=message):
        toy_predictor.predict(wrong, CAMERA)


def test_all_forms_of_a_camera_are_the_same(toy_predictor, image):
    expected = toy_predictor.predict(image, CAMERA)
    for form in (K, tuple(map(tuple, K)), np.array(K), np.array(K, np.float32), torch.tensor(K)):
        found = toy_predictor.predict(image, form)
        assert found.camera == CAMERA and found.camera_source == "given"
        np.testing.assert_array_equal(found.depth, expected.depth)
    found = toy_predictor.predict(image, ResolvedCamera(CAMERA, "exif", "EXIF"))
    assert found.camera == CAMERA and found.camera_source == "exif"


@pytest.mark.parametrize(
    ("camera", "message"),
    [
        (1480, "the camera is 1480; give one"),
        ("K.txt", "camera: 'K.txt'; give numbers, as a 3x3 matrix"),
        (np.diag([0.0, 1, 1, 1]), "fx is 0"),
        ([[70, 5, 41], [0, 70, 28], [0, 0, 1]], "skew"),
        ([[70, 0, 41], [0, 70, 28], [0, 0, 2]], "third row"),
        ([[-70, 0, 41], [0, 70, 28], [0, 0, 1]], "must be positive"),
        ([[np.nan, 0, 41], [0, 70, 28], [0, 0, 1]], "finite"),
        ([[1.0, 0, 0.5], [0, 1.0, 0.5], [0, 0, 1]], "field of view"),
    ],
)
def test_wrong_cameras_are_refused(toy_predictor, image, camera, message):
    with pytest.raises(MetricDepthError, match=message):
        toy_predictor.predict(image, camera)
    with pytest.raises(MetricDepthError):
        toy_predictor.predict_batch([image], camera)


_NUMBERS = [
    ((0.875, 1.1667, 0.497, 0.496), "field of view of 177 deg"),  # shares of the sides
    ((3.0, 3.0, 39.5, 29.5), "field of view of 171 deg"),  # millimeters
]


@pytest.mark.parametrize(("values", "message"), _NUMBERS)
def test_a_camera_is_checked_as_the_same_matrix_is(toy_predictor, image, values, message):
    fx, fy, cx, cy = values
    for camera in ([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], Camera(*values, 80, 60)):
        with pytest.raises(MetricDepthError, match=message):
            toy_predictor.predict(image, camera)


def test_a_camera_may_be_that_of_a_crop_and_a_matrix_is_of_a_whole_image(toy_predictor, image, caplog):
    with pytest.raises(MetricDepthError, match=r"principal point \(90, 28\) lies outside this 80x60"):
        toy_predictor.predict(image, [[70, 0, 90], [0, 70, 28], [0, 0, 1]])
    with pytest.raises(MetricDepthError, match=r"field of view of 0.00655 deg"):
        toy_predictor.predict(image, [[7e5, 0, 39.5], [0, 7e5, 29.5], [0, 0, 1]])
    found = toy_predictor.predict(image, Camera(70, 70, 90, 28, 80, 60)).camera
    assert (found.cx, found.cy) == (90, 28)
    whole = Camera.centered(3000, 4000, 3000)
    for left in range(0, 4000, 400):
        resolve_camera(read_input(image), whole.cropped(left, left // 2, 80, 60))
    assert not caplog.records


def test_doubtful_numbers_of_a_camera_are_asked_about(toy_predictor, image, caplog):
    for values, message in (
        ((70.0, 100.0, 39.5, 29.5), "differ by 43 %"),
        ((15.0, 15.0, 39.5, 29.5), "field of view of 139 deg here: were these millimeters"),
    ):
        for distortion in ((), (-0.01,)):
            warn_once.cache_clear()
            caplog.clear()
            resolve_camera(read_input(image), Camera(*values, 80, 60, distortion))
            assert caplog.text.count(message) == 1 and len(caplog.records) == 1


def test_wide_lenses_crops_of_them_and_panoramas_are_not_accused(image, caplog):
    warn_once.cache_clear()
    for camera in (
        Camera(15.0, 15.0, 39.5, 29.5, 80, 60, (-0.2, 0.6), "double_sphere"),
        Camera(20.0, 20.0, 39.5, 29.5, 80, 60, (0.01, -0.002), "fisheye", 95.0),
        Camera(60.0, 60.0, 39.5, 29.5, 80, 60, (-0.25, 0.07, 0.0002, 0.0001, -0.008)),
        Camera(20.0, 20.0, 90.0, 29.5, 80, 60, (), "fisheye"),  # a crop
        Camera.panorama(80, 60),
    ):
        assert resolve_camera(read_input(image), camera).camera == camera
    assert not caplog.records
    camera = Camera(2.1, 2.1, 39.5, 29.5, 80, 60, (), "fisheye")
    assert resolve_camera(read_input(image), camera).camera == camera
    assert "fx = 2.1 sees less than 10 % of this image" in caplog.text and len(caplog.records) == 1


def test_errors_of_a_batch_name_the_image(toy_predictor, image):
    with pytest.raises(MetricDepthError, match=r"^image 3 of the batch, counted from 0: the image is uint8 \(60, 80\)"):
        toy_predictor.predict_batch([image, image, image, image[..., 0], image], CAMERA)
    with pytest.raises(FocalError, match=r"^image 2 of the batch, .*principal point"):
        toy_predictor.predict_batch([image, image, image[:30]], [[70, 0, 41], [0, 70, 40], [0, 0, 1]])
    with pytest.raises(MetricDepthError, match=r"^the image is uint8"):
        toy_predictor.predict_batch([image[..., 0]], CAMERA)


def test_an_assumed_field_of_view_is_warned_of_once_and_for_each_file(toy_predictor, image, tmp_path, caplog):
    warn_once.cache_clear()
    for _ in range(20):
        toy_predictor.predict(image)
    assert [record.getMessage()[:30] for record in caplog.records] == ["image: assumed 60 deg field of"]
    caplog.clear()
    for _ in range(2):
        toy_predictor.predict(image[:20])  # 80x20: a panorama or a crop
        toy_predictor.predict(image[:40])  # 80x40: twice as wide as high
    assert len(caplog.records) == 2 and caplog.text.count("image: assumed 60 deg") == 2
    assert caplog.text.count("crop by its size of 80x20") == caplog.text.count("twice as wide as high") == 1
    caplog.clear()
    for name in ("a.png", "b.png"):
        PIL.Image.fromarray(image).save(tmp_path / name)
        toy_predictor.predict(tmp_path / name)
    assert len(caplog.records) == 2
    assert all(f"{name}.png: assumed 60 deg" in caplog.text for name in "ab")


def test_one_camera_for_a_batch_or_one_for_each(toy_predictor, image):
    other = replace(CAMERA, fx=90.0, fy=90.0)
    matrices = np.array([K, [[90.0, 0, 41.0], [0, 90.0, 28.0], [0, 0, 1]]])
    for cameras in (CAMERA, K, np.array(K), torch.tensor(K)):
        assert [p.camera for p in toy_predictor.predict_batch([image, image], cameras)] == [CAMERA, CAMERA]
    for each in ([CAMERA, other], [K, other], matrices, (CAMERA, matrices[1])):
        assert [p.camera for p in toy_predictor.predict_batch([image, image], each)] == [CAMERA, other]
    stack = np.stack([image, image])
    assert len(toy_predictor.predict_batch(stack, CAMERA)) == 2
    for single in (image, torch.zeros(3, 60, 80), PIL.Image.fromarray(image), "a.jpg"):
        with pytest.raises(MetricDepthError, match="for a single one use predict"):
            toy_predictor.predict_batch(single, CAMERA)


def test_a_prediction_is_saved(toy_predictor, image, tmp_path):
    from mono.io.depth import read_depth

    prediction = toy_predictor.predict(image, CAMERA)
    np.testing.assert_array_equal(prediction.K, K)
    assert prediction.mask.dtype == bool and prediction.mask.all()
    written = prediction.save(tmp_path / "out", image)
    assert {p.name for p in written} == {p.name for p in (tmp_path / "out").iterdir()}
    np.testing.assert_allclose(read_depth(tmp_path / "out" / "depth.png"), prediction.depth, atol=0.00051)
    assert sorted(p.name for p in prediction.save(tmp_path / "a.npy")) == ["a.json", "a.npy"]
    np.testing.assert_array_equal(read_depth(tmp_path / "a.npy"), prediction.depth)
    assert sorted(p.name for p in prediction.save(tmp_path / "b.png")) == ["b.json", "b.png"]
    with pytest.raises(MetricDepthError, match=r"ends in \.jpg: give a file in \.png, \.npy"):
        prediction.save(tmp_path / "c.jpg")


def test_a_point_cloud_has_the_images_colors(toy_predictor, image, tmp_path):
    prediction = toy_predictor.predict(image, CAMERA)
    assert prediction.to_ply(tmp_path / "a.ply", image, edge_filter=None) == 60 * 80
    header, _, body = (tmp_path / "a.ply").read_bytes().partition(b"end_header\n")
    points = np.frombuffer(body, np.dtype([("xyz", "<f4", 3), ("rgb", "u1", 3)]))
    assert b"element vertex 4800" in header
    np.testing.assert_array_equal(points["rgb"].reshape(image.shape), image)
    np.testing.assert_allclose(points["xyz"].reshape(image.shape), prediction.points(), rtol=1e-6)
    assert prediction.to_ply(tmp_path / "b.ply") < 60 * 80  # points at depth edges are left out
    with pytest.raises(MetricDepthError, match=r"written as \.ply"):
        prediction.to_ply(tmp_path / "a.xyz")
    with pytest.raises(MetricDepthError, match="differ"):
        prediction.to_ply(tmp_path / "a.ply", image[:30])


def test_a_predictor_has_no_fields_that_it_cannot_use(toy_predictor):
    from mono.inference.exported import ExportedPredictor
    from mono.inference.network import NetworkPredictor

    assert isinstance(toy_predictor, NetworkPredictor) and "network" not in ExportedPredictor.__dataclass_fields__
    for name in ("predict", "predict_batch", "prepare", "infer"):
        assert callable(getattr(ExportedPredictor, name)) and hasattr(mono.Predictor, name)


def test_maps_are_exported_by_name(toy_predictor, image):
    prediction = toy_predictor.predict(image, CAMERA)
    maps = prediction.to_dict()
    assert set(maps) == {"depth", "mask", "K", "confidence"} and maps["depth"] is prediction.depth
    assert set(replace(prediction, sky=prediction.depth).to_dict()) == {*maps, "sky"}


def test_saving_far_depth_as_png_warns(toy_predictor, image, tmp_path, caplog):
    far = replace(toy_predictor.predict(image, CAMERA), depth=np.full((60, 80), 70, np.float32))
    far.save(tmp_path / "a.npz")
    assert not caplog.text
    far.save(tmp_path / "a.png")
    assert "4800 pixels lie beyond 65.53 m" in caplog.text or "4800 pixels lie beyond 65.54 m" in caplog.text
    caplog.clear()
    far.save(tmp_path / "b.png", depth_scale=None)
    assert not caplog.text


def test_cameras_and_known_pixels_are_those_of_the_file(toy_predictor, tmp_path, monkeypatch):
    """A file above the limit is read at half its size."""
    monkeypatch.setattr("mono.io.images.FULL_SIZE_PIXELS", 60 * 80)
    ramp = np.linspace(60, 180, 160).astype(np.uint8)
    PIL.Image.fromarray(np.broadcast_to(ramp[None, :, None], (120, 160, 3)).copy()).save(tmp_path / "a.png")
    full = CAMERA.resized(160, 120)
    matrix = [[full.fx, 0, full.cx], [0, full.fy, full.cy], [0, 0, 1]]
    for camera in (full, matrix):
        found = toy_predictor.predict(tmp_path / "a.png", camera)
        assert found.depth.shape == (60, 80)
        np.testing.assert_allclose(found.camera.intrinsics, CAMERA.intrinsics, rtol=1e-12)
    known = mono.Known(points=[(100.5, 40.5, 3.0)])
    aligned = toy_predictor.predict(tmp_path / "a.png", full, align=known)
    assert aligned.depth[20, 50] == pytest.approx(3.0, rel=1e-4)
    with pytest.raises(MetricDepthError, match="pixel 160,40 lies outside the image of 160x120"):
        toy_predictor.predict(tmp_path / "a.png", full, align=mono.Known(points=[(160, 40, 3.0)]))
