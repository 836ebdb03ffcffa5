"""The description beside a network alone is all that another program needs."""

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

import mono
from mono.export.options import ExportOptions
from mono.export.write import export
from mono.geometry.camera import Camera
from mono.io.images import read_image
from tests.toys import ToyPoint, toy_predictor

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("mode", ["label", "image"])
def test_the_lines_of_the_docs_give_the_model_s_meters(mode, tmp_path, monkeypatch):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    toy = toy_predictor(ToyPoint())
    transform = mono.geometry.canonical.CanonicalTransform((64, 96), 60.0 if mode == "image" else 1000.0, mode)
    toy = toy.__class__(**{**toy.__dict__, "transform": transform})
    options = ExportOptions(
        network_only=True,
        size=(96, 64),
        batch=1,
        centered=True,
        input_name="pixel_values",
        output_name="predicted_depth",
    )
    export(toy, "onnx", tmp_path / "model.onnx", options)
    photo = read_image(ROOT / "data/wild_demo/leuven.jpg").rgb[:333, :411].copy()
    camera = Camera.centered(280.0, 411, 333)
    [lines] = re.findall(r"```python\n(values = .*?)```", (ROOT / "docs/export.md").read_text(), re.S)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    names = {
        "json": json,
        "Path": Path,
        "np": np,
        "cv2": cv2,
        "session": session,
        "photo": photo,
        "fx": 280.0,
        "fy": 280.0,
    }
    monkeypatch.chdir(tmp_path)
    exec(lines, names)
    assert len(lines.splitlines()) <= 14
    expected = mono.load_model(tmp_path / "model.onnx").predict(photo, camera)
    np.testing.assert_allclose(names["meters"], expected.depth, rtol=1e-3)
    assert (
        np.abs(expected.depth / toy.predict(photo, camera).depth - 1).max() < 0.05
    )  # the center, in place of the point


def test_it_describes_inputs_and_outputs(toy_file):
    path, _ = toy_file("torchscript", network_only=True, network=ToyPoint)
    values = json.loads(path.with_suffix(".preprocess.json").read_text())
    assert values["input"] == {
        "names": ["image", "principal_point"], "layout": "NCHW", "type": "float32", "width": None, "height": None,
        "batch": None, "multiple": 32,
    }  # fmt: skip
    assert values["outputs"] == ["depth", "confidence"] and values["canonical_focal_length"] == 1000.0
    assert values["file"] == "toy.ts" and len(values["steps"]) >= 6
