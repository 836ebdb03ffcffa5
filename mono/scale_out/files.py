"""Folders of images, read in units of many, and folders of results, written."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from mono.data.sample import unique_names
from mono.io.images import MAX_FILE_BYTES
from mono.scale_out.samples import ShardSample, key_problem, result_files

_NAME_ERRORS = (errno.ENAMETOOLONG, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.EINVAL)


def key_of(name: str) -> str:
    """Return the key of a file: its path without suffix, with "_" for dots, since the first dot ends a tar's key."""
    return name.rpartition(".")[0].replace(".", "_")


def read_files(folder: Path, names: Sequence[str]) -> Iterator[ShardSample]:
    """Read images of a folder one after another.

    The key is that of `key_of`; images that would share one keep their suffix, as in "a_jpg" and "a_png", or get a
    hash. A JSON file with the image's name may hold "intrinsics" or "fx".

    Args:
        folder: the folder.
        names: paths of images and their JSON files in it.

    Yields:
        Samples in the order of `names`, with the problem of those that cannot be used.
    """
    seen: set[str] = set()
    tables = {name.rpartition(".")[0]: name for name in names if name.lower().endswith(".json")}
    images = [name for name in names if not name.lower().endswith(".json")]
    keys = unique_names([(key_of(name) + PurePosixPath(name).suffix, name) for name in images])
    for name, key in zip(images, keys, strict=True):
        path, stem = folder / name, name.rpartition(".")[0]
        problem = key_problem(key, seen)
        writable = not problem
        data, metadata = None, {}
        try:
            if not problem and path.stat().st_size > MAX_FILE_BYTES:
                problem = f"{name} is a file of more than 1.1 GB"
            if not problem and not path.is_file():
                problem = f"{name} is not a regular file"
            if not problem:
                data, metadata = path.read_bytes(), _metadata(folder / tables[stem]) if stem in tables else {}
        except OSError as error:
            problem = f"{name} cannot be read ({error.strerror}); check the file"
        except (ValueError, RecursionError):
            problem = f"{tables[stem]} is not valid JSON; write it again"
        yield ShardSample(key, data, metadata.get("intrinsics"), metadata.get("fx"), problem, writable)


def _metadata(path: Path) -> dict[str, Any]:
    values = json.loads(path.read_bytes())
    return values if isinstance(values, dict) else {}


class FolderWriter:
    """Writer of the files of rows into a folder."""

    def __init__(self, path: Path, depth_scale: int) -> None:
        """Make the folder.

        Args:
            path: path of the folder.
            depth_scale: stored value of one meter, for the JSON files.

        Raises:
            OSError: the folder cannot be made.
        """
        path.mkdir(parents=True, exist_ok=True)
        self._path, self._depth_scale = path, depth_scale

    def write(self, rows: list[dict[str, Any]]) -> None:
        """Write the files of rows; see `RowWriter`."""
        for row in rows:
            for name, data in result_files(row, self._depth_scale) if row["writable"] else ():
                try:
                    (self._path / name).parent.mkdir(parents=True, exist_ok=True)
                    (self._path / name).write_bytes(data)
                except OSError as error:
                    if error.errno not in _NAME_ERRORS:
                        raise
                    row["error"] = "its name is too long, or a file of another sample is in its way; rename it"
                    break

    def close(self) -> None:
        """Do nothing: all files are complete."""
