"""Everything that is written for one image."""

from __future__ import annotations

import importlib.util
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mono.inference.prediction import Prediction
from mono.io.depth import DEPTH_FORMATS, write_depth
from mono.io.normals import NORMAL_FORMATS, write_normal
from mono.io.point_cloud import point_cloud, write_ply
from mono.system.errors import MetricDepthError
from mono.visual.pictures import visualize_depth, visualize_normals, write_image

KINDS = ("depth", "vis", "pcd", "normal")
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class CloudOptions:
    """How point clouds are filtered; None: not by this.

    Attributes:
        min_range, max_range: nearest and farthest depth [m].
        edge_filter: the largest relative depth jump.
        voxel_size: edge of the cubes of which each gets one point [m].
        min_confidence: the lowest confidence, in the network's own range.

    Raises:
        ValueError: a value is out of range, or the range of depth is empty.
    """

    min_range: float | None = None
    max_range: float | None = None
    edge_filter: float | None = 0.1
    voxel_size: float | None = None
    min_confidence: float | None = None

    def __post_init__(self) -> None:
        for name in ("min_range", "max_range", "edge_filter", "voxel_size"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise MetricDepthError(f"{name} of point clouds is {value:g}; it must be positive")
        if self.min_confidence is not None and not math.isfinite(self.min_confidence):
            raise MetricDepthError(f"min_confidence of point clouds is {self.min_confidence:g}; it must be finite")
        if self.min_range and self.max_range and self.min_range >= self.max_range:
            raise MetricDepthError(f"points from {self.min_range:g} m to {self.max_range:g} m: there are none")


@dataclass(frozen=True)
class OutputOptions:
    """What is written.

    Attributes:
        save: which of "depth", "vis", "pcd" and "normal".
        depth_format: "png", "npy", "npz" or "exr".
        cloud: filters of point clouds.
        normal_format: "png" or "npy".

    Raises:
        ValueError: a kind or format is unknown.
    """

    save: tuple[str, ...] = ("depth", "vis")
    depth_format: str = "png"
    cloud: CloudOptions = field(default_factory=CloudOptions)
    normal_format: str = "png"

    def __post_init__(self) -> None:
        if unknown := [s for s in self.save if s not in KINDS]:
            raise MetricDepthError(f'cannot save "{unknown[0]}"; known: {", ".join(KINDS)}')
        if self.depth_format not in DEPTH_FORMATS:
            raise MetricDepthError(f'depth format "{self.depth_format}" is unknown; known: {", ".join(DEPTH_FORMATS)}')
        if self.normal_format not in NORMAL_FORMATS:
            raise MetricDepthError(
                f'normal format "{self.normal_format}" is unknown; known: {", ".join(NORMAL_FORMATS)}'
            )
        if self.depth_format == "exr" and importlib.util.find_spec("OpenEXR") is None:
            raise MetricDepthError("depth format exr needs the package OpenEXR: pip install OpenEXR")


def write_outputs(
    out: Path,
    name: str,
    rgb: np.ndarray,
    prediction: Prediction,
    options: OutputOptions,
    sweep: Sequence[Prediction] = (),
    outputs: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Writes an image's files into depth/, vis/, normal/, normal_vis/ and pcd/.

    Points carry normals where the network predicts them, or normals are saved too.

    Args:
        out: output folder.
        name: of the image, without suffix.
        rgb: (height, width, 3) uint8.
        prediction: of the image.
        options: what is written.
        sweep: predictions with other focal lengths; a point cloud is written for each.
        outputs: gets the files before they are written, for callers that clear up after an error.

    Returns:
        The files, relative to `out`, by kind.

    Raises:
        OSError: a file cannot be written.
    """
    outputs = {} if outputs is None else outputs
    if "depth" in options.save:
        outputs["depth"] = f"depth/{name}.{options.depth_format}"
        if options.depth_format == "png":
            outputs["sidecar"] = f"depth/{name}.json"
        write_depth(out / outputs["depth"], prediction.depth, prediction.camera)
    if "vis" in options.save:
        outputs["vis"] = f"vis/{name}.jpg"
        write_image(out / outputs["vis"], visualize_depth(rgb, prediction.depth))
    normal = prediction.normal
    if "normal" in options.save:
        normal = prediction.surface_normals()
        outputs["normal"] = f"normal/{name}.{options.normal_format}"
        outputs["normal_vis"] = f"normal_vis/{name}.jpg"
        write_normal(out / outputs["normal"], normal, prediction.normal_source)
        write_image(out / outputs["normal_vis"], visualize_normals(rgb, normal))
    if "pcd" in options.save:
        outputs["pcd"] = f"pcd/{name}.ply"
        _write_cloud(out / outputs["pcd"], rgb, prediction, normal, options.cloud)
    for other in sweep:
        path = f"{sweep_folder(other.camera.focal)}/{name}.ply"
        normal = other.surface_normals() if "normal" in options.save else other.normal
        outputs.setdefault("focal_sweep", []).append(path)
        _write_cloud(out / path, rgb, other, normal, options.cloud)
    return outputs


def sweep_folder(focal: float) -> str:
    """The folder of point clouds with the focal length `focal` [px]."""
    return f"focal_sweep/{focal:.10g}px"


def _write_cloud(
    path: Path, rgb: np.ndarray, prediction: Prediction, normal: np.ndarray | None, options: CloudOptions
) -> None:
    filters = {name: value for name, value in asdict(options).items() if value is not None}
    cloud = point_cloud(
        prediction.depth, rgb, prediction.camera, normal=normal, confidence=prediction.confidence, **filters
    )
    if not len(cloud):
        logger.warning("%s: no point is left: %s", path, _why_empty(prediction, filters))
    write_ply(path, cloud.points, cloud.colors, cloud.normals)


def _why_empty(prediction: Prediction, filters: Mapping[str, float]) -> str:
    """The filters' values, beside what they were applied to."""
    valid = prediction.depth > 0
    if not valid.any():
        return "there is no valid depth"
    values = ", ".join(f"{name} {value:g}" for name, value in filters.items())
    depth, confidence = prediction.depth[valid], prediction.confidence[valid]
    return (
        f"the filters are {values}; depth is {depth.min():.4g} to {depth.max():.4g} m, "
        f"confidence {confidence.min():.4g} to {confidence.max():.4g}"
    )
