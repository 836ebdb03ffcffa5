"""iBims-1 (Koch et al., ECCV workshops 2018): laser-scanned rooms, as in ibims1_core_raw."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mono.data.datasets.annotation_writer import (
    Annotated,
    DatasetError,
    Entry,
    Progress,
    iterate,
    read_lines,
    read_numbers,
    require_folder,
    some,
)
from mono.data.datasets.derived_files import masked

DEPTH_SCALE = 65535 / 50  # 16 bit for 50 m

_MASKS = ("mask_invalid", "mask_transp")  # black where depth is missing, and where the scanner saw through


def annotate_ibims(root: Path, target: Path, *, progress: Progress = iterate) -> Annotated:
    """Annotate iBims-1, without masked depth.

    Masks mark missing measurements and transparent objects.

    Args:
        root: folder of rgb/, depth/, calib/ (fx, fy, cx, cy), mask_invalid/ and mask_transp/, or its parent;
            imagelist.txt in either lists the images; without it, all images of rgb/ are used.
        target: folder for masked depth maps.
        progress: wraps the sequence of frames, for a progress bar.

    Raises:
        DatasetError: a file is missing or has unexpected content.
        DepthError: a depth map cannot be read.
        OSError: a file cannot be written.
    """
    if not (root / "rgb").is_dir() and (root / "ibims1_core_raw").is_dir():
        root = root / "ibims1_core_raw"
    for name in ("rgb", "depth", "calib"):
        require_folder(root / name, "give the folder of ibims1_core_raw.zip")
    names = _names(root)
    absent = [path for name in names for path in _files(root, name) if not path.is_file()]
    if absent:
        raise DatasetError(f"{len(absent)} files are missing: {some(absent)}; unpack ibims1_core_raw.zip again")
    entries = []
    rewritten = 0
    for name in progress(names):
        rgb, depth, calibration = _files(root, name)
        numbers = read_numbers(calibration, "it holds fx, fy, cx, cy")
        if len(numbers) != 4:
            raise DatasetError(f"{calibration}: holds {len(numbers)} numbers, not fx, fy, cx, cy")
        fx, fy, cx, cy = numbers
        entry = Entry(rgb, depth, DEPTH_SCALE, (fx, fy, cx, cy))
        masks = [path for kind in _MASKS if (path := root / kind / f"{name}.png").is_file()]
        if masks:
            valid = np.logical_and.reduce([_read_mask(path) for path in masks])
            entry = masked(entry, valid, target / "depth" / f"{name}.npz")
        rewritten += entry.depth != depth
        entries.append(entry)
    notes = [f"{len(entries)} images"]
    if rewritten:
        notes.append(f"{rewritten} depth maps masked, in {target}")
    return Annotated(tuple(entries), tuple(notes))


def _names(root: Path) -> list[str]:
    for place in (root, root.parent):
        if (place / "imagelist.txt").is_file():
            return [Path(line).stem for _, line in read_lines(place / "imagelist.txt", "it names the images")]
    names = sorted(path.stem for path in (root / "rgb").glob("*.png"))
    if not names:
        raise DatasetError(f"{root / 'rgb'}: holds no PNG; unpack ibims1_core_raw.zip again")
    return names


def _files(root: Path, name: str) -> tuple[Path, Path, Path]:
    return root / "rgb" / f"{name}.png", root / "depth" / f"{name}.png", root / "calib" / f"{name}.txt"


def _read_mask(path: Path) -> np.ndarray:
    from PIL import Image

    from mono.io.images import DECODING_ERRORS

    try:
        with Image.open(path) as image:
            values = np.asarray(image)
    except DECODING_ERRORS as error:
        raise DatasetError(f"{path}: is damaged or not an image; unpack it again") from error
    return (values if values.ndim == 2 else values[..., 0]) > 0
