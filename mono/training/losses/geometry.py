"""Losses on points in space, (B, 3, H, W): x right, y down, z forward.

Both compare directions, so they hold for depth up to scale. As in `mono.training.losses.depth` they are means over
images, and an image without comparable pixels counts as zero.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from mono.training.losses.depth import image_mean

_COLLINEAR = math.cos(math.radians(30))


def known_pixels(mask: Tensor, draws: Tensor) -> Tensor:
    """Draw random pixels with ground truth as flat indices.

    Args:
        mask: (B, 1, H, W) pixels with ground truth.
        draws: uniform in [0, 1), shared by all images.

    Returns:
        (B, *draws.shape) indices; 0 in images without ground truth.
    """
    count = mask.flatten(1).cumsum(1)
    total = count[:, -1:]
    nth = ((draws.flatten() * total).long() + 1).minimum(total)  # rounding may exceed the total by one
    return torch.searchsorted(count, nth).unflatten(1, draws.shape)


def virtual_normal(points: Tensor, target: Tensor, mask: Tensor, draws: Tensor, apart: float = 0.1) -> Tensor:
    """Compute the virtual normal loss, VNL (Yin et al., ICCV 2019, section 3.2).

    The mean of |n - n*|_1 over random triangles; n is the normal of a triangle of predicted points, n* that of the same
    pixels' ground truth. Triangles with an angle below 30 degrees (nearly collinear) are left out, and those with a
    side shorter than `apart` of their mean depth, whose normals are mostly noise. The paper asks for 0.6 m instead,
    which depends on scale.

    Args:
        points: (B, 3, H, W) predicted points.
        target: (B, 3, H, W) ground truth points.
        mask: (B, 1, H, W) pixels with ground truth.
        draws: (3, N) uniform in [0, 1); choose N triangles among the pixels with ground truth.
        apart: shortest side as a share of the triangle's mean depth.
    """
    index = known_pixels(mask, draws)
    predicted, true = (_at(p, index) for p in (points, target))  # (B, 3 coordinates, 3 corners, N)
    sides = true - true.roll(-1, 2)
    lengths = sides.norm(dim=1)
    directions = F.normalize(sides, dim=1, eps=1e-12)
    cosines = (directions * directions.roll(-1, 2)).sum(1).abs()
    far = (lengths > apart * true[:, 2].mean(1, keepdim=True)).all(1)
    usable = far & (cosines < _COLLINEAR).all(1) & mask.flatten(1).any(1)[:, None]
    error = (_normals_of_triangles(predicted) - _normals_of_triangles(true)).abs().sum(1)
    return image_mean(error, usable).mean()


def _at(points: Tensor, index: Tensor) -> Tensor:
    """Gather points (B, 3, H, W) at flat indices."""
    flat = index.flatten(1)[:, None].expand(-1, 3, -1)
    return points.flatten(2).gather(2, flat).unflatten(2, index.shape[1:])


def _normals_of_triangles(corners: Tensor) -> Tensor:
    a, b, c = corners.unbind(2)
    return F.normalize(torch.cross(b - a, c - a, dim=1), dim=1, eps=1e-12)


def surface_normals(points: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Compute normals from the four neighbors of each pixel.

    Returns:
        Unit normals (B, 3, H, W) facing the camera, and a mask (B, 1, H, W) of pixels whose neighbors are all known.
    """
    along_x = points[..., 1:-1, 2:] - points[..., 1:-1, :-2]
    along_y = points[..., 2:, 1:-1] - points[..., :-2, 1:-1]
    normals = F.normalize(torch.cross(along_y, along_x, dim=1), dim=1, eps=1e-12)
    known = mask[..., 1:-1, 1:-1] & mask[..., 1:-1, 2:] & mask[..., 1:-1, :-2] & mask[..., 2:, 1:-1]
    known = known & mask[..., :-2, 1:-1]
    return F.pad(normals, (1, 1, 1, 1)), F.pad(known, (1, 1, 1, 1))


def near_pairs(height: int, width: int, generator: torch.Generator, count: int = 8192) -> Tensor:
    """Draw random pixel pairs with log-uniform distances.

    Returns:
        (2, count) flat indices; pairs are 4 pixels to a quarter of the map apart.
    """
    y, x, angle, far = torch.rand(4, count, generator=generator)
    reach = max(min(height, width) / 4, 5.0)
    distance = 4 * (reach / 4) ** far
    rows, columns = (y * height).long(), (x * width).long()
    others = (rows + distance * (math.tau * angle).sin()).round().long().clamp(0, height - 1)
    beside = (columns + distance * (math.tau * angle).cos()).round().long().clamp(0, width - 1)
    return torch.stack([rows * width + columns, others * width + beside])


def pairwise_normal(points: Tensor, target: Tensor, mask: Tensor, pairs: Tensor) -> Tensor:
    """Compute the pair-wise normal loss, PWN (Yin et al., CVPR 2021, section 3.3).

    The mean of |n_A . n_B - n*_A . n*_B| over pixel pairs of two kinds: both pixels on one plane, and pixels across an
    edge, where the ground truth normals differ by more than 30 degrees. The paper finds planes by segmentation; here
    two pixels share a plane if their ground truth normals are within 8 degrees and B is off A's tangent plane by less
    than 2 % of A's depth.

    Args:
        points: (B, 3, H, W) predicted points.
        target: (B, 3, H, W) ground truth points.
        mask: (B, 1, H, W) pixels with ground truth; normals need all four neighbors.
        pairs: (2, N) flat indices of A and B from `near_pairs`.
    """
    normals, _ = surface_normals(points, mask)
    true_normals, known = surface_normals(target, mask)
    index = pairs.expand(len(points), -1, -1)
    a, b = _at(normals, index).unbind(2)
    true_a, true_b = _at(true_normals, index).unbind(2)
    place_a, place_b = _at(target, index).unbind(2)
    cosine = (true_a * true_b).sum(1)
    off = (true_a * (place_b - place_a)).sum(1).abs()
    plane = (cosine > math.cos(math.radians(8))) & (off < 0.02 * place_a[:, 2])
    edge = cosine < _COLLINEAR
    both = known.flatten(1)[:, pairs].all(1)
    return image_mean(((a * b).sum(1) - cosine).abs(), both & (plane | edge)).mean()
