"""The losses against values computed by hand, and their gradients against finite differences."""

from __future__ import annotations

import math

import pytest
import torch

from mono.training.losses import depth as losses


def maps(*rows: list[list[float]]) -> list[torch.Tensor]:
    return [torch.tensor(row, dtype=torch.float64)[None, None] for row in rows]


def test_log_l1_is_a_mean_over_pixels_and_then_over_images():
    p = torch.tensor([[1.0, 2.0], [0.0, 5.0]]).reshape(2, 1, 1, 2)
    t = torch.zeros(2, 1, 1, 2)
    mask = torch.tensor([[True, True], [False, True]]).reshape(2, 1, 1, 2)
    assert losses.log_l1(p, t, mask).item() == pytest.approx((1.5 + 5.0) / 2)


def test_silog_by_hand():
    p, t = maps([[1.0, 3.0]], [[0.0, 0.0]])
    mask = torch.ones(1, 1, 1, 2, dtype=torch.bool)
    # mean of squares 5, square of the mean 4
    assert losses.silog(p, t, mask, focus=0.5).item() == pytest.approx(math.sqrt(3), abs=1e-5)
    assert losses.silog(p, t, mask, focus=1.0).item() == pytest.approx(1.0, abs=1e-5)
    assert losses.silog(p + 7, t, mask, focus=1.0).item() == pytest.approx(1.0, abs=1e-5)


def test_silog_forgives_as_much_as_each_image_says():
    p, t = torch.tensor([[1.0, 3.0], [1.0, 3.0]]).reshape(2, 1, 1, 2), torch.zeros(2, 1, 1, 2)
    mask = torch.ones(2, 1, 1, 2, dtype=torch.bool)
    value = losses.silog(p, t, mask, focus=torch.tensor([0.5, 1.0]))
    assert value.item() == pytest.approx((math.sqrt(3) + 1) / 2, abs=1e-5)


def test_gradient_matching_by_hand():
    p, t = maps([[0.0, 1.0], [0.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]])
    mask = torch.ones(1, 1, 2, 2, dtype=torch.bool)
    # along x: 1, 4; along y: 0, 3; one scale
    assert losses.gradient_matching(p, t, mask, scales=1).item() == pytest.approx(2.5 + 1.5)
    assert losses.gradient_matching(p + 3, t, mask, scales=1).item() == pytest.approx(4.0)
    mask[0, 0, 1, 1] = False
    assert losses.gradient_matching(p, t, mask, scales=1).item() == pytest.approx(1.0)


def test_rpnl_by_hand_and_forgives_offset_and_scale():
    t = torch.arange(8, dtype=torch.float64).reshape(1, 1, 2, 4)
    p = t.clone()
    p[0, 0, 1, 3] = 8.0
    mask = torch.ones_like(t, dtype=torch.bool)
    box = torch.arange(8)[None]
    # The lower median is 3 in both; mean absolute deviations are 16/8 and 17/8.
    expected = (
        sum(abs((a - 3) / (17 / 8) - (b - 3) / 2) for a, b in zip([0, 1, 2, 3, 4, 5, 6, 8], range(8), strict=True)) / 8
    )
    assert losses.rpnl(p, t, mask, box).item() == pytest.approx(expected)
    assert losses.rpnl(3 * t + 5, t, mask, box).item() == pytest.approx(0, abs=1e-12)
    assert losses.rpnl(p, torch.ones_like(t), mask, box).item() == 0


def test_rpnl_leaves_boxes_with_little_ground_truth_out():
    t = torch.arange(16, dtype=torch.float64).reshape(1, 1, 2, 8)
    p = t.flip(-1)
    mask = torch.ones_like(t, dtype=torch.bool)
    mask[0, 0, 1, 1:] = False
    full, sparse = torch.arange(8)[None], torch.arange(8, 16)[None]
    value = losses.rpnl(p, t, mask, full)
    assert value > 0.5
    assert torch.equal(losses.rpnl(p, t, mask, torch.cat([full, sparse])), value)


def test_rpnl_is_a_mean_over_images_whatever_their_boxes():
    t = torch.arange(16, dtype=torch.float64).reshape(1, 1, 2, 8)
    p, mask = t.flip(-1), torch.ones_like(t, dtype=torch.bool)
    half = mask.clone()
    half[0, 0, 1] = False  # no second box in this image
    boxes = torch.stack([torch.arange(8), torch.arange(8, 16)])
    alone = [losses.rpnl(p, t, m, boxes).item() for m in (mask, half)]
    together = losses.rpnl(torch.cat([p, p]), torch.cat([t, t]), torch.cat([mask, half]), boxes).item()
    assert together == pytest.approx(sum(alone) / 2)


def test_box_points_lie_in_boxes_of_the_papers_sizes():
    points = losses.box_points(80, 160, torch.Generator().manual_seed(1), boxes=50, points=2000)
    assert points.shape == (50, 2000) and points.min() >= 0 and points.max() < 80 * 160
    rows, columns = points // 160, points % 160
    heights, widths = ((v.max(1).values - v.min(1).values + 1) for v in (rows, columns))
    assert heights.min() >= 9 and heights.max() <= 41 and widths.min() >= 18 and widths.max() <= 81
    assert heights.float().mean() == pytest.approx(25, abs=4)
    assert rows.max() > 70 and columns.max() > 140


def test_laplace_is_least_where_the_scale_is_the_mean_error():
    p, t = maps([[0.1, 0.3]], [[0.0, 0.0]])
    mask = torch.ones(1, 1, 1, 2, dtype=torch.bool)
    values = {b: losses.laplace(p, t, mask, torch.full_like(p, math.exp(-b))).item() for b in (0.1, 0.2, 0.4)}
    assert values[0.2] == pytest.approx(1 + math.log(0.2))
    assert values[0.2] < values[0.1] and values[0.2] < values[0.4]


def test_laplace_does_not_move_the_depth():
    p = torch.full((1, 1, 1, 2), 0.5, requires_grad=True)
    c = torch.full((1, 1, 1, 2), 0.8, requires_grad=True)
    losses.laplace(p, torch.zeros(1, 1, 1, 2), torch.ones(1, 1, 1, 2, dtype=torch.bool), c).backward()
    assert p.grad is None and c.grad is not None and c.grad.abs().sum() > 0


def test_sky_is_cross_entropy_and_dice_over_known_pixels():
    p = torch.tensor([0.9, 0.2, 0.7]).reshape(1, 1, 1, 3)
    known = torch.tensor([True, True, False]).reshape(1, 1, 1, 3)
    entropy = -(math.log(0.9) + math.log(0.8)) / 2
    assert losses.sky(p, p > 0.5, known).item() == pytest.approx(entropy + 1 - (2 * 0.9 + 1) / (1.1 + 1 + 1))


@pytest.mark.parametrize("name", ["log_l1", "silog", "gradient_matching", "rpnl", "sky", "laplace"])
def test_gradients(name: str):
    generator = torch.Generator().manual_seed(3)
    p, t = (torch.randn(2, 1, 6, 7, dtype=torch.float64, generator=generator) for _ in range(2))
    mask = torch.rand(2, 1, 6, 7, generator=generator) > 0.2
    functions = {
        "rpnl": lambda x: losses.rpnl(x, t, mask, torch.tensor([[*range(30)], [*range(10, 40)]])),
        "sky": lambda x: losses.sky(torch.sigmoid(x), t > 0, mask),
        "laplace": lambda x: losses.laplace(p, t, mask, torch.sigmoid(x)),
    }
    function = functions.get(name, lambda x: getattr(losses, name)(x, t, mask))
    assert torch.autograd.gradcheck(function, (p.clone().requires_grad_(True),))


@pytest.mark.parametrize("name", ["log_l1", "silog", "gradient_matching"])
def test_images_without_ground_truth_add_nothing_and_no_nan(name: str):
    p = torch.randn(2, 1, 8, 8, requires_grad=True)
    value = getattr(losses, name)(p, torch.zeros(2, 1, 8, 8), torch.zeros(2, 1, 8, 8, dtype=torch.bool))
    value.backward()
    assert value.item() == pytest.approx(0, abs=2e-3)
    assert p.grad is not None and p.grad.isfinite().all() and p.grad.abs().sum() == 0
