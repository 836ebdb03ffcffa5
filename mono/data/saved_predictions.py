"""Predictions in a folder, this toolkit's or another program's: which file is whose, and what is in it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mono.data.sample import Sample
from mono.geometry.camera import Camera
from mono.io.depth import DEPTH_FORMATS, sidecar_path
from mono.io.normals import NORMAL_FORMATS, read_normals
from mono.system.errors import MetricDepthError, RunError


@dataclass(frozen=True)
class SavedPredictions:
    """A folder of predictions.

    Attributes:
        depth, normal: folders of depth maps and of normals; the second need not exist.
        has_depth: False for a folder that has normals but no folder of depth.
        flat: whether files may go without their names' folders.
    """

    depth: Path
    normal: Path
    flat: bool
    has_depth: bool

    @classmethod
    def open(cls, folder: Path, samples: Sequence[Sample]) -> SavedPredictions:
        """The predictions of these samples: in `depth/` and `normal/` of the folder, depth also in itself.

        Raises:
            RunError: the folder does not exist.
        """
        if not folder.is_dir():
            raise RunError(f"there is no folder {folder} with predictions")
        depth = folder / "depth" if (folder / "depth").is_dir() else folder
        normal, flat = folder / "normal", len({Path(s.name).name for s in samples}) == len(samples)
        return cls(depth, normal, flat, has_depth=depth != folder or not normal.is_dir())

    def depth_file(self, sample: Sample) -> Path | None:
        """The sample's depth map, if there is one; raises ValueError if there are several."""
        return self._file(sample, self.depth, DEPTH_FORMATS, "depths")

    def normal_file(self, sample: Sample) -> Path | None:
        """The sample's normals, if there are any; raises ValueError if there are several."""
        return self._file(sample, self.normal, NORMAL_FORMATS, "normals")

    def _file(self, sample: Sample, folder: Path, suffixes: Sequence[str], what: str) -> Path | None:
        names = {sample.name, Path(sample.name).name} if self.flat else {sample.name}
        found = [p for name in names for suffix in suffixes if (p := folder / f"{name}.{suffix}").is_file()]
        if len(found) > 1:
            raise MetricDepthError(f"several predicted {what} {folder / sample.name}.({'|'.join(suffixes)})")
        return found[0] if found else None


def read_saved_normals(path: Path) -> tuple[np.ndarray, str]:
    """Saved normals, (height, width, 3), and where they are from: "network", "depth", or "saved" where none says so.

    Raises:
        NormalError: the file cannot be used.
    """
    normal = read_normals(path)
    source = ""
    if path.suffix.lower() == ".png":
        with Image.open(path) as image:
            source = str(image.info.get("normal_source", ""))
    return normal, source if source in ("network", "depth") else "saved"


def saved_camera(depth_file: Path) -> Camera | None:
    """The camera in the JSON file beside a depth PNG; None where there is none.

    Raises:
        ValueError: the file is damaged.
    """
    path = sidecar_path(depth_file)
    if depth_file.suffix.lower() != ".png" or not path.is_file():
        return None
    try:
        values: dict[str, Any] | None = json.loads(path.read_bytes()).get("camera")
        return Camera(**{**values, "distortion": tuple(values["distortion"])}) if values else None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise MetricDepthError(
            f"{path}: its camera cannot be read ({error}); write depth again, or remove it"
        ) from error
