"""The table of sensor sizes is consistent in itself."""

from __future__ import annotations

import math

from mono.io.sensors import _TABLE, is_format, sensor_size


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
