"""Layout of the perspective views that cover a wide image."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from mono.geometry.camera import Camera
from mono.geometry.projection import WIDEST_VIEW
from mono.system.errors import MetricDepthError

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

VIEW_FOV = 90.0
MOST_VIEWS = 64
_FOVS = (40.0, 120.0)  # that views may have [deg]
_SAMPLES = 96  # directions along the longer side of the image that tell where it has content
_LEVEL_STEP, _TILTED_STEP = 2 / 3, 0.8  # distance of neighbors in a row, as a share of their field of view
_POLE_MARGIN = 0.1  # share of the field of view by which the outermost rows look beyond the border
_COVERED = 0.04  # smallest distance of a direction from the border of some view, as a share of its half side
_LEAST_CONTENT = 0.15  # share of a view that must show the image
_SHRINK = 0.9


@dataclass(frozen=True)
class ViewOptions:
    """Settings of the views that wide images are cut into.

    Attributes:
        count: largest number of views; 1 leaves perspective images whole. None: chosen by the field of view.
        fov: horizontal and vertical field of view of a view [deg]; None: 90, and more where `count` asks for it.

    Raises:
        MetricDepthError: a number is out of range.
    """

    count: int | None = None
    fov: float | None = None

    def __post_init__(self) -> None:
        if self.count is not None and not 1 <= self.count <= MOST_VIEWS:
            raise MetricDepthError(f"the number of views is {self.count}; it must lie between 1 and {MOST_VIEWS}")
        if self.fov is not None and not _FOVS[0] <= self.fov <= _FOVS[1]:
            raise MetricDepthError(
                f"the field of view of views is {self.fov:g}; it must lie between {_FOVS[0]:g} and {_FOVS[1]:g} degrees"
            )


@dataclass(frozen=True, eq=False)
class View:
    """Perspective view of a wide image.

    Attributes:
        camera: pinhole camera of the view.
        rotation: axes of the view in the frame of the wide camera, as columns, (3, 3) float64.
    """

    camera: Camera
    rotation: np.ndarray

    @cached_property
    def directions(self) -> np.ndarray:
        """Return directions through all pixels in the wide camera's frame, (height, width, 3) float64, not unit."""
        return self.camera.rays().astype(np.float64) @ self.rotation.T

    def locate(self, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Project directions of the wide camera into the view.

        Args:
            directions: unit vectors in the wide camera's frame, (..., 3).

        Returns:
            Columns and rows [px], and the cosine of the angle to the view's axis, each (...); behind the view, where
            the cosine is not positive, columns and rows mean nothing.
        """
        turn = self.rotation.T.astype(directions.dtype)
        x, y, z = (turn @ directions.reshape(-1, 3).T).reshape(3, *directions.shape[:-1])
        with np.errstate(divide="ignore", invalid="ignore"):
            return x / z * self.camera.fx + self.camera.cx, y / z * self.camera.fy + self.camera.cy, z

    def closeness(self, columns: np.ndarray, rows: np.ndarray, cosine: np.ndarray) -> np.ndarray:
        """Rate pixels by their distance from the border: 1 in the middle, 0 at the border and outside."""
        width, height = self.camera.width, self.camera.height
        with np.errstate(invalid="ignore"):
            across = 1 - np.abs(2 * columns + 1 - width) / width
            along = 1 - np.abs(2 * rows + 1 - height) / height
            inside = (cosine > 0) & (across > 0) & (along > 0)
        return np.where(inside, across * along, 0)


def needs_views(camera: Camera, options: ViewOptions) -> bool:
    """Tell if images of a camera are cut into views: those wider than 100 degrees, unless one view is asked for."""
    return camera.is_wide and not (camera.is_perspective and options.count == 1)


def pixels_per_radian(camera: Camera) -> float:
    """Return the resolution of an image where it is coarsest: at the horizon of a panorama, in the middle of others."""
    rays, seen = _content(camera)
    step = camera.width / rays.shape[1]
    solid = solid_angles(rays) / step**2
    return float(1 / np.sqrt(np.quantile(solid[seen & np.isfinite(solid) & (solid > 0)], 0.9)))


def solid_angles(rays: np.ndarray) -> np.ndarray:
    """Compute the solid angles of pixels from unit rays, (height, width, 3) -> (height, width) [sr]."""
    across, along = np.gradient(rays, axis=1), np.gradient(rays, axis=0)
    return np.linalg.norm(np.cross(across, along), axis=-1)


def lay_out_views(camera: Camera, options: ViewOptions, side: int) -> tuple[View, ...]:
    """Choose views that cover a wide image and overlap.

    Views stand in rows above each other, each as level as the image. An image that fits into one view gets one.

    Args:
        camera: camera of the wide image.
        options: number and field of view.
        side: longest side of a view [px].

    Returns:
        The views, from the lowest row to the highest.

    Raises:
        MetricDepthError: the image has no content, or so few views cannot cover it.
    """
    from scipy.spatial import cKDTree

    rays, seen = _content(camera)
    if not seen.any():
        raise MetricDepthError("the camera sees nothing: no pixel of its image has a ray; check its lens parameters")
    directions, density = rays[seen], pixels_per_radian(camera)
    if options.fov is None and (whole := _single(directions, density, side)) is not None:
        return (whole,)
    content = cKDTree(directions)
    counted = options.count is not None
    fovs = [options.fov] if options.fov else np.arange(VIEW_FOV, _FOVS[1] + 1, 10.0) if counted else (VIEW_FOV, 100.0)
    found: dict[int, tuple[View, ...]] = {}
    for inward, fov, single_poles in product((False, True), fovs, (False, True) if counted else (False,)):
        if inward and found:
            break
        for views in _layouts(content, float(fov), side, density, single_poles, inward):
            if len(views) not in found and _covers(views, directions):
                if not counted:
                    return views
                found[len(views)] = views
    if options.count is not None and found:
        if fitting := [count for count in found if count <= options.count]:
            return found[max(fitting)]
        raise MetricDepthError(
            f"{options.count} views do not cover this image; allow at least {min(found)} (--views {min(found)}), "
            "or a wider field of view (--view-fov)"
        )
    raise MetricDepthError(
        f"views of {options.fov or VIEW_FOV:g} degrees do not cover this image with at most {MOST_VIEWS} of them; "
        "allow a wider field of view (--view-fov)"
    )


def _content(camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Return rays of a small version of the image, and a mask of those that exist."""
    scale = min(1.0, _SAMPLES / max(camera.width, camera.height))
    small = camera.resized(max(2, round(camera.width * scale)), max(2, round(camera.height * scale)))
    rays = np.asarray(small.unit_rays(), np.float64)
    return rays, np.asarray(np.isfinite(rays).all(-1))


def _single(directions: np.ndarray, density: float, side: int) -> View | None:
    """Return one view of the whole image, ahead or toward its middle, or None where it is too wide."""
    x, y, z = directions.mean(0)
    toward = _rotation(math.degrees(math.atan2(x, z)), math.degrees(math.atan2(-y, math.hypot(x, z))))
    for rotation in (np.eye(3), toward):
        x, y, z = (directions @ rotation).T
        if (z > 0).all():
            reach = [float(np.abs(axis / z).max()) * (1 + 1 / _SAMPLES) for axis in (x, y)]
            if 2 * math.degrees(math.atan(max(reach))) <= WIDEST_VIEW:
                return View(_pinhole(min(side / 2 / max(reach), density), *reach), rotation)
    return None


def _pinhole(focal: float, reach_x: float, reach_y: float) -> Camera:
    width, height = max(8, math.ceil(2 * focal * reach_x)), max(8, math.ceil(2 * focal * reach_y))
    return Camera.centered(focal, width, height)


def _layouts(
    content: cKDTree, fov: float, side: int, density: float, single_poles: bool, inward: bool
) -> Iterator[tuple[View, ...]]:
    """Iterate over layouts of one field of view, from few views to many."""
    reach = math.tan(math.radians(fov) / 2)
    camera = _pinhole(min(side / 2 / reach, density), reach, reach)
    level, before = 1.0, 0
    while level > 0.3:
        views = tuple(_rows(content, fov, camera, level, single_poles, inward))
        if len(views) > MOST_VIEWS:
            return
        if len(views) != before:
            yield views
        level, before = level * _SHRINK, len(views)


def _rows(
    content: cKDTree, fov: float, camera: Camera, tightness: float, single_poles: bool, inward: bool
) -> Iterator[View]:
    """Iterate over the views of all rows.

    Args:
        content: directions that the image shows.
        fov: field of view of a view [deg].
        camera: camera of a view.
        tightness: factor of the distances between views.
        single_poles: one view looks straight up and one straight down.
        inward: the outer views of a tilted row reach the sides of the image also where it is nearest to the horizon,
            and views show as little of it as there is.
    """
    directions = content.data
    azimuths = np.degrees(np.arctan2(directions[:, 0], directions[:, 2]))
    elevations = np.degrees(np.arcsin(np.clip(-directions[:, 1], -1, 1)))
    margin = _POLE_MARGIN * fov
    low, high = (90.0 if 90 - value < 360 / _SAMPLES else value for value in (-elevations.min(), elevations.max()))
    centers = _centers(-low, high, fov, margin, _LEVEL_STEP * tightness * fov, tightness)
    if single_poles and min(low, high) == 90:
        centers[[0, -1]] = -90, 90
    for row, elevation in enumerate(centers):
        if abs(elevation) == 90:
            yield View(camera, _rotation(0, float(elevation)))
            continue
        level = abs(elevation) < fov / 4
        step = (_LEVEL_STEP if level else _TILTED_STEP) * tightness * fov / math.cos(math.radians(elevation))
        near = np.sort(azimuths[np.abs(elevations - elevation) <= fov / 2])
        if not near.size:
            continue
        gaps = np.diff(near, append=near[0] + 360)
        widest = int(gaps.argmax())
        if gaps[widest] < fov / 2:
            count = math.ceil(360 / step - 1e-9)
            columns = 360 / count * (np.arange(count) + (row % 2) / 2 * (not level))
        else:
            first, last = near[(widest + 1) % len(near)], near[widest]
            last += 360 * (last < first)
            cosine = math.cos(math.radians(elevation))
            reach = 2 * math.degrees(math.atan(math.tan(math.radians(fov) / 2) * cosine)) if inward else fov / cosine
            columns = _centers(first, last, reach, margin, step, tightness)
        for azimuth in columns:
            view = View(camera, _rotation(float(azimuth), float(elevation)))
            if _content_share(view, content) > (0 if inward else _LEAST_CONTENT):
                yield view


def _centers(low: float, high: float, fov: float, margin: float, step: float, tightness: float) -> np.ndarray:
    """Spread centers of views over a range of angles [deg]; a single one where the margins allow it."""
    first, last = low + fov / 2 - margin, high - fov / 2 + margin
    if last <= first + (1.6 * margin if tightness == 1 else 0):
        return np.array([(low + high) / 2])
    return np.linspace(first, last, math.ceil((last - first) / step - 1e-9) + 1)


def _rotation(azimuth: float, elevation: float) -> np.ndarray:
    """Return axes of a view that looks `azimuth` to the right and `elevation` up [deg], without roll."""
    a, e = math.radians(azimuth), math.radians(elevation)
    forward = np.array([math.sin(a) * math.cos(e), -math.sin(e), math.cos(a) * math.cos(e)])
    right = np.array([math.cos(a), 0.0, -math.sin(a)])
    return np.stack([right, np.cross(forward, right), forward], axis=1)


def _content_share(view: View, content: cKDTree) -> float:
    """Estimate the share of a view that shows the image, by the nearest direction of a coarse grid."""
    camera = view.camera.resized(9, 9)
    grid = camera.rays().reshape(-1, 3) @ view.rotation.T
    grid /= np.linalg.norm(grid, axis=1, keepdims=True)
    distance, _ = content.query(grid)
    return float((distance < 0.12).mean())


def _covers(views: tuple[View, ...], directions: np.ndarray) -> bool:
    """Tell if views show every direction, none at their very border only."""
    best = np.zeros(len(directions))
    for view in views:
        columns, rows, cosine = view.locate(directions)
        with np.errstate(invalid="ignore"):
            width, height = view.camera.width, view.camera.height
            across = 1 - np.abs(2 * columns + 1 - width) / width
            along = 1 - np.abs(2 * rows + 1 - height) / height
        best = np.fmax(best, np.where(cosine > 0, np.minimum(across, along), 0))
    return bool((best >= _COVERED).all())
