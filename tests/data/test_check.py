"""`annotate check`: planted mistakes are found, each by its entry, and nothing else is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mono.cli.main import main
from mono.data.annotations import AnnotationError, load_annotations
from mono.data.check import SCHEMA, check_annotations
from tests.data.datasets.layouts import random_image, stored_depth, text

CAMERA = [40.0, 40.0, 15.5, 11.5]
MISTAKES = [
    (1, "depth", "8-bit depth"),
    (2, "depth_scale", "unlikely scale"),
    (3, "depth_scale", "unlikely scale"),
    (4, "depth", "size of depth and image differ"),
    (5, "cam_in", "unlikely focal length"),
    (6, "cam_in", "unlikely focal length"),
    (7, "cam_in", "principal point far from the center"),
    (8, "rgb", "the same image twice"),
    (9, "rgb", "unreadable image"),
    (10, "depth", "empty depth"),
    (11, "cam_in", "no focal length"),
    (12, "cam_in", "fx and fy differ"),
    (13, "cam_in", "one camera for two sizes"),
    (14, "depth", "the same depth map twice"),
    (15, "depth", "unreadable depth"),
]


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """Sixteen entries; the first is right, each other has the mistake of its number in `MISTAKES`."""
    entries: list[dict[str, Any]] = []
    for number in range(16):
        random_image(tmp_path / f"rgb/{number}.png", seed=number)
        stored_depth(tmp_path / f"depth/{number}.png", 3000)
        entries.append({"rgb": f"rgb/{number}.png", "depth": f"depth/{number}.png", "depth_scale": 1000})
        entries[-1]["cam_in"] = CAMERA
    Image.fromarray(np.full((24, 32), 30, np.uint8)).save(tmp_path / "depth/1.png")
    entries[2]["depth_scale"] = 1
    entries[3]["depth_scale"] = 256_000
    stored_depth(tmp_path / "depth/4.png", 3000, width=24, height=32)
    entries[5]["cam_in"] = [4.0, 4.0, 15.5, 11.5]
    entries[6]["cam_in"] = [500.0, 500.0, 15.5, 11.5]
    entries[7]["cam_in"] = [40.0, 40.0, 31.0, 11.5]
    Image.open(tmp_path / "rgb/0.png").save(tmp_path / "rgb/8.png", compress_level=0)
    whole = (tmp_path / "rgb/9.png").read_bytes()
    (tmp_path / "rgb/9.png").write_bytes(whole[: len(whole) // 2])
    stored_depth(tmp_path / "depth/10.png", 0)
    del entries[11]["cam_in"]
    entries[12]["cam_in"] = [40.0, 60.0, 15.5, 11.5]
    random_image(tmp_path / "rgb/13.png", width=36, seed=13)
    stored_depth(tmp_path / "depth/13.png", 3000, width=36)
    entries[14]["depth"] = "depth/0.png"
    text(tmp_path / "depth/15.png", "not a depth map")
    return text(tmp_path / "data.json", json.dumps({"files": entries}))


def test_each_planted_mistake_is_found_and_nothing_else(planted: Path) -> None:
    report = check_annotations(planted)
    assert [(finding.entry, finding.field, finding.kind) for finding in report.findings] == MISTAKES
    assert all(len(finding.advice.split()) >= 5 for finding in report.findings)
    lines = [str(finding) for finding in report.findings]
    assert lines[1].startswith("entry 2: depth_scale: 1: unlikely scale: makes the median depth 3000 m, outside")
    assert "256000" in lines[2]
    assert "the depth map is 24x32, its image" in lines[3]
    assert "is 32x24 (upright); of another shape, lying on its side" in lines[3]
    assert "a field of view of 152 deg" in lines[4]
    assert "a field of view of 4 deg" in lines[5]
    assert "48 % of the width and 0 % of the height" in lines[6]
    assert "its pixels are entry 0's" in lines[7]
    assert "entry 0 has the same camera for 32x24, this image is 36x24" in lines[12]


def test_facts(planted: Path) -> None:
    report = check_annotations(planted)
    assert (report.entries, report.looked_at, report.with_depth) == (16, 16, 16)
    assert dict(report.sizes) == {(32, 24): 14, (36, 24): 1}
    first = report.depths[0]
    assert (first.least, first.median, first.largest, first.valid) == (3, 3, 3, pytest.approx(23 / 24))
    assert len(report.cameras) == 14


def test_a_sample_is_evenly_spread(planted: Path) -> None:
    seen: list[int] = []

    def watch(items: Any) -> Any:
        seen.extend(items)
        return items

    report = check_annotations(planted, sample=4, progress=watch)
    assert seen == [0, 5, 10, 15]
    assert (report.entries, report.looked_at) == (16, 4)
    assert [finding.entry for finding in report.findings] == [5, 10, 15]
    with pytest.raises(ValueError, match="sample is 0"):
        check_annotations(planted, sample=0)


def test_other_sources_of_the_focal_length_will_do(tmp_path: Path) -> None:
    random_image(tmp_path / "a.png", seed=1)
    random_image(tmp_path / "b/b.png", seed=2)
    text(tmp_path / "b/camera.json", '{"fx": 40}')
    path = text(tmp_path / "data.json", json.dumps([{"rgb": "a.png"}, {"rgb": "b/b.png"}]))
    assert [(finding.entry, finding.kind) for finding in check_annotations(path).findings] == [(0, "no focal length")]


def test_the_command(planted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["annotate", "check", str(planted)]) == 1
    out = capsys.readouterr().out
    assert "15 warnings:" in out
    assert "sizes         32x24 (14), 36x24 (1)" in out
    assert "entry 10: depth: " in out
    clean = text(tmp_path / "clean.json", json.dumps([json.loads(planted.read_text())["files"][0]]))
    assert main(["annotate", "check", str(clean)]) == 0
    out = capsys.readouterr().out
    assert "nothing looks wrong" in out
    assert "focal length  40 px; horizontal field of view 43.6 deg" in out
    assert "valid pixels  95.83 %" in out
    broken = text(tmp_path / "broken.json", json.dumps([{"rgb": "gone.png", "cam_in": [0, 1, 2, 3]}]))
    assert main(["annotate", "check", str(broken)]) == 2
    error = capsys.readouterr().err
    assert "entry 0: rgb:" in error
    assert "fx must be positive" in error


def test_many_findings_of_a_kind_are_cut_short(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(25):
        random_image(tmp_path / f"{number}.png", width=16, height=8, seed=number)
    path = text(tmp_path / "data.json", json.dumps([{"rgb": f"{number}.png"} for number in range(25)]))
    assert main(["annotate", "check", str(path)]) == 1
    out = capsys.readouterr().out
    assert out.count("no focal length:") == 20
    assert "and 5 more: no focal length (--all lists them)" in out
    assert main(["annotate", "check", str(path), "--all"]) == 1
    assert capsys.readouterr().out.count("no focal length:") == 25


GOOD = [
    {"files": [{"rgb": "a.png"}], "more": 3},
    [{"rgb": "a.png", "depth": None, "depth_scale": None, "cam_in": None, "else": "x"}],
    [{"rgb": "a.png", "depth": "d.npy", "depth_scale": 0.5, "cam_in": [700, 701.5, -3, 180]}],
    [{"rgb": "a.png", "depth": "D.NPY", "intrinsic": [[700, 0, 1], [0, 700, 2], [0, 0, 1]]}],
    [{"rgb": "a.png", "cam_in": [1, 2, 3, 4], "intrinsic": [1, 2, 3, 4]}],
    [{"rgb": "a.png", "normal": "d.npy"}, {"rgb": "b.png", "normal": "a.png", "normal_frame": "opengl"}],
    [{"rgb": "a.png", "normal": None, "normal_frame": None}],
    [{"rgb": "a.png", "depth": "d.npy", "depth_kind": "ray", "cam_in": [1, 2, 3, 4]}],
    [{"rgb": "a.png", "depth_kind": "ray"}, {"rgb": "b.png", "depth_kind": "ray", "cam_in": None}],
    [{"rgb": "a.png", "depth_kind": "z", "depth_invalid": [65535, -1.5]}, {"rgb": "b.png", "depth_kind": None}],
    [{"rgb": "a.png", "depth_invalid": 65535, "cam_in": [[7, 0, 1, 0], [0, 7, 2, 0], [0, 0, 1, 0]]}],
    [{"rgb": "a.png", "cam_in": [[7, 0, 1, 0], [0, 7, 2, 0], [0, 0, 1, 0], [0, 0, 0, 1]]}],
]
BAD = [
    {},
    {"images": []},
    [],
    {"files": []},
    {"files": {"rgb": "a.png"}},
    "a.png",
    3,
    None,
    ["a.png"],
    [{"depth": "d.npy"}],
    [{"rgb": ""}],
    [{"rgb": None}],
    [{"rgb": 7}],
    [{"rgb": "a.png", "depth": "d.jpg"}],
    [{"rgb": "a.png", "depth": "npy"}],
    [{"rgb": "a.png", "depth": ["d.npy"]}],
    [{"rgb": "a.png", "normal": "d.jpg"}],
    [{"rgb": "a.png", "normal": 3}],
    [{"rgb": "a.png", "normal": "d.npy", "normal_frame": "OpenGL"}],
    [{"rgb": "a.png", "normal": "d.npy", "normal_frame": ["opencv"]}],
    [{"rgb": "a.png", "depth_scale": 0}],
    [{"rgb": "a.png", "depth_scale": -256}],
    [{"rgb": "a.png", "depth_scale": "256"}],
    [{"rgb": "a.png", "depth_scale": True}],
    [{"rgb": "a.png", "depth_kind": "along"}],
    [{"rgb": "a.png", "depth_kind": ["z"]}],
    [{"rgb": "a.png", "depth_invalid": "65535"}],
    [{"rgb": "a.png", "depth_invalid": [None]}],
    [{"rgb": "a.png", "depth_invalid": [0] * 17}],
    [{"rgb": "a.png", "cam_in": [[7, 0, 1, 5], [0, 7, 2, 0], [0, 0, 1, 0], [0, 0, 0, 1]]}],
    [{"rgb": "a.png", "cam_in": [[7, 0, 1, 0], [0, 7, 2, 0], [0, 0, 1, 0], [0, 0, 0, 2]]}],
    [{"rgb": "a.png", "cam_in": 700}],
    [{"rgb": "a.png", "cam_in": [700, 700, 320]}],
    [{"rgb": "a.png", "cam_in": [700, 700, 320, 240, 0]}],
    [{"rgb": "a.png", "cam_in": [0, 700, 320, 240]}],
    [{"rgb": "a.png", "cam_in": [700, -1, 320, 240]}],
    [{"rgb": "a.png", "cam_in": [700, 700, "320", 240]}],
    [{"rgb": "a.png", "cam_in": [700, 700, None, 240]}],
    [{"rgb": "a.png", "cam_in": {"fx": 700}}],
    [{"rgb": "a.png", "intrinsic": [[700, 1, 1], [0, 700, 2], [0, 0, 1]]}],
    [{"rgb": "a.png", "intrinsic": [[700, 0, 1], [0, 0, 2], [0, 0, 1]]}],
    [{"rgb": "a.png", "intrinsic": [[700, 0, 1], [0, 700, 2], [0, 0, 2]]}],
    [{"rgb": "a.png", "intrinsic": [[700, 0, 1], [0, 700, 2]]}],
    [{"rgb": "a.png"}, {"rgb": "b.png", "cam_in": []}],
]


@pytest.mark.parametrize(("document", "good"), [(d, True) for d in GOOD] + [(d, False) for d in BAD])
def test_schema_and_loader_agree(document: Any, good: bool, tmp_path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(SCHEMA.read_text())
    assert jsonschema.Draft202012Validator(schema).is_valid(document) is good
    for name in ("a.png", "b.png", "d.npy", "D.NPY", "d.jpg", "npy"):
        (tmp_path / name).touch()
    path = text(tmp_path / "data.json", json.dumps(document))
    if good:
        assert load_annotations(path)
    else:
        with pytest.raises(AnnotationError):
            load_annotations(path)


def test_the_schema_is_one(tmp_path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(json.loads(SCHEMA.read_text()))
    shutil.copy(SCHEMA, tmp_path / "data.json")
    with pytest.raises(AnnotationError, match='"files" is missing'):
        load_annotations(tmp_path / "data.json")


def normal_findings(tmp_path: Path, **entry: Any) -> list[tuple[str, str, str]]:
    """Field, kind and advice of what is found of an entry with normals."""
    random_image(tmp_path / "a.png")
    path = text(tmp_path / "data.json", json.dumps([{"rgb": "a.png", "cam_in": CAMERA, **entry}]))
    return [(finding.field, finding.kind, finding.advice) for finding in check_annotations(path).findings]


def test_the_camera_of_a_turned_image_is_suspected(tmp_path: Path) -> None:
    Image.new("RGB", (80, 60)).save(tmp_path / "a.png")
    path = text(tmp_path / "data.json", json.dumps([{"rgb": "a.png", "cam_in": [70, 70, 29.5, 39.5]}]))
    [finding] = check_annotations(path).findings
    assert (finding.field, finding.kind) == ("cam_in", "principal point far from the center")
    assert finding.advice.startswith("its principal point fits 60x80 pixels, and this image is 80x60 upright")


def test_normals_in_other_axes_are_suspected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    normal = np.tile(np.float32([0, 0, -1]), (24, 32, 1))  # a wall, and below it a floor
    normal[12:] = (0, -1, 0)
    np.save(tmp_path / "right.npy", normal)
    assert normal_findings(tmp_path, normal="right.npy") == []
    assert main(["annotate", "check", str(tmp_path / "data.json")]) == 0
    assert "normals       1 maps" in capsys.readouterr().out
    np.save(tmp_path / "gl.npy", normal * np.float32([1, -1, -1]))
    assert normal_findings(tmp_path, normal="gl.npy", normal_frame="opengl") == []
    for name, stated, other in (("gl.npy", "opencv", "opengl"), ("right.npy", "opengl", "opencv")):
        [(field, kind, advice)] = normal_findings(tmp_path, normal=name, normal_frame=stated)
        assert (field, kind) == ("normal_frame", "wrong axes of normals")
        assert advice.startswith("100 % of the normals point away from the camera")
        assert advice.endswith(f'with "normal_frame": "{other}" it would be 0 %')
    sideways = np.tile(np.float32([1, 0, 0]), (24, 32, 1))  # away in the right part, whatever y and z are
    np.save(tmp_path / "side.npy", sideways)
    [(_, _, advice)] = normal_findings(tmp_path, normal="side.npy", cam_in=[40.0, 40.0, 13.0, 11.5])
    assert advice.endswith("opengl does not mend it either: the normals are negated, or have other axes")


def test_normals_that_are_damaged_empty_or_of_another_size(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.full((24, 32, 3), 0.1, np.float32))
    assert [found[:2] for found in normal_findings(tmp_path, normal="a.npy")] == [("normal", "unreadable normals")]
    np.save(tmp_path / "a.npy", np.zeros((24, 32, 3), np.float32))
    assert [found[:2] for found in normal_findings(tmp_path, normal="a.npy")] == [("normal", "empty normals")]
    np.save(tmp_path / "a.npy", np.tile(np.float32([0, 0, -1]), (32, 24, 1)))
    [(field, kind, advice)] = normal_findings(tmp_path, normal="a.npy")
    assert (field, kind) == ("normal", "size of normals and image differ")
    assert "the map of normals is 24x32, its image" in advice
    assert "is 32x24 (upright); of another shape" in advice
    with pytest.raises(AnnotationError, match=r"entry 0: normal: value \"none.npy\": there is no such file"):
        normal_findings(tmp_path, normal="none.npy")


def depth_findings(tmp_path: Path, values: np.ndarray, size: tuple[int, int] = (32, 24), **entry: Any) -> list[str]:
    """Kinds of what is found of an entry with these stored values as depth."""
    random_image(tmp_path / "a.png", *size)
    np.save(tmp_path / "d.npy", values)
    entry = {"rgb": "a.png", "depth": "d.npy", "cam_in": [30.0, 30.0, size[0] / 2, size[1] / 2], **entry}
    path = text(tmp_path / "data.json", json.dumps([entry]))
    return [f"{finding.kind}: {finding.advice}" for finding in check_annotations(path).findings]


@pytest.mark.parametrize(
    ("dtype", "hole", "shown", "extra"),
    [
        (np.uint16, 65535, "65535", {"depth_scale": 1000}),
        (np.float32, 1e10, "1e+10", {}),
        (np.float16, 65504, "65504", {}),
        (np.float32, 1000, "1000", {}),
    ],
)
def test_holes_stored_as_a_large_value(
    tmp_path: Path, dtype: Any, hole: float, shown: str, extra: dict[str, Any]
) -> None:
    values = (np.linspace(2, 4, 24 * 32).reshape(24, 32) * extra.get("depth_scale", 1)).astype(dtype)
    assert depth_findings(tmp_path, values, **extra) == []
    values[:8] = hole
    (finding,) = depth_findings(tmp_path, values, **extra)
    assert finding.startswith("largest value as depth: 33.3 % of the pixels have")
    certain = hole != 1000
    assert ("it is read as no depth" if certain else "it counts as depth") in finding
    assert finding.endswith(f'"depth_invalid": {shown}')
    assert depth_findings(tmp_path, values, **extra, depth_invalid=[]) == []
    assert check_annotations(tmp_path / "data.json").depths[0].largest > 50
    assert depth_findings(tmp_path, values, **extra, depth_invalid=hole) == []
    report = check_annotations(tmp_path / "data.json")
    assert report.depths[0].largest == pytest.approx(4, rel=1e-3)
    assert report.depths[0].valid == pytest.approx(2 / 3)


def test_a_few_holes_stored_as_the_largest_value(tmp_path: Path) -> None:
    values = np.linspace(2000, 4000, 240 * 320).reshape(240, 320).astype(np.uint16)
    values[0, :60] = 65535
    (finding,) = depth_findings(tmp_path, values, (320, 240), cam_in=[300.0, 300.0, 160.0, 120.0], depth_scale=1000)
    assert finding.startswith("largest value as depth: 0.0781 % of the pixels have 65.535 m (stored 65535)")
    assert "it is read as no depth" in finding


def test_sizes_of_datasets_raise_no_alarm(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    depth = np.linspace(2, 4, 48 * 64, dtype=np.float32).reshape(48, 64)
    assert depth_findings(tmp_path, depth, (1296, 968), cam_in=[1166.0, 1166.0, 648.0, 484.0]) == []
    assert main(["annotate", "check", str(tmp_path / "data.json")]) == 0
    assert "depth sizes   64x48 (1)" in capsys.readouterr().out
    (finding,) = depth_findings(tmp_path, depth[:40], (1296, 968), cam_in=[1166.0, 1166.0, 648.0, 484.0])
    assert "size of depth and image differ: the depth map is 64x40" in finding


def test_photos_whose_turn_shapes_do_not_show(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.open(random_image(tmp_path / "a.png")).save(tmp_path / "b.jpg", exif=exif)
    kinds = depth_findings(tmp_path, np.linspace(2, 4, 24 * 32).reshape(24, 32), rgb="b.jpg")
    assert [kind.partition(":")[0] for kind in kinds] == ["depth of a turned photo"]
