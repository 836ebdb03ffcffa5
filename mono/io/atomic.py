"""Atomic writing: files appear complete or not at all."""

from __future__ import annotations

import os
import platform
import re
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
    When the block fails, it is removed and `path` stays unchanged. Missing parent folders are made.

    Args:
        path: final path of the file.

    Yields:
        Temporary path.

    Raises:
        OSError: the folder cannot be made, or the file cannot be renamed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".mono-{_HOST}-{os.getpid()}-{uuid.uuid4().hex[:12]}{path.suffix}"
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


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
    """Remove temporary files that killed runs left behind.

    Files of live processes on this machine are kept; those of other machines are removed after a day.

    Args:
        folder: folder to search, before anything is written to it.
        recursive: search nested folders, too.

    Returns:
        Number of removed files.
    """
    removed = 0
    for parent, folders, names in os.walk(folder):
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
