"""Joint bilateral upsampling (Kopf et al., SIGGRAPH 2007): where depth has an edge, the photo says where exactly.

A network sees a photo smaller than it is, and bilinear interpolation smears a silhouette's step over the pixels between
two of the network's. Here each of them takes the mean of those around, in which those of its own color count.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mono.geometry.pixel_mask import SKY
from mono.geometry.stretching import resize_smoothly

if TYPE_CHECKING:
    from torch import Tensor

_DEPTH_STEP = math.log(1.05)  # step from which on neighbors of a small map have an edge between them, in log depth
_SKY_STEP = 0.1  # the same, in probability of sky
_REACH = 2  # [px of the small map], how far to each side a pixel looks
_COLOR_SPREAD = 8.0  # standard deviation of the colors of one surface, of 255
_ANY_COLOR = 1e-4  # weight of colors that differ altogether, so that no pixel is left without a mean
_FINEST = 4  # sides of the photo that is looked at, in sides of the small map
_LARGER = 1.5  # sides of a photo, in sides of the small map, from which on single pixels are left out
_AT_ONCE = 1 << 14  # pixels, so that what belongs to them stays in a processor's cache


def guide_for(photo: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Shrink a photo (H, W, 3) to what `guided_upsampling` looks at, for small maps of (height, width).

    In larger photos, pixels alone in their color take that of their neighbors: they would be alone in depth, too.
    """
    import cv2

    height, width = (min(full, _FINEST * side) for full, side in zip(photo.shape, size, strict=False))
    photo = resize_smoothly(photo, (height, width))
    if height < _LARGER * size[0] or width < _LARGER * size[1]:
        return photo
    return cv2.medianBlur(np.ascontiguousarray(photo), 3)


def guided_upsampling(resized: Sequence[Tensor], small: Sequence[Tensor], guide: np.ndarray, farthest: float) -> None:
    """Bring edges of resized maps to where the photo has them.

    A pixel at the edge of the sky is sky or not, and gets the mean depth of what is so too.

    Args:
        resized: depth [m], confidence and, if known, sky, each (H, W), interpolated linearly; changed in place.
        small: the same maps before, each (h, w).
        guide: the photo as `guide_for` returns it, uint8.
        farthest: depth [m] from which on a pixel of `small` has none; it becomes 0.
    """
    import torch

    sky = small[2] if len(small) > 2 and small[2].max() > _SKY_STEP else None  # most photos of rooms have none
    maps = [small[1]] if sky is None else [small[1], sky]
    beyond = ~((small[0] > 0) & (small[0] < farthest))
    log_depth = small[0].masked_fill(beyond, farthest).log()
    if sky is not None:
        beyond |= sky >= SKY
    edges = _edges(log_depth.masked_fill(beyond, torch.inf), sky)
    pixels = _places(edges, guide.shape[:2])
    if beyond.any():
        sums = torch.stack([log_depth * beyond, log_depth * ~beyond, beyond, *maps])
        far, near, share, *others = _means(sums, guide, pixels)
        is_beyond = share > 0.5
        if sky is not None:
            is_beyond |= (others[1] >= SKY) & (share > 0)
        depth = torch.where(is_beyond, far / share, near / (1 - share)).exp()
        depth = depth.where(depth < farthest * (1 - 1e-4), 0)
    else:
        log_mean, *others = _means(torch.stack([log_depth, *maps]), guide, pixels)
        depth = log_mean.exp()
    means, full = torch.stack([depth, *others]), tuple(resized[0].shape)
    if full != guide.shape[:2]:
        pixels, nearest = _nearest(edges, pixels, guide.shape[:2], full)
        means = means.index_select(1, nearest)
    for values, new in zip(resized, means, strict=False):  # the last one, a sky that is nowhere, stays as it is
        values.view(-1).index_copy_(0, pixels, new)


def _edges(log_depth: Tensor, sky: Tensor | None) -> Tensor:
    """Find the pixels (h, w) that an edge parts from one of their eight neighbors; what is beyond is at inf."""
    import torch

    found = torch.zeros_like(log_depth, dtype=torch.bool)
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


def _places(mask: Tensor, size: tuple[int, ...]) -> Tensor:
    """Return the places of a mask's pixels in a flat image of another size, by the nearest pixel."""
    import torch

    row, column = (
        _nearest_cell(torch.arange(n, device=mask.device), n, k) for n, k in zip(size, mask.shape, strict=True)
    )
    return mask.index_select(1, column).index_select(0, row).flatten().nonzero()[:, 0]  # whole rows last: faster


def _nearest_cell(place: Tensor, full: int, short: int) -> Tensor:
    return (2 * place + 1) * short // (2 * full)


def _nearest(mask: Tensor, pixels: Tensor, size: tuple[int, ...], full: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Return a mask's places in an image of the size `full`, and for each the nearest one's number in `pixels`."""
    import torch

    number = pixels.new_zeros(size[0] * size[1])
    number[pixels] = torch.arange(len(pixels), device=pixels.device)
    places = _places(mask, full)
    row = _nearest_cell(places // full[1], full[0], size[0])
    column = _nearest_cell(places % full[1], full[1], size[1])
    return places, number.index_select(0, row * size[1] + column)


def _means(maps: Tensor, guide: np.ndarray, pixels: Tensor) -> Tensor:
    """Average maps (C, h, w) around pixels (N,) of the guide, weighted by nearness and color; return (C, N)."""
    import cv2
    import torch

    _, height, width = maps.shape
    full_height, full_width = guide.shape[:2]
    shrunk = cv2.resize(guide, (width, height), interpolation=cv2.INTER_AREA)
    arrays = (np.require(array, requirements=["C", "W"]).reshape(-1, 3) for array in (guide, shrunk))
    colors, cell_colors = (torch.from_numpy(array).to(maps.device) for array in arrays)
    cells = torch.cat([cell_colors.float(), maps.flatten(1).t()], 1)
    means = cells.new_empty(len(pixels), len(maps))
    for part, out in zip(pixels.split(_AT_ONCE), means.split(_AT_ONCE), strict=True):
        color = colors.index_select(0, part).float()
        total, weighted = cells.new_zeros(len(part), 1), cells.new_zeros(out.shape)
        beside = _beside(part % full_width, full_width, width)
        for i, (row, row_share) in enumerate(_beside(part // full_width, full_height, height)):
            row *= width
            for column, column_share in beside if 0 < i < len(beside) - 1 else beside[1:-1]:  # corners hardly count
                cell = cells.index_select(0, row + column)
                unlike = (cell[:, :3] - color).square_().sum(1)
                weight = unlike.mul_(-1 / (6 * _COLOR_SPREAD**2)).exp_().add_(_ANY_COLOR)  # 6: twice three channels
                weight = weight.mul_(row_share).mul_(column_share)[:, None]
                total += weight
                weighted.addcmul_(cell[:, 3:], weight)
        torch.div(weighted, total, out=out)
    return means.t()


def _beside(places: Tensor, full: int, short: int) -> list[tuple[Tensor, Tensor]]:
    """Return the cells of an axis around places in the guide, and how much each of them counts by its nearness."""
    center = (places + 0.5) * (short / full) - 0.5
    first = center.floor()
    around = (first + i for i in range(1 - _REACH, _REACH + 1))
    return [(cell.clamp(0, short - 1).long(), 1 - (center - cell).abs() / _REACH) for cell in around]
