"""KITTI: split lists of all forms, calibration, annotated depth of both parts, frames without ground truth."""

from __future__ import annotations

from pathlib import Path

import pytest

from mono.data.annotations import load_annotations
from mono.data.datasets.annotation_writer import DatasetError, write_annotations
from mono.data.datasets.kitti import KittiFrame, annotate_kitti, read_split
from mono.io.depth import read_depth
from tests.data.datasets.layouts import random_image, stored_depth, text

DATE, DRIVE = "2011_09_26", "2011_09_26_drive_0002_sync"
OTHER_DATE, OTHER_DRIVE = "2011_09_28", "2011_09_28_drive_0001_sync"

CALIBRATION = """calib_time: 09-Jan-2012 13:57:47
corner_dist: 9.950000e-02
S_rect_02: {width} {height}
P_rect_02: {fx} 0.000000e+00 16.5 4.485728e+01 0.000000e+00 {fy} 12.25 2.163791e-01 0 0 1 2.745884e-03
S_rect_03: {width} {height}
P_rect_03: 41.5 0 15 -3.395242e+02 0 41.25 11 2.199936e+00 0 0 1 2.729905e-03
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two dates; left frames 5, 6, 7 of the one (5 and 6 with depth, and 5 of the right), 3 of the other."""
    raw = tmp_path / "raw"
    text(raw / DATE / "calib_cam_to_cam.txt", CALIBRATION.format(width="3.2e+01", height="2.4e+01", fx=40.5, fy=40.75))
    text(raw / OTHER_DATE / "calib_cam_to_cam.txt", CALIBRATION.format(width="36", height="24", fx=50, fy=50))
    for number in (5, 6, 7):
        random_image(raw / DATE / DRIVE / f"image_02/data/{number:010d}.png", seed=number)
    random_image(raw / DATE / DRIVE / "image_03/data/0000000005.png", seed=15)
    random_image(raw / OTHER_DATE / OTHER_DRIVE / "image_02/data/0000000003.png", width=36, seed=3)
    annotated = raw / "data_depth_annotated"
    for place, value in (("val/{}/{}/image_02/0000000005", 2560), ("train/{}/{}/image_02/0000000006", 512)):
        stored_depth(annotated / (place.format(DRIVE, "proj_depth/groundtruth") + ".png"), value)
    stored_depth(annotated / f"val/{DRIVE}/proj_depth/groundtruth/image_03/0000000005.png", 256)
    stored_depth(annotated / f"train/{OTHER_DRIVE}/proj_depth/groundtruth/image_02/0000000003.png", 1280, width=36)
    return raw


def eigen_list(root: Path) -> Path:
    lines = [
        f"{DATE}/{DRIVE}/image_02/data/0000000005.png {DRIVE}/proj_depth/groundtruth/image_02/0000000005.png 721.5377",
        f"{DATE}/{DRIVE}/image_02/data/0000000007.png None 721.5377",
        "",
        "# a comment",
        f"{OTHER_DATE}/{OTHER_DRIVE}/image_02/data/0000000003.jpg",
        f"{DATE}/{DRIVE} 5 r",
    ]
    return text(root / "eigen.txt", "\n".join(lines))


def test_lists_of_all_forms(tmp_path: Path) -> None:
    lines = [
        f"{DATE}/{DRIVE}/image_02/data/0000000069.png",
        f"/data/kitti/{DATE}/{DRIVE}/image_03/data/0000000054.jpg",
        f"{DATE}/{DRIVE}/image_02/data/0000000070.jpg {DATE}/{DRIVE}/image_03/data/0000000070.jpg",
        f"{DATE}/{DRIVE} 0000000071 r",
        f"{DATE}/{DRIVE} 72 l",
        f"{DATE}/{DRIVE} 73",
        f"{DATE}/{DRIVE}/image_02/data/0000000069.png None 721.5377",
    ]
    frames = read_split(text(tmp_path / "list.txt", "\n".join(lines)))
    left, right = "image_02", "image_03"
    expected = [(left, 69), (right, 54), (left, 70), (right, 71), (left, 72), (left, 73)]
    assert frames == [KittiFrame(DATE, DRIVE, camera, number) for camera, number in expected]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2011_09_26/2011_09_28_drive_0001_sync/image_02/data/0000000001.png", "line 1: .* names no frame"),
        (f"{DATE}/{DRIVE} 5 x", 'the side is "x"; it is l or r'),
        (f"{DATE}/{DRIVE} five l", "names no frame"),
        ("# nothing", "names no frame; expected DATE"),
    ],
)
def test_lines_that_name_no_frame(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        read_split(text(tmp_path / "list.txt", line))


def test_frames_of_a_list(root: Path, tmp_path: Path) -> None:
    random_image(root / OTHER_DATE / OTHER_DRIVE / "image_02/data/0000000004.png", width=36)
    found = annotate_kitti(root, eigen_list(root))
    assert found.notes == ("4 frames listed, 3 with ground truth", "1 without: left out")
    write_annotations(tmp_path / "lists/kitti.json", found.entries)
    samples = load_annotations(tmp_path / "lists/kitti.json")
    assert [sample.rgb.relative_to(root).as_posix() for sample in samples] == [
        f"{DATE}/{DRIVE}/image_02/data/0000000005.png",
        f"{OTHER_DATE}/{OTHER_DRIVE}/image_02/data/0000000003.png",
        f"{DATE}/{DRIVE}/image_03/data/0000000005.png",
    ]
    cameras = [(40.5, 40.75, 16.5, 12.25), (50, 50, 16.5, 12.25), (41.5, 41.25, 15, 11)]
    assert [sample.intrinsics for sample in samples] == cameras
    metres = [read_depth(sample.depth or "", sample.depth_scale).max() for sample in samples]
    assert metres == [10, 5, 1]


def test_frames_without_depth_can_be_kept(root: Path) -> None:
    found = annotate_kitti(root, eigen_list(root), keep_without_depth=True)
    assert found.notes[1] == "1 without: kept, without depth"
    assert [entry.depth is None for entry in found.entries] == [False, True, False, False]
    assert found.entries[1].depth_scale is None


def test_without_a_list_all_that_has_depth(root: Path) -> None:
    assert [entry.rgb.stem for entry in annotate_kitti(root).entries] == ["0000000005", "0000000006", "0000000003"]
    assert len(annotate_kitti(root, cameras=("image_02", "image_03")).entries) == 4
    with pytest.raises(DatasetError, match="holds no annotated depth"):
        annotate_kitti(root, depth_root=root / DATE)


def test_what_is_missing(root: Path) -> None:
    calibration = root / DATE / "calib_cam_to_cam.txt"
    with pytest.raises(DatasetError, match=r"1 of 1 frames are missing: .*0000000099.png"):
        annotate_kitti(root, text(root / "list.txt", f"{DATE}/{DRIVE} 99 l"))
    with pytest.raises(DatasetError, match="annotated depth of none of the 1 frames"):
        annotate_kitti(root, text(root / "list.txt", f"{DATE}/{DRIVE} 7 l"))
    with pytest.raises(DatasetError, match="no such folder"):
        annotate_kitti(root, depth_root=root / "gone")
    calibration.write_text("P_rect_02: 1 2 3")
    with pytest.raises(DatasetError, match="P_rect_02 has 3 numbers, not 12"):
        annotate_kitti(root, eigen_list(root))
    calibration.write_text("P_rect_00: 1")
    with pytest.raises(DatasetError, match="P_rect_02 is missing"):
        annotate_kitti(root, eigen_list(root))
    calibration.unlink()
    with pytest.raises(DatasetError, match=r"calib_cam_to_cam.txt: there is no such file.*calib.zip"):
        annotate_kitti(root, eigen_list(root))


def test_images_that_are_not_the_calibrations(root: Path) -> None:
    random_image(root / DATE / DRIVE / "image_02/data/0000000005.png", width=64, height=48)
    with pytest.raises(DatasetError, match=r"is 64x48, its calibration \(S_rect\) is for 32x24"):
        annotate_kitti(root, eigen_list(root))
