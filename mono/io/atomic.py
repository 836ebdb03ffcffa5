"""Files that appear whole or not at all, whenever the run is stopped."""

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
    """Give a temporary path to write to, and rename it to `path` once the block has ended without an error.

    The temporary file lies in the same folder (so the renaming is atomic), is hidden, carries the same suffix and is
    unique. When the block fails it is removed and `path` stays as it was. Missing parent folders are made.

    Raises:
        OSError: the folder cannot be made, or the file cannot be put in place.
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


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path`, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def remove_stale_files(folder: Path, *, recursive: bool = True) -> int:
    """Remove the temporary files that killed runs left in `folder`; call it before a run writes anything.

    Files of processes that are alive on this machine stay; those of other machines go after a day.

    Returns:
        How many files were removed.
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
        # A number like ours is an earlier process's, as in containers, where numbers repeat: we have not begun.
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
