"""Data type of depth files, read from headers only."""

from __future__ import annotations

import os
import zipfile

from PIL import Image

from mono.io.arrays import read_npy_header
from mono.io.images import DECODING_ERRORS
from mono.io.tiff import read_directories, stores_whole_numbers


def stores_integers(path: str | os.PathLike[str]) -> bool:
    """Tell if a depth file stores integers.

    Args:
        path: PNG, TIFF, NPY, NPZ or EXR file.

    Returns:
        False also for damaged files; reading them reports the damage.
    """
    suffix = os.path.splitext(path)[1].lower()  # noqa: PTH122
    try:
        if suffix == ".npy":
            with open(path, "rb") as file:
                return read_npy_header(file)[2].kind in "iu"
        if suffix == ".npz":
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
                name = "depth.npy" if "depth.npy" in names else names[0]
                with archive.open(name) as member:
                    return read_npy_header(member)[2].kind in "iu"
        if suffix in (".tif", ".tiff"):
            with open(path, "rb") as file:
                return any(map(stores_whole_numbers, read_directories(file)[:1]))
        if suffix == ".png":
            with Image.open(path) as image:
                return image.mode.startswith("I")
    except (*DECODING_ERRORS, zipfile.BadZipFile, Image.DecompressionBombError, RecursionError, MemoryError):
        return False
    return False
