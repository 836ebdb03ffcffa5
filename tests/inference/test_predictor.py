import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

import mono
from mono.geometry.camera import Camera
from mono.geometry.canonical import CanonicalTransform
from mono.inference.devices import choose_device, choose_precision
from mono.model.checkpoint import CheckpointError
from mono.model.depth_model import NetworkOutput
from mono.system.memory import DeviceMemoryError
from tests.golden.reference_values import reference_image

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture(scope="module")
def reference_model(tiny_checkpoint):
    case = json.loads((GOLDEN / "end_to_end.json").read_text())
    options = {"data_basic.crop_size": tuple(case["crop_size"])}
    return mono.load_model("convtiny.0.3_150.py", checkpoint=tiny_checkpoint, device="cpu", options=options)


def golden_images():
    case = json.loads((GOLDEN / "end_to_end.json").read_text())
    for values in case["images"]:
        camera = Camera(*values["cam_in"], values["width"], values["height"])
        yield reference_image(values["height"], values["width"], values["seed"]), camera, values["mean_depth_m"]


def test_end_to_end_reproduces_the_published_depth_in_one_batch(reference_model):
    images, cameras, means = zip(*golden_images(), strict=True)
    golden = np.load(GOLDEN / "end_to_end.npz")
    predictions = reference_model.predict_batch(images, cameras)
    for prediction, camera, mean, name in zip(predictions, cameras, means, sorted(golden.files), strict=True):
        assert prediction.camera == camera and prediction.depth.dtype == np.float32
        assert prediction.depth.mean() == pytest.approx(mean, rel=1e-4)
        expected = golden[name].astype(np.float32)
        step = prediction.depth.shape[0] // expected.shape[0]
        np.testing.assert_allclose(prediction.depth[::step, ::step], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_released_vit_gives_depth_and_normals(vit_checkpoint, precision):
    options = {"data_basic.crop_size": (84, 140), "model.decoder.iterations": 2}
    model = mono.load_model(vit_checkpoint, device="cpu", precision=precision, options=options)
    assert model.name == "vit_small" and model.network.decoder.iterations == 2
    half = {t.dtype for n, t in model.network.named_parameters() if n.endswith("qkv.weight")}
    assert half == {getattr(torch, precision)}
    assert not any(t.is_meta for t in [*model.network.parameters(), *model.network.buffers()])
    images, cameras, _ = zip(*golden_images(), strict=True)
    for prediction, camera in zip(model.predict_batch(images, cameras), cameras, strict=True):
        size = (camera.height, camera.width)
        assert prediction.depth.shape == prediction.confidence.shape == prediction.normal_confidence.shape == size
        assert prediction.normal.shape == (*size, 3) and prediction.normal.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(prediction.normal, axis=2), 1, atol=1e-5)
        assert prediction.normal_confidence.min() >= 0.01


def test_a_network_without_normals_has_none(reference_model):
    image, camera, _ = next(golden_images())
    prediction = reference_model.predict(image, camera)
    assert prediction.normal is None and prediction.normal_confidence is None


def test_a_batch_equals_single_images(reference_model):
    images, cameras, _ = zip(*golden_images(), strict=True)
    for image, camera, together in zip(images, cameras, reference_model.predict_batch(images, cameras), strict=True):
        alone = reference_model.predict(image, camera)
        np.testing.assert_allclose(alone.depth, together.depth, rtol=1e-4)
        np.testing.assert_allclose(alone.confidence, together.confidence, rtol=1e-3, atol=1e-3)


def test_half_precision_stays_close(tiny_checkpoint, reference_model):
    image, camera, _ = next(golden_images())
    options = {"data_basic.crop_size": (96, 160)}
    half = mono.load_model(tiny_checkpoint, device="cpu", precision="bfloat16", options=options)
    ratio = half.predict(image, camera).depth / reference_model.predict(image, camera).depth
    assert 0 < np.median(np.abs(ratio - 1)) < 0.02
    # Half precision has 256 steps between a number and its double; depth itself keeps more.
    assert len(np.unique(half.predict(image, camera).depth)) > 10_000


def test_distance_scales_with_focal_length_in_label_mode(toy_predictor):
    image = reference_image(90, 120, 3)
    near = toy_predictor.predict(image, Camera.centered(100.0, 120, 90))
    far = toy_predictor.predict(image, Camera.centered(200.0, 120, 90))
    np.testing.assert_allclose(far.depth, 2 * near.depth, rtol=1e-6)
    # The same points in the image plane at twice the distance and focal length: x and y stay.
    np.testing.assert_allclose(far.points()[..., :2], near.points()[..., :2], rtol=1e-5, atol=1e-6)


def test_paths_pil_images_and_arrays_are_the_same(toy_predictor, tmp_path, caplog):
    image = reference_image(60, 80, 4)
    PIL.Image.fromarray(image).save(tmp_path / "a.png")
    with caplog.at_level(logging.WARNING):
        results = [toy_predictor.predict(source) for source in (tmp_path / "a.png", PIL.Image.fromarray(image), image)]
    for result in results:
        assert result.camera_source == "assumed"
        np.testing.assert_array_equal(result.depth, results[0].depth)
    assert "assumed" in caplog.text


def test_exif_counts_for_paths_and_pil_images_alike(toy_predictor):
    path = GOLDEN.parents[1] / "data" / "wild_demo" / "leuven.jpg"
    by_path, by_image = toy_predictor.predict(path), toy_predictor.predict(PIL.Image.open(path))
    assert by_path.camera_source == by_image.camera_source == "exif"
    assert by_path.camera == by_image.camera and by_path.camera.fx == pytest.approx(629.1, abs=0.1)


def test_cameras_that_do_not_fit_are_refused_with_advice(toy_predictor):
    image = reference_image(30, 40, 0)
    for camera, message in (
        (1480, "the camera is 1480; give one"),
        (Camera.centered(50.0, 80, 60), r"use camera.resized\(40, 30\)"),
        (Camera.centered(50.0, 30, 40), "is it turned, or cropped"),
    ):
        with pytest.raises(ValueError, match=message):
            toy_predictor.predict(image, camera)


def test_a_camera_beside_the_photo_is_used(toy_predictor, tmp_path):
    PIL.Image.fromarray(reference_image(60, 80, 4)).save(tmp_path / "a.png")
    (tmp_path / "camera.json").write_text('{"focal_px": 77}')
    found = toy_predictor.predict(str(tmp_path / "a.png"))
    assert found.camera_source == "camera file" and found.camera.fx == 77


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 5), np.uint8), r"uint8 \(4, 5\)"),
        (np.full((64, 64, 3), 2, np.float32), "float32"),
        (np.zeros((64, 64, 4), np.uint8), "uint8"),
        (3, "not a int"),
        ("nothing_there.jpg", "nothing_there.jpg"),
    ],
)
def test_what_is_no_image_is_refused(toy_predictor, image, message):
    with pytest.raises(ValueError, match=message):
        toy_predictor.predict(image)


def test_lists_must_match(toy_predictor):
    image = reference_image(60, 80, 4)
    with pytest.raises(ValueError, match="2 images but 1 cameras"):
        toy_predictor.predict_batch([image, image], [None])
    with pytest.raises(ValueError, match=r"camera is for 20x15 images, this one is 80x60.*resized\(80, 60\)"):
        toy_predictor.predict(image, Camera.centered(10.0, 20, 15))
    assert toy_predictor.predict_batch([]) == []


def test_models_that_cannot_be_loaded(tmp_path, tiny_checkpoint):
    for arguments, message in (
        (("resnet",), 'no model "resnet"; use lite'),
        (("convtiny.0.3_150.py",), "no checkpoint of convnext_tiny"),
        ((tmp_path / "none.pth",), "there is no file"),
    ):
        with pytest.raises(ValueError, match=message):
            mono.load_model(*arguments)
    with pytest.raises(CheckpointError, match="convnext_tiny and does not fit convlarge"):
        mono.load_model("convlarge.0.3_150.py", checkpoint=tiny_checkpoint)
    torch.save({"a": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match="unknown network"):
        mono.load_model(tmp_path / "other.pth")


def test_devices_and_precisions():
    cpu = torch.device("cpu")
    assert choose_device("cpu") == cpu
    assert choose_precision("auto", cpu) == "float32" and choose_precision("auto", torch.device("cuda")) == "float16"
    with pytest.raises(ValueError, match='precision "int4" is unknown'):
        choose_precision("int4", cpu)
    for name in ("tpu9", "meta", f"cuda:{torch.cuda.device_count()}"):
        with pytest.raises(ValueError, match=f'device "{name}"'):
            choose_device(name)


def test_a_network_that_asks_for_it_gets_each_images_principal_point(toy_predictor):
    class Directed(torch.nn.Module):
        uses_principal_point = True

        def forward(self, image, principal_point):
            depth = principal_point.sum(1)[:, None, None, None].expand(-1, 1, *image.shape[-2:])
            return NetworkOutput(depth, torch.ones_like(depth))

    predictor = replace(toy_predictor, network=Directed(), transform=CanonicalTransform((64, 96), 100.0, "image"))
    image = np.zeros((40, 60, 3), np.uint8)
    whole = Camera(100.0, 100.0, 30.0, 20.0, 60, 40)
    depths = [p.depth.mean() for p in predictor.predict_batch([image, image], [whole, replace(whole, cx=35.0)])]
    # The image lies in the middle of the 64x96 input, 18 pixels from its left and 12 from its upper edge.
    assert depths == pytest.approx([30 + 18 + 20 + 12, 35 + 18 + 20 + 12])


def test_a_device_without_memory_says_what_to_do(toy_predictor):
    class Exhausted(torch.nn.Module):
        def forward(self, image):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has 8 GiB.")

    predictor = replace(toy_predictor, network=Exhausted())
    image, camera = np.zeros((40, 60, 3), np.uint8), Camera.from_fov(60, 60, 40)
    with pytest.raises(
        DeviceMemoryError, match=r"compute 2 images of 96x64 in float32 on cpu .*2\.00 GiB\); .*--batch"
    ):
        predictor.predict_batch([image, image], [camera, camera])
    with pytest.raises(DeviceMemoryError, match=r"compute 1 image of 96x64 .*--precision float16") as caught:
        predictor.predict(image, camera)
    assert "batch" not in str(caught.value)
