"""Frames of a COLMAP model: poses, cameras and points beside the depth of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mono.calibration.depth_alignment import DepthAlignment
from mono.calibration.fit import align_depth
from mono.calibration.known import AlignmentError, Known, KnownDepth
from mono.data.upright_maps import turn_upright
from mono.data.video import VideoSample
from mono.packs.frames import InnerView, PackFrame
from mono.slam.fusion.posed_depth import DepthFrame
from mono.slam.scale.colmap_model import camera_of, image_points, read_model, same_shape
from mono.slam.scale.model_scale import ModelImage, match_images
from mono.system.errors import MetricDepthError

if TYPE_CHECKING:
    import pycolmap


@dataclass(frozen=True, kw_only=True)
class ModelPackFrame(PackFrame):
    """Frame of a model: its pose is in the model's unit, its depth as the run wrote it.

    Attributes:
        image_id: the image's id in the model.
        known: reliable points of the model that the frame sees, in its pixels and the model's unit.
        to_pixels: map from the model's keypoints to the frame's pixels, (N, 2) to (N, 2), centers at whole numbers.
        metric: depth is in metres; False: in the unit of the model.
    """

    image_id: int
    known: KnownDepth
    to_pixels: Callable[[np.ndarray], np.ndarray]
    metric: bool


@dataclass(frozen=True)
class ModelView:
    """COLMAP model with the frames of a run.

    Attributes:
        folder: folder of the model.
        model: the model.
    """

    folder: Path
    model: pycolmap.Reconstruction

    @classmethod
    def open(cls, folder: Path) -> ModelView:
        """Read a model.

        Raises:
            MetricDepthError: there is no model, it is damaged, or pycolmap is not installed.
        """
        return cls(folder, read_model(folder))

    def match(self, frames: Sequence[DepthFrame], seconds: Sequence[float]) -> list[ModelRunFrame]:
        """Find the frames that are images of the model.

        Args:
            frames: images and depth in order.
            seconds: times of the frames [s].

        Raises:
            ScaleError: no frame belongs to the model, or two frames belong to one image.
        """
        at = {id(frame.sample): (frame, time) for frame, time in zip(frames, seconds, strict=True)}
        matched = match_images(self.model, [frame.sample for frame in frames])
        return [ModelRunFrame(self, image, *at[id(image.sample)]) for image in matched]


@dataclass(frozen=True)
class ModelRunFrame:
    """Frame of a run and a model that is read on demand; see `RunFrame`."""

    view: ModelView
    image: ModelImage
    frame: DepthFrame
    seconds: float

    @property
    def source(self) -> str:
        """Name for messages."""
        return self.frame.sample.source

    def read(self, image: bool = True) -> ModelPackFrame:
        """Read depth and image, undistorted by the model's camera.

        Args:
            image: read the image, too.

        Raises:
            MetricDepthError: a file cannot be read, depth is along the ray, or the model's image has another shape.
        """
        depth, own = self.frame.read_depth()
        if own.depth_kind == "ray":
            raise MetricDepthError(
                "its depth is along the ray of a fisheye or panorama: cut perspective images out of it, as by "
                "mono.views.cutting.cut_views, and predict and pack these instead"
            )
        shape, orientation = depth.shape, self._orientation(depth.shape)
        back = {6: 8, 8: 6}.get(orientation, orientation)
        depth = turn_upright(depth, back)
        height, width = depth.shape
        camera = camera_of(self.view.model, self.image.image_id)
        if not same_shape((width, height), (camera.width, camera.height)):
            raise MetricDepthError(
                f"its depth is {width}x{height}, the model's image {camera.width}x{camera.height}: not the same shape"
            )
        stored = (camera.width, camera.height)
        view = InnerView.of(camera.resized(width, height))
        rgb = np.zeros((0, 0, 3), np.uint8)
        if image:
            rgb = view.image(turn_upright(self.frame.read_image(shape), back))

        def to_pixels(uv: np.ndarray) -> np.ndarray:
            return view.pixels(uv * (width / stored[0], height / stored[1]) - 0.5)

        same = not (camera.is_distorted or isinstance(self.frame.sample, VideoSample) or orientation != 1)
        pose = np.eye(4)
        pose[:3] = self.view.model.images[self.image.image_id].cam_from_world().matrix()
        uv, z, _ = image_points(self.view.model, self.image.image_id)
        size = (view.camera.width, view.camera.height)
        return ModelPackFrame(
            name=self.frame.sample.name,
            rgb=rgb,
            depth=view.depth(depth),
            camera=view.camera,
            seconds=self.seconds,
            pose=np.linalg.inv(pose),
            file=self.frame.sample.rgb if same else None,
            image_id=self.image.image_id,
            known=KnownDepth(to_pixels(uv), z, size, source=str(self.view.folder)),
            to_pixels=to_pixels,
            metric=self.frame.unit == "m",
        )

    def _orientation(self, shape: tuple[int, ...]) -> int:
        """Return the EXIF orientation of the model's pixels."""
        orientation = self.image.orientation
        camera = self.view.model.cameras[self.view.model.images[self.image.image_id].camera_id]
        upright = same_shape((shape[1], shape[0]), (camera.width, camera.height))
        return 1 if orientation >= 5 and upright and camera.width != camera.height else orientation


def align_with_model(frame: ModelPackFrame) -> DepthAlignment:
    """Find the factor to the model's unit.

    Args:
        frame: the frame.

    Returns:
        One factor, robust against wrong points; exactly 1 where depth is in the model's unit already.

    Raises:
        AlignmentError: points are too few, contradict each other, or lie on edges only.
    """
    if not frame.metric:
        return DepthAlignment("scale", 1.0, 0.0, 0.0, 0, {}, unit="model")
    if not len(frame.known.depth):
        raise AlignmentError("the model has no reliable points in it")
    return align_depth(frame.depth, frame.camera, Known(depth=frame.known, unit="model"), "scale")[1]


def centered(frame: ModelPackFrame) -> ModelPackFrame:
    """Crop a frame around its principal point."""
    camera = frame.camera
    width, left = _middle(camera.cx, camera.width)
    height, top = _middle(camera.cy, camera.height)
    if (width, height) == (camera.width, camera.height):
        return frame
    rows, columns = slice(top, top + height), slice(left, left + width)
    known, to_pixels = frame.known, frame.to_pixels
    return replace(
        frame,
        rgb=frame.rgb[rows, columns],
        depth=frame.depth[rows, columns],
        camera=camera.cropped(left, top, width, height),
        known=replace(known, uv=known.uv - (left, top), size=(width, height)),
        to_pixels=lambda uv: to_pixels(uv) - (left, top),
        file=None,
    )


def _middle(center: float, size: int) -> tuple[int, int]:
    """Find length and start of pixels around a center."""
    if abs(center - (size - 1) / 2) <= 0.5:
        return size, 0
    length = max(1, int(2 * min(center + 0.5, size - 0.5 - center)))
    return length, min(max(round(center + 0.5 - length / 2), 0), size - length)
