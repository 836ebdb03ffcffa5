"""Sample: an image to work on, what is known about it, and the name its outputs go by."""

from __future__ import annotations

import hashlib
import posixpath
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mono.io.images import Photo, read_image
from mono.system.errors import MetricDepthError

_LONGEST_NAME = 250  # [bytes], as file systems allow 255 and outputs have suffixes of up to 5


@dataclass(frozen=True)
class Sample:
    """An image and what is known about it. No file has been opened yet.

    Attributes:
        name: relative POSIX path without suffix that outputs are named after ("rgb/0000000005"). Unique within a run,
            on file systems that ignore case too.
        rgb: the image file.
        source: the image as the user knows it: the path as written in the annotation or found in the folder.
        depth: the ground truth's file.
        depth_scale: ground truth [m] = stored value / depth_scale; None: the file's own scale, or metres.
        intrinsics: annotated (fx, fy, cx, cy) [px] of the upright image at its full size.
        normal: the file of the true surface normals.
        normal_frame: that file's axes, one of `mono.io.normals.NORMAL_FRAMES`.
    """

    name: str
    rgb: Path
    source: str
    depth: Path | None = None
    depth_scale: float | None = None
    intrinsics: tuple[float, float, float, float] | None = None
    normal: Path | None = None
    normal_frame: str = "opencv"

    def read(self) -> Photo:
        """Opens the image; see `mono.io.images.read_image` for the errors."""
        return read_image(self.rgb)


def unique_names(images: Sequence[tuple[str, str]]) -> list[str]:
    """Output names of images, none like another, whatever order the images come in.

    An image is named by its path without suffix: "a/b.jpg" is "a/b". Only those that would then share a name (also by
    case-folding) get their suffix added, "a/b_jpg" and "a/b_png", and those still alike a hash of their identity.

    Args:
        images: for each image its relative POSIX path and its identity, a string no other image has.

    Raises:
        ValueError: two images have the same identity.
    """
    if len({identity for _, identity in images}) != len(images):
        raise MetricDepthError("two images have the same identity, so they cannot be told apart by name")
    relative = [_inside(path) for path, _ in images]
    levels = [0] * len(images)
    while True:
        names = [_name(relative[i], images[i][1], level) for i, level in enumerate(levels)]
        groups = defaultdict(list)
        for i, name in enumerate(names):
            groups[unicodedata.normalize("NFC", name).casefold()].append(i)
        clashing = [i for group in groups.values() if len(group) > 1 for i in group if levels[i] < 2]
        if not clashing:
            return names
        for i in clashing:
            levels[i] += 1


def _inside(path: str) -> str:
    """The path without root, "." and "..", so that joined to an output folder it stays inside."""
    return "/".join("_up" if part == ".." else part for part in path.split("/") if part not in ("", "."))


def _name(path: str, identity: str, level: int) -> str:
    name, suffix = posixpath.splitext(path)
    if level >= 1:
        name += suffix.replace(".", "_")
    if level >= 2:
        name += "-" + hashlib.sha256(identity.encode("utf-8", "surrogateescape")).hexdigest()[:12]
    return "/".join(map(_shorten, name.split("/")))


def _shorten(part: str) -> str:
    """Shorten a file name that leaves no room for a suffix, with a hash of the whole name."""
    data = part.encode("utf-8", "surrogateescape")
    if len(data) <= _LONGEST_NAME:
        return part
    kept = data[: _LONGEST_NAME - 13].decode("utf-8", "ignore")
    return f"{kept}-{hashlib.sha256(data).hexdigest()[:12]}"
