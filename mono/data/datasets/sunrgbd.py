"""SUN RGB-D (Song et al., CVPR 2015): a folder for each frame, depth stored with its bits rotated."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mono.data.datasets.annotation_writer import (
    Annotated,
    DatasetError,
    Entry,
    Progress,
    iterate,
    read_numbers,
    require_folder,
    some,
)
from mono.data.datasets.derived_files import write_depth_png

DEPTH_SCALE = 1000


def annotate_sunrgbd(root: Path, target: Path, *, progress: Progress = iterate) -> Annotated:
    """Annotate SUN RGB-D; depth is written anew in millimeters.

    Args:
        root: folder above the frames, each with intrinsics.txt (3x3), image/*.jpg and depth/*.png.
        target: folder for the depth maps.
        progress: wraps the sequence of frames, for a progress bar.

    Raises:
        DatasetError: there are no frames, or a frame has unexpected content.
        OSError: a file cannot be written.
    """
    require_folder(root, "give the folder SUNRGBD, or one in it")
    frames = list(_frames(root))
    if not frames:
        raise DatasetError(f"{root}: holds no frame (a folder with intrinsics.txt, image/ and depth/); give SUNRGBD")
    entries = []
    for frame in progress(frames):
        rgb, stored = _only(frame / "image", (".jpg", ".png")), _only(frame / "depth", (".png",))
        depth = target / frame.relative_to(root) / f"{stored.stem}.png"
        write_depth_png(depth, unrotated(_read_stored(stored)) / DEPTH_SCALE, DEPTH_SCALE)
        matrix = read_numbers(frame / "intrinsics.txt", "it holds a 3x3 matrix")
        if len(matrix) != 9:
            raise DatasetError(f"{frame / 'intrinsics.txt'}: holds {len(matrix)} numbers, not a 3x3 matrix")
        entries.append(Entry(rgb, depth, DEPTH_SCALE, (matrix[0], matrix[4], matrix[2], matrix[5])))
    return Annotated(tuple(entries), (f"{len(entries)} images, depth in {target}",))


def unrotated(stored: np.ndarray) -> np.ndarray:
    """Undo the bit rotation of stored SUN RGB-D depth.

    Args:
        stored: (height, width) uint16, rotated left by three bits.

    Returns:
        (height, width) uint16 [mm].
    """
    stored = stored.astype(np.uint16)
    return (stored >> 3) | (stored << 13)


def _frames(root: Path) -> Iterator[Path]:
    for folder, subfolders, files in os.walk(root):
        subfolders.sort()
        if "intrinsics.txt" in files and {"image", "depth"} <= set(subfolders):
            subfolders.clear()
            yield Path(folder)


def _only(folder: Path, suffixes: tuple[str, ...]) -> Path:
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes)
    if len(found) != 1:
        names = some([path.name for path in found]) or "none"
        raise DatasetError(f"{folder}: holds {len(found)} files {'/'.join(suffixes)} ({names}); expected one")
    return found[0]


def _read_stored(path: Path) -> np.ndarray:
    from PIL import Image

    from mono.io.images import DECODING_ERRORS

    try:
        with Image.open(path) as image:
            mode, values = image.mode, np.asarray(image)
    except DECODING_ERRORS as error:
        raise DatasetError(f"{path}: is damaged or not an image; unpack it again") from error
    if not mode.startswith("I"):
        raise DatasetError(f"{path}: is not a 16-bit PNG ({mode}); unpack it again")
    return values
