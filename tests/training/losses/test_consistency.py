"""Two views of a frame: what must agree, and what may differ."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
import torch

from mono.geometry.canonical import CanonicalTransform
from mono.training.data.batch import Batch, grid_rays
from mono.training.data.dataset import MixedFrames, loader
from mono.training.data.images import read_frames
from mono.training.data.sampling import BatchPlan
from mono.training.losses.consistency import consistency
from mono.training.recipe import Recipe
from mono.training.schedule import Run
from mono.training.trainer import Trainer
from tests.training.small import CONFIG, RECIPE, write_walls

SIZE = (40, 56)
CANONICAL = 50.0
PAIRED = replace(RECIPE, losses={"log_l1": 1.0, "consistency": 0.5}, batch_pixels=4 * 64 * 96)


def two_views() -> tuple[Batch, torch.Tensor]:
    """A slanted plane in two views of one camera, and the ln of its canonical depth; the second view has padding."""
    cameras = torch.tensor([[60.0, 60.0, 27.0, 19.0], [42.0, 42.0, 20.5, 24.5]])
    factor = CANONICAL / cameras[:, 0]
    depths = []
    for camera, f in zip(cameras, factor, strict=True):
        rays = grid_rays(camera[None], torch.arange(SIZE[0]), torch.arange(SIZE[1]))[0]
        depths.append(f * 4 / (1 + 0.5 * rays[0] - 0.7 * rays[1]))
    intrinsics = torch.cat([cameras[:, :2] * factor[:, None], cameras[:, 2:]], 1)
    area = torch.tensor([[0, 40, 0, 56], [4, 38, 0, 56]])
    nothing = torch.zeros(2, 1, *SIZE)
    batch = Batch(nothing, nothing, intrinsics, factor, area, *[torch.tensor([True, True])] * 2)
    return batch, torch.stack(depths)[:, None].log()


def value(batch: Batch, log_depth: torch.Tensor, step: int = 1) -> float:
    rows, columns = torch.arange(0, SIZE[0], step), torch.arange(0, SIZE[1], step)
    return consistency(log_depth, batch, rows, columns).item()


def test_a_network_that_is_right_in_both_views_agrees_with_itself():
    batch, log_depth = two_views()
    assert value(batch, log_depth) == pytest.approx(0, abs=2e-4)
    assert value(batch, log_depth, 3) == pytest.approx(0, abs=2e-4)
    # Canonical depth itself differs by the ratio of the focal lengths.
    assert value(batch._replace(factor=torch.ones(2)), log_depth) > 0.2


def test_drift_is_what_it_costs():
    batch, log_depth = two_views()
    drift = torch.tensor([0.0, math.log(1.1)])[:, None, None, None]
    assert value(batch, log_depth + drift) == pytest.approx(math.log(1.1), abs=2e-4)
    assert value(batch, log_depth + math.log(1.1)) == pytest.approx(0, abs=2e-4)


def test_pixels_are_matched_by_their_direction():
    batch, log_depth = two_views()
    moved = batch.intrinsics.clone()
    moved[1, 2] += 3
    assert value(batch._replace(intrinsics=moved), log_depth) > 0.01


def test_padding_and_what_one_view_alone_shows_do_not_count():
    batch, log_depth = two_views()
    wrong = log_depth.clone()
    wrong[1, :, :3] += 9  # padding of the second view; row 3 is next to the image and takes no part either
    assert value(batch, wrong) == pytest.approx(0, abs=2e-4)
    apart = batch._replace(area=torch.tensor([[0, 1, 0, 1], [0, 1, 55, 56]]))
    assert value(apart, log_depth) == 0


def test_gradients():
    batch, log_depth = two_views()
    doubled = Batch(*(t.double() if t.is_floating_point() else t for t in batch))
    noise = 0.1 * torch.randn(2, 1, *SIZE, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    base = log_depth.double() + noise
    rows, columns = torch.arange(2, 40, 13), torch.arange(1, 56, 11)
    # One number moves a tile of 4x4 pixels: numerical gradients of 1/16 as many inputs.
    tiles = torch.zeros(2, 1, -(-SIZE[0] // 4), -(-SIZE[1] // 4), dtype=torch.float64, requires_grad=True)

    def loss(tiles: torch.Tensor) -> torch.Tensor:
        moved = tiles.repeat_interleave(4, 2).repeat_interleave(4, 3)[..., : SIZE[0], : SIZE[1]]
        return consistency(base + moved, doubled, rows, columns)

    assert torch.autograd.gradcheck(loss, (tiles,))


@pytest.mark.parametrize("mode", ["image", "label"])
def test_views_of_the_data_agree_for_a_perfect_network(tmp_path: Path, mode: Literal["image", "label"]):
    frames = read_frames([write_walls(tmp_path, 3)])
    transform = CanonicalTransform(crop_size=(96, 128), focal_length=60.0, mode=mode, fit="tight")
    recipe: Recipe = replace(PAIRED, focal_jitter=0.2)
    plan = BatchPlan.from_frames(frames, recipe, transform, seed=4)
    keys = plan.batch(0)
    assert [key.view for key in keys] == [0, 1] * (len(keys) // 2)
    assert all(a[:3] == b[:3] for a, b in zip(keys[::2], keys[1::2], strict=True))
    batch = next(iter(loader(MixedFrames(frames, transform, recipe, 160.0), plan, 0, 0)))
    assert not torch.equal(batch.factor[::2], batch.factor[1::2])
    log_depth = batch.target.clamp_min(0.1).log()
    rows, columns = torch.arange(64), torch.arange(96)
    assert consistency(log_depth, batch, rows, columns).item() == pytest.approx(0, abs=1e-5)
    assert consistency(log_depth, batch._replace(factor=torch.ones(4)), rows, columns).item() > 0.01


def test_processes_get_whole_pairs(tmp_path: Path):
    frames = read_frames([write_walls(tmp_path, 3)])
    odd = replace(PAIRED, batch_pixels=5 * 64 * 96)
    plan = BatchPlan.from_frames(frames, odd, CONFIG.transform, seed=4, processes=2)
    assert len(plan.batch(0)) == 8


def test_a_recipe_can_ask_for_it(tmp_path: Path, annotations: Path):
    trainer = Trainer(CONFIG, PAIRED, Run(tmp_path, steps=2, precision="float32"), read_frames([annotations]))
    plan = BatchPlan.from_frames(read_frames([annotations]), PAIRED, CONFIG.transform, 0)
    data = MixedFrames(read_frames([annotations]), CONFIG.transform, PAIRED, 160.0)
    message = trainer.update(next(iter(loader(data, plan, 0, 0))))
    assert message["loss"] == pytest.approx(message["log_l1"] + 0.5 * message["consistency"], rel=1e-5)
    # An untrained network says one canonical depth, so the views differ by their factors.
    assert message["consistency"] > 0
