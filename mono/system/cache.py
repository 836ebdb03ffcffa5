"""Cache folder for files that can be made again."""

from __future__ import annotations

import atexit
import functools
import logging
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

logger = logging.getLogger(__name__)
T = TypeVar("T")


def cache_folder(*parts: str) -> Path:
    """Return a writable cache folder, made where missing.

    It lies in $METRICDEPTH_CACHE, else in `metricdepth` in the user's cache folder. Where that cannot be written, a
    temporary folder is used until the process ends, with a warning.

    Args:
        parts: names of nested folders.

    Returns:
        Path of the folder.
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
        folder = _temporary_folder(str(root), error.strerror or str(error)).joinpath(*parts)
        folder.mkdir(parents=True, exist_ok=True)
        return folder


@functools.cache
def _temporary_folder(root: str, reason: str) -> Path:
    logger.warning("%s: %s; cached files will not be kept: set $METRICDEPTH_CACHE to another folder", root, reason)
    folder = tempfile.TemporaryDirectory(prefix="metricdepth")
    atexit.register(folder.cleanup)
    return Path(folder.name)


def compiled_folder(core: Any, precision: str) -> Path:
    """Return the folder of networks that OpenVINO has compiled in one precision for such a processor.

    OpenVINO 2026.4 takes what was compiled in one precision for a network in another, which gives nonsense.

    Args:
        core: `openvino.Core`.
        precision: precision that is computed in.
    """
    abilities = sorted(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
    return cache_folder("openvino", "compiled", "_".join([precision, *abilities]))


def converted(path: Path, make: Callable[[Path], None], read: Callable[[Path], T]) -> T:
    """Read a cached file, making it first where it is missing or damaged.

    Args:
        path: file in the cache.
        make: writes the file.
        read: reads the file; any exception counts as damage.

    Returns:
        Result of `read`.
    """
    if path.is_file():
        try:
            return read(path)
        except Exception as error:  # foreign runtimes fail in ways of their own
            logger.warning("%s is damaged; making it again", path)
            logger.debug("traceback", exc_info=error)
    make(path)
    return read(path)
