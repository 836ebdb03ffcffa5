"""RGB-D folders: images and depth maps matched by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from mono.data.datasets.annotation_writer import Annotated, DatasetError, Entry, Intrinsics, require_folder, some
from mono.data.depth_header import stores_integers
from mono.data.folder import count_suffixes
from mono.data.image_header import read_image_header
from mono.io.depth import DEPTH_SUFFIXES, png_depth_scale
from mono.io.images import IMAGE_SUFFIXES, ImageError
from mono.system.errors import counted, without_path

# Words that tell an image from its depth map, as in rgb_00045.jpg and sync_depth_00045.png, frame000123.jpg and
# depth000123.png, frame.0000.color.jpg and frame.0000.depth_meters.exr.
_KIND = re.compile(
    r"(?:^|(?<=[_\-.\d]))(?:rgb|colou?r|images?|img|im|frame|left|sync|depths?|maps?|meters|mm|raw|gt|groundtruth|ground|"
    r"truth|tonemap|final|preview|geometry|hdf5|camera|undistorted|rendered|blended|highres|lowres|wide|planar|"
    r"perspective|scene|z|filled|photos)(?=[_\-.\d]|$)",
    re.IGNORECASE,
)
_HUMPS = re.compile(r"(?<=[a-z])(?=[A-Z])")  # CameraDepth is camera_depth
_SEPARATORS = re.compile(r"[_\-.]+")
_IMAGE_FOLDERS = ("rgb", "color", "colour", "image", "images", "img", "left", "photos")
_DEPTH_FOLDERS = ("depth", "depths", "depth_raw", "depth_gt", "gt", "groundtruth", "ground_truth")
_IMAGE_SUFFIX = re.compile(r"\.(?:jpe?g|png)$", re.IGNORECASE)  # before the suffix of a map, as in 1.jpg.npy
_SIDE_FILES = frozenset({".txt", ".json", ".yaml", ".yml", ".csv", ".md"})


def annotate_pairs(
    rgb: Path,
    depth: Path | None = None,
    *,
    intrinsics: Intrinsics | None = None,
    camera_file: Path | None = None,
    depth_scale: float | None = None,
    depth_kind: str = "z",
    depth_invalid: tuple[float, ...] | None = None,
    keep_without_depth: bool = False,
) -> Annotated:
    """Annotate images and depth maps that match by name.

    Folders are searched with their subfolders. An image belongs to the depth map of the same path without suffix. If
    some images find none, words like rgb, color, frame, left, sync and depth in names are ignored (rgb_00045.jpg and
    sync_depth_00045.png, frame000123.jpg and depth000123.png), then zeros before numbers, then the innermost or the
    outermost folders.

    Args:
        rgb: folder of images, or of images and depth maps; without `depth`, subfolders such as rgb/ and depth/ are
            used, and else depth maps with "depth" in their names or those of their folders.
        depth: folder of depth maps; may be `rgb`.
        intrinsics: (fx, fy, cx, cy) [px] of all images.
        camera_file: camera file for all images, see `mono.io.cameras.files`, instead of `intrinsics`.
        depth_scale: stored value of one meter; None: depth maps carry their scale or store meters.
        depth_kind: "z" (along the optical axis) or "ray" (along the pixel's ray).
        depth_invalid: stored values that mean "no depth", besides 0; None: unknown.
        keep_without_depth: keep images without a depth map; otherwise they are left out, and counted in the notes.

    Raises:
        DatasetError: a folder is missing or empty, names are ambiguous, nothing matches, or a scale is missing.
        CameraFileError: the camera file cannot be used for an image.
    """
    require_folder(rgb, "give a folder of files that match by name")
    if depth is None:
        rgb, depth = _split_folder(rgb)
    notes: list[str] = []
    images = _files(rgb, IMAGE_SUFFIXES, notes if depth != rgb else [])
    maps: dict[Path, Path] = {}
    if depth is not None:
        depths = _files(depth, DEPTH_SUFFIXES, notes)
        if depth.absolute() == rgb.absolute():
            images = [path for path in images if not _is_depth(path.relative_to(rgb))]
            depths = [path for path in depths if _is_depth(path.relative_to(rgb))]
        maps = _match(rgb, images, depth, depths)
        if without := [image for image in images if image not in maps]:
            what = "kept" if keep_without_depth else "left out"
            names = some([path.relative_to(rgb).as_posix() for path in without])
            notes.append(f"{counted(len(without), 'image')} without depth {what}: {names}")
        if unused := sorted(set(depths) - set(maps.values())):
            names = some([path.relative_to(depth).as_posix() for path in unused])
            notes.append(f"{counted(len(unused), 'depth map')} without image: {names}")
        if not keep_without_depth:
            images = [image for image in images if image in maps]
        _check_scales(maps.values(), depth_scale)
    cameras = {image: _camera(image, intrinsics, camera_file) for image in images}
    entries = tuple(
        Entry(image, maps[image], depth_scale, cameras[image], depth_kind, depth_invalid)
        if image in maps
        else Entry(image, intrinsics=cameras[image])
        for image in images
    )
    notes.insert(0, f"{counted(len(entries), 'image')}, {len(maps)} with ground truth")
    return Annotated(entries, tuple(notes))


def _split_folder(folder: Path) -> tuple[Path, Path | None]:
    """Find the folders of images and depth maps: one folder if the maps lie beside the images, None without maps."""
    inside = {path.name.lower(): path for path in sorted(folder.iterdir()) if path.is_dir()}
    depth = next((inside[name] for name in _DEPTH_FOLDERS if name in inside), None)
    if depth is not None:
        rgb = [inside[name] for name in _IMAGE_FOLDERS if name in inside]
        if not rgb:
            return folder, folder
        if len(rgb) != 1:
            found = ", ".join(path.name for path in rgb)
            raise DatasetError(
                f"{folder}: has a folder {depth.name}, and as folder of photos {found}: give the folder of the photos "
                "and that of the depth maps"
            )
        return rgb[0], depth
    beside = any(
        _is_depth(path.relative_to(folder)) and path.suffix.lower() in DEPTH_SUFFIXES for path in folder.rglob("*")
    )
    return folder, folder if beside else None


def image_size(path: Path) -> tuple[int, int]:
    """Read the size of an upright image from its header.

    Returns:
        (width, height) [px].

    Raises:
        DatasetError: the file is not an image.
    """
    try:
        return read_image_header(path).size
    except ImageError as error:
        raise DatasetError(f"{path}: cannot be read as an image: {without_path(error, path)}") from error


def _camera(image: Path, intrinsics: Intrinsics | None, camera_file: Path | None) -> Intrinsics | None:
    if camera_file is None:
        return intrinsics
    from mono.io.cameras.files import camera_from_file

    camera = camera_from_file(camera_file, *image_size(image), image, _orientation(image))
    if camera.is_distorted:
        raise DatasetError(
            f"{camera_file}: has lens distortion ({camera.model}), and annotations hold fx, fy, cx and cy only; "
            "undistort images and depth first"
        )
    return camera.intrinsics


def _orientation(path: Path) -> int:
    from PIL import Image

    from mono.io.exif import read_orientation

    with Image.open(path) as image:
        return read_orientation(image)


def _is_depth(relative: Path) -> bool:
    folders = [name.lower() for name in relative.parts[:-1]]
    return "depth" in relative.stem.lower() or any("depth" in name or name in _DEPTH_FOLDERS for name in folders)


def _files(folder: Path, suffixes: Iterable[str], notes: list[str]) -> list[Path]:
    """List files of these suffixes, and note the others."""
    require_folder(folder, "give a folder of files that match by name")
    shown = sorted(path for path in folder.rglob("*") if not path.name.startswith(".") and path.is_file())
    found = [path for path in shown if path.suffix.lower() in suffixes]
    others = [path.name for path in shown if path not in set(found) and path.suffix.lower() not in _SIDE_FILES]
    passed = f"not read: {counted(len(others), 'file')} of other kinds, {count_suffixes(others)}" if others else ""
    if not found:
        raise DatasetError(f"{folder}: holds none of {' '.join(sorted(suffixes))}" + (f"; {passed}" if passed else ""))
    if passed:
        notes.append(f"{folder.name}: {passed}")
    return found


def _match(rgb: Path, images: list[Path], depth: Path, depths: list[Path]) -> dict[Path, Path]:
    """Return the depth map of each image that has one."""
    matches: dict[Path, Path] = {}
    loose = (_numbered_path, _inner_path, _outer_path)
    for key in (_plain_name, _bare_name, _bare_path, *loose):
        try:
            ours, theirs = _by_name(rgb, images, key), _by_name(depth, depths, key)
        except DatasetError:
            if matches or key in loose:
                break
            raise
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


def _plain_name(relative: Path) -> str:
    return relative.with_suffix("").as_posix()


def _bare(name: str) -> str:
    return _SEPARATORS.sub("_", _KIND.sub("", _HUMPS.sub("_", name))).strip("_")


def _bare_name(relative: Path) -> str:
    """Remove suffixes and words such as depth from names."""
    return (relative.parent / _bare(_IMAGE_SUFFIX.sub("", relative.stem))).as_posix()


def _bare_path(relative: Path) -> str:
    """Remove such words from the names of folders, too, as in image_left/000000_left.png."""
    bare = map(_bare, (*relative.parts[:-1], _IMAGE_SUFFIX.sub("", relative.stem)))
    return "/".join(name for name in bare if name)


def _numbered_path(relative: Path) -> str:
    """Remove zeros before numbers, too."""
    return re.sub(r"\d+", lambda digits: str(int(digits[0])), _bare_path(relative))


def _inner_path(relative: Path) -> str:
    """Remove the innermost folder, as in room/Scene/1.png and room/DepthPlanar/1.png."""
    return _numbered_path(relative.parent.parent / relative.name)


def _outer_path(relative: Path) -> str:
    """Remove the outermost folder, as in samples/front/1.jpg and depth/front/1.png."""
    return _numbered_path(Path(*relative.parts[1:])) if len(relative.parts) > 1 else _numbered_path(relative)


def _by_name(folder: Path, paths: list[Path], key: Callable[[Path], str]) -> dict[str, Path]:
    named: dict[str, Path] = {}
    for path in paths:
        name = key(path.relative_to(folder))
        other = named.setdefault(name, path)
        if other != path:
            raise DatasetError(f'{path} and {other.name}: both match as "{name}"; keep one, or rename them')
    return named


def _check_scales(depths: Iterable[Path], depth_scale: float | None) -> None:
    if depth_scale is not None:
        return
    for path in depths:
        if stores_integers(path) and png_depth_scale(path) is None:
            raise DatasetError(
                f"{path}: does not carry its scale; give the stored value of one meter (--depth-scale 1000 "
                "for millimeters, 256 for KITTI)"
            )
