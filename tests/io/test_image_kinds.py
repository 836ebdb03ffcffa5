"""Images that readers mistake: other formats by an image's name, raw files, odd bit depths, alpha and TIFF layouts."""

from __future__ import annotations

import logging
import struct
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mono.data.depth_header import stores_integers
from mono.data.image_header import read_image_header
from mono.io.depth import DepthError, read_depth
from mono.io.images import ImageError, image_cost, read_image, to_rgb

Y, X = np.mgrid[:48, :64]
SCENE = 40 + 100 * (X > 32) + 60 * (Y > 24) + 20 * np.sin(X / 9) * np.sin(Y / 7)
RGB = np.stack([X * 255 // 64, Y * 255 // 48, (X + Y) * 255 // 112], -1)


def tiff(pixels: np.ndarray, order: str = "<", extra: dict[int, int] | None = None, deflate: bool = False) -> bytes:
    """A TIFF of one strip a plane: (H, W), (H, W, C) together, or a list of planes (C, H, W) with tag 284 = 2."""
    extra = extra or {}
    planar = extra.get(284, 1) == 2
    channels = 1 if pixels.ndim == 2 else pixels.shape[0] if planar else pixels.shape[2]
    height, width = pixels.shape[1:] if planar else pixels.shape[:2]
    stored = pixels.astype(pixels.dtype.newbyteorder(order))
    strips = [plane.tobytes() for plane in (stored if planar else [stored])]
    strips = [zlib.compress(strip) for strip in strips] if deflate else strips
    kind = {"u": 1, "i": 2, "f": 3}[pixels.dtype.kind]
    tags = {256: [width], 257: [height], 258: [8 * pixels.dtype.itemsize] * channels, 259: [8 if deflate else 1]}
    tags |= {262: [2 if channels > 1 else 1], 277: [channels], 278: [height], 339: [kind] * channels}
    start = 8 + sum(map(len, strips))
    tags[273] = [8 + sum(map(len, strips[:i])) for i in range(len(strips))]
    tags[279] = [len(strip) for strip in strips]
    tags |= {tag: [value] for tag, value in extra.items()}
    entries, beyond, place = b"", b"", start + 2 + 12 * len(tags) + 4
    for tag, values in sorted(tags.items()):
        data = struct.pack(f"{order}{len(values)}I", *values)
        field = data if len(data) == 4 else struct.pack(order + "I", place + len(beyond))
        beyond += data if len(data) > 4 else b""
        entries += struct.pack(order + "HHI", tag, 4, len(values)) + field
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", start)
    return head + b"".join(strips) + struct.pack(order + "H", len(tags)) + entries + bytes(4) + beyond


def png16(values: np.ndarray, key: tuple[int, ...] = ()) -> bytes:
    """A 16-bit PNG, gray, RGB or RGBA; `key` is its transparent color."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    kind = 0 if values.ndim == 2 else {2: 4, 3: 2, 4: 6}[values.shape[2]]
    head = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, kind, 0, 0, 0)
    keys = [(b"tRNS", struct.pack(">3H", *key))] if key else []
    chunks = [(b"IHDR", head), *keys, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    body = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


# ---- other formats


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 48\n%%EndComments\n{} loop\n", "a PostScript document"),
        (b"\xc5\xd0\xd3\xc6" + struct.pack("<6I", 32, 50, 0, 0, 0, 0) + b"\xff\xff%!PS", "PostScript document (EPS)"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"8BPS\0\1" + bytes(40), "a Photoshop document"),
        (b"\xd7\xcd\xc6\x9a" + bytes(60), "a Windows metafile"),
        (b"SIMPLE  =                    T" + b" " * 100, "not an image|text file"),
        (b"/* XPM */\nstatic char * a[] = {\n", "text file"),
    ],
)
@pytest.mark.parametrize("name", ["photo.jpg", "depth.png", "photo.eps"])
def test_other_formats_are_refused_by_content_and_start_no_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, kind: str, name: str
) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise AssertionError("a program was started")

    for function in ("Popen", "run", "check_call", "check_output"):
        monkeypatch.setattr(subprocess, function, refuse)
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ImageError, match=kind.replace("(", r"\(").replace(")", r"\)")):
        read_image(path)
    if name == "depth.png":
        with pytest.raises(DepthError, match="not a PNG or TIFF"):
            read_depth(path, 1000)


@pytest.mark.parametrize("kind", ["PPM", "JPEG2000", "AVIF", "MPO", "GIF", "BMP"])
def test_meant_formats_are_read(tmp_path: Path, kind: str) -> None:
    if kind not in Image.registered_extensions().values() and kind != "MPO":
        pytest.skip(f"this Pillow has no {kind}")
    Image.fromarray(SCENE.astype(np.uint8)).convert("RGB").save(tmp_path / "a", kind)
    rgb = read_image(tmp_path / "a").rgb
    assert rgb.shape == (48, 64, 3) and np.abs(rgb[..., 0] - SCENE).mean() < 3
    assert image_cost(tmp_path / "a") == 7 * 48 * 64


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (tiff(RGB.astype(np.uint8), extra={50706: 0x0104, 254: 1}), "a.dng"),
        (tiff(RGB.astype(np.uint8), extra={50706: 0x0104, 254: 1}), "renamed.tif"),
        (tiff(RGB[..., 0].astype(np.uint16), ">", extra={262: 32803}), "a.nef"),
        (b"II*\0\x10\0\0\0CR\x02\0" + bytes(100), "a.cr2"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(100), "a.cr3"),
        (b"FUJIFILMCCD-RAW 0201FF" + bytes(100), "a.raf"),
    ],
)
def test_raw_files_are_refused_whose_thumbnail_would_be_read(tmp_path: Path, content: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ImageError, match="raw sensor data"):
        read_image(tmp_path / name)


def test_sensor_data_in_a_nested_directory_is_found(tmp_path: Path) -> None:
    thumbnail = tiff(RGB.astype(np.uint8), extra={254: 1, 330: 0xFFFFFFFF})
    place = len(thumbnail)
    nested = struct.pack("<HHHII", 1, 262, 4, 1, 32803) + bytes(4)
    (tmp_path / "a.nef").write_bytes(thumbnail.replace(b"\xff\xff\xff\xff", struct.pack("<I", place)) + nested)
    with pytest.raises(ImageError, match="raw sensor data"):
        read_image(tmp_path / "a.nef")


# ---- size


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_large_images_are_read_reduced_and_keep_their_full_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    monkeypatch.setattr("mono.io.images.FULL_SIZE_PIXELS", 48 * 64 // 4)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(SCENE.astype(np.uint8)).convert("RGB").save(tmp_path / "a", kind, exif=exif)
    cost = image_cost(tmp_path / "a")
    photo = read_image(tmp_path / "a")
    assert photo.rgb.shape == (32, 24, 3) and photo.full_size == (48, 64)
    expected = SCENE.reshape(24, 2, 32, 2).mean((1, 3))
    assert np.abs(np.rot90(photo.rgb[..., 0], 1).astype(float) - expected).mean() < 3
    assert "has 48x64 pixels; it is read at 1/2 of that, 24x32, and results are not larger" in caplog.text
    assert cost == (7 * 48 * 64 // 4 if kind == "JPEG" else 48 * 64 * 4 + 48 * 64 * 3 // 4)


def test_photos_of_200_megapixels_are_read(tmp_path: Path) -> None:
    # Flat color: 200 megapixels in a file of a few megabytes.
    Image.new("L", (16320, 12240), 90).save(tmp_path / "phone.jpg", quality=10)
    photo = read_image(tmp_path / "phone.jpg")
    assert photo.rgb.shape == (3060, 4080, 3) and photo.full_size == (16320, 12240)
    assert abs(int(photo.rgb[1500, 2000, 1]) - 90) <= 2


def test_broken_metadata_are_a_note_of_the_image_and_no_warning_of_a_parser(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    exif = b"Exif\0\0II*\0" + struct.pack("<IHHHII", 8, 9, 0x010F, 2, 500, 900)  # entries beyond the end
    Image.new("RGB", (64, 48)).save(tmp_path / "a.jpg", exif=exif)
    assert read_image(tmp_path / "a.jpg").exif is None
    assert "a.jpg: its metadata are damaged" in caplog.text and not recwarn.list


def test_sizes_beyond_all_bounds_cost_nothing_and_are_refused(tmp_path: Path) -> None:
    Image.new("RGB", (16, 16)).save(tmp_path / "a.bmp")
    content = bytearray((tmp_path / "a.bmp").read_bytes())
    content[18:26] = struct.pack("<ii", 2**31 - 1, 2**31 - 1)
    (tmp_path / "a.bmp").write_bytes(content)
    image_cost(tmp_path / "a.bmp")
    with pytest.raises(ImageError, match="more than the 268 megapixels"):
        read_image(tmp_path / "a.bmp")


def test_headers_that_announce_too_much_are_refused_before_anything_is_allocated(tmp_path: Path) -> None:
    bomb = bytearray(png16(np.zeros((48, 64), np.uint16)))
    bomb[16:24] = struct.pack(">II", 60_000, 60_000)
    bomb[29:33] = struct.pack(">I", zlib.crc32(bomb[12:29]))
    (tmp_path / "a.png").write_bytes(bomb)
    with pytest.raises(ImageError, match=r"60000x60000 pixels, more than the 268 megapixels"):
        read_image(tmp_path / "a.png")
    with pytest.raises(DepthError, match="60000x60000"):
        read_depth(tmp_path / "a.png", 1000)
    webp = b"RIFF\x64\0\0\0WEBPVP8X\x0a\0\0\0" + bytes(4) + b"\xff\x3f\0\xff\x3f\0" + bytes(60)
    (tmp_path / "a.webp").write_bytes(webp)
    with pytest.raises(ImageError, match="WebP of 268 megapixels"):
        read_image(tmp_path / "a.webp")


def test_the_cost_of_an_image_whose_header_exhausts_memory_is_left_to_the_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhaust(*args: object) -> None:
        raise MemoryError

    monkeypatch.setattr("mono.io.images.open_image", exhaust)
    (tmp_path / "a.png").write_bytes(png16(np.zeros((48, 64), np.uint16)))
    assert image_cost(tmp_path / "a.png") == 0
    with pytest.raises(ImageError, match="too large for the memory"):
        read_image(tmp_path / "a.png")


# ---- bits, alpha


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("kind", ["gray.png", "gray.tif", "rgb.png", "rgb.tif"])
def test_sensors_of_fewer_bits_than_16(tmp_path: Path, bits: int, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    values = (SCENE / SCENE.max() * (2**bits - 1)).astype(np.uint16)
    values = values if kind.startswith("gray") else np.stack([values] * 3, -1)
    (tmp_path / kind).write_bytes(png16(values) if kind.endswith("png") else tiff(values))
    rgb = read_image(tmp_path / kind).rgb
    assert np.abs(rgb[..., 0] - SCENE / SCENE.max() * 255).max() <= 1.5
    assert (f"taken as {bits}-bit" in caplog.text) == (bits < 16)


@pytest.mark.parametrize("alpha", [0 * X, 0 * X + 8, X * 40 // 64])
def test_an_alpha_channel_that_is_no_opacity_is_ignored(
    tmp_path: Path, alpha: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    Image.fromarray(np.dstack([RGB, alpha]).astype(np.uint8)).save(tmp_path / "a.png")
    with caplog.at_level(logging.WARNING):
        np.testing.assert_array_equal(read_image(tmp_path / "a.png").rgb, RGB)
    assert "alpha is ignored" in caplog.text


def test_cut_outs_lie_over_white_and_nearly_empty_ones_are_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    alpha = np.where((X < 20) & (Y < 20), 255, 0)
    for name, opaque in (("cut_out", alpha), ("speck", np.where((X < 4) & (Y < 4), 255, 0))):
        Image.fromarray(np.dstack([RGB, opaque]).astype(np.uint8)).save(tmp_path / f"{name}.png")
        rgb = read_image(tmp_path / f"{name}.png").rgb
        assert (rgb[30:, 30:] == 255).all() and (rgb[:4, :4] == RGB[:4, :4]).all()
    assert "speck.png: only 0.52 % of its pixels are opaque" in caplog.text
    assert "cut_out.png" not in caplog.text


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("labels", [0 * X, 1 + X // 32, X * 39 // 63])
def test_premultiplied_alpha_that_is_no_opacity_leaves_the_colors(
    tmp_path: Path, labels: np.ndarray, order: str, bits: int, caplog: pytest.LogCaptureFixture
) -> None:
    pixels = np.dstack([RGB, labels]) * (257 if bits == 16 else 1)
    for channels, extra in ((4, {338: 1}), (2, {338: 1, 262: 1})):
        stored = pixels[..., -channels:].astype(f"u{bits // 8}")
        if channels == 2 and bits == 16:
            continue  # refused
        (tmp_path / "a.tif").write_bytes(tiff(stored, order, extra))
        np.testing.assert_array_equal(read_image(tmp_path / "a.tif").rgb[..., 2], RGB[..., 2])
    assert "alpha is ignored" in caplog.text


@pytest.mark.parametrize("bits", [8, 16])
def test_premultiplied_colors_lie_over_white(tmp_path: Path, bits: int) -> None:
    alpha = np.where(X < 20, 255, np.where(X < 40, 128, 0))
    stored = np.dstack([RGB * alpha[..., None] // 255, alpha]) * (257 if bits == 16 else 1)
    (tmp_path / "a.tif").write_bytes(tiff(stored.astype(f"u{bits // 8}"), extra={338: 1}))
    expected = RGB * alpha[..., None] / 255 + 255 - alpha[..., None]
    np.testing.assert_allclose(read_image(tmp_path / "a.tif").rgb, expected, atol=2)


def test_premultiplied_pillow_images_are_judged_alike() -> None:
    for alpha, expected in ((0 * X, RGB), (0 * X + 3, RGB), (0 * X + 255, RGB)):
        pixels = np.dstack([RGB, alpha]).astype(np.uint8)
        np.testing.assert_array_equal(to_rgb(Image.frombytes("RGBa", (64, 48), pixels.tobytes())), expected)


@pytest.mark.parametrize("hidden", [0, 4095, 65535])
@pytest.mark.parametrize("kind", ["rgba.png", "la.png", "rgba.tif", "turned.tif"])
def test_dark_cut_outs_lie_over_white(tmp_path: Path, kind: str, hidden: int, caplog: pytest.LogCaptureFixture) -> None:
    visible = (X + Y) % 50 < 30
    values = np.where(visible[..., None], RGB * 4095 // 255, hidden)
    values = values[..., :1] if kind == "la.png" else values
    stored = np.dstack([values, visible * 65535]).astype(np.uint16)
    extra = {338: 2, **({274: 6} if kind == "turned.tif" else {})}
    (tmp_path / kind).write_bytes(png16(stored) if kind.endswith("png") else tiff(stored, extra=extra))
    expected = np.where(visible[..., None], RGB[..., :1] if kind == "la.png" else RGB, 255)
    expected = np.rot90(expected, -1) if kind == "turned.tif" else expected
    found = read_image(tmp_path / kind).rgb
    np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), atol=1)
    assert "taken as 12-bit and brightened" in caplog.text


def test_a_transparent_color_of_a_dark_photo_is_white(tmp_path: Path) -> None:
    values = (RGB * 4095 // 255).astype(np.uint16)
    values[:10] = (7, 8, 9)
    (tmp_path / "a.png").write_bytes(png16(values, key=(7, 8, 9)))
    found = read_image(tmp_path / "a.png").rgb
    assert (found[:10] == 255).all()
    np.testing.assert_allclose(found[10:], RGB[10:], atol=1)


# ---- TIFF


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("deflate", [False, True])
def test_tiffs_that_pillow_misreads(tmp_path: Path, order: str, deflate: bool) -> None:
    planes = (RGB * 257).astype(np.uint16).transpose(2, 0, 1)
    (tmp_path / "planar.tif").write_bytes(tiff(planes, order, {284: 2}, deflate))
    (tmp_path / "float.tif").write_bytes(tiff((RGB / 255).astype(np.float32), order, None, deflate))
    for name in ("planar", "float"):
        np.testing.assert_array_equal(read_image(tmp_path / f"{name}.tif").rgb, RGB)
    for kind in (np.float16, np.float64, np.float32):
        depth = np.full((48, 64), 2.0)
        depth[:10] = 0
        (tmp_path / "depth.tif").write_bytes(tiff(depth.astype(kind), order, None, deflate))
        np.testing.assert_array_equal(read_depth(tmp_path / "depth.tif"), depth)
        with pytest.raises(DepthError, match=r"cut short|damaged"):
            (tmp_path / "cut.tif").write_bytes(tiff(depth.astype(kind), order, {256: 640}))
            read_depth(tmp_path / "cut.tif")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("kind", ["planar", "float", "half"])
def test_tiffs_that_pillow_misreads_keep_their_camera(tmp_path: Path, kind: str, orientation: int, order: str) -> None:
    values = {
        "planar": (RGB * 257).astype(np.uint16).transpose(2, 0, 1),
        "float": (RGB / 255).astype(np.float32),
        "half": (RGB[..., 0] / 255).astype(np.float16),
    }[kind]
    extra = {274: orientation, **({284: 2} if kind == "planar" else {})}
    place = len(tiff(values, order, extra | {34665: 0}))
    content = tiff(values, order, extra | {34665: place})
    content += struct.pack(f"{order}HHHIHHI", 1, 0xA405, 3, 1, 26, 0, 0)  # the 35-mm equivalent is 26 mm
    (tmp_path / "a.tif").write_bytes(content)
    photo = read_image(tmp_path / "a.tif")
    assert photo.exif is not None and (photo.exif.focal_35mm, photo.exif.orientation) == (26, orientation)
    assert photo.rgb.shape[:2] == ((64, 48) if orientation == 6 else (48, 64))


def test_tiffs_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(tiff(np.ones((48, 64)), extra={259: 5}))
    for read, error in ((read_image, ImageError), (read_depth, DepthError)):
        with pytest.raises(error, match=r"is a TIFF of 64-bit floats in 1 channel, tiled or compressed"):
            read(tmp_path / "a.tif")
    (tmp_path / "b.tif").write_bytes(tiff(np.ones((48, 64)), extra={256: 1 << 20, 257: 1 << 20}))
    with pytest.raises(ImageError, match="too large"):
        read_image(tmp_path / "b.tif")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_tiffs_are_upright_whoever_reads_them(tmp_path: Path, orientation: int) -> None:
    exact = (RGB[..., 0] / 255).astype(np.float32)
    for kind in (np.float16, np.float32):  # the second is Pillow's
        (tmp_path / "a.tif").write_bytes(tiff(exact.astype(kind), extra={274: orientation}))
        found = read_depth(tmp_path / "a.tif")
        if kind == np.float16:
            upright = found
        np.testing.assert_allclose(found, upright, atol=1e-3)
        assert read_image_header(tmp_path / "a.tif").size == found.shape[::-1]
    (tmp_path / "b.tif").write_bytes(tiff((RGB / 255).astype(np.float32), extra={274: orientation}))
    np.testing.assert_allclose(read_image(tmp_path / "b.tif").rgb[..., 0] / 255, upright, atol=1e-3)


@pytest.mark.parametrize("kind", ["<u4", ">u4", "<i4", "<u8", ">u8", "<i8"])
def test_whole_numbers_of_more_bits(tmp_path: Path, kind: str) -> None:
    stored = np.full((48, 64), 2000)
    stored[:10] = 0
    (tmp_path / "a.tif").write_bytes(tiff(stored.astype(kind[1:]), kind[0]))
    np.testing.assert_array_equal(read_depth(tmp_path / "a.tif", 1000), stored / 1000)
    assert stores_integers(tmp_path / "a.tif")
    with pytest.raises(DepthError, match="unknown unit"):
        read_depth(tmp_path / "a.tif")


@pytest.mark.parametrize("channels", [2, 5, 10])
def test_channels_that_are_no_colors_are_named(tmp_path: Path, channels: int) -> None:
    (tmp_path / "a.tif").write_bytes(tiff(np.ones((48, 64, channels), np.uint16)))
    with pytest.raises(ImageError, match=rf"is a TIFF of 16-bit numbers in {channels} channels, which cannot be read"):
        read_image(tmp_path / "a.tif")


def test_white_as_zero_is_inverted(tmp_path: Path) -> None:
    gray = RGB[..., 0].astype(np.uint16) * 257
    (tmp_path / "a.tif").write_bytes(tiff(65535 - gray, extra={262: 0}))
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").rgb[..., 0], RGB[..., 0])


def test_a_hot_pixel_does_not_darken_the_rest(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    values = RGB[..., 0].astype(np.uint16) * 16
    values[3, 5] = 65535
    (tmp_path / "a.tif").write_bytes(tiff(values))
    found = read_image(tmp_path / "a.tif").rgb[..., 0]
    assert (
        np.abs(found.astype(int) - RGB[..., 0]).max() <= 255 - RGB[3, 5, 0] and found.mean() > 0.9 * RGB[..., 0].mean()
    )
    assert "taken as 12-bit and brightened" in caplog.text


def test_floats_of_any_range(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for largest in (1.02, 255.0, 1020.0, 4080.0, 65535.0):
        (tmp_path / "a.tif").write_bytes(tiff((RGB / RGB.max() * largest).astype(np.float32)))
        assert read_image(tmp_path / "a.tif").rgb.mean() == pytest.approx(255 / RGB.max() * RGB.mean(), rel=0.03)
    assert "its floats reach 1.02; what is beyond 1 is white" in caplog.text
    assert "reach only 1020 of 65535: they are taken as 10-bit" in caplog.text


def test_alpha_that_is_mostly_half_transparent_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    alpha = np.linspace(60, 200, 48 * 64).reshape(48, 64).astype(np.uint8)
    alpha[:5] = 255
    Image.fromarray(np.dstack([RGB, alpha]).astype(np.uint8)).save(tmp_path / "depth_in_alpha.png")
    read_image(tmp_path / "depth_in_alpha.png")
    assert "90 % of its pixels are half transparent" in caplog.text
