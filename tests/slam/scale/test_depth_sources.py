"""Sources of depth for frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mono.data.camera_source import ResolvedCamera
from mono.data.folder import find_images
from mono.geometry.camera import Camera
from mono.io.depth import write_depth
from mono.slam.scale.depth_sources import SavedDepth
from mono.slam.scale.estimate import ScaleError

CAMERA = ResolvedCamera(Camera(30, 30, 15.5, 11.5, 32, 24), "given", "")


def test_holes_of_another_program_are_no_depth(tmp_path: Path) -> None:
    Image.new("RGB", (32, 24)).save(tmp_path / "a.png")
    samples = find_images([tmp_path / "a.png"])
    values = np.full((24, 32), 2, np.float32)
    values[0, :5] = 65.535  # converted from millimeters
    (tmp_path / "depth").mkdir()
    np.save(tmp_path / "depth" / "a.npy", values)
    depth = SavedDepth(tmp_path / "depth", samples).depth(samples[0], CAMERA)
    assert (depth[0, :5] == 0).all() and (depth == 2).sum() == 24 * 32 - 5


def test_values_without_a_unit_are_no_depth(tmp_path: Path) -> None:
    Image.new("RGB", (32, 24)).save(tmp_path / "a.png")
    samples = find_images([tmp_path / "a.png"])
    notes = {"unit": None, "depth_kind": "disparity"}
    write_depth(tmp_path / "saved/a.npy", np.ones((24, 32), np.float32), CAMERA.camera, notes)
    with pytest.raises(ScaleError, match=r"saved/a.npy: holds disparity without a unit"):
        SavedDepth(tmp_path / "saved", samples).depth(samples[0], CAMERA)
