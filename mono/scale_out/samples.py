"""Samples of shards: what readers yield, and what writers are given."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Protocol

from mono.scale_out.mapper import RESULT_COLUMNS
from mono.system.errors import MetricDepthError

PLAIN_COLUMNS = tuple(name for name, kind in RESULT_COLUMNS.items() if kind is not bytes)
TWICE = "the key occurs twice in the shard; give each sample its own key"
_MEMBERS = {"depth": "depth.png", "mask": "mask.png"}
RESULT_SUFFIXES = (*(f".{suffix}" for suffix in _MEMBERS.values()), ".json")


class ShardError(MetricDepthError):
    """Error of a shard that cannot be used, naming file, cause and remedy."""


@dataclass(frozen=True)
class ShardSample:
    """Sample of a shard: an image with its camera, under a key.

    Attributes:
        key: name of the sample, a path without suffix.
        image: bytes of the image file; None if there is none.
        intrinsics: (fx, fy, cx, cy) or 3x3 matrix [px], or None.
        fx: focal length [px], or None.
        problem: reason for which the sample cannot be used, or "".
        writable: the key can name files.
    """

    key: str
    image: bytes | None = None
    intrinsics: Any = None
    fx: Any = None
    problem: str = ""
    writable: bool = True


class RowWriter(Protocol):
    """Writer of rows with the columns "key", "writable" and `RESULT_COLUMNS`."""

    def write(self, rows: list[dict[str, Any]]) -> None:
        """Write rows; one that cannot be written gets the reason in "error".

        Raises:
            OSError: the disk is full.
        """

    def close(self) -> None:
        """Complete the files; closing again does nothing.

        Raises:
            OSError: the disk is full.
        """


def file_stem(key: str) -> str:
    """Return the path of a key's files without suffix: "_" stands for dots in the name, whose first would end it."""
    folder, slash, name = key.rpartition("/")
    return f"{folder}{slash}{name.replace('.', '_')}"


def key_problem(key: str, seen: set[str]) -> str:
    """Explain why a key cannot name files, or return ""; `seen` collects the keys of the shard."""
    if not key:
        return "it has no key; name its file KEY.jpg"
    parts = PurePosixPath(key).parts
    if ".." in parts or key.startswith("/") or any(ord(c) < 32 or 0xD800 <= ord(c) < 0xE000 for c in key):
        return f"{key!a:.200}: its name leaves the folder or has characters that are no text; rename it"
    path = str(PurePosixPath(file_stem(key)))  # "./a" and "a" are one file
    if path in seen:
        return TWICE
    seen.add(path)
    return ""


def plain_values(row: dict[str, Any]) -> dict[str, Any]:
    """Collect what a row holds but for images, with None for missing numbers."""
    values = {name: row[name] for name in ("key", *PLAIN_COLUMNS)}
    return {name: None if isinstance(v, float) and math.isnan(v) else v for name, v in values.items()}


def result_files(row: dict[str, Any], depth_scale: int) -> Iterator[tuple[str, bytes]]:
    """Name the files of a row, and their contents."""
    stem = file_stem(row["key"])
    for column, suffix in _MEMBERS.items():
        if row[column]:
            yield f"{stem}.{suffix}", row[column]
    record = plain_values(row)
    record = record if record["error"] else record | {"depth_scale": depth_scale}
    yield f"{stem}.json", (json.dumps(record) + "\n").encode()
