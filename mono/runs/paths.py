"""Paths of a run's outputs, checked before anything is done to the files they name."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from typing import Any

from mono.data.output_folders import RUN_FOLDERS

logger = logging.getLogger(__name__)

_SUFFIXES = frozenset({".png", ".npy", ".npz", ".exr", ".json", ".jpg", ".ply", ".glb", ".obj"})


def is_output_path(path: object) -> bool:
    """Tell whether a value from a file can be an output's path.

    Args:
        path: value of any type.

    Returns:
        True for relative POSIX paths below a folder of outputs, with a suffix of outputs and without "..".
    """
    if not isinstance(path, str) or "\0" in path:
        return False
    parts = path.split("/")
    if len(parts) < 2 or parts[0] not in RUN_FOLDERS or any(part in ("", ".", "..") for part in parts):
        return False
    pure = PurePath(path)
    return not (pure.drive or pure.root or ".." in pure.parts) and pure.suffix.lower() in _SUFFIXES


def output_files(outputs: Mapping[str, Any]) -> list[str]:
    """List the paths in a record's outputs.

    Args:
        outputs: paths relative to the output folder by kind; strings, or lists of them.
    """
    return [path for paths in outputs.values() for path in ([paths] if isinstance(paths, str) else paths)]


def own_file(folder: Path, path: str) -> Path | None:
    """Return an output that may be read or removed.

    Args:
        folder: the output folder.
        path: path of the output, relative to `folder`.

    Returns:
        The file; None where it is missing, no regular file, or lies outside the folder once links are followed.
    """
    if not is_output_path(path):
        return None
    file = folder / path
    try:
        inside = file.parent.resolve().is_relative_to(folder.resolve())
        return file if inside and stat.S_ISREG(file.lstat().st_mode) else None
    except (OSError, RuntimeError):  # RuntimeError: links that form a loop
        return None


def remove_files(folder: Path, paths: Iterable[str]) -> int:
    """Remove outputs of a run; anything that is not one of its files stays and is reported once.

    Args:
        folder: the output folder.
        paths: paths of outputs, relative to `folder`.

    Returns:
        Number of removed files.

    Raises:
        OSError: a file cannot be removed.
    """
    removed, foreign = 0, []
    for path in paths:
        file = own_file(folder, path)
        if file is not None:
            file.unlink(missing_ok=True)
            removed += 1
        elif not is_output_path(path) or os.path.lexists(folder / path):
            foreign.append(path)
    if foreign:
        message = "%s: %d listed paths are no files of a run in this folder and stay as they are; the first is %.200r"
        logger.warning(message, folder, len(foreign), foreign[0])
    return removed
