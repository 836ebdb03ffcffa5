"""Saved predictions that are not depth in metres: inverse depth, disparity, scaled integers, other shapes."""

import json
import re

import numpy as np
import PIL.Image
import pytest

import metricdepth
from mono.cli.main import main
from mono.data.saved_predictions import PREDICTION_KINDS, PredictionFormat
from mono.evaluation.protocols import Protocol
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
    assert command(data, "--pred-kind", "inverse", "--overwrite") == 0
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
    assert command(data, "--pred-scale", "1000", "--overwrite") == 0
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
    [(lambda gt: gt.T, "48x64, ground truth 64x48: .*turned by 90 degrees"),
     (lambda gt: gt[:24], "another aspect ratio; cropped, or resized .*--pred-stretched"),
     (lambda gt: gt[::8, ::8], "8x6, ground truth 64x48: too small .* 16 pixels")],
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


KITTI = [(375, 1242), (370, 1226), (370, 1224), (374, 1238), (376, 1241)]
SIZES = [(192, 640), (320, 1024), (518, 518)]  # of networks


def floor(height, width):
    """Depth [m] of the same floor and walls in frames of any size, 5 to 20 m."""
    rows, columns = (np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width
    return (20 - 12 * rows[:, None] - 3 * np.cos(6 * columns)).astype(np.float32)


@pytest.fixture
def kitti(tmp_path):
    """Frames of KITTI's five sizes with exact ground truth, and an empty folder of predictions."""
    entries = []
    for i, (height, width) in enumerate(KITTI):
        PIL.Image.fromarray(np.zeros((height, width, 3), np.uint8)).save(tmp_path / f"{i}.png")
        np.save(tmp_path / f"gt{i}.npy", floor(height, width))
        entries.append({"rgb": f"{i}.png", "depth": f"gt{i}.npy", "cam_in": [700, 700, width / 2, height / 2]})
    (tmp_path / "annotations.json").write_text(json.dumps({"files": entries}))
    (tmp_path / "pred").mkdir()
    return tmp_path


@pytest.mark.parametrize("size", SIZES)
def test_maps_of_a_networks_own_size_are_scored_when_it_is_said(kitti, size, capsys):
    for i in range(5):
        np.save(kitti / "pred" / f"{i}.npy", 1.1 * floor(*size))
    assert command(kitti, "--no-report") == 1  # 640x192 agrees with four of the sizes within the tolerance
    output = capsys.readouterr()
    assert output.out.count("--pred-stretched") == 6 and "images with ground truth" not in output.out
    assert not (kitti / "out" / "metrics.json").exists()
    assert command(kitti, "--no-report", "--pred-stretched", "--workers", "2") == 0
    content = json.loads((kitti / "out" / "metrics.json").read_text())
    assert content["images"] == 5 and content["run"]["prediction_stretched"]
    for tiers in content["per_image"].values():
        assert tiers["metric"]["abs_rel"] == pytest.approx(0.1, abs=2e-3)
        assert tiers["median"]["abs_rel"] < 2e-3
    again = evaluate(kitti, prediction_format=PredictionFormat(stretched=True), report=False)
    assert {n: tiers["metric"].abs_rel for n, tiers in again.metrics.items()} == {
        n: tiers["metric"]["abs_rel"] for n, tiers in content["per_image"].items()
    }


def test_sizes_that_round_are_no_networks_own(kitti):
    for i, (height, width) in enumerate(KITTI):
        np.save(kitti / "pred" / f"{i}.npy", floor(height // 2, width // 2))
    assert len(evaluate(kitti, report=False).metrics) == 5
    np.save(kitti / "pred" / "4.npy", floor(300, 300))  # one odd map of its own size stops no other
    result = evaluate(kitti, report=False)
    assert [failure.source for failure in result.failures] == ["4.png"] and len(result.metrics) == 4


def test_one_image_of_another_shape_stops_no_exact_one(data):
    save(data, lambda gt: gt[::2, ::2])
    np.save(data / "gt2.npy", depth_map(2)[:, :48])
    PIL.Image.fromarray(np.zeros((48, 48, 3), np.uint8)).save(data / "2.png")
    result = evaluate(data, report=False)
    assert [failure.source for failure in result.failures] == ["2.png"] and len(result.metrics) == 2


def test_stretched_normals_are_scored(kitti):
    entries = json.loads((kitti / "annotations.json").read_text())["files"][:1]
    np.save(kitti / "normal.npy", np.tile(np.float32([0, 0, -1]), (375, 1242, 1)))
    (kitti / "annotations.json").write_text(json.dumps({"files": [entries[0] | {"normal": "normal.npy"}]}))
    (kitti / "pred" / "depth").mkdir()
    (kitti / "pred" / "normal").mkdir()
    np.save(kitti / "pred" / "depth" / "0.npy", floor(518, 518))
    np.save(kitti / "pred" / "normal" / "0.npy", np.tile(np.float32([0.6, 0, -0.8]), (518, 518, 1)))
    assert not evaluate(kitti, report=False).scored
    (normals,) = evaluate(kitti, report=False, prediction_format=PredictionFormat(stretched=True)).normals.values()
    assert normals.metrics.mean == pytest.approx(36.87, abs=1e-2)  # acos 0.8


def test_flags_of_saved_predictions_need_them(data, capsys):
    for flags in (["--pred-kind", "inverse"], ["--pred-stretched"]):
        assert main(["evaluate", str(data), *flags]) == 2
        assert "give their folder with --pred" in capsys.readouterr().err
    assert PREDICTION_KINDS == ("depth", "relative", "affine", "disparity", "inverse")


def test_a_format_needs_a_folder(data):
    with pytest.raises(MetricDepthError, match=r"no folder .*nowhere"):
        metricdepth.evaluate(data, data / "nowhere", out=data / "out", prediction_format=PredictionFormat("inverse"))


AFFINE = {  # maps onto exact affine transforms of their argument
    "positive": lambda x: 0.1 * x + 0.2,
    "from 0": lambda x: (x - x.min()) / np.ptp(x),
    "centered": lambda x: (x - np.median(x)) / np.mean(abs(x - np.median(x))),
    "negative": lambda x: 3 * x - 100,
    "flipped": lambda x: -2 * x,
}


@pytest.mark.parametrize("transform", AFFINE)
@pytest.mark.parametrize(("kind", "tier"), [("affine", "scale_shift"), ("disparity", "scale_shift_inverse")])
@pytest.mark.parametrize("size", [1, 2])
def test_exact_affine_transforms_have_no_error_whatever_their_sign(data, transform, kind, tier, size):
    def predict(gt):
        values = AFFINE[transform](gt if kind == "affine" else 1 / gt).astype(np.float32)
        return values.repeat(size, 0).repeat(size, 1)

    save(data, predict)
    for tiers in evaluate(data, prediction_format=PredictionFormat(kind)).metrics.values():
        assert tiers.keys() == {tier} and tiers[tier].abs_rel < 2e-5


@pytest.mark.parametrize(("kind", "scale"), [("inverse", None), ("inverse", 1.0), ("disparity", 1.0)])
@pytest.mark.parametrize("size", [1, 2])
def test_inverse_depth_of_zero_is_beyond_the_cap(data, kind, scale, size):
    def predict(gt):  # at infinity beyond 10 m; ground truth reaches 12 m
        return np.where(gt > 10, 0, 1 / gt).astype(np.float32).repeat(size, 0).repeat(size, 1)

    save(data, predict)
    protocol = Protocol("cap", max_depth=20.0)
    result = evaluate(data, protocol=protocol, prediction_format=PredictionFormat(kind, scale))
    for i, tiers in enumerate(result.metrics.values()):
        gt = depth_map(i).astype(float)
        expected = np.where(gt > 10, 20 / gt - 1, 0).mean()
        assert 0.04 < expected < 0.12
        assert tiers.keys() - {"metric"} == {"median", "scale_shift_inverse"}
        for tier in tiers.keys() & {"metric", "median"}:
            assert tiers[tier].abs_rel == pytest.approx(expected, rel=1e-4), tier
        inverse = np.where(gt > 10, 0, 1 / gt)
        fitted = 1 / np.maximum(np.polyval(np.polyfit(inverse.ravel(), 1 / gt.ravel(), 1), inverse), 1 / 20)
        assert tiers["scale_shift_inverse"].abs_rel == pytest.approx((abs(fitted - gt) / gt).mean(), rel=1e-4)


def test_infinite_depth_counts_as_far_and_what_is_no_depth_as_near(data):
    save(data, lambda gt: np.where(gt > 10, np.inf, gt).astype(np.float32))
    far = evaluate(data, protocol=Protocol("cap", max_depth=20.0)).metrics["0.png"]["metric"]
    gt = depth_map(0).astype(float)
    assert far.abs_rel == pytest.approx(np.where(gt > 10, 20 / gt - 1, 0).mean(), rel=1e-5)
    for nothing in (0, -1, np.nan, -np.inf):
        save(data, lambda gt, hole=nothing: np.where(gt > 10, hole, gt).astype(np.float32))
        near = evaluate(data, protocol=Protocol("cap", max_depth=20.0)).metrics["0.png"]["metric"]
        assert near.abs_rel == pytest.approx(np.where(gt > 10, 1 - 0.001 / gt, 0).mean(), rel=1e-5)


@pytest.mark.parametrize(
    ("kind", "hole"),
    [
        ("affine", np.nan),
        ("affine", np.inf),
        ("disparity", np.nan),
        ("disparity", -np.inf),
        ("inverse", -1),
        ("inverse", np.nan),
    ],
)
def test_missing_values_stay_out_of_the_fit_and_count_as_near(data, kind, hole):
    def predict(gt):
        values = (gt if kind == "affine" else 1 / gt) * 5 + (0 if kind == "inverse" else 0.3)
        values[:, ::2] = hole
        return values.astype(np.float32)

    save(data, predict)
    result = evaluate(data, protocol=Protocol("cap", max_depth=20.0), prediction_format=PredictionFormat(kind))
    for i, tiers in enumerate(result.metrics.values()):
        near = (1 - 0.001 / depth_map(i).astype(float)[:, ::2]).mean() / 2
        assert all(metrics.abs_rel == pytest.approx(near, rel=1e-4) for metrics in tiers.values())
