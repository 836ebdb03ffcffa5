import json

import numpy as np
import PIL.Image
import pytest

import metricdepth
from mono.cli.main import main
from mono.data.annotations import load_annotations
from mono.data.ground_truth import GroundTruth
from mono.do_test import run
from mono.evaluation.checksum import ground_truth_checksum
from mono.evaluation.protocols import Protocol, get_protocol
from mono.evaluation.stored_run import read_metrics
from mono.runs.options import RunOptions
from mono.runs.outputs import OutputOptions
from tests.toys import toy_predictor

NONE = get_protocol("none")
DEPTH = np.float32([[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]])


def checksum(depth, protocol=NONE, annotated=None):
    return ground_truth_checksum(GroundTruth(depth, annotated=annotated), protocol)


def test_checksum_is_of_values_and_places():
    assert checksum(DEPTH) == "edae896349dbb4e3"  # on any machine
    assert checksum(np.asfortranarray(DEPTH)) == checksum(DEPTH.astype(">f4")) == checksum(DEPTH)
    moved = [DEPTH * np.float32(1.1), DEPTH[::-1], DEPTH.T, DEPTH.reshape(2, 6), np.roll(DEPTH, 1)]
    assert len({checksum(depth) for depth in (DEPTH, *moved)}) == 6
    one = DEPTH.copy()
    one[2, 3] = np.nextafter(one[2, 3], np.float32(99))
    assert checksum(one) != checksum(DEPTH)


def test_pixels_that_do_not_count_do_not_matter():
    protocol = Protocol("own", max_depth=10, crop=(0, 1, 0.25, 1))
    other = DEPTH.copy()
    other[1, 0], other[2, 3] = 99, np.nan
    assert checksum(other, protocol) == checksum(DEPTH, protocol) != checksum(DEPTH)
    assert checksum(other) != checksum(DEPTH)
    assert checksum(DEPTH, Protocol("far", min_depth=11)) is None
    assert ground_truth_checksum(GroundTruth(), NONE) is None


def test_conversions_of_a_lens_do_not_matter():
    exact = np.where(DEPTH > 0, DEPTH + np.float32(0.5), 0)
    rounded = np.nextafter(DEPTH, np.float32(0))
    assert checksum(DEPTH, annotated=exact) == checksum(rounded, annotated=exact) != checksum(DEPTH)
    assert checksum(DEPTH, annotated=exact) != checksum(DEPTH * np.float32(1.1), annotated=exact) != checksum(exact)


@pytest.fixture
def data(tmp_path):
    """Three images with ground truth; `again.json` has its depth 10 % farther."""
    for i in range(3):
        gt = np.random.default_rng(i).uniform(1, 9, (36, 48))
        PIL.Image.fromarray(np.full((36, 48, 3), 40 * i, np.uint8)).save(tmp_path / f"{i}.png")
        PIL.Image.fromarray((1000 * gt).astype(np.uint16)).save(tmp_path / f"gt{i}.png")
    for name, scale in (("a", 1000), ("again", 1100)):
        entries = [
            {"rgb": f"{i}.png", "depth": f"gt{i}.png", "depth_scale": scale, "cam_in": [60, 60, 23.5, 17.5]}
            for i in range(3)
        ]
        (tmp_path / f"{name}.json").write_text(json.dumps({"files": entries}))
    return tmp_path


def test_predicted_now_saved_before_and_resumed_have_the_same(data):
    samples, toy = load_annotations(data / "a.json"), toy_predictor()
    options = RunOptions(data / "out", OutputOptions(("depth",), depth_format="npy"), protocol=NONE)
    first = run(samples[:1], toy, options)
    assert list(first.checksums) == ["0.png"]
    whole, resumed = run(samples, toy, options), run(samples, toy, options)
    assert (whole.skipped, resumed.skipped) == (1, 3)
    assert len(set(whole.checksums.values())) == 3
    assert whole.checksums == resumed.checksums and whole.checksums["0.png"] == first.checksums["0.png"]
    for workers in (1, 2):
        saved = metricdepth.evaluate(data / "a.json", data / "out", out=data / f"s{workers}", workers=workers)
        assert saved.checksums == whole.checksums == read_metrics(data / f"s{workers}").checksums


def test_runs_on_other_ground_truth_are_refused(data, capsys):
    (data / "pred").mkdir()
    for i in range(3):
        np.save(data / "pred" / f"{i}.npy", np.full((36, 48), 4.0, np.float32))
    for name in ("a", "again"):
        metricdepth.evaluate(data / f"{name}.json", data / "pred", out=data / name, report=False)
    runs = [str(data / "a"), str(data / "again")]
    assert main(["compare", *runs]) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: 0.png: its ground truth in ") and "(3 of 3 images differ)" in message
    former = json.loads((data / "again" / "metrics.json").read_text())
    del former["ground_truth_checksums"]
    (data / "again" / "metrics.json").write_text(json.dumps(former))
    assert main(["compare", *runs, "--resamples", "5"]) == 0
