"""NumPy arrays from files, with their headers checked before anything is allocated."""

from __future__ import annotations

import contextlib
import threading
import zipfile
import zlib
from pathlib import Path
from typing import IO

import numpy as np

from mono.io.atomic import atomic_path
from mono.system.errors import MetricDepthError

MAX_BYTES = 1 << 30
_MAX_MEMBERS = 1000
_SMALL = 64  # values of an array
_PARSER = threading.Lock()  # CPython 3.11's parser of literals fails now and then in several threads at once


class ArrayError(MetricDepthError):
    """Error of an array file; the message completes "FILE: "."""


def read_npy(path: Path) -> np.ndarray:
    """Read an NPY file.

    Args:
        path: file.

    Returns:
        The array.

    Raises:
        ArrayError: the file is an NPZ archive, or not a numeric array of at most 1 GiB that it holds in full.
    """
    with path.open("rb") as file:
        if file.read(2) == b"PK":
            raise ArrayError("is an NPZ archive named .npy; rename it")
        file.seek(0)
        return _read_array(file, path.stat().st_size)


def write_npy(path: Path, array: np.ndarray) -> None:
    """Write an NPY file, the same bytes as `np.save`, atomically.

    Args:
        path: file to write; parent folders are made.
        array: numbers; float32 is written.

    Raises:
        OSError: the file cannot be written; with the system's reason, which `np.save` leaves out for a full disk.
    """
    array = np.ascontiguousarray(array, np.float32)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
        file.write(array.data)


def read_npz(path: Path, name: str) -> np.ndarray:
    """Read one array of an NPZ archive.

    Args:
        path: file.
        name: name of the array, which may be missing if the archive holds one array only.

    Returns:
        The array.

    Raises:
        ArrayError: the archive holds other arrays, or not a numeric array of at most 1 GiB.
        zipfile.BadZipFile: the archive is damaged.
    """
    with path.open("rb") as file:
        if file.read(6) == b"\x93NUMPY":
            raise ArrayError("is a plain NPY array named .npz; rename it")
    with zipfile.ZipFile(path) as archive:
        members = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()[:_MAX_MEMBERS]}
        if name not in members and len(members) != 1:
            names = ", ".join(members) or "nothing"
            raise ArrayError(f'holds {names[:200]}; name the {name} array "{name}"')
        entry = members.get(name) or next(iter(members.values()))
        with archive.open(entry) as file:
            array = _read_array(file, entry.file_size)
            if file.read(1):
                raise ArrayError(f"holds more in {entry.filename} than its array; write it again")
            return array


def read_small_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays of an NPZ archive that have at most 64 values.

    Args:
        path: file.

    Returns:
        Arrays of numbers and of text by name.

    Raises:
        ArrayError: the archive is damaged.
    """
    found = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist()[:_MAX_MEMBERS]:
                if entry.filename.endswith(".npy") and entry.file_size <= 1024 + 16 * _SMALL:
                    with contextlib.suppress(ArrayError), archive.open(entry) as file:
                        found[entry.filename.removesuffix(".npy")] = _read_array(file, entry.file_size, "biufcU")
    except (zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError, EOFError, zlib.error) as error:
        raise ArrayError("is a damaged NPZ archive; write it again") from error
    return {name: array for name, array in found.items() if array.size <= _SMALL}


def read_npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Read the header of an NPY file.

    Args:
        file: file at its begin; it is left at the numbers.

    Returns:
        Shape, whether the order is Fortran's, and data type.

    Raises:
        ArrayError: its version is unknown.
        ValueError: it is damaged.
    """
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise ArrayError(f"is an NPY file of version {version[0]}.{version[1]}, which is unknown; write it again")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    with _PARSER:
        return read(file)


def _read_array(file: IO[bytes], size: int, kinds: str = "biufc") -> np.ndarray:
    shape, fortran, dtype = read_npy_header(file)
    if dtype.hasobject or dtype.kind not in kinds:
        raise ArrayError(f"is damaged or holds {dtype}, not plain numbers; write an array of numbers")
    count = 1
    for side in shape:
        count *= int(side)
    needed = count * dtype.itemsize
    if count < 0 or needed > MAX_BYTES:
        raise ArrayError(
            f"holds an array of {'x'.join(map(str, shape))} {dtype}, {needed / 1e9:.1f} GB, more than 1.1 GB; "
            "make it smaller"
        )
    if needed > size:
        raise ArrayError(f"is cut short: its array takes {needed} bytes, the file has {size}; write it again")
    values = np.empty(count, dtype)
    buffer, done = values.view(np.uint8), 0
    while done < needed:
        part = file.read(min(1 << 24, needed - done))
        if not part:
            raise ArrayError("is cut short: its array is incomplete; write it again")
        buffer[done : done + len(part)] = np.frombuffer(part, np.uint8)
        done += len(part)
    return values.reshape(shape[::-1]).T if fortran else values.reshape(shape)
