"""Images of a batch exchange the statistics of their maps, and nothing else, while training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from mono.system.errors import MetricDepthError
from mono.training.mix_style import exchange_statistics, mix_styles
from mono.training.schedule import Run
from mono.training.trainer import Trainer
from tests.training.small import CONFIG, RECIPE, batch_of


def statistics(maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return maps.mean((2, 3)), maps.std((2, 3))


def test_each_image_has_statistics_between_its_own_and_anothers_and_keeps_its_content():
    torch.manual_seed(0)
    maps = torch.randn(6, 4, 12, 16) * torch.arange(1, 7)[:, None, None, None] + 10 * torch.randn(6, 4, 1, 1)
    result = exchange_statistics(maps)
    mean, std = statistics(maps)
    new_mean, new_std = statistics(result)
    far = 0
    for image in range(6):
        # One share for all channels: (new - own) = share * (other - own) for one other image of the batch.
        matches = []
        for other in range(6):
            share = ((new_mean - mean)[image] * (mean[other] - mean[image])).sum() / (
                (mean[other] - mean[image]).square().sum() + 1e-9
            )
            off = (new_mean[image] - mean[image] - share * (mean[other] - mean[image])).abs().max()
            wide = (new_std[image] - std[image] - share * (std[other] - std[image])).abs().max()
            matches.append(off < 1e-3 and wide < 1e-3 and -1e-4 < share < 1 + 1e-4)
            far += int(matches[-1] and share > 0.5)
        assert any(matches), image
        ours, theirs = (x[image].flatten(1) - x[image].flatten(1).mean(1, keepdim=True) for x in (maps, result))
        assert nn.functional.cosine_similarity(ours, theirs).min() > 0.9999
    assert far >= 1  # some image took most of another's style


def test_half_precision_keeps_the_content_beside_a_large_offset():
    torch.manual_seed(2)
    maps = 3 + torch.randn(8, 2, 16, 16) * torch.tensor([0.05, 1.0] * 4)[:, None, None, None]
    seed = torch.get_rng_state()
    exact = exchange_statistics(maps.bfloat16().float())
    torch.set_rng_state(seed)
    assert (exchange_statistics(maps.bfloat16()).float() - exact).abs().max() < 0.04  # half a step of bfloat16 at 8


def test_a_channel_without_any_spread_stays_finite():
    maps = torch.zeros(3, 2, 4, 4, dtype=torch.bfloat16)
    maps[1] = 5
    result = exchange_statistics(maps)
    assert result.dtype == torch.bfloat16 and torch.isfinite(result.float()).all() and result.abs().max() <= 5.1


def test_only_training_mixes_whether_the_encoder_learns_or_not_and_the_run_without_it_is_as_before(tmp_path: Path):
    def maps(trainer: Trainer, training: bool) -> torch.Tensor:
        torch.manual_seed(3)
        trainer.network.train(training)
        for module in trainer._frozen:
            module.eval()
        image = torch.randn(4, 3, 64, 96, generator=torch.Generator().manual_seed(1))
        image = image * torch.tensor([0.2, 1.0, 2.0, 3.0])[:, None, None, None]
        return trainer.network.encoder(image)[-1]

    run = Run(tmp_path, steps=10, precision="float32")
    plain, mixing, frozen = (
        Trainer(CONFIG, replace(RECIPE, mix_style=share, trained=trained), run)
        for share, trained in ((0.0, ()), (1.0, ()), (1.0, ("decoder.",)))
    )
    for trainer in (mixing, frozen):
        assert torch.equal(maps(plain, False), maps(trainer, False))
        assert (maps(trainer, True) - maps(plain, True)).abs().max() > 1e-2
    assert torch.allclose(maps(plain, True), maps(plain, False), atol=1e-5)


def test_a_run_resumes_exactly(tmp_path: Path):
    def steps(trainer: Trainer, count: int) -> None:
        for _ in range(count):
            torch.manual_seed(trainer.step)
            trainer.update(batch_of(2 + torch.rand(2, 1, 64, 96), torch.randn(2, 3, 64, 96)))

    recipe = replace(RECIPE, mix_style=0.7)
    whole, first, second = (
        Trainer(CONFIG, recipe, Run(tmp_path / name, steps=4, precision="float32")) for name in ("a", "b", "b")
    )
    plain = Trainer(CONFIG, RECIPE, Run(tmp_path / "c", steps=4, precision="float32"))
    steps(whole, 4)
    steps(plain, 4)
    own, others = whole.network.state_dict(), plain.network.state_dict()
    assert any(not torch.equal(own[name], others[name]) for name in own)
    steps(first, 2)
    first.save()
    assert second.resume()
    steps(second, 2)
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(tensor, second.network.state_dict()[name]), name


def test_other_encoders_are_refused_by_name():
    transformer = nn.Module()
    transformer.backbone = nn.Module()
    transformer.backbone.blocks = nn.ModuleList([nn.Identity()] * 3)
    for encoder in (nn.Conv2d(3, 4, 3), transformer):
        with pytest.raises(MetricDepthError, match="mix_style, which is for EfficientNet"):
            mix_styles(nn.ModuleDict({"encoder": encoder}), 0.5)
