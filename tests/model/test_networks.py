from pathlib import Path

import numpy as np
import pytest
import torch

from mono.config import read_config
from mono.model.checkpoint import load_tensors
from mono.model.depth_model import build_depth_model
from mono.model.tensor_files import module_name
from tests.golden.checkpoints import reference_state
from tests.golden.reference_values import reference_image

GOLDEN = Path(__file__).parents[1] / "golden"
NETWORKS = {
    "convnext_tiny": ("convtiny.0.3_150.py", "convnext_tiny_2x96x160_seed11.npz", (2, 96, 160, 11)),
    "convnext_large": ("convlarge.0.3_150.py", "convnext_large_1x64x96_seed21.npz", (1, 64, 96, 21)),
}


def build(config_name, state, name):
    config = read_config(config_name)
    network = build_depth_model(**config.architecture)
    load_tensors(network, {module_name(n): t for n, t in state.items()}, Path("reference.pth"), name)
    return network.eval(), config


def normalized(count, height, width, seed, transform):
    images = np.stack([reference_image(height, width, seed + i) for i in range(count)]).astype(np.float32)
    images = (images - np.float32(transform.mean)) / np.float32(transform.std)
    return torch.from_numpy(images.transpose(0, 3, 1, 2).copy())


@pytest.mark.parametrize("name", ["convnext_tiny", pytest.param("convnext_large", marks=pytest.mark.slow)])
def test_published_networks_are_reproduced(name):
    config_name, file, (count, height, width, seed) = NETWORKS[name]
    network, config = build(config_name, reference_state(name), name)
    golden = np.load(GOLDEN / file)
    with torch.inference_mode():
        images = normalized(count, height, width, seed, config.transform)
        maps = network.encoder(images)
        output = network(images)
    for stage, values in enumerate(maps):
        np.testing.assert_allclose(values.mean((2, 3)), golden[f"encoder_stage{stage}_mean"], rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(output.depth, golden["prediction"], rtol=1e-4)
    scale = np.abs(golden["confidence"]).max()
    np.testing.assert_allclose(output.confidence, golden["confidence"], atol=1e-4 * scale)


def test_the_batch_size_may_change_between_calls():
    network, config = build("convtiny.0.3_150.py", reference_state("convnext_tiny"), "convnext_tiny")
    images = normalized(3, 64, 96, 5, config.transform)
    with torch.inference_mode():
        together = network(images).depth
        alone = torch.cat([network(image[None]).depth for image in images])
        network(torch.zeros(1, 3, 96, 64))
    np.testing.assert_allclose(together, alone, rtol=1e-5)


def test_an_unknown_part_is_named():
    with pytest.raises(ValueError, match='no decoder "Unet"'):
        build_depth_model("convnext_tiny", "Unet", (1,), (0.1, 1))
    with pytest.raises(ValueError, match="convnext_nano_of_my_own"):
        build_depth_model("convnext_nano_of_my_own", "HourglassDecoder", (1, 1, 1, 1), (0.1, 1))
