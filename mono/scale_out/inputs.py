"""Inputs of a run over shards: found, fetched, identified and read."""

from __future__ import annotations

import contextlib
import functools
import glob
import hashlib
import itertools
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mono.data.intrinsics import warn_once
from mono.data.output_folders import is_output_folder
from mono.data.sample import fold_name
from mono.io.images import IMAGE_SUFFIXES
from mono.runs.records import short_hash
from mono.scale_out.files import key_of, read_files
from mono.scale_out.parquet import PARQUET_SUFFIX, read_parquet
from mono.scale_out.samples import ShardError, ShardSample
from mono.scale_out.storage import (
    LocalFolder,
    OutputFolder,
    download,
    file_system,
    is_url,
    local_copy,
    output_folder,
    scratch_folder,
    stamp_of,
)
from mono.scale_out.tar import TAR_SUFFIXES, read_tar
from mono.system.errors import MetricDepthError, RunError, one_line
from mono.system.files import sha256

SHARD_SUFFIXES = (*TAR_SUFFIXES, PARQUET_SUFFIX)
MOST_SHARDS = 200_000
_RANGE = re.compile(r"\{(\d{1,18})\.\.(\d{1,18})\}")


@dataclass(frozen=True)
class FoundInput:
    """Shard, or part of a folder of images.

    Attributes:
        source: path or URL of the shard, or of the folder.
        name: name of the results.
        files: paths of images and their JSON files in the folder, joined by NUL; "" for a shard.
    """

    source: str
    name: str
    files: str = ""


def find_inputs(given: str, out: str, images_per_shard: int) -> Iterator[FoundInput]:
    """Find the shards that an argument names.

    A folder stands for its tar shards; without these, for the images in it and in its subfolders; without these, for
    its Parquet files. Hidden files, the output folder and results of earlier runs are left out.

    Args:
        given: shard, folder, glob, range as {00000..00041}.tar, or URL.
        out: path or URL of the output folder.
        images_per_shard: number of images of a folder that are processed as a shard.

    Raises:
        RunError: it is a single image, too many shards, or a folder that cannot be listed.
    """
    first, *ranges = _RANGE.split(given)
    lows, highs, texts = ranges[::3], ranges[1::3], ranges[2::3]
    numbers = [range(int(low), int(high) + 1) for low, high in zip(lows, highs, strict=True)]
    if math.prod(len(each) or 1 for each in numbers) > MOST_SHARDS:
        raise too_many(given)
    for values in itertools.product(*numbers):
        parts = (str(v).zfill(len(low)) + text for v, low, text in zip(values, lows, texts, strict=True))
        yield from _expand(first + "".join(parts), out, images_per_shard)


def too_many(inputs: str) -> RunError:
    """Return the refusal of more shards than a run takes."""
    return RunError(f"there are more than {MOST_SHARDS} shards in {inputs}; give fewer at a time")


def _expand(given: str, out: str, images_per_shard: int) -> Iterator[FoundInput]:
    if "\0" in given:
        raise RunError(f"{given!r} is no path")
    elif is_url(given):
        yield from _remote(given, out, images_per_shard)
    elif Path(given).is_dir():
        try:
            names = sorted(path.name for path in Path(given).iterdir())
        except OSError as error:
            _refuse_unlisted(error)
        yield from _folder(given, names, _walk(Path(given), out), images_per_shard)
    elif not Path(given).exists() and glob.has_magic(given):
        for path in sorted(glob.glob(given)):  # noqa: PTH207  # a pattern may be absolute
            yield _single(path)
    else:
        yield _single(given)


def _single(given: str) -> FoundInput:
    name = given.partition("?")[0].rstrip("/").rpartition("/")[2]
    if name.lower().endswith(IMAGE_SUFFIXES):
        raise RunError(f"{given} is an image; give the folder of images, or use metricdepth predict")
    return FoundInput(given, next((name[: -len(s)] for s in SHARD_SUFFIXES if name.lower().endswith(s)), name))


def _folder(folder: str, names: Sequence[str], files: Iterable[str], images_per_shard: int) -> Iterator[FoundInput]:
    """List the shards of a folder, or divide its images."""
    names = [name for name in names if not name.startswith(".")]
    if tars := [name for name in names if name.lower().endswith(TAR_SUFFIXES)]:
        yield from (_single(f"{folder.rstrip('/')}/{name}") for name in tars)
        return
    base = folder.rstrip("/").rpartition("/")[2] if is_url(folder) else Path(folder).resolve().name or "images"
    number = -1
    for number, part in enumerate(_parts(files, images_per_shard)):
        yield FoundInput(folder.rstrip("/") or "/", f"{base}-{number:05d}", part)
    if number < 0:
        tables = [name for name in names if name.lower().endswith(PARQUET_SUFFIX)]
        yield from (_single(f"{folder.rstrip('/')}/{name}") for name in tables)


def _parts(files: Iterable[str], images_per_shard: int) -> Iterator[str]:
    """Divide files, folder by folder, into parts of some images, with their JSON files; one key's stay together."""
    part: list[str] = []
    images = 0
    for _, group in itertools.groupby(files, key=lambda name: name.rpartition("/")[0]):
        names = sorted(group, key=lambda name: (fold_name(key_of(name)), name))
        tables = {name.rpartition(".")[0]: name for name in names if name.lower().endswith(".json")}
        for _, alike in itertools.groupby(names, key=lambda name: fold_name(key_of(name))):
            for name in (one for one in alike if one.lower().endswith(IMAGE_SUFFIXES)):
                table = tables.get(name.rpartition(".")[0])
                part += [name, table] if table else [name]
                images += 1
            if images >= images_per_shard:
                yield "\0".join(part)
                part, images = [], 0
    if part:
        yield "\0".join(part)


def _walk(folder: Path, out: str) -> Iterator[str]:
    """List images and JSON files below a folder by their relative paths, folder by folder."""
    results = None if is_url(out) else Path(out).resolve()
    for parent, folders, names in os.walk(folder, onerror=_refuse_unlisted):
        is_beside, here = set(names).__contains__, LocalFolder(Path(parent))
        folders[:] = sorted(
            n
            for n in folders
            if not n.startswith(".")
            and not is_output_folder(n, is_beside, here.read)
            and Path(parent, n).resolve() != results
        )
        for link in (path for n in folders if (path := Path(parent, n)).is_symlink()):
            warn_once(f"{folder}: a link to a folder is passed over: {link}; name it as an input to process it")
        base = os.path.relpath(parent, folder)
        for name in sorted(names):
            if name.lower().endswith((*IMAGE_SUFFIXES, ".json")) and not name.startswith("."):
                yield name if base == "." else f"{base}/{name}"


def _refuse_unlisted(error: OSError) -> None:
    """Refuse a folder that cannot be listed: without its images, all later parts would be others."""
    raise RunError(f"{error.filename}: cannot be listed ({error.strerror}); check the access") from error


def _remote(url: str, out: str, images_per_shard: int) -> Iterator[FoundInput]:
    """Find the shards behind a URL: a shard by its suffix, or a folder."""
    path = url.partition("?")[0]
    if path.lower().endswith((*SHARD_SUFFIXES, *IMAGE_SUFFIXES)):
        yield _single(url)
        return
    try:
        system, root = file_system(url)
        root = root.rstrip("/")
        names = sorted(one.rstrip("/").rpartition("/")[2] for one in system.ls(root, detail=False))
    except MetricDepthError as error:
        raise RunError(str(error)) from error
    except Exception as error:  # each storage has errors of its own
        raise RunError(f"{url}: cannot be listed ({one_line(error)}); check the URL and the access") from error
    results = f"{out.rstrip('/')}/"

    def files() -> Iterator[str]:
        found = sorted(one.removeprefix(root).lstrip("/") for one in system.find(root))
        listed, made = (
            set(found),
            functools.cache(lambda folder: _is_made(folder, listed.__contains__, output_folder(url))),
        )
        for name in found:
            above = itertools.accumulate(name.split("/")[:-1], "{}/{}".format)
            hidden = any(part.startswith(".") for part in name.split("/"))
            if not hidden and not any(map(made, above)) and not f"{url.rstrip('/')}/{name}".startswith(results):
                yield name

    yield from _folder(url, names, files(), images_per_shard)


def _is_made(folder: str, is_listed: Callable[[str], bool], top: OutputFolder) -> bool:
    """Tell whether a run has written a folder; paths are relative to `top`."""
    base = folder[: folder.rfind("/") + 1]
    return is_output_folder(folder[len(base) :], lambda n: is_listed(base + n), lambda n: top.read(base + n))


def input_stamp(source: str, names: Sequence[str]) -> list:
    """Return values that change with the content of a shard, without reading it.

    Raises:
        ShardError: the shard cannot be read.
    """
    if not names:
        return stamp_of(source)
    stamps: list[list] = []
    for name in names:
        try:
            stamps.append([name, *stamp_of(f"{source}/{name}")])
        except ShardError:  # the reader gives the reason
            stamps.append([name])
    return [short_hash(stamps)]


@contextlib.contextmanager
def on_this_machine(source: str, names: Sequence[str]) -> Iterator[Path]:
    """Give the path of a shard's file or folder, downloaded if it is behind a URL.

    Raises:
        ShardError: it cannot be read.
    """
    if not names:
        with local_copy(source) as path:
            yield path
    elif not is_url(source):
        yield Path(source)
    else:
        with scratch_folder() as folder:
            for name in names:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                download(f"{source}/{name}", folder / name)
            yield folder


def input_checksum(path: Path, names: Sequence[str]) -> str:
    """Hash a file, or the names and contents of files of a folder.

    Raises:
        ShardError: the file cannot be read.
    """
    if not names:
        return _sha256(path)
    digest = hashlib.sha256()
    gone = set(unreadable(path, names))
    for name in names:
        content = "" if name in gone else _sha256(path / name)
        digest.update(f"{name}\0{content}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()


def unreadable(folder: Path, names: Sequence[str]) -> list[str]:
    """List the files of a folder that cannot be read."""
    return [name for name in names if not ((folder / name).is_file() and os.access(folder / name, os.R_OK))]


def read_samples(path: Path, names: Sequence[str], image_column: str | None) -> Iterator[ShardSample]:
    """Read the samples of a shard; see the readers of each kind.

    Raises:
        ShardError: the shard is damaged.
    """
    if names:
        return read_files(path, names)
    if path.name.lower().endswith(PARQUET_SUFFIX):
        return read_parquet(path, image_column)
    return read_tar(path)


def _sha256(path: Path) -> str:
    try:
        return sha256(path)
    except OSError as error:
        raise ShardError(f"{path}: cannot be read ({error.strerror or error}); check the path") from error
