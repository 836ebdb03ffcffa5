"""Numbers of a camera file, before they are fitted to an image."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mono.geometry.camera import Camera
from mono.system.errors import MetricDepthError

TIMES = re.compile(r"(\d+)\s*[xX×*]\s*(\d+)")
_PAIRS = (("x", "y"), ("width", "height"), ("w", "h"), ("fx", "fy"), ("cx", "cy"), ("u", "v"))


class CameraFileError(MetricDepthError):
    """A camera file cannot be used for an image: names the file, the cause and the remedy."""


class MissingCameraError(CameraFileError):
    """A file of several cameras has none for an image."""


@dataclass(frozen=True)
class CameraValues:
    """Camera as a file describes it; None where the file does not state a value.

    Attributes:
        fx, fy: focal lengths [px].
        cx, cy: principal point [px], centers of pixels at whole numbers; None: the image center.
        width, height: image size [px]; None: that of the image.
        fov_deg: horizontal field of view [deg], instead of focal lengths.
        distortion: parameters of the lens model, as of `Camera`.
        model: lens model.
        max_angle: angle off the axis beyond which the lens shows nothing [deg].
        circle_radius: radius of the image circle around the principal point [px], instead of `max_angle`.
        window: left, top, width and height of the part that images show [px]; None: all.
        binning: pixels of this camera that are one of an image, across and down.
    """

    fx: float | None = None
    fy: float | None = None
    cx: float | None = None
    cy: float | None = None
    width: int | None = None
    height: int | None = None
    fov_deg: float | None = None
    distortion: tuple[float, ...] = ()
    model: str = "pinhole"
    max_angle: float | None = None
    circle_radius: float | None = None
    window: tuple[int, int, int, int] | None = None
    binning: tuple[int, int] = (1, 1)

    def camera(self, path: Path, width: int, height: int) -> Camera:
        """Build the camera; the image's size counts where the file has none.

        An image of the file's size is whole; all others show its window, binned.

        Raises:
            CameraFileError: a number is out of range.
        """
        image = width, height
        width, height = self.width or width, self.height or height
        try:
            if self.fx is None and self.model == "equirectangular":
                return Camera.panorama(width, height)
            if self.fx is None:
                return Camera.from_fov(self.fov_deg or math.nan, width, height)
            cx = (width - 1) / 2 if self.cx is None else self.cx
            cy = (height - 1) / 2 if self.cy is None else self.cy
            fy = self.fx if self.fy is None else self.fy
            camera = Camera(self.fx, fy, cx, cy, width, height, self.distortion, self.model, self.max_angle)
            camera = camera if self.circle_radius is None else camera.within_circle(self.circle_radius)
            is_part = (width, height) != image and (self.window is not None or self.binning != (1, 1))
            return self._shown(camera) if is_part else camera
        except MetricDepthError as error:
            raise CameraFileError(f"{path}: {error}") from error

    def _shown(self, camera: Camera) -> Camera:
        """Return the camera of the window, binned."""
        left, top, width, height = self.window or (0, 0, camera.width, camera.height)
        if left + width > camera.width or top + height > camera.height:
            raise MetricDepthError(
                f"its roi of {width}x{height} pixels at {left}, {top} reaches beyond the "
                f"{camera.width}x{camera.height} of the camera; correct it, or set it to 0 for whole images"
            )
        binned = max(1, width // self.binning[0]), max(1, height // self.binning[1])
        return camera.cropped(left, top, width, height).resized(*binned)


def number(path: Path, key: str, value: Any) -> float:
    """Check that a value is a finite number.

    Raises:
        CameraFileError: the value is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e15:
        raise CameraFileError(f"{path}: {key} is {value!r:.80}; it must be a finite number")
    return float(value)


def side(path: Path, key: str, value: Any, least: int = 1) -> int:
    """Check a value as a side in whole pixels.

    Raises:
        CameraFileError: the value is not.
    """
    pixels = number(path, key, value)
    if not pixels.is_integer() or not least <= pixels <= 1e6:
        raise CameraFileError(f"{path}: {key} is {value!r:.80}; it must be a number of whole pixels, {least} or more")
    return int(pixels)


def numbers(path: Path, key: str, value: Any) -> list[float]:
    """Flatten a list of numbers, of lists of numbers, or an OpenCV matrix.

    Raises:
        CameraFileError: the value is something else.
    """
    items = value.get("data") if isinstance(value, Mapping) else value
    if not isinstance(items, list) or len(items) > 64:
        raise CameraFileError(f"{path}: {key} is {value!r:.80}; it must be a list of numbers")
    flat: list[float] = []
    for item in items:
        flat += numbers(path, key, item) if isinstance(item, list) else [number(path, key, item)]
    return flat


def pair(path: Path, key: str, value: Any) -> tuple[float, float]:
    """Read two numbers: a list, an object such as {"x": …, "y": …}, or text such as "1920x1080".

    Raises:
        CameraFileError: the value is something else.
    """
    if isinstance(value, str) and (match := TIMES.fullmatch(value.strip())):
        return float(match[1]), float(match[2])
    if isinstance(value, Mapping) and (names := next((two for two in _PAIRS if all(n in value for n in two)), None)):
        return number(path, f"{key}.{names[0]}", value[names[0]]), number(path, f"{key}.{names[1]}", value[names[1]])
    found = numbers(path, key, value)
    if len(found) != 2:
        raise CameraFileError(f"{path}: {key} has {len(found)} numbers; it must have 2")
    return found[0], found[1]


def without_repeats(path: Path, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of keys and values.

    Raises:
        CameraFileError: a key has two values.
    """
    content: dict[str, Any] = {}
    for key, value in pairs:
        if key in content and content[key] != value:
            raise CameraFileError(f"{path}: {key!r:.40} is there twice, with different values; keep one")
        content[key] = value
    return content


def parse_matrix(path: Path, matrix: Any) -> CameraValues:
    """Convert a calibration matrix, or fx, fy, cx, cy, to values.

    Raises:
        CameraFileError: the numbers are no calibration.
    """
    array = np.asarray(matrix, np.float64)
    if array.shape in ((4,), (1, 4)):
        fx, fy, cx, cy = array.ravel().tolist()
        values = CameraValues(fx, fy, cx, cy)
        values.camera(path, 1, 1)
        return values
    if array.size in (9, 12, 16) and 1 in (array.ndim, min(array.shape)):
        array = array.reshape({9: (3, 3), 12: (3, 4), 16: (4, 4)}[array.size])
    if array.shape == (3, 3) and array[0, 2] == array[1, 2] == 0 and array[2, 2] == 1:
        array = array.T  # by columns, as Open3D and ARKit write it
    try:
        # The image's size is not known here, and no check depends on it.
        camera = Camera.from_matrix(array, 1, 1)
    except MetricDepthError as error:
        raise CameraFileError(f"{path}: {error}") from error
    return CameraValues(*camera.intrinsics)
