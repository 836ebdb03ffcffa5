"""A released checkpoint of a v2 network, from the command line to files and metrics."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from mono.cli.main import main

DATA = Path(__file__).parents[2] / "data" / "nyu_demo"
SMALL = ["--options", "data_basic.crop_size=(84,112)"]


@pytest.fixture(scope="module")
def predicted(vit_checkpoint, tmp_path_factory):
    out = tmp_path_factory.mktemp("vit") / "out"
    photo = next(DATA.glob("rgb/*"))
    command = ["predict", str(photo), "--model", "vit_small", "--checkpoint", str(vit_checkpoint), "--out", str(out)]
    assert main([*command, "--fov-deg", "60", "--save", "depth,vis,pcd,normal", "--iterations", "2", *SMALL]) == 0
    return out, photo.stem


def test_predict_writes_depth_normals_and_points(predicted):
    out, name = predicted
    record = json.loads((out / "manifest.jsonl").read_text().splitlines()[-1])
    assert record["status"] == "ok" and record["model"] == "vit_small" and record["normal_source"] == "network"
    for kind in ("depth/{}.png", "vis/{}.jpg", "pcd/{}.ply", "normal/{}.png", "normal_vis/{}.jpg"):
        assert (out / kind.format(name)).stat().st_size > 500
    assert b"property float nz" in (out / "pcd" / f"{name}.ply").read_bytes()[:400]


def test_evaluate_prints_depth_and_normals(vit_checkpoint, tmp_path, capsys):
    out = tmp_path / "out"
    command = ["evaluate", str(DATA / "test_annotations.json"), "--model", str(vit_checkpoint), "--out", str(out)]
    assert main([*command, "--derive-normals", "--iterations", "1", *SMALL]) == 0
    printed = capsys.readouterr().out
    assert "AbsRel" in printed and "11.25" in printed and "derived from depth" in printed
    metrics = json.loads((out / "metrics.json").read_text())
    (group,) = metrics["normals"]["groups"]
    means = group["per_image_mean"]
    assert (group["predicted"], group["ground_truth"]) == ("network", "depth")
    assert 5 < means["mean"] < 175 and np.isfinite(means["rmse"]) and metrics["run"]["model"] == "vit_small"


def test_networks_without_refinement_refuse_the_flag(tmp_path, capsys):
    photo = next(DATA.glob("rgb/*"))
    shutil.copy(photo, tmp_path)
    assert main(["predict", str(tmp_path), "--model", "lite", "--iterations", "2", "--out", str(tmp_path / "o")]) != 0
    assert "has no refinement" in capsys.readouterr().err
