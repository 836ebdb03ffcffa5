"""OpenEXR files: their structure checked, and depth read and written."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from types import ModuleType
from typing import BinaryIO

import numpy as np

from mono.system.errors import MetricDepthError

MAX_PIXELS = 1 << 27
_MAX_BYTES, _MAX_HEADER, _MAX_PARTS = 1 << 31, 1 << 20, 8
_TILED, _DEEP, _SEVERAL_PARTS = 0x200, 0x800, 0x1000
_ROWS = {0: 1, 1: 1, 2: 1, 3: 16, 4: 32, 5: 16, 6: 32, 7: 32, 8: 32, 9: 256}  # of a chunk, by compression
_ZIPPED = (2, 3)
_SAMPLE_BYTES = {0: 4, 1: 2, 2: 4}  # uint32, float16, float32


class ExrError(MetricDepthError):
    """Error of an EXR file; the message completes "FILE: "."""


def read_depth_channel(path: Path) -> np.ndarray:
    """Read the depth channel of an EXR: Z, depth, Y, R, or its only one.

    Args:
        path: file; all of it must be there, and no larger than 134 megapixels.

    Returns:
        (H, W) in the stored type.

    Raises:
        ExrError: OpenEXR is missing, or the file is damaged, cut short, too large or without such a channel.
    """
    exr = _import_openexr()
    check_structure(path)
    try:
        with exr.File(str(path), separate_channels=True) as file:
            channels = file.channels()
            names = [name for name in ("Z", "depth", "Y", "R") if name in channels] or list(channels)
            if names[0] in ("Z", "depth", "Y", "R") or len(names) == 1:
                return np.array(channels[names[0]].pixels)
    except Exception as error:  # the library raises several kinds, some of them its own
        raise ExrError("is damaged, or a kind of EXR that cannot be read; write it again") from error
    raise ExrError(f"holds the channels {', '.join(names)[:200]}; name the depth channel Z")


def write_depth_channel(path: Path, depth: np.ndarray, texts: dict[str, str]) -> None:
    """Write depth as channel Z of an EXR.

    Args:
        path: file, not written atomically.
        depth: (H, W) float32 [m].
        texts: further attributes of the header.

    Raises:
        ExrError: OpenEXR is missing.
    """
    exr = _import_openexr()
    header = {**texts, "compression": exr.ZIP_COMPRESSION, "type": exr.scanlineimage}
    with exr.File(header, {"Z": depth}) as file:
        file.write(str(path))


def read_text_attribute(path: Path, name: str) -> bytes | None:
    """Read a text in the header of an EXR, without its pixels.

    Args:
        path: file.
        name: name of the attribute.

    Returns:
        The text; None where the header has no such attribute.

    Raises:
        ExrError: the header is damaged.
    """
    with path.open("rb") as file:
        try:
            if file.read(8)[:4] != b"\x76\x2f\x31\x01":
                raise ExrError("is not an EXR; write it again")
            return _read_header(file).get(name)
        except (struct.error, IndexError, ValueError) as error:
            raise ExrError("is damaged: its header cannot be read; write it again") from error


def check_structure(path: Path) -> None:
    """Verify that an EXR holds all of its chunks.

    OpenEXR reads missing chunks as zeros. ZIP-compressed rows are unpacked and compared with their checksums, too.

    Args:
        path: file.

    Raises:
        ExrError: a header is damaged or too large, or a chunk is missing, cut short or damaged.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        try:
            _check(file, size)
        except ExrError:
            raise
        except (struct.error, IndexError, ValueError, KeyError, OverflowError) as error:
            raise ExrError("is damaged or not an EXR: its header cannot be read; write it again") from error


def _check(file: BinaryIO, size: int) -> None:
    magic, version = _unpack(file, "<II")
    if magic != 0x01312F76:
        raise ExrError("is not an EXR; write it again")
    if version & _DEEP:
        raise ExrError("is a deep EXR, with several depths per pixel; flatten it first")
    several = bool(version & _SEVERAL_PARTS)
    headers = [_read_header(file)]
    while several:
        header = _read_header(file)
        if not header:
            break
        headers.append(header)
        if len(headers) > _MAX_PARTS:
            raise ExrError(f"holds more than {_MAX_PARTS} parts; write the depth alone")
    tables = []
    for header in headers:
        count = _count_chunks(header, tiled=bool(version & _TILED) or header.get("type", b"")[:4] == b"tile")
        if count * 8 > size:
            raise ExrError("is cut short: its table of contents is incomplete; write it again")
        tables.append(_unpack(file, f"<{count}Q"))
    start = file.tell()
    for header, offsets in zip(headers, tables, strict=True):
        _check_chunks(file, size, start, header, offsets, several, bool(version & _TILED))


def _read_header(file: BinaryIO) -> dict[str, bytes]:
    header: dict[str, bytes] = {}
    begun = file.tell()
    while name := _read_text(file):
        _read_text(file)  # type
        (length,) = _unpack(file, "<I")
        if length > _MAX_HEADER or file.tell() - begun > _MAX_HEADER:
            raise ExrError("is damaged: its header is larger than 1 MB; write it again")
        header[name] = file.read(length)
    return header


def _count_chunks(header: dict[str, bytes], tiled: bool) -> int:
    left, top, right, bottom = struct.unpack("<4i", header["dataWindow"])
    width, height = right - left + 1, bottom - top + 1
    if width < 1 or height < 1 or width * height > MAX_PIXELS:
        raise ExrError(f"announces {width}x{height} pixels, which is not a depth map of at most 134 megapixels")
    if width * height * _pixel_bytes(header["channels"]) > _MAX_BYTES:
        raise ExrError("holds channels of more than 2.1 GB together; write the depth alone")
    if "chunkCount" in header:
        (count,) = struct.unpack("<i", header["chunkCount"])
    elif tiled:
        across, down, mode = struct.unpack("<IIB", header["tiles"])
        if mode & 15:
            raise ExrError("is a tiled EXR of several resolutions, which is not read; write scanlines")
        count = -(-width // across) * -(-height // down) if across and down else 0
    else:
        count = -(-height // _ROWS[header["compression"][0]])
    if not 0 < count <= width * height:
        raise ExrError(f"is damaged: it announces {count} chunks; write it again")
    return count


def _check_chunks(
    file: BinaryIO,
    size: int,
    start: int,
    header: dict[str, bytes],
    offsets: tuple[int, ...],
    several: bool,
    tiled: bool,
) -> None:
    tiled = tiled or header.get("type", b"")[:4] == b"tile"
    lead = 4 * several + (16 if tiled else 4)
    for number, offset in enumerate(offsets):
        if not start <= offset <= size - lead - 4:
            raise ExrError("is cut short: parts of its pixels are missing; write it again")
        file.seek(offset + lead)
        (length,) = _unpack(file, "<I")
        if offset + lead + 4 + length > size:
            raise ExrError("is cut short: parts of its pixels are missing; write it again")
        if header["compression"][0] in _ZIPPED and not tiled:
            _check_zip(file.read(length), number, header)


def _check_zip(data: bytes, number: int, header: dict[str, bytes]) -> None:
    left, top, right, bottom = struct.unpack("<4i", header["dataWindow"])
    rows = _ROWS[header["compression"][0]]
    full = min(rows, bottom - top + 1 - number * rows) * (right - left + 1) * _pixel_bytes(header["channels"])
    subsampled = any((across, down) != (1, 1) for _, across, down in _read_channels(header["channels"]))
    if subsampled or len(data) == full:  # rows that do not shrink are stored as they are
        return
    unpacker = zlib.decompressobj()
    try:
        done = len(unpacker.decompress(data, full + 1)) == full and (unpacker.eof or not unpacker.decompress(b"", 1))
    except zlib.error:
        done = False
    if not done or not unpacker.eof:
        raise ExrError("is damaged: its compressed pixels are not what was written; write it again")


def _pixel_bytes(channels: bytes) -> int:
    """Sum the sample sizes of a channel list [bytes]."""
    return sum(_SAMPLE_BYTES[kind] for kind, _, _ in _read_channels(channels))


def _read_channels(channels: bytes) -> list[tuple[int, int, int]]:
    """Read sample type and subsampling along both axes of each channel."""
    found, place = [], 0
    while place < len(channels) and channels[place]:
        place = channels.index(b"\0", place) + 1
        found.append(struct.unpack_from("<i4xii", channels, place))
        place += 16
    return found


def _read_text(file: BinaryIO) -> str:
    text = bytearray()
    while (char := file.read(1)) != b"\0":
        if not char or len(text) > 255:
            raise ExrError("is damaged or cut short: its header is incomplete; write it again")
        text += char
    return text.decode()


def _unpack(file: BinaryIO, code: str) -> tuple[int, ...]:
    return struct.unpack(code, file.read(struct.calcsize(code)))


def _import_openexr() -> ModuleType:
    try:
        import OpenEXR  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError as error:
        raise ExrError("EXR files need the package OpenEXR: pip install OpenEXR (or choose png, npy or npz)") from error
    return OpenEXR
