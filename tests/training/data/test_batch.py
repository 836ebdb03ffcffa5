"""Batches: rays of pixels and their points."""

from __future__ import annotations

import torch

from mono.training.data.batch import grid_rays


def test_rays_go_through_pixels_with_unit_z():
    intrinsics = torch.tensor([[10.0, 20.0, 2.0, 3.0], [5.0, 5.0, 0.0, 0.0]])
    rays = grid_rays(intrinsics, torch.tensor([3.0, 5.0]), torch.tensor([2.0, 12.0, 7.0]))
    assert rays.shape == (2, 3, 2, 3)
    assert (rays[:, 2] == 1).all()
    assert rays[0, :, 0, 0].tolist() == [0.0, 0.0, 1.0]
    assert torch.allclose(rays[0, :, 1, 1], torch.tensor([1.0, 0.1, 1.0]))
    assert torch.allclose(rays[1, :, 1, 2], torch.tensor([1.4, 1.0, 1.0]))
