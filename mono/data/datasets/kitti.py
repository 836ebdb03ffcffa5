"""KITTI: raw drives with annotated depth, and lists of frames such as Eigen's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mono.data.datasets.annotation_writer import (
    Annotated,
    DatasetError,
    Entry,
    Intrinsics,
    read_lines,
    require_folder,
    some,
)

DEPTH_SCALE = 256  # devkit of the depth benchmark (Uhrig et al., 3DV 2017): meters = stored / 256, 0 = none

_FILE = re.compile(r"(?:.*/)?(\d{4}_\d\d_\d\d)/(\1_drive_\d{4}_sync)/(image_0[23])/data/(\d+)\.(?:png|jpg)")
_DRIVE = re.compile(r"(?:.*/)?(\d{4}_\d\d_\d\d)/(\1_drive_\d{4}_sync)")
_SIDES = {"l": "image_02", "r": "image_03"}
_WANTED = (
    "expected DATE/DRIVE/image_02/data/0000000069.png (further columns do not matter) or DATE/DRIVE 69 l, "
    "as in 2011_09_26/2011_09_26_drive_0002_sync"
)


@dataclass(frozen=True)
class KittiFrame:
    """Frame of a raw drive.

    Attributes:
        date: recording date ("2011_09_26").
        drive: drive folder ("2011_09_26_drive_0002_sync").
        camera: "image_02" (left) or "image_03" (right).
        number: frame number.
    """

    date: str
    drive: str
    camera: str
    number: int

    def __str__(self) -> str:
        return f"{self.date}/{self.drive}/{self.camera}/data/{self.number:010d}.png"


def read_split(path: Path) -> list[KittiFrame]:
    """Read the frames of a split list, without repetitions.

    A line begins with the path of an image (lists of Eigen and monodepth; "rgb depth focal" of BTS, AdaBins, NewCRFs),
    or reads "DATE/DRIVE NUMBER l" (monodepth2). Depth paths and focal lengths in the list are not used: depth is
    looked up, cameras are read from the calibration.

    Raises:
        DatasetError: the list is missing, empty, or has a line of another form.
    """
    frames = []
    for number, line in read_lines(path, "give the list of frames"):
        words = line.replace("\\", "/").split()
        if match := _FILE.fullmatch(words[0]):
            frames.append(KittiFrame(match[1], match[2], match[3], int(match[4])))
        elif (match := _DRIVE.fullmatch(words[0])) and len(words) >= 2 and words[1].isdecimal():
            side = words[2] if len(words) > 2 else "l"
            if side not in _SIDES:
                raise DatasetError(f'{path}: line {number}: "{line}": the side is "{side}"; it is l or r')
            frames.append(KittiFrame(match[1], match[2], _SIDES[side], int(words[1])))
        else:
            raise DatasetError(f'{path}: line {number}: "{line}" names no frame; {_WANTED}')
    if not frames:
        raise DatasetError(f"{path}: names no frame; {_WANTED}")
    return list(dict.fromkeys(frames))


def annotate_kitti(
    root: Path,
    split: Path | None = None,
    *,
    depth_root: Path | None = None,
    cameras: Sequence[str] = ("image_02",),
    keep_without_depth: bool = False,
) -> Annotated:
    """Annotate KITTI frames with depth and calibrated cameras.

    Args:
        root: folder of the raw drives, DATE/DRIVE/image_02/data/*.png with DATE/calib_cam_to_cam.txt.
        split: list of frames, see `read_split`; None: all frames with annotated depth.
        depth_root: folder of the annotated depth, {train,val}/DRIVE/proj_depth/groundtruth/image_02/*.png; None:
            `root`/data_depth_annotated, or `root` if there is no such folder.
        cameras: cameras to use without a list.
        keep_without_depth: keep listed frames without annotated depth; otherwise they are left out, and counted in the
            notes (Eigen's test list has 697 frames, 652 with annotated depth).

    Raises:
        DatasetError: images, calibration or all annotated depth are missing, or sizes differ.
    """
    require_folder(root, "give the folder that holds KITTI's dates (2011_09_26, ...)")
    if depth_root is None:
        beside = root / "data_depth_annotated"
        depth_root = beside if beside.is_dir() else root
    require_folder(depth_root, "give the folder that holds train/ and val/ of the annotated depth")
    frames = read_split(split) if split is not None else _annotated_frames(depth_root, cameras)
    images = {frame: image for frame in frames if (image := _image(root, frame)) is not None}
    missing = [frame for frame in frames if frame not in images]
    if missing:
        raise DatasetError(
            f"{root}: {len(missing)} of {len(frames)} frames are missing: {some(missing)}; "
            "download these drives (synced+rectified data), or correct the list"
        )
    calibration = lru_cache(maxsize=None)(_read_calibration)
    entries = []
    for frame, image in images.items():
        depth = _depth(depth_root, frame)
        if depth is not None or keep_without_depth:
            intrinsics, size = calibration(root / frame.date / "calib_cam_to_cam.txt", frame.camera[-2:])
            _check_size(image, size)
            entries.append(Entry(image, depth, DEPTH_SCALE if depth else None, intrinsics))
    found = sum(entry.depth is not None for entry in entries)
    if not found:
        raise DatasetError(
            f"{depth_root}: holds annotated depth of none of the {len(frames)} frames, as in "
            f"val/{frames[0].drive}/proj_depth/groundtruth/{frames[0].camera}/{frames[0].number:010d}.png; "
            "unpack data_depth_annotated.zip, and give its folder"
        )
    rest = len(frames) - found
    notes = [f"{len(frames)} frames listed, {found} with ground truth"]
    if rest:
        notes.append(f"{rest} without: " + ("kept, without depth" if keep_without_depth else "left out"))
    return Annotated(tuple(entries), tuple(notes))


def _annotated_frames(depth_root: Path, cameras: Sequence[str]) -> list[KittiFrame]:
    frames = []
    for camera in cameras:
        for path in depth_root.glob(f"**/*_drive_*_sync/proj_depth/groundtruth/{camera}/*.png"):
            drive = path.parents[3].name
            if path.stem.isdecimal():
                frames.append(KittiFrame(drive[:10], drive, camera, int(path.stem)))
    if not frames:
        raise DatasetError(
            f"{depth_root}: holds no annotated depth (DRIVE/proj_depth/groundtruth/{cameras[0]}/*.png); "
            "unpack data_depth_annotated.zip, and give its folder"
        )
    return sorted(frames, key=str)


def _image(root: Path, frame: KittiFrame) -> Path | None:
    png = root / str(frame)
    return next((path for path in (png, png.with_suffix(".jpg")) if path.is_file()), None)


def _depth(depth_root: Path, frame: KittiFrame) -> Path | None:
    inside = f"{frame.drive}/proj_depth/groundtruth/{frame.camera}/{frame.number:010d}.png"
    return next((path for part in ("val", "train", "") if (path := depth_root / part / inside).is_file()), None)


def _read_calibration(path: Path, camera: str) -> tuple[Intrinsics, tuple[int, int] | None]:
    """Read intrinsics [px] and image size of a rectified camera."""
    advice = "download the date's calibration (calib.zip)"
    values = dict(line.split(":", 1) for _, line in read_lines(path, advice) if ":" in line)
    key = f"P_rect_{camera}"
    try:
        matrix = [float(word) for word in values[key].split()]
        size = [round(float(word)) for word in values.get(f"S_rect_{camera}", "").split()]
    except KeyError:
        raise DatasetError(f"{path}: {key} is missing; {advice}") from None
    except (ValueError, OverflowError) as error:
        raise DatasetError(f"{path}: {key} or S_rect_{camera} holds something else than numbers; {advice}") from error
    if len(matrix) != 12:
        raise DatasetError(f"{path}: {key} has {len(matrix)} numbers, not 12 (a 3x4 matrix); {advice}")
    return (matrix[0], matrix[5], matrix[2], matrix[6]), (size[0], size[1]) if len(size) == 2 else None


def _check_size(image: Path, size: tuple[int, int] | None) -> None:
    from mono.data.datasets.rgbd_folder import image_size

    if size is not None and image_size(image) != size:
        width, height = image_size(image)
        raise DatasetError(
            f"{image}: is {width}x{height}, its calibration (S_rect) is for {size[0]}x{size[1]}; "
            "take the synced+rectified drives, and do not resize the images"
        )
