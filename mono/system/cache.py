"""The cache folder of what can be made again."""

from __future__ import annotations

import atexit
import functools
import logging
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

logger = logging.getLogger(__name__)
T = TypeVar("T")


def cache_folder(*parts: str) -> Path:
    """A folder for what may be lost: in $METRICDEPTH_CACHE, or in metricdepth in the user's cache folder.

    Where that cannot be written it is a temporary one, which goes with this process; that is logged.
    """
    own = os.environ.get("METRICDEPTH_CACHE")
    system = os.environ.get("LOCALAPPDATA") if sys.platform == "win32" else os.environ.get("XDG_CACHE_HOME")
    root = Path(own) if own else Path(system or Path.home() / ".cache") / "metricdepth"
    folder = root.joinpath(*parts)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        folder = _lost_folder(str(root), error.strerror or str(error)).joinpath(*parts)
        folder.mkdir(parents=True, exist_ok=True)
        return folder


@functools.cache
def _lost_folder(root: str, reason: str) -> Path:
    logger.warning("%s: %s; what is made is not kept: have $METRICDEPTH_CACHE name another folder", root, reason)
    folder = tempfile.TemporaryDirectory(prefix="metricdepth")
    atexit.register(folder.cleanup)
    return Path(folder.name)


def converted(path: Path, make: Callable[[Path], None], read: Callable[[Path], T]) -> T:
    """What `read` makes of a file in the cache; the file is made where there is none, or once more if it is damaged."""
    if path.is_file():
        try:
            return read(path)
        except Exception as error:  # foreign runtimes fail in ways of their own
            logger.warning("%s is damaged, it is made again", path)
            logger.debug("traceback", exc_info=error)
    make(path)
    return read(path)
