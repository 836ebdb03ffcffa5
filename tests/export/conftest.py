"""Real networks as files, each exported once."""

from dataclasses import replace

import pytest
import torch

import mono
from mono.config import read_config
from mono.conversion.formats import SUFFIXES
from mono.export.options import ExportOptions
from mono.export.write import export
from mono.geometry.canonical import CanonicalTransform
from mono.model.depth_model import build_depth_model
from tests.toys import toy_predictor


def small_vit():
    """A ViT with refinement and normals, of one block and one iteration, with random weights; its steps are small."""
    torch.manual_seed(5)
    network = build_depth_model(**{**read_config("vit.raft5.small.py").architecture, "iterations": 1})
    network.encoder.backbone.blocks = network.encoder.backbone.blocks[:1]
    network.encoder.taps = [1] * 4
    with torch.no_grad():
        for conv in (network.decoder.update_block.flow_head.conv2d, network.decoder.update_block.flow_head.conv2n):
            conv.weight.mul_(0.05)
    transform = CanonicalTransform((84, 112), multiple=28)
    return replace(toy_predictor(network.eval().requires_grad_(False)), transform=transform, name="vit")


@pytest.fixture(scope="session")
def network_file(tmp_path_factory):
    """Export "lite" or "vit" alone with one size and batch 1: a function of both names to the file and agreements."""
    made = {}

    def make(name, kind):
        if (name, kind) not in made:
            predictor = mono.load_model("lite", device="cpu") if name == "lite" else small_vit()
            options = ExportOptions(network_only=True, size=(160, 128) if name == "lite" else (112, 84), batch=1)
            path = tmp_path_factory.mktemp(name) / f"{name}{SUFFIXES[kind]}"
            made[name, kind] = path, export(predictor, kind, path, options)
        return made[name, kind]

    return make
