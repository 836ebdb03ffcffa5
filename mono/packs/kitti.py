"""KITTI layout: images, 16-bit depth and intrinsics of the depth benchmark."""

from __future__ import annotations

from typing import Any

import numpy as np

from mono.io.atomic import write_bytes
from mono.packs.frames import PackFrame
from mono.packs.layout import INTEGER_CENTERS, OPENCV_AXES, Layout, write_depth16
from mono.slam.trajectory.files import write_trajectory
from mono.slam.trajectory.trajectory import Trajectory
from mono.visual.color_maps import write_image


class Kitti(Layout):
    """Writer of image/, depth/ and intrinsics/ with numbered files and, with poses, poses.txt."""

    def _start(self) -> None:
        self._poses: list[np.ndarray | None] = []

    def add(self, frame: PackFrame) -> dict[str, Any]:
        """Write image, depth and intrinsics."""
        number = f"{len(self._poses):010d}"
        image, intrinsics = f"image/{number}.png", f"intrinsics/{number}.txt"
        write_image(self.folder / image, frame.rgb)
        record = {"image": image, **write_depth16(self.folder, f"depth/{number}.png", frame, 256)}
        values = " ".join(f"{value:.9e}" for value in frame.camera.matrix.flat)
        write_bytes(self.folder / intrinsics, f"{values}\n".encode())
        self._poses.append(frame.pose)
        return record | {"intrinsics": intrinsics}

    def finish(self) -> dict[str, Any]:
        """Write the poses."""
        poses = [pose for pose in self._poses if pose is not None]
        if poses:  # of all frames, as those without one were left out
            write_trajectory(self.folder / "poses.txt", Trajectory.of_frames(np.array(poses)), "kitti")
        return {
            "unit": "m",
            "stored": "uint16 = metres * 256; farthest 256 m",
            "invalid": 0,
            "camera_axes": OPENCV_AXES,
            "pixel_centers": INTEGER_CENTERS,
            "camera": "intrinsics/NUMBER.txt: K, row by row",
        }
