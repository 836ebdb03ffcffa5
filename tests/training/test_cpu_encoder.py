"""The backbone made ready for training computes and learns as the plain one does."""

from __future__ import annotations

import copy

import pytest
import torch

from mono.model.efficientnet_lite import EfficientNetLite
from mono.model.encoder import TimmEncoder
from mono.training.cpu_encoder import prepare_backbone


def encoder(name: str) -> TimmEncoder | EfficientNetLite:
    torch.manual_seed(0)
    encoder = (EfficientNetLite() if name == "ours" else TimmEncoder(name)).eval()
    for module in encoder.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0, 0.3)
    return encoder


@pytest.mark.parametrize("name", ["efficientnet_lite0", "tf_efficientnet_lite0", "ours"])
def test_same_maps_same_gradients_same_names(name: str):
    plain = encoder(name)
    ready = copy.deepcopy(plain)
    prepare_backbone(ready, frozen_blocks=2)
    ready.train()
    image = torch.randn(2, 3, 64, 96)
    ours, theirs = ready(image), plain(image)
    for a, b in zip(ours, theirs, strict=True):
        assert torch.allclose(a, b, rtol=1e-3, atol=1e-4 * float(b.detach().abs().max()))
    for maps in (ours, theirs):
        sum(m.square().mean() for m in maps).backward()
    expected = {n: p.grad for n, p in plain.named_parameters()}
    learned = {n: p.grad for n, p in ready.named_parameters() if p.requires_grad}
    assert "backbone.blocks.2.0.conv_pw.weight" in learned and "backbone.blocks.5.1.bn2.bias" in learned
    for parameter, gradient in learned.items():
        assert torch.allclose(gradient, expected[parameter], rtol=1e-2, atol=1e-3 * float(gradient.abs().max())), (
            parameter
        )
    assert list(ready.state_dict()) == list(plain.state_dict())


def test_first_stages_and_depthwise_filters_stay():
    ready = encoder("ours")
    prepare_backbone(ready, frozen_blocks=2)
    fixed = {n for n, p in ready.named_parameters() if not p.requires_grad}
    assert {"backbone.conv_stem.weight", "backbone.blocks.1.1.bn3.bias", "backbone.blocks.4.0.conv_dw.weight"} <= fixed
    assert "backbone.blocks.2.0.bn1.weight" not in fixed


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_depthwise_filters_run_backwards_in_bfloat16_on_cuda():
    ready = encoder("ours").cuda()
    prepare_backbone(ready, frozen_blocks=2)
    with torch.autocast("cuda", torch.bfloat16):
        maps = ready(torch.randn(2, 3, 64, 96, device="cuda"))
    sum(m.float().square().mean() for m in maps).backward()
    assert all(p.grad.isfinite().all() for p in ready.parameters() if p.requires_grad)
