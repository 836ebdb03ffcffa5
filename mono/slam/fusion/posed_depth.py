"""Depth maps with images, cameras and poses, from a run or annotations."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mono.data.annotations import load_annotations
from mono.data.folder import natural_order
from mono.data.ground_truth import read_annotated_depth
from mono.data.sample import Sample
from mono.data.video import video_sample
from mono.geometry.camera import Camera
from mono.geometry.pixel_mask import SKY
from mono.io.depth import read_depth
from mono.io.depth_metadata import saved_camera
from mono.io.pixel_maps import read_mask
from mono.io.video import Video, is_video
from mono.runs.manifest import Manifest
from mono.slam.fusion.posed_views import PosedView, perspective_views
from mono.system.errors import MetricDepthError

logger = logging.getLogger(__name__)


class PosedDepthError(MetricDepthError):
    """Reports depth maps and poses that do not fit: cause and remedy."""


@dataclass(frozen=True)
class DepthFrame:
    """Depth map and its image, read on demand.

    Attributes:
        sample: the image.
        depth_file: the depth map.
        depth_scale: stored value of a metre; None: the file's own scale.
        intrinsics: (fx, fy, cx, cy) [px] at the depth map's full size, where no camera is stored with the depth.
        unit: "m", or "model" for the unit of a COLMAP model; None: the depth has no unit.
        sky: probability of sky, as `predict --save sky` writes it; its depth is left out. None: not saved.
    """

    sample: Sample
    depth_file: Path
    depth_scale: float | None = None
    intrinsics: tuple[float, float, float, float] | None = None
    unit: str | None = "m"
    sky: Path | None = None

    @property
    def is_annotated(self) -> bool:
        """True for depth of an annotation file, False for a prediction."""
        return self.sample.depth == self.depth_file

    def read_depth(self) -> tuple[np.ndarray, Camera]:
        """Read depth and camera, in the pixels of the upright image.

        Returns:
            Depth, (H, W) float32 in `unit`, 0 without depth; and its camera of any lens.

        Raises:
            MetricDepthError: the file cannot be read, or the camera is unknown or of another size.
        """
        annotated = self.is_annotated
        depth = read_annotated_depth(self.sample) if annotated else read_depth(self.depth_file, self.depth_scale)
        height, width = depth.shape
        camera = None if annotated else saved_camera(self.depth_file)
        if camera is None and self.intrinsics is not None:
            camera = Camera(*self.intrinsics, width, height)
        if camera is None:
            raise PosedDepthError(f"the camera of {self.depth_file} is unknown; annotate cam_in, or predict again")
        if (camera.width, camera.height) != (width, height):
            raise PosedDepthError(
                f"{self.depth_file}: is {width}x{height}, and its camera {camera.width}x{camera.height}; predict again"
            )
        if self.sky is not None:
            sky = read_mask(self.sky)
            if sky.shape != depth.shape:
                raise PosedDepthError(
                    f"{self.sky} is {sky.shape[1]}x{sky.shape[0]}, and its depth {width}x{height}; predict again"
                )
            depth = np.where(sky >= SKY, np.float32(0), depth)
        return depth, camera

    def read_image(self, shape: tuple[int, ...]) -> np.ndarray:
        """Read the upright image of a depth map.

        Args:
            shape: (height, width) of the depth map.

        Returns:
            Image, (H, W, 3) uint8.

        Raises:
            MetricDepthError: the image cannot be read, or has another size.
        """
        rgb = self.sample.read().rgb
        if rgb.shape[:2] != shape:
            raise PosedDepthError(
                f"its image is {rgb.shape[1]}x{rgb.shape[0]} and its depth {shape[1]}x{shape[0]}: they must have one "
                "size"
            )
        return rgb


@dataclass(frozen=True)
class PosedFrame:
    """Depth frame with its pose.

    Attributes:
        frame: depth and image.
        pose: camera to world, (4, 4) [m].
    """

    frame: DepthFrame
    pose: np.ndarray

    @property
    def name(self) -> str:
        """Name for messages."""
        return self.frame.sample.source

    def read(self) -> list[PosedView]:
        """Read depth and image as perspective views.

        Returns:
            The frame, undistorted; of a fisheye or panorama the views that it is cut into.

        Raises:
            MetricDepthError: a file cannot be read, sizes differ, or the camera is unknown.
        """
        depth, camera = self.frame.read_depth()
        rgb = self.frame.read_image(depth.shape)
        return perspective_views(depth, rgb, camera, self.pose)


def find_depth(path: Path) -> list[DepthFrame]:
    """Find the depth maps of a run or an annotation file.

    Smoothed depth (depth_smooth/) is used if it is complete and current.

    Args:
        path: output folder of `predict`, or annotation file.

    Returns:
        The frames in order.

    Raises:
        PosedDepthError: there is no such file or folder, or no depth in it.
        AnnotationError: the annotation file is wrong.
    """
    if path.is_file():
        return _annotated(path)
    if not (path / "manifest.jsonl").is_file():
        raise PosedDepthError(
            f"{path}: is neither an annotation file nor the output folder of metricdepth predict (with manifest.jsonl)"
        )
    records = [r for r in Manifest(path, clean=False).records if r["status"] == "ok" and "depth" in r["outputs"]]
    if not records:
        raise PosedDepthError(f"{path}: its manifest lists no depth; predict with --save depth")
    if lacking := [r["name"] for r in records if not {"path", "intrinsics"} <= set(r)]:
        raise PosedDepthError(f"{path}: the record of {lacking[0]} in its manifest names no image; predict again")
    records.sort(key=lambda record: natural_order(record["name"]))
    depth = [path / record["outputs"]["depth"] for record in records]
    smoothed = [path / "depth_smooth" / file.relative_to(path / "depth") for file in depth]
    pairs = list(zip(depth, smoothed, strict=True))
    if all(smooth.is_file() and smooth.stat().st_mtime >= raw.stat().st_mtime for raw, smooth in pairs):
        logger.info("smoothed depth is used, of %s", path / "depth_smooth")
        depth = smoothed
    elif any(smooth.is_file() for smooth in smoothed):
        logger.warning("%s is incomplete, or older than depth: it is not used", path / "depth_smooth")
    samples = _samples_of(records)
    return [
        DepthFrame(sample, file, None, tuple(record["intrinsics"]), _unit(record), _sky_file(path, record))
        for sample, file, record in zip(samples, depth, records, strict=True)
    ]


def _annotated(path: Path) -> list[DepthFrame]:
    samples = load_annotations(path)
    frames = [DepthFrame(s, s.depth, s.depth_scale, s.intrinsics) for s in samples if s.depth is not None]
    if not frames:
        raise PosedDepthError(f"{path}: names no depth; give an annotation file with depth, or a folder of predict")
    return frames


def _unit(record: dict[str, Any]) -> str | None:
    alignment = record.get("alignment")
    return str(alignment.get("unit", "m")) if isinstance(alignment, dict) else record.get("unit", "m")


def _sky_file(run: Path, record: dict[str, Any]) -> Path | None:
    saved = record["outputs"].get("sky")
    return run / saved if saved else None


def _samples_of(records: Sequence[dict[str, Any]]) -> list[Sample]:
    """Find the images of a run's records; a video is opened once."""
    samples: list[Sample] = []
    videos: dict[Path, Video] = {}
    for record in records:
        path = Path(record["path"])
        if is_video(path):
            if path not in videos:
                videos[path] = Video(path)
            samples.append(video_sample(videos[path], record["name"], int(record["name"].rsplit("/", 1)[-1])))
        else:
            samples.append(Sample(record["name"], path, record["input"]))
    return samples
