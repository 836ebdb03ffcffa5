"""The description beside a network alone is all that another program needs."""

import json
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

import mono
from mono.export.options import ExportOptions
from mono.export.write import export
from mono.geometry.camera import Camera
from mono.io.images import read_image
from mono.system.errors import BackendError
from tests.toys import ToyPoint, toy_predictor

ROOT = Path(__file__).parents[2]
OPTIONS = ExportOptions(
    network_only=True, batch=1, centered=True, input_name="pixel_values", output_name="predicted_depth"
)


@pytest.mark.parametrize("mode", ["label", "image"])
def test_the_lines_of_the_docs_give_the_model_s_meters(mode, tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    toy = toy_predictor(ToyPoint())
    transform = mono.geometry.canonical.CanonicalTransform((64, 96), 60.0 if mode == "image" else 1000.0, mode)
    toy = toy.__class__(**{**toy.__dict__, "transform": transform})
    export(toy, "onnx", tmp_path / "model.onnx", replace(OPTIONS, size=(96, 64)))
    photo = read_image(ROOT / "data/wild_demo/leuven.jpg").rgb[:333, :411].copy()
    camera = Camera.centered(280.0, 411, 333)
    meters = run_the_lines(tmp_path / "model.onnx", photo, 280.0, monkeypatch)
    expected = mono.load_model(tmp_path / "model.onnx").predict(photo, camera)
    np.testing.assert_allclose(meters, expected.depth, rtol=1e-3)
    assert (
        np.abs(expected.depth / toy.predict(photo, camera).depth - 1).max() < 0.05
    )  # the center, in place of the point


def test_the_lines_of_the_docs_leave_out_sky_and_what_touches_it(tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    export(mono.load_model("lite", device="cpu"), "onnx", tmp_path / "model.onnx", replace(OPTIONS, size=(320, 256)))
    photo = read_image(ROOT / "data/wild_demo/leuven.jpg").rgb
    camera = Camera.centered(600.0, photo.shape[1], photo.shape[0])
    meters = run_the_lines(tmp_path / "model.onnx", photo, 600.0, monkeypatch)
    expected = mono.load_model(tmp_path / "model.onnx").unguided().predict(photo, camera)
    sky = meters == 0
    assert 0.1 < sky.mean() < 0.5 and 1 < meters[~sky].min() < meters.max() < 200
    assert (sky & (expected.sky < 0.5)).mean() > 0.001  # the seam, too
    np.testing.assert_array_equal(sky, expected.depth == 0)
    np.testing.assert_allclose(meters, expected.depth, rtol=1e-3)


def run_the_lines(path, photo, focal, monkeypatch):
    """Return the depth [m] that the lines of the docs compute with a network alone."""
    onnxruntime = pytest.importorskip("onnxruntime")
    [lines] = re.findall(r"```python\n(values = .*?)```", (ROOT / "docs/export.md").read_text(), re.S)
    assert len(lines.splitlines()) <= 14
    session = onnxruntime.InferenceSession(path)
    names = {"json": json, "Path": Path, "np": np, "cv2": cv2, "session": session, "photo": photo}
    monkeypatch.chdir(path.parent)
    exec(lines, names | {"fx": focal, "fy": focal}, result := {})
    return result["meters"]


def test_it_describes_inputs_and_outputs(toy_file):
    path, _ = toy_file("torchscript", network_only=True, network=ToyPoint)
    values = json.loads(path.with_suffix(".preprocess.json").read_text())
    assert values["input"] == {
        "names": ["image", "principal_point"], "layout": "NCHW", "type": "float32", "width": None, "height": None,
        "batch": None, "multiple": 32,
    }  # fmt: skip
    assert values["outputs"] == ["depth", "confidence"] and values["canonical_focal_length"] == 1000.0
    assert values["file"] == "toy.ts" and len(values["steps"]) >= 6


def test_it_does_not_replace_what_describes_another_file(tmp_path):
    def write(kind, suffix, size):
        export(toy_predictor(), kind, tmp_path / f"net{suffix}", ExportOptions(network_only=True, size=size, batch=1))

    write("torchscript", ".ts", (96, 64))
    beside = tmp_path / "net.preprocess.json"
    before = beside.read_bytes()
    with pytest.raises(BackendError, match=r"net.preprocess.json describes net.ts, and would be replaced: choose"):
        write("exported-program", ".pt2", (64, 64))
    assert beside.read_bytes() == before and not (tmp_path / "net.pt2").exists()
    write("exported-program", ".pt2", (96, 64))  # the same but for the file's name
    assert json.loads(beside.read_text()) == {**json.loads(before), "file": "net.pt2"}
    write("exported-program", ".pt2", (64, 64))  # its own
    assert json.loads(beside.read_text())["input"]["width"] == 64
    for text in ("{}", "[" * 100_000):
        beside.write_text(text)
        with pytest.raises(BackendError, match=r"describes another file"):
            write("torchscript", ".ts", (96, 64))
