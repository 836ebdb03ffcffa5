"""Muon beside AdamW: which weights it moves, how far, and that its state is kept."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mono.training.schedule import Run
from mono.training.trainer import Trainer
from tests.training.small import CONFIG, RECIPE, batch_of

pytestmark = pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch has Muon from 2.9 on")
WIDE = replace(CONFIG, widths=(32, 32, 32, 32), near_blocks=1)
ALL = ("encoder", "decoder", "decoder.near")  # a near branch learns where it is named
MUON = replace(RECIPE, optimizer="muon", frozen_blocks=0, weight_decay=0.0, warmup=0.0, clip=1e9, trained=ALL)


def changes(trainer: Trainer) -> dict[str, torch.Tensor]:
    """One step on noise: how far each weight moved. The last layers start at 0, where nothing before them would."""
    for name, parameter in trainer.network.named_parameters():
        if name.endswith((".coarse_head.weight", ".head.2.weight")):
            torch.nn.init.normal_(parameter, 0, 0.1)
    before = {n: p.detach().clone() for n, p in trainer.network.named_parameters()}
    trainer.update(batch_of(2 + torch.rand(2, 1, 64, 96), torch.randn(2, 3, 64, 96)))
    return {n: p.detach() - before[n] for n, p in trainer.network.named_parameters()}


def test_muons_steps_are_orthogonal_and_of_adamws_size(tmp_path: Path):
    moved = changes(Trainer(WIDE, MUON, Run(tmp_path, steps=1000, precision="float32")))
    wide, parts = moved["encoder.backbone.blocks.2.1.conv_pw.weight"], ("decoder", "decoder.near")
    filters = [moved[f"{part}.fuse_1.conv_2.weight"].permute(0, 2, 3, 1).flatten(1) for part in parts]
    for change, lr in ((wide.flatten(1), MUON.encoder_lr), *((change, MUON.lr) for change in filters)):
        stretch = torch.linalg.svdvals(change) / (0.2 * lr * math.sqrt(max(change.shape)))
        # Five iterations bring all but the smallest singular values to 0.7 to 1.2; AdamW's would spread over decades.
        assert stretch.quantile(0.25) > 0.7 and stretch.max() < 1.3
        assert change.square().mean().sqrt() == pytest.approx(0.2 * lr, rel=0.25)


def test_depthwise_filters_and_last_layers_stay_with_adamw(tmp_path: Path):
    moved = changes(Trainer(WIDE, MUON, Run(tmp_path, steps=1000, precision="float32")))
    for name, lr in (
        ("encoder.backbone.blocks.5.1.conv_dw.weight", MUON.encoder_lr),
        ("decoder.head.0.weight", MUON.lr),
        ("decoder.head.0.bias", MUON.lr),
        ("decoder.near.head.0.weight", MUON.lr),
    ):
        # AdamW's first step moves each weight by its learning rate, whatever the gradient.
        assert moved[name].abs().median() == pytest.approx(lr, rel=0.05), name


def test_a_run_with_muon_resumes_exactly(tmp_path: Path):
    def steps(trainer: Trainer, count: int) -> None:
        for _ in range(count):
            torch.manual_seed(trainer.step)
            trainer.update(batch_of(2 + torch.rand(2, 1, 64, 96), torch.randn(2, 3, 64, 96)))

    whole = Trainer(WIDE, MUON, Run(tmp_path / "whole", steps=4, precision="float32"))
    steps(whole, 4)
    first = Trainer(WIDE, MUON, Run(tmp_path / "parts", steps=4, precision="float32"))
    steps(first, 2)
    first.run.out.mkdir()
    first.save()
    second = Trainer(WIDE, MUON, Run(tmp_path / "parts", steps=4, precision="float32"))
    assert second.resume()
    steps(second, 2)
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(tensor, second.network.state_dict()[name]), name


def test_a_torch_without_muon_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delattr(torch.optim, "Muon")
    with pytest.raises(ValueError, match='"muon" needs torch 2'):
        Trainer(WIDE, MUON, Run(tmp_path, steps=1))


def test_optimizers_are_known_by_name():
    with pytest.raises(ValueError, match='no optimizer "sgd"; known: adamw, muon'):
        replace(RECIPE, optimizer="sgd")


def test_muon_without_matrices_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="nothing but heads learns"):
        Trainer(WIDE, replace(MUON, trained=("decoder.head",)), Run(tmp_path, steps=1))
