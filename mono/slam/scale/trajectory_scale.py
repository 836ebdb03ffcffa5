"""Metric scale of an up-to-scale trajectory from its frames and depth."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mono.calibration.sampling import depth_at
from mono.data.camera_source import ResolvedCamera
from mono.data.sample import Sample
from mono.data.video import frame_times
from mono.geometry.camera import Camera
from mono.geometry.undistortion import front_view
from mono.slam.scale.colmap_model import same_shape
from mono.slam.scale.depth_sources import DepthSource
from mono.slam.scale.diagnosis import DOUBTFUL, HOPELESS, explain_mismatch, explain_no_scale, reprojecting_share
from mono.slam.scale.estimate import MIN_IMAGES, ScaleError, ScaleEstimate, estimate_scale
from mono.slam.scale.rescaling import DEFAULT_FRAMES, OnDone, Rescaling, collect_ratios, frame_scales
from mono.slam.scale.tracks import Counts, FramePoints, track_points
from mono.slam.trajectory.time_units import to_seconds
from mono.slam.trajectory.trajectory import Trajectory, associate

logger = logging.getLogger(__name__)

_CACHED_FRAMES = 64


@dataclass(frozen=True)
class PosedFrames:
    """Poses of a trajectory that have a frame.

    Attributes:
        trajectory: the poses with a frame, in order.
        samples: the frame of each pose.
        rows: index of each pose in the whole trajectory, (N,).
        whole: the whole trajectory.
    """

    trajectory: Trajectory
    samples: tuple[Sample, ...]
    rows: np.ndarray
    whole: Trajectory

    def positions(self) -> np.ndarray:
        """Compute the frames' places along the whole path, 0..1, (N,)."""
        return arc_length_fraction(self.whole)[self.rows]


def arc_length_fraction(trajectory: Trajectory) -> np.ndarray:
    """Compute each pose's place along the path, 0..1, (N,)."""
    distances = trajectory.distances
    return distances / distances[-1] if distances[-1] > 0 else np.zeros(len(trajectory))


def match_frames(
    trajectory: Trajectory, samples: Sequence[Sample], timed: bool, times: np.ndarray | None = None
) -> PosedFrames:
    """Match poses with frames, by time or by order.

    With `times` they are matched by them; otherwise in order if there are as many frames as poses; otherwise by the
    frames' own times (a video's seconds, or the numbers in file names: seconds, nanoseconds or frame numbers).

    Args:
        trajectory: the poses.
        samples: the frames, in order of time.
        timed: False if the trajectory's times are frame numbers.
        times: times of all frames, (M,).

    Raises:
        ScaleError: fewer than `MIN_IMAGES` poses have a frame.
    """
    if times is not None and len(times) != len(samples):
        raise ScaleError(f"there are {len(times)} times for {len(samples)} frames; give one for each, in their order")
    if times is None and len(samples) == len(trajectory):
        _warn_of_other_numbers(trajectory, samples, timed)
        return PosedFrames(trajectory, tuple(samples), np.arange(len(trajectory)), trajectory)
    if times is None:
        by_time = timed or len(samples) < len(trajectory)
        times = to_seconds(frame_times(samples), trajectory.times) if by_time else np.arange(len(samples), dtype=float)
    step = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    pairs = associate(trajectory.times, times, step / 2 * (1 + 1e-9))
    if len(pairs) < MIN_IMAGES:
        raise ScaleError(
            f"only {len(pairs)} of {len(trajectory)} poses (times {trajectory.times[0]:.9g} to "
            f"{trajectory.times[-1]:.9g}) have one of the {len(samples)} frames (times {times[0]:.9g} to "
            f"{times[-1]:.9g}); give a frame for each pose, frames named by their time, or a file of times (--times)"
        )
    if len(pairs) < len(trajectory):
        logger.info("%d of %d poses have a frame", len(pairs), len(trajectory))
    kept = trajectory.select(pairs[:, 0])
    return PosedFrames(kept, tuple(samples[j] for j in pairs[:, 1]), pairs[:, 0], trajectory)


def _warn_of_other_numbers(trajectory: Trajectory, samples: Sequence[Sample], timed: bool) -> None:
    """Warn where poses and frames go together in order, but their times do not."""
    times = to_seconds(frame_times(samples), trajectory.times)
    pairs = associate(trajectory.times, times, float(np.median(np.diff(times))) / 2 if len(times) > 1 else 0.0)
    differ = 2 * len(pairs) > len(samples) and (pairs[:, 0] != pairs[:, 1]).all()
    if np.array_equal(trajectory.times, np.arange(len(trajectory))):  # of numbers, or of lines that have none
        differ = timed and (times == np.round(times)).all() and not np.array_equal(times, trajectory.times)
    if differ:
        logger.warning(
            "poses and frames are as many and go together in order, although their times or numbers differ: pose "
            "%.9g with frame %s; if that is wrong, leave out the frames without a pose",
            trajectory.times[0],
            samples[0].name,
        )


def choose_frames(trajectory: Trajectory, count: int = 40) -> np.ndarray:
    """Choose about `count` frames, evenly along the path.

    Frames at which the camera stands still, or rotates on the spot, are chosen once.

    Returns:
        Indices, increasing, (K,).
    """
    distances = trajectory.distances
    if distances[-1] <= 0 or len(trajectory) <= count:
        return np.arange(len(trajectory))
    wanted = (np.arange(count) + 0.5) / count * distances[-1]
    right = np.clip(np.searchsorted(distances, wanted), 1, len(distances) - 1)
    nearer = right - (wanted - distances[right - 1] < distances[right] - wanted)
    return np.unique(nearer)


def track_frames(
    frames: PosedFrames, camera: Camera, count: int = DEFAULT_FRAMES, available: Sequence[int] | None = None
) -> Iterator[tuple[int, FramePoints | str]]:
    """Triangulate points of about `count` frames along the path.

    Args:
        frames: poses with frames, all of one size and camera.
        camera: camera of the frames at full size.
        count: number of frames, about.
        available: indices of the frames to choose from; None: all.

    Yields:
        Index of a frame, and its points or the reason why it has none.

    Raises:
        ScaleError: the trajectory does not move, or there are no frames to choose from.
    """
    path = frames.trajectory
    if path.length <= 0:
        raise ScaleError("the trajectory does not move: all its poses with frames are at one place, so it has no scale")
    anchors = np.arange(len(path)) if available is None else np.asarray(sorted(available), np.int64)
    if not len(anchors):
        raise ScaleError("no frame with a pose has depth; do the depth maps carry the frames' names?")
    cache: dict[int, np.ndarray] = {}
    flat = front_view(camera)

    def read(number: int) -> np.ndarray:
        if number not in cache:
            image = _to_gray(frames.samples[number].read().rgb)
            if image.shape != (camera.height, camera.width):
                raise ScaleError(
                    f"{frames.samples[number].source}: is {image.shape[1]}x{image.shape[0]}, the camera "
                    f"{camera.width}x{camera.height}; all frames must be of one size"
                )
            while len(cache) >= _CACHED_FRAMES:
                cache.pop(next(iter(cache)))
            cache[number] = flat.image_to_pinhole(image)
        return cache[number]

    for anchor in map(int, anchors[choose_frames(path.select(anchors), count)]):
        try:
            yield anchor, track_points(path, anchor, read, flat.pinhole)
        except (ValueError, OSError) as error:
            yield anchor, str(error)


def scale_trajectory(
    frames: PosedFrames,
    camera: ResolvedCamera,
    depth: DepthSource,
    tracks: Iterable[tuple[int, FramePoints | str]],
    on_done: OnDone = lambda n: None,
) -> Rescaling:
    """Estimate a trajectory's scale from triangulated points and depth.

    Args:
        frames: poses with frames.
        camera: camera of the frames at full size.
        depth: depth of the frames.
        tracks: the points of `track_frames`.
        on_done: called with 1 after each frame.

    Raises:
        ScaleError: there is no reliable scale.
    """
    positions = frames.positions()
    counts: dict[int, Counts] = {}

    def ratios(number: int, points: FramePoints | str) -> np.ndarray:
        if isinstance(points, str):
            raise ScaleError(points)
        counts[number] = points.counts
        if not len(points.depth):
            return np.zeros(0)
        own, uv = camera.camera, points.uv
        if own.is_distorted:
            uv, _ = own.project(front_view(own).pinhole.rays_at(uv))
        predicted = depth_at(*_match_size(depth.depth(frames.samples[number], camera), uv, own))
        good = np.isfinite(predicted)
        return np.log(predicted[good] / points.depth[good])

    collected = collect_ratios(
        (
            (n, frames.samples[n].source, float(positions[n]), functools.partial(ratios, n, points))
            for n, points in tracks
        ),
        on_done,
    )
    scales, failures = frame_scales(collected)
    fates = list(counts.values())
    if len(scales) < MIN_IMAGES:
        raise ScaleError(explain_no_scale(fates, len(scales), len(collected)))
    if (share := reprojecting_share(fates)) < HOPELESS:
        raise ScaleError(f"no scale: {explain_mismatch(fates)}")
    if share < DOUBTFUL:
        logger.warning("the scale is doubtful: %s", explain_mismatch(fates))
    return Rescaling(estimate_scale(scales), len(collected), tuple(failures), counts)


def rescale_trajectory(
    frames: PosedFrames,
    camera: ResolvedCamera,
    depth: DepthSource,
    count: int = DEFAULT_FRAMES,
    windowed: bool = False,
    on_done: OnDone = lambda n: None,
) -> tuple[Trajectory, Rescaling]:
    """Rescale a trajectory to metres by its frames' depth.

    Args:
        frames: poses with frames, of `match_frames`.
        camera: camera of the frames at full size.
        depth: depth of the frames.
        count: number of frames that get depth, about.
        windowed: correct a significant drift along the path.
        on_done: called with 1 after each frame.

    Returns:
        The whole trajectory [m], and its scale.

    Raises:
        ScaleError: there is no reliable scale.
    """
    available = [i for i, sample in enumerate(frames.samples) if depth.has(sample)]
    tracks = track_frames(frames, camera.camera, count, available)
    rescaling = scale_trajectory(frames, camera, depth, tracks, on_done)
    return apply_scale(frames.whole, rescaling.estimate, windowed), rescaling


def apply_scale(trajectory: Trajectory, estimate: ScaleEstimate, windowed: bool) -> Trajectory:
    """Multiply a trajectory by its scale.

    Args:
        trajectory: in its own unit.
        estimate: its scale.
        windowed: if the drift is significant, scale each step by the scale of its place.
    """
    if not windowed or not estimate.drift.significant:
        return trajectory.scaled(estimate.scale)
    at = arc_length_fraction(trajectory)
    return trajectory.scaled(estimate.at((at[1:] + at[:-1]) / 2))


def _to_gray(rgb: np.ndarray) -> np.ndarray:
    """Convert an image (H, W, 3) uint8 to gray, (H, W) uint8."""
    import cv2

    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))


def _match_size(depth: np.ndarray, uv: np.ndarray, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Return depth, and the points in its pixels if it is of another size than the camera."""
    height, width = depth.shape
    if not same_shape((width, height), (camera.width, camera.height)):
        raise ScaleError(f"its depth is {width}x{height}, the frame {camera.width}x{camera.height}: not the same shape")
    return depth, (uv + 0.5) * (width / camera.width, height / camera.height) - 0.5
