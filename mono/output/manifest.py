"""The manifest of an output folder: which inputs are done, with what, and where their outputs are."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mono.output.atomic import write_bytes

logger = logging.getLogger(__name__)

STATUSES = ("ok", "failed")


class Manifest:
    """`manifest.jsonl` of an output folder: one JSON object a line, one line an input.

    A line is appended after all outputs of an input are complete, so a run may be killed at any moment: what the
    manifest lists is there, and a line cut short is dropped when the manifest is opened again.
    """

    def __init__(self, folder: Path, name: str = "manifest.jsonl") -> None:
        """Open the manifest in `folder`; neither has to exist. Damaged lines and repeated names are cleaned up.

        Processes that share a folder each have a manifest of another name.
        """
        self.folder = Path(folder)
        self.path = self.folder / name
        self._records: dict[str, dict[str, Any]] = {}
        data = self.path.read_bytes() if self.path.exists() else b""
        for number, line in enumerate(data.splitlines(), 1):
            record = _parse(line)
            if record is None:
                logger.warning("%s: line %d is incomplete and is dropped; its input is done again", self.path, number)
            else:
                self._records.pop(record["name"], None)
                self._records[record["name"]] = record
        if data != self._encoded():
            self._rewrite()

    @property
    def records(self) -> list[dict[str, Any]]:
        """The records in the order they were added, one a name."""
        return list(self._records.values())

    def get(self, name: str) -> dict[str, Any] | None:
        """The record of `name`, if there is one."""
        return self._records.get(name)

    def done(self, name: str, key: str) -> bool:
        """Whether `name` is done with the settings `key`, successfully, and all its outputs still exist."""
        record = self._records.get(name)
        if record is None or record["status"] != "ok" or record.get("key") != key:
            return False
        return all((self.folder / output).is_file() for output in _leaves(record.get("outputs", {})))

    def drop(self, names: Iterable[str]) -> None:
        """Forget `names`, as their outputs are about to be replaced; one rewriting for all of them.

        Without this, a run killed after it replaced an output would leave a record that vouches for the old one.
        """
        known = [name for name in names if self._records.pop(name, None) is not None]
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
        old = self._records.pop(record["name"], None)
        self._records[record["name"]] = json.loads(line)
        try:
            if old is None:
                self._append(line)
            else:
                self._rewrite()
        except OSError:
            del self._records[record["name"]]
            if old is not None:
                self._records[record["name"]] = old
            raise

    def _append(self, line: bytes) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.path, "ab", buffering=0) as file:
            start = file.seek(0, 2)
            try:
                if file.write(line) != len(line):
                    raise OSError(f"{self.path}: only a part of a line could be written; is the disk full?")
            except OSError:
                file.truncate(start)
                raise

    def _encoded(self) -> bytes:
        return b"".join(map(_encode, self._records.values()))

    def _rewrite(self) -> None:
        write_bytes(self.path, self._encoded())


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
