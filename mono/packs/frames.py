"""Frames of a pack: images, depth and cameras as an ideal pinhole sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mono.data.video import VideoSample, frame_times
from mono.geometry.camera import Camera
from mono.geometry.undistortion import undistortion
from mono.slam.fusion.posed_depth import DepthFrame, PosedFrame


@dataclass(frozen=True)
class PackFrame:
    """Image with depth of an ideal pinhole.

    Attributes:
        name: name of the frame in the run.
        rgb: (H, W, 3) uint8; empty while frames are only looked at.
        depth: (H, W) float32 along the optical axis, 0 where there is none.
        camera: ideal pinhole; the center of the first pixel is (0, 0).
        seconds: time of the frame [s].
        pose: camera to world, (4, 4); None: unknown.
        file: image file; None for frames of videos and images that changed.
    """

    name: str
    rgb: np.ndarray
    depth: np.ndarray
    camera: Camera
    seconds: float
    pose: np.ndarray | None = None
    file: Path | None = None


@dataclass(frozen=True)
class RunFrame:
    """Frame of a run that is read on demand.

    Attributes:
        frame: image and depth.
        seconds: time of the frame [s].
        pose: camera to world, (4, 4) [m]; None: unknown.
    """

    frame: DepthFrame
    seconds: float
    pose: np.ndarray | None = None

    @property
    def source(self) -> str:
        """Name for messages."""
        return self.frame.sample.source

    def read(self, image: bool = True) -> PackFrame:
        """Read depth and image and undistort both.

        Args:
            image: read the image, too.

        Raises:
            MetricDepthError: a file cannot be read, or the camera sees more than one perspective image shows.
        """
        sample = self.frame.sample
        depth, camera = self.frame.read_depth()
        flat = undistortion(camera)
        rgb = flat.image_to_pinhole(self.frame.read_image(depth.shape)) if image else np.zeros((0, 0, 3), np.uint8)
        file = None if camera.is_distorted or isinstance(sample, VideoSample) else sample.rgb
        flat_depth = flat.depth_to_pinhole(depth)
        return PackFrame(sample.name, rgb, flat_depth, flat.pinhole, self.seconds, self.pose, file)


def run_frames(frames: Sequence[DepthFrame], fps: float | None, posed: Sequence[PosedFrame] = ()) -> list[RunFrame]:
    """Give the frames of a run their times and poses.

    Args:
        frames: images and depth in order.
        fps: images per second of numbered images; None: their numbers are seconds.
        posed: the same frames with poses; those without one are left out.
    """
    poses = {id(frame.frame): frame.pose for frame in posed}
    return [
        RunFrame(frame, seconds, poses.get(id(frame)))
        for frame, seconds in zip(frames, seconds_of(frames, fps), strict=True)
        if not posed or id(frame) in poses
    ]


def seconds_of(frames: Sequence[DepthFrame], fps: float | None) -> list[float]:
    """Return the times of frames [s].

    Args:
        frames: images and depth in order.
        fps: images per second of numbered images; None: their numbers are seconds.
    """
    samples = [frame.sample for frame in frames]
    times = frame_times(samples)
    numbered = not all(isinstance(sample, VideoSample) for sample in samples)
    return [float(t) for t in (times / fps if fps and numbered else times)]
