"""The pinhole camera as a value: every change to an image has its counterpart here."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from mono.system.errors import MetricDepthError


@dataclass(frozen=True)
class Camera:
    """A pinhole camera and the size of the image it belongs to.

    The centre of the top left pixel is at (0, 0), as in OpenCV and in the calibrations of KITTI and NYU.

    Attributes:
        fx, fy: focal lengths [px].
        cx, cy: principal point [px].
        width, height: image size [px].
        distortion: OpenCV coefficients (k1, k2, p1, p2, k3, ...). They are carried along, not applied: images are
            taken to be undistorted, as the networks were trained.

    Raises:
        ValueError: a focal length or a size is not positive and finite, or the principal point is not finite.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    distortion: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name in ("fx", "fy"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise MetricDepthError(
                    f"camera: {name} is {value}; a focal length in pixels must be positive and finite"
                )
        for name in ("cx", "cy"):
            if not math.isfinite(getattr(self, name)):
                raise MetricDepthError(f"camera: {name} is {getattr(self, name)}; the principal point must be finite")
        for name in ("width", "height"):
            value = getattr(self, name)
            if not math.isfinite(value) or int(value) != value or value < 1:
                raise MetricDepthError(f"camera: {name} is {value}; an image size must be a positive whole number")
            object.__setattr__(self, name, int(value))

    @classmethod
    def centred(cls, focal: float, width: int, height: int) -> Camera:
        """A camera of focal length `focal` [px] for both axes, with its principal point in the image's centre."""
        return cls(focal, focal, (width - 1) / 2, (height - 1) / 2, width, height)

    @classmethod
    def from_fov(cls, horizontal_fov: float, width: int, height: int) -> Camera:
        """A centred camera of the given horizontal field of view [deg].

        Raises:
            ValueError: the angle is not between 0 and 180 degrees.
        """
        if not 0 < horizontal_fov < 180:
            raise MetricDepthError(f"field of view is {horizontal_fov}; it must lie between 0 and 180 degrees")
        return cls.centred(width / 2 / math.tan(math.radians(horizontal_fov) / 2), width, height)

    @property
    def focal(self) -> float:
        """Mean focal length (fx + fy) / 2 [px]."""
        return (self.fx + self.fy) / 2

    @property
    def horizontal_fov(self) -> float:
        """Horizontal field of view [deg], as if the principal point were in the centre."""
        return math.degrees(2 * math.atan(self.width / 2 / self.fx))

    @property
    def intrinsics(self) -> tuple[float, float, float, float]:
        """(fx, fy, cx, cy) [px]."""
        return self.fx, self.fy, self.cx, self.cy

    def resized(self, width: int, height: int) -> Camera:
        """The camera of this image resized to `width` x `height` [px]."""
        sx, sy = width / self.width, height / self.height
        return replace(
            self,
            fx=self.fx * sx,
            fy=self.fy * sy,
            cx=(self.cx + 0.5) * sx - 0.5,
            cy=(self.cy + 0.5) * sy - 0.5,
            width=width,
            height=height,
        )

    def cropped(self, left: int, top: int, width: int, height: int) -> Camera:
        """The camera of the `width` x `height` window whose top left pixel is (`left`, `top`) [px]."""
        return replace(self, cx=self.cx - left, cy=self.cy - top, width=width, height=height)

    def padded(self, left: int, top: int, right: int, bottom: int) -> Camera:
        """The camera of this image with pixels added on its sides."""
        return self.cropped(-left, -top, self.width + left + right, self.height + top + bottom)

    def rays(self) -> np.ndarray:
        """Directions ((u - cx) / fx, (v - cy) / fy, 1) through all pixels, (height, width, 3) float32, z = 1.

        x points right, y down, z forward.
        """
        rays = np.ones((self.height, self.width, 3), np.float32)
        rays[..., 0] = (np.arange(self.width) - self.cx) / self.fx
        rays[..., 1] = ((np.arange(self.height) - self.cy) / self.fy)[:, None]
        return rays

    def unproject(self, depth: np.ndarray) -> np.ndarray:
        """Points [m] in the camera's frame (x right, y down, z forward), (height, width, 3) float32.

        Args:
            depth: depth along the optical axis [m], (height, width).

        Raises:
            ValueError: the depth map's size is not the camera's.
        """
        if depth.shape != (self.height, self.width):
            raise MetricDepthError(f"depth is {depth.shape[1]}x{depth.shape[0]}, the camera {self.width}x{self.height}")
        return self.rays() * depth[..., None].astype(np.float32, copy=False)
