from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]


def test_published_calls_work():
    network = torch.hub.load(str(ROOT), "lite", source="local", pretrain=True)
    image = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    depth, confidence, maps = network.inference({"input": image})
    assert depth.shape == confidence.shape == (1, 1, 64, 96) and not depth.requires_grad
    assert maps["prediction"] is depth and "prediction_normal" not in maps
    assert torch.equal(depth, torch.hub.load(str(ROOT), "lite", source="local").inference({"input": image})[0])
    random = torch.hub.load(str(ROOT), "lite", source="local", pretrain=False).inference({"input": image})[0]
    assert not torch.allclose(random, depth)
    with pytest.raises(ValueError, match="metricdepth download vit_small"):
        torch.hub.load(str(ROOT), "metric3d_vit_small", source="local", pretrain=True)


def test_hub_entries_give_networks():
    network = torch.hub.load(str(ROOT), "lite", source="local")
    with torch.inference_mode():
        depth = network(torch.zeros(1, 3, 64, 96)).depth
    assert depth.shape == (1, 1, 64, 96) and bool((depth > 0).all())
    tiny = torch.hub.load(str(ROOT), "metric3d_convnext_tiny", source="local")
    assert sum(p.numel() for p in tiny.parameters()) == 30_931_634
    small = torch.hub.load(str(ROOT), "metric3d_vit_small", source="local")
    with torch.inference_mode():
        output = small(torch.zeros(1, 3, 56, 84))
    depth, confidence, maps = small.inference({"input": torch.zeros(1, 3, 56, 84)})
    assert torch.equal(depth, output.depth) and torch.equal(confidence, output.confidence)
    assert torch.equal(maps["prediction_normal"][:, :3], output.normal)
    assert torch.equal(maps["prediction_normal"][:, 3:], output.normal_confidence)
    assert output.normal.shape == (1, 3, 56, 84) and sum(p.numel() for p in small.parameters()) == 37_494_667
