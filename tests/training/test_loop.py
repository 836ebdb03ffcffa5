"""The loop: it learns, and its weights load."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mono.model.checkpoint import load_tensors, read_tensors
from mono.model.depth_model import build_depth_model
from mono.training.data.images import read_frames
from mono.training.loop import export, train
from mono.training.schedule import LAST, PROGRESS, Run, rate
from mono.training.trainer import Trainer
from mono.training.validate import read_sets, validate
from tests.training.small import CONFIG, LOSSES, RECIPE, batch_of


def test_training_learns_and_leaves_what_it_promises(tmp_path: Path, annotations: Path):
    run = Run(tmp_path, steps=40, precision="float32", workers=0, every=(1e9, 10, 20))
    recipe = replace(RECIPE, ema=0.8, focal_jitter=0.0)
    trainer = train(CONFIG, recipe, read_frames([annotations]), read_sets([annotations], 2), run)
    lines = [json.loads(line) for line in (tmp_path / PROGRESS).read_text().splitlines()]
    assert [line["step"] for line in lines] == [10, 20, 20, 30, 40, 40]
    assert lines[4]["log_l1"] < 0.6 * lines[0]["log_l1"]
    assert set(LOSSES) <= set(lines[0])
    assert lines[5]["validation"][annotations.parent.name]["abs_rel"] < 1

    weights = tmp_path / "w.safetensors"
    export(tmp_path / LAST, weights, {"config": "small.py"})
    network = build_depth_model(**CONFIG.architecture).eval()
    load_tensors(network, read_tensors(weights), weights, "small.py")
    image = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        assert torch.allclose(network(image).depth, trainer.average(image).depth, rtol=0.05)
    assert set(torch.load(tmp_path / LAST, weights_only=True)) >= {"model_state_dict", "optimizer_state_dict", "step"}


def test_what_is_done_is_not_trained_again(tmp_path: Path, annotations: Path):
    run = Run(tmp_path, steps=2, precision="float32", workers=0)
    frames = read_frames([annotations])
    train(CONFIG, RECIPE, frames, {}, run)
    before = torch.load(tmp_path / LAST, weights_only=True)
    again = train(CONFIG, RECIPE, frames, {}, run)
    assert again.step == 2
    for name, tensor in again.average.state_dict().items():
        assert torch.equal(tensor, before["model_state_dict"][name])


@pytest.mark.parametrize(
    "encoder, decoder, widths, iterations",
    [
        ("tf_efficientnet_lite0", "LiteDecoder", (16, 16, 16, 16), None),
        ("convnext_atto", "HourglassDecoder", (16, 16, 32, 64), None),
        ("vit_small_patch14_reg4_dinov2", "RefinementDecoder", (48, 96, 192, 384), 2),
    ],
)
def test_every_kind_of_network_learns_whole(
    tmp_path: Path, encoder: str, decoder: str, widths: tuple[int, ...], iterations: int | None
):
    config = replace(CONFIG, encoder=encoder, decoder=decoder, widths=widths, iterations=iterations)
    recipe = replace(RECIPE, frozen_blocks=0, losses={"silog": 1.0, "vnl": 1.0, "pwn": 1.0, "rpnl": 1.0}, drop_path=0.1)
    trainer = Trainer(config, recipe, Run(tmp_path, steps=9, precision="float32"))
    before = {n: p.clone() for n, p in trainer.network.named_parameters()}
    side = 84 if iterations else 64
    target = 2 + torch.rand(2, 1, side, side)
    for _ in range(2):
        values = trainer.update(batch_of(target, torch.randn(2, 3, side, side)))
    assert all(math.isfinite(value) for value in values.values())
    # Processes that share a run count on a gradient for every parameter.
    assert all(p.grad is not None for p in trainer.network.parameters())
    moved = [n for n, p in trainer.network.named_parameters() if not torch.equal(p, before[n])]
    assert any(n.startswith("encoder") for n in moved) and any(n.startswith("decoder") for n in moved)


def test_frozen_blocks_are_for_efficientnets(tmp_path: Path):
    config = replace(CONFIG, encoder="convnext_atto")
    with pytest.raises(ValueError, match="set frozen_blocks=0"):
        Trainer(config, RECIPE, Run(tmp_path, steps=1))


def test_a_gradient_that_is_not_finite_changes_nothing(tmp_path: Path):
    trainer = Trainer(CONFIG, RECIPE, Run(tmp_path, steps=10, precision="float32"))
    before = {n: p.clone() for n, p in trainer.network.named_parameters()}
    image = torch.full((2, 3, 64, 96), math.nan)
    trainer.update(batch_of(torch.full((2, 1, 64, 96), 3.0), image))
    assert all(torch.equal(p, before[n]) for n, p in trainer.network.named_parameters())


def test_rate_rises_then_falls():
    assert rate(0.0, 0.1) == 0.01
    assert rate(0.05, 0.1) == pytest.approx(0.5)
    assert rate(0.1, 0.1) == pytest.approx(1.0)
    assert rate(0.55, 0.1) == pytest.approx(0.505)
    assert rate(1.0, 0.1) == pytest.approx(0.01)


def test_a_run_is_measured_by_the_clock_or_by_steps(tmp_path: Path):
    assert Run(tmp_path, minutes=2).share_done(999, 60) == 0.5
    assert Run(tmp_path, steps=10).share_done(4, 1e9) == 0.4


def test_validation_by_hand(annotations: Path):
    network = build_depth_model(**{**CONFIG.architecture, "depth_range": (1.0, 16.0)}).eval()
    (score,) = validate(network, CONFIG.transform, read_sets([annotations], 5)).values()
    # It says 4 m where 2 m and 8 m are true.
    assert score.abs_rel == pytest.approx((1.0 + 0.5) / 2, rel=1e-3)
    assert score.delta1 == 0 and score.aligned_delta1 == 1
    assert score.scale == pytest.approx((0.5 + 2) / 2, rel=1e-3)
    assert score.spread == pytest.approx(math.log(4) / 2, rel=1e-3)


def test_images_are_spread_over_a_set(annotations: Path):
    (chosen,) = read_sets([annotations], 1).values()
    assert len(chosen) == 1


def test_training_can_start_from_a_checkpoint(tmp_path: Path):
    first = Trainer(CONFIG, RECIPE, Run(tmp_path, steps=1))
    first.save()
    again = Trainer(CONFIG, RECIPE, Run(tmp_path / "b", steps=1, seed=5, start=tmp_path / LAST))
    for name, tensor in first.average.state_dict().items():
        assert torch.equal(tensor, again.average.state_dict()[name]), name
