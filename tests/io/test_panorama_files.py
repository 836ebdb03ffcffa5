"""Panoramas as files tell of them: XMP wherever it stands, resized spheres, sweeps, and unstitched fisheyes."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from mono.data.camera_source import CameraResolver
from mono.data.intrinsics import FocalError
from mono.geometry.camera import Camera
from mono.io.dual_fisheye import round_images
from mono.io.images import read_image
from tests.io.test_exif import PANORAMA, resolve

SPHERE = PANORAMA % b'<r GPano:ProjectionType="equirectangular"/>'
OTHER = b"<x xmlns:dc='http://purl.org/dc/elements/1.1/' dc:format='image/jpeg'/>"
Y, X = np.mgrid[:256, :512]
SCENE = np.stack([60 + X // 4, 60 + Y // 2, 200 - X // 4], -1).astype(np.uint8)


def exif_of(make: str, model: str, **tags: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = make, model
    for name, value in tags.items():
        exif.get_ifd(0x8769)[{"film": 0xA405, "rendered": 0xA401}[name]] = value
    return exif


def jpeg_of(*packets: bytes) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(SCENE).save(stream, "JPEG")
    segments = (b"\xff\xe1" + struct.pack(">H", len(packet) + 2) + packet for packet in packets)
    return stream.getvalue()[:2] + b"".join(segments) + stream.getvalue()[2:]


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("extended", [True, False])
def test_xmp_is_found_in_any_segment_of_a_jpeg(tmp_path: Path, first: bool, extended: bool) -> None:
    sphere = b"http://ns.adobe.com/xap/1.0/\0" + SPHERE
    if extended:
        sphere = b"http://ns.adobe.com/xmp/extension/\0" + b"A" * 32 + struct.pack(">II", len(SPHERE), 0) + SPHERE
    other = b"http://ns.adobe.com/xap/1.0/\0" + OTHER
    (tmp_path / "a.jpg").write_bytes(jpeg_of(*((sphere, other) if first else (other, sphere))))
    assert resolve(tmp_path / "a.jpg").camera == Camera.panorama(512, 256)


@pytest.mark.parametrize("kind", ["xmp", "APP1"])
@pytest.mark.parametrize("damaged", [False, True])
def test_xmp_is_found_in_the_raw_profiles_of_a_png(tmp_path: Path, kind: str, damaged: bool) -> None:
    digits = SPHERE.hex() if not damaged else "xyz" + SPHERE.hex()
    lines = "\n".join(digits[i : i + 72] for i in range(0, len(digits), 72))
    info = PngImagePlugin.PngInfo()
    info.add_text(f"Raw profile type {kind}", f"\n{kind.lower()}\n{len(SPHERE):8d}\n{lines}\n", zip=True)
    Image.fromarray(SCENE).save(tmp_path / "a.png", pnginfo=info)
    assert (resolve(tmp_path / "a.png").camera == Camera.panorama(512, 256)) != damaged


@pytest.mark.parametrize("size", [(1023, 512), (1000, 501), (500, 249)])
@pytest.mark.parametrize("film", [None, 7])
def test_spheres_of_known_cameras_may_be_resized(tmp_path: Path, size: tuple[int, int], film: int | None) -> None:
    exif = exif_of("RICOH", "RICOH THETA S", **({"film": film} if film else {}))
    Image.fromarray(SCENE).resize(size).save(tmp_path / "a.jpg", exif=exif)
    assert resolve(tmp_path / "a.jpg").camera == Camera.panorama(*size)


def test_a_resized_sphere_of_an_unknown_camera_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Image.fromarray(SCENE).resize((500, 251)).save(tmp_path / "a.jpg", exif=exif_of("Acme", "Phone", film=26))
    assert "a panorama or a crop" in resolve(tmp_path / "a.jpg").detail and "use --panorama" in caplog.text


@pytest.mark.parametrize("size", [(480, 300), (300, 480), (480, 120)])
@pytest.mark.parametrize("rendered", [6, 7])
def test_sweeps_of_any_shape_are_warned_of(
    tmp_path: Path, size: tuple[int, int], rendered: int, caplog: pytest.LogCaptureFixture
) -> None:
    exif = exif_of("Apple", "iPhone 12", film=26, rendered=rendered)
    Image.fromarray(SCENE).resize(size).save(tmp_path / "a.jpg", exif=exif)
    found = resolve(tmp_path / "a.jpg")
    assert found.source == "exif" and found.camera.model == "pinhole"
    assert ("a sweep panorama by its EXIF (CustomRendered)" in found.detail) == (rendered == 6)
    assert ("distances are doubtful; use a single photo" in caplog.text) == (rendered == 6)


def dual(radius: float) -> np.ndarray:
    return np.where(np.hypot(X % 256 - 127.5, Y - 127.5)[..., None] > radius, 3, SCENE).astype(np.uint8)


REFUSED = "two round images on black, .*a guess by the picture.; if so, stitch it first; .*--focal-px.*--panorama"


@pytest.mark.parametrize(
    ("name", "model", "film", "radii"),
    [
        ("a.jpg", "SM-C200", None, (100, 122, 128, 135)),
        ("a.jpg", "Insta360 ONE X2", 7, (100, 122, 128, 135)),
        ("a.insp", "Camera", 7, (100, 122, 128, 135)),
        ("a.jpg", "Phone", None, (122, 128, 131)),
    ],
)
def test_unstitched_fisheyes_are_refused_unless_a_camera_is_given(
    tmp_path: Path, name: str, model: str, film: int | None, radii: tuple[float, ...]
) -> None:
    for radius in radii:
        tags = {"film": film} if film else {}
        Image.fromarray(dual(radius)).save(tmp_path / name, "JPEG", exif=exif_of("Acme", model, **tags))
        with pytest.raises(FocalError, match=f"{name}: {REFUSED}"):
            resolve(tmp_path / name)
        assert CameraResolver(focal_px=300).resolve_for(None, read_image(tmp_path / name)).source == "given"


@pytest.mark.parametrize(
    ("radius", "film"), [(100, 24), (115, 24), (128, 24), (135, 24), (100, None), (115, None), (135, None)]
)
def test_two_plates_on_black_are_photos_with_a_warning(
    tmp_path: Path, radius: float, film: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    tags = {"film": film} if film else {}
    Image.fromarray(dual(radius)).save(tmp_path / "a.jpg", exif=exif_of("Apple", "iPhone 14 Pro", **tags))
    found = resolve(tmp_path / "a.jpg")
    assert found.source == ("exif" if film else "assumed")
    assert found.camera.focal == pytest.approx(24 / 36 * 512 if film else 256 / np.tan(np.radians(30)), rel=1e-3)
    assert "(a guess by the picture)" in found.detail and "a.jpg: two round images on black" in caplog.text


@pytest.mark.parametrize("radius", [80, 115, 128])
def test_circles_that_overlap_are_no_fisheyes(tmp_path: Path, radius: float) -> None:
    away = np.minimum(*(np.hypot(X - 255.5 + side * 0.75 * radius, Y - 127.5) for side in (-1, 1)))
    Image.fromarray(np.where(away[..., None] > radius, 3, SCENE).astype(np.uint8)).save(tmp_path / "a.png")
    assert "round images" not in resolve(tmp_path / "a.png").detail
    assert round_images(dual(radius)) == pytest.approx(radius / 128 if radius > 90 else 0, abs=0.02)


def test_black_parts_of_spheres_are_no_surround(tmp_path: Path) -> None:
    bands, caps, night = SCENE.copy(), SCENE.copy(), SCENE // 16
    bands[:70] = bands[-70:] = caps[-30:] = 0
    night[180:, 80:180] = night[180:, 330:430] = 200
    for image in (bands, caps, night, SCENE * 0, SCENE):
        Image.fromarray(image).save(tmp_path / "a.png", exif=exif_of("RICOH", "RICOH THETA S"))
        assert resolve(tmp_path / "a.png").camera == Camera.panorama(512, 256)
