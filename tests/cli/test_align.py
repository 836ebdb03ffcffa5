"""Alignment and calibration as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import mono
from mono.cli.align_flags import distance, length
from mono.cli.main import main
from mono.data.annotations import load_annotations
from mono.io.depth import read_depth

DATA = Path(__file__).resolve().parents[2] / "data" / "nyu_demo"
SAMPLES = load_annotations(DATA / "test_annotations.json")
CAMERA = "--intrinsics=518.8579,519.46961,325.58245,253.73617"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output folder of an image that was not aligned."""
    out = tmp_path_factory.mktemp("first")
    assert (
        main(["predict", str(SAMPLES[0].rgb), CAMERA, "-o", str(out), "--save", "depth", "--depth-format", "npy"]) == 0
    )
    return out


def depth_at(path: Path, u: int, v: int) -> float:
    return float(read_depth(path)[v, u])


def test_predict_brings_a_pixel_to_its_distance_and_records_it(
    tmp_path: Path, first: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["predict", str(SAMPLES[0].rgb), CAMERA, "--save", "depth", "-o", str(tmp_path)]
    assert main([*arguments, "--known", "320,200:3.5"]) == 0
    assert "known distance; one distance fixes the factor only" in capsys.readouterr().out
    assert depth_at(tmp_path / "depth/rgb_00000.png", 320, 200) == pytest.approx(3.5, abs=2e-3)
    record = json.loads((tmp_path / "manifest.jsonl").read_text())["alignment"]
    assert record == json.loads((tmp_path / "depth/rgb_00000.json").read_text())["alignment"]
    assert record["scale"] == pytest.approx(3.5 / depth_at(first / "depth/rgb_00000.npy", 320, 200), rel=1e-3)
    assert main([*arguments, "--known", "320,200:3.6"]) == 2  # other results would be replaced
    assert "other camera or alignment flags" in capsys.readouterr().err


def test_results_added_later_are_of_the_aligned_depth(tmp_path: Path) -> None:
    arguments = ["predict", str(SAMPLES[0].rgb), CAMERA, "--known", "320,200:3.5", "-o", str(tmp_path)]
    assert main([*arguments, "--save", "depth", "--depth-format", "npy"]) == 0
    before = json.loads((tmp_path / "manifest.jsonl").read_text())["alignment"]
    assert main([*arguments, "--save", "depth,vis", "--depth-format", "npy"]) == 0
    record = json.loads((tmp_path / "manifest.jsonl").read_text().splitlines()[-1])
    assert record["alignment"] == before and "vis" in record["outputs"]


def test_saved_depth_is_aligned_with_a_folder_of_depth(
    tmp_path: Path, first: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = read_depth(SAMPLES[0].depth, 1000)
    sparse = np.where(np.random.default_rng(0).random(known.shape) < 0.002, known, 0)
    (tmp_path / "known").mkdir()
    np.save(tmp_path / "known/rgb_00000.npy", sparse.astype(np.float32))
    out = tmp_path / "aligned"
    words = ["align", str(first), "--align", str(tmp_path / "known"), CAMERA, "-o", str(out)]
    assert main([*words, "--align-model", "scale"]) == 0
    record = json.loads((out / "alignment.json").read_text())["rgb_00000"]
    predicted = read_depth(first / "depth/rgb_00000.npy")
    valid = (predicted > 0) & (known > 0)
    assert record["scale"] == pytest.approx(np.median(known[valid] / predicted[valid]), rel=0.05)
    assert depth_at(out / "depth/rgb_00000.png", 320, 200) == pytest.approx(
        record["scale"] * predicted[200, 320], rel=2e-3
    )
    assert main(["align", str(first), "--camera-height", "1.5", CAMERA, "-o", str(first)]) == 2
    assert "holds the depth to align" in capsys.readouterr().err
    assert main(["align", str(first), CAMERA, "-o", str(out)]) == 2
    assert main(["align", str(SAMPLES[0].rgb), "--known", "1,1:1", "-o", str(out)]) == 2
    assert "metricdepth predict" in capsys.readouterr().err


def test_evaluate_scores_aligned_depth(tmp_path: Path) -> None:
    (tmp_path / "known").mkdir()
    for sample in SAMPLES:
        assert sample.depth is not None
        (tmp_path / "known" / f"{sample.rgb.stem}.png").write_bytes(sample.depth.read_bytes())
    words = ["evaluate", str(DATA / "test_annotations.json"), "--no-report"]
    aligned = [*words, "--align", str(tmp_path / "known"), "--align-scale", "1000", "--align-model", "field"]
    scores = []
    for i, arguments in enumerate((words, aligned)):
        assert main([*arguments, "-o", str(tmp_path / str(i))]) == 0
        records = [json.loads(line) for line in (tmp_path / str(i) / "manifest.jsonl").read_text().splitlines()]
        scores.append(np.mean([record["metrics"]["metric"]["abs_rel"] for record in records]))
    assert scores[1] < 0.5 * scores[0]


def test_a_calibration_is_used_by_later_runs_of_its_model_only(
    tmp_path: Path, first: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    files = [{"rgb": str(s.rgb), "depth": str(s.depth), "depth_scale": 500} for s in SAMPLES]  # twice as far
    files[1] = {"rgb": str(SAMPLES[1].rgb), "known": [[320, 200, 2 * depth_in(1)]], "along_ray": True}
    (tmp_path / "known.json").write_text(json.dumps({"files": files}))
    camera = tmp_path / "camera.json"
    camera.write_text('{"fx": 518.8579, "fy": 519.46961, "cx": 325.58245, "cy": 253.73617, "note": "mine"}')
    words = ["calibrate", str(tmp_path / "known.json"), CAMERA, "-o", str(camera)]
    assert main([*words, "--check", str(tmp_path / "known.json")]) == 0
    assert "AbsRel before and after" in capsys.readouterr().out
    stored = json.loads(camera.read_text())
    model = mono.load_model("lite")
    assert stored["note"] == "mine" and list(stored["calibration"]) == [model.checksum]
    scale = stored["calibration"][model.checksum]["scale"]
    assert 1.6 < scale < 2.5
    out = tmp_path / "out"
    assert main(["predict", str(SAMPLES[0].rgb), "--camera", str(camera), "--save", "depth", "-o", str(out)]) == 0
    assert "mean nothing" not in caplog.text
    plain = depth_at(first / "depth/rgb_00000.npy", 320, 200)
    assert depth_at(out / "depth/rgb_00000.png", 320, 200) == pytest.approx(scale * plain, rel=2e-3)
    assert json.loads((out / "manifest.jsonl").read_text())["calibration"]["scale"] == scale
    other = ["predict", str(SAMPLES[0].rgb), "--camera", str(camera), "--model", "lite_detail", "--save", "depth"]
    assert main([*other, "-o", str(tmp_path / "other")]) == 0
    assert "is calibrated for lite, not for this model" in caplog.text
    assert "calibration" not in json.loads((tmp_path / "other" / "manifest.jsonl").read_text())


def test_a_calibration_keeps_that_the_focal_length_is_assumed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    known = [[320, 200, depth_in(0)], [200, 300, 2.0]]
    (tmp_path / "known.json").write_text(json.dumps({"files": [{"rgb": str(SAMPLES[0].rgb), "known": known}]}))
    camera = tmp_path / "camera.json"
    assert main(["calibrate", str(tmp_path / "known.json"), "-o", str(camera)]) == 0
    assert "focal length: assumed      1 image  <- distances may be off by a factor" in capsys.readouterr().out
    detail = "assumed 60 deg field of view: distances are unreliable, give the focal length"
    content = json.loads(camera.read_text())
    assert content["source"] == {"focal_length": "assumed", "detail": detail, "error": 0.25}
    assert content["fx"] == pytest.approx(320 / np.tan(np.radians(30)))
    predict = ["predict", str(SAMPLES[0].rgb), "--camera", str(camera), "--save", "depth", "-o", str(tmp_path / "out")]
    assert main(predict) == 0
    assert f"{camera}: {detail}" in caplog.text and "mean nothing" not in caplog.text
    record = json.loads((tmp_path / "out/manifest.jsonl").read_text())
    assert record["camera_source"] == "camera file" and record["camera_detail"] == f"camera file {camera}; {detail}"
    again = ["calibrate", str(tmp_path / "known.json"), "--camera", str(camera), "-o", str(tmp_path / "second.json")]
    assert main(again) == 0
    assert json.loads((tmp_path / "second.json").read_text())["source"] == content["source"]


def depth_in(number: int) -> float:
    return depth_at_known(SAMPLES[number].depth)


def depth_at_known(path: Path | None) -> float:
    assert path is not None
    return float(read_depth(path, 1000)[200, 320])


def test_damaged_calibrations_and_files_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = mono.load_model("lite")
    predict = ["predict", str(SAMPLES[0].rgb), "--camera", str(tmp_path / "c.json"), "--save", "depth", "-o"]
    for i, entry in enumerate(({"scale": 0}, {"scale": "x"}, {"exponent": 2}, {"scale": 1, "exponent": 99}, 5)):
        content = {"focal_px": 519, "calibration": {model.checksum: entry}}
        (tmp_path / "c.json").write_text(json.dumps(content))
        assert main([*predict, str(tmp_path / str(i))]) == 1
        assert "its calibration is damaged" in capsys.readouterr().out
    (tmp_path / "k.json").write_text(json.dumps({"files": [{"rgb": str(SAMPLES[0].rgb)}]}))
    assert main(["calibrate", str(tmp_path / "k.json"), "-o", str(tmp_path / "new.json")]) == 2
    assert "nothing is known of it" in capsys.readouterr().err
    (tmp_path / "k.json").write_text(json.dumps({"files": [{"rgb": str(SAMPLES[0].rgb), "known": [3]}]}))
    assert main(["calibrate", str(tmp_path / "k.json"), "-o", str(tmp_path / "new.json")]) == 2
    assert "give 3 finite numbers" in capsys.readouterr().err
    assert main(["calibrate", str(tmp_path / "k.json")]) == 2 and not (tmp_path / "new.json").exists()


def test_a_pixel_and_a_length_are_read() -> None:
    assert distance("412,300:2.0") == (412, 300, 2)
    assert length("100,400:900,410:0.80") == length("100,400,900,410:0.80") == (100, 400, 900, 410, 0.8)


@pytest.mark.parametrize("words", [["--known", "1,2"], ["--known", "a,b:2"], ["--known-length", "1,2:3"]])
def test_flags_of_another_form_are_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["predict", str(SAMPLES[0].rgb), *words])
    assert "METRES, as" in capsys.readouterr().err


def test_from_python() -> None:
    model = mono.load_model("lite")
    known = mono.Known(points=[(320, 200, 3.5), (100, 300, 2.5)])
    prediction = model.predict(str(SAMPLES[0].rgb), align=known)
    assert prediction.alignment is not None and prediction.alignment.used == 2
    assert prediction.notes()["alignment"]["unit"] == "m"
