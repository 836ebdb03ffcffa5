"""The network of focal lengths: sizes, ranges and what it cannot see."""

from __future__ import annotations

import math

import pytest
import torch

from mono.model.focal_network import SCALE_RANGE, FocalNetwork, input_size


@pytest.fixture(scope="module")
def network() -> FocalNetwork:
    torch.manual_seed(0)
    return FocalNetwork().eval()


@pytest.mark.parametrize(
    ("image", "wanted"),
    [
        ((640, 480), (128, 96)),
        ((480, 640), (96, 128)),
        ((1000, 1000), (112, 112)),
        ((1242, 375), (208, 64)),
        ((9000, 10), (240, 48)),
    ],
)
def test_inputs_keep_the_aspect_and_about_the_area(image, wanted) -> None:
    assert input_size(*image) == wanted


def test_before_training_it_gives_a_usual_lens_for_any_size(network: FocalNetwork) -> None:
    for width, height in ((128, 96), (96, 128), (208, 64)):
        with torch.inference_mode():
            tangent, scale = network(torch.randn(3, 3, height, width))
        torch.testing.assert_close(tangent, torch.full((3,), math.log(21.6 / 33)))
        torch.testing.assert_close(scale, torch.full((3,), 0.15))


def test_it_is_small_and_its_error_has_bounds(network: FocalNetwork) -> None:
    assert sum(p.numel() for p in network.parameters()) < 1.1e6
    last = network.estimate[2].bias
    kept = last.data.clone()
    try:
        for value, bound in ((-9.0, SCALE_RANGE[0]), (9.0, SCALE_RANGE[1])):
            last.data[1] = value
            with torch.inference_mode():
                assert float(network(torch.zeros(1, 3, 96, 128))[1]) == pytest.approx(bound)
    finally:
        last.data.copy_(kept)


def test_it_sees_where_things_are(network: FocalNetwork) -> None:
    torch.manual_seed(1)
    other = FocalNetwork().eval()
    torch.nn.init.normal_(other.estimate[2].weight)
    image = torch.zeros(1, 3, 96, 128)
    image[..., :48, :] = 1.0
    with torch.inference_mode():
        above, below = other(image)[0], other(image.flip(2))[0]
    assert abs(float(above - below)) > 1e-4
