"""Visual odometry for long videos.

Features are tracked from frame to frame. Points get their depth at keyframes, so the path is metric from the start.
Each keyframe is tied to the few before it in both directions, by its own depth and by theirs, and a pose graph (gtsam)
reconciles the ties. The path bends with the errors of the depth: where COLMAP can match the images,
`mono.slam.reconstruction.sfm` bends it less.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from types import ModuleType

import numpy as np

from mono.data.camera_source import ResolvedCamera
from mono.data.sample import Sample
from mono.geometry.camera import Camera
from mono.geometry.undistortion import front_view
from mono.slam.reconstruction.pose_graph import close_segment
from mono.slam.reconstruction.vo_segments import VoError, VoOptions, VoSegment
from mono.slam.reconstruction.vo_tracker import Tracker
from mono.slam.scale.depth_sources import DepthSource
from mono.system.errors import MetricDepthError
from mono.system.progress import Progress, silent

logger = logging.getLogger(__name__)


def track(
    samples: Sequence[Sample],
    found: ResolvedCamera,
    depth: DepthSource,
    options: VoOptions | None = None,
    on_step: Progress = silent,
) -> tuple[tuple[VoSegment, ...], tuple[tuple[str, str], ...]]:
    """Track a camera through frames; memory does not grow with their number.

    Args:
        samples: frames in order of time. Frames that cannot be read, or are not of the camera's size, are left out and
            listed.
        found: camera of all frames; those of a distorting lens are undistorted, and of wide ones the front view is
            tracked.
        depth: depth of the frames; used for keyframes only.
        options: options of the odometry.
        on_step: progress callback.

    Returns:
        The segments, most frames first, and (source, reason) of the frames that could not be read.

    Raises:
        VoError: gtsam is missing, or no two frames can be tied together.
    """
    gtsam = import_gtsam()
    options = options or VoOptions()
    if found.camera.is_distorted and not depth.reads_images:
        raise VoError(
            "visual odometry undistorts the frames of this camera, and the depth maps belong to the frames as they "
            "are: let a model predict depth, or give undistorted frames and depth"
        )
    flat = front_view(found.camera)
    camera, found = flat.pinhole, replace(found, camera=flat.pinhole)
    tracker = Tracker(found, depth, options)
    unread = []
    for place, sample in enumerate(samples):
        try:
            tracker.add(place, sample, flat.image_to_pinhole(_frame(sample, flat.camera)))
        except ValueError as error:
            logger.warning("%s", error)
            unread.append((sample.source, str(error)))
        on_step("tracking", place + 1, len(samples))
    on_step("pose graph", 0, 1)
    segments = [close_segment(gtsam, segment, camera.focal) for segment in tracker.segments if len(segment.frames) > 1]
    on_step("pose graph", 1, 1)
    if not segments:
        raise VoError(
            f"no two of {len(samples)} frames can be tied together: too little can be tracked between them. Give "
            "frames that are closer in time (a smaller --every), in the order they were taken"
        )
    return tuple(sorted(segments, key=lambda segment: -len(segment.frames))), tuple(unread)


def import_gtsam() -> ModuleType:
    """Import gtsam; raise VoError if it is not installed."""
    try:
        import gtsam
    except (ImportError, OSError) as error:
        raise VoError(
            f"visual odometry needs gtsam ({error}): pip install 'metricdepth[slam]' (the package gtsam)"
        ) from error
    return gtsam


def _frame(sample: Sample, camera: Camera) -> np.ndarray:
    rgb = sample.read().rgb
    if rgb.shape[:2] != (camera.height, camera.width):
        raise MetricDepthError(
            f"{sample.source}: is {rgb.shape[1]}x{rgb.shape[0]} and the first frame {camera.width}x{camera.height}: "
            "it is left out, as all must be of one camera"
        )
    return rgb
