"""Saved predictions of this toolkit or other programs, matched to samples."""

from __future__ import annotations

import json
import os
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
    """Folder of saved predictions.

    Attributes:
        depth: folder of depth maps.
        normal: folder of normals; may be missing.
        flat: True if files may be named without the folders of sample names.
        has_depth: False for a folder with normals but without a depth folder.
    """

    depth: Path
    normal: Path
    flat: bool
    has_depth: bool

    @classmethod
    def open(cls, folder: Path, samples: Sequence[Sample]) -> SavedPredictions:
        """Open a folder with `depth/` and `normal/`, or of depth maps.

        Args:
            folder: folder of predictions.
            samples: samples the predictions belong to.

        Raises:
            RunError: there is no such folder.
        """
        if not folder.is_dir():
            raise RunError(f"there is no folder {folder} with predictions")
        depth = folder / "depth" if (folder / "depth").is_dir() else folder
        normal, flat = folder / "normal", len({Path(s.name).name for s in samples}) == len(samples)
        return cls(depth, normal, flat, has_depth=depth != folder or not normal.is_dir())

    def depth_file(self, sample: Sample) -> Path | None:
        """Find the saved depth map of a sample.

        Raises:
            MetricDepthError: there are several.
        """
        return self._file(sample, self.depth, DEPTH_FORMATS, "depths")

    def normal_file(self, sample: Sample) -> Path | None:
        """Find the saved normals of a sample.

        Raises:
            MetricDepthError: there are several.
        """
        return self._file(sample, self.normal, NORMAL_FORMATS, "normals")

    def _file(self, sample: Sample, folder: Path, suffixes: Sequence[str], what: str) -> Path | None:
        names = {sample.name, Path(sample.name).name} if self.flat else {sample.name}
        paths = (folder / f"{name}.{suffix}" for name in names for suffix in suffixes)
        found = [path for path in paths if os.path.isfile(path)]  # noqa: PTH113 (a name that is too long is no error)
        if len(found) > 1:
            raise MetricDepthError(f"several predicted {what} {folder / sample.name}.({'|'.join(suffixes)})")
        return found[0] if found else None


def read_saved_normals(path: Path) -> tuple[np.ndarray, str]:
    """Read saved normals and their source.

    Returns:
        (height, width, 3) unit vectors, and "network", "depth", or "saved" if the file names no source.

    Raises:
        NormalError: the file is damaged or holds no normals.
    """
    normal = read_normals(path)
    source = ""
    if path.suffix.lower() == ".png":
        with Image.open(path) as image:
            source = str(image.info.get("normal_source", ""))
    return normal, source if source in ("network", "depth") else "saved"


def saved_camera(depth_file: Path) -> Camera | None:
    """Read the camera beside a saved depth PNG; None if missing.

    Raises:
        MetricDepthError: the file is damaged.
    """
    path = sidecar_path(depth_file)
    if depth_file.suffix.lower() != ".png" or not path.is_file():
        return None
    try:
        values: dict[str, Any] | None = json.loads(path.read_bytes()).get("camera")
        return Camera(**{**values, "distortion": tuple(values["distortion"])}) if values else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise MetricDepthError(f"{path}: its camera is damaged; write depth again, or remove the file") from error
