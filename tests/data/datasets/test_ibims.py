"""iBims-1: its calibration files, its scale, and depth cut out where one of the masks is black."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mono.data.datasets.annotation_writer import DatasetError
from mono.data.datasets.ibims import annotate_ibims
from mono.io.depth import read_depth
from tests.data.datasets.layouts import random_image, stored_depth, text


def mask(path: Path, black_row: int) -> None:
    values = np.full((24, 32), 255, np.uint8)
    values[black_row] = 0
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(values).convert("1").save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two images; 13107 is 10 m, the first row is empty in both; of a, row 3 is transparent and row 5 not measured."""
    core = tmp_path / "ibims1_core_raw"
    for seed, name in enumerate(("kitchen_01", "office_02")):
        random_image(core / f"rgb/{name}.png", seed=seed)
        stored_depth(core / f"depth/{name}.png", 13107)
        text(core / f"calib/{name}.txt", f"{40.5 + seed},41,15.5,11.75\n")
    mask(core / "mask_transp/kitchen_01.png", 3)
    mask(core / "mask_invalid/kitchen_01.png", 5)
    mask(core / "mask_transp/office_02.png", 0)
    mask(core / "mask_invalid/office_02.png", 0)
    text(tmp_path / "imagelist.txt", "office_02\nkitchen_01\n")
    return tmp_path


def test_masks_and_cameras(root: Path) -> None:
    target = root / "out"
    found = annotate_ibims(root, target)
    office, kitchen = found.entries
    assert found.notes == ("2 images", f"1 depth maps masked, in {target}")
    assert [office.intrinsics, kitchen.intrinsics] == [(41.5, 41, 15.5, 11.75), (40.5, 41, 15.5, 11.75)]
    assert office.depth == root / "ibims1_core_raw/depth/office_02.png"
    assert read_depth(office.depth, office.depth_scale).max() == pytest.approx(10, abs=1e-4)
    assert kitchen.depth == target / "depth/kitchen_01.npz"
    depth = read_depth(kitchen.depth, kitchen.depth_scale)
    assert np.flatnonzero((depth == 0).all(1)).tolist() == [0, 3, 5]
    assert depth[1, 1] == pytest.approx(10, abs=1e-4)


def test_without_list_and_masks(root: Path) -> None:
    (root / "imagelist.txt").unlink()
    for path in root.glob("ibims1_core_raw/mask_*/*.png"):
        path.unlink()
    found = annotate_ibims(root / "ibims1_core_raw", root / "out")
    assert [entry.rgb.stem for entry in found.entries] == ["kitchen_01", "office_02"]
    assert not (root / "out").exists()


def test_what_is_missing_or_wrong(root: Path) -> None:
    core = root / "ibims1_core_raw"
    text(core / "calib/office_02.txt", "600,600,320")
    with pytest.raises(DatasetError, match=r"office_02.txt: holds 3 numbers"):
        annotate_ibims(root, root / "out")
    text(core / "calib/office_02.txt", "fx 600")
    with pytest.raises(DatasetError, match=r"office_02.txt: .* is no finite number"):
        annotate_ibims(root, root / "out")
    (core / "depth/kitchen_01.png").unlink()
    with pytest.raises(DatasetError, match=r"1 files are missing: .*kitchen_01.png"):
        annotate_ibims(root, root / "out")
    with pytest.raises(DatasetError, match=r"rgb: there is no such folder"):
        annotate_ibims(root / "out", root / "out")
