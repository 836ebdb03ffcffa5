"""Resizing of maps with unknown pixels."""

import numpy as np
import pytest

from mono.evaluation.resizing import resize_known


@pytest.mark.parametrize("channels", [(), (3,)])
def test_unknown_values_do_not_bleed(channels):
    values = np.full((2, 4, *channels), 3.0, np.float32)
    known = np.ones((2, 4), bool)
    values[0, 0], known[0, 0] = np.nan, False
    total, weight = resize_known(values, known, (4, 8))
    assert total.shape == (4, 8, *channels) and weight.shape == (4, 8)
    assert weight[0, 0] == 0 and weight[1, 1] == pytest.approx(1 - 0.75**2) and weight[3, 7] == 1
    shape = weight if not channels else weight[..., None]
    np.testing.assert_allclose(total, np.broadcast_to(3 * shape, total.shape), rtol=1e-6)
