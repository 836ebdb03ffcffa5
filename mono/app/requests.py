"""Requests to the app: bodies within a size, and the numbers in them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from starlette.requests import ClientDisconnect, Request

from mono.app.measurements import read_items
from mono.app.photos import MAX_UPLOAD
from mono.system.errors import MetricDepthError
from mono.system.files import json_object


class Refused(MetricDepthError):
    """Reports a request that is refused, with its HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        """Keep the status with the message."""
        super().__init__(message)
        self.status = status


async def read_body(request: Request, most: int = MAX_UPLOAD) -> bytes:
    """Read the body of a request, unless it has more than `most` bytes."""
    too_large = Refused(413, f"the file has more than {most / 1e6:g} MB; make it smaller first")
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and len(length) < 20 and int(length) > most:
        raise too_large
    data = bytearray()
    try:
        async for part in request.stream():
            data += part
            if len(data) > most:
                raise too_large
    except ClientDisconnect as error:  # nobody reads the answer, but the log stays free of a traceback
        raise Refused(400, "the upload was broken off; send the file again") from error
    return bytes(data)


def focal_and_scale(values: Mapping[str, Any]) -> tuple[float | None, float]:
    """Return the focal length and the scale of a request; None and 1 where they are left out."""
    scale = number(values, "scale")
    return number(values, "focal_px"), 1.0 if scale is None else scale


def number(values: Mapping[str, Any], name: str) -> float | None:
    """Return a finite number of a request; None where it is left out."""
    value = values.get(name)
    if value is None:
        return None
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise MetricDepthError(f"{name} is {value!r:.40}; it must be a finite number")
    return found


async def read_values(request: Request) -> dict[str, Any]:
    """Read the focal length, the scale and the measurements of a request."""
    wrong = 'the body must be JSON: {"focal_px": …, "scale": …, "measurements": [{"name": …, "pixels": [[x, y], …]}]}'
    body = await read_body(request, 1_000_000)
    values = json_object(body)
    if values is None:
        raise MetricDepthError(wrong)
    focal_px, scale = focal_and_scale(values)
    return {"focal_px": focal_px, "scale": scale, "measurements": read_items(values.get("measurements", []))}
