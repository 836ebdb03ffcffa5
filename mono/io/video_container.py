"""Video containers: opened with PyAV, with errors that explain what is wrong."""

from __future__ import annotations

import contextlib
import logging
import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from mono.io.exif import ExifCamera
from mono.io.images import DECODING_ERRORS
from mono.system.errors import MetricDepthError

logger = logging.getLogger(__name__)

_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"  # what Matroska and WebM begin with
_FIRST_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp")  # of MP4 and QuickTime
_EBML_HEAD = 4096  # bytes that hold both
_FOCAL_TAG = "focal_length.35mm_equivalent"  # "com.apple.quicktime.camera." before it, as phones write it
_RECTILINEAR = 4  # of FFmpeg's AVSphericalProjection
_PROJECTIONS = (
    "equirectangular", "cubemap", "tiled equirectangular", "half equirectangular", "", "fisheye", "parametric",
)  # fmt: skip


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
    stream = next(iter(container.streams.video), None)
    if stream is None or stream.codec_context is None:
        others = len(container.streams)
        container.close()
        if not others or is_cut_short(path):
            raise VideoError(f"{path}: is cut short or damaged, and holds no frame; copy or download it again")
        if stream is None:
            raise VideoError(f"{path}: has no images, only sound or other data; give a video")
        raise VideoError(f"{path}: its codec is not known to PyAV; convert it to H.264 first")
    stream.thread_type = "NONE"  # with several threads it is left to chance which frame reports damage
    if stream.codec_context.name == "mjpeg":  # flags no damage; of other codecs, these checks refuse whole videos too
        stream.codec_context.options = {"err_detect": "explode"}
    return container, stream


def decoded_packets(container: Any, stream: Any) -> Iterator[tuple[int | None, Any]]:
    """Decode a stream's packets from its present position.

    Args:
        container: PyAV container.
        stream: its video stream.

    Yields:
        time stamp and frame, in display order; time stamp and None for a packet that cannot be decoded.
    """
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except import_av().FFmpegError as error:
            logger.debug("%s: a packet cannot be decoded: %s", container.name, error)
            yield packet.pts, None
            continue
        yield from ((frame.pts, frame) for frame in frames)


def display_turn(frame: Any) -> tuple[bool, int]:
    """Tell how a decoded frame is set upright, by its display matrix.

    Args:
        frame: PyAV frame.

    Returns:
        True if it is mirrored left to right first; then quarter turns, counter-clockwise, 0 to 3.
    """
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return False, 0
    a, b, _, c, d = struct.unpack("=5i", bytes(data)[:20])  # of (x, y): (a x + c y, b x + d y)
    mirrored = a * d < b * c
    across, down = (-a, -b) if mirrored else (a, b)
    return mirrored, round(-math.atan2(down, across) / (math.pi / 2)) % 4


def is_cut_short(path: Path) -> bool:
    """Check whether a file ends before its container does.

    Args:
        path: video file.

    Returns:
        True if a box of an MP4, a chunk of an AVI or the segment of a Matroska file reaches beyond the end of the file.
        False for whole files, for live recordings without a size, and for containers of other kinds.
    """
    with path.open("rb") as file:
        head = file.read(_EBML_HEAD)
    if head.startswith(_EBML):
        end = _end_of_segment(head)
    else:
        end = _end_of_chunks(path) if head.startswith(b"RIFF") else _end_of_boxes(path)
    return end is not None and end > path.stat().st_size


def _end_of_boxes(path: Path) -> int | None:
    """Return the place where the last box of an MP4 ends [bytes]; None for other files."""
    size, place = path.stat().st_size, 0
    with path.open("rb") as file:
        while place + 8 <= size:
            file.seek(place)
            head = file.read(16)
            length = int.from_bytes(head[:4], "big")
            length = int.from_bytes(head[8:], "big") if length == 1 else length or size - place
            if length < 8 or not head[4:8].isalnum() or (place == 0 and head[4:8] not in _FIRST_BOXES):
                return None
            place += length
    return place


def _end_of_chunks(path: Path) -> int:
    """Return the place where the last chunk of an AVI ends [bytes]."""
    size, place = path.stat().st_size, 0
    with path.open("rb") as file:
        while place < size and file.read(4) == b"RIFF":
            place += 8 + int.from_bytes(file.read(4), "little")
            file.seek(place)
    return place


def _end_of_segment(head: bytes) -> int | None:
    """Return the place where the segment of a Matroska file ends [bytes]; None if its size is unknown."""
    start, length = _ebml_size(head, len(_EBML))
    place = start + (length or 0)
    if length is None or head[place : place + len(_SEGMENT)] != _SEGMENT:
        return None
    start, length = _ebml_size(head, place + len(_SEGMENT))
    return None if length is None else start + length


def _ebml_size(data: bytes, place: int) -> tuple[int, int | None]:
    """Read the size of an element.

    Args:
        data: begin of the file.
        place: first byte of the size.

    Returns:
        place behind the size, and the size [bytes]; None if it is unknown or missing.
    """
    width = 9 - data[place].bit_length() if place < len(data) else 9
    end, ones = place + width, (1 << 7 * width) - 1
    if width > 8 or end > len(data):
        return end, None
    value = int.from_bytes(data[place:end], "big") & ones
    return end, None if value == ones else value


def read_video_exif(tables: Sequence[dict[str, str]], frame: Any) -> ExifCamera | None:
    """Read the 35-mm equivalent of a phone's video, and the projection of a 360-degree one.

    Args:
        tables: metadata of the container and its streams.
        frame: PyAV frame.

    Returns:
        Camera with these; None if there is neither.
    """
    exif = None
    for key, value in (item for table in tables for item in table.items() if item[0].endswith(_FOCAL_TAG)):
        try:
            exif = exif or ExifCamera(focal_35mm=float(value))
        except ValueError:
            logger.warning("the video's metadata hold %s = %r, which is not a number: ignored", key, value)
    mapping, stereo = (frame.side_data.get(name) for name in ("SPHERICAL", "STEREO3D"))
    kind = struct.unpack("=i", bytes(mapping)[:4])[0] if mapping is not None else _RECTILINEAR
    if kind == _RECTILINEAR:
        return exif
    projection = _PROJECTIONS[kind] if 0 <= kind < len(_PROJECTIONS) else "unknown"
    is_stereo = stereo is not None and struct.unpack("=i", bytes(stereo)[:4])[0] != 0
    return replace(exif or ExifCamera(), projection="stereo " * is_stereo + projection)
