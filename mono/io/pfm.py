"""Portable float maps (PFM)."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from mono.system.errors import MetricDepthError

_HEADER = re.compile(rb"^Pf\s+(\d{1,7})\s+(\d{1,7})\s+([-+.\deE]{1,20})[ \t\r]*\n")
_LARGEST = 1 << 27


class PfmError(MetricDepthError):
    """Error of a PFM file; the message completes "FILE: "."""


def read_pfm(path: Path) -> np.ndarray:
    """Read a PFM of one channel.

    Args:
        path: file.

    Returns:
        (H, W) float32, top row first.

    Raises:
        PfmError: the file is no PFM of one channel, or is cut short.
    """
    with path.open("rb") as file:
        head = file.read(128)
        if head[:2] == b"PF":
            raise PfmError("is a color PFM (PF), not depth; write one channel (Pf)")
        match = _HEADER.match(head)
        if match is None:
            raise PfmError("is not a PFM of one channel (Pf, width, height, scale); write it again")
        width, height = int(match[1]), int(match[2])
        try:
            little = float(match[3]) < 0
        except ValueError:
            raise PfmError("has no scale in its header; write it again") from None
        if not 0 < width * height <= _LARGEST:
            raise PfmError(f"is {width}x{height} pixels, more than 134 megapixels or none; make it smaller")
        file.seek(match.end())
        data = file.read(4 * width * height)
    if len(data) < 4 * width * height:
        raise PfmError("is cut short; write it again")
    values = np.frombuffer(data, "<f4" if little else ">f4").reshape(height, width)
    return values[::-1].astype(np.float32)
