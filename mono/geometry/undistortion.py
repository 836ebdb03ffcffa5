"""Undistortion: images of any lens become those of an ideal pinhole, and results come back to the original pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np

from mono.geometry.camera import Camera
from mono.geometry.projection import STEEPEST, WIDEST_VIEW
from mono.system.errors import MetricDepthError

_FRONT = 1.0  # slope of rays at the border of a wide image's front view
_LARGEST_GROWTH = 4.0  # most pixels of an undistorted image for each original one
_GRID = 65  # rays a side that are looked at to find what the lens sees


@dataclass(frozen=True)
class Undistortion:
    """Mapping between the image of a lens and the image of a pinhole; does nothing for ideal pinholes.

    Attributes:
        camera: camera of the original image.
        pinhole: ideal pinhole in the same place that sees all that the lens sees.
    """

    camera: Camera
    pinhole: Camera

    def image_to_pinhole(self, rgb: np.ndarray) -> np.ndarray:
        """Undistort an image.

        Args:
            rgb: (height, width, 3) uint8 of the camera's size.

        Returns:
            Image of `pinhole`, (H, W, 3) uint8; where the lens sees nothing, mirrored from what it sees: networks take
            flat corners for things in front of the scene.

        Raises:
            MetricDepthError: the image does not have the camera's size.
        """
        if not self.camera.is_distorted:
            return rgb
        import cv2

        self.camera.require_size(rgb)
        return cv2.remap(rgb, *self._mirrored, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def depth_to_pinhole(self, depth: np.ndarray) -> np.ndarray:
        """Undistort a depth map; values are looked up at the nearest pixel.

        Args:
            depth: depth along the optical axis [m], (height, width), 0 where there is none.

        Returns:
            Depth of `pinhole`, (H, W) float32, 0 where there is none.

        Raises:
            MetricDepthError: the map does not have the camera's size.
        """
        if not self.camera.is_distorted:
            return depth
        import cv2

        self.camera.require_size(depth, "depth")
        columns, rows, seen = self._to_pinhole
        found = cv2.remap(depth.astype(np.float32), columns, rows, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
        found[~seen] = 0
        return found

    def map_to_image(self, values: np.ndarray, present: np.ndarray | None = None) -> np.ndarray:
        """Bring a map of the pinhole's image back to the original pixels, bilinearly.

        Args:
            values: (H, W) or (H, W, C) float32 of the pinhole's size.
            present: (H, W) bool; values elsewhere are missing. None: all are there.

        Returns:
            (height, width) or (height, width, C) float32; 0 where the lens sees nothing or a value is missing.

        Raises:
            MetricDepthError: the map does not have the pinhole's size.
        """
        if not self.camera.is_distorted:
            return values
        import cv2

        self.pinhole.require_size(values, "map")
        values = values.astype(np.float32)
        if present is not None:
            values[~present] = np.nan
        nothing = (math.nan,) * 4
        found = cv2.remap(
            values, *self._to_image[:2], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=nothing
        )
        return np.nan_to_num(found, copy=False)

    @cached_property
    def _to_pinhole(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Column and row of each of the pinhole's pixels in the original image, and a mask of those that lie in it."""
        return _pixel_maps(self.pinhole.rays(), self.camera)

    @cached_property
    def _mirrored(self) -> tuple[np.ndarray, np.ndarray]:
        """Columns and rows of `_to_pinhole`, mirrored where there are none."""
        return mirrored(*self._to_pinhole)

    @cached_property
    def _to_image(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Column and row of each original pixel in the pinhole's image, and a mask of those that lie in it."""
        return _pixel_maps(self.camera.rays(), self.pinhole)


def mirrored(columns: np.ndarray, rows: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fill look-up maps beyond what they see with the places across the nearest border of it.

    Args:
        columns: column of each pixel in another image, (height, width) float32.
        rows: row of each pixel there.
        seen: pixels whose place is known, (height, width) bool.

    Returns:
        Columns and rows for all pixels; the same where nothing is seen.
    """
    import cv2

    if seen.all() or not seen.any():
        return columns, rows
    hidden = (~seen).astype(np.uint8)
    _, labels = cv2.distanceTransformWithLabels(hidden, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    seen_y, seen_x = np.nonzero(seen)
    nearest = np.zeros(labels.max() + 1, int)
    nearest[labels[seen]] = np.arange(len(seen_y))
    y, x = np.nonzero(hidden)
    at = nearest[labels[y, x]]
    border_y, border_x = seen_y[at], seen_x[at]
    height, width = seen.shape
    across_y, across_x = np.clip(2 * border_y - y, 0, height - 1), np.clip(2 * border_x - x, 0, width - 1)
    inside = seen[across_y, across_x]
    from_y, from_x = np.where(inside, across_y, border_y), np.where(inside, across_x, border_x)
    columns, rows = columns.copy(), rows.copy()
    columns[y, x], rows[y, x] = columns[from_y, from_x], rows[from_y, from_x]
    return columns, rows


def front_view(camera: Camera) -> Undistortion:
    """Find the mapping between images of a camera and the perspective view along its optical axis.

    Args:
        camera: camera of any lens.

    Returns:
        Mapping to a pinhole that sees all that the camera does, or 90 x 90 degrees of a fisheye or panorama that is too
        wide for one perspective image.

    Raises:
        MetricDepthError: the camera sees nothing ahead of it.
    """
    return _flattened(camera, _FRONT) if camera.is_distorted and camera.is_wide else undistortion(camera)


@lru_cache(maxsize=2)  # the images of a folder or a video share their camera
def undistortion(camera: Camera) -> Undistortion:
    """Find the mapping between images of a camera and those of an ideal pinhole.

    Args:
        camera: camera of any lens.

    Raises:
        MetricDepthError: no single perspective image shows what the lens sees.
    """
    if not camera.is_distorted:
        return Undistortion(camera, camera)
    if camera.is_wide:
        horizontal, vertical, _ = camera.field_of_view
        raise MetricDepthError(
            f"the camera ({camera.model}) sees {horizontal:.0f} x {vertical:.0f} degrees, and one perspective image "
            f"shows at most {WIDEST_VIEW:g} and nothing over 65 to the side: cut perspective images out of it, as by "
            "mono.views.cutting.cut_views or ffmpeg's filter v360, and predict and use these instead"
        )
    return _flattened(camera, STEEPEST)


def _flattened(camera: Camera, steepest: float) -> Undistortion:
    """Find the pinhole that sees what a camera sees up to a slope of rays."""
    across, down = np.linspace(-0.5, camera.width - 0.5, _GRID), np.linspace(-0.5, camera.height - 0.5, _GRID)
    rays = camera.rays_at(np.stack(np.meshgrid(across, down), -1))
    with np.errstate(invalid="ignore", divide="ignore"):
        slopes = (rays / rays[..., 2:])[rays[..., 2] > 0][:, :2]
    slopes = slopes[(np.abs(slopes) <= steepest).all(1)]
    step = 1e-3
    whole = replace(camera.lens, max_angle=None)  # the step may lie beyond a narrow one
    plane, _ = whole.project(np.array([[step, 0, 1], [0, step, 1]]))
    fx, fy = (value * float(plane[i, i]) / step for i, value in enumerate((camera.fx, camera.fy)))
    if not (len(slopes) and 1e-6 < fx / camera.fx < 1e6 and 1e-6 < fy / camera.fy < 1e6):  # NaN too
        raise MetricDepthError(f"the camera ({camera.model}) sees nothing ahead of it; correct its lens or max_angle")
    low, high = slopes.min(0), slopes.max(0)
    pixels = (high - low) * (fx, fy)
    shrink = min(1.0, math.sqrt(_LARGEST_GROWTH * camera.width * camera.height / pixels.prod())) if pixels.all() else 1
    fx, fy, (width, height) = fx * shrink, fy * shrink, np.ceil(pixels * shrink - 1e-6).astype(int).tolist()
    return Undistortion(camera, Camera(fx, fy, -low[0] * fx - 0.5, -low[1] * fy - 0.5, max(width, 1), max(height, 1)))


def _pixel_maps(rays: np.ndarray, camera: Camera) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Columns and rows of a camera in the directions of rays, for OpenCV, and where they lie in its image."""
    maps, seen = np.empty((2, *rays.shape[:2]), np.float32), np.empty(rays.shape[:2], bool)
    rows = max(1, (1 << 18) // rays.shape[1])
    for top in range(0, len(rays), rows):
        pixels, seen[top : top + rows] = camera.project(rays[top : top + rows])
        maps[:, top : top + rows] = np.moveaxis(np.clip(np.nan_to_num(pixels, nan=-1e4), -1e4, 1e5), -1, 0)
    return maps[0], maps[1], seen
