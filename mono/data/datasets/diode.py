"""DIODE (Vasiljevic et al., 2019): indoor and outdoor scans, with a validity mask beside each depth map."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mono.data.datasets.annotation_writer import (
    Annotated,
    DatasetError,
    Entry,
    Intrinsics,
    Progress,
    iterate,
    require_folder,
    some,
)
from mono.data.datasets.derived_files import masked

INTRINSICS: Intrinsics = (886.81, 927.06, 512, 384)  # intrinsics.txt of the devkit, for images of 1024x768

_DEPTH = "_depth.npy"


def annotate_diode(root: Path, target: Path, *, progress: Progress = iterate) -> Annotated:
    """Annotate DIODE, with depth only where its mask is 1.

    Args:
        root: folder above scene_*/scan_*/NAME.png, NAME_depth.npy [m] and NAME_depth_mask.npy, such as val or
            val/indoors (results are usually reported for indoors and outdoor separately).
        target: folder for masked depth maps (NPZ).
        progress: wraps the sequence of frames, for a progress bar.

    Raises:
        DatasetError: a file is missing or has unexpected content.
        DepthError: a depth map cannot be read.
        OSError: a file cannot be written.
    """
    require_folder(root, "give DIODE's val folder, or one in it")
    depths = sorted(path for path in root.rglob(f"*{_DEPTH}") if path.is_file())
    if not depths:
        raise DatasetError(f"{root}: holds no scene_*/scan_*/*{_DEPTH}; give DIODE's val folder, or one in it")
    names = [path.name.removesuffix(_DEPTH) for path in depths]
    images = [path.with_name(f"{name}.png") for path, name in zip(depths, names, strict=True)]
    masks = [path.with_name(f"{name}_depth_mask.npy") for path, name in zip(depths, names, strict=True)]
    if absent := [path for path in (*images, *masks) if not path.is_file()]:
        raise DatasetError(f"{len(absent)} files are missing: {some(absent)}; unpack the dataset again")
    entries = []
    for image, depth, mask in progress(list(zip(images, depths, masks, strict=True))):
        place = target / depth.relative_to(root).with_name(f"{image.stem}_depth.npz")
        entries.append(masked(Entry(image, depth, None, INTRINSICS), _read_mask(mask), place))
    rewritten = sum(entry.depth != depth for entry, depth in zip(entries, depths, strict=True))
    notes = [f"{len(entries)} images"]
    if rewritten:
        notes.append(f"{rewritten} depth maps masked, in {target}")
    return Annotated(tuple(entries), tuple(notes))


def _read_mask(path: Path) -> np.ndarray:
    try:
        mask = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, MemoryError) as error:
        raise DatasetError(f"{path}: is damaged or no NPY file; unpack it again") from error
    if mask.ndim == 3 and mask.shape[2] == 1:
        mask = mask[..., 0]
    if mask.ndim != 2:
        raise DatasetError(f"{path}: has shape {mask.shape}; a mask is (height, width), unpack it again")
    return mask > 0.5
