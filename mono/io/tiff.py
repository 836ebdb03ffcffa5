"""TIFF structure: kinds of TIFF that Pillow misreads or mistakes, found by their tags."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import BinaryIO

import numpy as np

from mono.system.errors import MetricDepthError

Tags = dict[int, tuple[int, ...]]

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _STRIPS, _SAMPLES = 256, 257, 258, 259, 262, 273, 277
_ORIENTATION, _STRIP_BYTES, _PLANAR, _PREDICTOR, _TILE_WIDTH, _SUB_DIRECTORIES = 274, 279, 284, 317, 322, 330
_FORMAT, _DNG, _NEW_KIND, _OLD_KIND = 339, 50706, 254, 255
_CODES = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}  # field types of whole numbers
_SENSOR_DATA = (32803, 34892)  # color filter array, linear raw
_DEFLATE = (8, 32946)
_HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MAX_DIRECTORIES, _MAX_ENTRIES, _MAX_VALUES = 16, 4096, 1 << 20
_MAX_BYTES = 1 << 30  # of decoded pixels


# Stored pixels to upright ones, by orientation.
_UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda pixels: pixels,
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: np.rot90(pixels, 2).swapaxes(0, 1),
    8: lambda pixels: np.rot90(pixels),
}


class TiffError(MetricDepthError):
    """Error of a TIFF that cannot be read; the message completes "FILE: "."""


def read_directories(file: BinaryIO) -> list[Tags]:
    """Read the whole-number tags of a TIFF's directories.

    Args:
        file: opened file; its position changes.

    Returns:
        Tags of the first 16 directories, nested ones included; empty if the file is not a TIFF or is damaged.
    """
    return [tags for _, tags in _walk(file)]


def skip_thumbnail(file: BinaryIO) -> io.BufferedReader | None:
    """Return a TIFF that begins with its page of full size, where it begins with a reduced one.

    Args:
        file: opened file; its position changes.

    Returns:
        The same TIFF in memory; None where the first page is to be used, or the file is no TIFF.
    """
    pages = _walk(file)
    if not pages or not _is_reduced(pages[0][1]):
        return None
    small = pages[0][1].get(_WIDTH, (0,))[0]
    full = (place for place, tags in pages[1:] if not _is_reduced(tags) and tags.get(_WIDTH, (0,))[0] > small)
    if (place := next(full, None)) is None:
        return None
    file.seek(0)
    content = bytearray(file.read())
    order, big = _layout(bytes(content[:4]))
    struct.pack_into(order + ("Q" if big else "I"), content, 8 if big else 4, place)
    return io.BufferedReader(io.BytesIO(content))


def _is_reduced(tags: Tags) -> bool:
    """Tell if a page is a smaller version of another one, or the mask of one."""
    return bool(tags.get(_NEW_KIND, (0,))[0] & 5) or tags.get(_OLD_KIND, (0,))[0] == 2


def _layout(head: bytes) -> tuple[str, bool]:
    """Return the byte order of a TIFF, and whether it is a BigTIFF."""
    return "<" if head[:2] == b"II" else ">", b"+" in head[:4]


def _walk(file: BinaryIO) -> list[tuple[int, Tags]]:
    """Return the first directories, nested ones included, with their places in the file."""
    file.seek(0)
    head = file.read(16)
    if head[:4] not in _HEADS or len(head) < 16:
        return []
    order, big = _layout(head)
    place = struct.unpack(order + "Q", head[8:])[0] if big else struct.unpack(order + "I", head[4:8])[0]
    found: list[tuple[int, Tags]] = []
    waiting, seen = [place], set[int]()
    while waiting and len(found) < _MAX_DIRECTORIES:
        place = waiting.pop(0)
        if not place or place in seen:
            continue
        seen.add(place)
        try:
            tags, following = _read_directory(file, place, order, big)
        except (struct.error, OSError, OverflowError, ValueError):
            continue
        found.append((place, tags))
        waiting += [following, *tags.get(_SUB_DIRECTORIES, ())]
    return found


def _read_directory(file: BinaryIO, place: int, order: str, big: bool) -> tuple[Tags, int]:
    count_code, entry_code, inline = ("Q", "HHQ8s", 8) if big else ("H", "HHI4s", 4)
    offset_code = order + ("Q" if big else "I")

    def read(code: str, at: int | None = None) -> tuple[int, ...]:
        if at is not None:
            file.seek(at)
        return struct.unpack(code, file.read(struct.calcsize(code)))

    (count,) = read(order + count_code, place)
    if count > _MAX_ENTRIES:
        raise ValueError("too many entries")
    size = struct.calcsize(order + entry_code)
    table = file.read(count * size)
    (following,) = read(offset_code)
    tags: Tags = {}
    for i in range(count):
        tag, kind, number, value = struct.unpack_from(order + entry_code, table, i * size)
        code = f"{order}{number}{_CODES.get(kind, '')}"
        if kind not in _CODES or not 0 < number <= _MAX_VALUES:
            continue
        if struct.calcsize(code) <= inline:
            tags[tag] = struct.unpack(code, value[: struct.calcsize(code)])
        else:
            tags[tag] = read(code, struct.unpack(offset_code, value)[0])
    return tags, following


def is_raw(directories: list[Tags]) -> bool:
    """Check for undeveloped sensor data, as in DNG, NEF, ARW and CR2.

    Args:
        directories: as from `read_directories`.

    Returns:
        True if any of them holds such data.
    """
    return any(_DNG in tags or tags.get(_PHOTOMETRIC, (0,))[0] in _SENSOR_DATA for tags in directories)


def needs_own_reader(tags: Tags, head: bytes) -> bool:
    """Check for layouts that Pillow refuses or reads wrongly.

    These are floats of other than 32 bits, floats in several channels, compressed big-endian floats, 64-bit whole
    numbers, 32-bit ones in several channels or big-endian, and 16-bit channels stored one after another.

    Args:
        tags: first of `read_directories`.
        head: first bytes of the file.

    Returns:
        True for such layouts, which `read_pixels` reads or explains.
    """
    bits, channels = tags.get(_BITS, (1,))[0], tags.get(_SAMPLES, (1,))[0]
    if tags.get(_FORMAT, (1,))[0] == 3:
        swapped = head[:2] == b"MM" and tags.get(_COMPRESSION, (1,))[0] != 1
        return bits != 32 or channels > 1 or swapped
    if bits == 64 or (bits == 32 and (channels > 1 or head[:2] == b"MM")):
        return True
    return channels > 1 and bits > 8 and tags.get(_PLANAR, (1,))[0] == 2


def describe_kind(tags: Tags) -> str:
    """Name the kind of a TIFF's pixels.

    Args:
        tags: first of `read_directories`.
    """
    channels, bits, form = (tags.get(tag, (1,))[0] for tag in (_SAMPLES, _BITS, _FORMAT))
    numbers = {3: "floats", 5: "complex numbers", 6: "complex numbers"}.get(form, "numbers")
    return f"a TIFF of {bits}-bit {numbers} in {channels} channel{'s' * (channels > 1)}"


def upright_size(tags: Tags) -> tuple[int, int, int]:
    """Read a TIFF's upright size, and its orientation.

    Args:
        tags: first of `read_directories`.

    Returns:
        Width [px], height [px] and EXIF orientation, 1 to 8.
    """
    width, height = tags.get(_WIDTH, (0,))[0], tags.get(_HEIGHT, (0,))[0]
    orientation = tags.get(_ORIENTATION, (1,))[0]
    orientation = orientation if orientation in range(1, 9) else 1
    return (height, width, orientation) if orientation >= 5 else (width, height, orientation)


def stores_whole_numbers(tags: Tags) -> bool:
    """Tell if a TIFF's pixels are whole numbers."""
    return tags.get(_FORMAT, (1,))[0] in (1, 2)


def shows_white_as_zero(tags: Tags) -> bool:
    """Tell if a TIFF's smallest values are brightest."""
    return tags.get(_PHOTOMETRIC, (1,))[0] == 0


def has_deep_colors(tags: Tags) -> bool:
    """Tell if a TIFF holds 16-bit colors."""
    return tags.get(_BITS, (1,))[0] == 16 and tags.get(_SAMPLES, (1,))[0] >= 3


def decoded_bytes(tags: Tags) -> int:
    """Compute the size of a TIFF's decoded pixels.

    Args:
        tags: first of `read_directories`.

    Returns:
        Size [bytes].
    """
    width, height = tags.get(_WIDTH, (0,))[0], tags.get(_HEIGHT, (0,))[0]
    return width * height * tags.get(_SAMPLES, (1,))[0] * tags.get(_BITS, (1,))[0] // 8


def read_pixels(file: BinaryIO, tags: Tags) -> np.ndarray:
    """Read the pixels of a plain or deflated TIFF in strips, upright.

    Args:
        file: opened file; its position changes.
        tags: first of `read_directories`.

    Returns:
        (H, W) for one channel, else (H, W, C), in the stored type.

    Raises:
        TiffError: the TIFF is tiled, compressed otherwise, too large or cut short.
    """
    width, height = tags.get(_WIDTH, (0,))[0], tags.get(_HEIGHT, (0,))[0]
    channels, bits, form = (tags.get(tag, (1,))[0] for tag in (_SAMPLES, _BITS, _FORMAT))
    kind = describe_kind(tags)
    compression = tags.get(_COMPRESSION, (1,))[0]
    if _TILE_WIDTH in tags or tags.get(_PREDICTOR, (1,))[0] != 1 or compression not in (1, *_DEFLATE):
        raise TiffError(f"is {kind}, tiled or compressed, which cannot be read; save it without compression, or as NPY")
    if (form, bits) not in ((1, 16), (1, 32), (1, 64), (2, 16), (2, 32), (2, 64), (3, 16), (3, 32), (3, 64)):
        raise TiffError(f"is {kind}, which cannot be read; save it as 32-bit floats or 16-bit numbers")
    size = decoded_bytes(tags)
    if not 0 < size <= _MAX_BYTES:
        raise TiffError(f"is {kind} of {width}x{height} pixels, too large to be read; make it smaller first")
    parts, left = [], size
    for start, count in zip(tags.get(_STRIPS, ()), tags.get(_STRIP_BYTES, ()), strict=False):
        file.seek(start)
        data = file.read(min(count, left))
        try:
            data = zlib.decompressobj().decompress(data, left) if compression != 1 and left else data
        except zlib.error as error:
            raise TiffError(f"is {kind} whose compressed data are damaged; write it again") from error
        parts.append(data)
        left -= len(data)
    if left:
        raise TiffError(f"is {kind} that is cut short; copy or write it again")
    file.seek(0)
    order = "<" if file.read(2) == b"II" else ">"
    values = np.frombuffer(b"".join(parts), f"{order}{'uif'[form - 1]}{bits // 8}")
    if channels == 1:
        values = values.reshape(height, width)
    elif tags.get(_PLANAR, (1,))[0] == 2:
        values = values.reshape(channels, height, width).transpose(1, 2, 0)
    else:
        values = values.reshape(height, width, channels)
    return _UPRIGHT[upright_size(tags)[2]](values)
