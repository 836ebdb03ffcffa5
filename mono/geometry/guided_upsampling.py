"""Joint bilateral upsampling (Kopf et al., SIGGRAPH 2007): where depth has an edge, the photo says where exactly.

A network sees a photo smaller than it is, and bilinear interpolation smears a silhouette's step over the pixels between
two of the network's. Here each of them takes the mean of those around, in which those of its own color count.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mono.geometry.guided_filter import guided_filter
from mono.geometry.pixel_mask import SKY
from mono.geometry.stretching import resize_smoothly

if TYPE_CHECKING:
    from torch import Tensor

_DEPTH_STEP = math.log(1.05)  # step from which on neighbors of a small map have an edge between them, in log depth
_BEYOND = 1e6  # log depth of what is beyond, so that an edge parts it from all else
_REACH = 2  # [px of the small map], how far to each side a pixel looks
_COLOR_SPREAD = 8.0  # standard deviation of the colors of one surface, of 255
_ANY_COLOR = 1e-4  # weight of colors that differ altogether, so that no pixel is left without a mean
_WIDE = 97  # [px of the small map], side of the windows where the nearer ones show nothing but sky
_FINEST = 4  # sides of the photo that is looked at, in sides of the small map
_LARGER = 1.5  # sides of a photo, in sides of the small map, from which on single pixels are left out
_AT_ONCE = 1 << 14  # pixels, so that what belongs to them stays in a processor's cache


@dataclass(frozen=True)
class Guide:
    """Photo that guides maps; `guide_for` makes it.

    Attributes:
        photo: at most four times as large as the maps, (H, W, 3) uint8.
        small: the photo in their size, (h, w, 3) uint8.
    """

    photo: np.ndarray
    small: np.ndarray


def guide_for(photo: np.ndarray, size: tuple[int, int]) -> Guide:
    """Shrink a photo (H, W, 3) to what `guided_upsampling` looks at, for small maps of (height, width).

    In larger photos, pixels alone in their color take that of their neighbors: they would be alone in depth, too.
    """
    import cv2

    height, width = (min(full, _FINEST * side) for full, side in zip(photo.shape, size, strict=False))
    photo, linear = np.ascontiguousarray(resize_smoothly(photo, (height, width))), False
    if height >= _LARGER * size[0] and width >= _LARGER * size[1]:
        photo, linear = cv2.medianBlur(photo, 3), height < 2 * size[0] and width < 2 * size[1]
    if linear:  # as good as area averages here, in less time
        small = cv2.resize(cv2.GaussianBlur(photo, (3, 3), 0), size[::-1], interpolation=cv2.INTER_LINEAR)
    else:
        small = cv2.resize(photo, size[::-1], interpolation=cv2.INTER_AREA)
    return Guide(photo, small)


def guided_upsampling(resized: Sequence[Tensor], small: Sequence[Tensor], guide: Guide, farthest: float) -> None:
    """Bring edges of resized maps to where the photo has them.

    Where a photo shows sky, each pixel is sky or not by its color. What is sky has the depth that sky was given, or
    keeps that which the network found there; all else has a depth of what is no sky.

    Args:
        resized: depth [m], confidence and, if known, sky, each (H, W), interpolated linearly; changed in place.
        small: the same maps before, each (h, w).
        guide: the photo, by `guide_for`.
        farthest: depth [m] from which on a pixel of `small` has none; it becomes 0.
    """
    import torch

    size, full = guide.photo.shape[:2], tuple(resized[0].shape)
    is_known = (small[0] > 0) & (small[0] < farthest)
    sky = small[2] >= SKY if len(small) > 2 else torch.zeros_like(is_known)
    valid = is_known & ~sky
    log_depth = small[0].masked_fill(~valid, 1).log()
    changing = _enlarged(_edges(log_depth.masked_fill(~valid, _BEYOND)), size)
    if sky.any():
        by_color = guided_filter(small[2].cpu().numpy(), guide.small, guide.photo)
        resized[2].copy_(torch.from_numpy(_enlarged(by_color, full)))
        nearest, farthest_sky = small[0][sky].aminmax()
        if nearest == farthest_sky:
            resized[0].masked_fill_(resized[2] >= SKY, float(nearest) if nearest < farthest else 0.0)
        is_sky = by_color >= SKY
        changing = (changing | (is_sky != _enlarged(sky.cpu().numpy(), size))) & ~is_sky
    pixels = torch.from_numpy(np.flatnonzero(changing)).to(log_depth.device)
    if valid.all():
        log_mean, confidence = _means(torch.stack([log_depth, small[1]]), guide, pixels)
        depth = log_mean.exp()
    else:
        sums = torch.stack([log_depth, valid, ~is_known & ~sky, small[1]])
        log_sum, share, unknown, confidence = _means(sums, guide, pixels)
        if sky.any():  # what is too thin for the network has the depth of what is farther around
            wider = _around(sums[:2])[:, _cells(pixels, size, sky.shape)] * _ANY_COLOR
            log_sum, share = log_sum + wider[0], share + wider[1]
        depth = (log_sum / share).exp().where((share > 0) & (share >= unknown), 0)
    means = torch.stack([depth, confidence])
    if full != size:
        places = torch.from_numpy(np.flatnonzero(_enlarged(changing, full))).to(pixels.device)
        means = means.index_select(1, _nearest(places, pixels, size, full))
        pixels = places
    for values, new in zip(resized, means, strict=False):
        values.view(-1).index_copy_(0, pixels, new)


def _edges(log_depth: Tensor) -> np.ndarray:
    """Find the pixels (h, w) that an edge parts from one of their eight neighbors; what is beyond is at `_BEYOND`."""
    import cv2

    values, around = log_depth.cpu().numpy(), np.ones((3, 3), np.uint8)
    return (cv2.dilate(values, around) - values > _DEPTH_STEP) | (values - cv2.erode(values, around) > _DEPTH_STEP)


def _around(maps: Tensor) -> Tensor:
    """Average maps (C, h, w) over wide windows; return (C, h * w)."""
    import cv2
    import torch

    means = [cv2.blur(m, (_WIDE, _WIDE), borderType=cv2.BORDER_REPLICATE) for m in maps.cpu().numpy()]
    return torch.from_numpy(np.stack(means)).flatten(1).to(maps.device)


def _enlarged(values: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Resize a map to (height, width) by the nearest pixel."""
    if values.shape == size:
        return values
    row, column = (_nearest_cell(np.arange(n), n, k) for n, k in zip(size, values.shape, strict=True))
    return values.take(column, 1).take(row, 0)  # whole rows last: faster


def _cells(pixels: Tensor, size: tuple[int, ...], small: tuple[int, ...]) -> Tensor:
    """Return the numbers of the nearest cells of a map of the size `small` for pixels of an image."""
    row, column = (
        _nearest_cell(pixels // size[1], size[0], small[0]),
        _nearest_cell(pixels % size[1], size[1], small[1]),
    )
    return row * small[1] + column


def _nearest_cell(place: Any, full: int, short: int) -> Any:
    return (2 * place + 1) * short // (2 * full)


def _nearest(places: Tensor, pixels: Tensor, size: tuple[int, ...], full: tuple[int, ...]) -> Tensor:
    """Return for places in an image of the size `full` the nearest one's number in `pixels`, those of `size`."""
    import torch

    number = pixels.new_zeros(size[0] * size[1])
    number[pixels] = torch.arange(len(pixels), device=pixels.device)
    return number.index_select(0, _cells(places, full, size))


def _means(maps: Tensor, guide: Guide, pixels: Tensor) -> Tensor:
    """Average maps (C, h, w) around pixels (N,) of the guide, weighted by nearness and color; return (C, N)."""
    import cv2
    import torch

    _, height, width = maps.shape
    full_height, full_width = guide.photo.shape[:2]
    unit = np.float32(1 / math.sqrt(2 * 3 * _COLOR_SPREAD**2))  # three channels
    cell_colors = np.stack(cv2.split(guide.small)).reshape(3, -1) * unit
    colors = torch.from_numpy(np.require(guide.photo, requirements="W").reshape(-1, 3)).to(maps.device)
    cells = torch.cat([torch.from_numpy(cell_colors).to(maps.device), maps.flatten(1)])  # channels first: the fastest
    means = cells.new_empty(len(maps), len(pixels))
    for part, out in zip(pixels.split(_AT_ONCE), means.split(_AT_ONCE, 1), strict=True):
        color = colors.index_select(0, part).t().contiguous() * float(unit)
        total, weighted = cells.new_zeros(len(part)), cells.new_zeros(out.shape)
        beside = _beside(part % full_width, full_width, width)
        for i, (row, row_share) in enumerate(_beside(part // full_width, full_height, height)):
            row *= width
            for column, column_share in beside if 0 < i < len(beside) - 1 else beside[1:-1]:  # corners hardly count
                cell = cells.index_select(1, row + column)
                red, green, blue = cell[:3].sub_(color).square_()
                weight = red.add_(green).add_(blue).neg_().exp_().add_(_ANY_COLOR).mul_(row_share).mul_(column_share)
                total += weight
                weighted.addcmul_(cell[3:], weight)
        torch.div(weighted, total, out=out)
    return means


def _beside(places: Tensor, full: int, short: int) -> list[tuple[Tensor, Tensor]]:
    """Return the cells of an axis around places in the guide, and how much each of them counts by its nearness."""
    center = (places + 0.5) * (short / full) - 0.5
    first = center.floor()
    around = (first + i for i in range(1 - _REACH, _REACH + 1))
    return [(cell.clamp(0, short - 1).long(), 1 - (center - cell).abs() / _REACH) for cell in around]
