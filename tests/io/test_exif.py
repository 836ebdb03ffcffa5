"""Focal lengths by EXIF data of real cameras, written into small files with their true sensors."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.TiffImagePlugin import IFDRational, ImageFileDirectory_v2

from mono.data.camera_source import CameraResolver, FocalError, ResolvedCamera
from mono.data.sample import Sample
from mono.geometry.camera import Camera
from mono.io.exif import ExifCamera
from mono.io.images import read_image
from mono.io.sensors import _sensors
from mono.system.errors import MetricDepthError

SHRINK = 16  # files are this much smaller than the photos they stand for, so that the tests are fast


def save(
    path: Path, size: tuple[int, int], make="", model="", software="", lens="", xmp=b"", orientation=1, **tags
) -> Path:
    """Write a photo with EXIF data: mm, film, plane [px/mm], zoom, captured (width, height)."""
    exif = Image.Exif()
    for tag, value in ((0x010F, make), (0x0110, model), (0x0131, software), (0x0112, orientation)):
        if value:
            exif[tag] = value
    ifd = exif.get_ifd(0x8769)
    if lens:
        ifd[0xA434] = lens
    if "mm" in tags:
        ifd[0x920A] = IFDRational(round(tags["mm"] * 10000), 10000)
    if "film" in tags:
        ifd[0xA405] = tags["film"]
    if "plane" in tags:
        ifd[0xA20E] = ifd[0xA20F] = IFDRational(round(tags["plane"] * 25400), 1000)
        ifd[0xA210] = 2
    if "zoom" in tags:
        ifd[0xA404] = IFDRational(round(tags["zoom"] * 100), 100)
    if "captured" in tags:
        ifd[0xA002], ifd[0xA003] = tags["captured"]
    Image.fromarray(np.zeros((size[1], size[0], 3), np.uint8)).save(path, exif=exif, **({"xmp": xmp} if xmp else {}))
    return path


def resolve(path: Path) -> ResolvedCamera:
    return CameraResolver().resolve_for(Sample("a", path, str(path)), read_image(path))


# make, model, full size, EXIF (mm, film, plane), width of the sensor [mm]; the focal length is mm / width * pixels
PHOTOS = [
    ("Canon", "Canon EOS 5D Mark III", (5760, 3840), {"mm": 35, "plane": 160.0}, 36.0),
    ("Canon", "Canon EOS 450D", (4272, 2848), {"mm": 55, "plane": 192.4}, 22.2),
    ("Canon", "Canon EOS REBEL T1i", (4752, 3168), {"mm": 18}, 22.3),
    ("Canon", "Canon EOS D60", (3072, 2048), {"mm": 28, "plane": 135.6}, 22.7),
    ("Canon", "Canon PowerShot G9", (4000, 3000), {"mm": 7.4, "plane": 541.2}, 7.44),
    ("Canon", "Canon PowerShot G7 X", (5472, 3648), {"mm": 8.8}, 13.2),
    ("NIKON CORPORATION", "NIKON D90", (4288, 2848), {"mm": 18, "film": 27}, 23.6),
    ("NIKON CORPORATION", "NIKON D700", (4256, 2832), {"mm": 50, "film": 50}, 36.0),
    ("NIKON CORPORATION", "NIKON D3100", (4608, 3072), {"mm": 11, "film": 16}, 23.1),
    ("SONY", "ILCE-6000", (6000, 4000), {"mm": 16, "film": 24}, 23.5),
    ("SONY", "ILCE-7M3", (6000, 4000), {"mm": 85}, 35.6),
    ("SONY", "DSC-RX100", (5472, 3648), {"mm": 10.4, "film": 28}, 13.2),
    ("Panasonic", "DMC-FZ18", (3264, 2448), {"mm": 4.6, "film": 28}, 5.76),
    ("Panasonic", "DMC-GF1", (4000, 3000), {"mm": 20, "film": 40}, 17.3),
    ("OLYMPUS IMAGING CORP.  ", "E-P1            ", (4032, 3024), {"mm": 14}, 17.3),
    ("FUJIFILM", "X-T2", (6000, 4000), {"mm": 23, "film": 35}, 23.6),
    ("RICOH IMAGING COMPANY, LTD.  ", "PENTAX K-3  ", (6016, 4000), {"mm": 35, "film": 52}, 23.5),
    ("LEICA", "M8 Digital Camera", (3936, 2630), {"mm": 28}, 27.0),
    ("DJI", "FC6310", (5472, 3648), {"mm": 8.8, "film": 24}, 13.2),
    ("Canon", "Canon PowerShot G12", (3648, 2736), {"mm": 6.1}, 7.44),
]


@pytest.mark.parametrize("photo", PHOTOS, ids=lambda photo: photo[1].strip())
def test_focal_lengths_of_real_cameras_are_within_2_percent(photo, tmp_path):
    make, model, (width, height), tags, sensor = photo
    size = width // SHRINK, height // SHRINK
    for orientation in (1, 6):
        path = save(tmp_path / "a.jpg", size, make, model, captured=(width, height), orientation=orientation, **tags)
        found = resolve(path)
        assert found.source == "exif"
        assert found.camera.fx * SHRINK == pytest.approx(tags["mm"] / sensor * width, rel=0.02), found.detail


@pytest.mark.parametrize(
    ("model", "lens", "size", "native"),
    [
        ("Canon EOS R", "EF-S18-55mm f/4-5.6 IS STM", (4176, 2784), 6720),
        ("Canon EOS R", "RF-S18-150mm F3.5-6.3 IS STM", (2088, 1392), 6720 / 2),
        ("Canon EOS R", "RF24-105mm F4 L IS USM", (6720, 4480), 6720),
        ("Canon EOS RP", "EF-S10-18mm f/4.5-5.6 IS STM", (3888, 2592), 6240),
        ("Canon EOS 80D", "EF-S18-135mm f/3.5-5.6 IS USM", (6000, 4000), 6000 * 36 / 22.3),
    ],
)
def test_lenses_of_smaller_sensors_leave_the_middle_of_a_full_frame(model, lens, size, native, tmp_path):
    small = size[0] // SHRINK, size[1] // SHRINK
    found = resolve(save(tmp_path / "a.jpg", small, "Canon", model, lens=lens, mm=50, captured=size))
    assert found.camera.fx * SHRINK == pytest.approx(50 * native / 36, rel=0.01), found.detail
    assert ("on the middle 0.625 of the" in found.detail) == (size[0] < 4200)
    plane = resolve(save(tmp_path / "a.jpg", small, "Canon", model, lens=lens, mm=50, captured=size, plane=native / 36))
    assert plane.camera.fx * SHRINK == pytest.approx(50 * native / 36, rel=3e-3) and "ignored" not in plane.detail


@pytest.mark.parametrize("orientation", [1, 6])
def test_tiffs_keep_their_focal_length(orientation, tmp_path):
    tags = ImageFileDirectory_v2()
    tags[0x0112], tags[0x8769] = orientation, {0xA405: 26}
    Image.new("RGB", (400, 300), (9, 9, 9)).save(tmp_path / "a.tif", tiffinfo=tags)
    photo = read_image(tmp_path / "a.tif")
    found = CameraResolver().resolve(*photo.full_size, photo.exif)
    assert found.source == "exif" and found.camera.focal == pytest.approx(26 * 500 / math.hypot(36, 24))
    assert photo.rgb.shape[:2] == ((300, 400) if orientation == 1 else (400, 300))
    assert photo.exif.orientation == orientation


def test_photos_of_16_to_9_are_doubted(tmp_path):
    found = CameraResolver().resolve(1920, 1080, ExifCamera(focal_35mm=26.0))
    assert found.source == "exif" and "may be cut from a 4:3 sensor: then distances are 8 % too short" in found.detail
    assert "cut from" not in CameraResolver().resolve(1800, 1200, ExifCamera(focal_35mm=26.0)).detail


def test_superzooms_and_digital_zoom_are_believed(tmp_path):
    tele = save(tmp_path / "tele.jpg", (408, 306), "Acme", "Zoom", mm=82.8, film=504, captured=(408, 306))
    assert resolve(tele).camera.fx == pytest.approx(504 * math.hypot(408, 306) / math.hypot(36, 24))
    zoomed = save(tmp_path / "zoom.jpg", (1600, 1200), "Acme", "Zoom", mm=10.8125, plane=764.5, zoom=2.5)
    found = resolve(zoomed)
    assert found.camera.fx == pytest.approx(10.8125 * 764.5, rel=1e-4) and "digital zoom 2.5" in found.detail


@pytest.mark.parametrize(
    ("model", "size", "mm", "plane", "sensor"),
    [
        ("Canon EOS D60", (1772, 1181), 28, 135.59, 22.7),
        ("Canon PowerShot G9", (2560, 1600), 7.4, 541.17, 7.44),
        ("Canon EOS 5D Mark III", (2880, 1920), 35, 160.0, 36.0),
    ],
)
def test_stale_focal_planes_give_way_to_the_sensor(model, size, mm, plane, sensor, tmp_path):
    found = resolve(
        save(tmp_path / "a.png", size, "Canon", model, "Adobe Photoshop 7.0", mm=mm, plane=plane, captured=size)
    )
    assert found.camera.fx == pytest.approx(mm / sensor * size[0], rel=0.02)
    assert "contradicts the sensor" in found.detail


@pytest.mark.parametrize(("size", "warned"), [((1000, 1000), True), ((1200, 900), False), ((4000, 3000), False)])
def test_crops_of_known_sensors_that_may_be_of_full_size_are_warned_of(size, warned, tmp_path, caplog):
    path = tmp_path / "a.png"
    save(path, size, "Canon", "Canon PowerShot G9", "Adobe Lightroom", mm=7.4, plane=541.2, captured=size)
    assert resolve(path).camera.fx == pytest.approx(7.4 / 7.44 * max(size[0], size[1] * 4 / 3), rel=0.01)
    assert (f"its focal length is {7.4 * 541.2:.0f} px, not 1326; then give it (--focal-px)" in caplog.text) == warned


def test_a_focal_plane_after_editing_is_doubted_where_the_sensor_is_not_known(tmp_path):
    found = resolve(save(tmp_path / "a.png", (1600, 1200), "Acme", "One", "GIMP 2.6", mm=28, plane=135.6))
    assert found.source == "assumed" and "GIMP 2.6 may have resized the photo" in found.detail


PROGRAMS = (
    "Digital Photo Professional", "ON1 Photo RAW 2023", "Zoner Studio", "XnConvert", "Topaz Gigapixel AI", "Krita",
    "Photos 8.0", "ViewNX-i", "Nikon NX Studio", "Capture NX 2", "PhotoDirector", "PhotoLab 6", "Phocus 3.7", "ART 1.9",
    "AfterShot Pro", "Pixlr", "Fotor", "VueScan", "Preview",
)  # fmt: skip


@pytest.mark.parametrize("software", PROGRAMS)
def test_software_that_is_no_firmware_may_have_resized_a_photo(software, tmp_path):
    tags = {"mm": 5.0, "plane": 277.8}
    found = resolve(save(tmp_path / "a.png", (1600, 1200), "Acme", "One", software, **tags))
    assert found.source == "assumed" and "may have resized the photo since" in found.detail
    sure = resolve(save(tmp_path / "a.png", (1600, 1200), "Acme", "One", software, film=31, **tags))
    assert sure.camera.fx == pytest.approx(5 * 277.8, rel=1e-4) and "ignored" not in sure.detail


@pytest.mark.parametrize(
    "software",
    ["", "Ver.1.10 ", "One v4.0", "Digital Camera One Ver1.00", "Firmware Version 1.2.3", "E995v1.6", "15.1", "V06P-74",
     "ACME Camera App 2.0", "v871-78", "Digital Still Camera v1.0", "Foveon Camera", "HDR+ 1.0.345618096zd",
     "MediaTek Camera Application", "Leaf Capture 11", "CHDK ver. 1.4.1", "LEICA FOTOS 2.0"],
)  # fmt: skip
def test_firmware_leaves_photos_as_they_are(software, tmp_path):
    found = resolve(save(tmp_path / "a.png", (1600, 1200), "Acme", "One", software, mm=5.0, plane=277.8))
    assert found.source == "exif" and found.camera.fx == pytest.approx(5 * 277.8, rel=1e-4)


UNKNOWN = [("Canon", "Canon EOS X99"), ("NIKON CORPORATION", "NIKON Z 99"), ("SONY", "ILCE-99"), ("Acme", "One")]


@pytest.mark.parametrize(("make", "model"), UNKNOWN)
@pytest.mark.parametrize("factor", [1, 0.3, 0.4, 0.5, 2])
@pytest.mark.parametrize("sensor", [36.0, 37.0, 22.4, 23.5])
def test_sensors_of_no_format_tell_of_resizing(make, model, factor, sensor, tmp_path):
    if (sensor == 22.4 and make != "Canon") or (sensor == 23.5 and make == "Canon"):
        return  # not made by them
    native = 1200
    size = round(native * factor), round(native * factor * 2 / 3)
    found = resolve(save(tmp_path / "a.png", size, make, model, mm=50, plane=native / sensor))
    if factor == 1:
        assert found.source == "exif" and found.camera.fx == pytest.approx(50 * native / sensor, rel=1e-3)
    elif make == "Acme" and factor * sensor < 9.1:  # there are small sensors of all sizes
        assert found.source == "exif"
    else:
        assert found.source == "assumed" and "mm, no format of " in found.detail


@pytest.mark.parametrize(("model", "width"), [("Canon EOS R6m2", 3000), ("Canon EOS R8", 2400)])
@pytest.mark.parametrize("software", ["", "Krita"])
def test_recent_cameras_are_known_by_their_sensor(model, width, software, tmp_path):
    path = save(tmp_path / "a.png", (width, width * 2 // 3), "Canon", model, software, mm=50, plane=6000 / 35.9)
    found = resolve(path)
    assert found.camera.fx == pytest.approx(50 / 35.9 * width, rel=0.01) and "contradicts the sensor" in found.detail


def test_exact_values_are_preferred_to_rounded_ones_and_contradictions_said(tmp_path):
    exact = resolve(save(tmp_path / "a.png", (1600, 1200), "Acme", "One", mm=2.22, plane=277.8, film=13))
    assert exact.camera.fx == pytest.approx(2.22 * 277.8, rel=1e-3)
    other = resolve(save(tmp_path / "b.png", (1600, 1200), "Acme", "One", mm=2.8, plane=350.0, film=16))
    assert other.camera.fx == pytest.approx(16 * 2000 / 43.2666, rel=1e-3) and "contradicts" in other.detail


PANORAMA = b"<x xmlns:GPano='http://ns.google.com/photos/1.0/panorama/'>%s</x>"


@pytest.mark.parametrize("film", [None, 26])
@pytest.mark.parametrize(
    "xmp",
    [
        b'<r GPano:ProjectionType="equirectangular"/>',
        b'<r pano:ProjectionType="equirectangular"/>',
        b"<GPano:ProjectionType>equirectangular</GPano:ProjectionType>",
    ],
)
def test_panoramas_are_known_by_their_xmp(film, xmp, tmp_path):
    path = save(tmp_path / "a.jpg", (512, 256), "Acme", "Phone", xmp=PANORAMA % xmp, **({"film": film} if film else {}))
    found = resolve(path)
    assert found.camera == Camera.panorama(512, 256) and found.source == "exif"
    photo = read_image(path)
    assert CameraResolver(focal_px=300).resolve_for(None, photo).source == "given"


def windowed(path: Path, size: tuple[int, int], *numbers: int | None) -> Path:
    """Write a panorama whose XMP states left, top, width, height, full width and full height of its window."""
    names = ("CroppedAreaLeft", "CroppedAreaTop", "CroppedAreaImageWidth", "CroppedAreaImageHeight", "FullPanoWidth",
             "FullPanoHeight")  # fmt: skip
    given = zip(names, numbers, strict=True)
    window = " ".join(f'GPano:{name}Pixels="{value}"' for name, value in given if value is not None)
    xmp = PANORAMA % f'<r GPano:ProjectionType="equirectangular" {window}/>'.encode()
    return save(path, size, "Acme", "Phone", xmp=xmp)


FULL = Camera.panorama(4000, 2000)


@pytest.mark.parametrize(
    ("size", "window", "expected"),
    [
        ((500, 250), (200, 400, 1000, 500), FULL.cropped(200, 400, 1000, 500).resized(500, 250)),
        ((400, 200), (0, 0, 4000, 2001), Camera.panorama(400, 200)),
        ((400, 200), (0, -1, 4000, 2000), Camera.panorama(400, 200)),
        ((400, 200), (1, 3, 4000, 2000), Camera.panorama(400, 200)),
        ((400, 200), (-5, 0, 4010, 2000), Camera.panorama(400, 200)),
        ((500, 250), (3001, 400, 1000, 500), FULL.cropped(3000, 400, 1000, 500).resized(500, 250)),
        ((500, 250), (3500, 400, 1000, 500), FULL.cropped(1500, 400, 1000, 500).resized(500, 250)),
        ((500, 250), (-500, 400, 1000, 500), FULL.cropped(1500, 400, 1000, 500).resized(500, 250)),
        ((400, 200), (2000, 0, 4000, 2000), Camera.panorama(400, 200)),
        ((500, 255), (200, 400, 1000, 500), FULL.cropped(200, 400, 1000, 500).resized(500, 255)),
    ],
)
def test_windows_of_panoramas_are_placed_by_their_xmp(size, window, expected, tmp_path, caplog):
    found = resolve(windowed(tmp_path / "a.jpg", size, *window, 4000, 2000))
    assert found.camera.intrinsics == pytest.approx(expected.intrinsics, rel=1e-12)
    crosses = window[0] in (3500, -500, 2000)
    assert ("across its seam: its middle is forward" in found.detail) == crosses
    assert np.isfinite(found.camera.rays()).all() and not caplog.text


@pytest.mark.parametrize(
    ("size", "window", "message"),
    [
        ((300, 300), (0, 0, 4000, 2000, 4000, 2000), "is 4000x2000 of 4000x2000, which 300x300 do not fit"),
        ((600, 200), (0, 0, 4000, 2000, 4000, 2000), "which 600x200 do not fit: the image was cropped or padded"),
        ((600, 200), (0, 0, 6000, 2000, 6000, 2000), "of a whole of 6000x2000, which is not twice as wide"),
        ((600, 200), (0, -40, 3000, 1000, 4000, 2000), "is 3000x1000 pixels at 0, -40, which reaches beyond the whole"),
        ((600, 200), (0, 1200, 3000, 1000, 4000, 2000), "reaches beyond the whole 4000x2000"),
        ((600, 200), (0, 0, 6000, 1000, 4000, 2000), "reaches beyond the whole 4000x2000"),
        ((600, 200), (0, 500, 3000, 1000, 0, 0), "has sides of 0 or less"),
        ((600, 200), (0, 200, 3000, 1000, 4000, 1500), "of a whole of 4000x1500, which is not twice as wide as high"),
        ((600, 200), (0, None, 3000, 1000, 4000, None), "no CroppedAreaTopPixels and no FullPanoHeightPixels"),
    ],
)
def test_windows_that_are_not_the_images_are_refused_or_warned_of(size, window, message, tmp_path, caplog):
    path = windowed(tmp_path / "a.jpg", size, *window)
    with pytest.raises(FocalError, match="correct these tags") as caught:
        resolve(path)
    assert message in str(caught.value) and str(path) in str(caught.value)
    assert not caplog.text
    if size[0] >= 2 * size[1]:
        given = CameraResolver(panorama=True).resolve_for(None, read_image(path))
        assert given.camera.fx == given.camera.fy == pytest.approx(size[0] / 2 / math.pi)
        assert "XMP ignored" in given.detail and "if wrong, give --camera" in caplog.text
        whole = resolve(windowed(path, (400, 200), *window[:3], 900, *window[4:]))  # 2:1, like a whole one
        assert whole.camera == Camera.panorama(400, 200) and "XMP ignored" in whole.detail


def test_a_window_that_is_a_part_of_an_odd_whole_is_not_taken_for_a_whole(tmp_path):
    with pytest.raises(FocalError, match="not twice as wide as high"):
        resolve(windowed(tmp_path / "a.jpg", (1000, 500), 1000, 200, 2000, 1000, 4000, 1500))


def test_panoramas_of_other_projections_are_refused(tmp_path):
    xmp = PANORAMA % b'<r GPano:ProjectionType="cylindrical"/>'
    with pytest.raises(FocalError, match=r"cylindrical panorama.*--focal-px or --camera"):
        resolve(save(tmp_path / "a.jpg", (512, 256), "Acme", "Phone", xmp=xmp))


def test_spheres_of_known_cameras_are_panoramas(tmp_path):
    found = resolve(save(tmp_path / "a.jpg", (512, 256), "RICOH", "RICOH THETA S", mm=1.31))
    assert found.camera == Camera.panorama(512, 256)


def test_panoramas_are_taken_as_such_when_asked(tmp_path, caplog):
    path = save(tmp_path / "a.png", (512, 256))
    assert resolve(path).source == "assumed" and "--panorama" in caplog.text
    photo = read_image(path)
    assert CameraResolver(panorama=True).resolve_for(None, photo).camera == Camera.panorama(512, 256)
    low = CameraResolver(panorama=True).resolve(720, 120)
    assert low.camera.fx == low.camera.fy == pytest.approx(720 / 2 / math.pi) and "360x60 deg" in low.detail
    with pytest.raises(FocalError, match="higher than half"):
        CameraResolver(panorama=True).resolve(300, 200)
    with pytest.raises(MetricDepthError, match="exclude each other"):
        CameraResolver(panorama=True, focal_px=300)


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"size": (1024, 225), "film": 26}, "a panorama or a crop"),
        ({"lens": "EF8-15mm f/4L FISHEYE USM", "film": 15}, "fisheye lens EF8-15mm"),
        ({"make": "GoPro", "model": "HERO7 Black", "film": 15}, "action camera GoPro HERO7"),
    ],
)
def test_lenses_and_sizes_that_are_no_pinholes_are_warned_of(tags, message, tmp_path, caplog):
    found = resolve(save(tmp_path / "a.jpg", tags.pop("size", (400, 300)), **tags))
    assert message in found.detail and message in caplog.text and "--camera" in caplog.text


def test_sensor_table():
    sensors = _sensors()
    assert len(sensors) > 120
    assert all(4 < math.hypot(*size) < 60 and 1.2 < size[0] / size[1] < 1.6 for size in sensors.values())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(st.tuples(st.integers(20, 420), st.integers(0, 255)), max_size=8),
    film=st.sampled_from([0, 1, 26, 65535]),
    size=st.sampled_from([(64, 48), (48, 48), (64, 32), (64, 8)]),
)
def test_damaged_exif_gives_a_camera_or_a_message(changes, film, size, tmp_path):
    path = save(
        tmp_path / "a.jpg",
        size,
        "Canon",
        "Canon EOS 5D",
        "GIMP",
        "Lens",
        film=film,
        mm=28,
        plane=100,
        zoom=2,
        captured=size,
    )
    raw = bytearray(path.read_bytes())
    for place, value in changes:
        raw[place] = value
    path.write_bytes(raw)
    try:
        assert isinstance(resolve(path).camera, Camera)
    except MetricDepthError as error:
        assert str(error)
