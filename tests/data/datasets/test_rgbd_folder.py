"""RGB-D folders matched by name, the annotation files written of them, and the scripts for the demo folders."""

from __future__ import annotations

import json
import os
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from mono.data.annotations import load_annotations
from mono.data.check import check_annotations
from mono.data.datasets.annotation_writer import DatasetError, Entry, write_annotations
from mono.data.datasets.rgbd_folder import annotate_pairs, image_size
from mono.io.cameras.files import CameraFileError
from mono.io.depth import read_depth
from tests.data.datasets.layouts import random_image, stored_depth, text

DATA = Path(__file__).parents[3] / "data"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three images, two of them with depth, one depth map without image."""
    for seed, name in enumerate(("a/0.jpg", "a/1.png", "b/0.png")):
        random_image(tmp_path / "rgb" / name, seed=seed)
    for value, name in enumerate(("a/0.png", "b/0.png", "b/7.png"), 1):
        stored_depth(tmp_path / "depth" / name, 1000 * value)
    return tmp_path


def test_same_names(root: Path) -> None:
    found = annotate_pairs(root / "rgb", root / "depth", intrinsics=(30, 31, 16, 12), depth_scale=1000)
    assert found.notes == (
        "2 images, 2 with ground truth",
        "1 image without depth left out: a/1.png",
        "1 depth map without image: b/7.png",
    )
    write_annotations(root / "data.json", found.entries)
    samples = load_annotations(root / "data.json")
    assert [(sample.name, sample.intrinsics) for sample in samples] == [
        ("rgb/a/0", (30, 31, 16, 12)),
        ("rgb/b/0", (30, 31, 16, 12)),
    ]
    assert [read_depth(sample.depth or "", sample.depth_scale).max() for sample in samples] == [1, 2]
    kept = annotate_pairs(root / "rgb", root / "depth", depth_scale=1000, keep_without_depth=True)
    assert [entry.depth is None for entry in kept.entries] == [False, True, False]
    assert [entry.depth_scale for entry in kept.entries] == [1000, None, 1000]
    assert len(annotate_pairs(root / "rgb").entries) == 3


@pytest.mark.parametrize(
    ("image", "depth"),
    [
        ("rgb_00045.jpg", "sync_depth_00045.png"),
        ("00045_rgb.png", "00045_depth.png"),
        ("frame-000045.color.jpg", "frame-000045.depth.png"),
        ("image-00045.png", "depth-00045.png"),
        ("frame000123.jpg", "depth000123.png"),  # Replica
        ("left000001.png", "depth000001.png"),  # ZED
        ("color_0001.png", "depth_0001.png"),  # RealSense
        ("IMG_Color_7.png", "IMG_Depth_7.png"),
        ("0045-color.png", "0045-depth.png"),
        ("frame.0000.color.jpg", "frame.0000.depth_meters.png"),  # Hypersim, converted
        ("scene0000_frame_12_rgb.png", "scene0000_frame_12_depth_raw.png"),
    ],
)
def test_names_with_words_in_one_folder(tmp_path: Path, image: str, depth: str) -> None:
    random_image(tmp_path / image)
    stored_depth(tmp_path / depth, 5)
    for given in (tmp_path, None):
        (entry,) = annotate_pairs(tmp_path, given, depth_scale=1).entries
        assert (entry.rgb.name, (entry.depth or entry.rgb).name) == (image, depth)
    random_image(tmp_path / "sorted/rgb" / image)
    stored_depth(tmp_path / "sorted/depth" / depth, 5)
    (entry,) = annotate_pairs(tmp_path / "sorted", depth_scale=1).entries
    assert (entry.rgb.parent.name, (entry.depth or entry.rgb).parent.name) == ("rgb", "depth")


@pytest.mark.parametrize(
    ("image", "depth"),
    [
        ("images/cam_00_final_preview/frame.0000.color.jpg", "images/cam_00_geometry_hdf5/frame.0000.depth_meters.png"),
        ("image_left/000000_left.png", "depth_left/000000_left_depth.png"),  # TartanAir
        ("room/color/0000.png", "room/depth/0000.png"),
        ("final/alley/frame_0000.png", "depth/alley/frame_0000.png"),  # Sintel
        ("images/dslr/DSC_0000.png", "ground_truth_depth/dslr/DSC_0000.png"),  # ETH3D
        ("lowres_wide/4_0000.png", "lowres_depth/4_0000.png"),  # ARKitScenes
        ("CameraRGB/0000.png", "CameraDepth/0000.png"),  # CARLA
        ("Scene/img_0000.png", "DepthPlanar/img_0000.png"),  # AirSim
        ("blended_images/0000.png", "rendered_depth_maps/0000.png"),  # BlendedMVS
        ("samples/CAM_FRONT/0000.png", "depth/CAM_FRONT/0000.png"),
        ("rgb/x10000.png", "depth/x0010000.png"),
        ("rgb/0000.png", "depth/0000.png.png"),
    ],
)
def test_names_of_folders_may_differ_by_words(tmp_path: Path, image: str, depth: str) -> None:
    for number in ("0000", "0001"):
        random_image(tmp_path / image.replace("0000", number))
        stored_depth(tmp_path / depth.replace("0000", number), 5)
    entries = annotate_pairs(tmp_path, depth_scale=1).entries
    found = [(entry.rgb.relative_to(tmp_path).as_posix(), entry.depth) for entry in entries]
    expected = [(image.replace("0000", n), tmp_path / depth.replace("0000", n)) for n in ("0000", "0001")]
    assert found == expected


def test_left_of_a_stereo_pair_is_taken(tmp_path: Path) -> None:
    for name in ("left000001.png", "right000001.png"):
        random_image(tmp_path / name)
    stored_depth(tmp_path / "depth000001.png", 5)
    found = annotate_pairs(tmp_path, depth_scale=1)
    assert [entry.rgb.name for entry in found.entries] == ["left000001.png"]
    assert found.notes[1] == "1 image without depth left out: right000001.png"


def test_kinds_that_are_not_read_are_named(tmp_path: Path) -> None:
    random_image(tmp_path / "color/frame.0000.color.jpg")
    text(tmp_path / "geometry/frame.0000.depth_meters.hdf5", "")
    with pytest.raises(DatasetError, match=r"holds none of .*; not read: 1 file of other kinds, \.hdf5 1"):
        annotate_pairs(tmp_path / "color", tmp_path / "geometry")
    stored_depth(tmp_path / "geometry/frame.0000.depth_meters.png", 5)
    notes = annotate_pairs(tmp_path / "color", tmp_path / "geometry", depth_scale=1).notes
    assert notes == ("1 image, 1 with ground truth", "geometry: not read: 1 file of other kinds, .hdf5 1")


def test_kind_of_depth_and_invalid_values_are_written(root: Path) -> None:
    found = annotate_pairs(
        root / "rgb", root / "depth", intrinsics=(30, 30, 16, 12), depth_scale=1000, depth_kind="ray",
        depth_invalid=(65535,),
    )  # fmt: skip
    write_annotations(root / "data.json", found.entries)
    samples = load_annotations(root / "data.json")
    assert {(sample.depth_kind, sample.depth_invalid) for sample in samples} == {("ray", (65535,))}


def test_ambiguous_and_unlike_names(root: Path) -> None:
    random_image(root / "rgb/a/0.png", seed=9)
    with pytest.raises(DatasetError, match=r'0.png and 0.jpg: both match as "a/0"|0.jpg and 0.png: both match'):
        annotate_pairs(root / "rgb", root / "depth", depth_scale=1)
    random_image(root / "other/x.png")
    with pytest.raises(DatasetError, match=r"no image has a depth map of its name \(first image: x.png, .*0.png"):
        annotate_pairs(root / "other", root / "depth", depth_scale=1)
    with pytest.raises(DatasetError, match="holds none of"):
        annotate_pairs(text(root / "empty/a.txt", "").parent)


def test_a_scale_is_needed_where_the_files_do_not_say(root: Path) -> None:
    with pytest.raises(DatasetError, match=r"0.png: does not carry its scale; .*--depth-scale 1000"):
        annotate_pairs(root / "rgb", root / "depth")
    for path in (root / "depth").rglob("*.png"):
        np.save(path.with_suffix(".npy"), np.ones((24, 32), np.float32))
        path.unlink()
    assert [entry.depth_scale for entry in annotate_pairs(root / "rgb", root / "depth").entries] == [None, None]


def test_a_camera_file_for_all(root: Path) -> None:
    camera = text(root / "camera.json", json.dumps({"fx": 60, "cx": 31.5, "cy": 23.5, "width": 64, "height": 48}))
    random_image(root / "rgb/b/0.png", width=64, height=48, seed=2)
    found = annotate_pairs(root / "rgb", root / "depth", camera_file=camera, depth_scale=1000)
    assert [entry.intrinsics for entry in found.entries] == [(30, 30, 15.5, 11.5), (60, 60, 31.5, 23.5)]
    random_image(root / "rgb/b/0.png", width=64, height=64, seed=2)
    with pytest.raises(CameraFileError, match="64x48 images, and this one is 64x64"):
        annotate_pairs(root / "rgb", root / "depth", camera_file=camera, depth_scale=1000)


def test_the_size_is_the_upright_images(tmp_path: Path) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20)).save(tmp_path / "turned.jpg", exif=exif)
    assert image_size(tmp_path / "turned.jpg") == (20, 40)
    with pytest.raises(DatasetError, match=r"a.png: cannot be read as an image"):
        image_size(text(tmp_path / "a.png", "no image"))


def test_paths_in_the_file(root: Path) -> None:
    entries = [Entry(root / "rgb/a/0.jpg", root / "depth/a/0.png", 256.0, (1.5, 2.0, 3.0, 4.25))]
    write_annotations(root / "lists/deep/data.json", entries)
    (entry,) = json.loads((root / "lists/deep/data.json").read_text())["files"]
    assert entry == {
        "rgb": "../../rgb/a/0.jpg",
        "depth": "../../depth/a/0.png",
        "depth_scale": 256,
        "cam_in": [1.5, 2, 3, 4.25],
    }
    assert load_annotations(root / "lists/deep/data.json")[0].rgb == root / "rgb/a/0.jpg"


def test_links_do_not_lead_astray(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (root / "link").symlink_to(elsewhere, target_is_directory=True)
    write_annotations(root / "link/data.json", [Entry(root / "rgb/a/0.jpg")])
    (entry,) = json.loads((elsewhere / "data.json").read_text())["files"]
    assert entry["rgb"] == os.fspath(root / "rgb/a/0.jpg")
    assert len(load_annotations(root / "link/data.json")) == 1


@pytest.mark.parametrize("name", ["kitti", "nyu"])
def test_the_scripts_of_the_demo_folders(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    demo = DATA / f"{name}_demo"
    if not demo.is_dir():
        pytest.skip("no demo folders beside the installed package")
    out = tmp_path / "test_annotations.json"
    monkeypatch.setattr(sys, "argv", ["gene_annos.py", "--out", str(out), "--cam-in", "700", "701", "602", "183"])
    runpy.run_path(str(DATA / f"gene_annos_{name}_demo.py"), run_name="__main__")
    written, shipped = load_annotations(out), load_annotations(demo / "test_annotations.json")
    assert [(sample.rgb, sample.depth, sample.depth_scale) for sample in written] == [
        (sample.rgb, sample.depth, sample.depth_scale) for sample in shipped
    ]
    assert written[0].intrinsics == (700, 701, 602, 183)
    report = check_annotations(demo / "test_annotations.json")
    assert (report.entries, report.findings) == (3, ())
    size, camera = {
        "kitti": ((1224, 370), (707.0493, 707.0493, 604.0814, 180.5066)),
        "nyu": ((640, 480), (518.8579, 519.46961, 325.58245, 253.73617)),
    }[name]
    assert list(report.sizes) == [size]
    assert {sample.intrinsics for sample in shipped} == {camera}
