"""Foreign networks in ONNX files, with a declared kind of depth."""

import json
from pathlib import Path

import numpy as np
import pytest

import mono
from mono.cli.main import main
from mono.geometry.camera import Camera
from tests.onnx_files import write

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
ROOT = Path(__file__).parents[2]
CAMERA = Camera.from_fov(60, 64, 48)
GRAY = np.full((48, 64, 3), 7, np.uint8)
PLAIN = {"mean": (0, 0, 0), "std": (1, 1, 1)}


@pytest.mark.parametrize(
    ("shape", "dtype", "keep"),
    [
        (("b", 3, "h", "w"), "FLOAT", True),
        ((1, 3, 32, 40), "FLOAT", False),
        ((1, 32, 40, 3), "UINT8", True),
        ((1, 3, 32, 40), "FLOAT16", True),
    ],
)
def test_depth_comes_back_at_the_images_size(tmp_path, shape, dtype, keep):
    path = write(tmp_path / "net.onnx", shape, dtype, extra=True, keep=keep)
    model = mono.load_model(f"onnx:{path}", options={"kind": "depth", **PLAIN})
    found = model.predict(GRAY, CAMERA)
    np.testing.assert_allclose(found.depth, np.full((48, 64), 7), rtol=1e-3)
    assert model.name == "net" and model.backend == "onnx" and found.points().shape == (48, 64, 3)


def test_a_ramp_is_resized_and_normalized(tmp_path):
    path = write(tmp_path / "net.onnx")
    ramp = np.tile(np.arange(64, dtype=np.uint8)[:, None], (48, 1, 3)).reshape(48, 64, 3) + np.uint8(100)
    model = mono.load_model(
        f"onnx:{path}", options={"kind": "relative", "size": "96,128", "mean": (0, 0, 0), "std": "2,2,2"}
    )
    depth = model.predict(ramp, CAMERA).depth
    np.testing.assert_allclose(depth[24, 4:-4], (np.arange(64) + 100)[4:-4] / 2, atol=0.3)
    other = mono.load_model(f"onnx:{path}", options={"kind": "relative", "std": (3, 3, 3)})
    assert other.checksum != model.checksum and len(other.checksum) == 64


def test_canonical_depth_becomes_meters(tmp_path):
    path = write(tmp_path / "net.onnx", (1, 3, 32, 128))
    model = mono.load_model(f"onnx:{path}", options={"kind": "depth", "focal_length": 500, **PLAIN})
    camera = Camera(100, 100, 31.5, 15.5, 64, 32)
    depth = model.predict(GRAY[:32], camera).depth
    np.testing.assert_allclose(depth, 7 * camera.resized(128, 32).focal / 500, rtol=1e-5)


def test_scores_stand_in_their_tier(tmp_path):
    path = write(tmp_path / "net.onnx")
    data, out = ROOT / "data/nyu_demo/test_annotations.json", tmp_path / "out"
    flags = ["--options", "kind=disparity", "size=48,64", "--no-report", "--out", str(out)]
    assert main(["evaluate", str(data), "--model", f"onnx:{path}", *flags]) == 0
    content = json.loads((out / "metrics.json").read_text())
    assert {tier for tiers in content["per_image"].values() for tier in tiers} == {"scale_shift_inverse"}
    photo = next((data.parent / "rgb").iterdir())
    assert main(["predict", str(photo), "--model", f"onnx:{path}", "--options", "kind=depth", "--out", str(out)]) == 0


@pytest.mark.parametrize(
    ("options", "change", "message"),
    [
        ({}, {}, "add --options kind=depth"),
        ({"kind": "meters"}, {}, "its kind is 'meters'"),
        ({"kind": "depth", "crop": 3}, {}, "no option crop"),
        ({"kind": "depth", "size": "3"}, {}, "size is '3'; it must be 2 numbers"),
        ({"kind": "depth", "size": (10**6, 3)}, {}, "sides go from 1 to 8192"),
        ({"kind": "depth", "size": (64, 64)}, {"shape": (1, 3, 32, 40)}, "its input is 32x40"),
        ({"kind": "depth", "std": (1, 0, 1)}, {}, "std is"),
        ({"kind": "depth", "mean": "__import__('os')"}, {}, "mean is"),
        ({"kind": "depth", "output": "normals"}, {}, "has no output normals; it has predicted_depth"),
        ({"kind": "depth", "output": "brightest"}, {"extra": True}, "no map"),
        ({"kind": "relative", "focal_length": 300}, {}, "kind=depth"),
        ({"kind": "depth"}, {"shape": (1, 4, 32, 40)}, r"must be \(1, 3, H, W\)"),
        ({"kind": "depth"}, {"two": True}, "has 2 inputs"),
        ({"kind": "depth"}, {"own": True}, "was written by `metricdepth export`.* give it without onnx:"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, options, change, message):
    path = write(tmp_path / "net.onnx", **change)
    with pytest.raises(ValueError, match=message):
        mono.load_model(f"onnx:{path}", options=options).predict(GRAY, CAMERA)


def test_damaged_files_are_named(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"no network")
    for name, message in (("a.onnx", "is damaged"), ("b.onnx", "no such .onnx file")):
        with pytest.raises(ValueError, match=message):
            mono.load_model(f"onnx:{tmp_path / name}", options={"kind": "depth"})
    with pytest.raises(ValueError, match="leave out backend openvino"):
        mono.load_model(f"onnx:{tmp_path / 'a.onnx'}", backend="openvino")
