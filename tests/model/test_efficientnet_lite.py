"""The small model's encoder is timm's, in function and names."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from mono.model.efficientnet_lite import EfficientNetLite
from mono.model.encoder import TimmEncoder


@pytest.mark.parametrize("training", [False, True])
def test_it_is_timms(training: bool):
    theirs, ours = TimmEncoder("tf_efficientnet_lite0"), EfficientNetLite()
    for tensor in theirs.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape, generator=torch.Generator().manual_seed(tensor.numel())) * 0.5 + 0.1)
    state = {n: t - 0.35 if t.ndim == 4 else t for n, t in theirs.state_dict().items()}
    theirs.load_state_dict(state)
    assert list(ours.state_dict()) == list(state)
    ours.load_state_dict(state)
    assert ours.channels[1:] == theirs.channels
    image = torch.randn(2, 3, 96, 160, generator=torch.Generator().manual_seed(1))
    for a, b in zip(ours.train(training)(image)[1:], theirs.train(training)(image), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5 * float(b.detach().abs().max()))


def test_stochastic_depth_leaves_out_branches_while_training_only():
    torch.manual_seed(0)
    encoder, image = EfficientNetLite(drop_path_rate=0.9), torch.randn(1, 3, 64, 64)
    assert not torch.equal(encoder(image)[3], encoder(image)[3])
    encoder.eval()
    assert torch.equal(encoder(image)[3], encoder(image)[3])


def test_the_small_model_needs_neither_timm_nor_torchvision():
    code = "import sys, mono; mono.load_model('lite', device='cpu'); print({'timm', 'torchvision'} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "set()"
