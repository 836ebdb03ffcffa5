"""TUM RGB-D: colour and depth matched in time, cameras by the sequence's name."""

from __future__ import annotations

from pathlib import Path

import pytest

from mono.data.datasets.annotation_writer import DatasetError
from mono.data.datasets.tum import annotate_tum, associate
from mono.io.depth import read_depth
from tests.data.datasets.layouts import random_image, stored_depth, text


@pytest.fixture
def sequence(tmp_path: Path) -> Path:
    """Four images and three depth maps; 2.01 is between two depth maps, and 3.5 has none near."""
    folder = tmp_path / "rgbd_dataset_freiburg2_desk"
    colour, depth = ("1.000", "2.000", "2.010", "3.500"), ("1.015", "2.012", "3.000")
    for seed, time in enumerate(colour):
        random_image(folder / f"rgb/{time}.png", seed=seed)
    for index, time in enumerate(depth):
        stored_depth(folder / f"depth/{time}.png", 5000 * (index + 1))
    text(folder / "rgb.txt", "# color images\n# timestamp filename\n" + "\n".join(f"{t} rgb/{t}.png" for t in colour))
    text(folder / "depth.txt", "# depth maps\n" + "\n".join(f"{t} depth/{t}.png" for t in depth))
    return folder


def test_pairs_cameras_and_scale(sequence: Path) -> None:
    found = annotate_tum(sequence)
    assert found.notes == ("rgbd_dataset_freiburg2_desk: 4 images, 2 with depth within 0.02 s",)
    assert [(entry.rgb.stem, (entry.depth or entry.rgb).stem) for entry in found.entries] == [
        ("1.000", "1.015"),
        ("2.010", "2.012"),
    ]
    assert found.entries[0].intrinsics == (520.9, 521.0, 325.1, 249.7)
    assert read_depth(found.entries[1].depth or "", found.entries[1].depth_scale).max() == 2
    assert len(annotate_tum(sequence, max_difference=0.6).entries) == 3
    assert len(annotate_tum(sequence.parent).entries) == 2


def test_the_nearest_are_paired_first() -> None:
    assert associate([1.0, 1.01], [1.012], 0.02) == [(1, 0)]
    assert associate([1.0, 1.01], [1.012, 0.995], 0.02) == [(0, 1), (1, 0)]
    assert associate([0.0], [0.02], 0.02) == []
    assert associate([], [1.0], 0.02) == []
    assert associate([5, 1, 3], [3, 1, 5], 0.1) == [(0, 2), (1, 1), (2, 0)]


def test_other_cameras(sequence: Path) -> None:
    renamed = sequence.rename(sequence.with_name("my_sequence"))
    with pytest.raises(DatasetError, match="the camera is unknown; give --intrinsics"):
        annotate_tum(renamed)
    assert annotate_tum(renamed, intrinsics=(500, 500, 320, 240)).entries[0].intrinsics == (500, 500, 320, 240)


def test_what_is_missing_or_wrong(sequence: Path) -> None:
    with pytest.raises(DatasetError, match=r"no image is within 1e-05 s of a depth map"):
        annotate_tum(sequence, max_difference=1e-5)
    (sequence / "depth/1.015.png").unlink()
    with pytest.raises(DatasetError, match=r"1 listed files are missing: .*1.015.png"):
        annotate_tum(sequence)
    text(sequence / "depth.txt", "# depth maps\n1.015\n")
    with pytest.raises(DatasetError, match=r'depth.txt: line 2: "1.015": expected a time and a file'):
        annotate_tum(sequence)
    (sequence / "depth.txt").unlink()
    with pytest.raises(DatasetError, match=r"depth.txt: there is no such file"):
        annotate_tum(sequence)
    with pytest.raises(DatasetError, match=r"holds no rgb.txt"):
        annotate_tum(sequence / "rgb")
