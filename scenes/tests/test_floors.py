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
    found, reach = stretch_to_floor((true / scale) ** (1 / power), HEIGHT)
    predicted = 1.9 ** (1 / power)  # about what a fifth of the height is taken from
    assert found.shape == true.shape and found.dtype == np.float32
    middle = found[128, ::64]
    assert middle == pytest.approx(WALL * (predicted / 1.9 / scale ** (1 / power)) ** 0.2, rel=0.06)
    assert 6 < reach < 9
    floor = found[180:200] * np.sin((np.arange(180, 200) + 0.5) / 256 * np.pi - np.pi / 2)[:, None]
    assert np.ptp(floor) < 1e-4  # a plane


def test_without_a_floor_the_ground_nearby_sets_the_scale():
    distance = np.full((256, 512), 3.0, np.float32)  # a ball around the camera, and a wall behind a door
    distance[:8], distance[90:100, 40:60] = 0, 6.0
    found, reach = stretch_to_floor(distance, HEIGHT)
    assert reach == 0 and (found[:8] == 0).all()
    below = np.radians(55)  # where the ground is seen: 3 m * sin, which goes to the tripod's height but for a fifth
    assert found[100, 0] == pytest.approx(3 * (HEIGHT / (3 * np.sin(below))) ** 0.8, rel=0.05)
    assert found[95, 50] / found[100, 0] == pytest.approx(2**1.2, rel=1e-4)


def test_what_stands_on_the_floor_stays_above_it_and_what_lies_lower_below_it():
    true = round_hall()
    true[150:170, 100:160] = 1.2  # a box in front of the camera
    true[150:160, 300:360] *= 2  # a pit
    found, _ = stretch_to_floor(true, HEIGHT)
    assert found[160, 130] == pytest.approx(1.2, rel=0.05)
    assert found[155, 330] == pytest.approx(true[155, 330], rel=0.2)


@pytest.mark.parametrize("rows", [32, 64, 80])
def test_small_panoramas_and_empty_ones_have_a_distance(rows: int):
    small = round_hall(rows)
    small[:, : rows // 2] = 1.0
    assert np.isfinite(stretch_to_floor(small, HEIGHT)[0]).all()
    assert stretch_to_floor(np.zeros((rows, 2 * rows)), HEIGHT)[0].max() == 0
