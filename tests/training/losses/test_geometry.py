"""Losses on points in space against values computed by hand, and their gradients against finite differences."""

from __future__ import annotations

import math

import pytest
import torch

from mono.training.data.batch import grid_rays
from mono.training.losses.geometry import (
    known_pixels,
    near_pairs,
    pairwise_normal,
    surface_normals,
    virtual_normal,
)


def rays(height: int, width: int, focal: float = 20.0) -> torch.Tensor:
    camera = torch.tensor([[focal, focal, (width - 1) / 2, (height - 1) / 2]], dtype=torch.float64)
    return grid_rays(camera, torch.arange(height), torch.arange(width))


def wall(height: int, width: int, depth: float = 4.0) -> torch.Tensor:
    return rays(height, width) * depth


def plane(height: int, width: int, normal: tuple[float, float, float], distance: float) -> torch.Tensor:
    """Points p of normal . p = -distance (the camera is in front of it)."""
    r = rays(height, width)
    n = torch.tensor(normal, dtype=torch.float64)[None, :, None, None]
    n = n / n.norm()
    return r * (-distance / (n * r).sum(1, keepdim=True))


def everywhere(points: torch.Tensor) -> torch.Tensor:
    return torch.ones_like(points[:, :1], dtype=torch.bool)


def draws_of(pixels: list[int], count: int) -> torch.Tensor:
    """Draws that choose these of `count` known pixels, as the corners of one triangle."""
    return (torch.tensor(pixels, dtype=torch.float64)[:, None] + 0.5) / count


def test_rays_by_hand():
    r = grid_rays(torch.tensor([[10.0, 20.0, 1.0, 2.0]]), torch.tensor([2, 6]), torch.tensor([1, 11, 21]))
    assert tuple(r.shape) == (1, 3, 2, 3)
    assert r[0, 0].tolist() == [[0, 1, 2]] * 2
    assert torch.allclose(r[0, 1], torch.tensor([[0.0] * 3, [0.2] * 3]))
    assert (r[0, 2] == 1).all()


def test_known_pixels_are_drawn_from_those_with_ground_truth_alone():
    mask = torch.zeros(2, 1, 2, 4, dtype=torch.bool)
    mask[0, 0, 0, 3] = mask[0, 0, 1, 1] = mask[0, 0, 1, 3] = True
    index = known_pixels(mask, torch.tensor([[0.0, 0.33, 0.34, 0.67, 0.99999999]]))
    assert index[0, 0].tolist() == [3, 3, 5, 7, 7]
    assert index[1, 0].tolist() == [0] * 5


def test_vnl_by_hand():
    # A wall 4 m away; the prediction turns it by 45 degrees about y: n goes from (0, 0, 1) to (1, 0, 1) / sqrt(2).
    true = wall(21, 21)
    predicted = plane(21, 21, (-1.0, 0.0, -1.0), 4 / math.sqrt(2))
    corners = draws_of([0, 20, 20 * 21], 441)  # legs of 4 m along x and y
    expected = 1 / math.sqrt(2) + (1 - 1 / math.sqrt(2))
    assert virtual_normal(predicted, true, everywhere(true), corners).item() == pytest.approx(expected)
    assert virtual_normal(3 * true, true, everywhere(true), corners).item() == pytest.approx(0, abs=1e-12)


def test_vnl_leaves_thin_and_small_triangles_out():
    true, predicted = wall(21, 21), plane(21, 21, (-1.0, 0.0, -1.0), 3.0)
    mask = everywhere(true)
    thin = draws_of([0, 10, 20 + 2 * 21], 441)  # nearly on a line
    small = draws_of([0, 1, 21], 441)  # 0.2 m of 4 m
    good = draws_of([0, 20, 20 * 21], 441)
    assert virtual_normal(predicted, true, mask, thin).item() == 0
    assert virtual_normal(predicted, true, mask, small).item() == 0
    assert virtual_normal(predicted, true, mask, small, apart=0.04).item() > 0.5
    alone = virtual_normal(predicted, true, mask, good).item()
    assert virtual_normal(predicted, true, mask, torch.cat([thin, good, small], 1)).item() == pytest.approx(alone)


def test_vnl_of_an_anisotropic_canonical_space_is_that_of_the_metric_one():
    # Canonical depth unprojected with the canonical focal length has metric X and Y: the stretch is along z alone.
    height, width, focal, factor = 13, 17, 30.0, 2.5
    depth = 3 + torch.rand(1, 1, height, width, dtype=torch.float64)
    camera = torch.tensor([[focal, focal, 8.0, 6.0]], dtype=torch.float64)
    canonical = camera * torch.tensor([factor, factor, 1, 1])
    metric = grid_rays(camera, torch.arange(height), torch.arange(width)) * depth
    stretched = grid_rays(canonical, torch.arange(height), torch.arange(width)) * depth * factor
    assert torch.allclose(stretched[:, :2], metric[:, :2])
    assert torch.allclose(stretched[:, 2], metric[:, 2] * factor)


def test_surface_normals_of_a_plane_point_to_the_camera():
    expected = torch.tensor([0.6, 0.0, -0.8], dtype=torch.float64)
    points = plane(9, 11, (0.6, 0.0, -0.8), 5.0)
    mask = everywhere(points)
    mask[0, 0, 4, 4] = False
    normals, known = surface_normals(points, mask)
    assert torch.allclose(normals[0, :, 2, 7], expected)
    assert known[0, 0, 2, 7] and not known[0, 0, 4, 5] and not known[0, 0, 0, 3] and not known[0, 0, 4, 4]
    assert known.sum() == 7 * 9 - 5


def test_pwn_by_hand():
    # True: a wall on the left half and, from its edge on, a side wall that turns by 60 degrees.
    height, width = 9, 24
    left = plane(height, width, (0.0, 0.0, -1.0), 4.0)
    turned = (-math.sin(math.radians(60)), 0.0, -math.cos(math.radians(60)))
    edge = left[0, :, 4, 11]
    distance = -sum(n * c for n, c in zip(turned, edge.tolist(), strict=True))
    right = plane(height, width, turned, distance)
    true = left.where(torch.arange(width) < 12, right)
    mask = everywhere(true)
    at = lambda row, column: row * width + column  # noqa: E731
    on_plane, across = [at(4, 3), at(5, 8)], [at(4, 8), at(4, 16)]
    flat = wall(height, width)
    # The flat prediction says cosine 1 everywhere: right on the plane, wrong by 1 - cos 60 across the edge.
    assert pairwise_normal(flat, true, mask, torch.tensor([on_plane]).T).item() == pytest.approx(0, abs=1e-12)
    assert pairwise_normal(flat, true, mask, torch.tensor([across]).T).item() == pytest.approx(0.5)
    both = torch.tensor([on_plane, across]).T
    assert pairwise_normal(flat, true, mask, both).item() == pytest.approx(0.25)
    assert pairwise_normal(true * 7, true, mask, both).item() == pytest.approx(0, abs=1e-12)


def test_pwn_leaves_out_parallel_planes_and_pairs_without_ground_truth():
    height, width = 9, 24
    true = torch.where(torch.arange(width) < 12, wall(height, width, 4.0), wall(height, width, 8.0))
    bent = plane(height, width, (0.5, 0.0, -1.0), 4.0) * torch.linspace(1, 2, width, dtype=torch.float64)
    behind = torch.tensor([[4 * width + 4], [4 * width + 18]])
    beside = torch.tensor([[4 * width + 4], [4 * width + 8]])
    mask = everywhere(true)
    assert pairwise_normal(bent, true, mask, behind).item() == 0
    seen = pairwise_normal(bent, true, mask, beside).item()
    assert seen > 1e-4
    assert pairwise_normal(bent, true, mask, torch.cat([behind, beside], 1)).item() == pytest.approx(seen)
    mask[0, 0, 3, 8] = False  # above the pair's second pixel: it has no normal then
    assert pairwise_normal(bent, true, mask, beside).item() == 0


def test_pairs_are_near_and_inside():
    pairs = near_pairs(40, 80, torch.Generator().manual_seed(0))
    assert pairs.shape == (2, 8192) and pairs.min() >= 0 and pairs.max() < 3200
    rows, columns = pairs // 80, pairs % 80
    apart = ((rows[0] - rows[1]).square() + (columns[0] - columns[1]).square()).double().sqrt()
    assert apart.max() <= 11.5 and apart.median() == pytest.approx(math.sqrt(40), abs=1.0)


@pytest.mark.parametrize("loss", ["vnl", "pwn"])
def test_gradients(loss: str):
    generator = torch.Generator().manual_seed(5)
    r = rays(8, 9).expand(2, -1, -1, -1)
    target = 2 + torch.rand(2, 1, 8, 9, dtype=torch.float64, generator=generator)
    depth = 2 + torch.rand(2, 1, 8, 9, dtype=torch.float64, generator=generator)
    mask = torch.rand(2, 1, 8, 9, generator=generator) > 0.1
    draws, pairs = torch.rand(3, 60, generator=generator), near_pairs(8, 9, generator, 60)

    def value(d: torch.Tensor) -> torch.Tensor:
        if loss == "vnl":
            return virtual_normal(r * d, r * target, mask, draws)
        return pairwise_normal(r * d, r * target, mask, pairs)

    assert value(depth) > 0.01
    assert torch.autograd.gradcheck(value, (depth.requires_grad_(True),))


@pytest.mark.parametrize("loss", ["vnl", "pwn"])
def test_images_without_ground_truth_or_with_single_points_give_no_nan(loss: str):
    depth = torch.rand(2, 1, 8, 9, dtype=torch.float64, requires_grad=True)
    points, target = rays(8, 9) * depth, torch.zeros(2, 3, 8, 9, dtype=torch.float64)
    mask = torch.zeros(2, 1, 8, 9, dtype=torch.bool)
    mask[1, 0, 4, 4] = True
    if loss == "vnl":
        value = virtual_normal(points, target, mask, torch.rand(3, 20))
    else:
        value = pairwise_normal(points, target, mask, near_pairs(8, 9, torch.Generator(), 20))
    value.backward()
    assert value.item() == 0
    assert depth.grad is not None and depth.grad.isfinite().all() and depth.grad.abs().sum() == 0


def test_vnl_sees_sparse_ground_truth():
    true, predicted = wall(21, 21), plane(21, 21, (-1.0, 0.0, -1.0), 3.0)
    mask = torch.zeros(1, 1, 21, 21, dtype=torch.bool)
    mask.flatten()[[0, 20, 20 * 21, 440]] = True
    assert virtual_normal(predicted, true, mask, torch.rand(3, 500)).item() == pytest.approx(1.0, abs=0.01)
