"""TUM RGB-D layout: lists of images and depth by time, as SLAM systems read them."""

from __future__ import annotations

from typing import Any

import numpy as np

from mono.io.atomic import write_bytes
from mono.packs.frames import PackFrame
from mono.packs.layout import INTEGER_CENTERS, OPENCV_AXES, Layout, PackError, require_one_camera, write_depth16
from mono.slam.trajectory.files import write_trajectory
from mono.slam.trajectory.trajectory import Trajectory
from mono.visual.color_maps import write_image

_SCALE = 5000.0


class Tum(Layout):
    """Writer of rgb/, depth/, their lists, camera.yaml and, with poses, groundtruth.txt."""

    def _start(self) -> None:
        self._frames: list[tuple[str, str, str]] = []
        self._poses: list[tuple[float, np.ndarray]] = []
        self._first: PackFrame | None = None

    def add(self, frame: PackFrame) -> dict[str, Any]:
        """Write image and depth, named by their time."""
        self._first = self._first or frame
        require_one_camera(self._first, frame, "tum")
        time = f"{frame.seconds:.6f}"
        if self._frames and float(time) <= float(self._frames[-1][0]):
            raise PackError(
                f"its time, {time} s, does not come after {self._frames[-1][0]} s: pack one video or sequence at a time"
            )
        rgb, depth = f"rgb/{time}.png", f"depth/{time}.png"
        write_image(self.folder / rgb, frame.rgb)
        record = {"image": rgb, "time": float(time), **write_depth16(self.folder, depth, frame, _SCALE)}
        self._frames.append((time, rgb, depth))
        if frame.pose is not None:
            self._poses.append((float(time), frame.pose))
        return record

    def finish(self) -> dict[str, Any]:
        """Write the lists, the camera and the poses."""
        assert self._first is not None
        lists = {
            "rgb.txt": ["# color images", "# timestamp filename", *(f"{t} {rgb}" for t, rgb, _ in self._frames)],
            "depth.txt": ["# depth maps", "# timestamp filename", *(f"{t} {depth}" for t, _, depth in self._frames)],
            "associations.txt": [f"{t} {rgb} {t} {depth}" for t, rgb, depth in self._frames],
        }
        camera = self._first.camera
        numbers = {name: getattr(camera, name) for name in ("fx", "fy", "cx", "cy")}
        numbers |= dict.fromkeys(("k1", "k2", "p1", "p2"), 0.0)
        lists["camera.yaml"] = [
            "%YAML:1.0",
            "---",
            'Camera.type: "PinHole"',
            *(
                f"Camera.{name}: {value:.12g}" + (".0" if value == int(value) else "")
                for name, value in numbers.items()
            ),
            f"Camera.width: {camera.width}",
            f"Camera.height: {camera.height}",
            "Camera.RGB: 1",
            f"DepthMapFactor: {_SCALE:.1f}",
        ]
        for name, lines in lists.items():
            write_bytes(self.folder / name, ("\n".join(lines) + "\n").encode())
        if self._poses:
            poses, times = np.array([pose for _, pose in self._poses]), np.array([time for time, _ in self._poses])
            write_trajectory(self.folder / "groundtruth.txt", Trajectory(poses, times), "tum")
        return {
            "unit": "m",
            "stored": "uint16 = metres * 5000; farthest 13.1 m",
            "invalid": 0,
            "camera_axes": OPENCV_AXES,
            "pixel_centers": INTEGER_CENTERS,
            "camera": "camera.yaml",
        }
