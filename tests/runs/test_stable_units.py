"""Depth PNGs of a run have one scale, and other programs' rules give metres."""

import json

import cv2
import numpy as np
import PIL.Image
import pytest

from mono.cli.console import say_summary
from mono.data.folder import find_images
from mono.do_test import run
from mono.io.depth import png_depth_scale, read_depth
from mono.io.depth_metadata import DepthEncoding
from mono.runs.options import RunOptions
from mono.runs.outputs import OutputOptions
from mono.system.errors import MetricDepthError, RunError
from tests.golden.reference_values import reference_image


@pytest.fixture
def photos(tmp_path, toy_predictor):
    """Three photos, the last of which is far away by its focal length."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(3):
        PIL.Image.fromarray(reference_image(36, 48, i)).save(folder / f"{i}.png")
    (folder / "camera.json").write_text('{"focal_px": 50}')
    median = float(np.median(toy_predictor.predict(folder / "2.png").depth))
    (folder / "2.camera.json").write_text(json.dumps({"focal_px": 50 * 65.5 / median}))
    return folder


def predict(photos, out, predictor, save=("depth",), **options):
    return run(find_images([photos]), predictor, RunOptions(out, OutputOptions(save, **options)))


def records(out):
    return {r["name"]: r for r in map(json.loads, (out / "manifest.jsonl").read_text().splitlines())}


def test_one_far_image_does_not_change_the_scale(photos, tmp_path, toy_predictor, capsys):
    out = tmp_path / "out"
    summary = predict(photos, out, toy_predictor)
    exact = toy_predictor.predict(photos / "2.png").depth
    beyond = int((exact > 65.5355).sum())
    assert 0.3 * exact.size < beyond < 0.7 * exact.size
    assert summary.beyond_range == {str(photos / "2.png"): beyond}
    assert [records(out)[str(i)]["beyond_range"] for i in range(3)] == [0, 0, beyond]
    for i in range(3):
        exact = toy_predictor.predict(photos / f"{i}.png").depth
        path = out / "depth" / f"{i}.png"
        assert png_depth_scale(path) == 1000 == json.loads(path.with_suffix(".json").read_text())["depth_scale"]
        stored = cv2.imread(str(path), cv2.IMREAD_ANYDEPTH)
        nerfstudio = stored.astype(np.float64) * 0.001  # depth_unit_scale_factor
        open3d = stored.astype(np.float32) / np.float32(1000)  # depth_scale of RGBDImage
        ros = np.where(stored == 0, np.nan, stored * 0.001)  # 16UC1: millimetres, 0 invalid (REP 118)
        within = exact <= 65.5355
        for metres in (nerfstudio, open3d, ros):
            np.testing.assert_allclose(metres[within], exact[within], atol=0.00051)
        assert not nerfstudio[~within].any() and not open3d[~within].any() and np.isnan(ros[~within]).all()
    options = RunOptions(out, OutputOptions(("depth",)))
    assert say_summary(summary, options, toy_predictor) == 0
    line = f"depth beyond 65.5 m is invalid in the PNGs ({beyond} pixels of 1 image); to keep it: --depth-scale 200"
    assert line in capsys.readouterr().out


def test_the_count_outlives_later_runs(photos, tmp_path, toy_predictor):
    out = tmp_path / "out"
    first = predict(photos, out, toy_predictor)
    assert predict(photos, out, toy_predictor, ("depth", "vis")).beyond_range == first.beyond_range
    with pytest.raises(RunError, match="another depth format"):
        predict(photos, out, toy_predictor, encoding=DepthEncoding(200))


@pytest.mark.parametrize(("scale", "stored"), [(200, [200, 200, 200]), (None, [1000, 1000, 200])])
def test_a_coarser_scale_keeps_far_depth(photos, tmp_path, toy_predictor, scale, stored, capsys):
    out = tmp_path / "out"
    options = OutputOptions(("depth",), encoding=DepthEncoding(scale))
    summary = run(find_images([photos]), toy_predictor, RunOptions(out, options))
    assert [png_depth_scale(out / "depth" / f"{i}.png") for i in range(3)] == stored
    exact = toy_predictor.predict(photos / "2.png").depth
    np.testing.assert_allclose(read_depth(out / "depth" / "2.png"), exact, atol=0.0026)
    say_summary(summary, RunOptions(out, options), toy_predictor)
    assert summary.beyond_range == {} and "invalid in the PNGs" not in capsys.readouterr().out


def test_invalid_depth_of_a_run_can_be_nan(photos, tmp_path, toy_predictor):
    predict(photos, tmp_path / "out", toy_predictor, depth_format="npy", encoding=DepthEncoding(invalid=np.nan))
    assert json.loads((tmp_path / "out" / "depth" / "0.json").read_text())["invalid"] == "nan"
    assert records(tmp_path / "out")["0"]["outputs"] == {"depth": "depth/0.npy", "sidecar": "depth/0.json"}
    with pytest.raises(MetricDepthError, match="PNG cannot hold NaN"):
        OutputOptions(encoding=DepthEncoding(invalid=np.nan))
