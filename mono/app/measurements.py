"""Measurements that the page asks for, and their table."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

from mono.inference.measurement import measure
from mono.inference.prediction import Prediction
from mono.system.checks import as_number
from mono.system.errors import MetricDepthError

_MAX_ITEMS = 200


def read_items(items: Any) -> list[dict[str, Any]]:
    """Check the measurements of a request or project.

    Args:
        items: value from JSON.

    Returns:
        Name, pixels [[x, y], ...] and `area` of each; names are cut to 80 characters.

    Raises:
        MetricDepthError: they are no list of such, or a coordinate is no finite number.
    """
    try:
        return [
            {
                "name": printable(item.get("name", ""), 80),
                "pixels": [[_coordinate(x), _coordinate(y)] for x, y in item["pixels"]],
                "area": bool(item.get("area", False)),
            }
            for item in items[:_MAX_ITEMS]
        ]
    except MetricDepthError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise MetricDepthError('measurements must be a list of {"name": …, "pixels": [[x, y], …]}') from error


def printable(text: object, most: int) -> str:
    """Cut a text; halves of characters, which JSON may hold, become question marks."""
    return str(text)[:most].encode("utf-8", "replace").decode()


def measured(prediction: Prediction, item: Mapping[str, Any]) -> dict[str, Any]:
    """Measure what an item of a request asks for; the answer holds lengths, or an error."""
    try:
        return {**item, **measure(prediction, item["pixels"], item["area"]).values()}
    except MetricDepthError as error:
        return {**item, "error": str(error)}


def measurements_csv(measurements: Sequence[dict[str, Any]]) -> bytes:
    """Write measurements as CSV, one a line; names that programs would take for formulas are quoted.

    Args:
        measurements: answers of `measured`; what could not be measured has its reason in the last column.
    """
    text = io.StringIO()
    columns = ("length", "straight", "horizontal", "vertical", "area")
    writer = csv.writer(text)
    heads = [
        *(f"{c} [{'m2' if c == 'area' else 'm'}]" for c in columns),
        "relative standard error",
        "points [px]",
        "error",
    ]
    writer.writerow(["name", *heads])
    for item in measurements:
        name = str(item["name"])
        values = [f"{item[c]:.4f}" if item.get(c, False) is not False else "" for c in (*columns, "relative_error")]
        pixels = " ".join(f"{x:g},{y:g}" for x, y in item["pixels"])
        writer.writerow([f"'{name}" if name[:1] in tuple("=+-@\t") else name, *values, pixels, item.get("error", "")])
    return text.getvalue().encode()


def _coordinate(value: Any) -> float:
    needed = "give two finite numbers [x, y]"
    found = as_number(value, "a coordinate of a pixel", needed)
    if not math.isfinite(found):
        raise MetricDepthError(f"a coordinate of a pixel is {found}; {needed}")
    return found
