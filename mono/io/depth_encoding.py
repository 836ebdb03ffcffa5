"""Fast, reproducible encoding of depth: 16-bit PNG and NPZ."""

from __future__ import annotations

import io
import math
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

_FINE_SCALE = 1000  # PNG steps per meter: millimeters, up to 65.5 m
_FAR_SCALE = 200  # 5 mm, up to 327.7 m
_ZLIB_LEVEL = 1  # on a KITTI frame, level 3 gains 5 % in size for 1.6 times the time


def clean_depth(depth: np.ndarray, invalid: float = 0.0, zero_is_value: bool = False) -> np.ndarray:
    """Give everything that is not a depth one value.

    Args:
        depth: depth [m] of any shape.
        invalid: the value: 0 or NaN.
        zero_is_value: keep 0 and negative values.

    Returns:
        Same shape, float32, contiguous; `invalid` where not finite, or not positive unless kept.
    """
    depth = np.ascontiguousarray(depth, np.float32)
    return np.where(np.isfinite(depth) & (zero_is_value | (depth > 0)), depth, np.float32(invalid))


def quantise(depth: np.ndarray, scale: float | None = _FINE_SCALE) -> tuple[np.ndarray, float]:
    """Quantize depth to 16-bit steps.

    Args:
        depth: (H, W) depth [m].
        scale: steps per meter; None: 1000 where all depth is below 65.5 m, else 200.

    Returns:
        uint16 steps, 0 where there is no depth or it does not fit, and the number of steps per meter.
    """
    if not depth.size or not (depth.min() >= 0 and depth.max() < math.inf):  # NaN is neither
        depth = clean_depth(depth)
    if scale is None:
        scale = _FINE_SCALE if depth.max() < 65.5 else _FAR_SCALE
    with np.errstate(over="ignore"):
        steps = np.multiply(depth, np.float32(scale), dtype=np.float32)
    np.rint(steps, out=steps)
    if steps.max(initial=0) > 65535:
        steps[steps > 65535] = 0
    return steps.astype(np.uint16), scale


def encode_png16(image: np.ndarray, texts: dict[str, str]) -> bytes:
    """Encode a 16-bit grayscale or RGB image as PNG.

    It is faster than OpenCV and Pillow: every row is stored as its difference to the row above, and packed by
    `deflate`.

    Args:
        image: (H, W) or (H, W, 3) uint16.
        texts: tEXt chunks, in Latin-1.

    Returns:
        Bytes of the PNG file.
    """
    height, width = image.shape[:2]
    raw = image.astype(">u2", order="C").view(np.uint8).reshape(height, -1)
    rows = np.empty((height, 1 + raw.shape[1]), np.uint8)
    rows[:, 0] = 2  # PNG's filter type "up"
    rows[0, 1:] = raw[0]
    np.subtract(raw[1:], raw[:-1], out=rows[1:, 1:])
    del raw  # it is as large as the image
    gray = image.ndim == 2
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 0 if gray else 2, 0, 0, 0))]
    chunks += [(b"tEXt", key.encode("latin-1") + b"\0" + value.encode("latin-1")) for key, value in texts.items()]
    chunks += [(b"IDAT", deflate(rows.data, search=gray)), (b"IEND", b"")]
    parts = [b"\x89PNG\r\n\x1a\n"]
    for kind, data in chunks:
        parts += [struct.pack(">I", len(data)), kind, data, struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))]
    return b"".join(parts)


def deflate(data: bytes | memoryview, *, search: bool, raw: bool = False) -> bytes:
    """Compress bytes, with ISA-L where the package `isal` is installed, else with zlib.

    Readers see no difference.

    Measured on one core (Zen 5), CPU milliseconds and kilobytes, of a 2-megapixel map of 4 MB in 16 bits: depth as PNG
    12 ms, 2187 kB with ISA-L (level 2); 45 ms, 2176 kB with zlib (level 1; its Huffman coder alone 30 ms, 2510 kB);
    libdeflate 22 ms, zlib-ng 20 ms and a third larger. 16-bit normals 18 ms against 84 ms; float32 15 ms against 141 ms
    with zlib at level 1, and 56 ms where it packs run lengths alone.

    Args:
        data: bytes to compress, contiguous.
        search: look for repeats longer than a few bytes. Low bytes of normals and of float32 are noise, in which a
            search takes time and finds nothing.
        raw: leave out the header and checksum of the zlib format, for ZIP files.

    Returns:
        Compressed bytes.
    """
    bits = -zlib.MAX_WBITS if raw else zlib.MAX_WBITS
    fast = _import_isal()
    if fast is not None:
        packer = fast.compressobj(2 if search else 1, wbits=bits)
    else:
        strategy = zlib.Z_DEFAULT_STRATEGY if search else zlib.Z_RLE
        packer = zlib.compressobj(_ZLIB_LEVEL, wbits=bits, strategy=strategy)
    return packer.compress(data) + packer.flush()


def _import_isal() -> Any:
    try:
        from isal import isal_zlib
    except ModuleNotFoundError:  # on a kind of machine that it is not built for
        return None
    return isal_zlib


def write_npz(path: Path, arrays: Mapping[str, np.ndarray], texts: Mapping[str, str]) -> None:
    """Write arrays and texts as NPZ.

    The ZIP entries are dated 1980, so that the bytes do not depend on the clock.

    Args:
        path: file, not written atomically.
        arrays: arrays by key.
        texts: further members of the archive, by file name.
    """
    members = {name: text.encode() for name, text in texts.items()}
    for key, array in arrays.items():
        content = io.BytesIO()
        np.lib.format.write_array(content, np.asarray(array), allow_pickle=False)
        members[f"{key}.npy"] = content.getvalue()
    version, flags, method, hour, day = 20, 0, zipfile.ZIP_DEFLATED, 0, (1 << 5) | 1  # 1 January 1980
    parts, entries, start = [], [], 0
    for name, plain in sorted(members.items()):
        packed, label = deflate(plain, search=False, raw=True), name.encode()
        fields = (flags, method, hour, day, zlib.crc32(plain), len(packed), len(plain), len(label), 0)
        parts += [struct.pack("<4sHHHHHIIIHH", b"PK\3\4", version, *fields) + label, packed]
        entries.append(
            struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\1\2", version, version, *fields, 0, 0, 0, 0, start) + label
        )
        start += len(parts[-2]) + len(packed)
    directory = b"".join(entries)
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, len(entries), len(entries), len(directory), start, 0)
    with open(path, "wb") as file:
        file.writelines((*parts, directory, end))
