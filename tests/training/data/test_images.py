"""Training images of annotation files and folders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mono.system.errors import MetricDepthError
from mono.training.data.images import parse_source, read_frames
from tests.training.small import write_walls


def test_frames_carry_camera_family_and_data_set(tmp_path: Path):
    path = write_walls(tmp_path / "a", 2)
    content = json.loads(path.read_text())
    content["files"][1]["family"] = "wall"
    path.write_text(json.dumps(content))
    frames = read_frames([path, f"{write_walls(tmp_path / 'b', 1)}:sparse"])
    assert [f.family for f in frames] == ["a", "wall", "b"]
    assert [f.kind for f in frames] == [None, None, "sparse"]
    assert frames[0].data_set == frames[1].data_set != frames[2].data_set
    assert frames[1].intrinsics == (60.0, 60.0, 47.5, 31.5) and frames[1].depth_scale == 1000.0


def test_a_frame_without_depth_is_named(tmp_path: Path):
    path = write_walls(tmp_path / "a", 2)
    content = json.loads(path.read_text())
    del content["files"][1]["depth"]
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="entry 1 has no depth"):
        read_frames([path])


def test_unlabelled_frames_have_no_depth_but_a_camera(tmp_path: Path):
    path = write_walls(tmp_path / "a", 2)
    content = json.loads(path.read_text())
    del content["files"][1]["depth"]
    path.write_text(json.dumps(content))
    frames = read_frames([f"{path}:unlabelled"])
    assert [(f.depth, f.kind, f.intrinsics[0]) for f in frames] == [(None, "unlabelled", 60.0)] * 2
    del content["files"][1]["cam_in"]
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="entry 1 has no cam_in"):
        read_frames([f"{path}:unlabelled"])


def test_a_file_given_twice_is_named(tmp_path: Path):
    path = write_walls(tmp_path / "a", 2)
    with pytest.raises(ValueError, match=r"annotations.json is given twice"):
        read_frames([path, f"{path}:dense"])


def test_kinds_are_split_off_and_checked():
    assert parse_source("a/b.json") == (Path("a/b.json"), None)
    assert parse_source("a/b.json:relative") == (Path("a/b.json"), "relative")
    assert parse_source("c:/x/b.json") == (Path("c:/x/b.json"), None)
    assert parse_source("c:/x/b.json:dense") == (Path("c:/x/b.json"), "dense")
    with pytest.raises(ValueError, match='no kind of ground truth "lidar"; known: rendered, dense, sparse, relative'):
        parse_source("a/b.json:lidar")


def test_a_folder_stands_for_its_annotations(tmp_path: Path):
    path = write_walls(tmp_path / "a", 2)
    assert parse_source(str(path.parent)) == (path, None)
    assert parse_source(f"{path.parent}:sparse") == (path, "sparse")
    assert read_frames([path.parent]) == read_frames([path])
    (tmp_path / "empty").mkdir()
    with pytest.raises(MetricDepthError, match=r"empty: this folder has no annotations\.json; write one with"):
        read_frames([tmp_path / "empty"])
    with pytest.raises(MetricDepthError, match='no kind of ground truth "lidar"'):
        read_frames([f"{path.parent}:lidar"])
    with pytest.raises(MetricDepthError, match="given twice"):
        read_frames([path, path.parent])
