"""Ground truth of a sample: depth, normals and camera, brought to the upright image."""

from __future__ import annotations

import functools
import itertools
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from mono.data.camera_source import ResolvedCamera
from mono.data.image_header import ImageHeader, read_image_header
from mono.data.sample import Sample
from mono.geometry.camera import Camera
from mono.io.camera_files import same_aspect
from mono.io.depth import DepthError, png_depth_scale, read_depth
from mono.io.images import ImageError
from mono.io.no_depth import find_no_depth
from mono.io.normals import NormalError, read_normals

logger = logging.getLogger(__name__)

_SMALLEST = 16  # shorter side [px] of maps that may differ from the image in size
_INVALID_TOLERANCE = 1e-6  # relative, for the rounding of stored values to float32

# Image axes of the upright image in those of the stored one, by EXIF orientation: (x, y) upright = matrix @ stored.
_TURNS = {
    2: ((-1, 0), (0, 1)),
    3: ((-1, 0), (0, -1)),
    4: ((1, 0), (0, -1)),
    5: ((0, 1), (1, 0)),
    6: ((0, -1), (1, 0)),
    7: ((0, -1), (-1, 0)),
    8: ((0, 1), (-1, 0)),
}


class AnnotatedDepth(Protocol):
    """Image with annotated depth: a sample or training frame."""

    @property
    def rgb(self) -> Path:
        """Image file."""

    @property
    def depth(self) -> Path | None:
        """Depth file."""

    @property
    def depth_scale(self) -> float | None:
        """Stored value of one meter."""

    @property
    def depth_kind(self) -> str:
        """Kind of distance, "z" or "ray"."""

    @property
    def depth_invalid(self) -> tuple[float, ...] | None:
        """Stored values that mean "no depth"; None: found by `find_no_depth`."""

    @property
    def intrinsics(self) -> tuple[float, float, float, float] | None:
        """Annotated (fx, fy, cx, cy) [px] of the upright image."""


@dataclass(frozen=True)
class GroundTruth:
    """Ground truth of an image; None where the annotation names no file.

    Attributes:
        depth: (height, width) float32 [m], 0 where there is none.
        normal: (height', width', 3) unit vectors in the camera's frame, 0 where there is none.
    """

    depth: np.ndarray | None = None
    normal: np.ndarray | None = None


def read_ground_truth(sample: Sample, image_size: tuple[int, int] | None = None) -> GroundTruth:
    """Read a sample's ground truth, upright like its image.

    Args:
        sample: annotated image.
        image_size: (width, height) [px] of the upright image or of its prediction; None: read from the image file.

    Raises:
        DepthError: the depth map is unusable or shows another view than the image.
        NormalError: the normals are unusable or show another view than the image.
        ImageError: the image header is needed and cannot be read.
    """
    return GroundTruth(
        depth=read_annotated_depth(sample, image_size) if sample.depth else None,
        normal=read_annotated_normals(sample, image_size) if sample.normal else None,
    )


def read_annotated_depth(sample: AnnotatedDepth, image_size: tuple[int, int] | None = None) -> np.ndarray:
    """Read annotated depth along the optical axis, upright.

    Values listed in `depth_invalid` become 0; without a list, those that `find_no_depth` is certain of, with a warning
    that names them once for a folder. Maps stored unturned are turned by the photo's EXIF orientation, and
    distances along the ray are converted with the annotated camera.

    Args:
        sample: image with a depth file.
        image_size: (width, height) [px] of the upright image or of its prediction; None: read from the image file.

    Returns:
        (height, width) float32 [m], 0 where there is none; of the image's size or a resized version of it.

    Raises:
        DepthError: the depth map is unusable or shows another view than the image.
        ImageError: the image header is needed and cannot be read.
    """
    if sample.depth is None:
        raise DepthError(f"{sample.rgb}: has no depth annotated; add depth to its entry")
    depth = _without_invalid(sample, read_depth(sample.depth, sample.depth_scale))
    turn = required_turn(depth.shape, sample.rgb, image_size)
    if turn is None:
        raise DepthError(f"{sample.depth}: the depth map {_mismatch(depth.shape, sample.rgb)}")
    if turn == 1:
        _warn_of_unknown_turn(sample.rgb)
    depth = turn_upright(depth, turn)
    return depth if sample.depth_kind == "z" else _along_axis(sample, depth)


def read_annotated_normals(sample: Sample, image_size: tuple[int, int] | None = None) -> np.ndarray:
    """Read annotated normals, upright like their image.

    Args:
        sample: image with a map of normals.
        image_size: (width, height) [px] of the upright image or of its prediction; None: read from the image file.

    Returns:
        (height, width, 3) float32 unit vectors in the camera's frame, 0 where there is none.

    Raises:
        NormalError: the normals are unusable or show another view than the image.
        ImageError: the image header is needed and cannot be read.
    """
    if sample.normal is None:
        raise NormalError(f"{sample.rgb}: has no normals annotated; add normal to its entry")
    normal = read_normals(sample.normal, sample.normal_frame)
    turn = required_turn(normal.shape, sample.rgb, image_size)
    if turn is None:
        raise NormalError(f"{sample.normal}: the map of normals {_mismatch(normal.shape, sample.rgb)}")
    if turn == 1:
        return normal
    turned = turn_upright(normal, turn)
    turned[..., :2] = turned[..., :2] @ np.array(_TURNS[turn], np.float32).T
    return turned


def required_turn(shape: tuple[int, ...], rgb: Path, image_size: tuple[int, int] | None = None) -> int | None:
    """Return the EXIF orientation that makes a map upright.

    Args:
        shape: (height, width, ...) of the stored map.
        rgb: image file of the map; read only where `image_size` does not decide.
        image_size: (width, height) [px] of the upright image, or None.

    Returns:
        1 for a map that is upright already, 5 to 8 for one stored unturned like its photo, None for another view.

    Raises:
        ImageError: the image header is needed and cannot be read.
    """
    size = shape[1], shape[0]
    if image_size is not None and same_view(size, image_size):
        return 1
    header = read_image_header(rgb)
    if same_view(size, header.size):
        return 1
    if header.orientation >= 5 and same_view(size, header.size[::-1]):
        return header.orientation
    return None


def same_view(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Tell if one size is the other resized, see `same_aspect`; below 16 pixels sizes must be equal.

    Args:
        size: (width, height) [px].
        other: (width, height) [px].
    """
    if size == other:
        return True
    return min(*size, *other) >= _SMALLEST and same_aspect(*size, *other)


def turn_upright(values: np.ndarray, orientation: int) -> np.ndarray:
    """Turn or mirror an image by its EXIF orientation.

    Args:
        values: (height, width, ...) as stored.
        orientation: EXIF orientation, 1 to 8.

    Returns:
        upright array, contiguous; height and width are swapped from orientation 5 on.
    """
    if orientation == 1:
        return values
    (a, b), (c, d) = _TURNS[orientation]
    if a == 0:
        values, a, d = values.swapaxes(0, 1), b, c
    return np.ascontiguousarray(values[::d, ::a])


def wants_normals(sample: Sample, derive: bool) -> bool:
    """Tell if normals are scored: annotated, or derived from depth on request."""
    return sample.normal is not None or (derive and sample.depth is not None)


def ground_truth_camera(sample: Sample, found: ResolvedCamera) -> Camera | None:
    """Return the camera of a sample's ground-truth depth.

    Args:
        sample: annotated image.
        found: camera the prediction was made with.

    Returns:
        annotated camera, else the one of a camera file or EXIF data; None where the camera is assumed or given on the
        command line, because ground truth must not change with either.
    """
    if sample.intrinsics is not None:
        return Camera(*sample.intrinsics, found.camera.width, found.camera.height)
    return found.camera if found.source in ("camera file", "exif") else None


def _without_invalid(sample: AnnotatedDepth, depth: np.ndarray) -> np.ndarray:
    """Set depth of annotated or found invalid values to 0."""
    assert sample.depth is not None
    if sample.depth_invalid is None:
        return _without_codes(sample.depth, depth, sample.depth_scale or png_depth_scale(sample.depth))
    if not sample.depth_invalid:
        return depth
    scale = sample.depth_scale or png_depth_scale(sample.depth) or 1.0
    invalid = np.zeros(depth.shape, bool)
    for value in sample.depth_invalid:
        invalid |= np.isclose(depth, value / scale, rtol=_INVALID_TOLERANCE, atol=0)
    return np.where(invalid, np.float32(0), depth)


def _without_codes(path: Path, depth: np.ndarray, scale: float | None) -> np.ndarray:
    while (code := find_no_depth(depth, scale)) is not None:
        if next(_seen(path.parent, code.certain)) == 0:
            meaning = 'read as no depth; if they are depth, annotate "depth_invalid": []'
            if not code.certain:
                meaning = f'counted as depth; if they mean "no depth", annotate "depth_invalid": {code.stored:.6g}'
            logger.warning("%s: %s: here and in maps like it they are %s", path, code, meaning)
        if not code.certain:
            break
        depth = np.where(depth >= code.limit, np.float32(0), depth)
    return depth


@functools.cache
def _seen(folder: Path, certain: bool) -> Iterator[int]:
    """Count the maps of a folder whose largest value is doubted."""
    return itertools.count()


@functools.cache
def _warn_of_unknown_turn(rgb: Path) -> None:
    """Warn once of a turned photo whose shape does not show if its depth map is turned too."""
    try:
        header = read_image_header(rgb)
    except ImageError:
        return  # the photo is not needed here; reading it reports the error
    if header.turn_is_hidden:
        logger.warning(
            "%s: is turned by its EXIF orientation (%d), and shapes do not show if its depth map is turned too; it is "
            "taken to be upright", rgb, header.orientation
        )  # fmt: skip


def _along_axis(sample: AnnotatedDepth, distance: np.ndarray) -> np.ndarray:
    """Convert distances along the ray to depth along the optical axis."""
    if sample.intrinsics is None:
        raise DepthError(f"{sample.depth}: is distance along the ray, which needs a camera; add cam_in to its entry")
    camera = Camera(*sample.intrinsics, *read_image_header(sample.rgb).size).resized(*distance.shape[::-1])
    with np.errstate(over="ignore", invalid="ignore"):  # of absurd cameras, which `annotate check` reports
        depth = distance / np.linalg.norm(camera.rays(), axis=2)
    return np.where(np.isfinite(depth), depth, np.float32(0))


def _mismatch(shape: tuple[int, ...], rgb: Path) -> str:
    """Describe a map of another view than its image, with the remedy."""
    header: ImageHeader = read_image_header(rgb)
    if same_view((shape[0], shape[1]), header.size):
        remedy = "of another shape, lying on its side: turn it like the image"
    elif min(shape[:2]) < _SMALLEST:
        remedy = f"a map of another size than its image needs at least {_SMALLEST} pixels a side"
    else:
        remedy = "of another shape, so it does not show the same view: crop or turn it like the image"
    return f"is {shape[1]}x{shape[0]}, its image {rgb} is {header.width}x{header.height} (upright); {remedy}"
