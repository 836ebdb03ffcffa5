"""Layout of a pack: what all layouts share, and the files that most of them write."""

from __future__ import annotations

import math
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from PIL import Image

from mono.io.atomic import write_bytes
from mono.io.depth import SCALE_KEY
from mono.io.depth_encoding import encode_png16, quantise
from mono.io.depth_metadata import DepthEncoding
from mono.io.images import DECODING_ERRORS
from mono.packs.frames import PackFrame
from mono.system.errors import MetricDepthError
from mono.visual.color_maps import write_image

if TYPE_CHECKING:
    from mono.packs.model_frames import ModelView

INTEGER_CENTERS = "(0, 0) is the center of the top left pixel"
HALF_CENTERS = "(0.5, 0.5) is the center of the top left pixel"
OPENCV_AXES = "x right, y down, z forward"
ROS_ENCODINGS = ("32FC1", "16UC1")
_COPIED = {"JPEG": ".jpg", "PNG": ".png"}


class PackError(MetricDepthError):
    """Reports a pack that cannot be written: cause and remedy."""


@dataclass(frozen=True)
class PackOptions:
    """Sources of poses and times of a pack, and its encoding.

    Attributes:
        colmap: folder of a COLMAP model of the images.
        poses: trajectory file, in metres.
        fps: images per second where images are numbered; None: their numbers are times.
        ros_depth: encoding of depth in ROS bags, "32FC1" (metres, NaN) or "16UC1" (millimetres, 0).

    Raises:
        PackError: a value is out of range.
    """

    colmap: Path | None = None
    poses: Path | None = None
    fps: float | None = None
    ros_depth: str = "32FC1"

    def __post_init__(self) -> None:
        if self.fps is not None and not (math.isfinite(self.fps) and 1e-3 <= self.fps <= 1e5):
            raise PackError(f"images per second are {self.fps:g}; give a number from 0.001 to 100000 (--fps)")
        if self.ros_depth not in ROS_ENCODINGS:
            raise PackError(f'depth encoding is "{self.ros_depth}"; choose one of {", ".join(ROS_ENCODINGS)}')
        if self.colmap is not None and self.poses is not None:
            raise PackError("a COLMAP model holds poses already: give --colmap or --poses, not both")


class Layout:
    """Writer of one layout into a folder.

    Attributes:
        uses_model: a COLMAP model: "needed", "allowed" or "" for none.
        uses_poses: poses of a trajectory file: "needed", "allowed" or "".
        surveys: every frame is looked at before the first is written.
    """

    uses_model: ClassVar[str] = ""
    uses_poses: ClassVar[str] = "allowed"
    surveys: ClassVar[bool] = False

    def __init__(self, folder: Path, options: PackOptions, model: ModelView | None = None) -> None:
        """Start a pack.

        Args:
            folder: an empty folder.
            options: options of the pack.
            model: the COLMAP model of the frames, if there is one.

        Raises:
            PackError: a package is missing.
        """
        self.folder, self.options, self.model = folder, options, model
        self._stems: set[str] = set()
        self._start()

    def _start(self) -> None:
        """Prepare what a layout keeps from frame to frame."""

    def stem(self, frame: PackFrame) -> str:
        """Name a frame's files uniquely, by plain letters."""
        plain = stem = re.sub(r"[^\w./-]", "_", frame.name)
        number = 1
        while stem.casefold() in self._stems:
            number += 1
            stem = f"{plain}_{number}"
        self._stems.add(stem.casefold())
        return stem

    def look(self, frame: PackFrame) -> None:
        """Look at a frame before any is written.

        Raises:
            MetricDepthError: the frame cannot be packed.
        """

    def add(self, frame: PackFrame) -> dict[str, Any]:
        """Write a frame.

        Returns:
            Its files and what became of its depth, as values of JSON.

        Raises:
            MetricDepthError: the frame cannot be packed.
            OSError: a file cannot be written.
        """
        raise NotImplementedError

    def finish(self) -> dict[str, Any]:
        """Write the files of all frames together.

        Returns:
            Conventions of the pack, as values of JSON.

        Raises:
            OSError: a file cannot be written.
        """
        raise NotImplementedError


def write_photo(folder: Path, stem: str, frame: PackFrame) -> str:
    """Write the image of a frame.

    The bytes of its file are copied where they show the same pixels; else it becomes a PNG.

    Args:
        folder: folder of the pack.
        stem: path in the pack, without suffix.
        frame: the frame.

    Returns:
        Path in the pack.

    Raises:
        OSError: the file cannot be written.
    """
    suffix = _copied_suffix(frame)
    if frame.file is not None and suffix:
        path = folder / (stem + suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(frame.file, path)
        return stem + suffix
    write_image(folder / f"{stem}.png", frame.rgb)
    return f"{stem}.png"


def _copied_suffix(frame: PackFrame) -> str:
    """Return the suffix of a copyable file, else nothing."""
    if frame.file is None:
        return ""
    try:
        with Image.open(frame.file, formats=tuple(_COPIED)) as image:
            plain = image.mode == "RGB" and image.size == (frame.camera.width, frame.camera.height)
            turned = image.getexif().get(0x0112, 1) != 1
            return _COPIED[str(image.format)] if plain and not turned and "transparency" not in image.info else ""
    except DECODING_ERRORS:
        return ""


def write_depth16(folder: Path, path: str, frame: PackFrame, scale: float, factor: float = 1.0) -> dict[str, Any]:
    """Write depth as 16-bit PNG; 0 is invalid.

    Args:
        folder: folder of the pack.
        path: path in the pack.
        frame: the frame.
        scale: stored value of one unit.
        factor: number that depth is multiplied by.

    Returns:
        The path, and the number of pixels that became invalid as they are too far.

    Raises:
        OSError: the file cannot be written.
    """
    depth = frame.depth * factor if factor != 1 else frame.depth
    steps, _ = quantise(depth, scale)
    write_bytes(folder / path, encode_png16(steps, {SCALE_KEY: f"{scale:.17g}"}))
    beyond = DepthEncoding(scale).count_beyond(depth)
    return {"depth": path, **({"beyond_range": beyond} if beyond else {})}


def require_one_camera(first: PackFrame, frame: PackFrame, layout: str) -> None:
    """Refuse a frame of another camera.

    Raises:
        PackError: size or intrinsics differ by more than 0.1 px.
    """
    one, other = first.camera, frame.camera
    same = all(abs(a - b) < 0.1 for a, b in zip(one.intrinsics, other.intrinsics, strict=True))
    if (one.width, one.height) != (other.width, other.height) or not same:
        raise PackError(
            f"its camera ({other.width}x{other.height}, fx {other.fx:.1f} px) is not that of {first.name} "
            f"({one.width}x{one.height}, fx {one.fx:.1f} px), and {layout} holds one camera: pack each camera by "
            "itself, or as kitti or ros2"
        )
