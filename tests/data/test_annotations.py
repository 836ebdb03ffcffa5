"""Annotation files: read right, and every mistake listed with its entry, field and value."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from mono.data.annotations import AnnotationError, load_annotations


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data set: rgb/0.png, rgb/1.png, depth/0.png, depth/0.npy; pictures' content does not matter."""
    for name in ("rgb/0.png", "rgb/1.png", "depth/0.npy"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    Image.fromarray(np.ones((4, 4), np.uint16)).save(tmp_path / "depth/0.png")
    return tmp_path


def write(folder: Path, content: object, name: str = "data.json") -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_full_entry(folder: Path) -> None:
    entry = {"rgb": "rgb/0.png", "depth": "depth/0.png", "depth_scale": 256, "cam_in": [700, 701, 600.5, 180]}
    path = write(folder, {"files": [entry | {"extra": 3}, {"rgb": "rgb/1.png"}], "more": None})
    first, second = load_annotations(path)
    assert (first.name, first.source) == ("rgb/0", "rgb/0.png")
    assert (first.rgb, first.depth) == (folder / "rgb/0.png", folder / "depth/0.png")
    assert first.depth_scale == 256
    assert first.intrinsics == (700, 701, 600.5, 180)
    assert (second.name, second.depth, second.depth_scale, second.intrinsics) == ("rgb/1", None, None, None)


def test_normals_and_their_axes(folder: Path) -> None:
    path = write(
        folder, [{"rgb": "rgb/0.png", "normal": "depth/0.npy", "normal_frame": "opengl"}, {"rgb": "rgb/1.png"}]
    )
    first, second = load_annotations(path)
    assert (first.normal, first.normal_frame) == (folder / "depth/0.npy", "opengl")
    assert (second.normal, second.normal_frame) == (None, "opencv")
    path = write(folder, [{"rgb": "rgb/0.png", "normal": "depth/0.exr", "normal_frame": "blender"}])
    with pytest.raises(AnnotationError) as raised:
        load_annotations(path)
    assert raised.value.problems == (
        'entry 0: normal: value "depth/0.exr": unknown kind of map of normals; use .npy, .png',
        'entry 0: normal_frame: value "blender": unknown frame; use opencv or opengl',
    )


def test_other_ways_to_write_it(folder: Path) -> None:
    matrix = [[700, 0, 600.5], [0, 701, 180], [0, 0, 1]]
    path = write(folder, [{"rgb": "rgb/0.png", "intrinsic": matrix, "depth": None}, {"rgb": "rgb/1.png"}])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    first, _ = load_annotations(path)
    assert first.intrinsics == (700, 701, 600.5, 180)


def test_a_key_that_looks_like_a_known_one_is_asked_about(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    entries = [{"rgb": "rgb/0.png", "comment": "dark"}, {"rgb": "rgb/1.png", "dpeth": "depth/0.png"}]
    assert [s.depth for s in load_annotations(write(folder, {"files": entries}))] == [None, None]
    assert [r.getMessage().partition(": ")[2] for r in caplog.records] == [
        'entry 1: the key "dpeth" is unknown and ignored; was "depth" meant?'
    ]


def test_where_paths_are_looked_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(folder, [{"rgb": "rgb/0.png"}], "lists/data.json")
    assert load_annotations(path)[0].rgb == folder / "rgb/0.png"
    (folder / "lists/rgb").mkdir()
    (folder / "lists/rgb/0.png").touch()
    assert load_annotations(path)[0].rgb == folder / "lists/rgb/0.png"
    assert load_annotations(path, folder)[0].rgb == folder / "rgb/0.png"
    monkeypatch.chdir(folder / "lists")
    assert load_annotations("data.json")[0].rgb == folder / "lists/rgb/0.png"
    with pytest.raises(AnnotationError, match="data root"):
        load_annotations(path, folder / "gone")


def test_absolute_and_winding_paths_get_short_names(folder: Path) -> None:
    entries = [{"rgb": str(folder / "rgb/0.png")}, {"rgb": "depth/../rgb/1.png"}]
    samples = load_annotations(write(folder, entries))
    assert [sample.name for sample in samples] == ["rgb/0", "rgb/1"]
    assert samples[1].rgb == folder / "rgb/1.png"


def test_a_depth_map_that_knows_its_scale_needs_none(folder: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("depth_scale", "100")
    Image.fromarray(np.ones((4, 4), np.uint16)).save(folder / "depth/1.png", pnginfo=info)
    entries = [{"rgb": "rgb/0.png", "depth": "depth/1.png"}, {"rgb": "rgb/1.png", "depth": "depth/0.npy"}]
    assert [sample.depth_scale for sample in load_annotations(write(folder, entries))] == [None, None]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"files": [\n{"rgb": }]}', "line 2, column 9: is not valid JSON"),
        ("", "line 1, column 1"),
        ("7", "is a number where a list of entries is expected"),
        ("null", "is null where"),
        ('{"images": []}', 'the key "files" is missing (keys there: images)'),
        ('{"files": {}}', "is an object where a list"),
        ('{"files": "a.png"}', "is text where a list"),
        ('{"files": []}', "files: is empty"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_files_that_hold_no_entries(folder: Path, content: str, message: str) -> None:
    path = write(folder, content)
    with pytest.raises(AnnotationError) as caught:
        load_annotations(path)
    assert len(caught.value.problems) == 1
    assert message in caught.value.problems[0]
    assert str(path) in str(caught.value)


RGB = {"rgb": "rgb/0.png"}
DEPTH = RGB | {"depth": "depth/0.png", "depth_scale": 256}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("rgb/1.png", 'entry 1: value "rgb/1.png": must be an object'),
        (None, "entry 1: value null: must be an object"),
        ([], "entry 1: value a list: must be an object"),
        ({}, "entry 1: rgb: is missing"),
        ({"rgb": None}, "entry 1: rgb: is missing"),
        ({"rgb": 5}, "entry 1: rgb: value 5: must be a path"),
        ({"rgb": ""}, 'entry 1: rgb: value "": must be a path'),
        ({"rgb": "rgb/9.png"}, 'entry 1: rgb: value "rgb/9.png": there is no such file'),
        ({"rgb": "rgb"}, "there is no such file"),
        ({"rgb": "rgb/\0.png"}, "there is no such file"),
        (RGB, 'entry 1: rgb: value "rgb/0.png": is the same image as entry 0'),
        ({"rgb": "./rgb/0.png"}, "is the same image as entry 0"),
        (DEPTH | {"depth": "depth/9.png"}, 'entry 1: depth: value "depth/9.png": there is no such file'),
        (DEPTH | {"depth": "depth/0.jpg"}, "entry 1: depth: value"),
        (DEPTH | {"depth": ["depth/0.png"]}, "must be a path"),
        (DEPTH | {"depth_scale": 0}, "entry 1: depth_scale: value 0: must be a positive number"),
        (DEPTH | {"depth_scale": -256}, "value -256: must be a positive"),
        (DEPTH | {"depth_scale": float("nan")}, "value NaN: must be a positive"),
        (DEPTH | {"depth_scale": "256"}, 'value "256": must be a positive'),
        (DEPTH | {"depth_scale": True}, "value true: must be a positive"),
        (DEPTH | {"depth_scale": None}, "entry 1: depth_scale: is missing, and depth/0.png does not carry one"),
        (RGB | {"cam_in": [0, 700, 600, 180]}, "entry 1: cam_in: value [0, 700, 600, 180]: fx must be positive"),
        (RGB | {"cam_in": [700, -700, 600, 180]}, "fy must be positive"),
        (RGB | {"cam_in": [float("nan"), 700, 600, 180]}, "finite"),
        (RGB | {"cam_in": [700, 700, float("inf"), 180]}, "finite"),
        (RGB | {"cam_in": [700, 700, 600]}, "has 3 numbers"),
        (RGB | {"cam_in": [700, 700, 600, "180"]}, "finite numbers only"),
        (RGB | {"cam_in": 700}, "must be [fx, fy, cx, cy]"),
        (RGB | {"intrinsic": [[700, 3, 600], [0, 700, 180], [0, 0, 1]]}, "entry 1: intrinsic: value [["),
        (RGB | {"intrinsic": [[700, 0, 600], [0, 700, 180], [0, 0, None]]}, "finite numbers only"),
        (RGB | {"cam_in": [700, 700, 600, 180], "intrinsic": [1, 1, 1, 1]}, "differs from cam_in"),
        (RGB | {"cam_in": [10**400, 700, 600, 180]}, "finite"),
    ],
)
def test_wrong_entries(folder: Path, entry: Any, message: str) -> None:
    good = {"rgb": "rgb/0.png"}
    if isinstance(entry, dict) and entry != RGB and entry.get("rgb") == "rgb/0.png":
        entry = entry | {"rgb": "rgb/1.png"}
    with pytest.raises(AnnotationError) as caught:
        load_annotations(write(folder, [good, entry]))
    assert len(caught.value.problems) == 1, caught.value
    assert message in caught.value.problems[0]


def test_all_problems_are_listed_and_long_lists_are_cut(folder: Path) -> None:
    entries = [{"rgb": f"{i}.png", "depth_scale": -1} for i in range(60)]
    with pytest.raises(AnnotationError) as caught:
        load_annotations(write(folder, entries))
    assert len(caught.value.problems) == 120
    lines = str(caught.value).splitlines()
    assert len(lines) == 52
    assert "120 problems" in lines[0]
    assert lines[-1].strip() == "and 70 more"


def test_files_that_cannot_be_read(folder: Path) -> None:
    with pytest.raises(AnnotationError, match="no such file"):
        load_annotations(folder / "gone.json")
    with pytest.raises(AnnotationError, match="cannot be read"):
        load_annotations(folder)
    (folder / "binary.json").write_bytes(b"\x89PNG\xff")
    with pytest.raises(AnnotationError, match="not UTF-8 text"):
        load_annotations(folder / "binary.json")


def test_every_entry_of_a_large_file_is_checked(folder: Path) -> None:
    entries = [{"rgb": f"{i}/../../rgb/../rgb/0.png"} for i in range(4_000)]
    with pytest.raises(AnnotationError) as raised:
        load_annotations(write(folder, entries))
    assert len(raised.value.problems) >= 3_999


def test_windows_separators_and_matrices_of_four_rows(folder: Path) -> None:
    four = [[700, 0, 600.5, 0], [0, 701, 180, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    entry = {"rgb": "rgb\\0.png", "depth": "depth\\0.png", "depth_scale": 1000, "cam_in": four}
    (sample,) = load_annotations(write(folder, [entry]))
    assert (sample.name, sample.rgb, sample.depth) == ("rgb/0", folder / "rgb/0.png", folder / "depth/0.png")
    assert sample.intrinsics == (700, 701, 600.5, 180)
    for drive in ("C:\\data\\0.png", "\\\\server\\data\\0.png"):
        with pytest.raises(AnnotationError, match="absolute path of Windows"):
            load_annotations(write(folder, [{"rgb": drive}]))
    skewed = [[700, 0, 600.5, 1], *four[1:]]
    with pytest.raises(AnnotationError, match="as a 4x4 matrix must be"):
        load_annotations(write(folder, [{"rgb": "rgb/0.png", "cam_in": skewed}]))


def test_projection_matrices_of_kitti(folder: Path) -> None:
    p2 = [[721.5377, 0, 609.5593, 44.85728], [0, 721.5377, 172.854, 0.2163791], [0, 0, 1, 2.745884e-3]]
    (sample,) = load_annotations(write(folder, [{"rgb": "rgb/0.png", "cam_in": p2}]))
    assert sample.intrinsics == (721.5377, 721.5377, 609.5593, 172.854)


@pytest.mark.parametrize("suffix", ["npy", "npz", "tif"])
def test_integers_without_a_scale_are_refused_before_anything_runs(folder: Path, suffix: str) -> None:
    values = np.full((4, 4), 2000, np.uint16)
    path = folder / f"depth/2.{suffix}"
    if suffix == "tif":
        Image.fromarray(values).save(path)
    else:
        np.savez(path, depth=values) if suffix == "npz" else np.save(path, values)
    entry = {"rgb": "rgb/0.png", "depth": f"depth/2.{suffix}"}
    with pytest.raises(AnnotationError, match=f"depth_scale: is missing, and depth/2.{suffix} does not carry one"):
        load_annotations(write(folder, [entry]))
    assert load_annotations(write(folder, [entry | {"depth_scale": 1000}]))[0].depth_scale == 1000


def test_kinds_of_depth_and_invalid_values(folder: Path) -> None:
    entry = {"rgb": "rgb/0.png", "depth": "depth/0.npy", "cam_in": [7, 7, 2, 2]}
    entries = [entry | {"depth_kind": "ray", "depth_invalid": [65535, 1e10]}, {"rgb": "rgb/1.png", "depth_invalid": -1}]
    first, second = load_annotations(write(folder, entries))
    assert (first.depth_kind, first.depth_invalid) == ("ray", (65535, 1e10))
    assert (second.depth_kind, second.depth_invalid) == ("z", (-1,))
    (panorama,) = load_annotations(write(folder, [{"rgb": "rgb/0.png", "depth_kind": "ray"}]))
    assert panorama.depth_kind == "ray" and panorama.intrinsics is None


def test_what_is_no_file_is_named(folder: Path) -> None:
    with pytest.raises(AnnotationError, match=r"depth is a folder"):
        load_annotations(write(folder, [{"rgb": "depth"}]))


def test_paths_that_may_be_meant(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    for name in ("é.png", "a b.png"):
        (folder / "rgb" / name).touch()
    spelled = {
        f"file://{folder}/rgb/0.png": "0.png", f"file://localhost{folder}/rgb/a%20b.png": "a b.png",
        f"file:{folder}/rgb/0.png": "0.png", "~/rgb/0.png": "0.png",
        unicodedata.normalize("NFD", "rgb/é.png"): "é.png", "rgb/é.png": "é.png",
    }  # fmt: skip
    for path, name in spelled.items():
        (sample,) = load_annotations(write(folder, [{"rgb": path}]))
        assert sample.rgb == folder / "rgb" / name
        assert unicodedata.normalize("NFC", sample.name) == f"rgb/{Path(name).stem}"
    (sample,) = load_annotations(write(folder, [{"rgb": f"file://{folder}/rgb/0.png"}]), folder / "depth")
    assert sample.name == f"{folder.as_posix()[1:]}/rgb/0"  # outside the data root, as of an absolute path


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("https://example.org/0.png", "is a URL, and files are read from this machine only"),
        ("s3://bucket/0.png", "is a URL"),
        ("data:image/png;base64,AAAA", "is a URL"),
        ("$DATA/0.png", "environment variables in paths are not replaced"),
        ("%DATA%\\0.png", "environment variables in paths are not replaced"),
        ("rgb/0.PNG", "but there is {folder}/rgb/0.png; correct the path"),
        ("rgb/0.png ", "but there is {folder}/rgb/0.png; correct the path"),
        ("rgb/0.png\n", "but there is {folder}/rgb/0.png; correct the path"),
        ("rgb/0", "but there is {folder}/rgb/0.png; correct the path"),
        ("rgb/nothing.png", "there is no such file: not {folder}/rgb/nothing.png"),
    ],
)
def test_paths_that_are_none_are_explained(folder: Path, path: str, message: str) -> None:
    with pytest.raises(AnnotationError) as caught:
        load_annotations(write(folder, [{"rgb": path}]))
    assert message.format(folder=folder) in str(caught.value)


@pytest.mark.parametrize(("key", "meant"), [("K", "cam_in"), ("depth_path", "depth"), ("scale", "depth_scale")])
def test_names_of_other_tools_are_asked_about(
    folder: Path, caplog: pytest.LogCaptureFixture, key: str, meant: str
) -> None:
    load_annotations(write(folder, [{"rgb": "rgb/0.png", key: 1}]))
    assert f'the key "{key}" is unknown and ignored; was "{meant}" meant?' in caplog.text


def test_lenses_in_entries_are_warned_of(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    plain = {"rgb": "rgb/0.png", "model": "iPhone 12", "camera_model": "PINHOLE", "distortion": [0, 0], "k1": 0.0}
    lens = {"rgb": "rgb/1.png", "model": "fisheye", "distortion": [0, 0.1], "k1": 0.1, "max_angle": None}
    load_annotations(write(folder, [plain, lens]))
    assert [r.getMessage().partition(": ")[2].partition(" is ignored")[0] for r in caplog.records] == [
        f'entry 1: the key "{key}"' for key in ("distortion", "k1", "model")
    ]
