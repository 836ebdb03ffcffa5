from pathlib import Path

import pytest
import torch

from mono.canonical import CanonicalTransform
from mono.model.depth_model import NetworkOutput
from mono.predictor import Predictor
from tests.golden.checkpoints import reference_state



@pytest.fixture(scope="session", autouse=True)
def _threads():
    torch.set_num_threads(min(2, torch.get_num_threads()))


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory):
    """convnext_tiny with reference weights, as released: with optimizer state beside it."""
    path = tmp_path_factory.mktemp("checkpoints") / "convtiny.pth"
    state = {"model_state_dict": reference_state("convnext_tiny"), "optimizer": {"lr": 1e-4}, "steps": 3}
    torch.save(state, path)
    return path


class ToyNetwork(torch.nn.Module):
    """Says 20 m in canonical space where the picture is bright and 5 m where it is dark. Fast, and easy to foresee."""

    def forward(self, image):
        depth = 12.5 + 7.5 * torch.tanh(image.mean(1, keepdim=True))
        return NetworkOutput(depth, torch.ones_like(depth))


@pytest.fixture
def toy_predictor():
    return Predictor(
        network=ToyNetwork(),
        transform=CanonicalTransform((64, 96), fit="tight"),
        device=torch.device("cpu"),
        precision="float32",
        name="toy",
        checkpoint=Path("toy.pth"),
        checksum="0" * 64,
    )
