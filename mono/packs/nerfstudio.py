"""Nerfstudio layout: transforms.json with images, poses and depth in millimetres."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from mono.io.atomic import write_bytes
from mono.io.point_cloud import write_ply
from mono.packs.frames import PackFrame
from mono.packs.layout import HALF_CENTERS, Layout, write_depth16, write_photo
from mono.packs.model_frames import ModelPackFrame, align_with_model

_FARTHEST = 65.0  # units that 16 bits hold at a thousandth
_OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])


class Nerfstudio(Layout):
    """Writer of images/, depths/, transforms.json and, of a model, points.ply.

    Depth and poses share one unit: metres, to which a model is scaled by the median of its frames. Each frame's depth
    is brought to the model by its own factor.
    """

    uses_model = "allowed"
    surveys = True

    def _start(self) -> None:
        self._factors: dict[str, float] = {}
        self._metric, self._farthest = True, 0.0
        self._frames: list[dict[str, Any]] = []

    def look(self, frame: PackFrame) -> None:
        """Find the factor between a frame and its model."""
        if isinstance(frame, ModelPackFrame):
            self._factors[frame.name] = align_with_model(frame).scale
            self._metric = self._metric and frame.metric
            self._farthest = max(self._farthest, float(np.percentile(frame.depth, 99.9)))

    @property
    def _unit(self) -> float:
        """Unit of the model [m], or one that 16 bits hold."""
        if not self._factors:
            return 1.0
        if self._metric:
            return math.exp(-float(np.median(np.log(list(self._factors.values())))))
        return 1.0 if 1 <= self._farthest <= _FARTHEST else 0.5 * _FARTHEST / self._farthest

    def add(self, frame: PackFrame) -> dict[str, Any]:
        """Write image and depth, and keep pose and camera."""
        assert frame.pose is not None
        stem, camera, unit = self.stem(frame), frame.camera, self._unit
        image = write_photo(self.folder, f"images/{stem}", frame)
        factor = self._factors.get(frame.name, 1.0) * unit
        record = {"image": image, **write_depth16(self.folder, f"depths/{stem}.png", frame, 1000, factor)}
        pose = frame.pose.copy()
        pose[:3, 3] *= unit
        self._frames.append(
            {
                "file_path": image,
                "depth_file_path": record["depth"],
                "transform_matrix": (pose @ _OPENGL).tolist(),
                "w": camera.width,
                "h": camera.height,
                "fl_x": camera.fx,
                "fl_y": camera.fy,
                "cx": camera.cx + 0.5,
                "cy": camera.cy + 0.5,
            }
        )
        return record | ({"factor": round(factor, 6)} if self.model else {})

    def finish(self) -> dict[str, Any]:
        """Write transforms.json and the model's points."""
        content: dict[str, Any] = {"camera_model": "OPENCV"}
        content |= dict.fromkeys(("k1", "k2", "p1", "p2"), 0.0)
        for name in ("w", "h", "fl_x", "fl_y", "cx", "cy"):  # once, where all frames share them
            if len({frame[name] for frame in self._frames}) == 1:
                content[name] = self._frames[0][name]
                for frame in self._frames:
                    del frame[name]
        if self.model is not None:
            points = list(self.model.model.points3D.values())
            xyz = np.array([point.xyz for point in points], np.float32) * np.float32(self._unit)
            frame_name = "the world of transforms.json"
            write_ply(
                self.folder / "points.ply", xyz, np.array([point.color for point in points], np.uint8), frame=frame_name
            )
            content["ply_file_path"] = "points.ply"
        content["frames"] = self._frames
        write_bytes(self.folder / "transforms.json", (json.dumps(content, indent=1) + "\n").encode())
        return {
            "unit": "m" if self._metric else f"{1 / self._unit:.6g} units of the model",
            "stored": "uint16 = units * 1000 (depth_unit_scale_factor 0.001, the default); farthest 65.5",
            "invalid": 0,
            "camera_axes": "x right, y up, z backward (transform_matrix: camera to world)",
            "pixel_centers": HALF_CENTERS,
            "camera": "transforms.json, without distortion",
            **({"units_per_model_unit": self._unit} if self.model else {}),
        }
