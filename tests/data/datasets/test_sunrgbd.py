"""SUN RGB-D: bits turned back, cameras of a frame each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mono.data.datasets.annotation_writer import DatasetError
from mono.data.datasets.sunrgbd import annotate_sunrgbd, unrotated
from mono.io.depth import read_depth
from tests.data.datasets.layouts import random_image, text

XTION, KINECT = "xtion/sun3ddata/brown_1/0000103", "kv2/kinect2data/000002_2014-05-26"


def frame(folder: Path, millimetres: list[int], matrix: str) -> None:
    random_image(folder / "image/0000103.jpg", width=len(millimetres), height=8)
    values = np.array([millimetres] * 8, np.uint32)
    (folder / "depth").mkdir()
    Image.fromarray(((values << 3 | values >> 13) & 0xFFFF).astype(np.uint16)).save(folder / "depth/0000103-x.png")
    text(folder / "intrinsics.txt", matrix)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two frames with depth up to 20 m, which needs the rotated bits."""
    frame(tmp_path / KINECT, [0, 1, 1500, 8191, 8192, 20001, 65535, 7], "530.1 0 480.5\n0 531.2 268.25\n0 0 1\n")
    frame(tmp_path / XTION, [900] * 8, "570.3 0.0 310.0 0.0 570.4 225.0 0.0 0.0 1.0 ")
    text(tmp_path / "xtion/sun3ddata/brown_1/readme.txt", "not a frame")
    return tmp_path


def test_every_value_comes_back() -> None:
    millimetres = np.arange(65536, dtype=np.uint32)
    stored = ((millimetres << 3) | (millimetres >> 13)) & 0xFFFF
    assert (unrotated(stored.astype(np.uint16)) == millimetres).all()


def test_frames(root: Path) -> None:
    kinect, xtion = annotate_sunrgbd(root, root / "out").entries
    assert kinect.intrinsics == (530.1, 531.2, 480.5, 268.25)
    assert xtion.intrinsics == (570.3, 570.4, 310, 225)
    assert kinect.depth == root / "out" / KINECT / "0000103-x.png"
    depth = read_depth(kinect.depth, kinect.depth_scale)
    assert depth[3] == pytest.approx([0, 0.001, 1.5, 8.191, 8.192, 20.001, 65.535, 0.007])
    assert (read_depth(kinect.depth) == depth).all()


def test_what_is_missing_or_wrong(root: Path) -> None:
    text(root / XTION / "intrinsics.txt", "570 570 310 225")
    with pytest.raises(DatasetError, match="holds 4 numbers, not a 3x3 matrix"):
        annotate_sunrgbd(root, root / "out")
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(root / XTION / "depth/0000103-x.png")
    with pytest.raises(DatasetError, match="is not a 16-bit PNG"):
        annotate_sunrgbd(root, root / "out")
    random_image(root / XTION / "image/more.jpg")
    with pytest.raises(DatasetError, match=r"holds 2 files .*0000103.jpg, more.jpg"):
        annotate_sunrgbd(root, root / "out")
    with pytest.raises(DatasetError, match="holds no frame"):
        annotate_sunrgbd(root / XTION / "image", root / "out")
