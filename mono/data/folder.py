"""Images named on the command line: files, folders and patterns."""

# ruff: noqa: PTH100, PTH112, PTH118, PTH119, PTH120, PTH122, PTH206, PTH207
# Paths stay text here: they are shown, and joined, as the user wrote them.

from __future__ import annotations

import glob
import logging
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from mono.data.sample import Sample, unique_names
from mono.io.images import IMAGE_SUFFIXES
from mono.system.errors import MetricDepthError

logger = logging.getLogger(__name__)

_MANIFEST = "manifest.jsonl"
_OUTPUTS = frozenset({"depth", "vis", "pcd"})
_NUMBERS = re.compile("([^0-9]*)([0-9]*)")
_LOOKED_FOR = " ".join(sorted(IMAGE_SUFFIXES))


class InputError(MetricDepthError):
    """An input does not exist or holds no images. The message says what was looked for."""


def find_images(inputs: Sequence[str | Path], recursive: bool = False) -> list[Sample]:
    """The images that files, folders and patterns ("shots/*.jpg") stand for, each once.

    Inputs keep their order; a folder's images are sorted by path, numbers in it by their value (2 before 10). From
    folders and open patterns ("shots/*") only what has one of `IMAGE_SUFFIXES` is taken; files named outright, or by a
    pattern with a suffix, are kept whatever they are. Folders are searched without hidden files, links to folders, and
    `depth`, `vis` and `pcd` beside a manifest.jsonl (an earlier run's output).

    A sample is named by its path inside the folder, with the folder's name before it if there are several; a single
    file by its own name, or by its path below the folder all have in common if that is needed to tell them apart.

    Args:
        inputs: paths and patterns.
        recursive: search folders inside folders, too.

    Raises:
        InputError: an input does not exist or cannot be listed, a pattern matches nothing, or no image is found.
    """
    if not inputs:
        raise InputError("no input is given; name an image, a folder or a pattern like 'shots/*.jpg'")
    missing = []
    unique: dict[str, str] = {}
    for item in (os.fspath(given) for given in inputs):
        expanded = [item] if os.path.lexists(item) else _expand(item)
        for path in expanded:
            unique.setdefault(os.path.abspath(path), path)
        if not expanded:
            what = "this pattern matches no image" if glob.has_magic(item) else "there is no such file or folder"
            missing.append(f"{item}: {what}")
    if missing:
        raise InputError("\n".join(missing))

    paths = list(unique.values())
    folders = [path for path in paths if os.path.isdir(path)]
    labels = _short_names(folders) if len(folders) > 1 else dict.fromkeys(folders, "")
    labels |= _short_names([path for path in paths if path not in labels])
    images: dict[str, tuple[str, str]] = {}
    for path in paths:
        inside = list(_search(path, recursive)) if os.path.isdir(path) else [""]
        if not inside:
            logger.warning(_nothing_in(path, recursive))
        for relative in inside:
            found = os.path.join(path, relative) if relative else path
            images.setdefault(os.path.abspath(found), (found, os.path.join(labels[path], relative).rstrip(os.sep)))
    if not images:
        raise InputError("\n".join(_nothing_in(path, recursive) for path in paths))
    names = unique_names([(relative.replace(os.sep, "/"), identity) for identity, (_, relative) in images.items()])
    return [Sample(name, Path(found), found) for name, (found, _) in zip(names, images.values(), strict=True)]


def natural_order(path: str) -> list[tuple[list[tuple[str, int]], str]]:
    """A key that sorts paths part by part, and numbers in them by their value: 2 comes before 10."""
    return [([(t, int(n or -1)) for t, n in _NUMBERS.findall(part)], part) for part in path.split(os.sep)]


def _expand(pattern: str) -> list[str]:
    """Folders and images a pattern matches, in natural order, without hidden ones and earlier runs' outputs."""
    if not glob.has_magic(pattern):
        return []
    fixed = Path(*_literal_parts(pattern))
    suffix = os.path.splitext(pattern)[1]
    any_suffix = bool(suffix) and not glob.has_magic(suffix)
    matches = []
    for match in sorted(glob.glob(pattern, recursive=True), key=natural_order):
        below = Path(os.path.relpath(match, fixed))
        ours = any(_is_output(fixed.joinpath(*below.parts[:i]), part) for i, part in enumerate(below.parts))
        wanted = any_suffix or os.path.isdir(match) or _is_image(match)
        if wanted and not ours:
            matches.append(match)
    # "**" matches folders and what is in them alike: the images are enough.
    return [match for match in matches if not ("**" in pattern and os.path.isdir(match))]


def _literal_parts(pattern: str) -> Iterator[str]:
    for part in Path(pattern).parts[:-1]:
        if glob.has_magic(part):
            return
        yield part


def _search(folder: str, recursive: bool) -> Iterator[str]:
    """Paths of the images in a folder, relative to it, in natural order."""

    def failed(error: OSError) -> None:
        raise InputError(f"{error.filename}: cannot be listed ({error.strerror}); check its permissions") from error

    found = []
    for place, subfolders, files in os.walk(folder, onerror=failed):
        found += [os.path.join(place, name) for name in files if not name.startswith(".") and _is_image(name)]
        subfolders[:] = [
            name for name in subfolders if recursive and not name.startswith(".") and not _is_output(Path(place), name)
        ]
    start = len(os.path.join(folder, ""))
    yield from sorted((path[start:] for path in found), key=natural_order)


def _is_image(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES


def _is_output(folder: Path, name: str) -> bool:
    return name in _OUTPUTS and (folder / _MANIFEST).is_file()


def _short_names(paths: list[str]) -> dict[str, str]:
    """For each path its last part; where those are alike (but for suffixes), all paths below the folder they share."""
    whole = {path: os.path.abspath(path) for path in paths}
    last = {path: os.path.basename(end) for path, end in whole.items()}
    if len({os.path.splitext(name)[0].casefold() for name in last.values()}) == len(paths):
        return last
    shared = os.path.commonpath([os.path.dirname(path) for path in whole.values()])
    return {path: os.path.relpath(end, shared) for path, end in whole.items()}


def _nothing_in(path: str, recursive: bool) -> str:
    message = f"{path}: there are no images in this folder; suffixes looked for: {_LOOKED_FOR}"
    if not recursive and any(True for _ in _search(path, recursive=True)):
        message += "; there are some in its subfolders: search them too (recursive)"
    return message
