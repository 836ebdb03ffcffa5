"""Rays of images and back: projection and unprojection through any lens."""

from __future__ import annotations

import math
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np

from mono.geometry.lenses import Lens
from mono.system.checks import as_array, as_map

WIDEST_VIEW = 100.0  # [deg], horizontal and vertical field of view that one perspective image shows well
STEEPEST = math.tan(math.radians(65))  # slope of rays beyond which a perspective image is stretched to smears
_SIDEWAYS = 0.02  # share of an image beyond it for which one perspective image will not do


class Projection:
    """Projection between directions and pixels: the part of `Camera` that its lens decides."""

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    distortion: tuple[float, ...]
    model: str
    max_angle: float | None

    @cached_property
    def lens(self) -> Lens:
        """Return the lens model with its parameters."""
        return Lens(self.model, self.distortion, self.max_angle)

    @property
    def is_perspective(self) -> bool:
        """Tell if rays are written (x, y, 1): a pinhole, distorted or not."""
        return self.lens.is_perspective

    @property
    def is_distorted(self) -> bool:
        """Tell if the camera is another one than an ideal pinhole."""
        return not self.lens.is_pinhole

    @property
    def field_of_view(self) -> tuple[float, float, float]:
        """Return horizontal, vertical and diagonal field of view [deg].

        Angles between the image's borders along the row and column of the principal point, and between its corners,
        each by way of the optical axis: up to 360 degrees. Pixels that the lens does not see do not count.
        """
        right, bottom, sides = self.width - 0.5, self.height - 0.5, self._angles_of_sides
        corners = ((-0.5, -0.5), (right, bottom)), ((-0.5, bottom), (right, -0.5))
        return *sides, max(*sides, *(_angle_between(self, *pair) for pair in corners))

    @property
    def _angles_of_sides(self) -> tuple[float, float]:
        right, bottom = self.width - 0.5, self.height - 0.5
        cx, cy = min(max(self.cx, -0.5), right), min(max(self.cy, -0.5), bottom)
        return _angle_between(self, (-0.5, cy), (right, cy)), _angle_between(self, (cx, -0.5), (cx, bottom))

    @cached_property
    def is_wide(self) -> bool:
        """Tell if one perspective view does not show an image: over 100 degrees, or far off a fisheye's axis."""
        if (wide := max(self._angles_of_sides) > WIDEST_VIEW) or self.is_perspective:
            return wide
        across, down = (np.linspace(-0.5, side - 0.5, 65) for side in (self.width, self.height))
        rays = self.rays_at(np.stack(np.meshgrid(across, down), -1)).reshape(-1, 3)
        steep = (np.abs(rays[:, :2]) > STEEPEST * rays[:, 2:]).any(1)
        return bool(steep.sum() > _SIDEWAYS * np.isfinite(rays[:, 2]).sum())

    @cached_property
    def wraps(self) -> bool:
        """Tell if the last column of an image continues in its first one, as in a panorama all around."""
        if self.is_perspective or self.width < 8:
            return False
        row = np.stack([np.arange(self.width), np.full(self.width, self.height / 2)], -1)
        rays = self.rays_at(row)
        steps = np.linalg.norm(np.diff(rays, axis=0, append=rays[:1]), axis=1)
        return bool(np.isfinite(steps).all() and steps[-1] < 1.5 * np.median(steps))

    @property
    def depth_kind(self) -> Literal["z", "ray"]:
        """Return what depth maps of this camera hold.

        "ray", the distance along the ray, for fisheyes and panoramas of more than 100 degrees or far off the axis:
        depth along it, "z", means nothing to the side and behind.
        """
        return "ray" if not self.is_perspective and self.is_wide else "z"

    def rays(self) -> np.ndarray:
        """Compute the viewing directions through all pixels.

        Returns:
            (height, width, 3) float32; x points right, y down, z forward: ((u - cx) / fx, (v - cy) / fy, 1) of a
            pinhole, also with z = 1 of a distorted one, and of unit length for other lenses. NaN where the lens sees
            nothing.
        """
        if self.is_distorted:
            return _lens_rays(self).copy()
        rays = np.ones((self.height, self.width, 3), np.float32)
        rays[..., 0] = (np.arange(self.width) - self.cx) / self.fx
        rays[..., 1] = ((np.arange(self.height) - self.cy) / self.fy)[:, None]
        return rays

    def unit_rays(self) -> np.ndarray:
        """Compute the viewing directions of unit length through all pixels.

        Returns:
            (height, width, 3) float32; x points right, y down, z forward. NaN where the lens sees nothing.
        """
        rays = self.rays()
        if self.is_perspective:
            rays /= np.sqrt(np.einsum("ijk,ijk->ij", rays, rays))[..., None]
        return rays

    def valid_rays(self) -> np.ndarray:
        """Return the pixels that the lens sees, (height, width) bool."""
        if self.is_distorted:
            return np.isfinite(_lens_rays(self)[..., 2])
        return np.ones((self.height, self.width), bool)

    def rays_at(self, pixels: np.ndarray) -> np.ndarray:
        """Compute the viewing directions through points of the image.

        Args:
            pixels: (..., 2) horizontal and vertical position [px], also between and beyond pixels.

        Returns:
            (..., 3) float64, as of `rays`.
        """
        pixels = as_array(pixels, "pixels", "(..., 2) as x, y", last=2)
        return self.lens.unproject((pixels - (self.cx, self.cy)) / (self.fx, self.fy))

    def axis_rays_at(self, pixels: np.ndarray) -> np.ndarray:
        """Compute the viewing directions (x, y, 1) through points of the image.

        Args:
            pixels: (..., 2) horizontal and vertical position [px], also between and beyond pixels.

        Returns:
            (..., 3) float64 with z = 1, so that times depth along the optical axis they are points; NaN where the lens
            sees nothing, or sideways and backward.
        """
        rays = self.rays_at(pixels)
        if self.is_perspective:
            return rays
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(rays[..., 2:] > 1e-6, rays / rays[..., 2:], np.nan)

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Project points to pixels.

        Args:
            points: (..., 3) in the camera's frame (x right, y down, z forward), in any unit.

        Returns:
            Pixels (..., 2) float64, also beyond the image's borders, NaN where there are none; and a mask (...) of the
            points that the lens sees and whose pixels lie in the image.
        """
        pixels, seen = self.lens.project(as_array(points, "points", "(..., 3) as x, y, z", last=3))
        x, y = pixels[..., 0], pixels[..., 1]
        for axis, focal, center in ((x, self.fx, self.cx), (y, self.fy, self.cy)):
            axis *= focal
            axis += center
        with np.errstate(invalid="ignore"):
            inside = (x >= -0.5) & (x <= self.width - 0.5) & (y >= -0.5) & (y <= self.height - 0.5)
        return pixels, seen & inside

    def unproject(self, depth: np.ndarray) -> np.ndarray:
        """Unproject a depth map to 3D points.

        Args:
            depth: depth along the optical axis [m], (height, width).

        Returns:
            Points [m] in the camera's frame (x right, y down, z forward), (height, width, 3) float32; 0 where the lens
            sees nothing, or sideways and backward, where depth along the axis says nothing.

        Raises:
            MetricDepthError: the depth map's size is not the camera's.
        """
        depth = as_map(depth, "depth", self.width, self.height)
        rays = self.rays()
        if self.is_distorted:
            forward = rays[..., 2] > 1e-6
            rays = np.divide(rays, rays[..., 2:], out=np.zeros_like(rays), where=forward[..., None])
        rays *= depth[..., None].astype(np.float32, copy=False)
        return rays

    def unproject_distance(self, distance: np.ndarray) -> np.ndarray:
        """Unproject distances along the rays to 3D points.

        Args:
            distance: distance from the camera [m], (height, width).

        Returns:
            Points [m] in the camera's frame (x right, y down, z forward), (height, width, 3) float32; 0 where the lens
            sees nothing.

        Raises:
            MetricDepthError: the map's size is not the camera's.
        """
        distance = as_map(distance, "distance", self.width, self.height)
        rays = np.nan_to_num(self.unit_rays(), copy=False)
        rays *= distance[..., None].astype(np.float32, copy=False)
        return rays

    def depth_to_distance(self, depth: np.ndarray) -> np.ndarray:
        """Convert depth along the optical axis to distances along the rays.

        Args:
            depth: depth along the optical axis [m], (height, width).

        Returns:
            Distances [m], (height, width) float32; 0 sideways and backward, where depth says nothing.

        Raises:
            MetricDepthError: the map's size is not the camera's.
        """
        depth = as_map(depth, "depth", self.width, self.height)
        along = self.unit_rays()[..., 2]
        return np.divide(depth, along, out=np.zeros(depth.shape, np.float32), where=along > 1e-3, casting="unsafe")

    def distance_to_depth(self, distance: np.ndarray) -> np.ndarray:
        """Convert distances along the rays to depth along the optical axis.

        Args:
            distance: distance along the rays [m], (height, width).

        Returns:
            Depth [m], (height, width) float32; 0 sideways and backward, where depth says nothing.

        Raises:
            MetricDepthError: the map's size is not the camera's.
        """
        distance = as_map(distance, "distance", self.width, self.height)
        along = self.unit_rays()[..., 2]
        return np.multiply(distance, along, out=np.zeros(distance.shape, np.float32), where=along > 1e-3)

    def points(self, depth: np.ndarray) -> np.ndarray:
        """Unproject a depth map of the camera's `depth_kind` to 3D points.

        Args:
            depth: depth along the optical axis, or distance along the ray [m], (height, width).

        Returns:
            Points [m], as from `unproject` or `unproject_distance`.

        Raises:
            MetricDepthError: the map's size is not the camera's.
        """
        return self.unproject_distance(depth) if self.depth_kind == "ray" else self.unproject(depth)


@lru_cache(maxsize=2)  # results of one image ask for them several times, and so do all images of a video
def _lens_rays(camera: Projection) -> np.ndarray:
    """Compute the rays through all pixels.

    Args:
        camera: camera of any lens.

    Returns:
        (height, width, 3) float32 as of `Camera.rays_at`, read-only: it is shared.
    """
    rays = np.empty((camera.height, camera.width, 3), np.float32)
    across = np.arange(camera.width)
    if camera.model == "equirectangular" and not camera.distortion:  # a row and a column say it all
        level = camera.rays_at(np.stack([across, np.full(camera.width, camera.cy)], -1))
        up = camera.rays_at(np.stack([np.full(camera.height, camera.cx), np.arange(camera.height)], -1))
        rays[..., 0], rays[..., 2] = level[:, 0] * up[:, 2:], level[:, 2] * up[:, 2:]
        rays[..., 1] = up[:, 1:2] + 0 * level[:, 0]
        rays.flags.writeable = False
        return rays
    rows = max(1, (1 << 18) // camera.width)
    for top in range(0, camera.height, rows):
        down = np.arange(top, min(top + rows, camera.height))
        rays[top : top + rows] = camera.rays_at(np.stack(np.meshgrid(across, down), -1))
    rays.flags.writeable = False
    return rays


def _angle_between(camera: Projection, start: tuple[float, float], end: tuple[float, float]) -> float:
    """Compute the angle between the rays of two points, along the line from one to the other.

    Args:
        camera: camera of any lens.
        start: point of the image [px].
        end: point of the image [px].

    Returns:
        Angle [deg]; parts of the line that the lens does not see do not count.
    """
    steps = np.linspace(0, 1, 2 if camera.lens.is_pinhole else 513)[:, None]  # a pinhole sees any line as an arc
    rays = camera.rays_at(np.array(start) * (1 - steps) + np.array(end) * steps)
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    chords = np.linalg.norm(np.diff(rays, axis=0), axis=1)
    return math.degrees(np.nansum(2 * np.arcsin(np.clip(chords / 2, 0, 1))))
