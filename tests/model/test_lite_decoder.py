"""The lite decoder: sizes, ranges, what it sees."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch.fx.experimental.proxy_tensor import make_fx

from mono.config import read_config
from mono.model.depth_model import DepthModel, build_depth_model, fit_heads
from mono.model.lite_decoder import Bilinear, EdgeHead, LiteDecoder
from mono.model.lite_hourglass import FADE, REACH, Hourglass, NearBranch, project_with_finer, viewing_directions
from mono.model.output import SKY_DEPTH, SkyMode

CHANNELS = (24, 40, 112, 320)
PLAIN = {
    "encoder": "tf_efficientnet_lite0",
    "decoder": "LiteDecoder",
    "widths": (16, 16, 16, 16),
    "depth_range": (0.1, 200.0),
    "sky_widths": (8, 8, 16),
    "edge_width": 8,
    "near_blocks": 1,
}


def encoder_maps(height: int, width: int, batch: int = 1, seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    sizes = [(height // s, width // s) for s in (4, 8, 16, 32)]
    return [torch.randn(batch, c, *size, generator=generator) for c, size in zip(CHANNELS, sizes, strict=True)]


@pytest.fixture
def decoder() -> LiteDecoder:
    torch.manual_seed(0)
    decoder = LiteDecoder(CHANNELS, (16, 16, 32, 32), (0.1, 200.0)).eval()
    for parameter in decoder.parameters():  # heads begin at zero
        torch.nn.init.normal_(parameter, std=0.1)
    return decoder


@pytest.mark.parametrize(("height", "width"), [(64, 96), (96, 32), (32, 32)])
def test_full_size_maps_within_their_ranges(decoder: LiteDecoder, height: int, width: int):
    with torch.no_grad():
        depth, confidence = decoder([m * 30 for m in encoder_maps(height, width, batch=2)])[:2]
    assert depth.shape == confidence.shape == (2, 1, height, width)
    assert depth.min() >= 0.1 - 1e-6 and depth.max() <= 200 + 1e-3
    assert confidence.min() >= math.exp(-2.0) - 1e-6 and confidence.max() <= math.exp(-0.01) + 1e-6


def test_untrained_network_says_one_depth_in_the_middle_of_its_range():
    torch.manual_seed(0)
    with torch.no_grad():
        depth, confidence = LiteDecoder(CHANNELS, (16, 16, 32, 32), (0.1, 200.0))(encoder_maps(64, 64))[:2]
    assert torch.allclose(depth, torch.full_like(depth, math.sqrt(0.1 * 200)), rtol=1e-4)
    assert torch.allclose(confidence, torch.full_like(confidence, math.exp(-1)), rtol=1e-4)


def test_every_place_sees_the_whole_image(decoder: LiteDecoder):
    maps = encoder_maps(64, 256)
    changed = [m.clone() for m in maps]
    changed[3][..., -1] += 3.0  # the right end at 1/32
    with torch.no_grad():
        left = (decoder(changed)[0] - decoder(maps)[0])[..., :8].abs().max()
    assert left > 1e-4


def test_batch_equals_single(decoder: LiteDecoder):
    one, two = encoder_maps(64, 64, seed=1), encoder_maps(64, 64, seed=2)
    with torch.no_grad():
        both = decoder([torch.cat(pair) for pair in zip(one, two, strict=True)])[0]
        alone = torch.cat([decoder(one)[0], decoder(two)[0]])
    assert torch.allclose(both, alone, rtol=1e-4)


def test_directions_without_a_camera_are_symmetric_and_in_input_pixels():
    grid = viewing_directions(torch.zeros(1, 5, 3, 4), stride=32)
    assert grid[0, 0, 0].tolist() == [-48 / 256, -16 / 256, 16 / 256, 48 / 256]
    assert grid[0, 1, :, 0].tolist() == [-32 / 256, 0, 32 / 256]


def test_a_crop_sees_the_directions_of_the_place_it_was_cut_from():
    whole = viewing_directions(torch.zeros(1, 5, 4, 6), 8, torch.tensor([[20.0, 13.5]]))
    part = viewing_directions(torch.zeros(1, 5, 2, 3), 8, torch.tensor([[20.0 - 16, 13.5 - 8]]))
    assert torch.equal(part, whole[:, :, 1:3, 2:5])
    two = viewing_directions(torch.zeros(2, 5, 4, 6), 8, torch.tensor([[20.0, 13.5], [0.0, 0.0]]))
    assert torch.equal(two[:1], whole) and two[1, 0, 0, 0] == two[1, 1, 0, 0] == 3.5 / 256


def sky_network(sky: SkyMode) -> DepthModel:
    torch.manual_seed(2)
    network = build_depth_model(**PLAIN, sky=sky).eval()
    for name, parameter in network.decoder.named_parameters():
        if name.startswith("sky_head"):
            torch.nn.init.normal_(parameter, std=0.1)
    return network


def test_a_sky_head_leaves_depth_as_it_is_and_marks_the_sky():
    image = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        kept, invalid, far = (sky_network(mode)(image) for mode in ("keep", "invalid", "far"))
        weights = {k: v for k, v in sky_network("keep").state_dict().items() if "sky_head" not in k}
        plain = build_depth_model(**fit_heads(PLAIN, weights)).eval()
        plain.load_state_dict(weights)
        without = plain(image)
    assert without.sky is None and not plain.predicts_sky
    assert torch.equal(kept.depth, without.depth) and torch.equal(kept.confidence, without.confidence)
    sky = kept.sky >= 0.5
    assert kept.sky.shape == kept.depth.shape and 0.05 < sky.float().mean() < 0.95
    assert torch.equal(kept.sky, invalid.sky)
    for filled, depth in ((invalid, SKY_DEPTH), (far, 200.0)):
        assert (filled.depth[sky] == depth).all() and torch.equal(filled.depth[~sky], kept.depth[~sky])


def test_an_edge_head_starts_as_bilinear_interpolation():
    head, coarse = EdgeHead(4, 8, 8), torch.randn(2, 1, 5, 6)
    with torch.no_grad():
        fine = head(coarse, torch.randn(2, 4, 10, 12), torch.randn(2, 8, 5, 6))
    bilinear = torch.nn.functional.interpolate(coarse, scale_factor=4, mode="bilinear", align_corners=False)
    assert fine.shape == (2, 1, 20, 24)
    assert (fine - bilinear).abs().mean() < 0.03 * coarse.std()


def test_an_edge_head_can_draw_a_step_between_two_pixels():
    head = EdgeHead(4, 8, 8)
    with torch.no_grad():
        head.weights.bias.fill_(-1e4)
        head.weights.bias.view(9, 4, 4)[4, :, :3] = 0  # three columns of each cell are its own,
        head.weights.bias.view(9, 4, 4)[5, :, 3] = 0  # the fourth is its right neighbor's
        coarse = torch.tensor([0.0, 1.0]).view(1, 1, 1, 2)
        fine = head(coarse, torch.randn(1, 4, 2, 4), torch.randn(1, 8, 1, 2))
    assert fine[0, 0, 2].tolist() == [0, 0, 0, 1, 1, 1, 1, 1]


def test_an_edge_head_leaves_the_confidence_and_older_weights_have_none():
    tensors = sky_network("keep").state_dict()
    older = {name: tensor for name, tensor in tensors.items() if "edge_head" not in name}
    network = build_depth_model(**fit_heads({**PLAIN, "sky": "keep"}, older)).eval()
    network.load_state_dict(older)
    image = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        before, after = network(image), sky_network("keep")(image)
    assert torch.equal(before.confidence, after.confidence) and torch.equal(before.sky, after.sky)
    assert not torch.equal(before.depth, after.depth)
    assert (before.depth / after.depth).log().abs().mean() < 0.05


def found(usual: float, near: float) -> DepthModel:
    """A network whose hourglasses find one depth each [m]."""
    network = sky_network("keep")
    for hourglass, depth in ((network.decoder, usual), (network.decoder.near, near)):
        share = math.log(depth / 0.1) / math.log(2000)  # of the log of 0.1 to 200 m
        torch.nn.init.constant_(hourglass.coarse_head.bias, math.log(share / (1 - share)))
    return network


@pytest.mark.parametrize(
    ("usual", "depth"),
    [(20.0, 20.0), (2.6, 2.6), (1.8, 1.68), (REACH, math.sqrt(0.5 * REACH)), (0.65, 0.5), (0.2, 0.5)],
)
def test_the_near_branch_takes_over_where_the_usual_depth_is_within_reach(usual: float, depth: float):
    image = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        output, other = found(usual, 0.5)(image), found(usual, 0.6)(image)
    assert torch.allclose(output.depth, torch.full_like(output.depth, depth), rtol=0.04)
    assert torch.equal(output.sky, other.sky)  # sky does not know of it


def test_far_images_are_not_shown_to_the_near_branch(monkeypatch: pytest.MonkeyPatch):
    image, decoded = torch.randn(2, 3, 64, 96), []
    monkeypatch.setattr(NearBranch, "decode", lambda self, *args: decoded.append(1) or Hourglass.decode(self, *args))
    with torch.no_grad():
        found(1.01 * REACH * math.exp(FADE), 0.5)(image)
        assert not decoded
        found(0.99 * REACH * math.exp(FADE), 0.5)(image)
        assert decoded == [1]
        found(20.0, 0.5).train()(image)  # parameters without a gradient would stop distributed training
        assert decoded == [1, 1]


def test_graphs_hold_both_hourglasses():
    far, near = (found(usual, 0.5).requires_grad_(False) for usual in (20.0, 0.5))
    image, point = torch.randn(2, 1, 3, 64, 96), torch.tensor([[40.0, 30.0]])
    with torch.no_grad():
        for network in (far, near):
            expected = torch.stack([network(one, point).depth for one in image])
            mapped = torch.vmap(lambda one, network=network: network(one, point).depth)(image)
            torch.testing.assert_close(mapped, expected, rtol=1e-4, atol=0)
        recorded = make_fx(lambda one: near(one, point).depth)(image[0])
        traced = torch.jit.trace(lambda one: near(one, point).depth, (image[0],), check_trace=False)
        for graph in (recorded, traced):
            near.decoder.coarse_head.bias.fill_(10.0)  # far now
            torch.testing.assert_close(graph(image[0]), near(image[0], point).depth, rtol=1e-4, atol=0)


def test_each_image_of_a_batch_has_its_own_share():
    network, image = found(REACH, 0.5), torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(4))
    torch.nn.init.normal_(network.decoder.coarse_head.weight, std=0.1)
    with torch.no_grad():
        batch, alone = network(image).depth, torch.cat([network(one[None]).depth for one in image])
    assert torch.allclose(batch, alone, rtol=1e-3) and len({round(d.mean().item(), 3) for d in batch}) == 3


def test_far_images_teach_the_near_branch_nothing():
    for usual, learns in ((20.0, False), (0.6, True)):
        network = found(usual, 0.5).train()
        network(torch.randn(2, 3, 64, 64)).depth.log().sum().backward()
        gradient = network.decoder.near.coarse_head.bias.grad
        assert (gradient.abs() > 1).all() if learns else (gradient == 0).all()


def test_older_weights_have_no_near_branch():
    tensors = {name: tensor for name, tensor in found(50.0, 0.5).state_dict().items() if ".near." not in name}
    older = build_depth_model(**fit_heads({**PLAIN, "sky": "keep"}, tensors)).eval()
    older.load_state_dict(tensors)
    image = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.allclose(older(image).depth, found(50.0, 0.5)(image).depth, rtol=1e-6)


def test_training_keeps_the_depth_of_sky():
    network = sky_network("invalid").train()
    assert network(torch.randn(2, 3, 64, 64)).depth.max() <= 200


def test_shipped_size():
    network = build_depth_model(**read_config("lite.py").architecture)
    tensors = network.state_dict().values()
    head = [p.numel() for name, p in network.named_parameters() if "sky_head" in name]
    assert 0 < 2 * sum(head) < 200_000
    assert sum(p.numel() for p in network.parameters()) < 6.5e6
    assert sum(2 * t.numel() for t in tensors) < 13e6


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (9, 12)])
def test_bilinear_upsampling_is_torchs(size):
    x = torch.randn(2, 1, *size)
    torch.testing.assert_close(Bilinear()(x), F.interpolate(x, scale_factor=4, mode="bilinear", align_corners=False))
    assert not Bilinear().state_dict()


def test_finer_maps_are_read_as_their_cells_are():
    conv = torch.nn.Conv2d(4 * 5 + 3, 7, 1)
    finer, beside = torch.randn(2, 5, 8, 12), torch.randn(2, 3, 4, 6)
    expected = conv(torch.cat([F.pixel_unshuffle(finer, 2), beside], 1))
    torch.testing.assert_close(project_with_finer(conv, finer, beside), expected)
