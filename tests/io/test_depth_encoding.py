from __future__ import annotations

import importlib.util
import json
import time
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mono.geometry.camera import Camera
from mono.io.depth import read_depth, write_depth
from mono.io.depth_encoding import quantise
from mono.io.depth_metadata import DepthEncoding, saved_camera, sidecar_path
from mono.system.errors import MetricDepthError

AUTO = DepthEncoding(scale=None)
HAS_EXR = importlib.util.find_spec("OpenEXR") is not None


def _depth(far: float, shape: tuple[int, int] = (37, 53), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.01, far, shape).astype(np.float32)


@pytest.mark.parametrize(("far", "scale"), [(10, 1000), (65.49, 1000), (80, 200), (327, 200)])
def test_png_comes_back_within_half_a_step(tmp_path: Path, far: float, scale: int) -> None:
    depth = _depth(far)
    depth[0, 0] = far
    written = write_depth(tmp_path / "d.png", depth, encoding=AUTO)
    assert written.metadata == {"depth_scale": scale, "unit": "m", "depth_kind": "z", "invalid": 0}
    assert written.beyond_range == 0
    assert np.abs(read_depth(tmp_path / "d.png") - depth).max() <= 0.5 / scale + 1e-5


def test_png_is_what_other_readers_expect(tmp_path: Path) -> None:
    path = tmp_path / "d.png"
    depth = _depth(20)
    write_depth(path, depth)
    steps = np.rint(depth * np.float32(1000)).astype(np.uint16)
    opencv = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert opencv is not None
    assert opencv.dtype == np.uint16
    np.testing.assert_array_equal(opencv, steps)
    with Image.open(path) as image:
        np.testing.assert_array_equal(np.asarray(image), steps)
        assert image.info["depth_scale"] == "1000"
        assert "0 = invalid" in image.info["unit"]
    with Image.open(path) as image:
        image.verify()


def test_sidecar_says_scale_and_camera(tmp_path: Path) -> None:
    camera = Camera(500.5, 501, 26, 18, 53, 37, (0.1, -0.2))
    sidecar = write_depth(tmp_path / "d.v1.png", _depth(80), camera, encoding=AUTO).metadata
    assert sidecar_path(tmp_path / "d.v1.png") == tmp_path / "d.v1.json"
    stored = json.loads((tmp_path / "d.v1.json").read_text())
    assert stored == sidecar
    assert stored["depth_scale"] == 200
    fields = stored["camera"]
    assert Camera(**{**fields, "distortion": tuple(fields["distortion"])}) == camera


def test_the_sidecar_is_there_before_the_png(tmp_path: Path) -> None:
    (tmp_path / "d.png").mkdir()
    with pytest.raises(IsADirectoryError):
        write_depth(tmp_path / "d.png", _depth(5))
    assert (tmp_path / "d.json").is_file()


@given(st.lists(st.floats(width=32, allow_nan=True, allow_infinity=True), min_size=1, max_size=40))
def test_16_bits_never_wrap(values: list[float]) -> None:
    depth = np.array([values], np.float32)
    steps, scale = quantise(depth, None)
    back = steps / scale
    for value, got in zip(depth[0].astype(float), back[0], strict=True):
        if not np.isfinite(value) or value <= 0 or value > 65535.5 / scale:
            assert got == 0
        else:
            assert abs(got - value) <= 0.5 / scale + 1e-4


@pytest.mark.parametrize("value", [65.5, 65.536, 66, 327.6, 328, 655.36, 1e6, 3e38])
def test_far_depth_is_kept_or_invalid(value: float) -> None:
    steps, scale = quantise(np.array([[1.0, value]], np.float32), None)
    assert scale == 200
    assert steps[0, 0] == 200
    assert steps[0, 1] == (round(value * 200) if value <= 327.675 else 0)


@pytest.mark.parametrize(
    "suffix", ["npy", "npz", pytest.param("exr", marks=pytest.mark.skipif(not HAS_EXR, reason="EXR"))]
)
def test_float_formats_are_exact_and_clean(tmp_path: Path, suffix: str) -> None:
    depth = _depth(500)
    depth[1, :4] = [np.nan, np.inf, -1, -np.inf]
    path = tmp_path / f"d.{suffix}"
    assert write_depth(path, depth).metadata == {"unit": "m", "depth_kind": "z", "invalid": 0}
    expected = depth.copy()
    expected[1, :4] = 0
    back = read_depth(path)
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, expected)
    if suffix == "npy":
        np.testing.assert_array_equal(np.load(path), expected)
    if suffix == "npz":
        np.testing.assert_array_equal(np.load(path)["depth"], expected)


@pytest.mark.parametrize("suffix", ["png", "npy", "npz"])
def test_bytes_do_not_depend_on_time_or_memory_layout(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    depth = _depth(90)
    write_depth(tmp_path / f"a.{suffix}", depth)
    monkeypatch.setattr(time, "time", lambda: 2e9)
    write_depth(tmp_path / f"b.{suffix}", np.asfortranarray(depth.astype(np.float64)))
    assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


@pytest.mark.parametrize("package", [True, False])
def test_files_are_read_alike_whoever_packed_them(
    tmp_path: Path, package: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if package:
        pytest.importorskip("isal")
    else:
        monkeypatch.setitem(__import__("sys").modules, "isal", None)
    depth = np.add.outer(np.arange(120), np.arange(160)).astype(np.float32) / 10 + 1
    for suffix in ("png", "npz"):
        write_depth(tmp_path / f"d.{suffix}", depth)
        assert (tmp_path / f"d.{suffix}").stat().st_size < depth.nbytes * (0.1 if suffix == "png" else 0.9)
    np.testing.assert_array_equal(np.load(tmp_path / "d.npz")["depth"], depth)
    with zipfile.ZipFile(tmp_path / "d.npz") as archive:
        assert archive.testzip() is None
        assert [entry.filename for entry in archive.infolist()] == ["depth.npy", "metricdepth.json"]
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    opencv = cv2.imread(str(tmp_path / "d.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(opencv, np.rint(depth * 1000).astype(np.uint16))
    with Image.open(tmp_path / "d.png") as image:
        np.testing.assert_array_equal(np.asarray(image), opencv)


def test_exr_without_its_package_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "OpenEXR", None)
    with pytest.raises(MetricDepthError, match="pip install OpenEXR"):
        write_depth(tmp_path / "d.exr", _depth(5))
    assert list(tmp_path.iterdir()) == []


def test_wrong_suffix_and_shape(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="choose one of png, npy, npz, exr"):
        write_depth(tmp_path / "d.tiff", _depth(5))
    with pytest.raises(ValueError, match=r"\(2, 3, 4\).*\(height, width\)"):
        write_depth(tmp_path / "d.npy", np.ones((2, 3, 4)))


CAMERA = Camera(500.5, 501, 26, 18, 53, 37, (0.1, -0.2))
FORMATS = ("png", "npy", "npz", pytest.param("exr", marks=pytest.mark.skipif(not HAS_EXR, reason="EXR")))


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_gives_its_camera_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"d.{suffix}"
    write_depth(path, _depth(20), CAMERA)
    assert saved_camera(path) == CAMERA
    write_depth(path, _depth(20))
    assert saved_camera(path) is None
    if suffix == "npz":
        write_depth(path, _depth(20), CAMERA)
        np.testing.assert_array_equal(np.load(path)["K"], [[500.5, 0, 26], [0, 501, 18], [0, 0, 1]])


@pytest.mark.parametrize("suffix", FORMATS[1:])
def test_invalid_depth_can_be_nan(tmp_path: Path, suffix: str) -> None:
    depth = _depth(20)
    depth[2, :3] = [0, -1, np.inf]
    path = tmp_path / f"d.{suffix}"
    assert write_depth(path, depth, encoding=DepthEncoding(invalid=np.nan)).metadata["invalid"] == "nan"
    if suffix != "exr":
        stored = np.load(path)
        assert np.isnan((stored if suffix == "npy" else stored["depth"])[2, :3]).all()
    assert not read_depth(path)[2, :3].any() and (read_depth(path)[3] > 0).all()


def test_a_constant_scale_counts_what_it_cannot_hold(tmp_path: Path) -> None:
    depth = np.array([[1.0, 65.535, 65.5354, 65.54, 300, np.nan, np.inf, 0]], np.float32)
    written = write_depth(tmp_path / "d.png", depth)
    np.testing.assert_allclose(read_depth(tmp_path / "d.png"), [[1, 65.535, 65.535, 0, 0, 0, 0, 0]], rtol=1e-6)
    assert (written.metadata["depth_scale"], written.beyond_range) == (1000, 2)
    written = write_depth(tmp_path / "d.png", depth, encoding=DepthEncoding(256))
    np.testing.assert_allclose(read_depth(tmp_path / "d.png")[0, :4], [1, 65.535, 65.5354, 65.54], atol=0.002)
    assert (written.metadata["depth_scale"], written.beyond_range) == (256, 1)


@pytest.mark.parametrize("scale", [0, 0.5, -1000, 65536, float("nan"), float("inf")])
def test_useless_scales_are_refused(scale: float) -> None:
    with pytest.raises(ValueError, match="1 to 65535 steps per meter"):
        DepthEncoding(scale)
    with pytest.raises(ValueError, match="0 or NaN"):
        DepthEncoding(invalid=-1)


@pytest.mark.parametrize("suffix", ["png", "npy", "npz"])
def test_damaged_metadata_are_named(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"d.{suffix}"
    write_depth(path, _depth(5), CAMERA)
    broken = path if suffix == "npz" else path.with_suffix(".json")
    broken.write_bytes(b'{"camera": {"fx": 1}}' if suffix != "npz" else b"PK nonsense")
    with pytest.raises(ValueError, match=r"its camera cannot be read.*write depth again"):
        saved_camera(path)


def test_what_is_no_depth_or_does_not_fit_is_zero() -> None:
    depth = np.array([[1.0, np.nan, np.inf, -np.inf], [-1.0, -0.0, 65.535, 65.536], [1e38, 1e-9, 0.0015, 0.0025]])
    for kind in (np.float32, np.float64):
        given = depth.astype(kind)
        steps, scale = quantise(given, 1000)
        assert scale == 1000 and steps.dtype == np.uint16
        assert steps.tolist() == [[1000, 0, 0, 0], [0, 0, 65535, 0], [0, 0, 2, 2]]
        np.testing.assert_array_equal(given, depth.astype(kind))
    assert quantise(np.zeros((0, 4), np.float32), 1000)[0].shape == (0, 4)


def test_a_png_keeps_its_scale_where_an_npy_shares_its_json(tmp_path: Path) -> None:
    depth, camera = _depth(5), Camera(50.0, 50.0, 26.0, 18.0, 53, 37)
    encoding = DepthEncoding(scale=256)
    for order in (("png", "npy"), ("npy", "png")):
        for kind in order:
            write_depth(tmp_path / f"{order[0]}.{kind}", depth, camera, encoding=encoding)
        content = json.loads((tmp_path / f"{order[0]}.json").read_text())
        assert content["depth_scale"] == 256 and content["camera"]["fx"] == 50
        for kind in order:
            path = tmp_path / f"{order[0]}.{kind}"
            assert saved_camera(path) == camera
            np.testing.assert_allclose(read_depth(path), depth, atol=0.5 / 256 if kind == "png" else 0)
    write_depth(tmp_path / "alone.npy", depth)
    assert "depth_scale" not in json.loads((tmp_path / "alone.json").read_text())
