from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from mono.geometry.normals import angles, decode_normals, encode_normals
from mono.io.depth_encoding import encode_png16
from mono.io.normals import write_normal


def _normals(height: int = 37, width: int = 53) -> np.ndarray:
    normal = np.random.default_rng(0).normal(size=(height, width, 3))
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    normal[0, :5] = 0
    return normal.astype(np.float32)


def test_png_is_what_other_readers_expect(tmp_path: Path) -> None:
    normal = _normals()
    write_normal(tmp_path / "n.png", normal, "network")
    stored = cv2.imread(str(tmp_path / "n.png"), cv2.IMREAD_UNCHANGED)
    assert stored is not None
    assert stored.dtype == np.uint16
    codes = np.ascontiguousarray(stored[..., ::-1])  # OpenCV has blue first
    np.testing.assert_array_equal(codes, encode_normals(normal))
    back = decode_normals(codes)
    assert np.nanmax(angles(back, normal)) < 0.003
    assert not back[0, :5].any()
    assert back[0, 5:].any(axis=-1).all()
    assert [p.name for p in tmp_path.iterdir()] == ["n.png"]


def test_png_says_its_code_frame_and_source(tmp_path: Path) -> None:
    write_normal(tmp_path / "n.png", _normals(), "depth")
    with Image.open(tmp_path / "n.png") as image:
        image.verify()
        assert image.info["normal_source"] == "depth"
        assert "x right, y down, z forward" in image.info["normal_frame"]
        assert "value / 65535 * 2 - 1" in image.info["normal_code"]


def test_npy_is_exact_and_bytes_repeat(tmp_path: Path) -> None:
    normal = _normals()
    for suffix in ("npy", "png"):
        write_normal(tmp_path / f"a.{suffix}", normal, "depth")
        write_normal(tmp_path / f"b.{suffix}", np.asfortranarray(normal.astype(np.float64)), "depth")
        assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()
    back = np.load(tmp_path / "a.npy", allow_pickle=False)
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, normal)


def test_wrong_suffix_and_shape(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be written as 'exr'; choose one of png, npy"):
        write_normal(tmp_path / "n.exr", _normals(), "depth")
    with pytest.raises(ValueError, match=r"\(4, 5\); it must be \(height, width, 3\)"):
        write_normal(tmp_path / "n.png", np.zeros((4, 5)), "depth")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1), (1, 1, 3), (6, 1, 3), (1, 9, 3)])
def test_pngs_of_the_smallest_sizes(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(1).integers(0, 65536, shape, dtype=np.uint16)
    stored = cv2.imdecode(np.frombuffer(encode_png16(image, {}), np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(stored if image.ndim == 2 else stored[..., ::-1], image)
