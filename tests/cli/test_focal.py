"""Unknown cameras on the command line: estimated, pooled, or assumed; and training of the network."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mono.cli import session
from mono.cli.main import main
from mono.model.checkpoint import read_tensors
from mono.model.focal_network import load_focal_network
from mono.training.loop import write_weights


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toy_predictor) -> Path:
    """Three different pictures of one size, without EXIF data."""
    monkeypatch.setattr(session, "load_predictor", lambda *_: toy_predictor)
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(3):
        scene = np.random.default_rng(i).integers(0, 255, (6, 8, 3), np.uint8)
        Image.fromarray(np.kron(scene, np.ones((10, 10, 1), np.uint8))).save(folder / f"{i}.png")
    return folder


def records(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]


def test_each_photo_has_its_estimate_and_its_error(photos: Path, tmp_path: Path, capsys) -> None:
    assert main(["predict", str(photos), "-o", str(tmp_path / "out"), "--save", "depth", "--estimate-focal"]) == 0
    assert "focal length: estimated    3 images" in capsys.readouterr().out
    found = records(tmp_path / "out")
    assert {r["camera_source"] for r in found} == {"estimated"}
    assert all(0.01 < r["focal_error"] < 1 for r in found)
    assert all(f"within {100 * r['focal_error']:.0f} %" in r["camera_detail"] for r in found)


def test_a_folder_of_one_camera_has_one_focal_length_and_runs_go_on(photos: Path, tmp_path: Path, capsys) -> None:
    words = ["predict", str(photos), "-o", str(tmp_path / "out"), "--save", "depth", "--pool-focal"]
    assert main(words) == 0
    found = records(tmp_path / "out")
    assert len({tuple(r["intrinsics"]) for r in found}) == len({r["focal_error"] for r in found}) == 1
    capsys.readouterr()
    assert main(words) == 0
    assert "3 done before" in capsys.readouterr().out


def test_a_field_of_view_is_assumed_on_request_and_depth_scales_with_it(photos: Path, tmp_path: Path, capsys) -> None:
    for fov in (60, 90):
        words = ["predict", str(photos / "0.png"), "-o", str(tmp_path / str(fov)), "--save", "depth"]
        assert main([*words, "--assume-fov", str(fov)]) == 0
        (record,) = records(tmp_path / str(fov))
        assert record["camera_source"] == "assumed" and "focal_error" not in record
        assert record["intrinsics"][0] == pytest.approx(40 / math.tan(math.radians(fov / 2)), abs=1e-3)
    assert "assumed" in capsys.readouterr().out
    assert main([*words, "--assume-fov", "60"]) == 2  # other settings for the same image
    assert main([*words, "--assume-fov", "190"]) == 2
    assert "between 0 and 180" in capsys.readouterr().err


def test_a_known_camera_is_not_estimated(photos: Path, tmp_path: Path, capsys) -> None:
    for name in ("0", "1", "2"):
        (photos / f"{name}.camera.json").write_text(json.dumps({"fx": 70, "fy": 70, "cx": 39.5, "cy": 29.5}))
    words = ["predict", str(photos), "--save", "depth", "--pool-focal"]
    assert main([*words, "-o", str(tmp_path / "a")]) == 0
    assert {(r["camera_source"], r["intrinsics"][0]) for r in records(tmp_path / "a")} == {("camera file", 70)}
    with pytest.raises(SystemExit):
        main([*words, "-o", str(tmp_path / "b"), "--focal-px", "70"])
    assert "not allowed with argument" in capsys.readouterr().err


def test_training_writes_weights_that_load(tmp_path: Path, capsys) -> None:
    files = []
    for i in range(4):
        Image.fromarray(np.full((60, 80, 3), 60 * i, np.uint8)).save(tmp_path / f"{i}.png")
        files.append({"rgb": f"{i}.png", "cam_in": [70.0, 70.0, 39.5, 29.5]})
    (tmp_path / "annotations.json").write_text(json.dumps({"files": files}))
    out = tmp_path / "focal.safetensors"
    words = ["train-focal", "--val", str(tmp_path), "--minutes", "0.01", "--threads", "1", "--overwrite"]
    data = ["--data", str(tmp_path)]
    assert main([*words, *data, "-o", str(out)]) == 0
    assert "4 images, median error of ln(focal length)" in capsys.readouterr().out
    network = load_focal_network(out)
    assert 0 < float(network.calibration[0]) < 100 and 0 <= float(network.calibration[1]) <= 1
    learned = read_tensors(out)
    write_weights(learned | {"calibration": torch.tensor([77.0, 0.5])}, tmp_path / "start.safetensors", {})
    fit = [*words, "-o", str(out), "--from", str(tmp_path / "start.safetensors"), "--minutes", "0"]
    assert main(fit) == 0  # fits the announced error alone, to that of before
    fitted = read_tensors(out)
    torch.testing.assert_close(fitted.pop("calibration"), learned.pop("calibration"), rtol=0.02, atol=0.02)
    assert all(torch.equal(fitted[name], tensor) for name, tensor in learned.items())
    for option, value, cause in (
        ("--threads", "0", "from 1 to"), ("--minutes", "0", "needs a network of focal lengths; give one by --from"),
        ("--minutes", "-1", "a positive number"), ("--mix-style", "2", "mix_style is 2.0; it must be a share"),
    ):  # fmt: skip
        assert main([*words, *data, "-o", str(out), option, value]) == 2
        assert cause in capsys.readouterr().err
    before = out.read_bytes()
    assert main([*words[:-1], *data, "-o", str(out)]) == 2
    assert "exists, and would be replaced" in capsys.readouterr().err
    assert main([*words, "-o", str(out), "--from", str(out), "--minutes", "0"]) == 2
    assert "is the network to start from, and would be replaced" in capsys.readouterr().err
    assert out.read_bytes() == before
    depth = Path(__file__).parents[2] / "weight" / "lite.safetensors"
    assert main([*words, "-o", str(out), "--from", str(depth), "--minutes", "0"]) == 2
    assert "lite.safetensors is a checkpoint of lite and does not fit the network of focal" in capsys.readouterr().err
    assert main([*words, "-o", str(out)]) == 2
    assert "nothing to train on; give annotation files by --data" in capsys.readouterr().err
    assert main([*words, *data, "-o", str(tmp_path)]) == 2
    assert "is a folder" in capsys.readouterr().err
    assert main([*words, *data, "-o", str(out), "--from", str(tmp_path / "none.pth")]) == 2
    assert "there is no file" in capsys.readouterr().err
