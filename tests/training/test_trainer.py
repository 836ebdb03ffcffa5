"""Single training steps, initial weights and the moving average."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mono.training.data.batch import SKY
from mono.training.schedule import LAST, Run
from mono.training.trainer import Trainer
from tests.training.small import CONFIG, RECIPE, batch_of


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
    trainer = Trainer(CONFIG, replace(RECIPE, frozen_blocks=0), Run(tmp_path, steps=10, precision="float32"))
    before, average = ({n: t.clone() for n, t in m.state_dict().items()} for m in (trainer.network, trainer.average))
    image = torch.full((2, 3, 64, 96), math.nan)
    trainer.update(batch_of(torch.full((2, 1, 64, 96), 3.0), image))
    assert all(torch.equal(t, before[n]) for n, t in trainer.network.state_dict().items())
    assert all(torch.equal(t, average[n]) for n, t in trainer.average.state_dict().items())


def test_a_network_that_predicts_sky_besides_a_head_needs_the_loss_sky(tmp_path: Path):
    config = replace(CONFIG, decoder="DetailDecoder", widths=(16, 16, 16, 16, 16))
    with pytest.raises(ValueError, match="would call anything sky without the loss sky"):
        Trainer(config, RECIPE, Run(tmp_path, steps=1))
    Trainer(config, replace(RECIPE, losses={"silog": 1.0, "sky": 1.0}), Run(tmp_path, steps=1))


def test_only_confidences_that_announce_an_error_learn_from_it(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")
    config = replace(CONFIG, encoder="convnext_atto", decoder="HourglassDecoder", widths=(16, 16, 32, 64))
    trainer = Trainer(config, replace(RECIPE, frozen_blocks=0), Run(tmp_path, steps=1))
    assert set(RECIPE.losses) - set(trainer.losses) == {"laplace"}
    assert "announces no error: the loss laplace is left out" in caplog.text
    assert Trainer(CONFIG, RECIPE, Run(tmp_path, steps=1)).losses == RECIPE.losses


def test_training_can_start_from_a_checkpoint(tmp_path: Path):
    first = Trainer(CONFIG, RECIPE, Run(tmp_path, steps=1))
    first.save()
    again = Trainer(CONFIG, RECIPE, Run(tmp_path / "b", steps=1, seed=5, start=tmp_path / LAST))
    for name, tensor in first.average.state_dict().items():
        assert torch.equal(tensor, again.average.state_dict()[name]), name


def test_the_average_follows_the_weights(tmp_path: Path):
    trainer = Trainer(CONFIG, RECIPE, Run(tmp_path, steps=9, precision="float32"))
    name = "decoder.head.0.weight"
    before = trainer.average.state_dict()[name].clone()
    trainer.update(batch_of(torch.full((2, 1, 64, 96), 3.0), torch.randn(2, 3, 64, 96)))
    own = trainer.network.state_dict()[name]
    # After the first step the decay is 2 / 11, whatever the recipe says.
    expected = before + (own - before) * (1 - 2 / 11)
    assert torch.allclose(trainer.average.state_dict()[name], expected, atol=1e-7)
    assert not torch.equal(own, before)


SKY_CONFIG = replace(CONFIG, sky_widths=(8, 8, 8))
SKY_RECIPE = replace(RECIPE, frozen_blocks=0, losses={"sky": 1.0}, trained=("decoder.sky_head",))


def test_a_sky_head_learns_beside_depth_that_stays(tmp_path: Path):
    Trainer(CONFIG, RECIPE, Run(tmp_path, steps=1)).save()  # weights of before there was a head
    trainer = Trainer(SKY_CONFIG, SKY_RECIPE, Run(tmp_path / "b", steps=30, start=tmp_path / LAST, precision="float32"))
    before = {name: tensor.clone() for name, tensor in trainer.network.state_dict().items()}
    target = torch.full((2, 1, 64, 96), 3.0)
    target[..., :48] = SKY
    image = torch.randn(2, 3, 64, 96)
    image[..., :48] += 3
    losses = [trainer.update(batch_of(target, image))["sky"] for _ in range(12)]
    assert losses[-1] < 0.7 * losses[0]
    for state in (trainer.network.state_dict(), trainer.average.state_dict()):
        moved = {name for name, tensor in state.items() if not torch.equal(tensor, before[name])}
        assert moved and all(name.startswith("decoder.sky_head.") for name in moved)


def test_a_sky_head_that_does_not_learn_is_left_out(tmp_path: Path):
    Trainer(SKY_CONFIG, SKY_RECIPE, Run(tmp_path, steps=1)).save()
    trainer = Trainer(SKY_CONFIG, RECIPE, Run(tmp_path / "b", steps=1, start=tmp_path / LAST))
    assert not trainer.network.predicts_sky
    again = Trainer(SKY_CONFIG, SKY_RECIPE, Run(tmp_path / "c", steps=1, start=tmp_path / LAST))
    assert again.network.predicts_sky


def test_an_edge_head_is_added_where_it_learns(tmp_path: Path):
    Trainer(CONFIG, RECIPE, Run(tmp_path, steps=1)).save()  # weights of before there was an edge head
    start, config = tmp_path / LAST, replace(SKY_CONFIG, edge_width=8)
    added = Trainer(config, RECIPE, Run(tmp_path / "b", steps=1, start=start))
    assert any("edge_head" in name for name in added.network.state_dict())
    decoder = Trainer(config, replace(RECIPE, trained=("decoder",)), Run(tmp_path / "e", steps=1, start=start))
    assert any("edge_head" in name for name in decoder.network.state_dict())
    sky_alone = Trainer(config, SKY_RECIPE, Run(tmp_path / "c", steps=1, start=start))
    assert not any("edge_head" in name for name in sky_alone.network.state_dict())
    added.save()
    kept = Trainer(config, SKY_RECIPE, Run(tmp_path / "d", steps=1, start=tmp_path / "b" / LAST))
    for name, tensor in added.average.state_dict().items():
        assert torch.equal(tensor, kept.network.state_dict()[name]), name


def test_a_near_branch_starts_as_a_copy_where_it_learns(tmp_path: Path):
    Trainer(SKY_CONFIG, SKY_RECIPE, Run(tmp_path, steps=1)).save()
    config = replace(SKY_CONFIG, near_blocks=2)
    near = replace(SKY_RECIPE, losses={"log_l1": 1.0}, trained=("decoder.near",))
    added = Trainer(config, near, Run(tmp_path / "near", steps=1, start=tmp_path / LAST))
    own = added.network.state_dict()
    branch = [name for name in own if name.startswith("decoder.near.")]
    assert any("context.1" in name for name in branch)
    for name in branch:
        assert torch.equal(own[name], own[name.replace(".near.", ".")]), name
    learning = {name for name, parameter in added.network.named_parameters() if parameter.requires_grad}
    assert learning == {name for name, _ in added.network.named_parameters() if name.startswith("decoder.near.")}
    assert any("sky_head" in name for name in own)  # which goes on to read what it has read
    for recipe in (SKY_RECIPE, RECIPE):
        without = Trainer(config, recipe, Run(tmp_path / "other", steps=1, start=tmp_path / LAST))
        assert not any(".near." in name for name in without.network.state_dict())


def test_parts_that_there_are_not_cannot_be_trained(tmp_path: Path):
    with pytest.raises(ValueError, match='trains "decoder\\.sky", and'):
        Trainer(CONFIG, replace(RECIPE, trained=("decoder.sky",)), Run(tmp_path, steps=1))
