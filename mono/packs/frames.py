"""Frames of a pack: images, depth and cameras as an ideal pinhole sees them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mono.data.video import VideoSample, frame_times
from mono.geometry.camera import Camera
from mono.geometry.undistortion import Undistortion, undistortion
from mono.slam.fusion.posed_depth import DepthFrame, PosedFrame
from mono.slam.trajectory.time_units import to_seconds
from mono.system.errors import MetricDepthError


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
class InnerView:
    """Window of the undistorted image that the lens fills: readers of packs take every pixel for content.

    Attributes:
        flat: undistortion of the whole image.
        left, top: first column and row of the window in the undistorted image [px].
        camera: ideal pinhole of the window.
    """

    flat: Undistortion
    left: int
    top: int
    camera: Camera

    @classmethod
    def of(cls, camera: Camera) -> InnerView:
        """Find the window inside the image's four borders.

        Raises:
            MetricDepthError: the camera sees more than one perspective image shows, or the borders leave no window.
        """
        flat = undistortion(camera)
        if not camera.is_distorted:
            return cls(flat, 0, 0, camera)
        across, down = np.arange(camera.width), np.arange(camera.height)
        right, bottom = camera.width - 1, camera.height - 1

        def border(u: np.ndarray | int, v: np.ndarray | int, axis: int) -> np.ndarray:
            pixels = np.stack(np.broadcast_arrays(u, v), -1)
            return flat.pinhole.project(camera.rays_at(pixels))[0][:, axis]

        left, low = math.ceil(np.nanmax(border(0, down, 0))), math.ceil(np.nanmax(border(across, 0, 1)))
        width = math.floor(np.nanmin(border(right, down, 0))) - left + 1
        height = math.floor(np.nanmin(border(across, bottom, 1))) - low + 1
        if min(width, height) < 8:
            raise MetricDepthError(
                "its lens bends the borders so much that no undistorted rectangle lies between them: cut perspective "
                "images out of it, as by mono.views.cutting.cut_views, and predict and pack these instead"
            )
        return cls(flat, left, low, flat.pinhole.cropped(left, low, width, height))

    def image(self, rgb: np.ndarray) -> np.ndarray:
        """Undistort an image and cut the window out."""
        return self._cut(self.flat.image_to_pinhole(rgb))

    def depth(self, depth: np.ndarray) -> np.ndarray:
        """Undistort a depth map and cut the window out."""
        return self._cut(self.flat.depth_to_pinhole(depth))

    def pixels(self, uv: np.ndarray) -> np.ndarray:
        """Map pixels, (N, 2), to the window; unseen become NaN."""
        camera = self.flat.camera
        return self.camera.project(camera.rays_at(uv))[0] if camera.is_distorted else uv

    def _cut(self, values: np.ndarray) -> np.ndarray:
        rows = slice(self.top, self.top + self.camera.height)
        return np.ascontiguousarray(values[rows, self.left : self.left + self.camera.width])


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
        view = InnerView.of(camera)
        rgb = view.image(self.frame.read_image(depth.shape)) if image else np.zeros((0, 0, 3), np.uint8)
        file = None if camera.is_distorted or isinstance(sample, VideoSample) else sample.rgb
        return PackFrame(sample.name, rgb, view.depth(depth), view.camera, self.seconds, self.pose, file)


def run_frames(frames: Sequence[DepthFrame], fps: float | None, posed: Sequence[PosedFrame] = ()) -> list[RunFrame]:
    """Give frames of a run times and poses.

    Args:
        frames: images and depth in order.
        fps: images per second of numbered images; None: their numbers are times.
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
        fps: images per second of numbered images; None: their numbers are times, of a unit told by their size.

    Raises:
        MetricDepthError: `fps` is given, and the frames are those of a video.
    """
    samples = [frame.sample for frame in frames]
    times = frame_times(samples)
    if all(isinstance(sample, VideoSample) for sample in samples):
        if fps is not None:
            raise MetricDepthError("images per second (--fps) are for numbered images: a video has times of its own")
        return times.tolist()
    return (to_seconds(times) if fps is None else times / fps).tolist()
