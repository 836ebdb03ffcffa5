"""Detail decoder: sizes, ranges, sky, and edges as sharp as a pixel."""

from __future__ import annotations

import math

import pytest
import torch

from mono.model.depth_model import build_depth_model
from mono.model.detail_decoder import DetailDecoder
from mono.model.output import SKY_DEPTH

CHANNELS = (16, 24, 40, 112, 320)


def encoder_maps(height: int, width: int, batch: int = 1, seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    sizes = [(height // s, width // s) for s in (2, 4, 8, 16, 32)]
    return [torch.randn(batch, c, *size, generator=generator) for c, size in zip(CHANNELS, sizes, strict=True)]


@pytest.fixture
def decoder() -> DetailDecoder:
    torch.manual_seed(0)
    decoder = DetailDecoder(CHANNELS, (8, 16, 16, 32, 32), (0.1, 200.0)).eval()
    for parameter in decoder.parameters():  # heads begin at zero
        torch.nn.init.normal_(parameter, std=0.1)
    return decoder


@pytest.mark.parametrize(("height", "width"), [(64, 96), (96, 32), (32, 32)])
def test_full_size_maps_within_their_ranges(decoder: DetailDecoder, height: int, width: int):
    with torch.no_grad():
        output = decoder([m * 30 for m in encoder_maps(height, width, batch=2)])
    assert output.sky is not None
    assert output.depth.shape == output.confidence.shape == output.sky.shape == (2, 1, height, width)
    assert output.depth.min() >= 0.1 - 1e-6 and output.depth.max() <= 200 + 1e-3
    assert output.confidence.min() >= math.exp(-2.0) - 1e-6 and output.confidence.max() <= math.exp(-0.01) + 1e-6
    assert 0 <= output.sky.min() < 0.1 and 0.9 < output.sky.max() <= 1


def test_untrained_network_predicts_the_middle_of_its_range_and_no_opinion_on_sky():
    torch.manual_seed(0)
    with torch.no_grad():
        output = DetailDecoder(CHANNELS, (8, 16, 16, 32, 32), (0.1, 200.0))(encoder_maps(64, 64))
    assert torch.allclose(output.depth, torch.full_like(output.depth, math.sqrt(0.1 * 200)), rtol=1e-4)
    assert torch.equal(output.sky, torch.full_like(output.depth, 0.5))


def test_neighboring_pixels_of_one_cell_differ(decoder: DetailDecoder):
    with torch.no_grad():
        depth = decoder(encoder_maps(64, 64)).depth
    within = (depth[..., ::2, 1::2] / depth[..., ::2, ::2]).log().abs()
    assert within.median() > 0.01


def test_principal_point_changes_depth(decoder: DetailDecoder):
    maps = encoder_maps(64, 64)
    with torch.no_grad():
        center, shifted = (decoder(maps, torch.tensor([point])).depth for point in ([31.5, 31.5], [31.5, 90.0]))
        default = decoder(maps).depth
    assert torch.equal(center, default)
    assert (shifted / center).log().abs().max() > 0.01


def test_batch_equals_single(decoder: DetailDecoder):
    one, two = encoder_maps(64, 64, seed=1), encoder_maps(64, 64, seed=2)
    with torch.no_grad():
        both = decoder([torch.cat(pair) for pair in zip(one, two, strict=True)])
        alone = decoder(one), decoder(two)
    for row, single in enumerate(alone):
        for batched, map_ in ((both.depth, single.depth), (both.sky, single.sky)):
            assert torch.allclose(batched[row], map_[0], rtol=1e-5, atol=1e-6)


def test_model_gives_sky_and_keeps_it_when_resized():
    torch.manual_seed(0)
    model = build_depth_model("tf_efficientnet_lite0", "DetailDecoder", (8, 16, 16, 32, 32), (0.1, 200.0)).eval()
    with torch.no_grad():
        output = model(torch.randn(1, 3, 64, 96))
    assert model.uses_principal_point
    assert output.sky is not None and output.sky.shape == (1, 1, 64, 96)
    assert (output.depth == SKY_DEPTH).all()  # an untrained network gives a half, which counts as sky
    assert output.resized((32, 48)).sky.shape == (1, 1, 32, 48)
