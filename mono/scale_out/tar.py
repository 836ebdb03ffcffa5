"""Tar shards in the layout of WebDataset and img2dataset, read and written."""

from __future__ import annotations

import io
import json
import lzma
import posixpath
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any

from mono.io.images import IMAGE_SUFFIXES, MAX_FILE_BYTES
from mono.scale_out.samples import ShardError, ShardSample, key_problem, result_files

TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz")
_BLOCK = 512
_CHUNK = 1 << 20
_DAMAGE = (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, UnicodeError, ValueError, OverflowError)


@dataclass
class _Group:
    key: str
    suffixes: list[str] = field(default_factory=list)
    image: bytes | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    problem: str = ""


def read_tar(path: Path) -> Iterator[ShardSample]:
    """Read the samples of a shard one after another.

    Files are grouped by their path up to the first dot of the name; a sample's files stand together. Its image is the
    file with the suffix of an image; `KEY.json` may hold "intrinsics" or "fx". Files without suffix are left out; an
    image without key, or that is a link, is a sample with a problem. Nothing is extracted.

    Args:
        path: tar file, or compressed tar file.

    Yields:
        Samples in the order of the file, with the problem of those that cannot be used.

    Raises:
        ShardError: the file is missing, no tar, damaged, cut short or several; samples before that were yielded.
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
                is_image = f".{suffix.lower()}" in IMAGE_SUFFIXES
                is_read = member.isfile() or (not member.isdir() and (is_image or suffix.lower() == "json"))
                if not is_read or not (dot and suffix) or not (stem or is_image):
                    continue
                key = posixpath.join(posixpath.dirname(member.name), stem) if stem else ""
                if group is None or group.key != key or not key:
                    if group is not None:
                        yield _sample(group, seen)
                        count += 1
                    group = _Group(key)
                _add(group, suffix.lower(), member, tar)
            if group is not None:
                yield _sample(group, seen)
                count += 1
            _check_end(tar, path)
    except ShardError:
        raise
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


def _check_end(tar: tarfile.TarFile, path: Path) -> None:
    """Refuse archives that stop without their end marker, which `tarfile` takes for the end, or go on after it.

    What follows is read to the last byte: there compressed files have the checksum of all before.
    """
    file: IO[bytes] = tar.fileobj  # type: ignore[assignment]
    file.seek(tar.offset)
    if file.read(_BLOCK) != bytes(_BLOCK):
        raise _EndMissing
    while chunk := file.read(_CHUNK):
        if chunk.strip(b"\0"):
            raise ShardError(f"{path}: goes on after its end, as tar files joined by cat do; join them by tar -A")


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
    if not member.isfile():
        what = f"a link to {member.linkname}" if member.islnk() or member.issym() else "no regular file"
        group.problem = f"{group.key}.{suffix} is {what}; write files in place of links (tar --hard-dereference -h)"
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
    problem = key_problem(group.key, seen)
    writable = not problem
    if not problem:
        problem = group.problem
    if not problem and group.image is None:
        problem = f"there is no image, only {', '.join(sorted(group.suffixes))}; add KEY.jpg or KEY.png"
    metadata = group.metadata
    return ShardSample(group.key, group.image, metadata.get("intrinsics"), metadata.get("fx"), problem, writable)


class TarWriter:
    """Writer of the files of rows into a tar file."""

    def __init__(self, path: Path, depth_scale: int) -> None:
        """Open the file.

        Args:
            path: path of the tar file.
            depth_scale: stored value of one meter, for the JSON files.

        Raises:
            OSError: the file cannot be written.
        """
        self._depth_scale = depth_scale
        self._tar = tarfile.open(path, "w", format=tarfile.PAX_FORMAT)  # noqa: SIM115

    def write(self, rows: list[dict[str, Any]]) -> None:
        """Write the files of rows; see `RowWriter`."""
        for row in rows:
            for name, data in result_files(row, self._depth_scale) if row["writable"] else ():
                member = tarfile.TarInfo(name)  # dated 1970, so that the bytes do not depend on the clock
                member.size = len(data)
                self._tar.addfile(member, io.BytesIO(data))

    def close(self) -> None:
        """Write the end of the file; see `RowWriter`."""
        self._tar.close()
