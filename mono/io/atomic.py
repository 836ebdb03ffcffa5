"""Atomic writing: files appear complete or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_HOST = re.sub(r"[^A-Za-z0-9]", "", platform.node())[:32] or "host"
_TEMPORARY = re.compile(r"^\.mono-(?P<host>[A-Za-z0-9]+)-(?P<pid>\d+)-[0-9a-f]{12}(\..*)?$")
_ABANDONED_AFTER = 24 * 3600  # [s]


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Write to a temporary path, renamed to `path` on success.

    The temporary file lies in the same folder (so renaming is atomic), is hidden and unique, and has the same suffix.
    When the block fails, it is removed and `path` stays unchanged. Missing parent folders are made. A link is replaced;
    the file that it leads to stays as it is.

    Args:
        path: final path of the file.

    Yields:
        Temporary path.

    Raises:
        OSError: the folder cannot be made, or the file cannot be written or renamed; it names `path`.
    """
    path = Path(path)
    make_folder(path.parent)
    temporary = path.parent / (_temporary_name() + path.suffix)
    try:
        yield temporary
        temporary.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):  # the first error says more
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno and error.filename in (None, str(temporary)):
            error.filename = str(path)
            if error.filename2 is not None:
                del error.filename2
        raise


def make_folder(folder: Path) -> None:
    """Make a folder, and those that it lies in.

    Raises:
        OSError: it cannot be made; links that lead nowhere and files in its place are named as such.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        for part in (folder, *folder.parents):
            if part.is_symlink() and not part.exists():
                message = f"the folder is a link to {part.readlink()}, which is missing"
                raise FileNotFoundError(errno.ENOENT, message, str(part)) from error
            if part.is_file():
                raise NotADirectoryError(errno.ENOTDIR, "it is a file, not a folder", str(part)) from error
        raise


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Fill a temporary folder, renamed to `path` on success.

    A former folder `path` is replaced. When the block fails, it stays, and the temporary one is removed.

    Args:
        path: final path of the folder.

    Yields:
        Path of the temporary folder, which exists.

    Raises:
        OSError: the folder cannot be made or renamed.
    """
    path = Path(path)
    make_folder(path.parent)
    with temporary_folder(path.parent) as temporary, temporary_folder(path.parent) as former:
        yield temporary
        for i in range(100):  # another process may put its own folder there in between
            try:
                with contextlib.suppress(FileNotFoundError):
                    path.replace(former / str(i))
                temporary.replace(path)
                return
            except OSError as error:
                if i == 99 or error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise


@contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """Give a hidden folder for a while; `remove_stale_files` finds it after a kill.

    Args:
        parent: folder to make it in.

    Yields:
        Path of the folder, which exists.
    """
    folder = parent / _temporary_name()
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _temporary_name() -> str:
    return f".mono-{_HOST}-{os.getpid()}-{uuid.uuid4().hex[:12]}"


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Write bytes to a file atomically.

    Args:
        path: file to write; parent folders are made.
        data: content.

    Raises:
        OSError: the file cannot be written.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def remove_stale_files(folder: Path, *, recursive: bool = True) -> int:
    """Remove temporary files and folders that killed runs left behind.

    Files of live processes on this machine are kept; those of other machines are removed after a day.

    Args:
        folder: folder to search, before anything is written to it.
        recursive: search nested folders, too.

    Returns:
        Number of removed files and folders.
    """
    removed = 0
    for parent, folders, names in os.walk(folder):
        for name in [one for one in folders if one.startswith(".mono-")]:
            match = _TEMPORARY.match(name)
            if match and _abandoned(Path(parent, name), match["host"], int(match["pid"])):
                shutil.rmtree(Path(parent, name), ignore_errors=True)
                folders.remove(name)
                removed += 1
        if not recursive:
            folders.clear()
        for name in names:
            match = _TEMPORARY.match(name)
            if match and _abandoned(Path(parent, name), match["host"], int(match["pid"])):
                Path(parent, name).unlink(missing_ok=True)
                removed += 1
    return removed


def _abandoned(path: Path, host: str, pid: int) -> bool:
    if host == _HOST and os.name == "posix":
        # Our own process id belongs to an earlier process, as in containers, where ids repeat: we have not written yet.
        return pid == os.getpid() or not _alive(pid)
    try:
        return time.time() - path.stat().st_mtime > _ABANDONED_AFTER
    except FileNotFoundError:
        return False


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
