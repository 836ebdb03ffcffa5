"""Checks of values that callers give: numbers of any library, and paths."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from mono.system.errors import MetricDepthError


def as_number(value: Any, name: str, needed: str = "give a number") -> float:
    """Convert a number of any library to float.

    Args:
        value: the number; a text or bool is none.
        name: what it is, for the message.
        needed: what to give instead, for the message.

    Raises:
        MetricDepthError: it is no number.
    """
    try:
        if isinstance(value, (str, bytes, bool)) or np.ndim(value):
            raise TypeError(f"{value!r} is no number")
        return float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise MetricDepthError(f"{name} is {value!r:.60}; {needed}") from error


def as_array(values: Any, name: str, shape: str, last: int | None = None) -> np.ndarray:
    """Convert numbers of any library to a float64 array.

    Args:
        values: array, tensor or nested list.
        name: what they are, for the message.
        shape: shape to give, for the message.
        last: length of the last axis; None: any.

    Raises:
        MetricDepthError: they are no numbers, or the last axis has another length.
    """
    try:
        array = np.asarray(without_tensors(values))
        if array.dtype.kind == "c":
            raise TypeError("complex numbers")
        array = np.asarray(array, np.float64)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise MetricDepthError(f"{name}: {values!r:.60}; give numbers, {shape}") from error
    if last is not None and array.shape[-1:] != (last,):
        raise MetricDepthError(f"{name}: shape {array.shape}; give {shape}")
    return array


def as_map(values: Any, name: str, width: int, height: int) -> np.ndarray:
    """Convert a map of a camera's size to an array; arrays keep their type.

    Args:
        values: (height, width) array, tensor or nested list.
        name: what it is, for the message.
        width: width of the camera [px].
        height: height of the camera [px].

    Raises:
        MetricDepthError: it has another shape, or is no numbers.
    """
    array: np.ndarray = values if isinstance(values, np.ndarray) else as_array(values, name, "(height, width)")
    if array.ndim != 2 or array.dtype.kind not in "biuf":
        raise MetricDepthError(f"{name} is {array.dtype} {array.shape}; give numbers, (height, width)")
    if array.shape != (height, width):
        raise MetricDepthError(f"{name} is {array.shape[1]}x{array.shape[0]}, the camera {width}x{height}")
    return array


def as_path(value: Any) -> Path:
    """Convert a path of a caller to `Path`.

    Raises:
        MetricDepthError: it is no path, or has a character that no file name has.
    """
    if not isinstance(value, (str, os.PathLike)) or "\0" in os.fsdecode(value):
        raise MetricDepthError(f"{value!r:.80} is no path of a file or folder; correct it")
    return Path(value)


def without_tensors(value: Any) -> Any:
    """Replace torch's tensors, of any kind and on any device, also in lists."""
    if isinstance(value, (list, tuple)):
        return [without_tensors(part) for part in value]
    return value.detach().cpu().double().numpy() if hasattr(value, "detach") else value
