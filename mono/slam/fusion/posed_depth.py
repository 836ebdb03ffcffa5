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
from mono.data.video import VideoSample, frame_times, video_sample
from mono.geometry.camera import Camera
from mono.geometry.pixel_mask import SKY
from mono.io.depth import read_depth
from mono.io.depth_metadata import saved_camera
from mono.io.pixel_maps import read_mask
from mono.io.video import Video, is_video
from mono.runs.manifest import Manifest
from mono.slam.fusion.posed_views import PosedView, perspective_views
from mono.slam.trajectory.files import count_poses
from mono.slam.trajectory.time_units import to_seconds
from mono.slam.trajectory.trajectory import Trajectory, associate
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

    def read_depth(self) -> tuple[np.ndarray, Camera]:
        """Read depth and camera, in the pixels of the upright image.

        Returns:
            Depth, (H, W) float32 in `unit`, 0 without depth; and its camera of any lens.

        Raises:
            MetricDepthError: the file cannot be read, or the camera is unknown or of another size.
        """
        annotated = self.sample.depth == self.depth_file
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


def pose_names(poses: Path) -> list[str] | None:
    """Read the frames' names from the frames.txt that `slam` writes beside poses.

    Returns:
        A name per pose; None without a frames.txt of as many lines.
    """
    file = poses.with_name("frames.txt")
    if not file.is_file():
        return None
    names = [line.split(" ", 1)[-1] for line in file.read_text("utf-8", "surrogateescape").splitlines() if line]
    return names if len(names) == count_poses(poses) else None


def with_poses(
    frames: Sequence[DepthFrame], trajectory: Trajectory, names: Sequence[str] | None = None
) -> list[PosedFrame]:
    """Give frames their poses: by name, by time, or in order.

    Poses are matched by name if names are given, else by time, else in order if there are as many of both. Frames
    without a pose are left out.

    Args:
        frames: depth frames.
        trajectory: poses, camera to world.
        names: frame name of each pose.

    Raises:
        PosedDepthError: frames and poses do not fit, or depth is not in metres.
    """
    _require_metres(frames)
    if names and len(names) == len(trajectory):
        at = {name: j for j, name in enumerate(names)}
        named = [(i, at[frame.sample.name]) for i, frame in enumerate(frames) if frame.sample.name in at]
        if named:
            return _posed(frames, trajectory, np.array(named))
    videos = {frame.sample.rgb for frame in frames if isinstance(frame.sample, VideoSample)}
    if len(videos) > 1:
        raise PosedDepthError(f"depth of {len(videos)} videos, whose times coincide: predict and fuse one at a time")
    times = to_seconds(frame_times([frame.sample for frame in frames]), trajectory.times)
    steps = [float(np.median(np.diff(t))) for t in (times, trajectory.times) if len(t) > 1]
    pairs = associate(times, trajectory.times, min(steps, default=1.0) / 2 * (1 + 1e-9))
    # Times of another clock match here and there by chance; with the same clock, most frames between the first and last
    # pose have one. Numbered frames have another clock than poses between whole numbers.
    between = int(((times >= trajectory.times[0]) & (times <= trajectory.times[-1])).sum())
    numbered = not videos and bool((times == np.round(times)).all())
    other = numbered and not bool((trajectory.times == np.round(trajectory.times)).all())
    if other or not len(pairs) or len(pairs) < 0.7 * min(between, len(trajectory)):
        if len(frames) != len(trajectory) and other:
            raise PosedDepthError(
                f"the {len(frames)} depth maps are numbered, and the poses have times: which frames the "
                f"{len(trajectory)} poses belong to is unknown; give as many poses as depth maps, or put slam's "
                f"frames.txt beside the poses"
            )
        if len(frames) != len(trajectory):
            raise PosedDepthError(
                f"{len(pairs)} of the {len(frames)} depth maps (times {times[0]:g} to {times[-1]:g}) have one of the "
                f"{len(trajectory)} poses (times {trajectory.times[0]:g} to {trajectory.times[-1]:g}): the times are "
                "a video's seconds, or the numbers in the names of files; give as many poses as depth maps, or times "
                "that fit"
            )
        pairs = np.stack([np.arange(len(frames))] * 2, axis=1)
    return _posed(frames, trajectory, pairs)


def _require_metres(frames: Sequence[DepthFrame]) -> None:
    units = {frame.unit for frame in frames}
    if None in units:
        raise PosedDepthError("the depth has no unit, and poses are in metres: align it first (predict --align)")
    if units - {"m"}:
        raise PosedDepthError(
            "the depth is in the unit of a COLMAP model, and poses are in metres: predict without aligning to the model"
        )


def _posed(frames: Sequence[DepthFrame], trajectory: Trajectory, pairs: np.ndarray) -> list[PosedFrame]:
    if len(pairs) < len(frames):
        logger.warning("%d of %d depth maps have no pose: they are left out", len(frames) - len(pairs), len(frames))
    return [PosedFrame(frames[i], trajectory.poses[j]) for i, j in pairs]


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
