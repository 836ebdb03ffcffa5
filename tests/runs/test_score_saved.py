import json

import numpy as np
import PIL.Image
import pytest

from mono.cli.main import main
from mono.data.annotations import load_annotations
from mono.do_test import run
from mono.evaluation.protocols import get_protocol
from mono.geometry.camera import Camera
from mono.io.depth import write_depth
from mono.runs.options import RunOptions
from mono.runs.outputs import OutputOptions
from mono.runs.score_saved import score_saved
from mono.system.errors import RunError


@pytest.fixture
def saved(tmp_path):
    """Five images of which the prediction is 10 % too far, in the toolkit's formats; the fourth has none."""
    entries = []
    for i, suffix in enumerate(["png", "npy", "npz", None, "png"]):
        (tmp_path / f"{i}.jpg").write_bytes(b"never read")
        gt = np.random.default_rng(i).uniform(1, 9, (30, 40)).astype(np.float32)
        PIL.Image.fromarray((256 * gt).astype(np.uint16)).save(tmp_path / f"{i}_gt.png")
        entries.append({"rgb": f"{i}.jpg", "depth": f"{i}_gt.png", "depth_scale": 256.0})
        if suffix:
            write_depth(tmp_path / "out" / "depth" / f"{i}.{suffix}", 1.1 * gt)
    (tmp_path / "a.json").write_text(json.dumps({"files": entries}))
    return tmp_path


@pytest.mark.parametrize("workers", [1, 2])
def test_saved_depth_is_scored(saved, workers):
    counted = []
    samples = load_annotations(saved / "a.json")
    scores = score_saved(samples, saved / "out", get_protocol("none"), workers, on_done=counted.append)
    assert len(counted) == 5
    assert [source for source, _ in scores.failures] == ["3.jpg"] and "no predicted depth" in scores.failures[0][1]
    assert list(scores.metrics) == ["0.jpg", "1.jpg", "2.jpg", "4.jpg"]
    for tiers in scores.metrics.values():
        assert tiers["metric"].abs_rel == pytest.approx(0.1, abs=1.5e-3)
        assert tiers["metric"].scale == pytest.approx(1 / 1.1, abs=2e-3)


def test_the_command_says_what_it_found(saved, capsys):
    arguments = [
        "evaluate",
        saved / "a.json",
        "--pred",
        saved / "out",
        "--out",
        saved / "scores",
        "--workers",
        "1",
        "--no-report",
    ]
    assert main([str(a) for a in arguments]) == 1
    message = capsys.readouterr().out
    assert (
        "4 of 5 images with ground truth" in message
        and "FAILED 3.jpg" in message
        and "focal length is probably wrong" in message
    )
    found = json.loads((saved / "scores" / "metrics.json").read_text())
    assert found["per_image_mean"]["metric"]["abs_rel"] == pytest.approx(0.1, abs=1.5e-3)
    assert (found["images"], found["images_with_ground_truth"]) == (4, 5)
    assert found["without_prediction"] == {"pixels": 0, "share": 0} and "no prediction" not in message


def test_depth_that_the_pngs_could_not_hold_is_warned_of(tmp_path, toy_predictor, caplog):
    PIL.Image.fromarray(np.random.default_rng(0).integers(0, 256, (36, 48, 3), np.uint8)).save(tmp_path / "a.png")
    near = toy_predictor.predict(tmp_path / "a.png", Camera(50.0, 50.0, 23.5, 17.5, 48, 36)).depth
    focal = round(50 * 65.5 / float(np.median(near)), 1)  # half of the depth is beyond the range
    depth = toy_predictor.predict(tmp_path / "a.png", Camera(focal, focal, 23.5, 17.5, 48, 36)).depth
    write_depth(tmp_path / "gt.npy", depth)
    entry = {"rgb": "a.png", "depth": "gt.npy", "cam_in": [focal, focal, 23.5, 17.5]}
    (tmp_path / "a.json").write_text(json.dumps({"files": [entry]}))
    samples, protocol = load_annotations(tmp_path / "a.json"), get_protocol("none")
    made = run(samples, toy_predictor, RunOptions(tmp_path / "out", OutputOptions(("depth",)), protocol=protocol))
    beyond = int((depth > 65.5355).sum())
    assert made.beyond_range == {"a.png": beyond} and beyond > 500
    for folder in (tmp_path / "out", tmp_path / "out" / "depth"):
        caplog.clear()
        again = score_saved(samples, folder, protocol)
        assert again.beyond_range == made.beyond_range
        (record,) = caplog.records
        assert f"depth of {beyond} pixels of 1 image was beyond the range of the PNGs" in record.getMessage()
        assert "--depth-format npz" in record.getMessage() and "--depth-scale 200" in record.getMessage()
    assert made.metrics["a.png"]["metric"].rmse < 0.001 < 10 < again.metrics["a.png"]["metric"].rmse
    far = RunOptions(tmp_path / "npz", OutputOptions(("depth",), depth_format="npz"))
    run(samples, toy_predictor, far)
    caplog.clear()
    assert score_saved(samples, far.out, protocol).beyond_range == {} and not caplog.records


def test_a_damaged_file_stops_no_other(saved):
    (saved / "out" / "depth" / "1.npy").write_bytes(b"\x93NUMPY\x01\x00v\x00{'descr': '<f4" + b" " * 200)
    scores = score_saved(load_annotations(saved / "a.json"), saved / "out", get_protocol("none"))
    assert [source for source, _ in scores.failures] == ["1.jpg", "3.jpg"]


def test_a_missing_folder_is_named(saved):
    with pytest.raises(RunError, match=r"no folder .*nowhere with predictions"):
        score_saved([], saved / "nowhere", get_protocol("none"))
