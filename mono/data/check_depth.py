"""Doubts about annotated depth maps: view, units and values that mean "no depth"."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mono.data.ground_truth import read_annotated_depth
from mono.data.image_header import ImageHeader
from mono.data.sample import Sample
from mono.geometry.camera import Camera
from mono.io.depth import DepthError, png_depth_scale, read_depth
from mono.io.images import ImageError
from mono.io.no_depth import FARTHEST_MEDIAN, find_no_depth
from mono.system.errors import without_path

MEDIAN_RANGE = (0.1, FARTHEST_MEDIAN)  # [m]


@dataclass(frozen=True)
class DepthStatistics:
    """Numbers of a depth map.

    Attributes:
        least: least depth [m].
        median: median depth [m].
        largest: largest depth [m].
        valid: share of pixels with depth, 0 to 1.
    """

    least: float
    median: float
    largest: float
    valid: float


def read_checked_depth(
    sample: Sample, path: Path, header: ImageHeader | None
) -> tuple[np.ndarray | None, list[tuple[str, str, str]]]:
    """Read annotated depth, and list the doubts about its size.

    Args:
        sample: annotated image.
        path: its depth file.
        header: size and orientation of its image; None where the image is unreadable.

    Returns:
        (height, width) float32 [m], None if it cannot be read at all; and (value, kind, advice) of each doubt.
    """
    try:
        stored = read_depth(path, sample.depth_scale)
    except DepthError as error:
        advice = without_path(error, path)
        return None, [(str(path), "8-bit depth" if "8-bit" in advice else "unreadable depth", advice)]
    if header is None:
        return stored, []
    try:
        # Without a camera, distances along the ray can only be those of a fisheye or panorama, which stay as they are.
        wide = Camera.panorama(*header.size) if sample.depth_kind == "ray" and sample.intrinsics is None else None
        depth = read_annotated_depth(sample, header.size, wide)
    except (DepthError, ImageError) as error:
        return stored, [(str(path), "size of depth and image differ", without_path(error, path))]
    doubts = []
    if header.turn_is_hidden:
        advice = (
            f"the photo is turned by its EXIF orientation ({header.orientation}), and shapes do not tell if the depth "
            "map is turned too; it is taken to be upright like the photo as shown"
        )
        doubts.append((str(path), "depth of a turned photo", advice))
    return depth, doubts


def value_doubts(sample: Sample, depth: np.ndarray) -> Iterator[tuple[str, str, str, str]]:
    """List doubts about the values of a depth map.

    Args:
        sample: annotated image with depth.
        depth: (height, width) float32 [m], 0 where there is none.

    Yields:
        field, value, kind and advice, as in `mono.data.check.Finding`.
    """
    valid = depth[depth > 0]
    if not valid.size:
        yield "depth", str(sample.depth), "empty depth", "no pixel has depth; remove it, or write it again"
        return
    low, high = MEDIAN_RANGE
    median = float(np.median(valid))
    if not low <= median <= high:
        scale = "none" if sample.depth_scale is None else f"{sample.depth_scale:g}"
        advice = (
            f"makes the median depth {median:.4g} m, outside {low:g}-{high:g} m; it is the stored "
            "value of one meter (KITTI: 256, millimeters: 1000)"
        )
        yield "depth_scale", scale, "unlikely scale", advice
    assert sample.depth is not None
    per_meter = sample.depth_scale or png_depth_scale(sample.depth)
    code = find_no_depth(read_depth(sample.depth, sample.depth_scale), per_meter)
    if code is None or sample.depth_invalid is not None:
        return
    advice = (
        f'it is read as no depth; if it is depth, add "depth_invalid": []; else "depth_invalid": {code.stored:.6g}'
        if code.certain
        else f'it counts as depth: if it means "no depth" or sky, add "depth_invalid": {code.stored:.6g}'
    )
    yield "depth", str(sample.depth), "largest value as depth", f"{code}; {advice}"


def statistics(depth: np.ndarray) -> DepthStatistics | None:
    """Summarize a depth map; None where no pixel has depth.

    Args:
        depth: (height, width) float32 [m], 0 where there is none.
    """
    valid = depth[depth > 0]
    if not valid.size:
        return None
    least, median, largest = float(valid.min()), float(np.median(valid)), float(valid.max())
    return DepthStatistics(least, median, largest, valid.size / depth.size)
