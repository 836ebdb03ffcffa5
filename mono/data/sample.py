"""Samples: images to process, their annotations and their output names."""

from __future__ import annotations

import hashlib
import posixpath
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mono.io.images import Photo, read_image
from mono.system.errors import MetricDepthError

_LONGEST_NAME = 250  # [bytes], as file systems allow 255 and outputs have suffixes of up to 5
DEPTH_KINDS = ("z", "ray")


@dataclass(frozen=True)
class Sample:
    """Image to process, with its annotations; no file is open yet.

    Attributes:
        name: relative POSIX path without suffix that outputs are named after ("rgb/0000000005"); unique within a run,
            also on file systems that ignore case.
        rgb: image file.
        source: image path as written in the annotation file or found in the folder, for messages.
        depth: ground-truth depth file, or None.
        depth_scale: stored value of one meter; None: the file carries its scale or stores meters.
        intrinsics: annotated (fx, fy, cx, cy) [px] of the upright image at full size, or None.
        normal: file of ground-truth surface normals, or None.
        normal_frame: axes of the normals, one of `mono.io.normals.NORMAL_FRAMES`.
        depth_kind: "z": depth along the optical axis; "ray": distance along the pixel's ray.
        depth_invalid: stored values of `depth` that mean "no depth", besides 0, NaN and infinity; None: unknown, see
            `mono.data.ground_truth.read_annotated_depth`.
    """

    name: str
    rgb: Path
    source: str
    depth: Path | None = None
    depth_scale: float | None = None
    intrinsics: tuple[float, float, float, float] | None = None
    normal: Path | None = None
    normal_frame: str = "opencv"
    depth_kind: str = "z"
    depth_invalid: tuple[float, ...] | None = None

    def read(self) -> Photo:
        """Read the image.

        Raises:
            ImageError: see `mono.io.images.read_image`.
        """
        return read_image(self.rgb)


@dataclass(frozen=True)
class UnreadableSample(Sample):
    """Input that cannot be opened; reading it raises the error.

    Runs treat it like any image that fails: it is reported, and the others are processed.

    Attributes:
        error: reason, raised by `read`.
    """

    error: Exception = field(kw_only=True)

    def read(self) -> Photo:
        """Raise the error of this input."""
        raise self.error


def unique_names(images: Sequence[tuple[str, str]]) -> list[str]:
    """Name the outputs of images uniquely, in any order.

    An image is named by its path without suffix: "a/b.jpg" becomes "a/b". Images that would share a name (also when
    case is ignored) keep their suffix, "a/b_jpg" and "a/b_png"; if that is not enough, a hash of the identity is added.

    Args:
        images: (relative POSIX path, identity) of each image; identities are unique.

    Raises:
        MetricDepthError: two images have the same identity.
    """
    if len({identity for _, identity in images}) != len(images):
        raise MetricDepthError("two images have the same identity; list each image once")
    relative = [_inside(path) for path, _ in images]
    levels = [0] * len(images)
    while True:
        names = [_name(relative[i], images[i][1], level) for i, level in enumerate(levels)]
        groups = defaultdict(list)
        for i, name in enumerate(names):
            groups[fold_name(name)].append(i)
        clashing = [i for group in groups.values() if len(group) > 1 for i in group if levels[i] < 2]
        if not clashing:
            return names
        for i in clashing:
            levels[i] += 1


def fold_name(name: str) -> str:
    """Return a form that names share where a file system takes them for one."""
    return unicodedata.normalize("NFC", name).casefold()


def _inside(path: str) -> str:
    """Make a path relative, without "." and ".."."""
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
