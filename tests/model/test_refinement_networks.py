import os
from pathlib import Path

import numpy as np
import pytest
import torch

from mono.config import read_config
from mono.model.checkpoint import load_tensors
from mono.model.depth_model import build_depth_model
from mono.model.dinov2 import DinoV2Encoder
from mono.model.refinement import convex_upsample
from mono.model.refinement_decoder import RefinementDecoder
from mono.model.tensor_files import _UNUSED, module_name
from mono.model.token_maps import EnlargedConv
from tests.golden.checkpoints import reference_state
from tests.model.test_networks import GOLDEN, normalized

NETWORKS = {
    "vit_small": ("vit.raft5.small.py", "vit_small_2x112x168_seed51.npz", (2, 112, 168, 51)),
    "vit_large": ("vit.raft5.large.py", "vit_large_1x84x112_seed61.npz", (1, 84, 112, 61)),
    "vit_giant2": ("vit.raft5.giant2.py", "vit_giant2_1x84x112_seed71.npz", (1, 84, 112, 71)),
}
MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def build(name):
    config = read_config(NETWORKS[name][0])
    with torch.device("meta"):
        network = build_depth_model(**config.architecture)
    tensors = {module_name(n): t for n, t in reference_state(name).items()}
    load_tensors(network, {n: t for n, t in tensors.items() if not _UNUSED.match(n)}, Path("reference.pth"), name)
    return network.eval(), config.transform


@pytest.fixture(scope="module")
def small():
    return build("vit_small")


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n != "vit_small" else n for n in NETWORKS])
def test_published_networks_are_reproduced(name):
    if name == "vit_giant2" and MEMORY < 14e9:
        pytest.skip("the giant in float32 needs 14 GB")
    network, transform = build(name)
    golden = np.load(GOLDEN / NETWORKS[name][1])
    with torch.inference_mode():
        images = normalized(*NETWORKS[name][2], transform)
        tokens = network.encoder(images)
        output = network(images)
    for i, (prefix, patches) in enumerate(tokens):
        mean = torch.cat([prefix, patches.flatten(2).transpose(1, 2)], 1).mean(1)
        np.testing.assert_allclose(mean, golden[f"encoder_tokens{i}_mean"], rtol=1e-4, atol=1e-4)
    assert output.depth.shape == golden["prediction"].shape
    np.testing.assert_allclose(output.depth, golden["prediction"], atol=1e-5 * 200)
    np.testing.assert_allclose(output.confidence, golden["confidence"], atol=1e-4)
    np.testing.assert_allclose(output.normal, golden["prediction_normal"][:, :3], atol=1e-4)
    np.testing.assert_allclose(output.normal_confidence, golden["prediction_normal"][:, 3:], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(output.normal.norm(dim=1), 1, atol=1e-5)


@pytest.mark.parametrize("size", [(84, 56), (140, 112), (70, 98), (75, 90)])
def test_batch_and_size_may_change(small, size):
    network, transform = small
    images = normalized(3, *size, 5, transform)
    with torch.inference_mode():
        together = network(images)
        alone = [network(image[None]) for image in images]
    for whole, parts in zip(together[:4], list(zip(*alone, strict=True))[:4], strict=True):
        assert whole.shape[-2:] == size
        np.testing.assert_allclose(whole, torch.cat(parts), atol=1e-3 * whole.abs().max())


def test_every_iteration_counts(small):
    network, transform = small
    images = normalized(1, 84, 112, 3, transform)
    depths = []
    with torch.inference_mode():
        for iterations in (1, 2, 4):
            network.decoder.iterations = iterations
            depths.append(network(images).depth)
    assert (depths[0] - depths[1]).abs().max() > 0.01 and (depths[1] - depths[2]).abs().max() > 0.01


def test_the_position_embedding_is_read_where_a_patch_lies():
    encoder = DinoV2Encoder("vit_small_patch14_reg4_dinov2").eval()
    grid = torch.arange(37.0)[:, None].expand(37, 37).reshape(1, -1, 1).expand(-1, -1, 384)
    with torch.no_grad():
        encoder.backbone.patch_embed.proj.weight.zero_()
        encoder.backbone.patch_embed.proj.bias.zero_()
        encoder.backbone.pos_embed[:, 1:] = grid
        full = encoder._embed(torch.zeros(1, 3, 518, 518), 37, 37)[0, 5:, 0].view(37, 37)
        half = encoder._embed(torch.zeros(1, 3, 252, 518), 18, 37)[0, 5:, 0].view(18, 37)
    assert torch.equal(full[:, 0], torch.arange(37.0))
    np.testing.assert_allclose(half[2:-2, 3], (np.arange(2, 16) + 0.5) * 37 / 18.1 - 0.5, atol=0.05)


def test_convex_upsampling_by_hand():
    x = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    mask = torch.full((1, 9, 4, 4, 2, 2), -1e4)
    mask[:, 4] = 0  # all weight on the pixel itself
    mask[:, 4, 1, 2, 0, 0], mask[:, 5, 1, 2, 0, 0] = -1e4, 0  # row 1, column 2 of the first pixel: its right neighbor
    fine = convex_upsample(x, mask.flatten(1, 3))[0, 0]
    expected = x[0, 0].repeat_interleave(4, 0).repeat_interleave(4, 1)
    expected[1, 2] = 2.0
    assert torch.equal(fine, expected)
    evenly = convex_upsample(torch.ones(1, 2, 3, 3), torch.zeros(1, 144, 3, 3))
    assert evenly.shape == (1, 2, 12, 12)
    np.testing.assert_allclose(evenly[0, 0, 0, 0], 4 / 9)  # beyond the border lie zeros
    np.testing.assert_allclose(evenly[0, 0, 4:8, 4:8], 1, rtol=1e-6)
    repeated = convex_upsample(torch.arange(6.0).view(1, 1, 2, 3), torch.zeros(1, 144, 2, 3), repeat_border=True)
    np.testing.assert_allclose(repeated[0, 0, 0, ::4], [4 / 3, 2, 8 / 3], rtol=1e-6)  # means of 3 x 3 pixels


def test_enlarging_after_the_convolution_is_enlarging_before_it():
    enlarge = EnlargedConv(3, 2)
    x = torch.randn(1, 3, 4, 6)
    large = torch.nn.functional.interpolate(x, scale_factor=3.5, mode="nearest")
    with torch.no_grad():
        np.testing.assert_allclose(enlarge(x), enlarge[0](large), atol=1e-6)


def test_depth_stays_in_its_range():
    decoder = RefinementDecoder([32] * 4, (8, 8, 16, 32), (0.1, 200.0), 2)
    from mono.model.dinov2 import Tokens

    tokens = [Tokens(100 * torch.randn(1, 5, 32), 100 * torch.randn(1, 32, 4, 6))] * 4
    with torch.inference_mode():
        depth, _, normal, normal_confidence = decoder(tokens)
    assert depth.shape == (1, 1, 56, 84) and normal.shape == (1, 3, 56, 84)
    assert depth.min() >= 0.1 and depth.max() <= 200 and normal_confidence.min() >= 0.01


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"iterations": 0}, "iterations is 0"),
        ({"iterations": None}, "needs a number of iterations"),
        ({"widths": (48, 96, 192, 400)}, "the last width is 400"),
        ({"encoder": "convnext_tiny"}, "does not work on encoder"),
        ({"decoder": "LiteDecoder"}, "does not work on encoder"),
        ({"encoder": "convnext_tiny", "decoder": "HourglassDecoder"}, "has no iterations"),
        ({"encoder": "vit_nano_patch14_reg4_dinov2"}, "vit_nano"),
    ],
)
def test_parts_that_do_not_fit_are_named(change, message):
    architecture = {**read_config("vit.raft5.small.py").architecture, **change}
    with pytest.raises(ValueError, match=message):
        build_depth_model(**architecture)


def test_first_depths_keep_their_digits_in_half_precision():
    decoder = RefinementDecoder([32] * 4, (8, 8, 16, 32), (0.1, 200.0), 1)
    names = ("depth_regressor", "normal_predictor")
    near = torch.linspace(70, 130, 24).view(1, 1, 4, 6)  # anchors of about 0.8 to 4.8 m
    logits = -0.5 * (torch.arange(256.0)[None, :, None, None] - near).square()
    for name, values in zip(names, (logits, torch.ones(1, 3, 4, 6)), strict=True):
        setattr(decoder, name, torch.nn.Module())
        getattr(decoder, name).forward = lambda x, values=values: values.to(torch.bfloat16)
    out = torch.zeros(1, 10, 4, 6)
    with torch.inference_mode():
        exact = decoder._first_state(out)
        with torch.autocast("cpu", torch.bfloat16):
            half = decoder._first_state(out.bfloat16())
    assert torch.equal(exact, half)
    depth = half[:, 0] * 100 + 200
    np.testing.assert_allclose(depth.flatten(), 0.1 * 2000 ** (near.flatten() / 255), rtol=0.03)
    assert len(depth.unique()) == 24


def test_half_precision_stays_close_to_the_published_values(small):
    network, transform = small
    golden = np.load(GOLDEN / NETWORKS["vit_small"][1])
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        output = network(normalized(*NETWORKS["vit_small"][2], transform))
    ratio = output.depth.numpy() / golden["prediction"]
    assert np.median(np.abs(ratio - 1)) < 0.02
    cosine = (output.normal.numpy() * golden["prediction_normal"][:, :3]).sum(1)
    assert np.median(np.degrees(np.arccos(np.clip(cosine, -1, 1)))) < 2


def test_half_weights_say_what_autocast_says(small):
    network, transform = small
    images = normalized(1, 84, 112, 3, transform)
    network.decoder.iterations = 4
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        expected = network(images)
    with torch.device("meta"):
        half = build_depth_model(**read_config("vit.raft5.small.py").architecture)
    dtypes = dict.fromkeys(half.half_weights(), torch.bfloat16)
    load_tensors(half, network.state_dict(), Path("x.pth"), "vit_small", dtypes=dtypes)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        output = half.eval()(images)
    assert output.depth.dtype == torch.float32
    assert half.encoder.backbone.blocks[0].mlp.fc1.weight.dtype == torch.bfloat16
    for a, b in zip(output[:4], expected[:4], strict=True):
        assert torch.equal(a, b)
    in_half = sum(t.numel() for t in half.state_dict().values() if t.dtype == torch.bfloat16)
    assert in_half > 0.98 * sum(t.numel() for t in half.state_dict().values())
