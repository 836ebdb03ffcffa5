"""Dense workspace of COLMAP: undistorted images and model, depth and normal maps for stereo_fusion."""

from __future__ import annotations

from typing import Any

import numpy as np

from mono.geometry.normals import normals_from_depth
from mono.io.atomic import atomic_path, write_bytes
from mono.packs.frames import PackFrame
from mono.packs.layout import HALF_CENTERS, Layout, write_photo
from mono.packs.model_files import write_pinhole_model
from mono.packs.model_frames import ModelPackFrame, align_with_model

_SOURCES = 20  # other images for each, as COLMAP's image_undistorter writes


class ColmapDense(Layout):
    """Writer of images/, sparse/ and stereo/ with geometric depth and normal maps."""

    uses_model = "needed"
    uses_poses = ""
    surveys = True

    def __init__(self, *args: Any) -> None:
        """Start a pack; see `Layout`."""
        super().__init__(*args)
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
        depth = frame.depth * np.float32(factor)
        files = {kind: f"stereo/{kind}_maps/{name}.geometric.bin" for kind in ("depth", "normal")}
        self._write(files["depth"], depth[None])
        self._write(files["normal"], np.moveaxis(normals_from_depth(depth, frame.camera), -1, 0))
        self._written[frame.image_id] = (name, frame)
        return {"image": image, **files, "factor": round(factor, 6)}

    def _write(self, path: str, channels: np.ndarray) -> None:
        """Write a map of COLMAP: width&height&channels& and float32 values, channel by channel."""
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
            "pixel_centers": HALF_CENTERS,
            "camera": "sparse, PINHOLE",
            "read_with": "colmap stereo_fusion --workspace_path DIR --output_path fused.ply",
        }
