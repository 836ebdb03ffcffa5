"""Find and run Python files of settings: configs, recipes and protocols.

They are programs: reading one runs it. Therefore a name means a file of this package only, and a file of your own runs
only when its path is given.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mono.system.errors import MetricDepthError

logger = logging.getLogger(__name__)


class ConfigError(MetricDepthError):
    """A config file or an override is wrong; the message names the file, the key and the value."""


def find_program(name: str | Path, folders: Sequence[Path], kind: str) -> Path:
    """Find a settings file without running strangers' files.

    A text is first a name below `folders`, which hold the package's own files: whatever lies in the current folder, a
    name never means it. Else it is a path if it contains a folder, as "./mine.py". A `Path` object is always a path.

    Args:
        name: name or path; ".py" may be left out of a name.
        folders: the package's own folders; the first holds the others.
        kind: what the file is, for the message: "config" or "recipe".

    Returns:
        The file's path.

    Raises:
        ConfigError: there is no such file; the message lists the package's own and says how to give a path.
    """
    text, path = str(name), Path(name)
    if not (isinstance(name, Path) or text.startswith(".")):
        for own in (folder / file for folder in folders for file in (text, f"{text}.py")):
            if own.is_file() and own.resolve().is_relative_to(folders[0]):
                if path.is_file() and not path.samefile(own):
                    logger.warning('"%s" is the package\'s %s; to run your own file, give ./%s', text, kind, text)
                return own
    is_path = isinstance(name, Path) or any(separator in text for separator in (os.sep, os.altsep) if separator)
    if is_path and path.is_file():
        return path
    known = ", ".join(sorted(p.name for folder in folders for p in folder.glob("*.py")))
    hint = f". A file of your own is given by its path: ./{text}" if path.is_file() else ""
    listed = f"; the package has {known}" if known else ""
    raise ConfigError(f"there is no {kind} {text}{listed}{hint}")


def run_program(path: Path, kind: str) -> Any:
    """Run a Python file of settings with mmengine.

    Args:
        path: the file; its `_base_` files are looked for beside it and run too.
        kind: what the file is, for the message: "config" or "recipe".

    Returns:
        An `mmengine.config.Config`.

    Raises:
        ConfigError: the file or one of its bases is missing, no valid Python, or raises an exception.
    """
    from mmengine.config import Config

    try:
        return Config.fromfile(str(path.resolve()))
    except FileNotFoundError as error:
        missing = error.filename or re.sub(r"^file \"(.*)\" does not exist$", r"\1", str(error).strip())
        raise ConfigError(
            f"{path}: the {kind} builds on {missing}, which is not there: copy that file to this place too, or use the "
            f"{kind} of this package that has the same name"
        ) from error
    except Exception as error:  # a config is Python: anything may be raised in it
        raise ConfigError(f"{path}: the {kind} cannot be read: {type(error).__name__}: {error}") from error
