from pathlib import Path

import torch

ROOT = Path(__file__).parents[1]


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
    assert output.normal.shape == (1, 3, 56, 84) and sum(p.numel() for p in small.parameters()) == 37_494_667
