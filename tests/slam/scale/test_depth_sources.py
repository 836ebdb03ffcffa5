"""Sources of depth for frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from mono.data.camera_source import ResolvedCamera
from mono.data.folder import find_images
from mono.geometry.camera import Camera
from mono.slam.scale.depth_sources import SavedDepth


def test_holes_of_another_program_are_no_depth(tmp_path: Path) -> None:
    Image.new("RGB", (32, 24)).save(tmp_path / "a.png")
    samples = find_images([tmp_path / "a.png"])
    values = np.full((24, 32), 2, np.float32)
    values[0, :5] = 65.535  # converted from millimeters
    (tmp_path / "depth").mkdir()
    np.save(tmp_path / "depth" / "a.npy", values)
    camera = ResolvedCamera(Camera(30, 30, 15.5, 11.5, 32, 24), "given", "")
    depth = SavedDepth(tmp_path / "depth", samples).depth(samples[0], camera)
    assert (depth[0, :5] == 0).all() and (depth == 2).sum() == 24 * 32 - 5
