from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mono.visual.color_maps import (
    INVALID_COLOR,
    colorize,
    colorize_normals,
    depth_limits,
    scale_ticks,
    visualize_depth,
    visualize_normals,
    write_image,
)


def test_near_is_warm_and_far_is_cold() -> None:
    colors = colorize(np.array([[1.0, 10.0]]), 1, 10).astype(int)
    near, far = colors[0]
    assert near[0] > near[2] + 50
    assert far[2] > far[0]


def test_the_scale_is_logarithmic_and_ends_are_kept() -> None:
    colors = colorize(np.array([[1.0, 4.0, 16.0, 0.2, 99.0]]), 1, 16)
    ramp = colorize(np.geomspace(1, 16, 257)[None], 1, 16)
    np.testing.assert_array_equal(colors[0, 1], ramp[0, 128])
    np.testing.assert_array_equal(colors[0, 3], colors[0, 0])
    np.testing.assert_array_equal(colors[0, 4], colors[0, 2])


def test_no_depth_is_gray() -> None:
    colors = colorize(np.array([[0.0, -1.0, np.nan, np.inf, -np.inf, 2.0]]), 1, 16)
    assert (colors[0, :5] == INVALID_COLOR).all()
    assert (colors[0, 5] != INVALID_COLOR).any()


def test_limits_are_round_and_robust() -> None:
    depth = np.random.default_rng(0).uniform(2.1, 27, (100, 100))
    depth[0, :5] = [1e-3, 1e4, 0, np.nan, np.inf]
    assert depth_limits(depth) == (2.0, 30.0)
    assert depth_limits(np.zeros((3, 3))) == (1.0, 10.0)
    assert depth_limits(np.full((3, 3), 2.0)) == (1.0, 3.0)


@given(st.floats(1e-3, 1e3), st.floats(1, 1e4))
def test_limits_hold_the_depth(near: float, ratio: float) -> None:
    low, high = depth_limits(np.array([[near, near * ratio]]))
    assert 0 < low < high
    assert low <= np.percentile([near, near * ratio], 1) * (1 + 1e-6)
    assert high >= np.percentile([near, near * ratio], 99) * (1 - 1e-6)


@given(st.floats(1e-3, 1e2), st.floats(1.01, 1e5), st.integers(20, 2000))
def test_ticks_hold_the_ends_and_keep_apart(near: float, ratio: float, room: int) -> None:
    far = near * ratio
    ticks = scale_ticks(near, far, room, 19)
    assert ticks == sorted(ticks)
    assert ticks[0] == near
    assert ticks[-1] == far
    places = np.log(np.array(ticks) / near) / np.log(ratio) * room
    assert (np.diff(places) >= 19 - 1e-6).all()


def test_ticks_are_the_numbers_people_expect() -> None:
    assert scale_ticks(1, 10, 200, 45) == pytest.approx([1, 2, 5, 10])
    assert scale_ticks(1, 10, 200, 30) == pytest.approx([1, 2, 3, 5, 10])
    assert scale_ticks(0.5, 60, 300, 40) == pytest.approx([0.5, 1, 2, 5, 10, 20, 60])


@pytest.mark.parametrize(("height", "width"), [(120, 160), (375, 1242), (1, 1), (5, 3000), (3000, 5), (1500, 2000)])
def test_a_picture_holds_photo_depth_and_bar(height: int, width: int) -> None:
    rgb = np.full((height, width, 3), (10, 200, 30), np.uint8)
    depth = np.full((height, width), 3.0)
    drawn = visualize_depth(rgb, depth)
    assert drawn.dtype == np.uint8
    assert drawn.shape[2] == 3
    shrink = min(1, 1280 / max(height, width))
    panel = (max(1, round(height * shrink)), max(1, round(width * shrink)))
    assert (drawn[: panel[0], : panel[1]] == (10, 200, 30)).all()
    color = colorize(depth[:1, :1])[0, 0]
    below = panel[1] > 1.5 * panel[0]
    row, column = (max(panel[0], 160) + 4, 0) if below else (0, max(panel[1], 160) + 4)
    assert (drawn[row : row + panel[0], column : column + panel[1]] == color).all()
    assert max(drawn.shape) < 2 * 1280 + 200


def test_the_color_bar_matches_the_scale() -> None:
    rgb = np.zeros((300, 300, 3), np.uint8)
    drawn = visualize_depth(rgb, np.full((300, 300), 2.0), 1, 10)
    bar = drawn[:, 300 + 4 + 300 + 10]
    colored = np.flatnonzero((bar != 255).any(axis=1))
    assert (np.abs(bar[colored[0]].astype(int) - colorize(np.array([[10.0]]), 1, 10)[0, 0]) <= 2).all()
    assert (np.abs(bar[colored[-1]].astype(int) - colorize(np.array([[1.0]]), 1, 10)[0, 0]) <= 2).all()
    labels = drawn[:, 300 + 4 + 300 + 30 :]
    assert (labels < 100).all(axis=2).sum() > 50


def test_wrong_sizes_and_limits() -> None:
    with pytest.raises(ValueError, match="share"):
        visualize_depth(np.zeros((4, 5, 3), np.uint8), np.ones((5, 4)))
    for near, far in ((0, 5), (5, 5), (6, 5), (1, float("inf"))):
        with pytest.raises(ValueError, match="color scale"):
            colorize(np.ones((2, 2)), near, far)


def test_one_limit_alone_is_enough() -> None:
    depth = np.full((4, 4), 5.0)
    assert colorize(depth, near=50).shape == (4, 4, 3)
    assert colorize(depth, far=0.5).shape == (4, 4, 3)


def test_png_is_exact_jpeg_is_close_and_both_are_repeatable(tmp_path: Path) -> None:
    rgb = np.zeros((40, 60, 3), np.uint8)
    rgb[:, :30] = (250, 120, 10)
    for name, tolerance in (("a.png", 0), ("a.jpg", 12), ("a.JPEG", 12)):
        write_image(tmp_path / name, rgb)
        first = (tmp_path / name).read_bytes()
        write_image(tmp_path / name, rgb)
        assert (tmp_path / name).read_bytes() == first
        with Image.open(tmp_path / name) as image:
            back = np.asarray(image).astype(int)
        assert np.abs(back - rgb)[:, :24].max() <= tolerance


def test_wrong_pictures(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a.gif.*\.png, \.jpg"):
        write_image(tmp_path / "a.gif", np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(ValueError, match="uint8"):
        write_image(tmp_path / "a.png", np.zeros((4, 4, 3)))
    with pytest.raises(ValueError, match="height, width, 3"):
        write_image(tmp_path / "a.png", np.zeros((4, 4), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_normals_have_the_colors_of_normal_maps() -> None:
    towards, right, up, none = [0, 0, -1], [1, 0, 0], [0, -1, 0], [0, 0, 0]
    colors = colorize_normals(np.array([[towards, right, up, none]], np.float32))
    np.testing.assert_array_equal(colors[0], [[128, 128, 255], [255, 128, 128], [128, 255, 128], [0, 0, 0]])
    assert colors.dtype == np.uint8
    left, down = colorize_normals(np.array([[[-1, 0, 0], [0, 1, 0]]], np.float32))[0]
    np.testing.assert_array_equal([left, down], [[0, 128, 128], [128, 0, 128]])


def test_the_photo_and_its_normals_lie_side_by_side() -> None:
    rgb = np.full((200, 240, 3), 7, np.uint8)
    normal = np.zeros((200, 240, 3), np.float32)
    normal[..., 2] = -1
    drawn = visualize_normals(rgb, normal)
    assert drawn.shape == (200, 484, 3)
    assert (drawn[:, :240] == 7).all()
    assert (drawn[:, 244:] == (128, 128, 255)).all()
    assert visualize_normals(np.zeros((200, 640, 3), np.uint8), np.ones((200, 640, 3))).shape == (404, 640, 3)
    with pytest.raises(ValueError, match=r"must share \(height, width\)"):
        visualize_normals(rgb[:, 1:], normal)
