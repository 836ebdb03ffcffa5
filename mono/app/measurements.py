"""Measurements that the page asks for, and their table."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from mono.inference.measurement import measure
from mono.inference.prediction import Prediction
from mono.system.errors import MetricDepthError


def measured(prediction: Prediction, item: Mapping[str, Any]) -> dict[str, Any]:
    """Measure what an item of a request asks for; the answer holds lengths, or an error."""
    try:
        return {**item, **measure(prediction, item["pixels"], item["area"]).values()}
    except MetricDepthError as error:
        return {**item, "error": str(error)}


def measurements_csv(measurements: Sequence[dict[str, Any]]) -> bytes:
    """Write measurements as CSV, one a line; names that programs would take for formulas are quoted."""
    text = io.StringIO()
    columns = ("length", "straight", "horizontal", "vertical", "area")
    writer = csv.writer(text)
    heads = [*(f"{c} [{'m2' if c == 'area' else 'm'}]" for c in columns), "relative standard error", "points [px]"]
    writer.writerow(["name", *heads])
    for item in measurements:
        name = str(item["name"])
        values = [f"{item[c]:.4f}" if item.get(c, False) is not False else "" for c in (*columns, "relative_error")]
        pixels = " ".join(f"{x:g},{y:g}" for x, y in item["pixels"])
        writer.writerow([f"'{name}" if name[:1] in tuple("=+-@\t") else name, *values, pixels])
    return text.getvalue().encode()
