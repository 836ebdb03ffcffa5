import numpy as np
import pytest

from mono.geometry.pixel_mask import select_pixels


def test_invalid_depth_and_sky_are_left_out():
    depth = np.array([[1, 0, -2, np.nan, np.inf, 3, 4, 5]], np.float32)
    assert select_pixels(depth)[0].tolist() == [True, False, False, False, False, True, True, True]
    sky = np.array([[0, 0, 0, 0, 0, 0.49, 0.5, 1]], np.float32)
    assert select_pixels(depth, sky=sky)[0].tolist() == [True, False, False, False, False, True, False, False]


def test_filters_add_up():
    depth = np.full((4, 9), 2.0, np.float32)
    depth[:, 5:] = 4.0
    depth[0] = 9.0
    confidence = np.ones_like(depth)
    confidence[3] = 0.1
    keep = select_pixels(depth, confidence, min_range=1.0, max_range=5.0, edge_filter=0.3, min_confidence=0.5)
    expected = np.zeros((4, 9), bool)
    expected[2, [0, 1, 2, 3, 6, 7, 8]] = True  # rows 0 and 1 are the far row and its edge, columns 4 and 5 the jump
    np.testing.assert_array_equal(keep, expected)


def test_what_does_not_fit_is_refused():
    depth = np.ones((2, 3), np.float32)
    with pytest.raises(ValueError, match="sky mask is"):
        select_pixels(depth, sky=np.zeros((3, 2)))
    with pytest.raises(ValueError, match="edge_filter is nan; it must be positive"):
        select_pixels(depth, edge_filter=float("nan"))
    with pytest.raises(ValueError, match="given is none"):
        select_pixels(depth, min_confidence=0.5)
