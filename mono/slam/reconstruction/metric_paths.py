"""Frames of one camera to metric paths and points: a back end finds the path, depth of some frames its scale."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mono.data.camera_source import CameraResolver, ResolvedCamera
from mono.data.sample import Sample
from mono.data.video import frame_times
from mono.geometry.camera import Camera
from mono.slam.reconstruction.sfm import Progress, SfmOptions, camera_of, colour_points, poses_of, reconstruct
from mono.slam.reconstruction.vo import VoOptions, VoSegment, track
from mono.slam.scale.colmap_model import choose_images, import_pycolmap, write_model
from mono.slam.scale.estimate import ScaleError
from mono.slam.scale.trajectory_scale import Rescaling, scale_model
from mono.slam.trajectory.trajectory import Trajectory
from mono.system.errors import MetricDepthError

if TYPE_CHECKING:
    import pycolmap

logger = logging.getLogger(__name__)
_VO_SPREAD = 0.1  # of neighbouring keyframes' depth; beyond it, metres are doubted

DepthOf = Callable[[np.ndarray, ResolvedCamera], np.ndarray]
"""Gives depth [m], (height, width) float32, 0 where there is none, of an (height, width, 3) uint8 frame."""


class SlamError(MetricDepthError):
    """Frames cannot be turned into a path. The message says why and what to do."""


@dataclass(frozen=True)
class MetricPath:
    """A stretch of path with a scale of its own.

    Attributes:
        trajectory: poses with times, named by the frames; [m] if there is no problem, else in units of its own. The
            world is the frame of its first camera.
        camera: of all frames.
        scale: where it comes from; None if there is a problem, or the depth was in the path from the start.
        problem: why there is no scale; "" if there is.
        points, colors: (M, 3) float32 in the same world and unit, (M, 3) uint8.
        details: what the back end has to say besides.
    """

    trajectory: Trajectory
    camera: Camera
    scale: Rescaling | None
    problem: str
    points: np.ndarray
    colors: np.ndarray
    details: dict[str, Any]

    @property
    def metric(self) -> bool:
        """Whether it is in metres."""
        return not self.problem


def camera_of_frames(samples: Sequence[Sample], resolver: CameraResolver) -> ResolvedCamera:
    """The one camera that all frames are of: that of the first one that can be read.

    Raises:
        SlamError: none of them can be read.
        FocalError, CameraFileError: what is given does not fit.
    """
    for sample in samples:
        try:
            photo = sample.read()
        except ValueError as error:
            logger.warning("%s", error)
            continue
        return resolver.resolve_for(sample, photo)
    raise SlamError(f"none of the {len(samples)} frames can be read")


def paths_by_sfm(
    samples: Sequence[Sample],
    found: ResolvedCamera,
    depth_of: DepthOf,
    folder: Path,
    options: SfmOptions | None = None,
    scale_frames: int = 40,
    on_step: Progress = lambda stage, done, total: None,
) -> tuple[list[MetricPath], list[tuple[str, str]]]:
    """Paths by COLMAP: one for each model, that with the most frames first, each scaled by its own depth maps.

    Models whose frames disagree on the scale are returned with their problem, not mixed with the others. Those that
    are sound are written to `folder`/metric/0, 1, ... in metres, as COLMAP's tools read them.

    Args:
        samples: frames in order of time.
        found: their camera.
        depth_of: predicts depth.
        folder: for COLMAP's files.
        options: of COLMAP.
        scale_frames: about so many frames of each model get depth.
        on_step: for a progress bar.

    Returns:
        The paths, and (source, reason) of the frames that could not be read.

    Raises:
        SfmError: there is no path at all.
    """
    options = options or SfmOptions()
    result = reconstruct(samples, found.camera, folder, options, on_step)
    times = frame_times(samples)
    paths = []
    for number, (model, frames) in enumerate(zip(result.models, result.frames, strict=True)):
        of = found
        if options.refine_focal:
            of = replace(found, camera=camera_of(model), detail=f"{found.detail}; refined by COLMAP")
        scale, problem = _model_scale(model, samples, frames, of, depth_of, scale_frames, on_step)
        factor = scale.estimate.scale if scale else 1.0
        colour_points(model, samples, frames)
        details = {
            "mapper": result.mapper,
            "map_points": model.num_points3D(),
            "reprojection_error_px": round(float(model.compute_mean_reprojection_error()), 4),
            "focal_px": round(of.camera.focal, 3),
        }
        poses, ids = poses_of(model)
        to_first = np.linalg.inv(poses[0])
        colmap = import_pycolmap()
        model.transform(colmap.Sim3d(factor, colmap.Rotation3d(to_first[:3, :3]), to_first[:3, 3] * factor))
        if scale:
            write_model(model, folder / "metric" / str(number))
        poses, ids = poses_of(model)
        places = [frames[i] for i in ids]
        trajectory = Trajectory(poses, times[places], tuple(samples[place].name for place in places))
        points = np.array([p.xyz for p in model.points3D.values()], np.float32).reshape(-1, 3)
        colors = np.array([p.color for p in model.points3D.values()], np.uint8).reshape(-1, 3)
        paths.append(MetricPath(trajectory, of.camera, scale, problem, points, colors, details))
    return paths, list(result.unread)


def _model_scale(
    model: pycolmap.Reconstruction,
    samples: Sequence[Sample],
    frames: dict[int, int],
    found: ResolvedCamera,
    depth_of: DepthOf,
    count: int,
    on_step: Progress,
) -> tuple[Rescaling | None, str]:
    """The scale of a model, or why there is none that could be trusted."""
    chosen = choose_images(model, count)
    done = 0

    def step(more: int) -> None:
        nonlocal done
        done += more
        on_step("scale", done, len(chosen))

    try:
        return scale_model(model, chosen, lambda i: depth_of(samples[frames[i]].read().rgb, found), step), ""
    except ScaleError as error:
        return None, str(error)


def paths_by_vo(
    samples: Sequence[Sample],
    found: ResolvedCamera,
    depth_of: DepthOf,
    options: VoOptions | None = None,
    on_step: Progress = lambda stage, done, total: None,
) -> tuple[list[MetricPath], list[tuple[str, str]]]:
    """Paths by visual odometry, metric by the depth of keyframes: one for each stretch without a break.

    Returns:
        The paths, that with the most frames first, and (source, reason) of the frames that could not be read.

    Raises:
        VoError: there is no path at all.
    """
    segments, unread = track(samples, found.camera, lambda rgb: depth_of(rgb, found), options, on_step)
    times = frame_times(samples)
    paths = []
    for segment in segments:
        names = tuple(samples[i].name for i in segment.frames)
        trajectory = Trajectory(segment.poses, times[segment.frames], names)
        details = _agreement(segment) | {"keyframes": len(segment.keyframes), "map_points": len(segment.points)}
        paths.append(MetricPath(trajectory, found.camera, None, "", segment.points, segment.colors, details))
    return paths, list(unread)


def _agreement(segment: VoSegment) -> dict[str, Any]:
    """How well the depth of neighbouring keyframes agrees. What they err alike is not seen, so there is no standard
    error of the whole's scale."""
    if len(segment.log_ratios) < 3:
        return {}
    ratios = segment.log_ratios
    # Each is the difference of two keyframes' errors.
    spread = 1.4826 * float(np.median(np.abs(ratios - np.median(ratios)))) / math.sqrt(2)
    if spread > _VO_SPREAD:
        message = (
            "the depth of neighbouring keyframes differs by %.0f %%, metres may be far off: take more frames, or sfm"
        )
        logger.warning(message, 100 * spread)
    return {"scale": 1.0, "spread": round(spread, 5)}
