"""Requests to the app: bodies within a size, and the numbers in them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from mono.app.photos import MAX_UPLOAD
from mono.system.errors import MetricDepthError


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
    async for part in request.stream():
        data += part
        if len(data) > most:
            raise too_large
    return bytes(data)


def number(values: Mapping[str, Any], name: str) -> float | None:
    """Return a number of a request; None where it is left out."""
    value = values.get(name)
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        raise MetricDepthError(f"{name} is {value!r:.40}; it must be a number") from None


async def read_values(request: Request) -> dict[str, Any]:
    """Read the focal length, the scale and the measurements of a request."""
    wrong = 'the body must be JSON: {"focal_px": …, "scale": …, "measurements": [{"name": …, "pixels": [[x, y], …]}]}'
    try:
        values = json.loads(await read_body(request, 1_000_000))
        items = [
            {
                "name": str(item.get("name", ""))[:80],
                "pixels": [[float(x), float(y)] for x, y in item["pixels"]],
                "area": bool(item.get("area", False)),
            }
            for item in values.get("measurements", [])[:200]
        ]
        numbers = {"focal_px": number(values, "focal_px"), "scale": number(values, "scale") or 1.0}
    except Refused:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise MetricDepthError(wrong) from error
    return {**numbers, "measurements": items}
