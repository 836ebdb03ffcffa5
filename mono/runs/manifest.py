"""The manifest of an output folder: which inputs are done, with what, and where their outputs are."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from mono.io.atomic import atomic_path

logger = logging.getLogger(__name__)

STATUSES = ("ok", "failed")


class _Place(NamedTuple):
    """Where a record's line lies in the file: its first byte, and its length with the line break [bytes]."""

    start: int
    length: int


class Manifest:
    """`manifest.jsonl` of an output folder: one JSON object a line, one line an input.

    A line is appended after all outputs of an input are complete, so a run may be killed at any moment: what the
    manifest lists is there, and a line cut short is dropped when the manifest is opened again.

    Records stay on disk: in memory is only where each one lies, some 200 bytes a name.
    """

    def __init__(self, folder: Path, name: str = "manifest.jsonl") -> None:
        """Open the manifest in `folder`; neither has to exist. Damaged lines and repeated names are cleaned up.

        Processes that share a folder each have a manifest of another name.
        """
        self.folder = Path(folder)
        self.path = self.folder / name
        self._places: dict[str, _Place] = {}
        if not self.path.exists():
            return
        clean, start = True, 0
        with open(self.path, "rb") as file:
            for number, line in enumerate(file, 1):
                record = _parse(line)
                if record is None:
                    message = "%s: line %d is incomplete and is dropped; its input is done again"
                    logger.warning(message, self.path, number)
                else:
                    clean &= self._places.pop(record["name"], None) is None
                    self._places[record["name"]] = _Place(start, len(line))
                clean &= record is not None and line.endswith(b"\n")
                start += len(line)
        if not clean:
            self._rewrite()

    @property
    def records(self) -> list[dict[str, Any]]:
        """The records in the order they were added, one a name, all of them at once."""
        return list(self.walk())

    def walk(self, names: Iterable[str] | None = None) -> Iterator[dict[str, Any]]:
        """The records of `names` that have one, in that order, one at a time; of all names in the order of adding."""
        places = self._places.values() if names is None else filter(None, map(self._places.get, names))
        if not self._places:
            return
        with open(self.path, "rb") as file:
            for place in places:
                yield json.loads(_line(file, place))

    def get(self, name: str) -> dict[str, Any] | None:
        """The record of `name`, if there is one."""
        return next(self.walk([name]), None)

    def done(self, name: str, key: str) -> bool:
        """Whether `name` is done with the settings `key`, successfully, and all its outputs still exist."""
        record = self.get(name)
        if record is None or record["status"] != "ok" or record.get("key") != key:
            return False
        return all((self.folder / output).is_file() for output in _leaves(record.get("outputs", {})))

    def drop(self, names: Iterable[str]) -> None:
        """Forget `names`, as their outputs are about to be replaced; one rewriting for all of them.

        Without this, a run killed after it replaced an output would leave a record that vouches for the old one.
        """
        known = [name for name in names if self._places.pop(name, None) is not None]
        if known:
            self._rewrite()

    def add(self, record: Mapping[str, Any]) -> None:
        """Add the record of an input; an older one of the same name is replaced.

        Args:
            record: JSON values: "input", "name" (unique within the folder), "status" ("ok" or "failed"), "key" (of
                the settings), "outputs" (paths relative to the folder; strings, or lists of them), and more.

        Raises:
            ValueError: "name" or "status" is missing or wrong, or a value is not JSON.
            OSError: the line cannot be written; the manifest is then as before.
        """
        if not isinstance(record.get("name"), str) or record.get("status") not in STATUSES:
            raise ValueError(f"manifest record needs a 'name' and a 'status' of {STATUSES}: {dict(record)!r}")
        line = _encode(record)
        if record["name"] not in self._places:
            self._places[record["name"]] = self._append(line)
            return
        former = dict(self._places)
        del self._places[record["name"]]
        try:
            self._rewrite(record["name"], line)
        except OSError:
            self._places = former
            raise

    def _append(self, line: bytes) -> _Place:
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.path, "ab", buffering=0) as file:
            start = file.seek(0, 2)
            try:
                if file.write(line) != len(line):
                    raise OSError(f"{self.path}: only a part of a line could be written; is the disk full?")
            except OSError:
                file.truncate(start)
                raise
        return _Place(start, len(line))

    def _rewrite(self, name: str = "", line: bytes = b"") -> None:
        """Writes the file anew with the lines that count, and one more after them."""
        places: dict[str, _Place] = {}
        with atomic_path(self.path) as temporary, open(self.path, "rb") as old, open(temporary, "wb") as new:
            for kept, place in self._places.items():
                places[kept] = _Place(new.tell(), new.write(_line(old, place)))
            if line:
                places[name] = _Place(new.tell(), new.write(line))
        self._places = places


def _line(file: BinaryIO, place: _Place) -> bytes:
    """A record's line, with a line break whether or not it had one."""
    file.seek(place.start)
    return file.read(place.length).rstrip(b"\r\n") + b"\n"


def _encode(record: Mapping[str, Any]) -> bytes:
    try:
        # ASCII, as file names may hold bytes that no other encoding can carry.
        return json.dumps(record, ensure_ascii=True, allow_nan=False).encode("ascii") + b"\n"
    except (TypeError, ValueError) as error:
        raise ValueError(f"manifest record of {record.get('name')!r} is not JSON: {error}") from error


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    if not isinstance(record, dict) or not isinstance(record.get("name"), str) or record.get("status") not in STATUSES:
        return None
    return record


def _leaves(outputs: Any) -> Iterator[str]:
    if isinstance(outputs, str):
        yield outputs
    elif isinstance(outputs, Mapping):
        for value in outputs.values():
            yield from _leaves(value)
    elif isinstance(outputs, (list, tuple)):
        for value in outputs:
            yield from _leaves(value)
