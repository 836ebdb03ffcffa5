"""Names of images in camera files, and the images that they mean."""

from __future__ import annotations

import os
import posixpath
import re
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from mono.io.cameras.values import CameraFileError
from mono.io.images import IMAGE_SUFFIXES

_T = TypeVar("_T")
_ABSOLUTE = re.compile(r"^([A-Za-z]:)?/+")
_SMALLER = re.compile(r"^(images)_\d+$")  # folders of resized images, as nerfstudio and mip-NeRF 360 name them


def index_names(path: Path, listed: Iterable[tuple[str, _T]]) -> dict[str, _T]:
    """Index images' values by the ends of paths.

    Names count from some folder above the image; absolute ones, which may be of another machine, also from the last
    folder that they have in common, but with one folder at least.

    Args:
        path: the file that names the images, for messages.
        listed: names as written, and what belongs to them.

    Raises:
        CameraFileError: an image has two values.
    """
    names: dict[str, _T] = {}
    absolute: dict[str, _T] = {}
    for written, value in listed:
        name = _composed(written.replace("\\", "/"))
        root = _ABSOLUTE.match(name)
        name = re.sub(r"^(\.\./)+", "", posixpath.normpath(name[root.end() :] if root else name))
        if name in names and names[name] != value:
            raise CameraFileError(f"{path}: names {written:.200} twice, with different cameras; keep one")
        names[name] = value
        if root:
            absolute[name] = value
    common = posixpath.commonpath([posixpath.dirname(name) for name in absolute]) if absolute else ""
    for name, value in absolute.items() if common else ():
        start = len(common if "/" in name[len(common) + 1 :] else posixpath.dirname(common))
        names.setdefault(name[start:].lstrip("/"), value)
    return names


def find_name(names: Mapping[str, _T], image: str | os.PathLike[str]) -> _T | None:
    """Find what belongs to an image; names without a suffix mean images of any."""
    parts = Path(_composed(os.path.abspath(image))).parts[1:]  # noqa: PTH100 - links stay
    whole = tuple(_SMALLER.sub(r"\1", part) for part in parts[:-1]) + parts[-1:]
    for path in dict.fromkeys((parts, whole)):
        ends = ["/".join(path[start:]) for start in range(len(path))]
        for end in (*ends, *(_stem(end) for end in ends if _stem(_stem(end)) == _stem(end))):
            if end in names:
                return names[end]
    return None


def describe_missing(names: Iterable[str], image: str | os.PathLike[str] | None) -> str:
    """Describe an image that is not named, and the name that is most like it."""
    if image is None:
        return "this image"
    name = Path(image).name
    alike = next((known for known in names if _stem(known.rpartition("/")[2]) == _stem(name)), None)
    return name if alike is None else f"{image}; it names {alike:.200}, whose folders or suffix differ"


def _composed(text: str) -> str:
    """Compose accents with letters, as some systems separate them."""
    return unicodedata.normalize("NFC", text)


def _stem(name: str) -> str:
    """Take the suffix of an image off a name."""
    stem, suffix = posixpath.splitext(name)
    return stem if suffix.lower() in IMAGE_SUFFIXES else name
