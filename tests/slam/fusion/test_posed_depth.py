"""Frames of a run with poses: their camera is the one stored with the depth, lens and all."""

from pathlib import Path

import numpy as np

from mono.geometry.camera import Camera
from mono.slam.fusion.posed_depth import PosedFrame, find_depth
from tests.packs.box_run import exact_depth, poses, write_run


def test_depth_of_a_distorted_lens_is_fused_undistorted(tmp_path: Path) -> None:
    lens = Camera(170.0, 172.0, 121.0, 88.0, 240, 180, (-0.3, 0.05))
    frames = find_depth(write_run(tmp_path, 2, lens))
    for frame, pose in zip(frames, poses(2), strict=True):
        assert frame.read_depth()[1] == lens
        depth, rgb, camera = PosedFrame(frame, pose).read()
        assert not camera.is_distorted and rgb.shape[:2] == depth.shape == (camera.height, camera.width)
        error = np.abs(depth / exact_depth(camera, pose) - 1)[depth > 0]
        assert (depth > 0).mean() > 0.5 and np.median(error) < 2e-3
