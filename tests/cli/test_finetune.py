"""`metricdepth finetune` and `metricdepth train`, from the command line to weights that load."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from mono import Camera, load_model
from mono.cli.main import main
from tests.training.small import write_walls

TINY = ["--workers", "0", "--threads", "1", "--set", "sizes=[(64,96)]", "batch_pixels=12288"]


@pytest.fixture(autouse=True)
def as_many_threads_as_before():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def test_from_the_model_that_ships_to_one_that_loads(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    data, out = write_walls(tmp_path / "walls", 8), tmp_path / "out"
    content = json.loads(data.read_text())
    for i, entry in enumerate(content["files"]):
        entry["depth_scale"] = (400.0, 1600.0)[i % 2]  # all walls are 5 m away
    data.write_text(json.dumps(content))
    command = ["finetune", "--data", str(data), "--out", str(out), "--steps", "16", "--precision", "float32", *TINY]
    assert main([*command, "lr=1e-3", "ema=0.5", "focal_jitter=0.0"]) == 0
    message = capsys.readouterr().out
    scores = json.loads((out / "finetune.json").read_text())
    assert scores["improved"] and scores["after"]["abs_rel"] < scores["before"]["abs_rel"]
    assert f"{scores['before']['abs_rel']:.3f}" in message and f"{scores['after']['abs_rel']:.3f}" in message
    assert scores["frames"] + scores["held_out"] == 8 and f"--model {out / 'model.safetensors'}" in message
    with safe_open(out / "model.safetensors", "pt") as file:
        assert file.metadata()["from"] == "lite.safetensors" and file.metadata()["config"] == "lite.py"
    predictor = load_model(out / "model.safetensors", device="cpu")
    image = np.full((64, 96, 3), 40, np.uint8)
    camera = Camera(60.0, 60.0, 47.5, 31.5, 96, 64)
    before = load_model("lite", device="cpu", options={"model.sky": "keep"}).predict(image, camera).depth
    after = predictor.predict(image, camera).depth
    assert np.abs(np.log(after / 5.0)).mean() < 0.8 * np.abs(np.log(before / 5.0)).mean()


def test_the_start_is_kept_if_nothing_improves(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    data = write_walls(tmp_path / "walls", 4)
    wrong = write_walls(tmp_path / "wrong", 4)
    content = json.loads(wrong.read_text())
    for entry in content["files"]:
        entry["depth_scale"] = 100.0
    wrong.write_text(json.dumps(content))
    (wrong.parent / "3.png").write_bytes(b"no image")
    out = tmp_path / "out"
    command = ["finetune", "--data", str(wrong), "--val", str(data), "--out", str(out), "--steps", "4", *TINY]
    assert main([*command, "lr=3e-3", "ema=0.5"]) == 0
    message = capsys.readouterr().out
    assert "did not improve" in message and "1 of 4 images could not be read" in message
    assert json.loads((out / "finetune.json").read_text())["unreadable"] == 1
    weights = load_model(out / "model.safetensors", device="cpu").network.state_dict()
    for name, tensor in load_model("lite", device="cpu").network.state_dict().items():
        assert torch.equal(weights[name], tensor), name


def test_the_model_that_training_starts_from_is_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    data, saved = write_walls(tmp_path / "walls", 4), tmp_path / "saved"
    load_model("lite", device="cpu").save_pretrained(saved)
    before = {file.name: file.read_bytes() for file in saved.iterdir()}
    command = ["finetune", "--data", str(data), "--out", str(saved), "--steps", "1", *TINY]
    for start in (saved, saved / "model.safetensors"):
        assert main([*command, "--from", str(start)]) == 2
        assert "was not written by this run" in capsys.readouterr().err
    train = ["train", "lite.py", "--data", f"{data}:dense", "--out", str(saved), "--steps", "1", *TINY]
    assert main([*train, "--from", str(saved / "model.safetensors")]) == 2
    assert {f.name: f.read_bytes() for f in saved.iterdir() if f.name != ".lock"} == before


def test_a_finished_run_runs_again_and_longer(tmp_path: Path):
    data, out = write_walls(tmp_path / "walls", 4), tmp_path / "out"
    command = ["finetune", "--data", str(data), "--out", str(out), *TINY, "--steps"]
    weights = []
    for steps in ("1", "1", "2"):
        assert main([*command, steps]) == 0
        weights.append((out / "model.safetensors").read_bytes())
    assert weights[0] == weights[1]
    assert torch.load(out / "last.pth", weights_only=True)["step"] == 2


def test_what_is_wrong_ends_in_a_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    data = write_walls(tmp_path / "walls", 4)
    out = ["--out", str(tmp_path / "out"), "--steps", "1", *TINY]
    assert main(["finetune", "--data", f"{data}:lidar", *out]) == 2
    assert "no kind of ground truth" in capsys.readouterr().err
    assert main(["finetune", "--from", "nothing", "--data", str(data), *out]) == 2
    assert 'no model "nothing"' in capsys.readouterr().err
    assert main(["train", "lite.py", "--data", f"{data}:lidar", *out]) == 2
    assert "no kind of ground truth" in capsys.readouterr().err
    for command in (["finetune"], ["train", "lite.py"]):
        assert (
            main([*command, "--data", str(data), "--out", str(tmp_path / "out"), "--steps", "1", "--threads", "0"]) == 2
        )
        assert "--threads is 0; it must be from 1" in capsys.readouterr().err


def test_a_trained_network_is_exported_with_its_curves(tmp_path: Path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    data, out = write_walls(tmp_path / "walls", 2), tmp_path / "out"
    command = [
        "train",
        "lite.py",
        "--data",
        f"{data.parent}:dense",
        "--out",
        str(out),
        "--steps",
        "2",
        "--val",
        str(data),
    ]
    assert main([*command, "--val-every", "1", "--tensorboard", *TINY, "init=''"]) == 0
    assert load_model(out / "model.safetensors", device="cpu").name == "lite"
    curves = EventAccumulator(str(out / "tensorboard")).Reload()
    assert [e.step for e in curves.Scalars("train/loss")] == [2]
    assert [e.step for e in curves.Scalars("walls/abs_rel")] == [1, 2]
    line = json.loads((out / "progress.jsonl").read_text().splitlines()[-1])
    assert curves.Scalars("train/loss")[0].value == pytest.approx(line["loss"], rel=1e-4)


def test_without_tensorboard_there_are_no_curves_and_a_clear_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    data = write_walls(tmp_path / "walls", 2)
    command = [
        "train",
        "lite.py",
        "--data",
        str(data),
        "--out",
        str(tmp_path / "out"),
        "--steps",
        "1",
        *TINY,
        "init=''",
    ]
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    assert main([*command, "--tensorboard"]) == 2
    assert "pip install 'metricdepth[train]'" in capsys.readouterr().err
    assert main([*command, "--from", "lite"]) == 0
    assert not (tmp_path / "out" / "tensorboard").exists()
