"""Dense workspace of COLMAP: undistorted images and model, depth and normal maps for stereo_fusion."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from mono.geometry.normals import normals_from_depth
from mono.io.atomic import atomic_path, write_bytes
from mono.packs.frames import PackFrame
from mono.packs.layout import HALF_CENTERS, Layout, write_photo
from mono.packs.model_files import write_pinhole_model
from mono.packs.model_frames import ModelPackFrame, align_with_model

_JUMP = 1.2  # ratio of depths beyond which neighbors lie on different things
_SOURCES = 20  # other images for each, as COLMAP's image_undistorter writes


class ColmapDense(Layout):
    """Writer of images/, sparse/ and stereo/ with geometric depth and normal maps."""

    uses_model = "needed"
    uses_poses = ""
    surveys = True

    def _start(self) -> None:
        self._factors: dict[str, float] = {}
        self._written: dict[int, tuple[str, ModelPackFrame]] = {}

    def look(self, frame: PackFrame) -> None:
        """Find the factor between a frame and its model."""
        assert isinstance(frame, ModelPackFrame)
        self._factors[frame.name] = align_with_model(frame).scale

    def add(self, frame: PackFrame) -> dict[str, Any]:
        """Write image, depth in the model's unit, and normals."""
        assert isinstance(frame, ModelPackFrame)
        image = write_photo(self.folder, f"images/{self.stem(frame)}", frame)
        name, factor = image.removeprefix("images/"), self._factors[frame.name]
        depth = at_corners(frame.depth) * np.float32(factor)
        corners = replace(frame.camera, cx=frame.camera.cx + 0.5, cy=frame.camera.cy + 0.5)
        files = {kind: f"stereo/{kind}_maps/{name}.geometric.bin" for kind in ("depth", "normal")}
        self._write(files["depth"], depth[None])
        self._write(files["normal"], np.moveaxis(normals_from_depth(depth, corners), -1, 0))
        self._written[frame.image_id] = (name, frame)
        return {"image": image, **files, "factor": round(factor, 6)}

    def _write(self, path: str, channels: np.ndarray) -> None:
        """Write a map of COLMAP, channel by channel."""
        count, height, width = channels.shape
        with atomic_path(self.folder / path) as temporary:
            head = f"{width}&{height}&{count}&".encode()
            temporary.write_bytes(head + np.ascontiguousarray(channels, "<f4").tobytes())

    def finish(self) -> dict[str, Any]:
        """Write the model and the lists of images."""
        assert self.model is not None
        write_pinhole_model(self.model.model, self._written, self.folder / "sparse")
        names = [name for name, _ in self._written.values()]
        write_bytes(self.folder / "stereo/fusion.cfg", "".join(f"{name}\n" for name in names).encode())
        pairs = "".join(f"{name}\n__auto__, {_SOURCES}\n" for name in names)
        write_bytes(self.folder / "stereo/patch-match.cfg", pairs.encode())
        return {
            "unit": "unit of the model",
            "stored": "float32, width&height&channels& in front",
            "invalid": 0,
            "camera_axes": "x right, y down, z forward (sparse: world to camera)",
            "pixel_centers": f"{HALF_CENTERS}; depth is that of the pixel's top left corner, which stereo_fusion takes",
            "camera": "sparse, PINHOLE",
            "read_with": "colmap stereo_fusion --workspace_path DIR --output_path fused.ply",
        }


def at_corners(depth: np.ndarray) -> np.ndarray:
    """Interpolate depth at the top left corners of pixels.

    COLMAP's dense stage unprojects pixel (0, 0) at (0, 0) of a camera whose first pixel has its center at (0.5, 0.5).

    Args:
        depth: (H, W) depth at pixel centers, 0 where there is none.

    Returns:
        (H, W) float32; that of the center beside edges and borders.
    """
    padded = np.pad(depth, ((1, 0), (1, 0)), mode="edge")
    around = np.stack([padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], depth])
    low, high = around.min(0), around.max(0)
    smooth = (low > 0) & (high <= _JUMP * low)
    smooth[0], smooth[:, 0] = False, False
    with np.errstate(divide="ignore"):
        between = 4 / (1 / around).sum(0)  # inverse depth is linear on a plane
    return np.where(smooth, between, depth).astype(np.float32)
