"""Prediction of one image: depth in metres, and the camera that it holds for."""

from __future__ import annotations

import logging
import math
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mono.data.saved_predictions import PredictionFormat
from mono.geometry.camera import Camera
from mono.geometry.normals import normals_from_depth
from mono.inference.uncertainty import Uncertainty, focal_error
from mono.system.checks import as_path
from mono.system.errors import MetricDepthError

if TYPE_CHECKING:
    from mono.calibration.depth_alignment import DepthAlignment
    from mono.calibration.known import Known
    from mono.inference.images import ImageLike
    from mono.io.depth_metadata import DepthEncoding

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prediction:
    """Metric depth of one image at its own size.

    Attributes:
        depth: (H, W) float32 [m] along the optical axis, or the ray where `depth_kind` is "ray"; 0: invalid, over 300 m
        confidence: (H, W) float32, higher is surer; its range is the network's own.
        camera: camera that the depth holds for. A wrong focal length scales all distances.
        camera_source: "given", "annotation", "camera file", "exif", "estimated", "assumed", or "predicted" by a model.
        camera_detail: description of the camera's source.
        normal: (H, W, 3) float32 unit normals (x right, y down, z forward) to the camera; None: see `surface_normals`.
        normal_confidence: (H, W) float32, higher is surer; None without `normal`.
        sky: (H, W) float32 probability of sky, whose depth is invalid; None if the network has none.
        format: meaning of `depth`; of models without a unit it holds their own values (see `mask`), without points.
        calibration: correction of depth that the camera's file holds for this model; None: there is none.
        alignment: alignment of the depth with known distances, after the calibration; None: not aligned.
        error_scale: factor of the errors that the confidence announces (`Uncertainty.scale`); None: it announces none.
        focal_error: standard error of ln(focal length) where it is estimated; None: by the camera's source.
    """

    depth: np.ndarray
    confidence: np.ndarray
    camera: Camera
    camera_source: str = "given"
    camera_detail: str = ""
    normal: np.ndarray | None = None
    normal_confidence: np.ndarray | None = None
    sky: np.ndarray | None = None
    format: PredictionFormat = field(default_factory=PredictionFormat)
    calibration: DepthAlignment | None = None
    alignment: DepthAlignment | None = None
    error_scale: float | None = None
    focal_error: float | None = None

    @property
    def mask(self) -> np.ndarray:
        """Return the pixels with valid depth, (H, W) bool."""
        return np.asarray(self.format.valid(self.depth))

    @property
    def depth_kind(self) -> Literal["z", "ray"]:
        """Return what `depth` holds: "ray" for fisheyes and panoramas of more than 100 degrees, else "z"."""
        return self.camera.depth_kind

    @property
    def distance(self) -> np.ndarray:
        """Return the distance along rays, (H, W) float32 [m], 0 where invalid."""
        return self.depth if self.depth_kind == "ray" else np.linalg.norm(self.points(), axis=-1)

    @property
    def K(self) -> np.ndarray:
        """Return the camera matrix, (3, 3) float64 [px], without lens distortion."""
        return self.camera.matrix

    @property
    def normal_source(self) -> Literal["network", "depth"]:
        """Return the source of `surface_normals`: "network" or "depth"."""
        return "depth" if self.normal is None else "network"

    @property
    def has_uncertainty(self) -> bool:
        """Tell whether the errors are known: announced by the network, or shown by known distances."""
        return self.error_scale is not None or self.alignment is not None or self.calibration is not None

    @property
    def uncertainty(self) -> Uncertainty:
        """Return the distribution of errors in log depth.

        Of aligned or calibrated depth it is what the known distances showed, else the network's part and the focal
        length's: its own where estimated, 25 % where assumed, 2 % by EXIF data.

        Raises:
            MetricDepthError: the model announces no errors, and the depth is neither aligned nor calibrated.
        """
        if (known := self.alignment or self.calibration) is not None:
            return Uncertainty(0.0, math.hypot(known.standard_error, known.spread))
        if self.error_scale is None:
            raise MetricDepthError("this model announces no errors: standard errors need lite, or aligned depth")
        focal = focal_error(self.camera_source, self.focal_error) or 0.0
        return Uncertainty(self.error_scale, focal)

    @property
    def std(self) -> np.ndarray:
        """Return the standard error of depth, (H, W) float32 [m], 0 where depth is invalid; see `uncertainty`."""
        return self.depth * self.uncertainty.std(self.confidence)

    def interval(self, level: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
        """Compute the interval that holds the true depth of a share `level` of the pixels.

        Args:
            level: share of pixels, above 0 and below 1.

        Returns:
            Nearest and farthest depth, (H, W) float32 [m] each, 0 where depth is invalid; see `uncertainty`.

        Raises:
            MetricDepthError: there is no uncertainty, or the level is out of range.
        """
        factor = np.exp(self.uncertainty.half_width(self.confidence, level))
        return self.depth / factor, self.depth * factor

    def to_dict(self) -> dict[str, np.ndarray]:
        """Return the maps by name, with mask and K, without those that the network lacks; they are not copied."""
        names = ("depth", "mask", "K", "confidence", "normal", "normal_confidence", "sky")
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    def aligned(self, known: Known, model: str = "auto") -> Prediction:
        """Bring the depth to known distances.

        Args:
            known: distances at pixels, lengths, the camera's height or a depth map.
            model: "scale", "affine" (scale and exponent), "field" (smooth over image and depth), or "auto": what the
                distances support.

        Returns:
            Prediction with aligned depth and its `alignment`.

        Raises:
            MetricDepthError: the distances contradict each other, lie on edges or without depth, or are too few; or
                this is a fisheye or panorama.
        """
        from mono.calibration.fit import align_depth

        if self.format.kind != "relative":
            self.format.require_meters()
        error = focal_error(self.camera_source, self.focal_error)
        depth, alignment = align_depth(self.depth, self.camera, known, model, error, self.format.metric)
        return replace(self, depth=depth, alignment=alignment, format=PredictionFormat())

    def notes(self) -> dict[str, Any]:
        """Describe camera source, focal error, calibration and alignment."""
        notes: dict[str, Any] = {"camera_source": self.camera_source}
        both = {"calibration": self.calibration, "alignment": self.alignment}
        notes |= {name: value.record() for name, value in both.items() if value is not None}
        if self.focal_error is not None:
            notes["focal_error"] = round(self.focal_error, 4)
        if not self.format.metric:
            notes |= {"unit": None, "depth_kind": self.format.kind}
        return notes

    def points(self) -> np.ndarray:
        """Unproject the depth to 3D points.

        Returns:
            Points [m] in the camera's frame, x right, y down, z forward; (H, W, 3) float32, 0 where invalid.
        """
        self.format.require_meters()
        return self.camera.points(self.depth)

    def surface_normals(self) -> np.ndarray:
        """Return the network's normals, or those of depth.

        Returns:
            Unit normals in the camera's frame, pointing to the camera, (H, W, 3) float32; 0 where there are none.
        """
        self.format.require_meters()
        return normals_from_depth(self.depth, self.camera) if self.normal is None else self.normal

    def save(
        self, path: str | os.PathLike[str], image: ImageLike | None = None, *, depth_scale: float | None = 1000
    ) -> list[Path]:
        """Save to a depth file, or all results to a folder; files of these names are replaced.

        Args:
            path: file ending in .png or .npy (with a .json beside it that holds scale and camera), .npz or .exr; or a
                folder, which gets depth.png, depth.json, colors.png, points.ply and, if the network has normals,
                normal.png.
            image: the image, as for `predict`, for colors of the points; None: they show depth.
            depth_scale: stored value of one meter in a 16-bit PNG; depth beyond 65535 / depth_scale becomes invalid
                there, with a warning. None: 1000 where all depth is below 65.5 m, else 200.

        Returns:
            The written files.

        Raises:
            MetricDepthError: the suffix is none of these, or the image has another size.
            OSError: a file cannot be written.
        """
        from mono.io.depth import DEPTH_FORMATS, write_depth
        from mono.io.depth_metadata import SIDECAR_FORMATS, DepthEncoding
        from mono.io.normals import write_normal
        from mono.visual.color_maps import colorize, write_image

        path, encoding = as_path(path), DepthEncoding(depth_scale)
        kind = path.suffix.lower().lstrip(".")
        is_file = kind in DEPTH_FORMATS and not path.is_dir()
        if kind not in ("npy", "npz", "exr"):
            self.format.require_meters()
            self._warn_beyond_range(path, encoding)
        if is_file:
            write_depth(path, self.depth, self.camera, self.notes(), encoding, self.format.zero_is_value)
            return [path, *([path.with_suffix(".json")] if kind in SIDECAR_FORMATS else [])]
        if path.suffix and not path.is_dir():
            raise MetricDepthError(
                f"{path} ends in {path.suffix}: give a file in {', '.join(f'.{s}' for s in DEPTH_FORMATS)}, or a folder"
            )
        self.to_ply(path / "points.ply", image)
        write_depth(path / "depth.png", self.depth, self.camera, self.notes(), encoding)
        write_image(path / "colors.png", colorize(self.depth))
        written = [path / name for name in ("depth.png", "depth.json", "colors.png", "points.ply")]
        if self.normal is not None:
            written.append(path / "normal.png")
            write_normal(written[-1], self.normal, "network")
        return written

    def _warn_beyond_range(self, path: Path, encoding: DepthEncoding) -> None:
        if beyond := encoding.count_beyond(self.depth):
            message = "%s: %d pixels lie beyond %.4g m and are invalid in a PNG; use another depth_scale, or .npz"
            logger.warning(message, path, beyond, encoding.farthest)

    def to_ply(
        self, path: str | os.PathLike[str], image: ImageLike | None = None, edge_filter: float | None = 0.1
    ) -> int:
        """Write the valid pixels as a point cloud.

        Args:
            path: file ending in .ply.
            image: the image, as for `predict`, for the points' colors; None: they show depth.
            edge_filter: largest relative depth jump to a neighbor; pixels beyond it are left out. None keeps all.

        Returns:
            Number of points.

        Raises:
            MetricDepthError: another suffix, or the image has another size.
            OSError: the file cannot be written.
        """
        from mono.inference.images import read_input
        from mono.io.point_cloud import point_cloud, write_ply
        from mono.visual.color_maps import colorize

        self.format.require_meters()
        if (path := as_path(path)).suffix.lower() != ".ply":
            raise MetricDepthError(f"{path} ends in {path.suffix or 'nothing'}; point clouds are written as .ply")
        colors = colorize(self.depth) if image is None else read_input(image).rgb
        cloud = point_cloud(self.depth, colors, self.camera, normal=self.normal, sky=self.sky, edge_filter=edge_filter)
        write_ply(path, cloud.points, cloud.colors, cloud.normals)
        return len(cloud)

    def to_mesh(
        self,
        path: str | os.PathLike[str],
        image: ImageLike | None = None,
        edge_filter: float | None = 0.1,
        max_faces: int | None = None,
    ) -> int:
        """Write the valid pixels as a mesh, cut at jumps of depth.

        Args:
            path: file ending in .glb (textured), .ply or .obj (colored vertices).
            image: the image, as for `predict`, for the texture; None: it shows depth.
            edge_filter: largest relative depth jump to a neighbor, as in `to_ply`.
            max_faces: largest number of triangles; None: two for each square of pixels.

        Returns:
            Number of triangles.

        Raises:
            MetricDepthError: another suffix, or the image has another size.
            OSError: the file cannot be written.
        """
        from mono.geometry.pixel_mask import select_pixels
        from mono.inference.images import read_input
        from mono.io.mesh import depth_mesh, write_mesh
        from mono.visual.color_maps import colorize

        rgb = colorize(self.depth) if image is None else read_input(image).rgb
        keep = select_pixels(self.depth, self.confidence, self.sky, edge_filter=edge_filter)
        mesh = depth_mesh(self.depth, rgb, self.camera, keep, max_faces=max_faces)
        write_mesh(as_path(path), mesh)
        return len(mesh.triangles)
