"""Where a focal length comes from, in numbers worked out by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mono.data.camera_source import CameraResolver, FocalError
from mono.data.exif_focal import focal_from_exif
from mono.geometry.camera import Camera
from mono.io.cameras.files import CameraFileError, camera_file_beside, camera_from_file
from mono.io.exif import ExifCamera

AUTO = CameraResolver()


def test_order_of_sources(tmp_path: Path) -> None:
    image = tmp_path / "a.jpg"
    (tmp_path / "a.camera.json").write_text('{"focal_px": 500}')
    exif = ExifCamera(focal_35mm=50)
    annotated = (400.0, 400.0, 320.0, 240.0)
    resolver = CameraResolver(focal_px=300)
    assert resolver.resolve(640, 480, exif, image, annotated).source == "given"
    assert AUTO.resolve(640, 480, exif, image, annotated).source == "annotation"
    assert AUTO.resolve(640, 480, exif, image).source == "camera file"
    assert AUTO.resolve(640, 480, exif).source == "exif"
    assert AUTO.resolve(640, 480).source == "assumed"


def test_a_given_camera_file_comes_before_annotations_for_the_images_that_it_names(tmp_path: Path) -> None:
    annotated = (400.0, 400.0, 320.0, 240.0)
    (tmp_path / "c.json").write_text('{"focal_px": 500}')
    found = CameraResolver(camera_file=tmp_path / "c.json").resolve(640, 480, None, tmp_path / "a.jpg", annotated)
    assert (found.source, found.camera.fx, found.file) == ("camera file", 500.0, tmp_path / "c.json")
    (tmp_path / "cameras.txt").write_text("1 PINHOLE 640 480 600 600 320 240\n2 PINHOLE 640 480 700 700 320 240\n")
    (tmp_path / "images.txt").write_text("1 1 0 0 0 0 0 0 2 a.jpg\n\n")
    resolver = CameraResolver(camera_file=tmp_path / "cameras.txt")
    named, other = (resolver.resolve(640, 480, None, tmp_path / f"{name}.jpg", annotated) for name in "ab")
    assert (named.source, named.camera.fx) == ("camera file", 700.0)
    assert (other.source, other.camera.fx) == ("annotation", 400.0)
    with pytest.raises(CameraFileError, match="does not name"):
        resolver.resolve(640, 480, None, tmp_path / "b.jpg")


def test_given() -> None:
    assert CameraResolver(intrinsics=(500, 510, 320, 240)).resolve(640, 480).camera == Camera(
        500, 510, 320, 240, 640, 480
    )
    assert CameraResolver(focal_px=500).resolve(640, 480).camera == Camera(500, 500, 319.5, 239.5, 640, 480)
    assert CameraResolver(focal_35mm=26).resolve(4000, 3000).camera.fx == pytest.approx(26 * 5000 / 43.2666153)
    # 90 degrees across 640 pixels: half the width is the focal length.
    assert CameraResolver(fov_deg=90).resolve(640, 480).camera.fx == pytest.approx(320)


def test_a_focal_length_that_may_be_in_millimetres_is_asked_about(caplog: pytest.LogCaptureFixture) -> None:
    CameraResolver(focal_px=90.0).resolve(400, 300)
    assert "were these" in caplog.text and "132 deg" in caplog.text
    caplog.clear()
    CameraResolver(focal_px=100.0).resolve(400, 300)
    assert not caplog.text


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ((1600, 400), "a panorama or a crop"),
        ((1700, 800), "a panorama or a crop"),
        ((1000, 501), "like a whole panorama: if it is one, use --panorama"),
        ((1600, 820), ""),
    ],
)
def test_an_assumed_field_of_view_is_doubted_where_photos_are_longer_than_cameras_take_them(
    size: tuple[int, int], message: str, caplog: pytest.LogCaptureFixture
) -> None:
    found = AUTO.resolve(*size)
    assert (
        message in found.detail
        and bool(message) == bool(caplog.text)
        and found.camera.horizontal_fov == pytest.approx(60)
    )


def test_assumed_field_of_view_is_of_the_longer_side() -> None:
    wide, tall = AUTO.resolve(1000, 600), AUTO.resolve(600, 1000)
    assert wide.camera.fx == tall.camera.fx == pytest.approx(500 / math.tan(math.radians(30)))
    assert (tall.camera.cx, tall.camera.cy) == (299.5, 499.5)
    assert "unreliable" in wide.detail and "60 deg" in wide.detail


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"focal_px": 500, "fov_deg": 60}, "exclude each other"),
        ({"intrinsics": (1, 1, 1, 1), "focal_px": 500}, "exclude each other"),
        ({"focal_px": 0}, "positive"),
        ({"focal_px": -5}, "positive"),
        ({"focal_px": math.nan}, "positive and finite"),
        ({"focal_35mm": -26}, "positive and finite, in millimeters"),
        ({"focal_35mm": 26, "fov_deg": 60}, "exclude each other"),
        ({"fov_deg": 180}, "between 0 and 180"),
        ({"fov_deg": math.nan}, "between 0 and 180"),
        ({"intrinsics": (0, 500, 320, 240)}, "must be positive"),
        ({"intrinsics": (500, math.nan, 320, 240)}, "finite"),
        ({"intrinsics": (500, 500, 320)}, "four"),
        ({"camera_file": Path("nowhere.json")}, "no such camera file"),
    ],
)
def test_impossible_policies(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CameraResolver(**arguments)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((500, 500, 700, 240), "principal point"),
        ((500, 500, 320, -1), "principal point"),
        ((0.8, 1.1, 0.5, 0.5), "pixels"),
        ((500000, 500000, 320, 240), "pixels"),
        ((math.nan, 500, 320, 240), "fx is nan"),
        ((500, 0, 320, 240), "fy is 0"),
    ],
)
def test_annotated_camera_that_does_not_fit(values: tuple[float, float, float, float], message: str) -> None:
    with pytest.raises(FocalError, match=message):
        AUTO.resolve(640, 480, annotated=values)


# ---- EXIF


def test_film_equivalent_by_the_diagonal() -> None:
    # 4000x3000 has a diagonal of 5000 px, 36x24 mm one of 43.2666 mm.
    found = AUTO.resolve(4000, 3000, ExifCamera(focal_35mm=26, captured_width=4000, captured_height=3000))
    assert found.camera.fx == pytest.approx(26 * 5000 / 43.26661530556787)
    assert found.camera.fx == found.camera.fy
    assert found.detail == "EXIF: 26 mm (35-mm equivalent), diagonal"


def test_film_equivalent_of_a_resized_and_of_a_turned_image() -> None:
    exif = ExifCamera(focal_35mm=26, captured_width=4000, captured_height=3000)
    small = focal_from_exif(exif, (800, 600))
    assert small.focal == pytest.approx(26 * 1000 / 43.2666153)
    assert "resized from 4000x3000 unless cropped" in small.detail  # a crop of the same aspect has the same tags
    large = focal_from_exif(exif, (8000, 6000))
    assert large.focal == pytest.approx(26 * 10000 / 43.2666153)
    assert large.detail.endswith("resized from 4000x3000")  # no crop is larger than its photo
    # Software that turned the pixels but left the size as it was.
    assert focal_from_exif(exif, (600, 800)).focal == pytest.approx(small.focal)


def test_film_equivalent_of_crops() -> None:
    exif = ExifCamera(focal_35mm=26, captured_width=4000, captured_height=3000)
    whole = 26 * 5000 / 43.2666153
    wide = focal_from_exif(exif, (4000, 1500))
    assert wide.focal == pytest.approx(whole)
    assert "cropped from 4000x3000" in wide.detail
    # 1000x500: cropped to 4000x2000, then a quarter of it.
    assert focal_from_exif(exif, (1000, 500)).focal == pytest.approx(whole / 4)
    # Of unknown origin, 3:1: the longer side is 36 mm of film.
    unknown = focal_from_exif(ExifCamera(focal_35mm=26), (3600, 1200))
    assert unknown.focal == pytest.approx(2600)
    assert "longer side" in unknown.detail


def test_sensor_resolution() -> None:
    # 24 mm wide sensor with 6000 px: 250 px/mm; 50 mm are 12500 px. A quarter of the size: 3125.
    exif = ExifCamera(focal_mm=50, plane_x=250, plane_y=250, captured_width=6000, captured_height=4000)
    assert focal_from_exif(exif, (6000, 4000)).focal == pytest.approx(12500)
    assert focal_from_exif(exif, (1500, 1000)).focal == pytest.approx(3125)
    assert "28.8 mm diagonal" in focal_from_exif(exif, (6000, 4000)).detail


@pytest.mark.parametrize(
    ("exif", "message"),
    [
        (ExifCamera(focal_35mm=0), "35-mm equivalent of 0"),
        (ExifCamera(focal_35mm=-3), "35-mm equivalent of -3"),
        (ExifCamera(focal_35mm=65535), "field of view"),
        (ExifCamera(focal_35mm=1), "field of view"),
        (ExifCamera(focal_mm=0), "focal length of 0"),
        (ExifCamera(focal_mm=4.2), "not of which sensor"),
        (ExifCamera(focal_mm=4.2, plane_x=0, plane_y=0), "resolution of 0"),
        (ExifCamera(focal_mm=50, plane_x=100, plane_y=200), "do not agree"),
        (ExifCamera(focal_mm=50, plane_x=5000, plane_y=5000), "sensor of 0.2 mm"),
        # A 3504x2336 photo made smaller by an editor that updated the size, but not the resolution.
        (ExifCamera(focal_mm=17, plane_x=113.6, captured_width=800, captured_height=533), "not what a camera writes"),
    ],
)
def test_absurd_exif_is_noted_and_ignored(exif: ExifCamera, message: str) -> None:
    width, height = exif.captured_width or 800, exif.captured_height or 600
    found = AUTO.resolve(width, height, exif)
    assert found.source == "assumed"
    assert message in found.detail


def test_absurd_film_equivalent_falls_to_the_sensor() -> None:
    found = AUTO.resolve(6000, 4000, ExifCamera(focal_35mm=0, focal_mm=50, plane_x=250, plane_y=250))
    assert found.source == "exif"
    assert found.camera.fx == pytest.approx(12500)
    assert "35-mm equivalent of 0" in found.detail


@given(
    film=st.floats(10, 300),
    width=st.integers(400, 8000),
    aspect=st.floats(0.6, 1.7),
    factor=st.floats(0.05, 1),
)
def test_resizing_keeps_the_field_of_view(film: float, width: int, aspect: float, factor: float) -> None:
    height = round(width / aspect)
    exif = ExifCamera(focal_35mm=film, captured_width=width, captured_height=height)
    small = max(round(width * factor), 1), max(round(height * factor), 1)
    full, resized = AUTO.resolve(width, height, exif), AUTO.resolve(*small, exif)
    assert full.source == resized.source == "exif"
    # Rounding a side moves its field of view by up to half a pixel's.
    assert resized.camera.fx / small[0] == pytest.approx(full.camera.fx / width, rel=1.5 / min(small))


# ---- camera files


def write(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_camera_json(tmp_path: Path) -> None:
    path = write(tmp_path / "camera.json", {"fx": 1000, "fy": 990, "cx": 640, "cy": 360, "width": 1280, "height": 720})
    assert camera_from_file(path, 1280, 720) == Camera(1000, 990, 640, 360, 1280, 720)
    half = camera_from_file(path, 640, 360)
    assert half.intrinsics == pytest.approx((500, 495, 319.75, 179.75))
    assert camera_from_file(write(path, {"focal_px": 700}), 640, 480) == Camera(700, 700, 319.5, 239.5, 640, 480)
    assert camera_from_file(write(path, {"fov_deg": 90}), 640, 480).fx == pytest.approx(320)
    bent = {"fx": 700, "distortion": [0.1, 0, 0, 0], "anything": "else"}
    assert camera_from_file(write(path, bent), 640, 480).distortion == (0.1, 0, 0, 0)
    assert "distortion" in AUTO.resolve(640, 480, image_path=tmp_path / "a.jpg").detail


def test_a_camera_is_turned_with_its_photo_where_the_turn_is_known(tmp_path: Path) -> None:
    values = {"fx": 500, "fy": 510, "cx": 300, "cy": 240, "width": 640, "height": 480}
    path = write(tmp_path / "camera.json", values)
    camera = camera_from_file(path, 640, 480)
    for orientation in (5, 6, 7, 8):
        assert camera_from_file(path, 480, 640, None, orientation) == camera.turned(orientation)
    assert camera_from_file(path, 640, 480, None, 3) == camera
    centered = camera_from_file(write(path, {"fx": 500, "width": 640, "height": 480}), 480, 640)
    assert centered == Camera(500, 500, 239.5, 319.5, 480, 640)


def test_camera_file_beside_the_image(tmp_path: Path) -> None:
    image = tmp_path / "a.jpg"
    assert camera_file_beside(image) is None
    for name in ("cameras.txt", "camera.json", "a.camera.json"):
        (tmp_path / name).touch()
        assert camera_file_beside(image) == tmp_path / name
    assert camera_file_beside(tmp_path / "b.jpg") == tmp_path / "camera.json"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"fx": }', "line 1, column 8"),
        ([500, 500], "four numbers fx fy cx cy"),
        ({"flx": 500}, "none of them; its keys are: flx"),
        ({"fx": 500, "fov_deg": 60}, "fx, fov_deg"),
        ({"fx": "500"}, "fx is '500'"),
        ({"fx": 0}, "fx is 0"),
        ('{"fx": NaN}', "fx is nan"),
        ({"fov_deg": 200}, "field of view is 200"),
        ({"fx": 500, "width": 640}, "belong together"),
        ({"fx": 500, "width": 640, "height": 640}, "another aspect ratio"),
        ({"fx": 500, "cx": 300, "cy": 320, "width": 480, "height": 640}, "turned by 90 degrees"),
        ({"fx": 500, "width": 960, "height": 1280}, "turned by 90 degrees"),
        ({"fx": 500, "distortion": 3}, "list of numbers"),
        ({"fx": 500, "width": 640.5, "height": 480}, "whole pixels"),
        ({"fx": 500, "K": [[600, 0, 320], [0, 600, 240], [0, 0, 1]]}, "fx (500) contradicts K (600)"),
        ({"fx": 500, "intrinsics": [1, 2, 3]}, "intrinsics: has 3 numbers"),
        ({"K": [[500, 50, 320], [0, 500, 240], [0, 0, 1]]}, "skew"),
        ({"K": [[500, 0, 320], [0, "x", 240], [0, 0, 1]]}, "K is 'x'"),
        ({"fx": 500, "camera_model": "LYTRO"}, "not known"),
        ({"cam0": {"fx": 500}, "cam1": {"fx": 600}}, "several cameras (cam0, cam1)"),
    ],
)
def test_broken_camera_json(tmp_path: Path, content: object, message: str) -> None:
    path = write(tmp_path / "camera.json", content)
    with pytest.raises(CameraFileError) as caught:
        camera_from_file(path, 640, 480)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_camera_json_is_read_again_when_it_changed(tmp_path: Path) -> None:
    path = write(tmp_path / "camera.json", {"focal_px": 700})
    assert camera_from_file(path, 640, 480).fx == 700
    assert camera_from_file(write(path, {"focal_px": 1234}), 640, 480).fx == 1234


COLMAP = """# Camera list
1 PINHOLE 640 480 500 510 320 240
2 SIMPLE_RADIAL 640 480 600 320 240 0.01
3 OPENCV 1280 960 1000 1010 640 480 0.1 0.2 0.3 0.4
"""
IMAGES = """# Image list
1 1 0 0 0 0 0 0 1 left/a.jpg
10.5 20.5 -1
2 1 0 0 0 0 0 0 2 right/a.jpg

3 1 0 0 0 0 0 0 3 name with blanks.jpg

"""


def test_colmap(tmp_path: Path) -> None:
    write(tmp_path / "cameras.txt", COLMAP)
    write(tmp_path / "images.txt", IMAGES)
    path = tmp_path / "cameras.txt"
    # The centre of COLMAP's first pixel is (0.5, 0.5).
    left = camera_from_file(path, 640, 480, "/shots/left/a.jpg")
    assert left == Camera(500, 510, 319.5, 239.5, 640, 480)
    assert camera_from_file(path, 640, 480, "/shots/right/a.jpg").distortion == (0.01, 0, 0, 0)
    third = camera_from_file(path, 640, 480, "name with blanks.jpg")
    assert third.intrinsics == pytest.approx((500, 505, 319.5, 239.5))
    with pytest.raises(CameraFileError, match=r"does not name b\.jpg"):
        camera_from_file(path, 640, 480, "/shots/b.jpg")


@pytest.mark.parametrize(
    ("images", "message"),
    [("1 1 0 0 0 0 0 0 9 a.jpg\n\n", "camera 9, which is not in cameras.txt"), ("1 1 0 0\n", "line 1: expected")],
)
def test_broken_colmap_images(tmp_path: Path, images: str, message: str) -> None:
    write(tmp_path / "images.txt", images)
    with pytest.raises(CameraFileError, match=message):
        camera_from_file(write(tmp_path / "cameras.txt", COLMAP), 640, 480, "a.jpg")


def test_a_single_colmap_camera_serves_all(tmp_path: Path) -> None:
    path = write(tmp_path / "cameras.txt", "7 SIMPLE_PINHOLE 640 480 500 320 240\n")
    found = CameraResolver(camera_file=path).resolve(320, 240, image_path="any.jpg")
    assert found.source == "camera file"
    assert found.camera.intrinsics == pytest.approx((250, 250, 159.5, 119.5))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1 OPENCV_FISHEYE 640 480 500 500 320 240 0 0 0", "takes 8 parameters, not 7"),
        ("1 FOV 640 480 500 500 320 240 7", "omega is 7; it must lie between 0 and 3.1"),
        ("1 CAMERA 640 480 500", "not a known model"),
        ("1 PINHOLE 640 480 500", "takes 4 parameters, not 1"),
        ("1 PINHOLE 640", "line 1"),
        ("1 PINHOLE 640 480 nan 500 320 240", "fx is nan"),
        ("# nothing", "holds no camera"),
        (COLMAP, "put images.txt beside it"),
    ],
)
def test_broken_colmap(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(CameraFileError, match=message):
        camera_from_file(write(tmp_path / "cameras.txt", content), 640, 480, "a.jpg")


def test_binary_camera_file(tmp_path: Path) -> None:
    path = tmp_path / "camera.json"
    path.write_bytes(b"\x80\xfe\x00\xff")
    with pytest.raises(CameraFileError, match="not text"):
        camera_from_file(path, 640, 480)
    with pytest.raises(CameraFileError, match="no such camera file"):
        camera_from_file(tmp_path / "gone.json", 640, 480)
