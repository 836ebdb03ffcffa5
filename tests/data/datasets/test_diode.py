"""DIODE: depth only where its mask says so, and the devkit's camera."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mono.data.annotations import load_annotations
from mono.data.datasets.annotation_writer import DatasetError, write_annotations
from mono.data.datasets.diode import annotate_diode
from mono.io.depth import read_depth
from tests.data.datasets.layouts import random_image

SCAN = Path("val/indoors/scene_00019/scan_00183")
OUTDOOR = Path("val/outdoor/scene_00022/scan_00193")


def frame(folder: Path, name: str, depth: np.ndarray, mask: np.ndarray, seed: int) -> None:
    random_image(folder / f"{name}.png", seed=seed)
    np.save(folder / f"{name}_depth.npy", depth[..., None].astype(np.float32))
    np.save(folder / f"{name}_depth_mask.npy", mask.astype(np.float32))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An indoor frame with depth where its mask is 0, an outdoor frame without."""
    mask = np.ones((24, 32))
    mask[:, 4] = 0
    frame(tmp_path / SCAN, "00019_00183_indoors_000_010", np.full((24, 32), 3.3), mask, 1)
    frame(tmp_path / OUTDOOR, "00022_00193_outdoor_000_010", np.full((24, 32), 33.0) * mask, mask, 2)
    return tmp_path


def test_masked_depth(root: Path) -> None:
    found = annotate_diode(root / "val", root / "diode")
    write_annotations(root / "diode.json", found.entries)
    indoor, outdoor = load_annotations(root / "diode.json")
    assert found.notes == ("2 images", f"1 depth maps masked, in {root / 'diode'}")
    assert indoor.name == (SCAN / "00019_00183_indoors_000_010").as_posix()
    assert indoor.intrinsics == outdoor.intrinsics == (886.81, 927.06, 512, 384)
    assert indoor.depth == root / "diode" / SCAN.relative_to("val") / "00019_00183_indoors_000_010_depth.npz"
    depth = read_depth(indoor.depth, indoor.depth_scale)
    assert (depth[:, 4] == 0).all()
    assert (np.delete(depth, 4, 1) == np.float32(3.3)).all()
    assert outdoor.depth == root / OUTDOOR / "00022_00193_outdoor_000_010_depth.npy"
    assert len(annotate_diode(root / "val/outdoor", root / "diode").entries) == 1


def test_what_is_missing_or_wrong(root: Path) -> None:
    mask = root / SCAN / "00019_00183_indoors_000_010_depth_mask.npy"
    np.save(mask, np.ones((12, 16)))
    with pytest.raises(DatasetError, match="has 32x24 pixels and its mask 16x12"):
        annotate_diode(root, root / "out")
    np.save(mask, np.ones(7))
    with pytest.raises(DatasetError, match=r"has shape \(7,\)"):
        annotate_diode(root, root / "out")
    mask.write_bytes(b"no array")
    with pytest.raises(DatasetError, match="is damaged"):
        annotate_diode(root, root / "out")
    mask.unlink()
    with pytest.raises(DatasetError, match=r"1 files are missing: .*_depth_mask.npy"):
        annotate_diode(root, root / "out")
    (root / "empty").mkdir()
    with pytest.raises(DatasetError, match="holds no scene"):
        annotate_diode(root / "empty", root / "out")
