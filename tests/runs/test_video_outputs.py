import json

import numpy as np
import pytest

from mono.data.camera_source import CameraResolver
from mono.data.video import find_frames
from mono.do_test import run
from mono.io.depth import read_depth
from mono.io.video import Video
from mono.runs.options import RunOptions
from mono.runs.outputs import OutputOptions
from mono.runs.video_outputs import finish_videos
from mono.visual.depth_video import write_video

pytest.importorskip("av")


@pytest.fixture
def frames(tmp_path, toy_predictor):
    """Depth of 12 frames of two videos, whose brightness flickers."""
    for name, start in (("a", 60), ("b", 90)):
        pictures = [np.full((48, 64, 3), start + 20 * (i % 2), np.uint8) for i in range(6)]
        write_video(tmp_path / f"{name}.mp4", pictures, 10)
    samples = find_frames([tmp_path / "a.mp4", tmp_path / "b.mp4"])
    options = RunOptions(tmp_path / "out", OutputOptions(("depth",), "npy"), resolver=CameraResolver(fov_deg=60.0))
    assert run(samples, toy_predictor, options).done == 12
    return samples


def test_videos_are_finished_from_python(frames, tmp_path):
    reports = []
    made = finish_videos(frames, tmp_path / "out", smooth_frames=3, video=True, progress=lambda *r: reports.append(r))
    assert [result.name for result in made] == ["a", "b"]
    assert reports[5] == ("smoothing", 6, 6) and reports[-1] == ("video", 6, 6) and len(reports) == 24
    for result in made:
        assert len(Video(result.video)) == 6 and 0 < result.limits[0] < result.limits[1]
        factors = json.loads((result.smooth_folder / "smoothing.json").read_text())["factors"]
        np.testing.assert_allclose(list(factors.values()), result.smoothing.factors)
        for i, factor in enumerate(result.smoothing.factors):
            names = [tmp_path / "out" / d / result.name / f"{i:06}.npy" for d in ("depth", "depth_smooth")]
            raw, smooth = map(read_depth, names)
            np.testing.assert_allclose(smooth, raw * np.float32(factor), rtol=1e-6)
        before, after = result.smoothing.flicker
        assert after < 0.5 * before


def test_videos_without_depth_are_left_out(frames, tmp_path):
    assert finish_videos(frames, tmp_path / "empty", video=True) == []
