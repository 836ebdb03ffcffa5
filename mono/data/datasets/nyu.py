"""NYU Depth v2: labeled set as Matlab file, or official split as images."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mono.data.datasets.annotation_writer import Annotated, DatasetError, Entry, Intrinsics, Progress, iterate, some
from mono.data.datasets.derived_files import write_depth_png, write_rgb_png

# fx_rgb, fy_rgb, cx_rgb, cy_rgb of camera_params.m in the toolbox of Silberman et al., ECCV 2012.
INTRINSICS: Intrinsics = (518.8579, 519.46961, 325.58245, 253.73617)
DEPTH_SCALE = 1000
LABELED = "nyu_depth_v2_labeled.mat"
PARTS = ("test", "train", "all")
DEPTHS = {"raw": "rawDepths", "filled": "depths"}

_NUMBERS = {"test": "testNdxs", "train": "trainNdxs"}  # of splits.mat: 654 and 795 images, counted from 1
_INSTALL = "pip install h5py scipy (or metricdepth[datasets])"


def annotate_nyu(
    source: Path,
    target: Path,
    *,
    splits: Path | None = None,
    part: str = "test",
    depth: str = "raw",
    progress: Progress = iterate,
) -> Annotated:
    """Annotate the labeled set or its official split.

    Args:
        source: nyu_depth_v2_labeled.mat or its folder; or a folder with rgb_00045.jpg beside sync_depth_00045.png in
            subfolders (official_splits); its subfolder `part` is used if there is one.
        target: folder for images and depth maps of the Matlab file: SCENE/rgb_00045.png, SCENE/sync_depth_00045.png
            (millimeters), numbered from 0.
        splits: splits.mat, which lists the images for testing (654); None: beside the labeled set.
        part: "test", "train" or "all".
        depth: of the Matlab file, "raw" (as measured and projected; what official_splits holds) or "filled".
        progress: wraps the sequence of frames, for a progress bar.

    Raises:
        DatasetError: a file is missing or has unexpected content, or a package to read it is not installed.
        OSError: a file cannot be written.
    """
    if part not in PARTS or depth not in DEPTHS:
        raise DatasetError(f"part is {part!r}, one of {', '.join(PARTS)}; depth is {depth!r}, raw or filled")
    if source.is_dir() and not (source / LABELED).is_file():
        return _from_files(source, part)
    labeled = source / LABELED if source.is_dir() else source
    if not labeled.is_file():
        raise DatasetError(f"{labeled}: there is no such file or folder; give {LABELED} or official_splits")
    return _from_matlab(labeled, splits or labeled.with_name("splits.mat"), target, part, depth, progress)


def _from_files(root: Path, part: str) -> Annotated:
    inside = root / part if (root / part).is_dir() else root
    images = sorted(path for path in inside.rglob("rgb_*") if path.suffix.lower() in (".jpg", ".png"))
    if not images:
        raise DatasetError(
            f"{inside}: holds neither {LABELED} nor images as in SCENE/rgb_00045.jpg with SCENE/sync_depth_00045.png"
        )
    pairs = [(path, path.with_name(f"sync_depth_{path.stem.removeprefix('rgb_')}.png")) for path in images]
    entries = tuple(Entry(rgb, depth, DEPTH_SCALE, INTRINSICS) for rgb, depth in pairs if depth.is_file())
    if not entries:
        raise DatasetError(f"{inside}: no image has its depth map: {pairs[0][1].name} beside {pairs[0][0].name}")
    notes = [f"{len(images)} images, {len(entries)} with ground truth"]
    if without := [rgb.relative_to(root).as_posix() for rgb, depth in pairs if not depth.is_file()]:
        notes.append(f"{len(without)} images without depth left out: {some(without)}")
    return Annotated(entries, tuple(notes))


def _from_matlab(labeled: Path, splits: Path, target: Path, part: str, depth: str, progress: Progress) -> Annotated:
    try:
        import h5py  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError as error:
        raise DatasetError(f"{labeled}: to read Matlab files of version 7.3: {_INSTALL}") from error
    try:
        with h5py.File(labeled, "r") as file:
            if missing := [name for name in ("images", DEPTHS[depth]) if name not in file]:
                raise DatasetError(f"{labeled}: has no {missing[0]} (it has {some(sorted(file))}); is it {LABELED}?")
            images, depths = file["images"], file[DEPTHS[depth]]
            # h5py sees Matlab's arrays transposed: (N, 3, W, H) and (N, W, H).
            if images.ndim != 4 or images.shape[1] != 3 or depths.shape != (len(images), *images.shape[2:]):
                raise DatasetError(
                    f"{labeled}: images have shape {images.shape} and depths {depths.shape}; "
                    f"expected (N, 3, 640, 480) and (N, 640, 480), is it {LABELED}?"
                )
            indices = _indices(splits, part, len(images))
            scenes = _scenes(file, len(images))
            entries = []
            for index in progress(indices):
                folder = target / scenes[index]
                rgb, ground_truth = folder / f"rgb_{index:05d}.png", folder / f"sync_depth_{index:05d}.png"
                write_rgb_png(rgb, images[index].T)
                write_depth_png(ground_truth, depths[index].T, DEPTH_SCALE)
                entries.append(Entry(rgb, ground_truth, DEPTH_SCALE, INTRINSICS))
    except OSError as error:
        if error.filename is not None:
            raise
        raise DatasetError(f"{labeled}: is damaged, or not a Matlab file of version 7.3; download it again") from error
    return Annotated(tuple(entries), (f"{len(indices)} of {len(scenes)} images ({part}), {depth} depth, in {target}",))


def _indices(splits: Path, part: str, count: int) -> Sequence[int]:
    """Return the numbers of a part's images, from 0."""
    if part == "all":
        return range(count)
    numbers = np.asarray(_matlab_array(splits, _NUMBERS[part])).ravel()
    wrong = [number for number in numbers.tolist() if not (float(number).is_integer() and 1 <= number <= count)]
    if wrong or not len(numbers):
        what = f"names image {wrong[0]:g}" if wrong else "names no images"
        raise DatasetError(f"{splits}: {_NUMBERS[part]} {what}, and there are {count}; give the splits.mat of this set")
    return [int(number) - 1 for number in numbers]


def _matlab_array(path: Path, name: str) -> Any:
    if not path.is_file():
        raise DatasetError(f"{path}: there is no such file; download splits.mat, or take all images (--part all)")
    try:
        import scipy.io
    except ImportError as error:
        raise DatasetError(f"{path}: to read Matlab files: {_INSTALL}") from error
    try:
        try:
            content = scipy.io.loadmat(path, variable_names=[name])
        except NotImplementedError:  # version 7.3, which is HDF5
            import h5py

            with h5py.File(path, "r") as file:
                content = {key: file[key][()] for key in file if key == name}
    except Exception as error:  # both readers raise anything on damaged files
        raise DatasetError(f"{path}: is damaged, or not a Matlab file; download it again") from error
    if name not in content:
        raise DatasetError(f"{path}: has no {name}; give the splits.mat of NYU Depth v2")
    return content[name]


def _scenes(file: Any, count: int) -> list[str]:
    """Return the scene types of images, "" if unknown."""
    if "sceneTypes" not in file:
        return [""] * count
    references = np.asarray(file["sceneTypes"]).ravel()
    names = ["".join(map(chr, np.asarray(file[reference]).ravel())) for reference in references]
    return [re.sub(r"[^\w-]", "_", name) for name in names] if len(names) == count else [""] * count
