"""Entries of annotation files, and the writer of these files."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mono.io.atomic import write_bytes
from mono.system.errors import MetricDepthError

Intrinsics = tuple[float, float, float, float]
Progress = Callable[[Sequence[Any]], Iterable[Any]]


class DatasetError(MetricDepthError):
    """Dataset that cannot be annotated."""


@dataclass(frozen=True)
class Entry:
    """Entry of an annotation file.

    Attributes:
        rgb: image file.
        depth: ground-truth depth file, or None.
        depth_scale: stored value of one meter; None: the depth map carries its scale, or stores meters.
        intrinsics: (fx, fy, cx, cy) [px], or None.
        depth_kind: "z" (along the optical axis) or "ray" (along the pixel's ray).
        depth_invalid: stored values that mean "no depth", besides 0; None: unknown.
    """

    rgb: Path
    depth: Path | None = None
    depth_scale: float | None = None
    intrinsics: Intrinsics | None = None
    depth_kind: str = "z"
    depth_invalid: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Annotated:
    """Annotated dataset.

    Attributes:
        entries: entries of the annotation file.
        notes: counts and omissions for the user, a line each.
    """

    entries: tuple[Entry, ...]
    notes: tuple[str, ...] = ()


def write_annotations(path: str | os.PathLike[str], entries: Iterable[Entry]) -> None:
    """Write an annotation file atomically, with relative paths.

    Args:
        path: file to write; paths in it are relative to its folder.
        entries: entries in order; one line each.

    Raises:
        OSError: the file cannot be written.
    """
    path = Path(path).absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    for entry in entries:
        content: dict[str, Any] = {"rgb": _seen_from(path.parent, entry.rgb)}
        if entry.depth is not None:
            content["depth"] = _seen_from(path.parent, entry.depth)
            if entry.depth_scale is not None:
                content["depth_scale"] = _plain(entry.depth_scale)
            if entry.depth_kind != "z":
                content["depth_kind"] = entry.depth_kind
            if entry.depth_invalid is not None:
                content["depth_invalid"] = [_plain(value) for value in entry.depth_invalid]
        if entry.intrinsics is not None:
            content["cam_in"] = [_plain(number) for number in entry.intrinsics]
        lines.append("  " + json.dumps(content, ensure_ascii=False))
    write_bytes(path, ('{"files": [\n' + ",\n".join(lines) + "\n]}\n").encode())


def _seen_from(folder: Path, path: Path) -> str:
    """Return a relative path; absolute across links and drives."""
    try:
        relative = os.path.relpath(path.absolute(), folder)
    except ValueError:
        return path.absolute().as_posix()
    return Path(relative if (folder / relative).exists() else path.absolute()).as_posix()


def _plain(number: float) -> float:
    return int(number) if float(number).is_integer() else float(number)


def iterate(items: Sequence[Any]) -> Iterable[Any]:
    """Return the items unchanged, without a progress bar."""
    return items


def require_folder(path: Path, what: str) -> Path:
    """Return the folder if it exists.

    Args:
        path: folder.
        what: remedy for the message.

    Raises:
        DatasetError: there is no such folder.
    """
    if not path.is_dir():
        raise DatasetError(f"{path}: there is no such folder; {what}")
    return path


def read_lines(path: Path, what: str) -> list[tuple[int, str]]:
    """Read numbered lines of a text file, without comments.

    Args:
        path: text file.
        what: remedy for messages.

    Returns:
        (number from 1, line) without empty lines and lines that begin with #.

    Raises:
        DatasetError: the file is missing, not a regular file, or not text.
    """
    try:
        if path.exists() and not path.is_file():
            raise DatasetError(f"{path}: is no regular file; {what}")
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise DatasetError(f"{path}: there is no such file; {what}") from None
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: is not text; {what}") from error
    lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), 1))
    return [(number, line) for number, line in lines if line and not line.startswith("#")]


def read_numbers(path: Path, what: str) -> list[float]:
    """Read all numbers of a text file.

    Spaces, commas and ends of lines separate numbers.

    Args:
        path: text file.
        what: remedy for messages.

    Raises:
        DatasetError: the file is missing, or holds something else than finite numbers.
    """
    words = " ".join(line for _, line in read_lines(path, what)).replace(",", " ").split()
    if wrong := next((word for word in words if not _is_number(word)), None):
        raise DatasetError(f'{path}: "{wrong[:40]}" is no finite number; {what}')
    return [float(word) for word in words]


def _is_number(word: str) -> bool:
    try:
        return math.isfinite(float(word))
    except ValueError:
        return False


def some(paths: Sequence[object], shown: int = 3) -> str:
    """List the first items and count the rest."""
    more = f" and {len(paths) - shown} more" if len(paths) > shown else ""
    return ", ".join(str(path) for path in paths[:shown]) + more
