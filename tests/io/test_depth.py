"""Reading depth mapsin meters, and the message of every file that is not one."""

from __future__ import annotations

import io
import math
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from mono.io.depth import DepthError, png_depth_scale, read_depth, read_values, write_depth
from mono.system.errors import MetricDepthError

STEPS = np.array([[0, 1, 256], [512, 1000, 65535]], np.uint16)
METERS = np.array([[0.5, 1, 2], [np.nan, -1, np.inf]], np.float32)
VALID = np.array([[0.5, 1, 2], [0, 0, 0]], np.float32)


@pytest.mark.parametrize("suffix", ["png", "tif", "tiff"])
def test_16_bit_pictures(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"d.{suffix}"
    Image.fromarray(STEPS).save(path)
    depth = read_depth(path, 256)
    assert depth.dtype == np.float32
    np.testing.assert_array_equal(depth, STEPS.astype(np.float32) / 256)
    with pytest.raises(DepthError, match="give depth_scale"):
        read_depth(path)


def test_png_that_knows_its_scale(tmp_path: Path) -> None:
    path = tmp_path / "d.PNG"
    info = PngImagePlugin.PngInfo()
    info.add_text("depth_scale", "200.5")
    Image.fromarray(STEPS).save(path, "PNG", pnginfo=info)
    assert png_depth_scale(path) == 200.5
    np.testing.assert_allclose(read_depth(path), STEPS / 200.5, rtol=1e-6)
    np.testing.assert_allclose(read_depth(path, 256), STEPS / 256, rtol=1e-6)


@pytest.mark.parametrize("text", ["nan", "0", "-3", "many"])
def test_png_with_a_broken_scale(tmp_path: Path, text: str) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("depth_scale", text)
    Image.fromarray(STEPS).save(tmp_path / "d.png", pnginfo=info)
    for read in (read_depth, png_depth_scale):
        with pytest.raises(DepthError, match="not a positive number"):
            read(tmp_path / "d.png")


def test_png_without_scale(tmp_path: Path) -> None:
    Image.fromarray(STEPS).save(tmp_path / "d.png")
    (tmp_path / "e.png").write_text("text")
    assert png_depth_scale(tmp_path / "d.png") is None
    assert png_depth_scale(tmp_path / "e.png") is None


def test_float_formats_are_meters_without_invalid_values(tmp_path: Path) -> None:
    np.save(tmp_path / "d.npy", METERS)
    np.savez(tmp_path / "only.npz", anything=METERS.astype(np.float64))
    np.savez_compressed(tmp_path / "named.npz", depth=METERS, confidence=METERS)
    Image.fromarray(METERS).save(tmp_path / "d.tif")
    for name in ("d.npy", "only.npz", "named.npz", "d.tif"):
        depth = read_depth(tmp_path / name)
        assert depth.dtype == np.float32
        np.testing.assert_array_equal(depth, VALID)
        np.testing.assert_array_equal(read_depth(tmp_path / name, 10), VALID / np.float32(10))
        np.testing.assert_array_equal(read_values(tmp_path / name), METERS)
        np.testing.assert_array_equal(read_values(tmp_path / name, 10), METERS / np.float32(10))


@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_values_of_which_zero_is_one_are_kept(tmp_path: Path, suffix: str) -> None:
    values, path = np.array([[0, -2, np.nan], [np.inf, 3, -np.inf]], np.float32), tmp_path / f"d.{suffix}"
    assert write_depth(path, values, zero_is_value=True).metadata["invalid"] == "nan"
    np.testing.assert_array_equal(read_values(path), [[0, -2, np.nan], [np.nan, 3, np.nan]])
    with pytest.raises(MetricDepthError, match=r"a depth PNG holds meters; write these values as npy, npz or exr"):
        write_depth(tmp_path / "d.png", values, zero_is_value=True)


def test_integer_and_half_arrays(tmp_path: Path) -> None:
    np.save(tmp_path / "d.npy", STEPS.astype(np.int64))
    np.testing.assert_allclose(read_depth(tmp_path / "d.npy", 1000), STEPS / 1000, rtol=1e-6)
    with pytest.raises(DepthError, match="give depth_scale"):
        read_depth(tmp_path / "d.npy")
    np.save(tmp_path / "d.npy", METERS.astype(np.float16))
    np.testing.assert_array_equal(read_depth(tmp_path / "d.npy"), VALID)


def test_values_beyond_float32_are_no_depth(tmp_path: Path) -> None:
    np.save(tmp_path / "d.npy", np.array([[1e300, 1.0]]))
    np.testing.assert_array_equal(read_depth(tmp_path / "d.npy"), [[0, 1]])


@pytest.mark.parametrize("shape", [(2, 3, 1), (1, 2, 3)])
def test_a_third_dimension_of_one(tmp_path: Path, shape: tuple[int, ...]) -> None:
    np.save(tmp_path / "d.npy", METERS.reshape(shape))
    np.testing.assert_array_equal(read_depth(tmp_path / "d.npy"), VALID)


def saved(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    if arrays:
        np.savez(stream, **arrays)
    else:
        np.save(stream, METERS)
    return stream.getvalue()


def image(array: np.ndarray, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, kind)
    return stream.getvalue()


def array_file(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("d.png", b"", "empty (0 bytes)"),
        ("d.png", b"text", "not a PNG or TIFF"),
        ("d.png", image(np.zeros((50, 60), np.uint16) + STEPS[1, 1])[:70], "damaged"),
        ("d.png", image(np.zeros((5, 5), np.uint8)), "8-bit, too coarse"),
        ("d.png", image(np.zeros((5, 5), bool)), "8-bit, too coarse"),
        ("d.png", image(np.zeros((5, 5, 3), np.uint8)), "color image (RGB)"),
        ("d.png", image(np.zeros((5, 5, 4), np.uint8)), "color image (RGBA)"),
        ("d.tif", image(np.zeros((5, 5), np.uint8), "TIFF"), "8-bit, too coarse"),
        ("d.jpg", image(np.zeros((5, 5), np.uint8), "JPEG"), "cannot be read from .jpg"),
        ("depth", b"abc", "without suffix"),
        ("d.npy", b"text", "damaged"),
        ("d.npy", saved()[:-4], "cut short"),
        ("d.npy", saved(depth=METERS), "NPZ archive named .npy"),
        ("d.npz", saved(), "NPY array named .npz"),
        ("d.npz", saved(a=METERS, b=METERS), "holds a, b"),
        ("d.npz", saved(depth=METERS)[:100], "damaged"),
        ("d.npy", array_file(np.zeros((2, 3, 3))), "shape (2, 3, 3)"),
        ("d.npy", array_file(np.zeros((0, 3))), "shape (0, 3)"),
        ("d.npy", array_file(np.zeros((4, 4), np.uint8)), "8-bit, too coarse"),
        ("d.npy", array_file(np.zeros((4, 4), complex)), "complex128"),
        ("d.npy", array_file(np.array([[{}]])), "damaged"),
    ],
)
def test_files_that_are_no_depth(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DepthError) as caught:
        read_depth(path, 256)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize("scale", [0, -1, math.nan, math.inf])
def test_impossible_scales(tmp_path: Path, scale: float) -> None:
    with pytest.raises(DepthError, match="must be a positive number"):
        read_depth(tmp_path / "d.png", scale)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(DepthError, match="no such file"):
        read_depth(tmp_path / "d.png")
    with pytest.raises(DepthError, match="is a folder"):
        read_depth(tmp_path)


def test_exr_without_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "OpenEXR", None)
    (tmp_path / "d.exr").write_bytes(b"v/1\x01")
    with pytest.raises(DepthError, match="pip install OpenEXR"):
        read_depth(tmp_path / "d.exr")


@pytest.mark.parametrize(
    ("channels", "message"),
    [({"R": 0, "Z": 1}, ""), ({"V": 1}, ""), ({"a": 1, "b": 1}, "channels a, b"), ({}, "damaged")],
)
def test_exr_channels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, channels: dict[str, int], message: str) -> None:
    class File:
        def __init__(self, path: str, separate_channels: bool) -> None:
            if not channels:
                raise RuntimeError("not an EXR")

        def __enter__(self) -> File:
            return self

        def __exit__(self, *error: object) -> None: ...

        def channels(self) -> dict[str, types.SimpleNamespace]:
            return {name: types.SimpleNamespace(pixels=METERS * factor) for name, factor in channels.items()}

    monkeypatch.setitem(sys.modules, "OpenEXR", types.SimpleNamespace(File=File))
    monkeypatch.setattr("mono.io.exr.check_structure", lambda path: None)
    (tmp_path / "d.exr").write_bytes(b"v/1\x01")
    if message:
        with pytest.raises(DepthError, match=message):
            read_depth(tmp_path / "d.exr")
    else:
        np.testing.assert_array_equal(read_depth(tmp_path / "d.exr"), VALID)
