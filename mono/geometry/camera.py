"""Pinhole cameras as values: changes to an image and their counterparts for its camera."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mono.system.errors import MetricDepthError

_LARGEST_SKEW = 1e-3  # share of fx; below it, skew moves no pixel by more than a pixel

# Stored pixel (x, y) of a width x height image to its place in the upright image, by EXIF orientation.
_UPRIGHT: dict[int, Callable[[float, float, int, int], tuple[float, float]]] = {
    1: lambda x, y, width, height: (x, y),
    2: lambda x, y, width, height: (width - 1 - x, y),
    3: lambda x, y, width, height: (width - 1 - x, height - 1 - y),
    4: lambda x, y, width, height: (x, height - 1 - y),
    5: lambda x, y, width, height: (y, x),
    6: lambda x, y, width, height: (height - 1 - y, x),
    7: lambda x, y, width, height: (height - 1 - y, width - 1 - x),
    8: lambda x, y, width, height: (y, width - 1 - x),
}


@dataclass(frozen=True)
class Camera:
    """Pinhole camera and the size of the image it belongs to.

    The center of the top left pixel is at (0, 0), as in OpenCV and in the calibrations of KITTI and NYU.

    Attributes:
        fx, fy: focal lengths [px].
        cx, cy: principal point [px].
        width: image width [px].
        height: image height [px].
        distortion: OpenCV coefficients (k1, k2, p1, p2, k3, ...). They are carried along, not applied: images are
            taken to be undistorted, as the networks were trained.

    Raises:
        MetricDepthError: a focal length or a size is not positive and finite, or the principal point is not finite.
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
        for name in ("fx", "fy", "cx", "cy"):
            object.__setattr__(self, name, float(getattr(self, name)))  # single precision would lose whole pixels
        for name in ("width", "height"):
            value = getattr(self, name)
            if not math.isfinite(value) or int(value) != value or value < 1:
                raise MetricDepthError(f"camera: {name} is {value}; an image size must be a positive whole number")
            object.__setattr__(self, name, int(value))

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
        return cls(focal, focal, (width - 1) / 2, (height - 1) / 2, width, height)

    centred = centered  # the name it had first

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
        if not 0 < horizontal_fov < 180:
            raise MetricDepthError(f"field of view is {horizontal_fov}; it must lie between 0 and 180 degrees")
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
        k = _array(matrix)
        if k.shape not in ((3, 3), (3, 4), (4, 4)):
            raise MetricDepthError(f"camera matrix is {'x'.join(map(str, k.shape))}; it must be 3x3, 3x4 or 4x4")
        if k.shape == (4, 4) and k[3].tolist() != [0, 0, 0, 1]:
            raise MetricDepthError(f"camera matrix: its last row is {k[3].tolist()}; it must be 0, 0, 0, 1")
        k = k[:3, :3]
        if k[2].tolist() != [0, 0, 1]:
            raise MetricDepthError(
                f"camera matrix: its third row is {k[2].tolist()}; it must be 0, 0, 1: give K alone, without a rotation"
            )
        if k[1, 0] != 0:
            raise MetricDepthError(f"camera matrix: row 2, column 1 is {k[1, 0]:g}; give K alone, without a rotation")
        camera = cls(k[0, 0].item(), k[1, 1].item(), k[0, 2].item(), k[1, 2].item(), width, height)
        if not abs(k[0, 1]) <= _LARGEST_SKEW * camera.fx:
            raise MetricDepthError(
                f"camera matrix: its skew (row 1, column 2) is {k[0, 1]:g}; cameras with skewed pixels are not "
                "supported, so rectify the images first"
            )
        return camera

    @property
    def focal(self) -> float:
        """Return the mean focal length (fx + fy) / 2 [px]."""
        return (self.fx + self.fy) / 2

    @property
    def horizontal_fov(self) -> float:
        """Return the horizontal field of view [deg], taken as centered."""
        return math.degrees(2 * math.atan(self.width / 2 / self.fx))

    @property
    def intrinsics(self) -> tuple[float, float, float, float]:
        """Return (fx, fy, cx, cy) [px]."""
        return self.fx, self.fy, self.cx, self.cy

    def resized(self, width: int, height: int) -> Camera:
        """Return the camera of the image resized to `width` x `height` [px]."""
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
        return replace(self, cx=self.cx - left, cy=self.cy - top, width=width, height=height)

    def padded(self, left: int, top: int, right: int, bottom: int) -> Camera:
        """Return the camera of the image with pixels added on its sides."""
        return self.cropped(-left, -top, self.width + left + right, self.height + top + bottom)

    def turned(self, orientation: int) -> Camera:
        """Return the camera of the image set upright by its EXIF orientation.

        Args:
            orientation: EXIF orientation, 1 to 8, of the stored pixels that this camera belongs to.

        Raises:
            MetricDepthError: the orientation is not 1 to 8.
        """
        if orientation not in _UPRIGHT:
            raise MetricDepthError(f"EXIF orientation is {orientation!r}; it must be a whole number from 1 to 8")
        if orientation == 1:
            return self
        cx, cy = _UPRIGHT[orientation](self.cx, self.cy, self.width, self.height)
        k = list(self.distortion)
        if len(k) >= 4:  # p1 belongs to y, p2 to x: they change sign and place as the axes do
            mirrored_x, mirrored_y = orientation in (2, 3, 7, 8), orientation in (3, 4, 6, 7)
            p1, p2 = (-k[2] if mirrored_y else k[2]), (-k[3] if mirrored_x else k[3])
            k[2:4] = (p2, p1) if orientation >= 5 else (p1, p2)
        upright = replace(self, cx=cx, cy=cy, distortion=tuple(k))
        if orientation < 5:
            return upright
        return replace(upright, fx=self.fy, fy=self.fx, width=self.height, height=self.width)

    def rays(self) -> np.ndarray:
        """Compute the viewing directions through all pixels.

        Returns:
            ((u - cx) / fx, (v - cy) / fy, 1), (height, width, 3) float32; x points right, y down, z forward.
        """
        rays = np.ones((self.height, self.width, 3), np.float32)
        rays[..., 0] = (np.arange(self.width) - self.cx) / self.fx
        rays[..., 1] = ((np.arange(self.height) - self.cy) / self.fy)[:, None]
        return rays

    def unproject(self, depth: np.ndarray) -> np.ndarray:
        """Unproject a depth map to 3D points.

        Args:
            depth: depth along the optical axis [m], (height, width).

        Returns:
            Points [m] in the camera's frame (x right, y down, z forward), (height, width, 3) float32.

        Raises:
            MetricDepthError: the depth map's size is not the camera's.
        """
        if depth.shape != (self.height, self.width):
            raise MetricDepthError(f"depth is {depth.shape[1]}x{depth.shape[0]}, the camera {self.width}x{self.height}")
        return self.rays() * depth[..., None].astype(np.float32, copy=False)


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
        matrix = _array(value)
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


def _array(matrix: Any) -> np.ndarray:
    """Convert a matrix of any library to float64."""
    if hasattr(matrix, "detach"):  # a torch tensor, on any device
        matrix = matrix.detach().cpu()
    try:
        return np.asarray(matrix, np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise MetricDepthError(f"camera is {matrix!r:.100}; it must be a camera or a matrix of numbers") from error
