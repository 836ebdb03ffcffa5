import math

import numpy as np
import pytest

from mono.geometry.median import median_depth


@pytest.mark.parametrize("count", [1, 2, 3, 4, 1000, 1001])
@pytest.mark.parametrize("invalid", [0, 5])
def test_it_is_the_median_of_valid_depth(count, invalid):
    rng = np.random.default_rng(count)
    depth = np.concatenate([rng.uniform(1e-30, 300, count), np.zeros(invalid), -np.ones(invalid)]).astype(np.float32)
    rng.shuffle(depth)
    assert median_depth(depth) == np.median(depth[depth > 0])


def test_what_is_not_a_number_does_not_count():
    for sign in (1, -1):
        depth = np.array([np.nan, 3, np.nan, 1, 2, np.nan, np.nan], np.float32) * sign * np.float32(sign)
        assert median_depth(np.copysign(depth, np.where(np.isnan(depth), sign, 1))) == 2


def test_without_valid_depth_there_is_none():
    assert math.isnan(median_depth(np.zeros((3, 4), np.float32)))
    assert math.isnan(median_depth(np.zeros((0, 4), np.float32)))
