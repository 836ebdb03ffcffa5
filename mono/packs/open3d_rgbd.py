"""Open3D layout: color and depth images with one intrinsic, and a trajectory."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from mono.io.atomic import write_bytes
from mono.packs.frames import PackFrame
from mono.packs.layout import INTEGER_CENTERS, OPENCV_AXES, Layout, require_one_camera, write_depth16, write_photo


class Open3d(Layout):
    """Writer of color/, depth/, intrinsic.json and, with poses, trajectory.json."""

    def _start(self) -> None:
        self._first: PackFrame | None = None
        self._poses: list[np.ndarray] = []
        self._count = 0

    def add(self, frame: PackFrame) -> dict[str, Any]:
        """Write image and depth, numbered."""
        self._first = self._first or frame
        require_one_camera(self._first, frame, "open3d")
        number = f"{self._count:06d}"
        image = write_photo(self.folder, f"color/{number}", frame)
        record = {"image": image, **write_depth16(self.folder, f"depth/{number}.png", frame, 1000)}
        self._count += 1
        if frame.pose is not None:
            self._poses.append(frame.pose)
        return record

    def finish(self) -> dict[str, Any]:
        """Write the intrinsic and the trajectory."""
        assert self._first is not None
        camera = self._first.camera
        intrinsic = {
            "width": camera.width,
            "height": camera.height,
            "intrinsic_matrix": camera.matrix.T.ravel().tolist(),  # Open3D stores matrices by columns
        }
        self._write("intrinsic.json", intrinsic)
        version = {"version_major": 1, "version_minor": 0}
        if self._poses:
            views = [
                {
                    "class_name": "PinholeCameraParameters",
                    "extrinsic": np.linalg.inv(pose).T.ravel().tolist(),
                    "intrinsic": intrinsic,
                    **version,
                }
                for pose in self._poses
            ]
            self._write("trajectory.json", {"class_name": "PinholeCameraTrajectory", "parameters": views, **version})
        return {
            "unit": "m",
            "stored": "uint16 = metres * 1000 (depth_scale 1000); farthest 65.5 m",
            "invalid": 0,
            "camera_axes": OPENCV_AXES,
            "pixel_centers": INTEGER_CENTERS,
            "camera": "intrinsic.json",
            "read_with": "RGBDImage.create_from_color_and_depth(color, depth, depth_scale=1000, depth_trunc=65.5)",
        }

    def _write(self, name: str, content: dict[str, Any]) -> None:
        write_bytes(self.folder / name, (json.dumps(content, indent=1) + "\n").encode())
