"""A recipe's losses on a batch: what each kind of ground truth asks for."""

from __future__ import annotations

import math

import pytest
import torch

from mono.model.depth_model import NetworkOutput
from mono.system.errors import MetricDepthError
from mono.training.data.batch import FAR, SKY, SURFACE
from mono.training.losses.objective import compute_losses
from mono.training.recipe import LOSSES
from tests.training.small import batch_of

ALL = dict.fromkeys(LOSSES, 1.0)
SCALE_FREE = ("silog", "gradient", "rpnl", "vnl", "pwn", "log_l1")


def output_of(depth: torch.Tensor) -> NetworkOutput:
    return NetworkOutput(depth, torch.full_like(depth, 0.8), sky=torch.full_like(depth, 0.01))


def hills(seed: int, count: int = 2, size: tuple[int, int] = (32, 48)) -> torch.Tensor:
    coarse = torch.rand(count, 1, 5, 6, generator=torch.Generator().manual_seed(seed))
    return 2 + 4 * torch.nn.functional.interpolate(coarse, size, mode="bilinear", align_corners=True)


def losses_of(depth: torch.Tensor, target: torch.Tensor, metric: bool = True, stride: int = 2) -> dict[str, float]:
    generator = torch.Generator().manual_seed(1)
    found = compute_losses(output_of(depth), batch_of(target, metric=metric), ALL, generator, stride)
    return {name: value.item() for name, value in found.items()}


def sky_loss(probability: float, *targets: float) -> float:
    target = torch.tensor(targets).repeat_interleave(8).expand(1, 1, 8, -1).clone()
    output = output_of(hills(0, 1, (8, target.shape[-1])))
    output = output._replace(sky=torch.full_like(target, probability))
    return compute_losses(output, batch_of(target), {"sky": 1.0}, torch.Generator(), 1)["sky"].item()


def test_sky_is_known_from_surfaces_and_from_unknown():
    entropy = -math.log(0.9)
    assert sky_loss(0.9, SKY) == pytest.approx(entropy + 1 - (2 * 57.6 + 1) / (64 + 57.6 + 1), rel=1e-4)
    assert sky_loss(0.9, SKY, 0.0) == pytest.approx(sky_loss(0.9, SKY), rel=1e-4)  # what is unknown does not count
    for surface in (3.0, FAR, SURFACE):
        assert sky_loss(0.1, surface) == pytest.approx(entropy + 1 - 1 / (6.4 + 1), rel=1e-4)
    assert sky_loss(0.9, SKY, 3.0) > sky_loss(0.6, SKY, 3.0) > sky_loss(0.5, SKY, SKY)


def test_edges_compare_neighbors_of_measured_ground_truth():
    depth, target = torch.ones(1, 1, 4, 6), torch.ones(1, 1, 4, 6)
    target[..., 3:], depth[..., 4:] = 2.0, 2.0  # the step is a pixel too far to the right
    for measured, expected in ((True, 2 * math.log(2) / 5), (False, 0.0)):
        batch = batch_of(target)._replace(measured=torch.tensor([measured]))
        found = compute_losses(output_of(depth), batch, {"edges": 1.0}, torch.Generator())["edges"].item()
        assert found == pytest.approx(expected, rel=1e-5)


def test_a_network_without_sky_is_refused():
    output = output_of(hills(0))._replace(sky=None)
    with pytest.raises(MetricDepthError, match="set sky_widths"):
        compute_losses(output, batch_of(hills(1)), ALL, torch.Generator())


def test_sky_is_to_have_the_lowest_confidence():
    depth, target = hills(0, 1), torch.full((1, 1, 32, 48), -1.0)

    def likelihood(scale: float, target: torch.Tensor) -> float:
        output = output_of(depth)._replace(confidence=torch.full_like(depth, math.exp(-scale)))
        return compute_losses(output, batch_of(target), {"laplace": 1.0}, torch.Generator())["laplace"].item()

    assert likelihood(2.0, target) == pytest.approx(1 + math.log(2.0), rel=1e-4)
    assert likelihood(2.0, target) < likelihood(1.5, target) < likelihood(0.1, target)
    # Half of it sky: the other half counts as ever.
    target[..., 24:] = depth[..., 24:] * math.exp(0.5)
    assert likelihood(0.5, target) == pytest.approx((2 / 0.5 + 0.5 / 0.5) / 2 + math.log(0.5), rel=1e-4)


@pytest.mark.parametrize("name", LOSSES)
def test_each_loss_can_be_asked_for_alone(name: str):
    found = compute_losses(output_of(hills(0)), batch_of(hills(1)), {name: 0.3}, torch.Generator())
    assert list(found) == [name] and found[name].ndim == 0 and found[name].isfinite()


def test_a_perfect_network_has_no_loss():
    target = hills(0)
    found = losses_of(target, target)
    for name in SCALE_FREE:
        assert found[name] == pytest.approx(0, abs=2e-3), name


@pytest.mark.parametrize("factor", [0.01, 0.5, 30.0])
def test_ground_truth_up_to_scale_asks_for_shape_alone(factor: float):
    depth, target = hills(0), hills(1)
    plain, scaled = losses_of(depth, target, False), losses_of(depth, factor * target, False)
    assert plain == pytest.approx(scaled, rel=1e-3, abs=1e-4)
    assert plain["laplace"] == 0
    assert losses_of(factor * target, target, False)["log_l1"] == pytest.approx(0, abs=1e-4)
    # Metric ground truth does not forgive it.
    assert losses_of(depth, factor * target)["log_l1"] > losses_of(depth, target)["log_l1"] + 0.2


@pytest.mark.parametrize("name", SCALE_FREE)
def test_ground_truth_up_to_scale_does_not_move_the_scale(name: str):
    log_depth = hills(0).log().requires_grad_(True)
    batch = batch_of(9 * hills(1), metric=False)
    (value,) = compute_losses(output_of(log_depth.exp()), batch, {name: 1.0}, torch.Generator()).values()
    value.backward()
    assert log_depth.grad is not None
    # A step along all logarithms together is a change of scale.
    assert abs(log_depth.grad.sum().item()) < 0.01 * log_depth.grad.abs().sum().item()


def test_mixed_batches_treat_each_image_by_its_kind():
    depth, target = hills(0), hills(1)
    batch = batch_of(target)._replace(metric=torch.tensor([True, False]))
    both = compute_losses(output_of(depth), batch, {"log_l1": 1.0}, torch.Generator().manual_seed(1))
    first = losses_of(depth[:1], target[:1])["log_l1"]
    second = losses_of(depth[1:], target[1:], False)["log_l1"]
    assert both["log_l1"].item() == pytest.approx((first + second) / 2, rel=1e-5)


def test_no_confidence_is_learned_from_what_a_network_said():
    depth, target = hills(0), hills(1)
    target[:, :, :5] = SKY
    only = {"laplace": 1.0, "log_l1": 1.0}
    computed, known = (
        compute_losses(output_of(depth), batch_of(t, measured=m), only, torch.Generator().manual_seed(1))
        for t, m in ((target, False), (torch.where(target == SKY, target, 0.0), True))
    )
    assert computed["laplace"].item() == pytest.approx(
        known["laplace"].item(), rel=1e-6
    )  # the sky is known all the same
    assert computed["log_l1"].item() == pytest.approx(losses_of(depth, target)["log_l1"], rel=1e-6)


def test_single_points_are_seen_at_stride_one():
    depth, target = hills(0, 1), torch.zeros(1, 1, 32, 48)
    for row, column in [(0, 0), (1, 5), (10, 11), (21, 2)]:
        target[0, 0, row, column] = depth[0, 0, row, column] * math.exp(0.5 + row / 100)
    assert losses_of(depth, target, stride=1)["log_l1"] == pytest.approx(0.5 + 32 / 400, rel=1e-4)


def test_no_ground_truth_at_all_gives_zero_and_no_nan():
    depth = hills(0).requires_grad_(True)
    for metric in (True, False):
        asked = {name: weight for name, weight in ALL.items() if name != "consistency"}  # which needs none
        nothing = batch_of(torch.zeros(2, 1, 32, 48), metric=metric)
        found = compute_losses(output_of(depth), nothing, asked, torch.Generator())
        found.pop("consistency", None)  # needs no ground truth
        total = torch.stack(list(found.values())).sum()
        (gradient,) = torch.autograd.grad(total, depth)
        assert total.item() == pytest.approx(0, abs=2e-3) and gradient.isfinite().all()
