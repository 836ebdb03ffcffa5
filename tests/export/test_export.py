import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import mono
from mono.cli.main import main
from mono.conversion.formats import SUFFIXES, open_exported
from mono.export import write
from mono.export.write import export
from mono.geometry.camera import Camera
from mono.io.images import read_image
from mono.system.errors import BackendError

PHOTO = Path(__file__).parents[2] / "data" / "wild_demo" / "leuven.jpg"
NEEDS = {"onnx": ("onnx", "onnxscript", "onnxruntime"), "openvino": ("openvino",)}


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("METRICDEPTH_CACHE", str(tmp_path / "cache"))


def skip_without(kind):
    if missing := [name for name in NEEDS.get(kind, ()) if importlib.util.find_spec(name) is None]:
        pytest.skip(f"{', '.join(missing)} not installed")


@pytest.mark.parametrize("fit", ["pad", "tight"])
@pytest.mark.parametrize("kind", SUFFIXES)
def test_a_file_is_the_model(toy_predictor, tmp_path, kind, fit):
    skip_without(kind)
    predictor = replace(toy_predictor, transform=replace(toy_predictor.transform, fit=fit))
    path = tmp_path / f"toy{SUFFIXES[kind]}"
    agreements = export(predictor, kind, path)
    assert len(agreements) == 3 and len({a.size for a in agreements}) == len({a.focal for a in agreements}) == 3
    assert all(a.depth < 1e-3 and a.confidence < 1e-3 for a in agreements)
    loaded = mono.load_model(path, trust=True)
    assert (loaded.name, loaded.backend, loaded.transform) == ("toy", kind, predictor.transform)
    assert loaded.metadata["checked"][0]["depth"] == agreements[0].depth
    assert "optical axis" in loaded.metadata["camera"] and loaded.metadata["checksum_sha256"] == predictor.checksum
    photo = read_image(PHOTO).rgb[:211, :307].copy()
    camera = Camera(333.0, 331.0, 150.0, 100.0, 307, 211)
    for found, expected in zip(
        loaded.predict_batch([photo, PHOTO], [camera, None]),
        predictor.predict_batch([photo, PHOTO], [camera, None]),
        strict=True,
    ):
        np.testing.assert_allclose(found.depth, expected.depth, rtol=1e-4)
        np.testing.assert_allclose(found.confidence, expected.confidence, rtol=1e-4)
        assert (found.camera, found.camera_source) == (expected.camera, expected.camera_source)


def test_convnext_goes_through_onnx_into_both_runtimes(tiny_checkpoint, tmp_path):
    skip_without("onnx")
    options = {"data_basic.crop_size": (96, 160)}
    model = mono.load_model(tiny_checkpoint, device="cpu", options=options)
    path = tmp_path / "tiny.onnx"
    assert max(a.depth for a in export(model, "onnx", path)) < 1e-3
    skip_without("openvino")
    import openvino

    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    photo, camera = read_image(PHOTO).rgb[:200, :260].copy(), Camera(190.0, 190.0, 130.0, 100.0, 260, 200)
    depth = compiled([photo, np.array(camera.intrinsics, np.float32)])[0]
    np.testing.assert_allclose(depth, model.predict(photo, camera).depth, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.integration
def test_the_command_writes_what_predict_runs(tmp_path, capsys):
    skip_without("onnx")
    path = tmp_path / "lite.onnx"
    assert main(["export", "onnx", "--model", "lite", "--out", str(path)]) == 0
    assert "1242x375" in capsys.readouterr().out
    out = tmp_path / "out"
    assert main(["predict", str(PHOTO), "--model", str(path), "--out", str(out), "--save", "depth"]) == 0
    assert "by onnx in float32" in capsys.readouterr().out
    record = json.loads((out / "manifest.jsonl").read_text().splitlines()[0])
    expected = mono.load_model("lite", device="cpu").predict(PHOTO)
    assert record["model"] == "lite" and record["median_depth"] == pytest.approx(np.median(expected.depth), rel=1e-3)


def test_a_file_that_differs_is_not_written(toy_predictor, tmp_path, monkeypatch):
    monkeypatch.setattr(write, "BOUND", -1.0)
    with pytest.raises(BackendError, match="differs from the model, and was not written: 640x480: depth by"):
        export(toy_predictor, "torchscript", tmp_path / "toy.ts")
    assert list(tmp_path.glob("**/*.ts")) == []


def test_what_cannot_be_exported(toy_predictor, tmp_path):
    with pytest.raises(BackendError, match=r"onnx ends in \.onnx"):
        export(toy_predictor, "onnx", tmp_path / "toy.pth")
    with pytest.raises(BackendError, match='format "coreml" is unknown'):
        export(toy_predictor, "coreml", tmp_path / "toy.onnx")
    refining = replace(toy_predictor, architecture={"iterations": 4})
    with pytest.raises(BackendError, match="toy cannot be exported: files hold depth and confidence"):
        export(refining, "torchscript", tmp_path / "toy.ts")


def test_files_that_cannot_be_used(tmp_path):
    with pytest.raises(BackendError, match="there is no file"):
        open_exported(tmp_path / "none.ts", trust=True)
    torch.jit.save(torch.jit.script(torch.nn.Identity()), str(tmp_path / "other.ts"))
    with pytest.raises(BackendError, match=r"was not written by `metricdepth export`"):
        open_exported(tmp_path / "other.ts", trust=True)
    for suffix in SUFFIXES.values():
        (tmp_path / f"bad{suffix}").write_bytes(b"nothing of the kind")
        with pytest.raises(BackendError, match=r"is damaged, or no|not installed"):
            open_exported(tmp_path / f"bad{suffix}", trust=True)


@pytest.mark.parametrize("suffix", [".ts", ".pt2"])
def test_programs_that_may_hold_code_are_run_only_if_trusted(tmp_path, suffix):
    (tmp_path / f"a{suffix}").write_bytes(b"code")
    with pytest.raises(BackendError, match=r"add --trust-model \(trust=True in Python\)"):
        mono.load_model(tmp_path / f"a{suffix}")


def test_a_file_runs_on_the_cpu_beside_a_gpu(toy_predictor, tmp_path, monkeypatch):
    export(toy_predictor, "torchscript", tmp_path / "toy.ts")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert mono.load_model(tmp_path / "toy.ts", trust=True).device.type == "cpu"


def test_weights_of_something_else_are_not_replaced(toy_predictor, tmp_path):
    skip_without("openvino")
    (tmp_path / "toy.bin").write_bytes(b"a checkpoint")
    with pytest.raises(BackendError, match=r"toy\.bin would be replaced, and there is no toy\.xml"):
        export(toy_predictor, "openvino", tmp_path / "toy.xml")
    assert (tmp_path / "toy.bin").read_bytes() == b"a checkpoint"


def test_what_was_decided_on_writing_is_refused(toy_predictor, tmp_path):
    export(toy_predictor, "torchscript", tmp_path / "toy.ts")
    for arguments, message in (
        ({"backend": "openvino"}, "Leave out backend openvino"),
        ({"precision": "bfloat16"}, "Leave out precision bfloat16"),
        ({"options": {"data_basic.crop_size": (64, 64)}}, "Leave out config options"),
        ({"checkpoint": "a.pth"}, "Leave out a checkpoint"),
    ):
        with pytest.raises(ValueError, match=message):
            mono.load_model(tmp_path / "toy.ts", trust=True, **arguments)
    camera = Camera.centered(100.0, 50, 40)
    with pytest.raises(ValueError, match=r"camera is for 50x40"):
        mono.load_model(tmp_path / "toy.ts", trust=True).predict(np.zeros((20, 30, 3), np.uint8), camera)
