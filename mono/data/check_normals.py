"""Doubts about annotated surface normals, above all about their axes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mono.data.ground_truth import read_annotated_normals
from mono.data.sample import Sample
from mono.geometry.camera import Camera
from mono.io.images import ImageError
from mono.io.normals import NormalError, doubt_of_axes, read_normals
from mono.system.errors import without_path

_FOCAL = 0.8  # focal length in widths for maps of an unknown camera: a field of view of 64 degrees


def normal_doubts(sample: Sample, size: tuple[int, int] | None) -> Iterator[tuple[str, object, str, str]]:
    """List doubts about a sample's normals.

    Args:
        sample: annotated image with a map of normals.
        size: (width, height) [px] of its image; None where the image is unreadable.

    Yields:
        field, value, kind and advice, as in `mono.data.check.Finding`.
    """
    path = sample.normal
    assert path is not None
    try:
        normal = read_normals(path, sample.normal_frame)
    except NormalError as error:
        yield "normal", path, "unreadable normals", without_path(error, path)
        return
    if size is not None:
        try:
            normal = read_annotated_normals(sample, size)
        except (NormalError, ImageError) as error:
            yield "normal", path, "size of normals and image differ", without_path(error, path)
    height, width = normal.shape[:2]
    if not normal.any():
        yield "normal", path, "empty normals", "no pixel has a normal; remove it, or write it again"
        return
    rays = _rays(sample, size, width, height)
    if advice := doubt_of_axes(normal, sample.normal_frame, rays):
        yield "normal_frame", sample.normal_frame, "wrong axes of normals", advice


def _rays(sample: Sample, size: tuple[int, int] | None, width: int, height: int) -> np.ndarray:
    """Return viewing directions of the map's pixels."""
    if sample.intrinsics is not None and size is not None:
        return Camera(*sample.intrinsics, *size).resized(width, height).rays()
    return Camera.centered(_FOCAL * max(width, height), width, height).rays()
