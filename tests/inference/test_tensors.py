"""Predictions as tensors: the same values, on the predictor's device."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import mono
from mono.geometry.camera import Camera
from mono.inference.tensor_prediction import TensorPrediction

IMAGE = np.random.default_rng(1).integers(0, 255, (72, 96, 3), np.uint8)
CAMERA = Camera.from_fov(60, 96, 72)
DISTORTED = replace(CAMERA, distortion=(-0.2, 0.02, 0.0, 0.0))


@pytest.fixture(scope="module")
def model():
    return mono.load_model("lite_detail", device="cpu", options={"data_basic.crop_size": (96, 128)})


def check(tensors, arrays):
    assert isinstance(tensors, TensorPrediction) and tensors.depth.device.type == "cpu"
    for name, values in arrays.to_dict().items():
        found = tensors.to_dict()[name].numpy()
        np.testing.assert_allclose(found, values.astype(found.dtype), rtol=1e-6, atol=1e-7)  # batches round otherwise
    np.testing.assert_allclose(tensors.points().numpy(), arrays.points(), rtol=1e-6, atol=1e-7)
    assert (tensors.camera, tensors.camera_source) == (arrays.camera, arrays.camera_source)
    np.testing.assert_allclose(tensors.numpy().surface_normals(), arrays.surface_normals(), atol=1e-4)
    np.testing.assert_allclose(tensors.surface_normals().numpy(), arrays.surface_normals(), atol=1e-4)
    np.testing.assert_allclose(tensors.distance.numpy(), arrays.distance, rtol=1e-5)
    for name in ("depth_kind", "normal_source", "has_uncertainty"):
        assert getattr(tensors, name) == getattr(arrays, name)


@pytest.mark.parametrize("camera", [CAMERA, DISTORTED, Camera.from_fov(104, 64, 48)])
def test_tensors_hold_the_same_values(model, camera):
    image = IMAGE[: camera.height, : camera.width]
    check(model.predict(image, camera, output="torch"), model.predict(image, camera))


def test_tensors_keep_the_announced_error():
    lite = mono.load_model("lite", device="cpu")
    arrays, tensors = lite.predict(IMAGE, CAMERA), lite.predict(IMAGE, CAMERA, output="torch")
    assert tensors.error_scale == arrays.error_scale > 0
    np.testing.assert_array_equal(tensors.numpy().std, arrays.std)
    assert tensors.uncertainty == arrays.uncertainty
    torch.testing.assert_close(tensors.std, torch.from_numpy(arrays.std), rtol=0, atol=0)
    for found, expected in zip(tensors.interval(0.8), arrays.interval(0.8), strict=True):
        torch.testing.assert_close(found, torch.from_numpy(expected), rtol=0, atol=0)


def test_tensors_of_wide_lenses_hold_distances_along_the_ray(model):
    camera = Camera(30.0, 30.0, 47.5, 35.5, 96, 72, model="fisheye")
    found = model.predict(IMAGE, camera, output="torch")
    assert found.depth_kind == "ray" and found.distance is found.depth
    with pytest.raises(mono.MetricDepthError, match="announces no errors"):
        _ = replace(found, error_scale=None).std


@pytest.mark.parametrize("settings", [{"requires_grad": True}, {"dtype": torch.bfloat16}])
def test_matrices_are_tensors_of_any_kind(model, settings):
    matrix = torch.tensor([[64.0, 0, 48], [0, 64, 36], [0, 0, 1]], **settings)
    assert model.predict(IMAGE, matrix).camera.intrinsics == (64, 64, 48, 36)
    assert [p.camera.fx for p in model.predict_batch([IMAGE, IMAGE], [matrix, matrix])] == [64, 64]
    focal = torch.tensor(64.0, **settings)
    assert model.predict(IMAGE, [[focal, 0, 48], [0, focal, 36], [0, 0, 1]]).camera.intrinsics == (64, 64, 48, 36)
    with pytest.raises(mono.MetricDepthError, match="as a 3x3 matrix"):
        model.predict(IMAGE, torch.empty(3, 3, device="meta"))


def test_batches_of_tensors_and_known_distances(model):
    both = model.predict_batch([IMAGE, IMAGE[:50]], [CAMERA, None], output="torch")
    check(both[1], model.predict_batch([IMAGE, IMAGE[:50]], [CAMERA, None])[1])
    known = mono.Known(points=[(40, 30, 2.0)])
    aligned = model.predict(IMAGE, CAMERA, known, output="torch")
    assert float(aligned.depth[30, 40]) == pytest.approx(2.0, rel=1e-5) and aligned.alignment is not None
    with pytest.raises(ValueError, match='output is "jax"'):
        model.predict(IMAGE, CAMERA, output="jax")


def test_a_cameras_calibration_counts(model, tmp_path):
    from PIL import Image

    Image.fromarray(IMAGE).save(tmp_path / "a.png")
    content = {"fx": CAMERA.fx, "fy": CAMERA.fy, "cx": CAMERA.cx, "cy": CAMERA.cy}
    (tmp_path / "a.camera.json").write_text(json.dumps(content))
    plain = model.predict(tmp_path / "a.png", output="torch")
    content["calibration"] = {model.checksum: {"scale": 1.25}}
    (tmp_path / "a.camera.json").write_text(json.dumps(content))
    corrected = model.predict(tmp_path / "a.png", output="torch")
    assert corrected.calibration is not None
    torch.testing.assert_close(corrected.depth, plain.depth * 1.25)
    check(corrected, model.predict(tmp_path / "a.png"))


def test_tensors_without_a_unit_have_no_points(tmp_path):
    body = (
        "import numpy as np\nclass A:\n    kind = 'relative'\n    def load(self): 0\n"
        "    def infer(self, image, camera): return {'depth': np.full(image.shape[:2], 2.0)}\n"
    )
    (tmp_path / "a.py").write_text(body)
    found = mono.load_model(f"baseline:{tmp_path / 'a.py'}", device="cpu").predict(IMAGE, CAMERA, output="torch")
    assert float(found.depth.mean()) == 2.0 and not bool(found.format.metric)
    with pytest.raises(ValueError, match="without a unit"):
        found.points()


def test_maps_stay_on_the_device(model, monkeypatch):
    seen = []
    real = torch.Tensor.cpu
    monkeypatch.setattr(torch.Tensor, "cpu", lambda tensor, *rest: seen.append(tensor.shape) or real(tensor, *rest))
    model.predict(IMAGE, CAMERA, output="torch")
    assert seen == [model.transform.view(CAMERA).size]  # the network's map, in which edges are looked for
    model.unguided().predict(IMAGE, CAMERA, output="torch")
    assert len(seen) == 1
    model.predict(IMAGE, CAMERA)
    assert len(seen) > 2
