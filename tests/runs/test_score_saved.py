import json

import numpy as np
import PIL.Image
import pytest

from mono.cli.main import main
from mono.data.annotations import load_annotations
from mono.evaluation.protocols import get_protocol
from mono.io.depth import write_depth
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
        "4 images with ground truth" in message
        and "FAILED 3.jpg" in message
        and "focal length is probably wrong" in message
    )
    found = json.loads((saved / "scores" / "metrics.json").read_text())
    assert found["per_image_mean"]["metric"]["abs_rel"] == pytest.approx(0.1, abs=1.5e-3)


def test_a_damaged_file_stops_no_other(saved):
    (saved / "out" / "depth" / "1.npy").write_bytes(b"\x93NUMPY\x01\x00v\x00{'descr': '<f4" + b" " * 200)
    scores = score_saved(load_annotations(saved / "a.json"), saved / "out", get_protocol("none"))
    assert [source for source, _ in scores.failures] == ["1.jpg", "3.jpg"]


def test_a_missing_folder_is_named(saved):
    with pytest.raises(RunError, match=r"no folder .*nowhere with predictions"):
        score_saved([], saved / "nowhere", get_protocol("none"))
