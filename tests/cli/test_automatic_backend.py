"""Runs by the usual backend: continued as they began, and never of two backends."""

import json
import shutil
from pathlib import Path

import pytest

from mono.cli.main import main
from mono.inference import autotune
from mono.runs.folder import former_backend
from tests.toys import toy_predictor

DEMO = Path(__file__).parents[2] / "data" / "wild_demo"


@pytest.fixture
def auto(tmp_path, monkeypatch):
    """Run two photos by the commands' default, with an empty cache; `predict` takes names and flags."""
    monkeypatch.delenv("METRICDEPTH_BACKEND")
    monkeypatch.setenv("METRICDEPTH_CACHE", str(tmp_path / "cache"))
    photos = [Path(shutil.copy(DEMO / name, tmp_path / name)) for name in ("leuven.jpg", "room.jpg")]

    def predict(count, out, *flags):
        return main(["predict", *map(str, photos[:count]), "--out", str(out), "--save", "depth", *flags])

    return predict


def depths(out):
    return {file.name: file.read_bytes() for file in sorted((out / "depth").iterdir())}


def test_few_photos_are_computed_as_by_eager_and_nothing_is_converted(tmp_path, auto):
    assert auto(2, tmp_path / "auto") == 0 and auto(2, tmp_path / "eager", "--backend", "eager") == 0
    assert depths(tmp_path / "auto") == depths(tmp_path / "eager")
    assert not list((tmp_path / "cache").rglob("*.xml"))
    names = [json.loads(line)["name"] for line in (tmp_path / "auto" / "manifest.jsonl").read_text().splitlines()]
    assert former_backend(tmp_path / "auto", names, "float32") == "eager"
    assert former_backend(tmp_path / "auto", names, "bfloat16") is None
    assert former_backend(tmp_path / "auto", ["another"], "float32") is None
    assert former_backend(tmp_path / "none", names, "float32") is None and not (tmp_path / "none").exists()


def test_a_run_goes_on_by_its_own_backend(tmp_path, auto, monkeypatch):
    out, built = tmp_path / "out", []

    def build(predictor, backend):
        built.append(backend)
        return predictor

    assert auto(1, out) == 0
    monkeypatch.setattr(autotune, "_repays_conversion", lambda *_: True)  # a new run would convert
    assert auto(2, out) == 0 and auto(2, tmp_path / "eager", "--backend", "eager") == 0
    assert depths(out) == depths(tmp_path / "eager")
    monkeypatch.setattr(autotune, "with_backend", build)
    monkeypatch.setattr(autotune, "why_not", lambda *_: None)
    assert auto(2, out, "--overwrite") == 0
    assert built[-1] == "openvino"


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime", "compile"])
def test_the_backend_of_a_folder_is_found(tmp_path, backend):
    from dataclasses import replace

    from mono.data.folder import find_images
    from mono.do_test import run
    from mono.runs.options import RunOptions

    predictor = replace(toy_predictor(), backend=backend, precision="bfloat16" if backend == "openvino" else "float32")
    samples = find_images([DEMO / "leuven.jpg"])
    run(samples, predictor, RunOptions(out=tmp_path))
    (tmp_path / "manifest.jsonl").rename(tmp_path / "manifest.rank0.jsonl")  # of processes that were killed
    assert former_backend(tmp_path, [samples[0].name], predictor.precision) == backend
