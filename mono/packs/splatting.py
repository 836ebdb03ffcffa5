"""Layout of 3D Gaussian splatting: a COLMAP model with inverse depth, and its scale and offset per image."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import Any

import numpy as np

from mono.calibration.known import KnownDepth
from mono.calibration.model_choice import prefers_bent
from mono.calibration.robust_line import robust_line
from mono.calibration.sampling import depth_at
from mono.io.atomic import write_bytes
from mono.io.depth_encoding import encode_png16
from mono.packs.frames import PackFrame
from mono.packs.layout import HALF_CENTERS, Layout, PackError, write_photo
from mono.packs.model_files import write_pinhole_model
from mono.packs.model_frames import ModelPackFrame, centered

logger = logging.getLogger(__name__)

_STEPS = 65536  # 3DGS divides stored values by it
_FEWEST = 10  # points of an image, below which 3DGS's own script gives no scale either
_WIDEST = 0.35  # spread of ratios, relative, beyond which points contradict the depth
_NEAREST = 0.1  # percent of an image's pixels that may be nearer than what 16 bits hold


@dataclass(frozen=True)
class InverseDepthFit:
    """Line from inverse depth of a frame to that of a model.

    Attributes:
        scale: factor [m / unit]; 0 where there is none, and 3DGS ignores the frame's depth.
        offset: addend [1 / unit].
        spread: standard deviation of the ratio of both at points that count, relative.
        used: points that count.
        reason: reason for a scale of 0.
    """

    scale: float
    offset: float = 0.0
    spread: float = 0.0
    used: int = 0
    reason: str = ""


def fit_inverse_depth(depth: np.ndarray, known: KnownDepth) -> InverseDepthFit:
    """Fit scale and offset of inverse depth robustly.

    Ratios of inverse depth are a line over depth, 1/z = scale/d + offset means d/z = scale + offset d, with errors that
    are relative. An offset is taken where the points support it, and no depth of the image becomes infinite by it.

    Args:
        depth: (H, W) depth of the frame, 0 where there is none.
        known: the model's points in the frame.
    """
    predicted = depth_at(depth, known.uv)
    good = np.isfinite(predicted)
    if good.sum() < _FEWEST:
        return InverseDepthFit(
            0.0, used=int(good.sum()), reason=f"only {int(good.sum())} points of the model lie on it"
        )
    x, z = predicted[good], known.depth[good]
    middle = float(np.median(x / z))
    y, sigma = x / z / middle, np.full(len(x), known.sigma)
    line, bent = (robust_line(x, y, sigma, with_offset) for with_offset in (False, True))
    if line.spread > _WIDEST or line.kept.mean() < 0.5:
        return InverseDepthFit(
            0.0, 0.0, line.spread, int(line.kept.sum()), "the model's points contradict its depth: is it of this scene?"
        )
    far = float(np.percentile(depth[depth > 0], 99))
    if prefers_bent(x, y, sigma, line, bent) and min(bent.at(np.array([0.0, far]))) > 0.05:
        line = bent
    scale, offset = line.a - line.b * line.center, line.b
    return InverseDepthFit(middle * scale, middle * offset, line.spread, int(line.kept.sum()))


class Splatting(Layout):
    """Writer of images/, depths/ and sparse/0 with depth_params.json, all of ideal centered pinholes."""

    uses_model = "needed"
    uses_poses = ""
    surveys = True

    def _start(self) -> None:
        self._near = np.inf
        self._fits: dict[str, InverseDepthFit] = {}
        self._written: dict[int, tuple[str, ModelPackFrame]] = {}

    def look(self, frame: PackFrame) -> None:
        """Fit a frame to its points."""
        assert isinstance(frame, ModelPackFrame)
        frame = centered(frame)
        valid = frame.depth[frame.depth > 0]
        if not len(valid):
            raise PackError("it has no depth")
        self._near = min(self._near, float(np.percentile(valid, _NEAREST)))
        fit = fit_inverse_depth(frame.depth, frame.known)
        if not fit.scale:
            logger.warning("%s: 3DGS will ignore its depth: %s", frame.name, fit.reason)
        self._fits[frame.name] = fit

    def add(self, frame: PackFrame) -> dict[str, Any]:
        """Write image and inverse depth."""
        assert isinstance(frame, ModelPackFrame)
        frame = centered(frame)
        stem, fit = self.stem(frame), self._fits[frame.name]
        image, depth = write_photo(self.folder, f"images/{stem}", frame), f"depths/{stem}.png"
        valid = frame.depth > 0
        steps = np.rint(_STEPS * self._near / np.where(valid, frame.depth, np.inf))
        nearer = int(np.count_nonzero(steps >= _STEPS))
        write_bytes(self.folder / depth, encode_png16(np.minimum(steps, _STEPS - 1).astype(np.uint16), {}))
        self._written[frame.image_id] = (image.removeprefix("images/"), frame)
        record = {"image": image, "depth": depth, "points": fit.used, "spread": round(fit.spread, 4)}
        return record | ({"nearer_than_range": nearer} if nearer else {}) | ({"why": fit.reason} if fit.reason else {})

    def finish(self) -> dict[str, Any]:
        """Write the model and depth_params.json."""
        assert self.model is not None
        write_pinhole_model(self.model.model, self._written, self.folder / "sparse/0")
        # Stored / 65536 is near / depth, so the line's scale is divided by near.
        params = {
            name.rpartition(".")[0]: {
                "scale": self._fits[frame.name].scale / self._near,
                "offset": self._fits[frame.name].offset,
            }
            for name, frame in self._written.values()
        }
        write_bytes(self.folder / "sparse/0/depth_params.json", (json.dumps(params, indent=2) + "\n").encode())
        return {
            "unit": "1 / unit of the model, after scale and offset of sparse/0/depth_params.json",
            "stored": f"uint16 = 65536 * {self._near:.6g} m / depth, cut off at 65535",
            "invalid": "0, which 3DGS takes as infinitely far: it has no value for pixels without depth",
            "camera_axes": "x right, y down, z forward (sparse/0: world to camera)",
            "pixel_centers": f"{HALF_CENTERS}; 3DGS takes the middle of the image as principal point: images are "
            "cropped to it, to half a pixel",
            "camera": "sparse/0, PINHOLE",
            "read_with": "train.py -s DIR -d depths",
        }
