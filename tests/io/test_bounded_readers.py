"""Bounds of the readers: archives, headers and files that announce more than they hold, and damaged ones."""

from __future__ import annotations

import io
import struct
import threading
import time
import zipfile
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from mono.io.arrays import read_npy
from mono.io.depth import DepthError, read_depth, write_depth
from mono.io.exr import ExrError, check_structure
from mono.io.images import image_cost, read_image
from mono.io.normals import NormalError, read_normals
from mono.system.errors import MetricDepthError

DEPTH = np.repeat(np.linspace(1, 9, 8 * 30, dtype=np.float32).reshape(30, 8), 5, axis=1)


def npy_header(shape: tuple[int, ...], kind: str = "<f4") -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"shape": shape, "fortran_order": False, "descr": kind})
    return stream.getvalue()


def exr(depth: np.ndarray) -> bytes:
    """A scanline EXR of channel Z, ZIPS-compressed: one row a chunk."""
    height, width = depth.shape

    def attribute(name: str, kind: str, data: bytes) -> bytes:
        return name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<I", len(data)) + data

    box = struct.pack("<4i", 0, 0, width - 1, height - 1)
    channels = b"Z\0" + struct.pack("<iB3xii", 2, 0, 1, 1) + b"\0"
    header = struct.pack("<II", 0x01312F76, 2) + attribute("channels", "chlist", channels)
    header += attribute("compression", "compression", b"\2") + attribute("dataWindow", "box2i", box)
    header += attribute("displayWindow", "box2i", box) + attribute("lineOrder", "lineOrder", b"\0")
    header += attribute("pixelAspectRatio", "float", struct.pack("<f", 1))
    header += attribute("screenWindowCenter", "v2f", bytes(8))
    header += attribute("screenWindowWidth", "float", struct.pack("<f", 1)) + b"\0"
    chunks = []
    for y, row in enumerate(depth):
        raw = np.frombuffer(row.astype("<f4").tobytes(), np.uint8)
        split = np.concatenate([raw[::2], raw[1::2]]).astype(np.int16)
        coded = np.concatenate([split[:1], (np.diff(split) + 128) % 256]).astype(np.uint8).tobytes()
        data = zlib.compress(coded)
        data = data if len(data) < raw.size else raw.tobytes()
        chunks.append(struct.pack("<iI", y, len(data)) + data)
    place, offsets = len(header) + 8 * height, []
    for chunk in chunks:
        offsets.append(place)
        place += len(chunk)
    return header + struct.pack(f"<{height}Q", *offsets) + b"".join(chunks)


# ---- arrays


def test_an_archive_that_unpacks_to_gigabytes_is_refused_by_its_header(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("depth.npy", "w") as file:
        file.write(npy_header((60_000, 60_000)))
        for _ in range(8):
            file.write(bytes(1 << 20))
    assert path.stat().st_size < 100_000
    with pytest.raises(DepthError, match=r"an array of 60000x60000 float32, 14\.4 GB, more than 1\.1 GB"):
        read_depth(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (npy_header((1 << 20, 1 << 30)), "more than 1.1 GB"),
        (npy_header((10_000, 10_000)), "cut short: its array takes 400000000 bytes"),
        (npy_header((10, 10), "|O") + bytes(400), "not plain numbers"),
        (npy_header((10, 10), "<U5") + bytes(4000), "not plain numbers"),
        (b"\x93NUMPY\x07\x00" + bytes(80), "version 7.0"),
        (b"\x93NUMPY\x01\x00\x10\x00{'shape': (1, 2", "damaged"),
    ],
)
def test_headers_of_arrays_are_checked_before_anything_is_allocated(
    tmp_path: Path, content: bytes, message: str
) -> None:
    for name, read, error in (("a.npy", read_depth, DepthError), ("b.npy", read_normals, NormalError)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(error, match=message.replace(".", r"\.")):
            read(tmp_path / name)  # type: ignore[operator]


def test_arrays_in_column_order_come_back(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.asfortranarray(DEPTH))
    np.savez_compressed(tmp_path / "a.npz", depth=np.asfortranarray(DEPTH.astype(np.float64)))
    for name in ("a.npy", "a.npz"):
        np.testing.assert_array_equal(read_depth(tmp_path / name), DEPTH)


def test_an_archive_entry_that_is_cut_or_too_long(tmp_path: Path) -> None:
    for name, content, message in (
        ("cut", npy_header((30, 40)) + bytes(100), "cut short"),
        ("long", npy_header((30, 40)) + bytes(4 * 30 * 40 + 1), "holds more in depth.npy than its array"),
    ):
        with zipfile.ZipFile(tmp_path / f"{name}.npz", "w") as archive:
            archive.writestr("depth.npy", content)
        with pytest.raises(DepthError, match=message):
            read_depth(tmp_path / f"{name}.npz")


# ---- EXR


def test_whole_exr_passes_and_cut_or_damaged_ones_do_not(tmp_path: Path) -> None:
    path, whole = tmp_path / "a.exr", exr(DEPTH)
    path.write_bytes(whole)
    check_structure(path)
    for kept in (8, 100, 300, 600, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:kept])
        with pytest.raises(ExrError, match=r"cut short|damaged"):
            check_structure(path)
    data = bytearray(whole)
    data[-10] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(ExrError, match="compressed pixels"):
        check_structure(path)


def test_exr_without_chunks_as_a_killed_writer_leaves_it(tmp_path: Path) -> None:
    whole = exr(DEPTH)
    first = _first_chunk(whole) - 8 * 30
    path = tmp_path / "a.exr"
    path.write_bytes(whole[:first] + bytes(8 * 30) + whole[first + 8 * 30 :])
    with pytest.raises(ExrError, match="parts of its pixels are missing"):
        check_structure(path)


def _first_chunk(data: bytes) -> int:
    return data.index(b"screenWindowWidth") + len(b"screenWindowWidth\0float\0") + 4 + 4 + 1 + 8 * 30


@pytest.mark.parametrize(
    ("box", "message"), [((0, 0, 99_999, 99_999), "announces 100000x100000 pixels"), ((5, 5, 0, 0), "announces -4x-4")]
)
def test_exr_of_absurd_size(tmp_path: Path, box: tuple[int, ...], message: str) -> None:
    data = exr(DEPTH).replace(struct.pack("<4i", 0, 0, 39, 29), struct.pack("<4i", *box))
    (tmp_path / "a.exr").write_bytes(data)
    with pytest.raises(ExrError, match=message):
        check_structure(tmp_path / "a.exr")


def test_openexr_agrees_with_what_was_written_here(tmp_path: Path) -> None:
    pytest.importorskip("OpenEXR")
    (tmp_path / "a.exr").write_bytes(exr(DEPTH))
    write_depth(tmp_path / "b.exr", DEPTH)
    for name in ("a.exr", "b.exr"):
        np.testing.assert_array_equal(read_depth(tmp_path / name), DEPTH)
    data = (tmp_path / "b.exr").read_bytes()
    for kept in range(50, len(data), 97):
        (tmp_path / "c.exr").write_bytes(data[:kept])
        with pytest.raises(DepthError, match=r"cut short|damaged"):
            read_depth(tmp_path / "c.exr")


# ---- paths


@pytest.mark.parametrize("name", ["x" * 300 + ".png", "x" * 5000, "a\0.png", "gone/../../x.png"])
def test_paths_that_cannot_be_opened(tmp_path: Path, name: str) -> None:
    for read in (read_depth, read_normals, read_image):
        with pytest.raises(MetricDepthError, match=r"cannot be opened|no such file"):
            read(tmp_path / name)  # type: ignore[operator]
    assert image_cost(tmp_path / name) == 0


# ---- normals


def normal_png() -> bytes:
    codes = np.full((30, 40, 3), 128, np.uint8)
    codes[..., 0] = 0  # blue, green, red: z = -1
    return cv2.imencode(".png", codes)[1].tobytes()


def test_pngs_that_announce_gigabytes_or_are_damaged(tmp_path: Path) -> None:
    path, whole = tmp_path / "a.png", normal_png()
    path.write_bytes(whole)
    np.testing.assert_allclose(read_normals(path)[5, 5], (0, 0, -1), atol=0.01)
    huge = bytearray(whole)
    huge[16:24] = struct.pack(">II", 40_000, 40_000)
    huge[29:33] = struct.pack(">I", zlib.crc32(huge[12:29]))
    path.write_bytes(huge)
    with pytest.raises(NormalError, match="40000x40000 pixels, more than 67 megapixels"):
        read_normals(path)
    for kept in range(0, len(whole), 7):
        path.write_bytes(whole[:kept])
        with pytest.raises(NormalError, match="damaged or not a PNG"):
            read_normals(path)


def test_headers_are_parsed_by_one_thread_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In several threads CPython 3.11's parser of literals fails now and then, of a file that is whole."""
    np.save(tmp_path / "a.npy", DEPTH)
    read, inside, found = np.lib.format.read_array_header_1_0, [], []

    def slow(file):
        inside.append(file)
        time.sleep(0.02)
        found.append(len(inside))
        inside.remove(file)
        return read(file)

    monkeypatch.setattr(np.lib.format, "read_array_header_1_0", slow)
    threads = [threading.Thread(target=read_npy, args=(tmp_path / "a.npy",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [1, 1, 1, 1]
