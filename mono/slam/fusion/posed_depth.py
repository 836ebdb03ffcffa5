"""Depth maps with their pictures, cameras and poses, from a run's folder or an annotation file."""

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
from mono.data.saved_predictions import saved_camera
from mono.data.video import VideoSample, frame_times, video_sample
from mono.geometry.camera import Camera
from mono.io.depth import read_depth
from mono.io.video import Video, is_video
from mono.runs.manifest import Manifest
from mono.slam.trajectory.files import read_trajectory
from mono.slam.trajectory.trajectory import Trajectory, associate
from mono.system.errors import MetricDepthError

logger = logging.getLogger(__name__)


class PosedDepthError(MetricDepthError):
    """Depth maps and poses cannot be brought together. The message says why and what to do."""


@dataclass(frozen=True)
class DepthFrame:
    """A depth map and its picture; nothing is read before it is asked for.

    Attributes:
        sample: the picture.
        depth_file: the depth map.
        depth_scale: stored value of a metre; None: the file says it.
        intrinsics: (fx, fy, cx, cy) [px] of the depth map at its full size; None: in the file beside it.
    """

    sample: Sample
    depth_file: Path
    depth_scale: float | None = None
    intrinsics: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class PosedFrame:
    """A frame of which all is known.

    Attributes:
        frame: its depth and picture.
        pose: camera to world, (4, 4) [m].
    """

    frame: DepthFrame
    pose: np.ndarray

    @property
    def name(self) -> str:
        """For messages."""
        return self.frame.sample.source

    def read(self) -> tuple[np.ndarray, np.ndarray, Camera]:
        """Depth (height, width) float32 [m], 0 where there is none, picture (height, width, 3) uint8, and their camera.

        Raises:
            ValueError: a file cannot be read, sizes differ, or the camera is not known.
        """
        of, file = self.frame, self.frame.depth_file
        annotated = of.sample.depth == file
        depth = read_annotated_depth(of.sample) if annotated else read_depth(file, of.depth_scale)
        rgb = of.sample.read().rgb
        height, width = depth.shape
        if rgb.shape[:2] != depth.shape:
            raise PosedDepthError(
                f"its picture is {rgb.shape[1]}x{rgb.shape[0]} and its depth {width}x{height}: they must be of one size"
            )
        camera = Camera(*of.intrinsics, width, height) if of.intrinsics else saved_camera(file)
        if camera is None:
            raise PosedDepthError(f"the camera of {file} is not known; annotate cam_in, or predict again")
        return depth, rgb, camera


def find_depth(path: Path) -> list[DepthFrame]:
    """The depth maps of a run of `predict` (its output folder), or those that an annotation file names, in order.

    A folder's smoothed depth (depth_smooth/) is taken if it is that of all its depth.

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
    records = [r for r in Manifest(path).records if r["status"] == "ok" and "depth" in r["outputs"]]
    if not records:
        raise PosedDepthError(f"{path}: its manifest lists no depth; predict with --save depth")
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
        DepthFrame(sample, file, None, tuple(record["intrinsics"]))
        for sample, file, record in zip(samples, depth, records, strict=True)
    ]


def pose_names(poses: Path) -> list[str] | None:
    """The frames of the poses in a file, by name, from the frames.txt beside it that `slam` writes; None: there is none
    with as many lines."""
    file = poses.with_name("frames.txt")
    if not file.is_file():
        return None
    names = [line.split(" ", 1)[-1] for line in file.read_text("utf-8", "surrogateescape").splitlines() if line]
    return names if len(names) == len(read_trajectory(poses)) else None


def with_poses(
    frames: Sequence[DepthFrame], trajectory: Trajectory, names: Sequence[str] | None = None
) -> list[PosedFrame]:
    """The frames that have a pose: of the same name if the poses' frames are known by name, else of the same time;
    else, if there are as many poses, all of them in order.

    Args:
        names: of the poses' frames, in their order.

    Raises:
        PosedDepthError: frames and poses do not fit.
    """
    if names:
        at = {name: j for j, name in enumerate(names)}
        named = [(i, at[frame.sample.name]) for i, frame in enumerate(frames) if frame.sample.name in at]
        if named:
            return _posed(frames, trajectory, np.array(named))
    videos = {frame.sample.rgb for frame in frames if isinstance(frame.sample, VideoSample)}
    if len(videos) > 1:
        raise PosedDepthError(
            f"depth of {len(videos)} videos, whose times say the same: predict and fuse one at a time"
        )
    times = frame_times([frame.sample for frame in frames])
    times = times / 1e9 if len(times) and times[-1] > 1e14 else times  # nanoseconds, as poses of such times are read
    steps = [float(np.median(np.diff(t))) for t in (times, trajectory.times) if len(t) > 1]
    pairs = associate(times, trajectory.times, min(steps, default=1.0) / 2 * (1 + 1e-9))
    # Another clock meets by chance here and there; on the same one, most of what lies between the first and last pose
    # has a pose. Frames that are numbered are on another clock than poses between whole numbers.
    between = int(((times >= trajectory.times[0]) & (times <= trajectory.times[-1])).sum())
    numbered = not videos and bool((times == np.round(times)).all())
    other = numbered and not bool((trajectory.times == np.round(trajectory.times)).all())
    if other or not len(pairs) or len(pairs) < 0.7 * min(between, len(trajectory)):
        if len(frames) != len(trajectory) and other:
            raise PosedDepthError(
                f"the {len(frames)} depth maps are numbered, and the poses have times: whose the {len(trajectory)} "
                "poses are is not known; give as many poses as depth maps, or put slam's frames.txt beside the poses"
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


def _samples_of(records: Sequence[dict[str, Any]]) -> list[Sample]:
    """The pictures that a run's records are of; a video is opened once."""
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
