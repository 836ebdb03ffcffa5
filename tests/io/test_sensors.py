"""The table of sensor sizes is consistent in itself."""

from __future__ import annotations

import math

from mono.io.sensors import _TABLE, sensor_size


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
