"""Ground truth of a sample: depth, normals and camera, brought to the upright image."""

from __future__ import annotations

import contextlib
import functools
import itertools
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mono.data.camera_source import ResolvedCamera
from mono.data.image_header import read_image_header
from mono.data.intrinsics import doubt_of_center, warn_once
from mono.data.sample import Sample
from mono.data.upright_maps import TURNS, describe_mismatch, required_turn, turn_upright, warn_of_hidden_turn
from mono.geometry.camera import Camera
from mono.io.depth import DepthError, png_depth_scale, read_depth
from mono.io.images import ImageError
from mono.io.no_depth import FARTHEST, FARTHEST_MEDIAN, find_no_depth
from mono.io.normals import NormalError, doubt_of_axes, read_normals

logger = logging.getLogger(__name__)

_INVALID_TOLERANCE = 1e-6  # relative, for the rounding of stored values to float32


@dataclass(frozen=True)
class GroundTruth:
    """Ground truth of an image; None where the annotation names no file.

    Attributes:
        depth: (height, width) float32 [m], 0 where there is none.
        normal: (height', width', 3) unit vectors in the camera's frame, 0 where there is none.
        annotated: depth before it is brought to the axis or the ray, (height, width) float32 [m]; None: `depth`.
    """

    depth: np.ndarray | None = None
    normal: np.ndarray | None = None
    annotated: np.ndarray | None = None


def read_ground_truth(
    sample: Sample, image_size: tuple[int, int] | None = None, camera: Camera | None = None
) -> GroundTruth:
    """Read a sample's ground truth, upright like its image.

    Args:
        sample: annotated image.
        image_size: (width, height) [px] of the upright image or of its prediction; None: read from the image file.
        camera: camera of the prediction, whose `depth_kind` the depth is brought to; None: depth along the axis.

    Raises:
        DepthError: the depth map is unusable, shows another view than the image, or is of impossible size.
        NormalError: the normals are unusable or show another view than the image.
        ImageError: the image header is needed and cannot be read.
    """
    annotated = _read_upright(sample, image_size) if sample.depth else None
    depth = None if annotated is None else _in_camera(sample, annotated, camera)
    if depth is not None:
        refuse_wrong_scale(sample, depth)
    normal = read_annotated_normals(sample, image_size) if sample.normal else None
    if normal is not None:
        _warn_of_axes(sample, normal, camera)
    return GroundTruth(
        depth=depth,
        normal=normal,
        annotated=None if annotated is depth else annotated,
    )


def refuse_wrong_scale(sample: Sample, depth: np.ndarray) -> None:
    """Refuse depth of an impossible median; warn once for a folder of a doubtful one.

    Args:
        sample: annotated image.
        depth: its depth [m], 0 where there is none.

    Raises:
        DepthError: the median is farther than any sensor reaches.
    """
    valid = depth[depth > 0]
    if sample.depth is None or not valid.size or (median := float(np.median(valid))) <= FARTHEST_MEDIAN:
        return
    scale = f"depth_scale {sample.depth_scale:g}" if sample.depth_scale else "no depth_scale"
    message = (
        f"{sample.depth}: its median depth is {median:.3g} m with {scale}; give the stored value of one meter "
        "(KITTI: 256, millimeters: 1000)"
    )
    if median > FARTHEST:
        raise DepthError(message)
    if next(_seen(sample.depth.parent, "scale")) == 0:
        logger.warning("%s, unless things are that far", message)


def read_annotated_depth(
    sample: Sample, image_size: tuple[int, int] | None = None, camera: Camera | None = None
) -> np.ndarray:
    """Read annotated depth, upright: along the optical axis, or along the ray for wide cameras.

    Values listed in `depth_invalid` become 0; without a list, those that `find_no_depth` is certain of, with a warning
    that names them once for a folder. Maps stored unturned are turned by the photo's EXIF orientation, and
    distances along the ray are converted with the annotated camera, or with that of a lens. For a camera
    whose `depth_kind` is "ray", depth along the axis is converted to distances instead.

    Args:
        sample: image with a depth file.
        image_size: (width, height) [px] of the upright image or of its prediction; None: read from the image file.
        camera: camera of the image; None: depth is brought to the optical axis.

    Returns:
        (height, width) float32 [m], 0 where there is none; of the image's size or a resized version of it.

    Raises:
        DepthError: the depth map is unusable or shows another view than the image.
        ImageError: the image header is needed and cannot be read.
    """
    return _in_camera(sample, _read_upright(sample, image_size), camera)


def _read_upright(sample: Sample, image_size: tuple[int, int] | None) -> np.ndarray:
    """Read annotated depth, upright, of its own kind of distance."""
    if sample.depth is None:
        raise DepthError(f"{sample.rgb}: has no depth annotated; add depth to its entry")
    depth = _without_invalid(sample, read_depth(sample.depth, sample.depth_scale))
    turn = required_turn(depth.shape, sample.rgb, image_size)
    if turn is None:
        raise DepthError(f"{sample.depth}: the depth map {describe_mismatch(depth.shape, sample.rgb)}")
    if turn == 1:
        warn_of_hidden_turn(sample.rgb)
    return turn_upright(depth, turn)


def _in_camera(sample: Sample, depth: np.ndarray, camera: Camera | None) -> np.ndarray:
    """Bring upright depth to the axis, or to the ray for a camera whose `depth_kind` is "ray"."""
    if camera is not None and camera.depth_kind == "ray":
        return depth if sample.depth_kind == "ray" else camera.resized(*depth.shape[::-1]).depth_to_distance(depth)
    if sample.depth_kind == "z":
        return depth
    if camera is not None and camera.is_distorted:
        return camera.resized(*depth.shape[::-1]).distance_to_depth(depth)
    return _along_axis(sample, depth)


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
        raise NormalError(f"{sample.normal}: the map of normals {describe_mismatch(normal.shape, sample.rgb)}")
    if turn == 1:
        return normal
    turned = turn_upright(normal, turn)
    turned[..., :2] = turned[..., :2] @ np.array(TURNS[turn], np.float32).T
    return turned


def without_codes(
    path: Path, depth: np.ndarray, scale: float | None, *, certain: str = "", suspected: str = "store 0 there"
) -> np.ndarray:
    """Set depth that `find_no_depth` is certain of to 0, with a warning once for a folder.

    Args:
        path: depth file.
        depth: its depth [m], (H, W).
        scale: stored value of one meter; None: the file's own, or meters.
        certain: remedy where such values are depth, after what is done to them.
        suspected: remedy where suspicious values, which stay, are no depth; "{}" is the stored value.
    """
    scale = scale or png_depth_scale(path)
    while (code := find_no_depth(depth, scale)) is not None:
        if next(_seen(path.parent, code.certain)) == 0:
            meaning = f"read as no depth{certain}"
            if not code.certain:
                meaning = f'counted as depth; if they mean "no depth", {suspected.format(code.stored)}'
            logger.warning("%s: %s: here and in maps like it they are %s", path, code, meaning)
        if not code.certain:
            break
        depth = np.where(depth >= code.limit, np.float32(0), depth)
    return depth


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


def _without_invalid(sample: Sample, depth: np.ndarray) -> np.ndarray:
    """Set depth of annotated or found invalid values to 0."""
    assert sample.depth is not None
    if sample.depth_invalid is None:
        return without_codes(
            sample.depth,
            depth,
            sample.depth_scale,
            certain='; if they are depth, annotate "depth_invalid": []',
            suspected='annotate "depth_invalid": {:.6g}',
        )
    if not sample.depth_invalid:
        return depth
    scale = sample.depth_scale or png_depth_scale(sample.depth) or 1.0
    invalid = np.zeros(depth.shape, bool)
    for value in sample.depth_invalid:
        invalid |= np.isclose(depth, value / scale, rtol=_INVALID_TOLERANCE, atol=0)
    return np.where(invalid, np.float32(0), depth)


@functools.cache
def _seen(folder: Path, doubt: object) -> Iterator[int]:
    """Count the maps of a folder of which something is doubted."""
    return itertools.count()


def _warn_of_axes(sample: Sample, normal: np.ndarray, camera: Camera | None) -> None:
    """Warn, once for a folder, of normals that point away from a known camera."""
    assert sample.normal is not None
    if camera is None and sample.intrinsics is not None:
        with contextlib.suppress(ImageError):
            camera = Camera(*sample.intrinsics, *read_image_header(sample.rgb).size)
    if camera is None:
        return
    doubt = doubt_of_axes(normal, sample.normal_frame, camera.resized(*normal.shape[1::-1]).unit_rays())
    if doubt and next(_seen(sample.normal.parent, "axes")) == 0:
        logger.warning("%s: %s; check normal_frame, also of maps like it", sample.normal, doubt)


def _along_axis(sample: Sample, distance: np.ndarray) -> np.ndarray:
    """Convert distances along the ray to depth along the optical axis."""
    if sample.intrinsics is None:
        raise DepthError(
            f"{sample.depth}: is distance along the ray, which needs a camera; add cam_in to its entry "
            "(a fisheye needs its --camera, a panorama --panorama)"
        )
    camera = Camera(*sample.intrinsics, *read_image_header(sample.rgb).size)
    if doubt := doubt_of_center(camera):
        warn_once(f"annotated camera: {doubt}")
    camera = camera.resized(*distance.shape[::-1])
    with np.errstate(over="ignore", invalid="ignore"):  # of absurd cameras, which `annotate check` reports
        depth = distance / np.linalg.norm(camera.rays(), axis=2)
    return np.where(np.isfinite(depth), depth, np.float32(0))
