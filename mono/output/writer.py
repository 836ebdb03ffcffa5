"""Everything that is written for one image."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mono.output.depth_files import DEPTH_FORMATS, write_depth
from mono.output.pictures import depth_picture, write_picture
from mono.output.point_cloud import point_cloud, write_ply
from mono.prediction import Prediction

KINDS = ("depth", "vis", "pcd")


@dataclass(frozen=True)
class CloudOptions:
    """How point clouds are filtered: ranges and voxel size in [m], edges as a relative depth jump (None: not).

    Raises:
        ValueError: a value is not positive, or the range is empty.
    """

    min_range: float | None = None
    max_range: float | None = None
    edge_filter: float | None = 0.1
    voxel_size: float | None = None

    def __post_init__(self) -> None:
        for name in ("min_range", "max_range", "edge_filter", "voxel_size"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"{name} of point clouds is {value:g}; it must be positive")
        if self.min_range and self.max_range and self.min_range >= self.max_range:
            raise ValueError(f"points from {self.min_range:g} m to {self.max_range:g} m: there are none")


@dataclass(frozen=True)
class OutputOptions:
    """What is written.

    Attributes:
        save: which of "depth", "vis" and "pcd".
        depth_format: "png", "npy", "npz" or "exr".
        cloud: filters of point clouds.

    Raises:
        ValueError: a kind or format is unknown.
    """

    save: tuple[str, ...] = ("depth", "vis")
    depth_format: str = "png"
    cloud: CloudOptions = field(default_factory=CloudOptions)

    def __post_init__(self) -> None:
        if unknown := [s for s in self.save if s not in KINDS]:
            raise ValueError(f'cannot save "{unknown[0]}"; known: {", ".join(KINDS)}')
        if self.depth_format not in DEPTH_FORMATS:
            raise ValueError(f'depth format "{self.depth_format}" is unknown; known: {", ".join(DEPTH_FORMATS)}')
        if self.depth_format == "exr" and importlib.util.find_spec("OpenEXR") is None:
            raise ValueError("depth format exr needs the package OpenEXR: pip install OpenEXR")


def write_outputs(
    out: Path,
    name: str,
    rgb: np.ndarray,
    prediction: Prediction,
    options: OutputOptions,
    sweep: Sequence[Prediction] = (),
) -> dict[str, Any]:
    """Writes an image's files into depth/, vis/ and pcd/.

    Args:
        out: output folder.
        name: of the image, without suffix.
        rgb: (height, width, 3) uint8.
        prediction: of the image.
        options: what is written.
        sweep: predictions with other focal lengths; a point cloud is written for each.

    Returns:
        The files, relative to `out`, by kind.

    Raises:
        OSError: a file cannot be written.
    """
    outputs: dict[str, Any] = {}
    if "depth" in options.save:
        outputs["depth"] = f"depth/{name}.{options.depth_format}"
        if options.depth_format == "png":
            outputs["sidecar"] = f"depth/{name}.json"
        write_depth(out / outputs["depth"], prediction.depth, prediction.camera)
    if "vis" in options.save:
        outputs["vis"] = f"vis/{name}.jpg"
        write_picture(out / outputs["vis"], depth_picture(rgb, prediction.depth))
    if "pcd" in options.save:
        outputs["pcd"] = f"pcd/{name}.ply"
        _write_cloud(out / outputs["pcd"], rgb, prediction, options.cloud)
    for other in sweep:
        path = f"{sweep_folder(other.camera.focal)}/{name}.ply"
        _write_cloud(out / path, rgb, other, options.cloud)
        outputs.setdefault("focal_sweep", []).append(path)
    return outputs


def sweep_folder(focal: float) -> str:
    """The folder of point clouds with the focal length `focal` [px]."""
    return f"focal_sweep/{focal:.10g}px"


def _write_cloud(path: Path, rgb: np.ndarray, prediction: Prediction, options: CloudOptions) -> None:
    cloud = point_cloud(
        prediction.depth,
        rgb,
        prediction.camera,
        min_range=options.min_range,
        max_range=options.max_range,
        edge_filter=options.edge_filter,
        voxel_size=options.voxel_size,
    )
    write_ply(path, cloud.points, cloud.colors)
