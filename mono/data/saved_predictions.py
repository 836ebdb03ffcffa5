"""Saved predictions of this toolkit or another program: their files, their format and their cameras."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mono.data.sample import Sample
from mono.io.depth import DEPTH_FORMATS, DepthError, read_values
from mono.io.depth_metadata import invalid_is_zero, unitless_kind
from mono.io.normals import NORMAL_FORMATS, read_normals
from mono.system.errors import MetricDepthError, RunError

PREDICTION_KINDS = ("depth", "relative", "affine", "disparity", "inverse")


@dataclass(frozen=True)
class PredictionFormat:
    """Meaning of the values in saved depth files.

    Attributes:
        kind: "depth"; "relative": depth of unknown scale; "affine": depth of unknown scale and shift; "inverse":
            inverse depth, 0 at infinity; "disparity": inverse depth of unknown scale and shift, or, with `scale`,
            stereo disparity.
        scale: stored values per unit: metres = value / scale for depth, 1/metres = value / scale for the others (for
            stereo disparity: focal length [px] times baseline [m]). None: the file's own scale or metres for depth,
            an unknown unit for the others.
        stretched: maps are of the whole image, resized without keeping its aspect ratio.

    Raises:
        MetricDepthError: a value is out of range.
    """

    kind: str = "depth"
    scale: float | None = None
    stretched: bool = False

    def __post_init__(self) -> None:
        if self.kind not in PREDICTION_KINDS:
            raise MetricDepthError(f"prediction kind is {self.kind!r}; choose one of {', '.join(PREDICTION_KINDS)}")
        if self.scale is not None and not (math.isfinite(self.scale) and self.scale > 0):
            raise MetricDepthError(
                f"prediction scale is {self.scale:g}; it must be a positive number (stored value of one metre)"
            )

    @property
    def metric(self) -> bool:
        """Check that the unit of the values is known."""
        return self.kind == "depth" or (self.scale is not None and self.kind != "affine")

    @property
    def unknown_shift(self) -> bool:
        """Check that any finite number may be a value."""
        return self.kind in ("affine", "disparity") and not self.metric

    @property
    def is_inverse(self) -> bool:
        """Check that the values are inverse depth."""
        return self.kind in ("inverse", "disparity")

    @property
    def zero_is_value(self) -> bool:
        """Check that 0 is a value, and NaN none."""
        return self.unknown_shift or self.is_inverse

    def valid(self, values: Any) -> Any:
        """Mark the values that are predictions; the others are missing.

        Args:
            values: values of this format, array or tensor of any shape.

        Returns:
            Same shape, bool: finite values where the shift is unknown, inverse depth from 0 (at infinity), and depth
            above 0, also infinite.
        """
        if self.unknown_shift:
            return abs(values) < math.inf
        if self.is_inverse:
            return (values >= 0) & (values < math.inf)
        return values > 0

    def require_meters(self) -> None:
        """Refuse values without a unit.

        Raises:
            MetricDepthError: their unit is unknown.
        """
        if not self.metric:
            raise MetricDepthError(
                f"this depth is {self.kind} without a unit: it has no points, normals or depth file in meters"
            )

    def read(self, path: Path) -> np.ndarray:
        """Read a saved map.

        Args:
            path: PNG, NPY, NPZ or EXR file.

        Returns:
            Depth [m] or inverse depth ([1/m] where the unit is known), (height, width) float32; see `valid`. NaN where
            the file itself says that its 0 is none.

        Raises:
            MetricDepthError: the file cannot be used, or holds whole numbers of unknown scale.
        """
        values = self._values(path)
        if self.zero_is_value and invalid_is_zero(path):
            values[values == 0] = np.nan
        return values

    def _values(self, path: Path) -> np.ndarray:
        try:
            return read_values(path, self.scale)
        except DepthError:
            if self.scale is not None:
                raise
        values = read_values(path, 1.0)  # raises what is wrong with the file, if that is not its missing scale
        if self.kind == "depth":
            raise MetricDepthError(
                f"{path}: holds whole numbers of unknown unit; give their scale with --pred-scale: the stored value of "
                "one metre (millimetres: 1000, KITTI: 256), or --pred-kind disparity if it is no depth"
            )
        return values


@dataclass(frozen=True)
class SavedPredictions:
    """Folder of saved predictions.

    Attributes:
        depth: folder of depth maps.
        normal: folder of normals; it need not exist.
        flat: whether file names may lack the folders of the images' names.
        has_depth: False for a folder that has normals but no folder of depth.
    """

    depth: Path
    normal: Path
    flat: bool
    has_depth: bool

    @classmethod
    def open(cls, folder: Path, samples: Sequence[Sample]) -> SavedPredictions:
        """Find the predictions of samples in a folder.

        Args:
            folder: holds `depth/` and `normal/`, or the depth maps themselves.
            samples: images that predictions are looked up for.

        Raises:
            RunError: there is no such folder.
        """
        if not folder.is_dir():
            raise RunError(f"there is no folder {folder} with predictions")
        depth = folder / "depth" if (folder / "depth").is_dir() else folder
        normal, flat = folder / "normal", len({Path(s.name).name for s in samples}) == len(samples)
        return cls(depth, normal, flat, has_depth=depth != folder or not normal.is_dir())

    def depth_file(self, sample: Sample) -> Path | None:
        """Find the sample's depth map; raises MetricDepthError if there are several."""
        return self._file(sample, self.depth, DEPTH_FORMATS, "depths")

    def normal_file(self, sample: Sample) -> Path | None:
        """Find the sample's normals; raises MetricDepthError if there are several."""
        return self._file(sample, self.normal, NORMAL_FORMATS, "normals")

    def _file(self, sample: Sample, folder: Path, suffixes: Sequence[str], what: str) -> Path | None:
        names = {sample.name, Path(sample.name).name} if self.flat else {sample.name}
        paths = (folder / f"{name}.{suffix}" for name in names for suffix in suffixes)
        found = [path for path in paths if os.path.isfile(path)]  # noqa: PTH113 (a name that is too long is no error)
        if len(found) > 1:
            raise MetricDepthError(f"several predicted {what} {folder / sample.name}.({'|'.join(suffixes)})")
        return found[0] if found else None


def saved_format(path: Path) -> PredictionFormat:
    """Return the meaning of a saved map's values, as stored with it.

    Args:
        path: depth file of this toolkit or another.

    Returns:
        Meters, unless the file or the one beside it names values without a unit.

    Raises:
        MetricDepthError: the kind of values is unknown.
    """
    kind = unitless_kind(path)
    if kind is None or kind in ("z", "ray"):
        return PredictionFormat()
    if kind not in PREDICTION_KINDS:
        raise MetricDepthError(f"{path}: holds values of the unknown kind {kind!r:.40} without a unit; give depth")
    return PredictionFormat(kind)


def read_saved_normals(path: Path) -> tuple[np.ndarray, str]:
    """Read saved normals and their origin.

    Args:
        path: PNG or NPY file.

    Returns:
        Unit normals, (height, width, 3), and their source: "network" or "depth" where the file names it, else "saved".

    Raises:
        NormalError: the file is damaged or holds no normals.
    """
    normal = read_normals(path)
    source = ""
    if path.suffix.lower() == ".png":
        with Image.open(path) as image:
            source = str(image.info.get("normal_source", ""))
    return normal, source if source in ("network", "depth") else "saved"
