"""TIFFs that begin with a thumbnail of their image."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from mono.data.image_header import read_image_header
from mono.io.images import image_cost, read_image
from tests.io.test_image_kinds import RGB, tiff

FULL = RGB.astype(np.uint8)


def pages(order: str, first: dict[int, int], pixels: np.ndarray, kind: int, nested: bool) -> bytes:
    """A quarter of the image, and the image as the next page or as a nested one."""
    small = tiff(FULL[::2, ::2].copy(), order, first | ({330: 0} if nested else {}))
    content = bytearray(small)
    offset = struct.unpack(order + "I", content[4:8])[0]
    (count,) = struct.unpack_from(order + "H", content, offset)
    base = len(content)
    full = bytearray(tiff(pixels, order, {254: kind}))
    start = struct.unpack(order + "I", full[4:8])[0]
    (entries,) = struct.unpack_from(order + "H", full, start)
    for i in range(entries):  # all places move
        at = start + 2 + 12 * i
        tag, _, number, value = struct.unpack_from(order + "HHII", full, at)
        if tag == 273 or number > 1:
            struct.pack_into(order + "I", full, at + 8, value + base)
    link = offset + 2 + 12 * count
    if nested:
        places = range(offset + 2, link, 12)
        link = next(at + 8 for at in places if struct.unpack_from(order + "H", content, at)[0] == 330)
    struct.pack_into(order + "I", content, link, base + start)
    return bytes(content + full)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("first", [{254: 1}, {255: 2}])
@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_the_image_is_read_instead_of_its_thumbnail(
    tmp_path: Path, order: str, nested: bool, first: dict[int, int], kind: type, caplog: pytest.LogCaptureFixture
) -> None:
    pixels = FULL if kind == np.uint8 else (RGB / 255).astype(np.float32)
    (tmp_path / "a.tif").write_bytes(pages(order, first, pixels, 0, nested))
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").rgb, RGB)
    assert read_image_header(tmp_path / "a.tif").size == (64, 48)
    assert image_cost(tmp_path / "a.tif") == (7 if kind == np.uint8 else 24) * 64 * 48
    assert not caplog.text


@pytest.mark.parametrize(("first", "kind"), [({}, 0), ({254: 1}, 1), ({254: 1}, 4)])
def test_a_first_page_stays_unless_another_one_is_the_image(tmp_path: Path, first: dict[int, int], kind: int) -> None:
    (tmp_path / "a.tif").write_bytes(pages("<", first, FULL, kind, False))
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").rgb, RGB[::2, ::2])


def test_the_camera_of_a_thumbnail_is_that_of_its_image(tmp_path: Path) -> None:
    place = len(pages("<", {254: 1, 34665: 0}, FULL, 0, False))
    content = pages("<", {254: 1, 34665: place}, FULL, 0, False)
    (tmp_path / "a.tif").write_bytes(content + struct.pack("<HHHIHHI", 1, 0xA405, 3, 1, 26, 0, 0))
    photo = read_image(tmp_path / "a.tif")
    assert photo.exif is not None and photo.exif.focal_35mm == 26 and photo.rgb.shape == (48, 64, 3)
