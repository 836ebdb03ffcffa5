"""Cells of tables: images in any form, and their cameras."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mono.data.camera_source import CameraResolver, ResolvedCamera
from mono.system.errors import MetricDepthError

if TYPE_CHECKING:
    from mono.inference.images import InputImage

Columns = Mapping[str, Sequence[Any]]


def column(batch: Columns, name: str, like: Sequence[Any] | None = None) -> Sequence[Any]:
    """Return a column.

    Args:
        batch: columns by name.
        name: the column's name.
        like: column of the same length; None: the column must be there.

    Raises:
        MetricDepthError: the column is missing, or has another length.
    """
    if name not in batch:
        if like is None:
            raise MetricDepthError(f"the batch has columns {', '.join(map(repr, batch)) or 'none'}; name one 'image'")
        return [None] * len(like)
    values = batch[name]
    if like is not None and len(values) != len(like):
        raise MetricDepthError(f"column {name!r} has {len(values)} rows, column 'image' {len(like)}")
    return values


def open_image(value: Any) -> InputImage:
    """Open an image in any form that tables hold.

    Raises:
        MetricDepthError: the cell is empty, or holds no image.
    """
    from mono.inference.images import read_input

    if isinstance(value, Mapping):  # an undecoded image of Hugging Face datasets
        value = value.get("bytes") or value.get("path")
    if value is None or (isinstance(value, float) and math.isnan(value)):
        raise MetricDepthError("there is no image in this row")
    return read_input(value)


def camera_of(image: InputImage, intrinsics: Any, fx: Any, resolver: CameraResolver) -> ResolvedCamera:
    """Find the camera of an image: from its row, else as the resolver does.

    Args:
        image: the image.
        intrinsics: fx, fy, cx, cy or a 3x3 matrix [px]; empty: unknown.
        fx: focal length [px]; empty: unknown.
        resolver: source of the camera where the row has none.

    Raises:
        MetricDepthError: the row's camera is no camera, or the resolver finds a damaged one.
    """
    if intrinsics is not None and not _missing(intrinsics):
        try:
            values = np.asarray(intrinsics, np.float64)
        except (TypeError, ValueError):
            values = np.zeros(0)
        if values.shape == (3, 3):
            values = values[[0, 1, 0, 1], [0, 1, 2, 2]]
        if values.shape != (4,):
            raise MetricDepthError(f"intrinsics are {intrinsics!r:.80}; give fx, fy, cx, cy or a 3x3 matrix")
        resolver = CameraResolver(intrinsics=tuple(values.tolist()))
    elif fx is not None and not _missing(fx):
        try:
            resolver = CameraResolver(focal_px=float(fx))
        except (TypeError, ValueError) as error:
            if isinstance(error, MetricDepthError):
                raise
            raise MetricDepthError(f"fx is {fx!r:.80}; give a focal length in pixels") from error
    return resolver.resolve_for(None, image.photo)


def _missing(value: Any) -> bool:
    """Tell if a table's cell is empty: no numbers, or NaN."""
    try:
        numbers = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        return False
    return numbers.size == 0 or bool(np.isnan(numbers).all())
