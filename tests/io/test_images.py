"""Reading photographs: every mode and format comes out right, and every bad file says what it is."""

from __future__ import annotations

import io
import logging
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms, PngImagePlugin

from mono.io.exif import ExifCamera, read_exif_camera
from mono.io.images import ImageError, read_image, to_rgb

RAMP = np.arange(12 * 16, dtype=np.uint8).reshape(12, 16)
COLORS = np.stack([RAMP, RAMP[::-1], 255 - RAMP], -1)
DEMO = Path(__file__).parents[2] / "data" / "wild_demo"


def exif_of(orientation: int = 1, **tags: object) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    sub = exif.get_ifd(ExifTags.IFD.Exif)
    for name, value in tags.items():
        sub[ExifTags.Base[name]] = value
    return exif


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "webp", "gif"])
def test_lossless_formats(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(COLORS).save(path, **({"lossless": True} if suffix == "webp" else {}))
    rgb = read_image(path).rgb
    assert rgb.dtype == np.uint8 and rgb.flags.c_contiguous and rgb.flags.writeable
    np.testing.assert_array_equal(rgb, COLORS)


def test_jpeg_and_wrong_suffix(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (16, 8), (200, 100, 50)).save(path, "JPEG", quality=95)
    rgb = read_image(path).rgb
    assert rgb.shape == (8, 16, 3)
    assert np.abs(rgb.astype(int) - (200, 100, 50)).max() <= 3


def test_gray_and_palette_and_bitmap() -> None:
    np.testing.assert_array_equal(to_rgb(Image.fromarray(RAMP)), np.stack([RAMP] * 3, -1))
    flat = Image.new("RGB", (9, 8), (10, 20, 30))
    np.testing.assert_array_equal(to_rgb(flat.convert("P", palette=Image.Palette.ADAPTIVE)), np.asarray(flat))
    bitmap = to_rgb(Image.fromarray(RAMP > 90))
    np.testing.assert_array_equal(bitmap[..., 0], np.where(RAMP > 90, 255, 0))


def test_transparency_lies_over_white() -> None:
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[..., 0] = 200
    pixels[:4, :, 3] = 255
    pixels[4:6, :, 3] = 128
    rgb = to_rgb(Image.fromarray(pixels))
    assert rgb[0, 0].tolist() == [200, 0, 0]
    assert np.abs(rgb[5, 0].astype(int) - (227, 127, 127)).max() <= 1
    assert rgb[7, 0].tolist() == [255, 255, 255]
    alpha = Image.new("L", (8, 8), 0)
    alpha.putpixel((0, 0), 255)
    gray = to_rgb(Image.merge("LA", (Image.new("L", (8, 8), 60), alpha)))
    assert (gray[0, 0] == 60).all() and (gray[1:] == 255).all()


def test_transparent_palette(tmp_path: Path) -> None:
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 0, 40, 50, 60])
    image.putpixel((0, 0), 0)
    image.save(tmp_path / "a.png", transparency=0)
    rgb = read_image(tmp_path / "a.png").rgb
    assert rgb[0, 0].tolist() == [255, 255, 255]
    assert rgb[5, 5].tolist() == [40, 50, 60]


def test_cmyk(tmp_path: Path) -> None:
    cmyk = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    cmyk.save(tmp_path / "a.jpg", quality=95)
    red = read_image(tmp_path / "a.jpg").rgb[8, 8].astype(int)
    assert red[0] >= 250 and red[1] <= 5 and red[2] <= 5


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_gray(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(RAMP.astype(np.uint16) * 257).save(path)
    np.testing.assert_array_equal(read_image(path).rgb[..., 1], RAMP)
    # Fewer bits than 16 are taken as such.
    Image.fromarray(RAMP.astype(np.uint16)).save(path)
    np.testing.assert_array_equal(read_image(path).rgb[..., 1], RAMP)


def test_16_bit_color(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    for name in ("a.png", "a.tif"):
        cv2.imwrite(str(tmp_path / name), COLORS[..., ::-1].astype(np.uint16) * 257)
        np.testing.assert_array_equal(read_image(tmp_path / name).rgb, COLORS)


def test_32_bit_and_float() -> None:
    assert to_rgb(Image.fromarray(RAMP.astype(np.float32) / 255))[11, 15, 0] == 191
    assert to_rgb(Image.fromarray(RAMP.astype(np.float32)))[11, 15, 0] == 191
    assert to_rgb(Image.fromarray(RAMP.astype(np.float32) * 257))[11, 15, 0] == 191
    assert to_rgb(Image.fromarray(RAMP.astype(np.int32) * 257))[11, 15, 0] == 191
    for scale in (1 / 255, 1):  # one highlight does not set the scale, and nor do a few
        for highlight in (300, 5000, 1e6):
            bright = np.tile(RAMP, (8, 8)).astype(np.float32) * np.float32(scale)
            bright[0, :3] = highlight
            assert to_rgb(Image.fromarray(bright))[11, 15, 0] == 191
    broken = np.full((8, 8), np.nan, np.float32)
    broken[0] = 1
    assert to_rgb(Image.fromarray(broken))[:, 0, 0].tolist() == [255] + [0] * 7


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(tmp_path: Path, orientation: int) -> None:
    # How each orientation stores the upright picture, by the standard's "row 0 is ..., column 0 is ...".
    stored = {
        1: COLORS,
        2: COLORS[:, ::-1],
        3: COLORS[::-1, ::-1],
        4: COLORS[::-1],
        5: COLORS.swapaxes(0, 1),
        6: np.rot90(COLORS, 1),
        7: np.rot90(COLORS.swapaxes(0, 1), 2),
        8: np.rot90(COLORS, -1),
    }[orientation]
    path = tmp_path / "a.png"
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif_of(orientation))
    np.testing.assert_array_equal(read_image(path).rgb, COLORS)


def test_embedded_profile_is_converted(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    red = Image.new("RGB", (8, 8), (255, 0, 0))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    red.save(path, icc_profile=srgb)
    assert read_image(path).rgb[0, 0].tolist() == [255, 0, 0]
    # A profile of another name whose red and green primaries are exchanged.
    r, g = srgb.index(b"rXYZ"), srgb.index(b"gXYZ")
    swapped = bytearray(srgb.replace("sRGB".encode("utf-16-be"), "test".encode("utf-16-be")))
    swapped[r : r + 4], swapped[g : g + 4] = b"gXYZ", b"rXYZ"
    red.save(path, icc_profile=bytes(swapped))
    assert np.abs(read_image(path).rgb[0, 0].astype(int) - (0, 255, 0)).max() <= 2
    red.save(path, icc_profile=b"not a profile" * 20)
    assert read_image(path).rgb[0, 0].tolist() == [255, 0, 0]


# ---- EXIF


def test_exif_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    exif = exif_of(
        6,
        FocalLength=4.25,
        FocalLengthIn35mmFilm=26,
        FocalPlaneXResolution=5080.0,
        FocalPlaneYResolution=2540.0,
        FocalPlaneResolutionUnit=2,
        ExifImageWidth=4000,
        ExifImageHeight=3000,
    )
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = "Maker", "Model 1\0"
    Image.new("RGB", (40, 30)).save(path, exif=exif)
    photo = read_image(path)
    assert photo.rgb.shape == (40, 30, 3)
    # Turned by 90 degrees: x and y change places.
    assert photo.exif == ExifCamera(26, 4.25, 100, 200, 3000, 4000, "Maker Model 1", orientation=6)


@pytest.mark.parametrize(("unit", "per_mm"), [(2, 100), (3, 254), (4, 2540), (5, 2540000), (1, None), (99, None)])
def test_exif_units(unit: int, per_mm: float | None) -> None:
    image = Image.new("RGB", (8, 8))
    image.getexif().update(exif_of())
    sub = image.getexif().get_ifd(ExifTags.IFD.Exif)
    sub |= {ExifTags.Base.FocalLength: 5.0, ExifTags.Base.FocalPlaneXResolution: 2540.0}
    sub[ExifTags.Base.FocalPlaneResolutionUnit] = unit
    camera = read_exif_camera(image)
    assert camera is not None
    assert camera.plane_x == (None if per_mm is None else pytest.approx(per_mm))


def test_broken_exif_is_no_exif(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.new("RGB", (16, 16)).save(path, exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert read_image(path).exif is None
    Image.new("RGB", (16, 16)).save(path, exif=exif_of(77, FocalLengthIn35mmFilm=26))
    photo = read_image(path)
    assert photo.exif is not None and photo.exif.focal_35mm == 26
    assert photo.rgb.shape == (16, 16, 3)


def test_no_exif() -> None:
    assert read_exif_camera(Image.new("RGB", (8, 8))) is None


def test_demo_photo_knows_its_camera() -> None:
    exif = read_image(DEMO / "leuven.jpg").exif
    lens = "iPhone 6 back camera 4.15mm f/2.2"
    assert exif == ExifCamera(29, 4.15, None, None, 3264, 2448, "Apple iPhone 6", lens=lens)


# ---- bad files


def encoded(kind: str = "PNG", size: tuple[int, int] = (64, 48), **options: object) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty (0 bytes)"),
        (b"Hello, this is a note.\n", "text file"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (bytes(500), "only zeros"),
        (b"\x93NUMPY\x01\x00" + bytes(range(256)), "a NumPy array, which is not read as an image"),
        (encoded(size=(1, 1)), "1x1 pixels"),
        (encoded(size=(4000, 7)), "4000x7 pixels"),
        (b"\x89PNG\r\n\x1a\n" + b"garbage" * 9, "damaged"),
    ],
)
def test_bad_content(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(ImageError) as caught:
        read_image(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kept", [0.02, 0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize(
    ("kind", "options"),
    [("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {}), ("WEBP", {}), ("TIFF", {}), ("BMP", {}), ("GIF", {})],
)
def test_truncated(tmp_path: Path, kind: str, options: dict, kept: float) -> None:
    content = encoded(kind, **options)
    path = tmp_path / "photo"
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(ImageError, match=r"cut short|damaged"):
        read_image(path)


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no such file"):
        read_image(tmp_path / "gone.jpg")
    with pytest.raises(ImageError, match="is a folder"):
        read_image(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ImageError, match="not a regular file"):
        read_image(tmp_path / "pipe")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded())
    path.chmod(0)
    with pytest.raises(ImageError, match="permission denied"):
        read_image(path)


def test_extreme_aspect_is_fine(tmp_path: Path) -> None:
    Image.new("RGB", (20000, 20)).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").rgb.shape == (20, 20000, 3)


def test_too_many_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mono.io.images.MAX_PIXELS", 3000)
    (tmp_path / "a.png").write_bytes(encoded())
    with pytest.raises(ImageError, match=r"64x48 pixels, more than the .* megapixels .* make it smaller"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tif"])
def test_first_frame_of_an_animation(tmp_path: Path, suffix: str, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / f"a.{suffix}"
    frames = [Image.new("RGB", (16, 16), color) for color in ("red", "blue", "lime")]
    frames[0].save(path, save_all=True, append_images=frames[1:], **({"lossless": True} if suffix == "webp" else {}))
    with caplog.at_level(logging.WARNING):
        rgb = read_image(path).rgb
    assert rgb[8, 8].tolist() == [255, 0, 0]
    assert "3 frames or pages; the first is used" in caplog.text


def test_heic_without_its_plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    path = tmp_path / "a.heic"
    path.write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    with pytest.raises(ImageError, match="pip install pillow-heif"):
        read_image(path)


def test_text_in_png_does_not_disturb(tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "x" * 100)
    Image.fromarray(COLORS).save(tmp_path / "a.png", pnginfo=info)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").rgb, COLORS)
