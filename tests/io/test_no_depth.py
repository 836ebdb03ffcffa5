"""Values that mean "no depth"."""

from __future__ import annotations

import numpy as np
import pytest

from mono.io.no_depth import find_no_depth


@pytest.mark.parametrize(
    ("value", "scale", "certain", "why"),
    [
        (65.535, 1000.0, True, "(stored 65535), the largest value of its type"),
        (65535 / 256, 256.0, True, "(stored 65535), the largest value of its type"),
        (32.767, 1000.0, True, "(stored 32767), the largest value of its type"),
        (65504.0, None, True, "the largest value of its type"),
        (1e10, None, True, "the largest value of its type"),
        (65.535, None, True, "the largest value of its type"),  # millimeters that were converted to meters
        (65535 / 256, None, True, "the largest value of its type"),
        (65535 / 100, None, True, "the largest value of its type"),  # sky of VKITTI 2
        (3e4, None, True, "farther than any sensor reaches"),
        (99.0, None, False, "far beyond all other depth, which ends at 4 m"),
    ],
)
def test_holes_stored_as_the_largest_value(value: float, scale: float | None, certain: bool, why: str) -> None:
    depth = np.linspace(2, 4, 96 * 128).reshape(96, 128).astype(np.float32)
    assert find_no_depth(depth, scale) is None
    depth[:32] = value
    code = find_no_depth(depth, scale)
    assert code is not None and code.certain == certain and why in str(code)
    assert code.share == pytest.approx(1 / 3) and (depth >= code.limit).sum() == 32 * 128


def test_holes_may_be_most_of_a_map() -> None:
    depth = np.linspace(2, 4, 96 * 128).reshape(96, 128).astype(np.float32)
    depth[:70] = 1e5
    code = find_no_depth(depth)
    assert code is not None and code.certain and code.limit == 1e5 and code.share == pytest.approx(70 / 96)


@pytest.mark.parametrize(("farthest", "found"), [(10.0, True), (43.0, True), (44.0, False), (65.0, False)])
def test_few_holes_count_where_no_depth_leads_up_to_them(farthest: float, found: bool) -> None:
    depth = np.linspace(2, farthest, 480 * 640).reshape(480, 640).astype(np.float32)
    depth.reshape(-1)[7::1300][:250] = 65.535
    holes = depth == depth.max()
    code = find_no_depth(depth, 1000)
    assert (code is not None) == found
    if code is not None:
        assert code.certain and code.share == holes.mean() < 0.001 and ((depth >= code.limit) == holes).all()


def test_real_distances_are_not_suspected() -> None:
    rng = np.random.default_rng(0)
    street = np.exp(rng.uniform(0, 5.5, (96, 128))).astype(np.float32)
    assert find_no_depth(street) is None
    assert find_no_depth(np.minimum(street, 80)) is None  # clipped
    assert find_no_depth(np.zeros((5, 5), np.float32)) is None
    assert find_no_depth(np.full((50, 50), 3.0, np.float32), 1000) is None
    assert find_no_depth(street * 1000) is None  # millimeters taken for meters: the scale is wrong, not the far ones
    saturated = np.minimum(street, 65.535)
    saturated[saturated == 65.535] = 60
    saturated[0, :5] = 65.535  # a handful at the end of the range
    assert find_no_depth(saturated, 1000) is None


@pytest.mark.parametrize(("value", "scale"), [(10.0, None), (80.0, None), (4.0, 1000), (4.095, 1000), (2.047, 1000)])
@pytest.mark.parametrize("share", [0.2, 0.3, 0.8])
def test_holes_clamped_just_beyond_other_depth_are_suspected(value: float, scale: float | None, share: float) -> None:
    depth = np.linspace(0.1, 0.96, 96 * 128).reshape(96, 128).astype(np.float32) * value
    depth[: round(96 * share)] = value
    code = find_no_depth(depth, scale)
    assert (code is not None) == (share > 0.25)
    if code is not None:
        assert not code.certain and code.share == pytest.approx(share, abs=0.01)
        assert (depth >= code.limit).sum() == round(96 * share) * 128
        assert "times as many as have any other depth, as if clamped there" in str(code)


def test_walls_are_not_suspected() -> None:
    depth = np.linspace(1, 4, 96 * 128).reshape(96, 128).astype(np.float32)
    depth[:40], depth[40:60] = 4.5, 3.5  # two that face the camera
    assert find_no_depth(depth) is None
