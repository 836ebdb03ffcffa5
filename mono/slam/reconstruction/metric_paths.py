"""Metric paths and points from the frames of one camera."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mono.data.camera_source import CameraResolver, ResolvedCamera
from mono.data.focal_pool import pool_focal
from mono.data.sample import Sample
from mono.data.video import frame_times
from mono.geometry.camera import Camera
from mono.slam.reconstruction.sfm import SfmOptions, color_points, poses_of, reconstruct
from mono.slam.reconstruction.vo import VoOptions, VoSegment, track
from mono.slam.scale.colmap_model import camera_of, choose_images, import_pycolmap, write_model
from mono.slam.scale.depth_sources import DepthSource
from mono.slam.scale.estimate import ScaleError
from mono.slam.scale.model_scale import ModelImage, scale_model
from mono.slam.scale.rescaling import Rescaling
from mono.slam.trajectory.trajectory import Trajectory
from mono.system.errors import MetricDepthError
from mono.system.progress import Progress, silent

if TYPE_CHECKING:
    import pycolmap

logger = logging.getLogger(__name__)
_VO_SPREAD = 0.1  # relative spread of neighboring keyframes' depth; beyond it, metres are doubtful


class SlamError(MetricDepthError):
    """Reports frames that give no path: cause and remedy."""


@dataclass(frozen=True)
class MetricPath:
    """Part of a path with its own scale.

    Attributes:
        trajectory: poses with times, named by the frames; [m] without a problem, else in a unit of its own. The world
            is the frame of its first camera.
        camera: camera of all frames.
        scale: evidence of the scale; None with a problem, or if the path was metric from the start.
        problem: reason for a missing scale; "" if the path is metric.
        points: points in the same world and unit, (M, 3) float32.
        colors: colors of the points, (M, 3) uint8.
        details: further values of the back end, for scale.json.
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
        """True if the path is in metres."""
        return not self.problem


def camera_of_frames(samples: Sequence[Sample], resolver: CameraResolver) -> ResolvedCamera:
    """Resolve the camera of all frames from the first readable one; what is estimated is a mean over some.

    Raises:
        SlamError: none of them can be read.
        FocalError: the given camera does not fit the frames.
        CameraFileError: the camera file is broken or does not fit.
    """
    for sample in samples:
        try:
            photo = sample.read()
        except ValueError as error:
            logger.warning("%s", error)
            continue
        found = resolver.resolve_for(sample, photo)
        return found if found.source != "estimated" else pool_focal(samples, resolver).resolve_for(sample, photo)
    raise SlamError(f"none of the {len(samples)} frames can be read")


def paths_by_sfm(
    samples: Sequence[Sample],
    found: ResolvedCamera,
    depth: DepthSource,
    folder: Path,
    options: SfmOptions | None = None,
    scale_frames: int = 40,
    on_step: Progress = silent,
) -> tuple[list[MetricPath], list[tuple[str, str]]]:
    """Reconstruct metric paths by structure from motion (COLMAP).

    Each model gives one path, scaled by its own depth maps. Models whose frames disagree on the scale are returned with
    their problem. The others are written in metres to `folder`/metric/0, 1, ... as COLMAP models.

    Args:
        samples: frames in order of time.
        found: camera of all frames.
        depth: depth of the frames.
        folder: folder for COLMAP's files.
        options: options of COLMAP.
        scale_frames: frames of each model that get depth, about.
        on_step: progress callback.

    Returns:
        The paths, most frames first, and (source, reason) of the frames that could not be read.

    Raises:
        SfmError: no path is found.
    """
    options = options or SfmOptions()
    result = reconstruct(samples, found.camera, folder, options, on_step)
    times = frame_times(samples)
    paths = []
    for number, (model, frames) in enumerate(zip(result.models, result.frames, strict=True)):
        of = found
        if options.refine_focal:
            of = replace(found, camera=camera_of(model), detail=f"{found.detail}; refined by COLMAP")
        scale, problem = _model_scale(model, samples, frames, of, depth, scale_frames, on_step)
        factor = scale.estimate.scale if scale else 1.0
        color_points(model, samples, frames)
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
    depth: DepthSource,
    count: int,
    on_step: Progress,
) -> tuple[Rescaling | None, str]:
    """Estimate a model's scale; return it, or the reason why there is none."""
    chosen = choose_images(model, count)
    done = 0

    def step(more: int) -> None:
        nonlocal done
        done += more
        on_step("scale", done, len(chosen))

    try:
        images = [ModelImage(i, samples[frames[i]], camera=found) for i in chosen]
        return scale_model(model, images, depth, step), ""
    except ScaleError as error:
        return None, str(error)


def paths_by_vo(
    samples: Sequence[Sample],
    found: ResolvedCamera,
    depth: DepthSource,
    options: VoOptions | None = None,
    on_step: Progress = silent,
) -> tuple[list[MetricPath], list[tuple[str, str]]]:
    """Track metric paths by visual odometry.

    Depth of keyframes makes them metric. Each part without a break gives one path.

    Args:
        samples: frames in order of time.
        found: camera of all frames.
        depth: depth of the frames.
        options: options of the odometry.
        on_step: progress callback.

    Returns:
        The paths, most frames first, and (source, reason) of the frames that could not be read.

    Raises:
        VoError: no path is found.
    """
    segments, unread = track(samples, found, depth, options, on_step)
    times = frame_times(samples)
    paths = []
    for segment in segments:
        names = tuple(samples[i].name for i in segment.frames)
        trajectory = Trajectory(segment.poses, times[segment.frames], names)
        details = _agreement(segment) | {"keyframes": len(segment.keyframes), "map_points": len(segment.points)}
        paths.append(MetricPath(trajectory, found.camera, None, "", segment.points, segment.colors, details))
    return paths, list(unread)


def _agreement(segment: VoSegment) -> dict[str, Any]:
    """Measure how well the depth of neighboring keyframes agrees.

    Errors that they share do not show, so there is no standard error of the scale.
    """
    if len(segment.log_ratios) < 3:
        return {}
    ratios = segment.log_ratios
    # Each is the difference of two keyframes' errors.
    spread = 1.4826 * float(np.median(np.abs(ratios - np.median(ratios)))) / math.sqrt(2)
    if spread > _VO_SPREAD:
        message = (
            "the depth of neighboring keyframes differs by %.0f %%, metres may be far off: take more frames, or sfm"
        )
        logger.warning(message, 100 * spread)
    return {"scale": 1.0, "spread": round(spread, 5)}
