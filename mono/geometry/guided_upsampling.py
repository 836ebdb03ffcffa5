"""Joint bilateral upsampling (Kopf et al., SIGGRAPH 2007): where depth has an edge, the photo says where exactly.

A network sees a photo smaller than it is, and bilinear interpolation smears a silhouette's step over the pixels between
two of the network's. Here each of them takes the mean of those around, in which those of its own color count.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

_DEPTH_STEP = math.log(1.05)  # step from which on neighbors of a small map have an edge between them, in log depth
_SKY, _SKY_STEP = 0.5, 0.1  # probability from which on a pixel is sky, and a step of it that is an edge
_REACH = 2  # [px of the small map], how far to each side a pixel looks
_COLOR_SPREAD = 8.0  # standard deviation of the colors of one surface, of 255
_ANY_COLOR = 1e-4  # weight of colors that differ altogether, so that no pixel is left without a mean
_FINEST = 4  # pixels of the photo to one of the small map, in each direction, that are told apart
_AT_ONCE = 1 << 14  # pixels, so that what belongs to them stays in a processor's cache


def guided_upsampling(resized: Sequence[Tensor], small: Sequence[Tensor], photo: np.ndarray, farthest: float) -> None:
    """Bring edges of resized maps to where the photo has them.

    Depth becomes 0 where most of what looks alike has none or, beside such, is sky.

    Args:
        resized: depth [m], confidence and, if known, sky, each (H, W), interpolated linearly; changed in place.
        small: the same maps before, each (h, w).
        photo: (H, W, 3) uint8.
        farthest: depth [m] from which on a pixel of `small` has none, as that of sky.
    """
    import cv2
    import torch

    sky = small[2] if len(small) > 2 else None
    full, size = photo.shape[:2], tuple(_FINEST * side for side in small[0].shape)
    size = (min(full[0], size[0]), min(full[1], size[1]))
    if size != full:
        photo = cv2.resize(photo, size[::-1], interpolation=cv2.INTER_AREA)
    valid = (small[0] > 0) & (small[0] < farthest)
    log_depth = small[0].where(valid, farthest).log()
    edges = _edges(log_depth, sky)
    pixels = _places(edges, size)
    share, log_sum, *others = _means(torch.stack([valid, log_depth * valid, *small[1:]]), photo, pixels)
    found = share >= 0.5
    if sky is not None:
        found &= (others[1] < _SKY) | (share > 1 - 1e-6)
    means = torch.stack([(log_sum / share).exp().where(found, 0), *others])
    if size != full:
        pixels, nearest = _nearest(edges, pixels, size, full)
        means = means.index_select(1, nearest)
    for values, new in zip(resized, means, strict=True):
        values.view(-1).index_copy_(0, pixels, new)


def _edges(log_depth: Tensor, sky: Tensor | None) -> Tensor:
    """Find the pixels (h, w) that an edge parts from one of their eight neighbors, whatever depth sky has."""
    import torch

    found = torch.zeros_like(log_depth, dtype=torch.bool)
    if sky is not None:
        log_depth = log_depth.masked_fill(sky >= _SKY, torch.inf)
    before, after, both = slice(None, -1), slice(1, None), slice(None)
    for here, there in (
        ((before, both), (after, both)),
        ((both, before), (both, after)),
        ((before, before), (after, after)),
        ((before, after), (after, before)),
    ):
        steps = (log_depth[here] - log_depth[there]).abs() > _DEPTH_STEP
        if sky is not None:
            steps |= (sky[here] - sky[there]).abs() > _SKY_STEP
        found[here] |= steps
        found[there] |= steps
    return found


def _places(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the places of a mask's pixels in a flat image of another size."""
    import torch

    row, column = (torch.arange(n, device=mask.device) * k // n for n, k in zip(size, mask.shape, strict=True))
    return mask.index_select(0, row).index_select(1, column).flatten().nonzero()[:, 0]


def _nearest(mask: Tensor, pixels: Tensor, size: tuple[int, int], full: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return a mask's places in an image of the size `full`, and for each the nearest one's number in `pixels`."""
    import torch

    number = pixels.new_zeros(size[0] * size[1])
    number[pixels] = torch.arange(len(pixels), device=pixels.device)
    places = _places(mask, full)
    row, column = places // full[1] * size[0] // full[0], places % full[1] * size[1] // full[1]
    return places, number.index_select(0, row * size[1] + column)


def _means(maps: Tensor, photo: np.ndarray, pixels: Tensor) -> Tensor:
    """Average maps (C, h, w) around pixels (N,) of the photo, weighted by nearness and color; return (C, N)."""
    import cv2
    import torch

    _, height, width = maps.shape
    full_height, full_width = photo.shape[:2]
    shrunk = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)
    colors = torch.from_numpy(photo.reshape(-1, 3)[pixels.cpu().numpy()]).to(maps.device)
    cells = torch.cat([torch.from_numpy(shrunk).to(maps.device).view(-1, 3).float(), maps.flatten(1).t()], 1)
    means = cells.new_empty(len(pixels), len(maps))
    for part, color, out in zip(*(values.split(_AT_ONCE) for values in (pixels, colors, means)), strict=True):
        color = color.float()
        total, weighted = cells.new_zeros(len(part), 1), cells.new_zeros(out.shape)
        beside = _beside(part % full_width, full_width, width)
        for row, row_share in _beside(part // full_width, full_height, height):
            row *= width
            for column, column_share in beside:
                cell = cells.index_select(0, row + column)
                unlike = (cell[:, :3] - color).square_().sum(1)
                weight = unlike.mul_(-1 / (6 * _COLOR_SPREAD**2)).exp_().add_(_ANY_COLOR)  # 6: twice three channels
                weight = weight.mul_(row_share).mul_(column_share)[:, None]
                total += weight
                weighted.addcmul_(cell[:, 3:], weight)
        torch.div(weighted, total, out=out)
    return means.t()


def _beside(places: Tensor, full: int, short: int) -> list[tuple[Tensor, Tensor]]:
    """Return the cells of an axis around places in the photo, and how much each of them counts by its nearness."""
    center = (places + 0.5) * (short / full) - 0.5
    first = center.floor()
    around = (first + i for i in range(1 - _REACH, _REACH + 1))
    return [(cell.clamp(0, short - 1).long(), 1 - (center - cell).abs() / _REACH) for cell in around]
