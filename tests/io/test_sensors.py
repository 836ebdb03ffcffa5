"""The table of sensor sizes is consistent in itself."""

from __future__ import annotations

import math

import pytest

from mono.io.sensors import _TABLE, is_format, sensor_size
from tests.io.test_exif import SHRINK, resolve, save


def test_sizes_are_those_of_real_formats() -> None:
    for maker, (width, height), _ in _TABLE:
        crop = math.hypot(36, 24) / math.hypot(width, height)
        assert 0.75 < crop < 8, maker
        assert any(abs(width / height / aspect - 1) < 0.03 for aspect in (4 / 3, 3 / 2)), (maker, width, height)


def test_no_model_stands_twice() -> None:
    names = [(maker, model.strip().lower()) for maker, _, models in _TABLE for model in models.split(", ")]
    assert len(names) == len(set(names)) > 300


def test_phones_and_unknown_cameras_have_no_sensor() -> None:
    assert sensor_size("Apple", "iPhone 4") is None  # front and back cameras differ
    assert sensor_size("Canon", "Canon EOS 60D") == (22.3, 14.9)


def test_whole_sensors_and_their_crops_are_formats() -> None:
    for maker, (width, height), models in _TABLE:
        if maker != "leica" and not 18 < width < 19:  # formats of single cameras
            name = f"{maker} {models.split(', ')[0]}"
            assert is_format(width, height, name) and is_format(height, width, ""), (name, width, height)
    for width, name in ((36, "Canon EOS 99D"), (22.3, "Canon EOS 99D"), (23.5, "SONY ILCE-99"), (17.3, ""), (13.2, "")):
        assert is_format(width, width * 9 / 16, name)
    assert is_format(36.8, 24.5, "Canon EOS 99D") and is_format(24, 24, "Canon EOS 99D")
    assert not is_format(18, 12, "Canon EOS 99D") and not is_format(17.3, 13, "Canon EOS 99D")
    assert not is_format(18, 12, "") and is_format(17.3, 13, "") and is_format(10.1, 7.6, "")


@pytest.mark.parametrize(
    ("model", "width", "native", "software", "expected"),
    [
        ("Canon EOS R8", 3744, 6000, "", 50 / 35.9 * 6000),
        ("Canon EOS R5", 5088, 8192, "", 50 / 36 * 8192),
        ("Canon EOS R8", 3744, 6000, "GIMP 2.10", 50 / 35.9 * 3744),
        ("Canon EOS R8", 3840, 6000, "", 50 / 35.9 * 3840),  # made smaller
        ("Canon EOS 5D Mark III", 3600, 5760, "", 50 / 36 * 3600),  # which has no crop mode
    ],
)
def test_crop_modes_are_known_by_the_size_of_a_pixel(model, width, native, software, expected, tmp_path):
    size, sensor = (width, width * 2 // 3), 35.9 if native == 6000 else 36
    small = size[0] // SHRINK, size[1] // SHRINK
    tags = {"mm": 50, "plane": native / sensor, "captured": size}
    found = resolve(save(tmp_path / "a.jpg", small, "Canon", model, software, **tags))
    assert found.camera.fx * SHRINK == pytest.approx(expected, rel=0.005)
    assert ("a guess by its focal-plane resolution" in found.detail) == (expected > 60 / 36 * width)


def test_single_formats_are_known(tmp_path):
    tags = {"mm": 30, "plane": 6192 / 26.7, "captured": (6192, 4128)}
    found = resolve(save(tmp_path / "a.jpg", (387, 258), "SIGMA", "SIGMA sd Quattro H", **tags))
    assert found.camera.fx == pytest.approx(30 / 26.7 * 387, rel=1e-3) and "ignored" not in found.detail
