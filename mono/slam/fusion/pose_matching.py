"""Poses of depth frames: by name, by time, or in order."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mono.data.video import VideoSample, frame_times
from mono.slam.fusion.posed_depth import DepthFrame, PosedDepthError, PosedFrame
from mono.slam.trajectory.files import count_poses, file_format, has_own_times, read_trajectory
from mono.slam.trajectory.time_units import to_seconds
from mono.slam.trajectory.trajectory import Trajectory, associate

logger = logging.getLogger(__name__)


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


def read_poses(frames: Sequence[DepthFrame], poses: Path) -> list[PosedFrame]:
    """Give frames the poses of a file in metres; see `with_poses`.

    Raises:
        MetricDepthError: the file is wrong, or of a body, or frames and poses do not fit.
    """
    if file_format(poses) == "euroc":
        raise PosedDepthError(
            f"{poses}: EuRoC poses are those of a body; give a TUM or KITTI file of the camera (rescale writes one)"
        )
    return with_poses(frames, read_trajectory(poses), pose_names(poses), has_own_times(poses))


def with_poses(
    frames: Sequence[DepthFrame],
    trajectory: Trajectory,
    names: Sequence[str] | None = None,
    has_times: bool = True,
) -> list[PosedFrame]:
    """Give frames their poses: by name, by time, or in order.

    Poses are matched by name if names are given, else by time, else in order if there are as many of both; as many
    lines without times first in order. Frames without a pose are left out. As many poses that number themselves 0, 1,
    2, ... go in order, with a warning, where frames count from 1 or no two follow each other.

    Args:
        frames: depth frames.
        trajectory: poses, camera to world.
        names: frame name of each pose.
        has_times: False if the poses are lines of a file without times or indices.

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
    in_order = np.stack([np.arange(len(frames))] * 2, axis=1)
    times = to_seconds(frame_times([frame.sample for frame in frames]), trajectory.times)
    is_whole = bool((times == np.round(times)).all())
    if len(frames) == len(trajectory) and np.array_equal(trajectory.times, np.arange(len(frames))):
        renumbered = times[0] == 1 or bool((np.diff(times) > 1).all())
        if has_times and is_whole and renumbered:
            logger.warning(
                "poses and depth maps are as many and go together in order, although their numbers differ: pose 0 "
                "with %s; if that is wrong, leave out the depth maps without a pose",
                frames[0].sample.name,
            )
        if not has_times or not is_whole or renumbered:
            return _posed(frames, trajectory, in_order)
    steps = [float(np.median(np.diff(t))) for t in (times, trajectory.times) if len(t) > 1]
    pairs = associate(times, trajectory.times, min(steps, default=1.0) / 2 * (1 + 1e-9))
    # Times of another clock match here and there by chance; with the same clock, most frames between the first and last
    # pose have one. Numbered frames have another clock than poses between whole numbers.
    between = int(((times >= trajectory.times[0]) & (times <= trajectory.times[-1])).sum())
    numbered = not videos and is_whole
    if numbered and not has_times and times[-1] >= len(trajectory):
        raise PosedDepthError(
            f"the poses are {len(trajectory)} lines without times for {len(frames)} depth maps"
            f"{f' numbered up to {times[-1]:g}' * bool(times[-1] >= len(frames))}: which frames have no pose is "
            "unknown; give a TUM file, or put slam's frames.txt beside it"
        )
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
        pairs = in_order
    return _posed(frames, trajectory, pairs)


def _require_metres(frames: Sequence[DepthFrame]) -> None:
    units = {frame.unit for frame in frames}
    if None in units:
        raise PosedDepthError("the depth has no unit, and poses are in metres: align it first (predict --align)")
    if units - {"m"}:
        raise PosedDepthError(
            "the depth is in the unit of a COLMAP model, and poses are in metres: align with "
            "--align-metric if the model is in metres, else predict without aligning to it"
        )


def _posed(frames: Sequence[DepthFrame], trajectory: Trajectory, pairs: np.ndarray) -> list[PosedFrame]:
    if len(pairs) < len(frames):
        logger.warning("%d of %d depth maps have no pose: they are left out", len(frames) - len(pairs), len(frames))
    return [PosedFrame(frames[i], trajectory.poses[j]) for i, j in pairs]
