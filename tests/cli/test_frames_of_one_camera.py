"""Frames that `slam` and `rescale` are given: a video by any way of naming it, or images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mono.cli.video import frames_of_one_camera
from mono.system.errors import MetricDepthError
from mono.visual.depth_video import write_video

pytest.importorskip("av")


def save_video(path: Path) -> Path:
    write_video(path, [np.full((48, 64, 3), 40 * i, np.uint8) for i in range(6)], 10)
    return path


def test_one_video_by_name_folder_or_pattern(tmp_path: Path) -> None:
    video = save_video(tmp_path / "clip" / "a.mp4")
    for given in (video, video.parent, video.parent / "*.mp4"):
        assert [sample.index for sample in frames_of_one_camera([str(given)], every=2)] == [0, 2, 4]


def test_several_videos_are_refused_by_name(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        save_video(tmp_path / "clips" / name)
    with pytest.raises(MetricDepthError, match=r"give one video.*a\.mp4.*b\.mp4"):
        frames_of_one_camera([str(tmp_path / "clips")])


def test_images_have_no_seconds(tmp_path: Path) -> None:
    for i in range(4):
        Image.new("RGB", (64, 48)).save(tmp_path / f"{i}.png")
    assert len(frames_of_one_camera([str(tmp_path)], every=2)) == 2
    with pytest.raises(MetricDepthError, match="frames in files have none"):
        frames_of_one_camera([str(tmp_path)], start=1.0)
