"""Any RGB-D folder: images and depth maps matched by name, one camera for all."""

from __future__ import annotations

import re
from pathlib import Path

from mono.data.datasets.annotation_writer import Annotated, DatasetError, Entry, Intrinsics, require_folder, some
from mono.io.depth import DEPTH_SUFFIXES, png_depth_scale
from mono.io.images import IMAGE_SUFFIXES

# Words that tell an image from its depth map, as in rgb_00045.jpg and sync_depth_00045.png.
_KIND = re.compile(
    r"(?:^|(?<=[_\-.]))(?:rgb|colou?r|image|img|left|sync|depth|gt|groundtruth)(?:[_\-.]|$)", re.IGNORECASE
)


def annotate_pairs(
    rgb: Path,
    depth: Path | None = None,
    *,
    intrinsics: Intrinsics | None = None,
    camera_file: Path | None = None,
    depth_scale: float | None = None,
    keep_without_depth: bool = False,
) -> Annotated:
    """Entries of a folder of images and a folder of depth maps, searched with their subfolders.

    An image belongs to the depth map of the same path without suffix. If not all find theirs this way, words like
    rgb, image, sync, depth and gt in the names are passed over, too (rgb_00045.jpg, sync_depth_00045.png).

    Args:
        rgb, depth: the folders; they may be the same one if the names differ by such words. No `depth`: images only.
        intrinsics: (fx, fy, cx, cy) [px] of all images.
        camera_file: camera file for all images, see `mono.io.camera_files`, instead of `intrinsics`.
        depth_scale: stored value of one metre; None: depth maps are in metres, or carry their scale.
        keep_without_depth: keep images without a depth map, else they are left out; both are counted in the notes.

    Raises:
        DatasetError: a folder is missing or empty, names are ambiguous, nothing matches, or a scale is missing.
        CameraFileError: the camera file cannot be used for an image.
    """
    if depth is None and (rgb / "depth").is_dir():
        raise DatasetError(f"{rgb} has a folder depth: give the folder of the photos and that of the depth maps")
    images = _files(rgb, IMAGE_SUFFIXES)
    maps: dict[Path, Path] = {}
    notes = []
    if depth is not None:
        depths = _files(depth, DEPTH_SUFFIXES)
        if depth.absolute() == rgb.absolute():
            images = [path for path in images if "depth" not in path.stem.lower()]
            depths = [path for path in depths if "depth" in path.stem.lower()]
        maps = _matched(rgb, images, depth, depths)
        without = [image for image in images if image not in maps]
        if without:
            what = "kept" if keep_without_depth else "left out"
            names = some([path.relative_to(rgb).as_posix() for path in without])
            notes.append(f"{len(without)} images without depth {what}: {names}")
        unused = sorted(set(depths) - set(maps.values()))
        if unused:
            names = some([path.relative_to(depth).as_posix() for path in unused])
            notes.append(f"{len(unused)} depth maps without image: {names}")
        if not keep_without_depth:
            images = [image for image in images if image in maps]
        _check_scales(list(maps.values()), depth_scale)
    entries = tuple(
        Entry(image, maps.get(image), depth_scale if image in maps else None, _camera(image, intrinsics, camera_file))
        for image in images
    )
    notes.insert(0, f"{len(entries)} images, {len(maps)} with ground truth")
    return Annotated(entries, tuple(notes))


def image_size(path: Path) -> tuple[int, int]:
    """Width and height [px] of the upright image, read from its header.

    Raises:
        DatasetError: the file is not an image.
    """
    from PIL import Image

    from mono.io.exif import read_orientation
    from mono.io.images import DECODING_ERRORS

    try:
        with Image.open(path) as image:
            width, height = image.size
            return (height, width) if read_orientation(image) >= 5 else (width, height)
    except DECODING_ERRORS as error:
        raise DatasetError(f"{path}: cannot be read as an image ({error}); copy or download it again") from error


def _camera(image: Path, intrinsics: Intrinsics | None, camera_file: Path | None) -> Intrinsics | None:
    if camera_file is None:
        return intrinsics
    from mono.io.camera_files import camera_from_file

    return camera_from_file(camera_file, *image_size(image), image, _orientation(image)).intrinsics


def _orientation(path: Path) -> int:
    from PIL import Image

    from mono.io.exif import read_orientation

    with Image.open(path) as image:
        return read_orientation(image)


def _files(folder: Path, suffixes: frozenset[str]) -> list[Path]:
    require_folder(folder, "give a folder of files that match by name")
    inside = (path for path in folder.rglob("*") if path.suffix.lower() in suffixes and path.is_file())
    found = sorted(path for path in inside if not path.name.startswith("."))
    if not found:
        raise DatasetError(f"{folder}: holds none of {' '.join(sorted(suffixes))}")
    return found


def _matched(rgb: Path, images: list[Path], depth: Path, depths: list[Path]) -> dict[Path, Path]:
    """The depth map of each image that has one."""
    matches: dict[Path, Path] = {}
    for strip in (False, True):
        ours, theirs = _by_name(rgb, images, strip), _by_name(depth, depths, strip)
        found = {ours[name]: theirs[name] for name in ours if name in theirs}
        if len(found) > len(matches):
            matches = found
        if len(matches) == len(images):
            break
    if not matches:
        raise DatasetError(
            f"{rgb} and {depth}: no image has a depth map of its name "
            f"(first image: {images[0].name if images else 'none'}, first depth map: "
            f"{depths[0].name if depths else 'none'}); rename them alike"
        )
    return matches


def _by_name(folder: Path, paths: list[Path], strip: bool) -> dict[str, Path]:
    named: dict[str, Path] = {}
    for path in paths:
        parts = path.relative_to(folder).with_suffix("").parts
        name = "/".join(parts)
        if strip:
            name = "/".join((*parts[:-1], _KIND.sub("", parts[-1]).strip("_-.")))
        other = named.setdefault(name, path)
        if other != path:
            raise DatasetError(f'{path} and {other.name}: both match as "{name}"; keep one, or rename them')
    return named


def _check_scales(depths: list[Path], depth_scale: float | None) -> None:
    if depth_scale is not None:
        return
    for path in depths:
        if path.suffix.lower() == ".png" and png_depth_scale(path) is None:
            raise DatasetError(
                f"{path}: does not carry its scale; give the stored value of one metre (--depth-scale 1000 "
                "for millimetres, 256 for KITTI)"
            )
