"""What a prediction is: metres of every pixel, and the camera that they hold for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from mono.geometry.camera import Camera
from mono.geometry.normals import normals_from_depth


@dataclass(frozen=True)
class Prediction:
    """Metric depth of one image at its own size.

    Attributes:
        depth: (H, W) float32 [m] along the optical axis; 0 is invalid (the network said more than 300 m, or nothing).
        confidence: (H, W) float32, higher is surer; its range is the network's own.
        camera: the camera that the depth holds for. A wrong focal length scales all distances.
        camera_source: "given", "annotation", "camera file", "exif" or "assumed".
        camera_detail: the same in words.
        normal: (H, W, 3) float32 unit surface normals in the camera's frame (x right, y down, z forward), pointing to
            the camera; None where the network has none: see `surface_normals`.
        normal_confidence: (H, W) float32, higher is surer; None without `normal`.
    """

    depth: np.ndarray
    confidence: np.ndarray
    camera: Camera
    camera_source: str = "given"
    camera_detail: str = ""
    normal: np.ndarray | None = None
    normal_confidence: np.ndarray | None = None

    @property
    def normal_source(self) -> Literal["network", "depth"]:
        """Where `surface_normals` come from: the network said them, or they follow from its depth by geometry."""
        return "depth" if self.normal is None else "network"

    def points(self) -> np.ndarray:
        """3D points [m] in the camera's frame, x right, y down, z forward; (H, W, 3) float32, 0 where invalid."""
        return self.camera.unproject(self.depth)

    def surface_normals(self) -> np.ndarray:
        """Unit normals in the camera's frame, pointing to the camera, (H, W, 3) float32; 0 where there are none.

        They are the network's if it has any, else computed from its depth at every call; see `normal_source`.
        """
        return normals_from_depth(self.depth, self.camera) if self.normal is None else self.normal
