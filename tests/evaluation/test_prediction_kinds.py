"""Saved predictions that are not depth in metres: inverse depth, disparity, scaled integers, other shapes."""

import json
import re

import numpy as np
import PIL.Image
import pytest

import metricdepth
from mono.cli.main import main
from mono.data.saved_predictions import PREDICTION_KINDS, PredictionFormat
from mono.system.errors import MetricDepthError

FOCAL_BASELINE = 36.0  # [px m]


def depth_map(i):
    """Ground truth [m] of a floor with a box, 2 to 12 m."""
    gt = np.geomspace(12, 2, 48, dtype=np.float32)[:, None] * np.ones(64, np.float32)
    gt[10 : 30 + i, 5 + 8 * i : 25 + 8 * i] = 2.5 + 0.25 * i
    return gt


@pytest.fixture
def data(tmp_path):
    """Three images with exact ground truth, and an empty folder of predictions."""
    entries = []
    for i in range(3):
        PIL.Image.fromarray(np.full((48, 64, 3), 40 * i, np.uint8)).save(tmp_path / f"{i}.png")
        np.save(tmp_path / f"gt{i}.npy", depth_map(i))
        entries.append({"rgb": f"{i}.png", "depth": f"gt{i}.npy"})
    (tmp_path / "annotations.json").write_text(json.dumps({"files": entries}))
    (tmp_path / "pred").mkdir()
    return tmp_path


def save(data, convert):
    for i in range(3):
        np.save(data / "pred" / f"{i}.npy", convert(depth_map(i)))


def evaluate(data, **options):
    return metricdepth.evaluate(data, data / "pred", out=data / "out", **options)


def command(data, *flags):
    words = ["evaluate", data, "--pred", data / "pred", "--out", data / "out", "--workers", "1", *flags]
    return main([str(word) for word in words])


def test_inverse_depth_without_unit_is_scored_aligned(data):
    save(data, lambda gt: 700 / gt)
    result = evaluate(data, prediction_format=PredictionFormat("inverse"))
    for tiers in result.metrics.values():
        assert set(tiers) == {"median", "scale_shift_inverse"}
        assert all(metrics.abs_rel < 1e-5 and metrics.scale is None for metrics in tiers.values())
    assert not result.hints
    page = (data / "out" / "report.html").read_text()
    assert "Predictions without unit, aligned to the ground truth" in page and "focal length" not in page
    assert set(json.loads((data / "out" / "metrics.json").read_text())["per_image_mean"]) == set(tiers)


def test_relative_disparity_is_known_up_to_scale_and_shift(data):
    nearest = 1 / 2.0

    def normalized(gt):  # the farthest pixel is 0, as relative networks give it
        return ((1 / gt - (1 / gt).min()) / nearest * 255).astype(np.float32)

    save(data, normalized)
    result = evaluate(data, prediction_format=PredictionFormat("disparity"))
    assert [set(tiers) for tiers in result.metrics.values()] == [{"scale_shift_inverse"}] * 3
    assert max(tiers["scale_shift_inverse"].abs_rel for tiers in result.metrics.values()) < 1e-4


@pytest.mark.parametrize("kind", ["inverse", "disparity"])
def test_a_scale_gives_inverse_depth_a_metric_tier(data, kind):
    save(data, lambda gt: FOCAL_BASELINE / gt)
    result = evaluate(data, prediction_format=PredictionFormat(kind, FOCAL_BASELINE))
    for tiers in result.metrics.values():
        assert set(tiers) == {"metric", "median", "scale_shift_inverse"}
        assert tiers["metric"].abs_rel < 1e-5 and tiers["metric"].scale == pytest.approx(1, abs=1e-5)


def test_inverse_depth_scored_as_depth_is_suspected(data, capsys):
    save(data, lambda gt: 700 / gt)
    assert command(data) == 0
    message = capsys.readouterr().out
    assert "in 3 of 3 images predictions fall where ground truth rises" in message and "--pred-kind inverse" in message
    assert "focal length" not in message
    assert json.loads((data / "out" / "metrics.json").read_text())["hints"]
    assert command(data, "--pred-kind", "inverse") == 0
    message = capsys.readouterr().out
    assert "suspicious" not in message and "scale_shift_inverse" in message
    assert "hints" not in json.loads((data / "out" / "metrics.json").read_text())


def test_depth_scored_as_inverse_is_suspected(data):
    save(data, lambda gt: gt)
    (hint,) = evaluate(data, prediction_format=PredictionFormat("inverse")).hints
    assert "--pred-kind depth" in hint


def test_another_unit_is_no_wrong_focal_length(data, capsys):
    save(data, lambda gt: 1000 * gt)
    assert command(data) == 0
    message = capsys.readouterr().out
    assert "too much for a wrong focal length" in message and "--pred-scale" in message
    assert command(data, "--pred-scale", "1000") == 0
    assert evaluate(data, prediction_format=PredictionFormat(scale=1000)).metrics["0.png"]["metric"].abs_rel < 1e-6


def test_integers_without_scale_ask_for_it(data, capsys):
    for i in range(3):
        PIL.Image.fromarray((1000 * depth_map(i)).astype(np.uint16)).save(data / "pred" / f"{i}.png")
    assert command(data) == 1
    assert "give their scale with --pred-scale" in capsys.readouterr().out
    assert command(data, "--pred-scale", "1000") == 0
    found = json.loads((data / "out" / "metrics.json").read_text())
    assert found["per_image_mean"]["metric"]["abs_rel"] < 5e-4 and found["run"]["prediction_scale"] == 1000


@pytest.mark.parametrize(
    ("turn", "message"),
    [(lambda gt: gt.T, "48x64, ground truth 64x48: .*turned by 90 degrees"), (lambda gt: gt[:24], "not the same view"),
     (lambda gt: gt[:1, :1], "1x1, ground truth 64x48: not the same view")],
)  # fmt: skip
def test_predictions_of_another_view_are_refused(data, turn, message):
    save(data, turn)
    result = evaluate(data)
    assert len(result.failures) == 3 and not result.scored
    assert re.search(message, result.failures[0][1])


def test_smaller_predictions_of_the_same_view_are_scored(data):
    save(data, lambda gt: gt[::2, ::2])
    assert len(evaluate(data).metrics) == 3


@pytest.mark.parametrize("values", [("meters", None), ("depth", 0.0), ("depth", float("nan")), ("inverse", -1.0)])
def test_impossible_formats_are_refused(values):
    with pytest.raises(MetricDepthError, match=r"prediction (kind|scale) is"):
        PredictionFormat(*values)


def test_flags_of_saved_predictions_need_them(data, capsys):
    assert main(["evaluate", str(data), "--pred-kind", "inverse"]) == 2
    assert "give their folder with --pred" in capsys.readouterr().err
    assert PREDICTION_KINDS == ("depth", "relative", "affine", "disparity", "inverse")


def test_a_format_needs_a_folder(data):
    with pytest.raises(MetricDepthError, match=r"no folder .*nowhere"):
        metricdepth.evaluate(data, data / "nowhere", out=data / "out", prediction_format=PredictionFormat("inverse"))
