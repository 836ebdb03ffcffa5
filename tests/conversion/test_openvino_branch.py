"""Networks in OpenVINO that compute their near branch for images that need it."""

import copy

import numpy as np
import pytest
import torch

import mono
from mono.inference.autotune import job_of
from mono.model.lite_hourglass import REACH

openvino = pytest.importorskip("openvino")


@pytest.fixture(scope="module")
def lite():
    """The network of `lite`."""
    return job_of(mono.load_model("lite", device="cpu")).network


def at(network, meters: float):
    """Copy a network so that its first hourglass finds depths of about so many meters."""
    network = copy.deepcopy(network)
    decoder = network.decoder
    near, far = np.log(decoder.depth_range)
    share = (np.log(meters) - near) / (far - near)
    with torch.no_grad():
        for head in (decoder.coarse_head, decoder.head[2]):
            head.weight.mul_(0.05)
            head.bias.mul_(0)
        decoder.coarse_head.bias.fill_(float(np.log(share / (1 - share))))
    return network


def converted(network):
    from mono.conversion.openvino_branch import has_near_branch, to_openvino_with_branch

    assert has_near_branch(network)
    model = to_openvino_with_branch(network)
    assert [port.any_name for port in model.inputs] == ["image", "principal_point"]
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    return model, openvino.Core().compile_model(model, "CPU", settings)


@pytest.mark.parametrize("meters", [0.5, REACH, 1.8, 6.0])
def test_depth_is_that_of_the_network(lite, meters):
    network = at(lite, meters)
    _, compiled = converted(network)
    for batch, height, width in ((1, 96, 128), (2, 64, 160)):
        image = torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(3))
        point = torch.tensor([[50.0, 30.0]]).expand(batch, 2)
        with torch.no_grad():
            expected = network(image, point)
        found = compiled([image.numpy(), point.numpy()])
        assert len(found) == 3
        for i, values in enumerate((expected.depth, expected.confidence, expected.sky)):
            np.testing.assert_allclose(found[i], values, rtol=2e-3, atol=1e-5)


def test_far_images_are_not_shown_to_the_branch(lite):
    def farthest(meters):
        """Find the farthest depth of a network whose near branch puts all at the end of its range."""
        network = at(lite, meters)
        with torch.no_grad():
            network.decoder.near.head[2].bias.fill_(1e4)
        image, point = torch.zeros(1, 3, 64, 96), torch.tensor([[47.5, 31.5]])
        with torch.no_grad():
            depth = network(image, point).depth
        found = converted(network)[1]([image.numpy(), point.numpy()])[0]
        np.testing.assert_allclose(found, depth, rtol=2e-3)
        return np.median(found)

    assert farthest(REACH) > 100 and farthest(0.5) > 100
    assert farthest(6.0) < 10


def test_the_branch_is_a_part_of_its_own(lite):
    model, _ = converted(lite)
    [choice] = [node for node in model.get_ops() if node.get_type_name() == "If"]
    operations = [len(choice.get_function(i).get_ops()) for i in (0, 1)]
    assert operations[0] > 100 and operations[1] == 6
