"""Where shards lie: folders of this machine, and storage behind URLs that fsspec knows."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mono.io.atomic import atomic_folder, atomic_path, remove_stale_files, temporary_folder
from mono.scale_out.samples import ShardError
from mono.system.errors import MetricDepthError, one_line

_CHUNK = 1 << 20
_STAMPS = ("ETag", "etag", "LastModified", "last_modified", "mtime", "updated", "created", "timeModified")


def is_url(place: str) -> bool:
    """Tell URLs from paths."""
    return "://" in place


def output_folder(place: str | Path) -> OutputFolder:
    """Return the folder at a path or URL."""
    text = str(place)
    if text.startswith("file://"):
        text = text.removeprefix("file://")
    return RemoteFolder(text.rstrip("/")) if is_url(text) else LocalFolder(Path(text))


def remove_leftovers(place: str | Path) -> None:
    """Remove what killed workers left of results on this machine."""
    remove_stale_files(_scratch() if is_url(str(place)) else Path(place), recursive=False)


def _scratch() -> Path:
    """Make this user's folder for copies of files behind URLs."""
    folder = Path(tempfile.gettempdir(), f"metricdepth-{getattr(os, 'getuid', int)()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


@dataclass(frozen=True)
class LocalFolder:
    """Folder of this machine, where files and folders appear by renaming.

    Attributes:
        path: path of the folder.
    """

    path: Path

    def read(self, name: str) -> bytes | None:
        """Read a file; None if it is not there."""
        try:
            return (self.path / name).read_bytes()
        except OSError:
            return None

    def names(self, suffix: str) -> list[str]:
        """List the files with a suffix, sorted."""
        return sorted(path.name for path in self.path.glob(f"*{suffix}"))

    def files(self, name: str) -> list[str]:
        """List the paths of all files below a folder, relative to it; [""] of a file, none if it is not there."""
        top = self.path / name
        if top.is_symlink() or top.is_file():
            return [""]
        found: list[str] = []
        for parent, folders, files in os.walk(top):
            links = [one for one in folders if Path(parent, one).is_symlink()]
            found += [Path(parent, one).relative_to(top).as_posix() for one in (*files, *links)]
        return found

    def size(self, name: str) -> int | None:
        """Measure a file, or all files of a folder [bytes]; None if it is not there."""
        path = self.path / name
        try:
            if path.is_dir():
                return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
            return path.stat().st_size
        except OSError:
            return None

    def remove(self, name: str) -> None:
        """Remove a file or folder, if it is there."""
        path = self.path / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def writing(self, name: str, *, folder: bool = False) -> AbstractContextManager[Path]:
        """Give a temporary path, which becomes the file or folder `name` on success.

        Raises:
            OSError: it cannot be written.
        """
        return (atomic_folder if folder else atomic_path)(self.path / name)


@dataclass(frozen=True)
class RemoteFolder:
    """Folder behind a URL: files are written on this machine, and sent when they are complete.

    Object storage shows an object when all of it has come; the files of a folder appear one by one.

    Attributes:
        url: URL of the folder.
    """

    url: str

    def read(self, name: str) -> bytes | None:
        """Read a file; see `LocalFolder`."""
        with self._opened(name) as (system, path):
            try:
                return system.cat_file(path)
            except FileNotFoundError:
                return None

    def names(self, suffix: str) -> list[str]:
        """List files; see `LocalFolder`."""
        with self._opened("") as (system, path):
            try:
                found = system.ls(path.rstrip("/"), detail=False)
            except FileNotFoundError:
                return []
            return sorted(name for name in (one.rpartition("/")[2] for one in found) if name.endswith(suffix))

    def files(self, name: str) -> list[str]:
        """List files below a folder; see `LocalFolder`."""
        with self._opened(name) as (system, path), contextlib.suppress(FileNotFoundError):
            return [one.removeprefix(path.rstrip("/")).lstrip("/") for one in system.find(path)]
        return []

    def size(self, name: str) -> int | None:
        """Measure a file or folder; see `LocalFolder`."""
        with self._opened(name) as (system, path):
            try:
                return int(system.du(path)) if system.isdir(path) else system.size(path)
            except FileNotFoundError:
                return None

    def remove(self, name: str) -> None:
        """Remove a file or folder; see `LocalFolder`."""
        with self._opened(name) as (system, path), contextlib.suppress(FileNotFoundError):
            system.rm(path, recursive=True)
            system.invalidate_cache()

    @contextlib.contextmanager
    def writing(self, name: str, *, folder: bool = False) -> Iterator[Path]:
        """Give a temporary path; see `LocalFolder`."""
        with scratch_folder() as parent:
            local = parent / name
            yield local
            if folder:
                self.remove(name)
            with self._opened(name) as (system, path):
                system.makedirs(system._parent(path), exist_ok=True)
                if folder:
                    system.put(f"{local}/", f"{path}/", recursive=True)
                else:
                    system.put_file(str(local), path)
                system.invalidate_cache()

    @contextlib.contextmanager
    def _opened(self, name: str) -> Iterator[tuple[Any, str]]:
        """Give file system and path of a file; errors of any storage become OSError."""
        url = f"{self.url}/{name}"
        try:
            yield file_system(url)
        except MetricDepthError:
            raise
        except Exception as error:  # each storage has errors of its own
            raise OSError(errno.EIO, one_line(error), url) from error


OutputFolder = LocalFolder | RemoteFolder


def file_system(url: str) -> tuple[Any, str]:
    """Return fsspec's file system of a URL, and the path in it.

    Raises:
        MetricDepthError: a package is missing, or fsspec does not know this kind of URL.
    """
    try:
        import fsspec

        return fsspec.core.url_to_fs(url)
    except ImportError as error:
        raise MetricDepthError(f"{url}: {one_line(error)} (URLs are read by fsspec and its packages)") from error
    except ValueError as error:
        raise MetricDepthError(f"{url}: is no kind of URL that fsspec knows; check its beginning") from error


def stamp_of(place: str) -> list[Any]:
    """Return values that change with the content of a file, without reading it.

    Raises:
        ShardError: there is no such file.
    """
    if is_url(place):
        with _reading(place) as (system, path):
            info = system.info(path)
        times = [str(info[name]) for name in _STAMPS if info.get(name)]
        return [info.get("size"), times[0] if times else f"unknown, at {time.time()}"]
    file = Path(place)
    try:
        stat = file.stat()
    except OSError as error:
        raise ShardError(f"{place}: cannot be read ({error.strerror}); check the path") from error
    if not file.is_file():
        raise ShardError(f"{place}: is not a regular file; give a shard")
    return [stat.st_size, stat.st_mtime_ns]


def scratch_folder() -> AbstractContextManager[Path]:
    """Give a temporary folder for files behind URLs."""
    return temporary_folder(_scratch())


@contextlib.contextmanager
def local_copy(place: str) -> Iterator[Path]:
    """Give the path of a file on this machine, downloaded if it is behind a URL.

    Raises:
        ShardError: it cannot be read.
    """
    if not is_url(place):
        yield Path(place)
        return
    with scratch_folder() as folder:
        copy = folder / (place.partition("?")[0].rpartition("/")[2] or "shard")
        download(place, copy)
        yield copy


def download(url: str, target: Path) -> None:
    """Copy a file behind a URL to this machine.

    Raises:
        ShardError: it cannot be read.
    """
    with _reading(url) as (system, path), system.open(path, "rb") as remote, target.open("wb") as file:
        shutil.copyfileobj(remote, file, _CHUNK)


@contextlib.contextmanager
def _reading(url: str) -> Iterator[tuple[Any, str]]:
    """Give file system and path of an input; errors of any storage become `ShardError`."""
    try:
        yield file_system(url)
    except ShardError:
        raise
    except MetricDepthError as error:
        raise ShardError(str(error)) from error
    except Exception as error:  # each storage has errors of its own
        raise ShardError(f"{url}: cannot be downloaded ({one_line(error)}); check the URL and the access") from error
