import numpy as np
import pytest

from mono.geometry.camera import Camera
from mono.visual.top_view import VIEW_COLORS, draw_top_view

BLUE, ORANGE = VIEW_COLORS[:2]


def columns_of(image, color):
    return np.flatnonzero((image[40:] == color).all(-1).any(0))  # below the labels


def test_a_wall_is_a_line_as_wide_as_its_field_of_view():
    wide, narrow = (Camera.from_fov(angle, 64, 48) for angle in (90, 45))
    image = draw_top_view([(np.full((48, 64), 4.0, np.float32), wide), (np.full((48, 64), 2.0, np.float32), narrow)])
    assert image.dtype == np.uint8 and image.shape[2] == 3
    spans = [np.ptp(columns_of(image, color)) for color in (BLUE, ORANGE)]
    expected = (4 * np.tan(np.pi / 4)) / (2 * np.tan(np.pi / 8))
    assert spans[0] / spans[1] == pytest.approx(expected, rel=0.05)


def test_maps_without_depth_give_an_empty_plot():
    camera = Camera.from_fov(60, 64, 48)
    image = draw_top_view([(np.zeros((48, 64), np.float32), camera)])
    assert not len(columns_of(image, BLUE))
    with pytest.raises(ValueError, match="there is no depth map"):
        draw_top_view([])
