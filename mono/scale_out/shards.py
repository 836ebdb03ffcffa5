"""Tar shards in the layout of WebDataset and img2dataset: reading of samples and writing of results."""

from __future__ import annotations

import io
import json
import lzma
import math
import posixpath
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any

from mono.io.images import IMAGE_SUFFIXES, MAX_FILE_BYTES
from mono.scale_out.mapper import RESULT_COLUMNS
from mono.system.errors import MetricDepthError

SHARD_SUFFIXES = (".tar", ".tar.gz", ".tgz")
_BLOCK = 512
_DAMAGE = (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, UnicodeError, ValueError, OverflowError)
_MEMBERS = {"depth": "depth.png", "mask": "mask.png"}


class ShardError(MetricDepthError):
    """Error of a shard that cannot be used, naming file, cause and remedy."""


@dataclass(frozen=True)
class ShardSample:
    """Sample of a shard: files of one key.

    Attributes:
        key: path of the files without suffixes.
        image: bytes of the image file; None if there is none.
        intrinsics: (fx, fy, cx, cy) or 3x3 matrix [px] of its JSON file, or None.
        fx: focal length of its JSON file [px], or None.
        problem: reason for which the sample cannot be used, or "".
        writable: the key can name files of an output shard.
    """

    key: str
    image: bytes | None = None
    intrinsics: Any = None
    fx: Any = None
    problem: str = ""
    writable: bool = True


@dataclass
class _Group:
    key: str
    suffixes: list[str] = field(default_factory=list)
    image: bytes | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    problem: str = ""


def read_shard(path: Path) -> Iterator[ShardSample]:
    """Read the samples of a shard one after another.

    Files are grouped by their path up to the first dot of the name; a sample's files stand together. Its image is the
    file with the suffix of an image; `KEY.json` may hold "intrinsics" or "fx". Files without key or suffix are left
    out. Nothing is extracted.

    Args:
        path: tar file, or compressed tar file.

    Yields:
        Samples in the order of the file, with the problem of those that cannot be used.

    Raises:
        ShardError: the file is missing, no tar, damaged or cut short; samples before the damage were yielded.
    """
    seen: set[str] = set()
    count = 0
    try:
        with path.open("rb") as file, tarfile.open(fileobj=file, mode="r:*") as tar:
            group: _Group | None = None
            for member in tar:
                tar.members = []  # type: ignore[attr-defined]  # else every header of the file stays in memory
                name = PurePosixPath(member.name).name
                stem, dot, suffix = name.partition(".")
                if not member.isfile() or not (stem and dot and suffix):
                    continue
                key = posixpath.join(posixpath.dirname(member.name), stem)
                if group is None or group.key != key:
                    if group is not None:
                        yield _sample(group, seen)
                        count += 1
                    group = _Group(key)
                _add(group, suffix.lower(), member, tar)
            if group is not None:
                yield _sample(group, seen)
                count += 1
            _check_end(tar)
    except FileNotFoundError:
        raise ShardError(f"{path}: there is no such shard; check the path") from None
    except _DAMAGE as error:
        if count or "unexpected end" in str(error) or "truncated" in str(error):
            raise _cut_short(path, count) from error
        raise ShardError(f"{path}: is not a tar file, or is damaged; copy or download it again") from error
    except _EndMissing:
        raise _cut_short(path, count) from None
    except OSError as error:
        raise ShardError(f"{path}: cannot be read ({error.strerror or error}); copy or download it again") from error


class _EndMissing(Exception):
    """Archive that stops without its end marker."""


def _check_end(tar: tarfile.TarFile) -> None:
    """Refuse archives that stop without their end marker: `tarfile` takes a cut there for the end."""
    file: IO[bytes] = tar.fileobj  # type: ignore[assignment]
    file.seek(tar.offset)
    if file.read(_BLOCK) != bytes(_BLOCK):
        raise _EndMissing


def _cut_short(path: Path, count: int) -> ShardError:
    return ShardError(f"{path}: is cut short or damaged after {count} samples; copy or download it again")


def _add(group: _Group, suffix: str, member: tarfile.TarInfo, tar: tarfile.TarFile) -> None:
    if suffix in group.suffixes:
        group.problem = f"the shard holds {group.key}.{suffix} twice; write each file once"
        return
    group.suffixes.append(suffix)
    is_image = f".{suffix}" in IMAGE_SUFFIXES and group.image is None
    if not is_image and suffix != "json":
        return
    if member.size > MAX_FILE_BYTES:
        group.problem = f"{group.key}.{suffix} is a file of {member.size / 1e9:.1f} GB, more than 1.1 GB"
        return
    content = tar.extractfile(member)
    data = content.read() if content else b""
    if len(data) != member.size:
        raise tarfile.ReadError("unexpected end of data")
    if is_image:
        group.image = data
        return
    try:
        metadata = json.loads(data)
    except (ValueError, RecursionError):
        group.problem = f"{group.key}.json is not valid JSON; write it again"
        return
    group.metadata = metadata if isinstance(metadata, dict) else {}


def _sample(group: _Group, seen: set[str]) -> ShardSample:
    key, problem = group.key, group.problem
    parts = PurePosixPath(key).parts
    unsafe = ".." in parts or key.startswith("/") or any(ord(c) < 32 or 0xD800 <= ord(c) < 0xE000 for c in key)
    if unsafe:
        problem = "its name leaves the folder or has characters that are no text; rename it"
    elif key in seen:
        problem, unsafe = "the key occurs twice in the shard; give each sample its own key", True
    elif not problem and group.image is None:
        problem = f"there is no image, only {', '.join(sorted(group.suffixes))}; add KEY.jpg or KEY.png"
    seen.add(key)
    metadata = group.metadata
    intrinsics = metadata.get("intrinsics")
    return ShardSample(key, group.image, intrinsics, metadata.get("fx"), problem, writable=not unsafe)


class ShardWriter:
    """Writer of a result shard and of its Parquet index, row by row."""

    def __init__(self, tar: Path, index: Path, depth_scale: int) -> None:
        """Open both files.

        Args:
            tar: path of the tar file.
            index: path of the Parquet file.
            depth_scale: stored value of one meter, for the JSON files.

        Raises:
            MetricDepthError: pyarrow is not installed.
            OSError: a file cannot be written.
        """
        try:
            import pyarrow
            import pyarrow.parquet
        except ModuleNotFoundError:
            raise MetricDepthError(
                "the index of a shard needs the package pyarrow: pip install 'metricdepth[webdataset]'"
            ) from None
        types = {int: pyarrow.int64(), float: pyarrow.float64(), str: pyarrow.string()}
        fields = [("key", pyarrow.string()), *((n, types[t]) for n, t in RESULT_COLUMNS.items() if t is not bytes)]
        self._schema = pyarrow.schema(fields)
        self._table, self._depth_scale = pyarrow.Table, depth_scale
        self._tar = tarfile.open(tar, "w", format=tarfile.PAX_FORMAT)  # noqa: SIM115
        self._index = pyarrow.parquet.ParquetWriter(index, self._schema)

    def write(self, rows: list[dict[str, Any]]) -> None:
        """Write rows: their columns "key", "writable" and `RESULT_COLUMNS`.

        Raises:
            OSError: the disk is full.
        """
        plain = [{name: _or_none(row[name]) for name in self._schema.names} for row in rows]
        self._index.write_table(
            self._table.from_pylist(
                [values | {"key": values["key"].encode("utf-8", "replace").decode()} for values in plain], self._schema
            )
        )
        for row, values in zip(rows, plain, strict=True):
            if not row["writable"]:
                continue
            for column, suffix in _MEMBERS.items():
                if row[column]:
                    self._add(f"{row['key']}.{suffix}", row[column])
            record: Mapping[str, Any] = values if values["error"] else values | {"depth_scale": self._depth_scale}
            self._add(f"{row['key']}.json", (json.dumps(record) + "\n").encode())

    def close(self) -> None:
        """Write the ends of both files; closing again does nothing.

        Raises:
            OSError: the disk is full.
        """
        self._tar.close()
        self._index.close()

    def _add(self, name: str, data: bytes) -> None:
        member = tarfile.TarInfo(name)  # dated 1970, so that the bytes do not depend on the clock
        member.size = len(data)
        self._tar.addfile(member, io.BytesIO(data))


def _or_none(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value
