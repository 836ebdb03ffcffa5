"""Maps of true normals: read right in both frames, and whatever is none of them is told of."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mono.geometry.normals import encode_normals
from mono.io.normals import NormalError, read_normals

# Towards the camera; to the camera, up and right; none.
NORMALS = np.array([[[0, 0, -1], [0.48, -0.6, -0.64], [0, 0, 0]]], np.float32)


def write_png(path: Path, codes: np.ndarray) -> Path:
    """Writes RGB codes; OpenCV wants them the other way round."""
    assert cv2.imwrite(str(path), np.ascontiguousarray(codes[..., ::-1]))
    return path


def test_npy_comes_back_as_it_is(tmp_path: Path) -> None:
    for kind in (np.float16, np.float32, np.float64):
        np.save(tmp_path / "a.npy", NORMALS.astype(kind))
        found = read_normals(tmp_path / "a.npy")
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, NORMALS, atol=5e-4 if kind is np.float16 else 1e-7)


def test_codes_of_a_png_by_hand(tmp_path: Path) -> None:
    # x = 204 / 127.5 - 1 = 0.6, y = 25.5 / 127.5 - 1 = -0.8 (rounded to 26 it is -0.796), z = 127.5 / 127.5 - 1 = 0.
    codes = np.array([[[204, 26, 128], [0, 0, 0], [128, 128, 128]]], np.uint8)
    found = read_normals(write_png(tmp_path / "a.png", codes))
    np.testing.assert_allclose(found[0, 0], (0.6, -0.8, 0), atol=5e-3)
    assert np.linalg.norm(found[0, 0]) == pytest.approx(1, abs=1e-6)
    assert not found[0, 1:].any()


def test_sixteen_bits_stay_sixteen_bits(tmp_path: Path) -> None:
    found = read_normals(write_png(tmp_path / "a.png", encode_normals(NORMALS)))
    np.testing.assert_allclose(found, NORMALS, atol=2e-5)
    assert not found[0, 2].any()


def test_opengl_turns_y_and_z(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", NORMALS * np.float32([1, -1, -1]))
    np.testing.assert_array_equal(read_normals(tmp_path / "a.npy", "opengl"), NORMALS)
    with pytest.raises(ValueError, match="normal_frame is 'blender'; it is one of opencv, opengl"):
        read_normals(tmp_path / "a.npy", "blender")


def test_interpolated_pixels_are_brought_to_unit_length(tmp_path: Path) -> None:
    normal = np.tile(np.float32([0, 0, -1]), (20, 20, 1))
    normal[0, 0], normal[0, 1] = (0, 0, -0.8), (0, 0, -0.3)
    np.save(tmp_path / "a.npy", normal)
    found = read_normals(tmp_path / "a.npy")
    assert found[0, 0].tolist() == [0, 0, -1] and not found[0, 1].any()


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((4, 5), np.float32), r"has shape \(4, 5\); normals are \(height, width, 3\)$"),
        (np.zeros((3, 4, 5), np.float32), r"its channels come first: transpose \(1, 2, 0\)"),
        (np.zeros((4, 5, 4), np.float32), r"has shape \(4, 5, 4\)"),
        (np.zeros((4, 5, 3), np.uint8), "holds uint8; normals in NPY are floating point"),
        (np.full((4, 5, 3), np.nan, np.float32), "20 pixels are not finite"),
        (np.full((4, 5, 3), 127.0, np.float32), r"100 % of its vectors are not of length 1 \(median length 220\)"),
        (np.full((4, 5, 3), 0.1, np.float32), r"not of length 1 \(median length 0.173\)"),
    ],
)
def test_arrays_that_are_no_normals(tmp_path: Path, array: np.ndarray, message: str) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(NormalError, match=rf"a\.npy: .*{message}"):
        read_normals(tmp_path / "a.npy")


def test_pictures_that_are_no_normals(tmp_path: Path) -> None:
    photo = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    with pytest.raises(NormalError, match=r"are not of length 1 .* not a map of unit normals"):
        read_normals(write_png(tmp_path / "photo.png", photo))
    cv2.imwrite(str(tmp_path / "gray.png"), photo[..., 0])
    with pytest.raises(NormalError, match="has 1 channels; normals are RGB"):
        read_normals(tmp_path / "gray.png")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    whole = write_png(tmp_path / "a.png", encode_normals(np.tile(NORMALS, (40, 10, 1)))).read_bytes()
    (tmp_path / "half.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.png").touch()
    (tmp_path / "empty.npy").touch()
    (tmp_path / "cut.npy").write_bytes(b"\x93NUMPY\x01\x00v\x00{'descr': '<f4'" + b" " * 200)
    (tmp_path / "a.exr").touch()
    for name, message in (
        ("half.png", "is damaged"),
        ("empty.png", "is damaged"),
        ("empty.npy", "is damaged"),
        ("cut.npy", "is damaged"),
        ("a.exr", r"normals cannot be read from \.exr; use an NPY"),
        ("none.npy", "there is no such file"),
    ):
        with pytest.raises(NormalError, match=rf"{name}: {message}"):
            read_normals(tmp_path / name)
