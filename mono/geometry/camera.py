"""Cameras as values: changes to an image and their counterparts for its camera."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mono.geometry.calibration import CAMERA, intrinsics_from_matrix
from mono.geometry.lenses import Lens
from mono.geometry.orientation import UPRIGHT, turned_axes
from mono.geometry.projection import Projection
from mono.system.checks import as_array, as_number
from mono.system.errors import MetricDepthError

_LONGEST_SIDE = 10**6  # [px], of any image that there is


@dataclass(frozen=True)
class Camera(Projection):
    """Camera and the size of the image it belongs to.

    The center of the top left pixel is at (0, 0), as in OpenCV and in the calibrations of KITTI and NYU. A lens model
    maps directions to a plane, whose coordinates times (fx, fy) plus (cx, cy) are pixels; see docs/cameras.md.

    Attributes:
        fx, fy: focal lengths [px]; of a panorama, pixels a radian of longitude and of latitude.
        cx, cy: principal point [px].
        width: image width [px].
        height: image height [px].
        distortion: parameters of the lens model in its order; OpenCV's coefficients k1, k2, p1, p2, k3, ... of a
            pinhole.
        model: lens model, one of `mono.geometry.lens_models.MODELS`.
        max_angle: angle off the optical axis beyond which the lens shows nothing [deg], as around the image circle of a
            fisheye; None: all that the model shows.

    Raises:
        MetricDepthError: a focal length or a size is not positive and finite, the principal point is not finite, a
            value is no number, or the lens model is unknown or has impossible parameters.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    distortion: tuple[float, ...] = ()
    model: str = "pinhole"
    max_angle: float | None = None

    def __post_init__(self) -> None:
        for name in ("width", "height"):
            object.__setattr__(self, name, _side(getattr(self, name), name))
        for name in ("fx", "fy", "cx", "cy"):
            needed = "the principal point must be finite"
            if name in ("fx", "fy"):
                needed = "a focal length in pixels must be positive and finite"
            value = as_number(getattr(self, name), f"camera: {name}", needed)  # float: single precision loses pixels
            if not math.isfinite(value) or (name in ("fx", "fy") and value <= 0):
                raise MetricDepthError(f"camera: {name} is {value}; {needed}")
            object.__setattr__(self, name, value)
        parameters = () if self.distortion is None else self.distortion
        array = as_array(parameters, "camera: distortion", "the parameters of the lens as a list")
        if not array.ndim:
            raise MetricDepthError(f"camera: distortion is {array}; give the parameters of the lens as a list")
        object.__setattr__(self, "distortion", tuple(array.ravel().tolist()))  # OpenCV's may be (1, N)
        if self.max_angle is not None:
            object.__setattr__(self, "max_angle", as_number(self.max_angle, "camera: max_angle", "give degrees"))
        Lens(self.model, self.distortion, self.max_angle)  # refuses impossible ones

    @classmethod
    def centered(cls, focal: float, width: int, height: int) -> Camera:
        """Build a camera with its principal point at the center.

        Args:
            focal: focal length of both axes [px].
            width: image width [px].
            height: image height [px].

        Raises:
            MetricDepthError: a number is not positive and finite.
        """
        width, height = _side(width, "width"), _side(height, "height")
        return cls(focal, focal, (width - 1) / 2, (height - 1) / 2, width, height)

    @classmethod
    def from_fov(cls, horizontal_fov: float, width: int, height: int) -> Camera:
        """Build a centered camera from its horizontal field of view.

        Args:
            horizontal_fov: angle between the left and right image border [deg].
            width: image width [px].
            height: image height [px].

        Raises:
            MetricDepthError: the angle is not between 0 and 180 degrees.
        """
        needed = "it must lie between 0 and 180 degrees"
        if not 0 < as_number(horizontal_fov, "field of view", needed) < 180:
            raise MetricDepthError(f"field of view is {horizontal_fov}; {needed}")
        width = _side(width, "width")
        return cls.centered(width / 2 / math.tan(math.radians(horizontal_fov) / 2), width, height)

    @classmethod
    def from_matrix(cls, matrix: Any, width: int, height: int) -> Camera:
        """Build a camera from its calibration matrix.

        Args:
            matrix: K as 3x3, 3x4 or 4x4 [px]: array, tensor or nested list. The fourth column of a projection matrix,
                which holds the baseline of a stereo pair, is not used.
            width: image width [px].
            height: image height [px].

        Raises:
            MetricDepthError: the matrix has another shape, skew or rotation, or a number is out of range.
        """
        return cls(*intrinsics_from_matrix(matrix), width, height)

    @classmethod
    def panorama(cls, width: int, height: int) -> Camera:
        """Build the camera of a whole equirectangular panorama.

        Its middle column looks along z, its middle row is the horizon.

        Args:
            width: image width, 360 degrees [px].
            height: image height, 180 degrees [px].
        """
        width, height = _side(width, "width"), _side(height, "height")
        fx, fy = width / (2 * math.pi), height / math.pi
        return cls(fx, fy, (width - 1) / 2, (height - 1) / 2, width, height, model="equirectangular")

    @property
    def focal(self) -> float:
        """Return the mean focal length (fx + fy) / 2 [px]."""
        return (self.fx + self.fy) / 2

    @property
    def horizontal_fov(self) -> float:
        """Return the horizontal field of view [deg], taken as centered."""
        return self.field_of_view[0] if self.is_distorted else math.degrees(2 * math.atan(self.width / 2 / self.fx))

    @property
    def intrinsics(self) -> tuple[float, float, float, float]:
        """Return (fx, fy, cx, cy) [px]."""
        return self.fx, self.fy, self.cx, self.cy

    @property
    def matrix(self) -> np.ndarray:
        """Return the calibration matrix K, (3, 3) float64 [px]."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1]])

    def require_size(self, values: np.ndarray, name: str = "image") -> None:
        """Check that an array has the camera's height and width.

        Raises:
            MetricDepthError: it has another size.
        """
        height, width = values.shape[:2]
        if (width, height) != (self.width, self.height):
            raise MetricDepthError(f"{name} is {width}x{height} but its camera {self.width}x{self.height}")

    def resized(self, width: int, height: int) -> Camera:
        """Return the camera of the image resized to `width` x `height` [px]."""
        width, height = _side(width, "width"), _side(height, "height")
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
        """Return the camera of a window of the image.

        Args:
            left: first column of the window [px].
            top: first row of the window [px].
            width: width of the window [px].
            height: height of the window [px].
        """
        x, y = as_number(left, "left side of the window"), as_number(top, "top of the window")
        return replace(self, cx=self.cx - x, cy=self.cy - y, width=width, height=height)

    def padded(self, left: int, top: int, right: int, bottom: int) -> Camera:
        """Return the camera of the image with pixels added on its sides."""
        for side in (left, top, right, bottom):
            as_number(side, "width of the padding")
        return self.cropped(-left, -top, self.width + left + right, self.height + top + bottom)

    def within_circle(self, radius: float) -> Camera:
        """Return the camera whose lens shows nothing outside of an image circle.

        Args:
            radius: radius of the circle around the principal point [px].

        Raises:
            MetricDepthError: the lens sees nothing there.
        """
        radius = as_number(radius, "radius of the image circle")
        ray = self.rays_at(np.array([self.cx + radius, self.cy]))
        length = float(np.linalg.norm(ray))
        if not (radius > 0 and length > 0):
            raise MetricDepthError(
                f"the image circle has a radius of {radius:g} px: give a positive one, where the lens sees something"
            )
        return replace(self, max_angle=math.degrees(math.acos(max(-1.0, min(1.0, float(ray[2]) / length)))))

    def turned(self, orientation: int) -> Camera:
        """Return the camera of the image set upright by its EXIF orientation.

        Args:
            orientation: EXIF orientation, 1 to 8, of the stored pixels that this camera belongs to.

        Raises:
            MetricDepthError: the orientation is not 1 to 8.
        """
        if np.ndim(orientation) or orientation not in UPRIGHT:
            raise MetricDepthError(f"EXIF orientation is {orientation!r}; it must be a whole number from 1 to 8")
        if orientation == 1:
            return self
        cx, cy = UPRIGHT[orientation](self.cx, self.cy, self.width, self.height)
        upright = replace(self, cx=cx, cy=cy, distortion=self.lens.turned(turned_axes(orientation)).parameters)
        if orientation < 5:
            return upright
        return replace(upright, fx=self.fy, fy=self.fx, width=self.height, height=self.width)


def _side(value: Any, name: str) -> int:
    """Check a width or height of an image [px]."""
    needed = f"an image size must be a whole number from 1 to {_LONGEST_SIDE}"
    side = as_number(value, f"camera: {name}", needed)
    if not 1 <= side <= _LONGEST_SIDE or side != int(side):
        raise MetricDepthError(f"camera: {name} is {value}; {needed}")
    return int(side)


def as_camera(value: Any, width: int, height: int) -> Camera:
    """Convert a camera or a calibration matrix to a `Camera`.

    Args:
        value: a `Camera` for images of this size, or K as for `Camera.from_matrix`.
        width: image width [px].
        height: image height [px].

    Raises:
        MetricDepthError: the camera is for another size, or the matrix is not one of a camera.
    """
    if not isinstance(value, Camera):
        matrix = as_array(value, *CAMERA)
        if matrix.ndim != 2:
            raise MetricDepthError(
                f"the camera is {value!r:.80}; give one, as mono.Camera.from_fov(60, {width}, {height}), or a 3x3 K"
            )
        return Camera.from_matrix(matrix, width, height)
    if (value.width, value.height) != (width, height):
        alike = abs(value.width * height / (value.height * width) - 1) < 0.02
        how = f"use camera.resized({width}, {height})" if alike else "another shape: is it turned, or cropped?"
        raise MetricDepthError(
            f"the camera is for {value.width}x{value.height} images, this one is {width}x{height}: {how}"
        )
    return value
