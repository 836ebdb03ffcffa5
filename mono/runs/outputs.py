"""Files written for one image."""

from __future__ import annotations

import importlib.util
import logging
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mono.geometry.pixel_mask import select_pixels
from mono.inference.prediction import Prediction
from mono.io.depth import DEPTH_FORMATS, write_depth
from mono.io.depth_metadata import SIDECAR_FORMATS, DepthEncoding
from mono.io.mesh import MESH_FORMATS, depth_mesh, write_mesh
from mono.io.normals import NORMAL_FORMATS, write_normal
from mono.io.pixel_maps import write_map, write_mask
from mono.io.point_cloud import AXES, point_cloud, write_ply
from mono.runs.unitless import visualize_prediction
from mono.system.errors import MetricDepthError
from mono.visual.color_maps import visualize_normals, write_image
from mono.visual.top_view import draw_top_view

KINDS = ("depth", "vis", "pcd", "normal", "mask", "sky", "confidence", "std", "points", "mesh")
_SUFFIX = {"vis": "jpg", "pcd": "ply", "mask": "png", "sky": "png", "confidence": "npy", "std": "npy", "points": "npy"}
CLOUD_SIZES = ("network", "full")
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class CloudOptions:
    """Settings of point clouds, masks and meshes; a filter that is None is not applied.

    Attributes:
        min_range: nearest depth [m].
        max_range: farthest depth [m].
        edge_filter: largest relative depth jump.
        voxel_size: edge of the voxels that keep one point each [m].
        min_confidence: lowest confidence, in the network's own range.
        size: "network": at most as many points as the network's input has pixels of the image; "full": one per pixel.
        axes: "opencv": x right, y down, z forward; "opengl": x right, y up, z backward, as GLB files always have.

    Raises:
        MetricDepthError: a value is out of range, or the range of depth is empty.
    """

    min_range: float | None = None
    max_range: float | None = None
    edge_filter: float | None = 0.1
    voxel_size: float | None = None
    min_confidence: float | None = None
    size: str = "network"
    axes: str = "opencv"

    def __post_init__(self) -> None:
        for name in ("min_range", "max_range", "edge_filter", "voxel_size"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise MetricDepthError(f"{name} of point clouds is {value:g}; it must be positive")
        if self.min_confidence is not None and not math.isfinite(self.min_confidence):
            raise MetricDepthError(f"min_confidence of point clouds is {self.min_confidence:g}; it must be finite")
        if self.min_range and self.max_range and self.min_range >= self.max_range:
            raise MetricDepthError(f"points from {self.min_range:g} m to {self.max_range:g} m: there are none")
        for name, value, known in (("size", self.size, CLOUD_SIZES), ("axes", self.axes, tuple(AXES))):
            if value not in known:
                raise MetricDepthError(f'{name} of point clouds is "{value}"; known: {", ".join(known)}')

    @property
    def filters(self) -> dict[str, float]:
        """Return the applied filters as keyword arguments of `select_pixels`."""
        values = {name: value for name, value in asdict(self).items() if name not in ("size", "axes", "voxel_size")}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True)
class OutputOptions:
    """Kinds and formats of the files of an image.

    Attributes:
        save: any of `KINDS`.
        depth_format: "png", "npy", "npz" or "exr".
        cloud: settings of point clouds.
        normal_format: "png" or "npy".
        mesh_format: "glb", "ply" or "obj".
        mesh_faces: largest number of triangles of a mesh; None: by `CloudOptions.size`.
        encoding: scale of 16-bit depth, the same for all images of a run, and invalid value of float depth.

    Raises:
        MetricDepthError: a kind or format is unknown or cannot hold the encoding, or needs a package that is missing.
    """

    save: tuple[str, ...] = ("depth", "vis")
    depth_format: str = "png"
    cloud: CloudOptions = field(default_factory=CloudOptions)
    normal_format: str = "png"
    mesh_format: str = "glb"
    mesh_faces: int | None = None
    encoding: DepthEncoding = field(default_factory=DepthEncoding)

    def __post_init__(self) -> None:
        if unknown := [s for s in self.save if s not in KINDS]:
            raise MetricDepthError(f'cannot save "{unknown[0]}"; known: {", ".join(KINDS)}')
        formats = {"depth": (self.depth_format, DEPTH_FORMATS), "normal": (self.normal_format, NORMAL_FORMATS)}
        for what, (value, known) in {**formats, "mesh": (self.mesh_format, MESH_FORMATS)}.items():
            if value not in known:
                raise MetricDepthError(f'{what} format "{value}" is unknown; known: {", ".join(known)}')
        if self.depth_format == "png" and math.isnan(self.encoding.invalid):
            raise MetricDepthError("PNG cannot hold NaN, its invalid depth is 0: choose depth format npy, npz or exr")
        if self.mesh_faces is not None and self.mesh_faces < 2:
            raise MetricDepthError(f"a mesh of {self.mesh_faces} faces: give at least 2")
        if self.depth_format == "exr" and importlib.util.find_spec("OpenEXR") is None:
            raise MetricDepthError("depth format exr needs the package OpenEXR: pip install OpenEXR")


def planned_outputs(
    name: str, kinds: Iterable[str], output: OutputOptions, sweep: Sequence[float] = (), report: bool = False
) -> dict[str, Any]:
    """List the files of one image, relative to the output folder.

    Args:
        name: name of the image, without suffix.
        kinds: kinds of `KINDS`, "focal_sweep" and "metrics".
        output: formats.
        sweep: focal lengths of the focal sweep [px].
        report: "metrics" come with data of the report page.

    Returns:
        The files by kind: strings, or lists of them.
    """
    kinds, planned = set(kinds), dict[str, Any]()
    if "depth" in kinds:
        planned["depth"] = f"depth/{name}.{output.depth_format}"
        if output.depth_format in SIDECAR_FORMATS:
            planned["sidecar"] = f"depth/{name}.json"
    planned |= {kind: f"{kind}/{name}.{suffix}" for kind, suffix in _SUFFIX.items() if kind in kinds}
    if "mesh" in kinds:
        planned["mesh"] = f"mesh/{name}.{output.mesh_format}"
    if "normal" in kinds:
        planned["normal"] = f"normal/{name}.{output.normal_format}"
        planned["normal_vis"] = f"normal_vis/{name}.jpg"
    if "focal_sweep" in kinds:
        planned["focal_sweep"] = [f"{sweep_folder(focal)}/{name}.ply" for focal in sweep]
        planned["focal_sweep_view"] = f"focal_sweep/top_view/{name}.png"
    if "metrics" in kinds and report:
        planned["report"] = f"report/{name}.json"
    return planned


def kinds_from_saved_depth(normal_source: str | None, cloud: CloudOptions, report: bool) -> set[str]:
    """List the kinds that follow from depth in full precision and the camera alone.

    Args:
        normal_source: "network" where the network predicts normals, "depth" where they follow from depth.
        cloud: settings of point clouds.
        report: data of the report page is wanted, which compares confidence with error.
    """
    kinds = {"vis", "points"}
    if normal_source == "depth":
        kinds.add("normal")
        if not cloud_needs_confidence(cloud):
            kinds.add("pcd")
        if not report:
            kinds.add("metrics")
    return kinds


def cloud_needs_confidence(cloud: CloudOptions) -> bool:
    """Tell whether a point cloud depends on the network's confidence."""
    return cloud.min_confidence is not None or cloud.edge_filter is not None


def write_outputs(
    out: Path,
    name: str,
    rgb: np.ndarray,
    prediction: Prediction,
    options: OutputOptions,
    sweep: Sequence[Prediction] = (),
    outputs: dict[str, Any] | None = None,
    *,
    points_with_normals: bool = False,
    network_pixels: int | None = None,
) -> dict[str, Any]:
    """Write an image's files into a folder per kind.

    Points carry normals where the network predicts them, or normals are saved too.

    Args:
        out: the output folder.
        name: name of the image, without suffix.
        rgb: photo, (H, W, 3) uint8.
        prediction: prediction for the photo.
        options: kinds and formats.
        sweep: predictions with other focal lengths; a point cloud is written for each, and a view of all from above.
        outputs: filled with the files before they are written, for callers that clear up after an error.
        points_with_normals: points carry normals even where these are not saved now.
        network_pixels: pixels of the image at the network's resolution, for clouds of size "network"; None: all.

    Returns:
        The files, relative to `out`, by kind.

    Raises:
        MetricDepthError: sky or standard errors are to be saved, and the model has none.
        OSError: a file cannot be written.
    """
    outputs = {} if outputs is None else outputs
    kinds = [*options.save, *(["focal_sweep"] if sweep else [])]
    planned = planned_outputs(name, kinds, options, [other.camera.focal for other in sweep])
    outputs |= planned
    if "depth" in planned:
        description = prediction.camera, prediction.notes(), options.encoding, prediction.format.zero_is_value
        write_depth(out / planned["depth"], prediction.depth, *description)
    if "vis" in planned:
        write_image(out / planned["vis"], visualize_prediction(rgb, prediction))
    if "confidence" in planned:
        write_map(out / planned["confidence"], prediction.confidence)
    if "std" in planned:
        write_map(out / planned["std"], prediction.std)
    if "points" in planned:
        write_map(out / planned["points"], prediction.points())
    if "sky" in planned:
        if prediction.sky is None:
            raise MetricDepthError("the sky cannot be saved: this model predicts none; use lite_detail, or save others")
        write_mask(out / planned["sky"], prediction.sky)
    keep = None
    if planned.keys() & {"mask", "mesh", "pcd"}:
        keep = select_pixels(prediction.depth, prediction.confidence, prediction.sky, **options.cloud.filters)
    if "mask" in planned and keep is not None:
        write_mask(out / planned["mask"], keep)
    if "mesh" in planned and keep is not None:
        step = _step(prediction, options.cloud, network_pixels)
        mesh = depth_mesh(prediction.depth, rgb, prediction.camera, keep, step=step, max_faces=options.mesh_faces)
        if not len(mesh.triangles):
            logger.warning("%s: no triangle is left: %s", planned["mesh"], _why_empty(prediction, options.cloud))
        write_mesh(out / planned["mesh"], mesh, options.cloud.axes)
    # Normals come last: they and the points above are the largest maps.
    with_normals = points_with_normals or "normal" in options.save
    normal = prediction.surface_normals() if with_normals else prediction.normal
    if "normal" in planned and normal is not None:
        write_normal(out / planned["normal"], normal, prediction.normal_source)
        write_image(out / planned["normal_vis"], visualize_normals(rgb, normal))
    if "pcd" in planned and keep is not None:
        _write_cloud(out / planned["pcd"], rgb, prediction, keep, normal, options.cloud, network_pixels)
    for path, other in zip(planned.get("focal_sweep", ()), sweep, strict=True):
        normal = other.surface_normals() if with_normals else other.normal
        keep = select_pixels(other.depth, other.confidence, other.sky, **options.cloud.filters)
        _write_cloud(out / path, rgb, other, keep, normal, options.cloud, network_pixels)
    if sweep:
        write_image(out / planned["focal_sweep_view"], draw_top_view([(o.depth, o.camera) for o in sweep]))
    return outputs


def sweep_folder(focal: float) -> str:
    """Return the folder of point clouds with the focal length `focal` [px]."""
    return f"focal_sweep/{focal:.10g}px"


def _write_cloud(
    path: Path,
    rgb: np.ndarray,
    prediction: Prediction,
    keep: np.ndarray,
    normal: np.ndarray | None,
    options: CloudOptions,
    network_pixels: int | None,
) -> None:
    # Edges are judged between neighbors, before most of them go.
    depth = np.where(keep, prediction.depth, np.float32(0))
    camera, step = prediction.camera, _step(prediction, options, network_pixels)
    if step > 1:
        depth, rgb = depth[::step, ::step], rgb[::step, ::step]
        normal = None if normal is None else normal[::step, ::step]
        fx, fy, cx, cy = (value / step for value in camera.intrinsics)
        camera = replace(camera, fx=fx, fy=fy, cx=cx, cy=cy, width=depth.shape[1], height=depth.shape[0])
    cloud = point_cloud(depth, rgb, camera, normal=normal, voxel_size=options.voxel_size).in_axes(options.axes)
    if not len(cloud):
        logger.warning("%s: no point is left: %s", path, _why_empty(prediction, options))
    write_ply(path, cloud.points, cloud.colors, cloud.normals, frame=AXES[options.axes])


def _step(prediction: Prediction, options: CloudOptions, network_pixels: int | None) -> int:
    """Choose the distance of points [px]."""
    if options.size == "full" or not network_pixels:
        return 1
    return max(1, math.ceil(math.sqrt(prediction.depth.size / network_pixels)))


def _why_empty(prediction: Prediction, options: CloudOptions) -> str:
    """List the filters' values beside the values they were applied to."""
    valid = prediction.depth > 0
    if not valid.any():
        return "there is no valid depth"
    filters = ", ".join(f"{name} {value:g}" for name, value in options.filters.items())
    maps = {"depth [m]": prediction.depth[valid], "confidence": prediction.confidence[valid]}
    ranges = ", ".join(f"{name} {values.min():.4g} to {values.max():.4g}" for name, values in maps.items())
    return f"the filters are {filters}; the image has {ranges}"
