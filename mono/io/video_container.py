"""Video containers: opened with PyAV, with errors that explain what is wrong."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from mono.io.exif import ExifCamera
from mono.io.images import DECODING_ERRORS
from mono.system.errors import MetricDepthError

logger = logging.getLogger(__name__)

_FOCAL_TAG = "focal_length.35mm_equivalent"  # "com.apple.quicktime.camera." before it, as phones write it


class VideoError(MetricDepthError):
    """Error of a video that cannot be used, naming file, cause and remedy."""


def import_av() -> ModuleType:
    """Import PyAV.

    Returns:
        Module `av`.

    Raises:
        VideoError: PyAV is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise VideoError("to read videos: pip install 'metricdepth[slam]' (the package av)") from error
    return av


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn whatever PyAV raises into a `VideoError`.

    Args:
        path: video file, for the message.

    Raises:
        VideoError: PyAV, or the conversion of a frame, failed.
    """
    try:
        yield
    except VideoError:
        raise
    except (import_av().FFmpegError, *DECODING_ERRORS, MemoryError) as error:
        raise VideoError(f"{path}: is damaged, or cannot be read; copy or download it again") from error


def open_stream(path: Path) -> tuple[Any, Any]:
    """Open the first video stream of a file.

    Args:
        path: video file.

    Returns:
        PyAV container and stream.

    Raises:
        VideoError: the file is not a video, is cut short, or has an unknown codec; or PyAV is missing.
    """
    av = import_av()
    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError, ValueError) as error:
        if isinstance(error, PermissionError):
            raise VideoError(f"{path}: may not be read (permission denied); change its permissions") from error
        raise VideoError(
            f"{path}: is not a video that can be read, or is cut short; copy or download it again"
        ) from error
    if not container.streams.video:
        others = len(container.streams)
        container.close()
        if others and not is_cut_short(path):
            raise VideoError(f"{path}: has no images, only sound or other data; give a video")
        raise VideoError(f"{path}: is cut short or damaged, and holds no frame; copy or download it again")
    stream = container.streams.video[0]
    if stream.codec_context is None:
        container.close()
        raise VideoError(f"{path}: its codec is not known to PyAV; convert it to H.264 first")
    stream.thread_type = "AUTO"
    return container, stream


def is_cut_short(path: Path) -> bool:
    """Check whether a box of an MP4 reaches beyond the end of its file.

    Args:
        path: video file.

    Returns:
        False for whole files, and for containers of other kinds.
    """
    size, place = path.stat().st_size, 0
    with path.open("rb") as file:
        while place + 8 <= size:
            file.seek(place)
            head = file.read(16)
            length = int.from_bytes(head[:4], "big")
            length = int.from_bytes(head[8:], "big") if length == 1 else length or size - place
            if length < 8 or not head[4:8].isalnum():
                return False
            place += length
    return place > size


def read_video_exif(tables: Sequence[dict[str, str]]) -> ExifCamera | None:
    """Read the 35-mm equivalent that phones write into a video.

    Args:
        tables: metadata of the container and its streams.

    Returns:
        Camera with this focal length; None if there is none.
    """
    for table in tables:
        for key, value in table.items():
            if key.endswith(_FOCAL_TAG):
                try:
                    return ExifCamera(focal_35mm=float(value))
                except ValueError:
                    logger.warning("the video's metadata hold %s = %r, which is not a number: ignored", key, value)
    return None
