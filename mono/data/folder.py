"""Images and videos named on the command line: files, folders and patterns."""

# ruff: noqa: PTH100, PTH112, PTH113, PTH114, PTH118, PTH119, PTH120, PTH122, PTH206, PTH207
# Paths stay text here: they are shown, and joined, as the user wrote them.

from __future__ import annotations

import glob
import logging
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mono.data.intrinsics import warn_once
from mono.data.output_folders import is_output_folder
from mono.data.sample import Sample, unique_names
from mono.io.images import IMAGE_SUFFIXES
from mono.io.video import VIDEO_SUFFIXES
from mono.system.errors import MetricDepthError

logger = logging.getLogger(__name__)

_MANY = 1000  # images of subfolders that are not searched, from which on they are not counted
_CAMERA_FILES = (".camera.json", "camera.json", "cameras.txt", "images.txt")
_NUMBERS = re.compile("([^0-9]*)([0-9]*)")
_LOOKED_FOR = " ".join(sorted(IMAGE_SUFFIXES))


class InputError(MetricDepthError):
    """Input that does not exist or holds no images."""


def find_images(inputs: Sequence[str | Path], recursive: bool = False) -> list[Sample]:
    """Find the images in files, folders and patterns.

    An image found twice is listed once. Inputs keep their order; a folder's images are sorted by path, with numbers by
    value (2 before 10). Folders and open patterns ("shots/*") yield files with one of `IMAGE_SUFFIXES`, and warnings
    count the other files, and the images of subfolders that are not searched; files given by name, or by a pattern with
    a suffix, are kept whatever they are. Folders are searched without hidden files, links to folders, and outputs of
    earlier runs (see `is_output_folder`); a warning names the links.

    A sample is named by its path inside the folder, after the folder's name if there are several folders; a single file
    by its own name, or by its path below the common folder if names would be equal.

    Args:
        inputs: paths and patterns.
        recursive: search subfolders as well.

    Returns:
        a sample for each image.

    Raises:
        InputError: an input does not exist or cannot be listed, a pattern matches nothing, or no image is found.
    """
    paths = _existing(inputs, _is_image)
    folders = [path for path in paths if os.path.isdir(path)]
    labels = _short_names(folders) if len(folders) > 1 else dict.fromkeys(folders, "")
    labels |= _short_names([path for path in paths if path not in labels])
    images: dict[str, tuple[str, str]] = {}
    empty = []
    for path in paths:
        listing = _list(path, recursive) if os.path.isdir(path) else _Listing(images=[""])
        if not listing.images:
            empty.append(_nothing_in(path, listing))
            continue
        _warn_of_links(path, listing, paths)
        if listing.others:
            logger.warning(_passed_over(path, listing))
        if listing.deeper:
            count = f"{listing.deeper}{' or more' * (listing.deeper >= _MANY)}"
            passed = "image in its subfolders is" if listing.deeper == 1 else "images in its subfolders are"
            logger.warning("%s: %s %s passed over: predict --recursive takes them", path, count, passed)
        for relative in listing.images:
            found = os.path.join(path, relative) if relative else path
            images.setdefault(os.path.abspath(found), (found, os.path.join(labels[path], relative).rstrip(os.sep)))
    if not images:
        raise InputError("\n".join(empty))
    for message in empty:
        logger.warning(message)
    names = unique_names([(relative.replace(os.sep, "/"), identity) for identity, (_, relative) in images.items()])
    return [Sample(name, Path(found), found) for name, (found, _) in zip(names, images.values(), strict=True)]


def find_videos(inputs: Sequence[str | Path], recursive: bool = False) -> list[str]:
    """Find the videos in files, folders and patterns.

    A folder, or a pattern without suffix, that holds images is a set of images: its videos are left out.

    Args:
        inputs: paths and patterns.
        recursive: search subfolders as well.

    Returns:
        paths of videos, in the order of the inputs, numbers in names by value; empty where no input has any.

    Raises:
        InputError: an input does not exist or cannot be listed, or a pattern matches nothing.
    """
    videos: dict[str, str] = {}
    paths = _existing(inputs, _is_video)
    for path in paths:
        inside = [path] if _is_video(path) and not os.path.isdir(path) else []
        if os.path.isdir(path):
            listing = _list(path, recursive)
            inside = [] if listing.images else [os.path.join(path, name) for name in listing.others if _is_video(name)]
            if inside:
                _warn_of_links(path, listing, paths)
        for video in inside:
            videos.setdefault(os.path.abspath(video), video)
    return list(videos.values())


def natural_order(path: str) -> list[tuple[list[tuple[str, int]], str]]:
    """Return a sort key that orders numbers by value."""
    return [([(t, int(n or -1)) for t, n in _NUMBERS.findall(part)], part) for part in path.split(os.sep)]


def count_suffixes(paths: Iterable[str]) -> str:
    """Count files by suffix: ".txt 10, .mov 2"."""
    counts = Counter(os.path.splitext(path)[1].lower() or "without suffix" for path in paths)
    return ", ".join(f"{suffix} {count}" for suffix, count in sorted(counts.items(), key=lambda item: (-item[1], item)))


@dataclass
class _Listing:
    """Files of a folder, relative to it, in natural order.

    Attributes:
        images: files with an image suffix.
        others: other files, without hidden ones and camera files.
        deeper: number of images in the nearest subfolders with any, which were not searched; beside images, in
            subfolders of the folder itself only.
        links: links to folders, which are not searched.
    """

    images: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    deeper: int = 0
    links: list[str] = field(default_factory=list)


def _existing(inputs: Sequence[str | Path], wanted: Callable[[str], bool]) -> list[str]:
    """Expand patterns and drop repeated paths."""
    if not inputs:
        raise InputError("no input is given; name an image, a folder or a pattern like 'shots/*.jpg'")
    missing = []
    unique: dict[str, str] = {}
    for item in (os.fspath(given) for given in inputs):
        expanded = [item] if os.path.lexists(item) else _expand(item, wanted)
        for path in expanded:
            unique.setdefault(os.path.abspath(path), path)
        if not expanded and not (glob.has_magic(item) and wanted is _is_video):
            what = "this pattern matches no image" if glob.has_magic(item) else "there is no such file or folder"
            missing.append(f"{item}: {what}")
    if missing:
        raise InputError("\n".join(missing))
    return list(unique.values())


def _expand(pattern: str, wanted: Callable[[str], bool]) -> list[str]:
    """List matches of a pattern, without outputs of earlier runs."""
    if not glob.has_magic(pattern):
        return []
    fixed = Path(*_literal_parts(pattern))
    suffix = os.path.splitext(pattern)[1]
    any_suffix = bool(suffix) and not glob.has_magic(suffix)
    matches, others = [], []
    for match in sorted(glob.glob(pattern, recursive=True), key=natural_order):
        below = Path(os.path.relpath(match, fixed))
        if any(_is_output(fixed.joinpath(*below.parts[:i]), part) for i, part in enumerate(below.parts)):
            continue
        if any_suffix or os.path.isdir(match) or wanted(match):
            matches.append(match)
        elif not os.path.basename(match).endswith(_CAMERA_FILES):
            others.append(match)
    if others and wanted is _is_image and any(map(_is_image, matches)):
        logger.warning(_passed_over(pattern, _Listing(others=others)))
    if wanted is _is_video and not any_suffix and any(map(_is_image, others)):
        matches = [match for match in matches if os.path.isdir(match)]
    # "**" matches folders and what is in them alike: the files are enough.
    return [match for match in matches if not ("**" in pattern and os.path.isdir(match))]


def _literal_parts(pattern: str) -> Iterator[str]:
    for part in Path(pattern).parts[:-1]:
        if glob.has_magic(part):
            return
        yield part


def _list(folder: str, recursive: bool) -> _Listing:
    """List a folder's files."""

    def _failed(error: OSError) -> None:
        if not recursive and error.filename != folder:
            return
        raise InputError(f"{error.filename}: cannot be listed ({error.strerror}); check its permissions") from error

    found, start = _Listing(), len(os.path.join(folder, ""))
    for place, subfolders, files in os.walk(folder, onerror=_failed):
        shown = [os.path.join(place, name)[start:] for name in files if not name.startswith(".")]
        images = [name for name in shown if _is_image(name)]
        if recursive or place == folder:
            found.images += images
            found.others += [name for name in shown if not _is_image(name) and not name.endswith(_CAMERA_FILES)]
        else:
            found.deeper += len(images)
            if found.deeper >= _MANY:
                break
        subfolders[:] = [
            name
            for name in subfolders
            if (recursive or place == folder or not (found.images or found.deeper))
            and not name.startswith(".")
            and not _is_output(Path(place), name)
        ]
        if recursive or place == folder:
            found.links += [path[start:] for name in subfolders if os.path.islink(path := os.path.join(place, name))]
    found.images.sort(key=natural_order)
    found.others.sort(key=natural_order)
    return found


def _is_image(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES


def _is_video(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in VIDEO_SUFFIXES


def _is_output(folder: Path, name: str) -> bool:
    return is_output_folder(name, lambda other: os.path.isfile(folder / other), lambda other: _read(folder / other))


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _short_names(paths: list[str]) -> dict[str, str]:
    """Shorten paths to last parts, if these are unique."""
    whole = {path: os.path.abspath(path) for path in paths}
    last = {path: os.path.basename(end) for path, end in whole.items()}
    if len({os.path.splitext(name)[0].casefold() for name in last.values()}) == len(paths):
        return last
    shared = os.path.commonpath([os.path.dirname(path) for path in whole.values()])
    return {path: os.path.relpath(end, shared) for path, end in whole.items()}


def _warn_of_links(folder: str, listing: _Listing, inputs: list[str]) -> None:
    """Warn of links to folders that are no inputs themselves; they may lead back to where they lie."""
    named = {os.path.abspath(path) for path in inputs}
    links = [path for link in listing.links if os.path.abspath(path := os.path.join(folder, link)) not in named]
    if links:
        one = len(links) == 1
        count = "a link to a folder is" if one else f"{len(links)} links to folders are"
        remedy = "it as an input to search it" if one else "those that are wanted as inputs"
        shown = ", ".join(links[:3]) + ", …" * (len(links) > 3)
        warn_once(f"{folder}: {count} passed over: {shown}; name {remedy}")


def _passed_over(place: str, listing: _Listing) -> str:
    count = len(listing.others)
    files = "file without an image's suffix is" if count == 1 else "files without an image's suffix are"
    message = f"{place}: {count} {files} passed over: {count_suffixes(listing.others)}"
    wanted = ["videos"] * any(map(_is_video, listing.others))
    wanted += ["images"] * any(not os.path.splitext(name)[1] for name in listing.others)
    return f"{message}; give {' and '.join(wanted)} by name" if wanted else message


def _nothing_in(path: str, listing: _Listing) -> str:
    message = f"{path}: there are no images in this folder; suffixes looked for: {_LOOKED_FOR}"
    if listing.others:
        message += f"; passed over: {count_suffixes(listing.others)}"
    if listing.deeper:
        message += "; there are some in its subfolders: predict --recursive takes them"
    if listing.links:
        message += f"; links to folders, as {os.path.join(path, listing.links[0])}, are searched where they are inputs"
    return message
