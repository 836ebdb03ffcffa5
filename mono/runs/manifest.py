"""Manifest of an output folder: finished inputs, their settings and their outputs."""

from __future__ import annotations

import errno
import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from mono.io.atomic import atomic_path
from mono.runs.paths import is_output_path
from mono.system.errors import MetricDepthError, RunError
from mono.system.files import json_object

logger = logging.getLogger(__name__)

STATUSES = ("ok", "failed")
_LONGEST = 2**24  # [bytes] of a line; longer ones are damaged


class _Place(NamedTuple):
    """Position of a record's line in the file.

    Attributes:
        start: first byte.
        length: length with the line break [bytes].
    """

    start: int
    length: int


class Manifest:
    """Records of an output folder in `manifest.jsonl`, one JSON object per input.

    A line is appended after all outputs of an input are complete, so a run may be killed at any moment: listed outputs
    exist, and a line cut short is dropped when the manifest is opened again. The last line of a name counts; former
    ones are removed at the next opening.

    Records stay on disk: memory holds only their positions, some 200 bytes per name. Lines may come from anywhere:
    those with wrong types, or with outputs outside the folder, are dropped.
    """

    def __init__(self, folder: Path, name: str = "manifest.jsonl", *, clean: bool = True) -> None:
        """Open a manifest and clean it of damaged lines and repeated names.

        Args:
            folder: the output folder; need not exist.
            name: file name; processes that share a folder each use their own.
            clean: rewrite a file that has such lines; False: only skip them.

        Raises:
            RunError: the file is a link, or no file.
            OSError: the file cannot be read or rewritten.
        """
        self.folder = Path(folder)
        self.path = self.folder / name
        self._places: dict[str, _Place] = {}
        if self.path.is_symlink():
            raise RunError(f"{self.path}: is a link, and writing would change the file it leads to; remove it")
        if not self.path.exists():
            return
        if not self.path.is_file():
            raise RunError(f"{self.path}: is not a file; remove it, or choose another output folder")
        as_is, start, dropped = True, 0, []
        with open(self.path, "rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(_LONGEST), b""), 1):
                record = _parse(line)
                if record is None:
                    dropped.append(number)
                else:
                    as_is &= self._places.pop(record["name"], None) is None
                    self._places[record["name"]] = _Place(start, len(line))
                as_is &= record is not None and line.endswith(b"\n")
                start += len(line)
        if dropped:
            message = "%s: %d incomplete or malformed lines are dropped (the first is line %d); their inputs are new"
            logger.warning(message, self.path, len(dropped), dropped[0])
        if clean and not as_is:
            self._rewrite()

    @property
    def records(self) -> list[dict[str, Any]]:
        """Return the records in the order they were added, all in memory."""
        return list(self.walk())

    def __contains__(self, name: str) -> bool:
        """Tell whether there is a record of `name`."""
        return name in self._places

    def walk(self, names: Iterable[str] | None = None) -> Iterator[dict[str, Any]]:
        """Iterate over records, reading one at a time.

        Args:
            names: inputs to return, in this order, where they have a record; None: all, in the order of adding.
        """
        places = self._places.values() if names is None else filter(None, map(self._places.get, names))
        if not self._places:
            return
        with open(self.path, "rb") as file:
            for place in places:
                yield json.loads(_line(file, place))

    def get(self, name: str) -> dict[str, Any] | None:
        """Return the record of `name`, or None."""
        return next(self.walk([name]), None)

    def drop(self, names: Iterable[str]) -> None:
        """Forget inputs whose outputs are about to be replaced, in one rewriting.

        Without this, a run killed after it replaced an output would leave a record that vouches for the old one.
        """
        known = [name for name in names if self._places.pop(name, None) is not None]
        if known:
            self._rewrite()

    def add(self, record: Mapping[str, Any]) -> None:
        """Append the record of an input, which replaces an older one of the same name.

        Args:
            record: JSON values: "input", "name" (unique within the folder), "status" ("ok" or "failed"), "key" (of
                the settings), "outputs" (paths relative to the folder; strings, or lists of them), and more.

        Raises:
            MetricDepthError: "name" or "status" is missing or wrong, or a value is not JSON.
            OSError: the line cannot be written; the manifest is then as before.
        """
        if problem := _problem(record):
            raise MetricDepthError(f"manifest record: {problem}: {dict(record)!r}")
        place = self._append(_encode(record))
        self._places.pop(record["name"], None)
        self._places[record["name"]] = place

    def _append(self, line: bytes) -> _Place:
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.path, "ab", buffering=0) as file:
            start = file.seek(0, 2)
            try:
                if file.write(line) != len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
            except OSError:
                file.truncate(start)
                raise
        return _Place(start, len(line))

    def _rewrite(self) -> None:
        """Write the file anew with the lines that count."""
        places: dict[str, _Place] = {}
        with atomic_path(self.path) as temporary, open(self.path, "rb") as old, open(temporary, "wb") as new:
            for kept, place in self._places.items():
                places[kept] = _Place(new.tell(), new.write(_line(old, place)))
        self._places = places


def _line(file: BinaryIO, place: _Place) -> bytes:
    """Read a record's line, with a line break even where the file lacks it."""
    file.seek(place.start)
    return file.read(place.length).rstrip(b"\r\n") + b"\n"


def _encode(record: Mapping[str, Any]) -> bytes:
    try:
        # ASCII, as file names may hold bytes that no other encoding can carry.
        return json.dumps(record, ensure_ascii=True, allow_nan=False).encode("ascii") + b"\n"
    except (TypeError, ValueError) as error:
        raise MetricDepthError(f"manifest record of {record.get('name')!r} is not JSON: {error}") from error


def _parse(line: bytes) -> dict[str, Any] | None:
    record = json_object(line)
    return None if record is None or _problem(record) else record


def _is_text(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value


def _is_outputs(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    lists = [paths if isinstance(paths, list) else [paths] for paths in value.values()]
    return all(is_output_path(path) for paths in lists for path in paths)


def _is_numbers(value: object) -> bool:
    return isinstance(value, list) and all(type(v) in (int, float) and -1e300 < v < 1e300 for v in value)


_FIELDS: dict[str, Callable[[object], bool]] = {
    "input": _is_text,
    "path": _is_text,
    "key": _is_text,
    "error": _is_text,
    "camera_source": _is_text,
    "ground_truth_checksum": _is_text,
    "outputs": _is_outputs,
    "beyond_range": lambda value: type(value) is int and 0 <= value < 2**53,
    "focal_error": lambda value: type(value) in (int, float) and 0 <= value < 1e300,  # type: ignore[operator]
    "settings": lambda value: isinstance(value, dict) and all(map(_is_text, value.values())),
    "intrinsics": lambda value: _is_numbers(value) and len(value) == 4,  # type: ignore[arg-type]
    "size": lambda value: _is_numbers(value) and len(value) == 2,  # type: ignore[arg-type]
}


def _problem(record: Mapping[str, Any]) -> str:
    """Explain why a record is malformed; empty where it is not."""
    if not _is_text(record.get("name")) or record.get("status") not in STATUSES:
        return f'it needs a "name" and a "status" of {STATUSES}'
    if record["status"] == "ok" and "outputs" not in record:
        return 'it needs "outputs"'
    wrong = [field for field, valid in _FIELDS.items() if field in record and not valid(record[field])]
    return f'its "{wrong[0]}" is malformed' if wrong else ""
