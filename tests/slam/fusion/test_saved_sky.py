"""Sky that a run saved is left out when its depth is fused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from mono.geometry.camera import Camera
from mono.io.depth import write_depth
from mono.io.pixel_maps import read_mask, write_mask
from mono.slam.fusion.pose_matching import with_poses
from mono.slam.fusion.posed_depth import PosedDepthError, find_depth
from mono.slam.trajectory.trajectory import Trajectory
from mono.system.errors import MetricDepthError

CAMERA = Camera(80.0, 80.0, 39.5, 29.5, 80, 60)


def write_run(folder: Path, sky: np.ndarray | None) -> Path:
    """A run of one image whose depth is 5 m everywhere."""
    PIL.Image.fromarray(np.full((60, 80, 3), 90, np.uint8)).save(folder / "a.png")
    write_depth(folder / "depth" / "a.png", np.full((60, 80), 5, np.float32), CAMERA)
    outputs = {"depth": "depth/a.png"}
    if sky is not None:
        write_mask(folder / "sky" / "a.png", sky)
        outputs["sky"] = "sky/a.png"
    record = {"name": "a", "status": "ok", "input": "a.png", "path": str(folder / "a.png"), "outputs": outputs}
    record["intrinsics"] = list(CAMERA.intrinsics)
    (folder / "manifest.jsonl").write_text(json.dumps(record) + "\n")
    return folder


def test_pixels_that_are_surely_sky_have_no_depth(tmp_path: Path):
    sky = np.linspace(1, 0, 60, dtype=np.float32)[:, None].repeat(80, 1)
    (frame,) = find_depth(write_run(tmp_path, sky))
    depth, camera = frame.read_depth()
    assert (depth[:30] == 0).all() and (depth[31:] == 5).all() and camera.width == 80


def test_depth_without_sky_is_whole(tmp_path: Path):
    (frame,) = find_depth(write_run(tmp_path, None))
    assert (frame.read_depth()[0] == 5).all()


def test_sky_of_another_size_or_format_is_refused(tmp_path: Path):
    (frame,) = find_depth(write_run(tmp_path, np.zeros((30, 40), bool)))
    with pytest.raises(PosedDepthError, match="is 40x30, and its depth 80x60"):
        frame.read_depth()
    PIL.Image.fromarray(np.zeros((60, 80, 3), np.uint8)).save(tmp_path / "sky" / "a.png")
    for path in (tmp_path / "sky" / "a.png", tmp_path / "sky" / "none.png"):
        with pytest.raises(MetricDepthError, match="missing, or no gray 8-bit PNG"):
            read_mask(path)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"unit": None}, "the depth has no unit, and poses are in metres"),
        ({"alignment": {"unit": "model"}}, "in the unit of a COLMAP model, and poses are in metres"),
    ],
)
def test_depth_that_is_not_in_metres_gets_no_poses(tmp_path: Path, entry: dict, message: str):
    run, path = write_run(tmp_path, None), Trajectory(np.eye(4)[None], np.zeros(1))
    assert len(with_poses(find_depth(run), path, ["a"])) == 1
    record = json.loads((run / "manifest.jsonl").read_text())
    (run / "manifest.jsonl").write_text(json.dumps(record | entry) + "\n")
    with pytest.raises(PosedDepthError, match=message):
        with_poses(find_depth(run), path, ["a"])
