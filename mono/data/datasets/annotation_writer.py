"""What builders make: the entries of an annotation file, and the file itself."""

from __future__ import annotations

import json
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
    """A dataset cannot be annotated. The message names the file or folder, what is wrong with it and what to do."""


@dataclass(frozen=True)
class Entry:
    """An entry of an annotation file.

    Attributes:
        rgb: the image.
        depth: its ground truth; None if there is none.
        depth_scale: stored value of one metre; None: the depth map carries its scale, or is in metres.
        intrinsics: (fx, fy, cx, cy) [px]; None if unknown.
    """

    rgb: Path
    depth: Path | None = None
    depth_scale: float | None = None
    intrinsics: Intrinsics | None = None


@dataclass(frozen=True)
class Annotated:
    """A dataset as a builder found it: its entries, and what is worth saying about them, a line each."""

    entries: tuple[Entry, ...]
    notes: tuple[str, ...] = ()


def write_annotations(path: str | os.PathLike[str], entries: Iterable[Entry]) -> None:
    """Write an annotation file, whole or not at all, an entry a line, with paths relative to its folder.

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
        if entry.intrinsics is not None:
            content["cam_in"] = [_plain(number) for number in entry.intrinsics]
        lines.append("  " + json.dumps(content, ensure_ascii=False))
    write_bytes(path, ('{"files": [\n' + ",\n".join(lines) + "\n]}\n").encode())


def _seen_from(folder: Path, path: Path) -> str:
    """The path relative to the folder; absolute where a link on the way would lead it astray, or on another drive."""
    try:
        relative = os.path.relpath(path.absolute(), folder)
    except ValueError:
        return path.absolute().as_posix()
    return Path(relative if (folder / relative).exists() else path.absolute()).as_posix()


def _plain(number: float) -> float:
    return int(number) if float(number).is_integer() else float(number)


def iterate(items: Sequence[Any]) -> Iterable[Any]:
    """The items as they are: progress that is not shown."""
    return items


def require_folder(path: Path, what: str) -> Path:
    """The folder itself.

    Raises:
        DatasetError: it is not there.
    """
    if not path.is_dir():
        raise DatasetError(f"{path}: there is no such folder; {what}")
    return path


def read_lines(path: Path, what: str) -> list[tuple[int, str]]:
    """The lines of a text file with their numbers (from 1), without empty ones and comments (#).

    Raises:
        DatasetError: the file is missing, or is not text.
    """
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise DatasetError(f"{path}: there is no such file; {what}") from None
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: is not text; {what}") from error
    lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), 1))
    return [(number, line) for number, line in lines if line and not line.startswith("#")]


def read_numbers(path: Path, what: str) -> list[float]:
    """All numbers of a text file, whether parted by spaces, commas or lines.

    Raises:
        DatasetError: the file is missing, or holds something else than numbers.
    """
    words = " ".join(line for _, line in read_lines(path, what)).replace(",", " ").split()
    try:
        return [float(word) for word in words]
    except ValueError as error:
        raise DatasetError(f"{path}: holds something else than numbers ({error}); {what}") from error


def some(paths: Sequence[object], shown: int = 3) -> str:
    """The first of many, for a message."""
    more = f" and {len(paths) - shown} more" if len(paths) > shown else ""
    return ", ".join(str(path) for path in paths[:shown]) + more
