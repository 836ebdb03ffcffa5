"""An up-to-scale trajectory or COLMAP model, frames and depth -> metres."""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mono.data.camera_source import ResolvedCamera
from mono.data.ground_truth import read_annotated_depth
from mono.data.sample import Sample
from mono.data.saved_predictions import SavedPredictions
from mono.data.video import frame_times
from mono.geometry.camera import Camera
from mono.io.depth import read_depth
from mono.slam.scale.estimate import (
    MIN_IMAGES,
    ImageScale,
    ScaleError,
    ScaleEstimate,
    depth_at,
    estimate_scale,
    image_scale,
)
from mono.slam.scale.tracks import Counts, FramePoints, choose_frames, track_points
from mono.slam.trajectory.trajectory import Trajectory, associate

if TYPE_CHECKING:
    import pycolmap

    from mono.inference.predictor import Predictor

logger = logging.getLogger(__name__)

DEFAULT_FRAMES = 40

Depth = Callable[[int], np.ndarray]
Done = Callable[[int], Any]


@dataclass(frozen=True)
class Rescaling:
    """A scale and where it comes from.

    Attributes:
        estimate: the scale.
        chosen: how many frames depth was wanted for.
        failures: (frame, reason) of those that said nothing.
        counts: what became of the tracked corners, by frame; empty for COLMAP models.
    """

    estimate: ScaleEstimate
    chosen: int
    failures: tuple[tuple[str, str], ...]
    counts: dict[int, Counts] = field(default_factory=dict)


@dataclass(frozen=True)
class PosedFrames:
    """A trajectory's poses that have a frame.

    Attributes:
        trajectory: the poses with a frame, in order.
        samples: the frame of each.
        rows: the number of each in the whole trajectory, (N,).
        whole: the whole trajectory.
    """

    trajectory: Trajectory
    samples: tuple[Sample, ...]
    rows: np.ndarray
    whole: Trajectory

    def positions(self) -> np.ndarray:
        """Where the frames lie on the whole way, 0..1, (N,)."""
        return arc_length_fraction(self.whole)[self.rows]


def arc_length_fraction(trajectory: Trajectory) -> np.ndarray:
    """Where poses lie on the way, 0..1 by its length, (N,)."""
    distances = trajectory.distances
    return distances / distances[-1] if distances[-1] > 0 else np.zeros(len(trajectory))


def frames_of(
    trajectory: Trajectory, samples: Sequence[Sample], timed: bool, times: np.ndarray | None = None
) -> PosedFrames:
    """Brings poses and frames together.

    With `times` of the frames by them; else as many frames as poses belong together in order; else by the frames' own
    times (a video's seconds, or the numbers that files are called by: seconds, nanoseconds or frame numbers).

    Args:
        timed: whether the trajectory has times; if not, they are numbers of frames.
        times: of all frames, (M,).

    Raises:
        ScaleError: they do not fit.
    """
    if times is not None and len(times) != len(samples):
        raise ScaleError(f"there are {len(times)} times for {len(samples)} frames; give one for each, in their order")
    if times is None and len(samples) == len(trajectory):
        return PosedFrames(trajectory, tuple(samples), np.arange(len(trajectory)), trajectory)
    if times is None:
        times = (
            frame_times(samples) if timed or len(samples) < len(trajectory) else np.arange(len(samples), dtype=float)
        )
        times = times / 1e9 if times[-1] > 1e14 else times
    step = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    pairs = associate(trajectory.times, times, step / 2 * (1 + 1e-9))
    if len(pairs) < MIN_IMAGES:
        raise ScaleError(
            f"only {len(pairs)} of {len(trajectory)} poses (times {trajectory.times[0]:.9g} to "
            f"{trajectory.times[-1]:.9g}) have one of the {len(samples)} frames (times {times[0]:.9g} to "
            f"{times[-1]:.9g}); give a frame for each pose, frames called by their time, or a file of times (--times)"
        )
    if len(pairs) < len(trajectory):
        logger.info("%d of %d poses have a frame", len(pairs), len(trajectory))
    kept = trajectory.select(pairs[:, 0])
    return PosedFrames(kept, tuple(samples[j] for j in pairs[:, 1]), pairs[:, 0], trajectory)


def grey(rgb: np.ndarray) -> np.ndarray:
    """A picture (H, W, 3) uint8 in grey, (H, W) uint8."""
    import cv2

    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))


def track_frames(
    frames: PosedFrames, camera: Camera, count: int = DEFAULT_FRAMES, available: Sequence[int] | None = None
) -> Iterator[tuple[int, FramePoints | str]]:
    """Triangulated points of about `count` frames spread over the way, or the reason why a frame has none.

    Args:
        frames: poses with frames, all of one size and camera.
        camera: of them, at full size.
        available: numbers of the frames to choose from; None: all.

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

    def read(number: int) -> np.ndarray:
        if number not in cache:
            image = grey(frames.samples[number].read().rgb)
            if image.shape != (camera.height, camera.width):
                raise ScaleError(
                    f"{frames.samples[number].source}: is {image.shape[1]}x{image.shape[0]}, the camera "
                    f"{camera.width}x{camera.height}; all frames must be of one size"
                )
            while len(cache) >= 64:
                cache.pop(next(iter(cache)))
            cache[number] = image
        return cache[number]

    for anchor in map(int, anchors[choose_frames(path.select(anchors), count)]):
        try:
            yield anchor, track_points(path, anchor, read, camera)
        except (ValueError, OSError) as error:
            yield anchor, str(error)


def scale_trajectory(
    frames: PosedFrames,
    camera: Camera,
    depth: Depth,
    tracks: Iterable[tuple[int, FramePoints | str]],
    on_done: Done = lambda n: None,
) -> Rescaling:
    """The scale of a trajectory: its points' depths against those of depth maps.

    Args:
        frames: poses with frames.
        camera: of them, at full size.
        depth: gives a frame's depth map [m] by its number among `frames`; any size of the frame's aspect.
        tracks: the points, of `track_frames`.
        on_done: called with 1 after each frame.

    Raises:
        ScaleError: there is no scale that could be trusted.
    """
    positions = frames.positions()
    counts: dict[int, Counts] = {}

    def ratios(number: int, points: FramePoints | str) -> np.ndarray:
        if isinstance(points, str):
            raise ScaleError(points)
        counts[number] = points.counts
        if not len(points.depth):
            return np.zeros(0)
        predicted = depth_at(*_same_size(depth(number), points.uv, camera))
        good = np.isfinite(predicted)
        return np.log(predicted[good] / points.depth[good])

    estimates, failures = _ask(
        (
            (n, frames.samples[n].source, float(positions[n]), functools.partial(ratios, n, points))
            for n, points in tracks
        ),
        on_done,
    )
    chosen = len(estimates) + len(failures)
    if len(estimates) < MIN_IMAGES:
        raise ScaleError(_why_nothing(list(counts.values()), len(estimates), chosen, failures))
    return Rescaling(estimate_scale(estimates), chosen, tuple(failures), counts)


def _ask(
    frames: Iterable[tuple[int, str, float, Callable[[], np.ndarray]]], on_done: Done
) -> tuple[list[ImageScale], list[tuple[str, str]]]:
    """What frames say of the scale, and (frame, reason) of those that say nothing.

    Args:
        frames: number, name, position on the way, and what gives the log ratios of its points, of each.
    """
    estimates, failures = [], []
    for number, name, position, ratios_of in frames:
        try:
            ratios = ratios_of()
            found = image_scale(number, position, ratios)
            if found:
                estimates.append(found)
            else:
                failures.append((name, f"only {len(ratios)} points to compare"))
        except (ValueError, OSError) as error:
            logger.warning("%s: %s", name, error)
            failures.append((name, str(error)))
        on_done(1)
    return estimates, failures


def _same_size(depth: np.ndarray, uv: np.ndarray, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Depth, and the points where it has them if it is of another size than the camera."""
    height, width = depth.shape
    if abs(width * camera.height - height * camera.width) > max(camera.width, camera.height) * 1.5:
        raise ScaleError(f"its depth is {width}x{height}, the frame {camera.width}x{camera.height}: not the same shape")
    return depth, (uv + 0.5) * (width / camera.width, height / camera.height) - 0.5


def _why_nothing(counts: list[Counts], estimates: int, chosen: int, failures: Sequence[tuple[str, str]]) -> str:
    """Why too few frames say anything about scale."""
    start = f"no scale: only {estimates} of {chosen} frames have points to compare with depth; "
    if not counts:
        return start + (f"the first fails with: {failures[0][1]}" if failures else "none could be read")
    corners, tracked, parallax, in_front, close = (
        float(np.median([getattr(c, name) for c in counts]))
        for name in ("corners", "tracked", "parallax", "in_front", "within_reprojection_error")
    )
    residuals = [c.rotation_residual_px for c in counts if math.isfinite(c.rotation_residual_px)]
    if tracked < 30:
        return start + (
            f"of {corners:.0f} corners in a frame, {tracked:.0f} can be followed to the next: there is little texture, "
            "or the frames are too blurred, too far apart, or in another order than the poses"
        )
    if residuals and np.median(residuals) < 1.0:
        return start + (
            f"the camera only turns (beside the turn, things move {np.median(residuals):.2f} px): pure rotation shows "
            "no depth; give frames between which the camera moves"
        )
    if parallax < 30:
        return start + (
            f"of {tracked:.0f} tracked points in a frame, {parallax:.0f} have a parallax of 1 degree: the camera moves "
            "too little for how far things are; give a longer part of the way, or frames farther apart"
        )
    if close < 0.3 * parallax:
        return start + (
            f"of {parallax:.0f} points in a frame, {in_front:.0f} lie ahead and {close:.0f} are seen within 1 px of "
            "where poses and camera say: poses and frames do not belong together, or the camera is wrong; check the "
            "frames' order, the focal length, and that the poses are camera to world"
        )
    return start + (
        f"in a typical one {close:.0f} points are triangulated; in too few frames there are enough of them where there "
        "is depth without an edge: give more frames, or a longer part of the way"
    )


def scale_model(
    model: pycolmap.Reconstruction, image_ids: Sequence[int], depth: Depth, on_done: Done = lambda n: None
) -> Rescaling:
    """The scale of a COLMAP model.

    Args:
        image_ids: images to look at, in order of the way.
        depth: gives an image's depth map [m] by its id.
        on_done: called with 1 after each image.

    Raises:
        ScaleError: there is no scale that could be trusted.
    """
    from mono.slam.scale.colmap_model import image_log_ratios

    last = max(len(image_ids) - 1, 1)

    def ratios(image_id: int) -> np.ndarray:
        return image_log_ratios(model, image_id, depth(image_id))

    estimates, failures = _ask(
        (
            (i, str(model.images[i].name), number / last, functools.partial(ratios, i))
            for number, i in enumerate(image_ids)
        ),
        on_done,
    )
    return Rescaling(estimate_scale(estimates), len(image_ids), tuple(failures))


def apply_scale(trajectory: Trajectory, estimate: ScaleEstimate, windowed: bool) -> Trajectory:
    """The metric trajectory: by one scale or, if `windowed` and the drift is significant, each step by its own."""
    if not windowed or not estimate.drift.significant:
        return trajectory.scaled(estimate.scale)
    at = arc_length_fraction(trajectory)
    return trajectory.scaled(estimate.at((at[1:] + at[:-1]) / 2))


def network_depth(predictor: Predictor, samples: Sequence[Sample], camera: ResolvedCamera) -> Depth:
    """Depth by a network of frames that share a camera."""
    return lambda number: predictor.predict(samples[number].read().rgb, camera).depth


def saved_depth(folder: Path, samples: Sequence[Sample]) -> tuple[Depth, list[int]]:
    """Depth from files as `evaluate --pred` takes them, and the numbers of the frames that have any.

    Raises:
        RunError: the folder does not exist.
    """
    saved = SavedPredictions.open(folder, samples)
    files = {i: file for i, sample in enumerate(samples) if (file := saved.depth_file(sample))}
    return lambda number: read_depth(files[number]), list(files)


def annotated_depth(file: Path, samples: Sequence[Sample]) -> tuple[Depth, list[int]]:
    """Depth that an annotation file names for the frames, and the numbers of the frames that have any.

    Raises:
        AnnotationError: the file is wrong.
    """
    from mono.data.annotations import load_annotations

    known = {s.rgb.resolve(): s for s in load_annotations(file) if s.depth}
    found = {i: known[p] for i, s in enumerate(samples) if (p := s.rgb.resolve()) in known}

    def depth(number: int) -> np.ndarray:
        return read_annotated_depth(found[number])

    return depth, list(found)


def report(rescaling: Rescaling, windowed: bool) -> dict[str, Any]:
    """What scale.json says about a scale."""
    estimate, drift = rescaling.estimate, rescaling.estimate.drift
    return {
        "scale": estimate.scale,
        "standard_error": estimate.standard_error,
        "spread": estimate.spread,
        "frames_used": len(estimate.images),
        "frames_chosen": rescaling.chosen,
        "points": estimate.points,
        "trend": {
            "change_of_log_scale": drift.trend,
            "standard_error": drift.trend_error,
            "p": drift.trend_p,
        },
        "drift": {
            "significant": drift.significant,
            "p": drift.p,
            "predicts_left_out": drift.predicts,
            "largest_over_smallest": drift.range,
            "knots": list(drift.knots),
            "scale_at_knots": [math.exp(v) for v in drift.log_scale],
        },
        "windowed": windowed and drift.significant,
        "failures": [{"frame": frame, "reason": reason} for frame, reason in rescaling.failures],
        "images": [
            {
                "frame": i.frame,
                "position": i.position,
                "scale": math.exp(i.log_scale),
                "spread": i.spread,
                "points": i.points,
            }
            for i in estimate.images
        ],
    }


def describe(rescaling: Rescaling, windowed: bool) -> str:
    """The same on screen."""
    e, d = rescaling.estimate, rescaling.estimate.drift
    lines = [
        f"  scale           {e.scale:.6g} metres a unit",
        f"  standard error  {e.standard_error * 100:.2f} %   what all depth maps have in common is not in it",
        f"  spread          {e.spread * 100:.1f} %   between frames",
        f"  frames          {len(e.images)} used of {rescaling.chosen} chosen, {e.points} points",
        f"  trend           {math.expm1(d.trend) * 100:+.1f} % +- {d.trend_error * 100:.1f} % from start to end, "
        f"p = {d.trend_p:.2g}",
    ]
    if d.significant:
        done = "corrected along the way" if windowed else "NOT corrected: add --windowed"
        lines.append(
            f"  drift           significant (p = {d.p:.2g}): largest over smallest scale {d.range:.3f}; {done}"
        )
    else:
        kept = ": one scale is kept" if windowed else ""
        lines.append(f"  drift           none that is significant (p = {d.p:.2g}){kept}")
    return "\n".join(lines) + "\n"
