"""NYU Depth v2: the labelled set with its Matlab files, and the layout of official_splits."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mono.data.annotations import load_annotations
from mono.data.datasets.annotation_writer import DatasetError, write_annotations
from mono.data.datasets.nyu import INTRINSICS, LABELED, annotate_nyu
from mono.io.depth import read_depth
from tests.data.datasets.layouts import random_image, stored_depth, text

WIDTH, HEIGHT, COUNT = 16, 12, 4


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """The folder of a labelled set of four images, of which 2 and 4 are for testing, as h5py sees Matlab's arrays."""
    h5py = pytest.importorskip("h5py")
    scipy_io = pytest.importorskip("scipy.io")
    folder = tmp_path / "nyu"
    folder.mkdir()
    rng = np.random.default_rng(1)
    with h5py.File(folder / LABELED, "w") as file:
        file["images"] = rng.integers(0, 256, (COUNT, 3, WIDTH, HEIGHT), np.uint8)
        file["depths"] = np.full((COUNT, WIDTH, HEIGHT), 2.5, np.float32)
        raw = np.full((COUNT, WIDTH, HEIGHT), 1.25, np.float32)
        raw[:, 0, :] = 0
        raw[1, 5, 7] = 3.0625
        file["rawDepths"] = raw
        names = file.create_group("names")
        references = np.empty((1, COUNT), h5py.ref_dtype)
        for index, name in enumerate(("kitchen", "living room", "office", "../bath")):
            stored = names.create_dataset(str(index), data=np.array([[ord(c)] for c in name], np.uint16))
            references[0, index] = stored.ref
        file.create_dataset("sceneTypes", data=references, dtype=h5py.ref_dtype)
    splits = {"testNdxs": np.array([[2], [4]]), "trainNdxs": np.array([[1], [3]])}
    scipy_io.savemat(folder / "splits.mat", splits)
    return folder


def test_the_test_images_of_the_labelled_set(labelled: Path, tmp_path: Path) -> None:
    import h5py

    out = tmp_path / "out"
    found = annotate_nyu(labelled, out / "nyu")
    assert found.notes == (f"2 of 4 images (test), raw depth, in {out / 'nyu'}",)
    write_annotations(out / "nyu.json", found.entries)
    samples = load_annotations(out / "nyu.json")
    assert [sample.name for sample in samples] == ["nyu/living_room/rgb_00001", "nyu/___bath/rgb_00003"]
    assert [sample.intrinsics for sample in samples] == [INTRINSICS] * 2
    with h5py.File(labelled / LABELED) as file:
        image = file["images"][1]
    rgb = np.asarray(Image.open(samples[0].rgb))
    assert rgb.shape == (HEIGHT, WIDTH, 3)
    assert (rgb == image.transpose(2, 1, 0)).all()
    depth = read_depth(samples[0].depth or "", samples[0].depth_scale)
    assert depth.shape == (HEIGHT, WIDTH)
    assert depth[7, 5] == pytest.approx(3.062, abs=0.0011)
    assert (depth[:, 0] == 0).all()
    assert depth[0, 1] == 1.25


def test_other_parts_and_filled_depth(labelled: Path, tmp_path: Path) -> None:
    train = annotate_nyu(labelled / LABELED, tmp_path / "a", part="train", depth="filled")
    assert [entry.rgb.stem for entry in train.entries] == ["rgb_00000", "rgb_00002"]
    assert (read_depth(train.entries[0].depth or "") == 2.5).all()
    (labelled / "splits.mat").unlink()
    assert len(annotate_nyu(labelled, tmp_path / "b", part="all").entries) == COUNT
    with pytest.raises(DatasetError, match=r"splits.mat: there is no such file.*--part all"):
        annotate_nyu(labelled, tmp_path / "c")
    with pytest.raises(DatasetError, match="part is 'val'"):
        annotate_nyu(labelled, tmp_path / "c", part="val")


def test_wrong_matlab_files(labelled: Path, tmp_path: Path) -> None:
    import h5py
    import scipy.io

    scipy.io.savemat(labelled / "splits.mat", {"testNdxs": np.array([[2], [5]])})
    with pytest.raises(DatasetError, match="testNdxs names image 5, and there are 4"):
        annotate_nyu(labelled, tmp_path / "out")
    with pytest.raises(DatasetError, match="has no trainNdxs"):
        annotate_nyu(labelled, tmp_path / "out", part="train")
    text(labelled / "splits.mat", "no Matlab file, but long enough to hold a header" * 10)
    with pytest.raises(DatasetError, match=r"splits.mat: is damaged"):
        annotate_nyu(labelled, tmp_path / "out")
    with h5py.File(labelled / LABELED, "a") as file:
        del file["rawDepths"]
        file["rawDepths"] = np.zeros((COUNT, HEIGHT, WIDTH), np.float32)
    with pytest.raises(DatasetError, match=r"expected .*640, 480"):
        annotate_nyu(labelled, tmp_path / "out", part="all")
    text(labelled / LABELED, "<html>")
    with pytest.raises(DatasetError, match=r"is damaged, or not a Matlab file of version 7.3"):
        annotate_nyu(labelled, tmp_path / "out", part="all")
    assert not (tmp_path / "out").exists()


def test_without_h5py_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    (tmp_path / LABELED).touch()
    with pytest.raises(DatasetError, match="pip install h5py"):
        annotate_nyu(tmp_path, tmp_path / "out")


def test_official_splits(tmp_path: Path) -> None:
    for part, scene, number in (("test", "bathroom", 45), ("test", "office", 46), ("train", "office", 2)):
        folder = tmp_path / "official_splits" / part / scene
        random_image(folder / f"rgb_{number:05d}.jpg", seed=number)
        stored_depth(folder / f"sync_depth_{number:05d}.png", 1500)
    random_image(tmp_path / "official_splits/test/office/rgb_00047.jpg", seed=47)
    found = annotate_nyu(tmp_path / "official_splits", tmp_path / "unused")
    assert [entry.rgb.name for entry in found.entries] == ["rgb_00045.jpg", "rgb_00046.jpg"]
    assert found.notes == (
        "3 images, 2 with ground truth",
        "1 images without depth left out: test/office/rgb_00047.jpg",
    )
    assert read_depth(found.entries[0].depth or "", found.entries[0].depth_scale).max() == 1.5
    assert len(annotate_nyu(tmp_path / "official_splits/train", tmp_path / "unused").entries) == 1
    assert len(annotate_nyu(tmp_path / "official_splits", tmp_path / "unused", part="all").entries) == 3
    with pytest.raises(DatasetError, match="holds neither"):
        annotate_nyu(text(tmp_path / "empty/a.txt", "").parent, tmp_path / "unused")
    with pytest.raises(DatasetError, match="no such file or folder"):
        annotate_nyu(tmp_path / "gone", tmp_path / "unused")
