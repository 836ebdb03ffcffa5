"""Metres of panoramas: a floor that a network bent becomes flat again, and with it the walls."""

from __future__ import annotations

import numpy as np
import pytest
from metricdepth_scenes.floors import stretch_to_floor

HEIGHT, WALL = 1.5, 8.0


def round_hall(rows: int = 256) -> np.ndarray:
    """Distance in a round hall of 8 m radius and 4 m height, from 1.5 m above its floor."""
    below = ((np.arange(rows) + 0.5) / rows * np.pi - np.pi / 2)[:, None].repeat(2 * rows, 1)
    floor = HEIGHT / np.maximum(np.sin(below), 1e-6)
    ceiling = 2.5 / np.maximum(np.sin(-below), 1e-6)
    return np.minimum(WALL / np.cos(below), np.minimum(floor, ceiling)).astype(np.float32)


@pytest.mark.parametrize("power, scale", [(1.4, 1.0), (1.0, 1.3), (1.25, 0.8)])
def test_a_hall_that_a_network_shrank_has_its_metres_again(power: float, scale: float):
    true = round_hall()
    found = stretch_to_floor((true / scale) ** (1 / power), HEIGHT)
    predicted = 1.9 ** (1 / power)  # about what a fifth of the height is taken from
    assert found.shape == true.shape and found.dtype == np.float32
    middle = found[128, ::64]
    assert middle == pytest.approx(WALL * (predicted / 1.9 / scale ** (1 / power)) ** 0.2, rel=0.06)
    floor = found[180:200] * np.sin((np.arange(180, 200) + 0.5) / 256 * np.pi - np.pi / 2)[:, None]
    assert np.ptp(floor) < 1e-4  # a plane


def test_without_a_floor_the_ground_nearby_sets_the_scale():
    distance = np.full((256, 512), 3.0, np.float32)  # a ball around the camera
    distance[:8] = 0
    found = stretch_to_floor(distance, HEIGHT)
    assert (found[:8] == 0).all()
    assert np.ptp(found[8:]) == 0 and 1.5 < found[100, 0] < 3.0


def test_what_stands_on_the_floor_stays_above_it():
    true = round_hall()
    true[150:170, 100:160] = 1.2  # a box in front of the camera
    found = stretch_to_floor(true, HEIGHT)
    assert found[160, 130] == pytest.approx(1.2, rel=0.05)
    assert stretch_to_floor(np.zeros((64, 128)), HEIGHT).max() == 0
