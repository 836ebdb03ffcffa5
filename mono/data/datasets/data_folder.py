"""Annotation file of a data folder, written if there is none."""

from __future__ import annotations

from pathlib import Path

from mono.data.datasets.annotation_writer import DatasetError, Intrinsics, require_folder, write_annotations
from mono.data.datasets.rgbd_folder import annotate_pairs, split_folder

ANNOTATIONS = "annotations.json"
_CAMERA_FILES = ("camera.json", "cameras.txt")


def annotations_of_folder(
    folder: Path,
    target: Path,
    *,
    intrinsics: Intrinsics | None = None,
    depth_scale: float | None = None,
) -> tuple[Path, tuple[str, ...]]:
    """Return the annotation file of a folder of RGB-D data.

    Uses the folder's annotations.json; otherwise matches images and depth maps by name, see
    `mono.data.datasets.rgbd_folder.annotate_pairs`, with the camera in camera.json or cameras.txt of the folder.

    Args:
        folder: folder with an annotations.json, or with images and depth maps (rgb/ and depth/, or side by side).
        target: annotation file to write where the folder has none.
        intrinsics: (fx, fy, cx, cy) [px] of all images; None: read from the camera file.
        depth_scale: stored value of one meter; None: depth maps carry their scale or store meters.

    Returns:
        the annotation file, and counts and omissions for the user (none for an existing file).

    Raises:
        DatasetError: the folder has no pairs, or the camera or scale is unknown.
        CameraFileError: the camera file cannot be used for an image.
        OSError: the file cannot be written.
    """
    require_folder(folder, "give an annotation file, or a folder of images and depth maps")
    existing = folder / ANNOTATIONS
    if existing.is_file():
        return existing, ()
    rgb, depth = split_folder(folder)
    if depth is None:
        raise DatasetError(
            f"{folder}: holds no {ANNOTATIONS} and no depth maps (folders rgb/ and depth/, or depth in the files' "
            "names); make an annotation file: metricdepth annotate folder --help"
        )
    places = dict.fromkeys((folder, rgb))
    camera_file = next((path for place in places for name in _CAMERA_FILES if (path := place / name).is_file()), None)
    if intrinsics is None and camera_file is None:
        raise DatasetError(
            f"{folder}: its camera is unknown; add a camera.json with fx, fy, cx, cy, width and height in pixels"
        )
    annotated = annotate_pairs(
        rgb, depth, intrinsics=intrinsics, camera_file=None if intrinsics else camera_file, depth_scale=depth_scale
    )
    write_annotations(target, annotated.entries)
    return target, annotated.notes
