"""Narrow hourglass of the small models, with attention over the coarsest map, and a second one for near things."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

REACH = 1.3  # geometric mean depth of an image [m] at which it shows near things and others alike
FADE = 0.45  # how far from there, in log depth, it shows the ones or the others alone
_TEACHES = 0.1  # least share of an image's depth with which it teaches the near branch
_COORDINATE_UNIT = 256.0  # [px of the input], so that coordinates are of order one


def viewing_directions(maps: Tensor, stride: int, principal_point: Tensor | None = None) -> Tensor:
    """Compute offsets of a map's pixels from the principal point.

    At the canonical focal length these are viewing directions, but for a factor. The network thus knows how far below
    the horizon a pixel looks, in an image and in any crop of it.

    Args:
        maps: maps (B, C, H, W).
        stride: stride of the maps [px of the input].
        principal_point: (B, 2) cx, cy [px of the input]; None: the input's center.

    Returns:
        (B, 2, H, W), x then y, in units of 256 input pixels.
    """
    batch, _, height, width = maps.shape
    cx: Tensor | float = (stride * width - 1) / 2
    cy: Tensor | float = (stride * height - 1) / 2
    if principal_point is not None:
        cx, cy = principal_point.float()[:, :, None].unbind(1)
    # The center of a map's pixel, in pixels of the input.
    x, y = ((torch.arange(n, device=maps.device) + 0.5) * stride - 0.5 for n in (width, height))
    x = (x - cx).expand(batch, width)[:, None, :].expand(-1, height, -1)
    y = (y - cy).expand(batch, height)[:, :, None].expand(-1, -1, width)
    return (torch.stack([x, y], 1) / _COORDINATE_UNIT).to(maps.dtype)


class GlobalContext(nn.Module):
    """Transformer block over all places of a map (B, C, H, W)."""

    def __init__(self, channels: int, heads: int = 4, expansion: int = 2):
        super().__init__()
        self.heads = heads
        self.norm_1 = nn.LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        self.norm_2 = nn.LayerNorm(channels)
        self.expand = nn.Linear(channels, expansion * channels)
        self.reduce = nn.Linear(expansion * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Let all places of a map attend to each other."""
        # Only known lengths are split and joined: the products of unknown ones keep torch.compile busy for ever.
        tokens = x.flatten(2).transpose(1, 2)
        heads = self.qkv(self.norm_1(tokens)).unflatten(2, (3, self.heads, -1))  # (B, N, 3, heads, channels / heads)
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        tokens = tokens + self.out(seen)
        tokens = tokens + self.reduce(F.gelu(self.expand(self.norm_2(tokens))))
        return tokens.transpose(1, 2).unflatten(2, x.shape[2:])


def project_with_finer(conv: nn.Conv2d, finer: Tensor, beside: Tensor) -> Tensor:
    """Apply a 1x1 convolution to the four cells of a map of twice the size, channels first, and to a map beside them.

    It is the convolution of `cat([pixel_unshuffle(finer, 2), beside])`, without the copies that take longer than that.
    """
    channels = finer.shape[1]
    cells = conv.weight[:, : 4 * channels].reshape(conv.out_channels, channels, 2, 2)
    return F.conv2d(finer, cells, stride=2) + F.conv2d(beside, conv.weight[:, 4 * channels :], conv.bias)


class Fuse(nn.Module):
    """Fusion of a coarser map with an encoder map and its viewing directions."""

    def __init__(self, coarse: int, skip: int, channels: int, stride: int):
        super().__init__()
        self.stride = stride
        self.coarse = nn.Conv2d(coarse, channels, 1)
        self.skip = nn.Conv2d(skip + 2, channels, 1)
        self.conv_1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv_2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(
        self, coarse: Tensor, skip: Tensor, principal_point: Tensor | None, finer: Tensor | None = None
    ) -> Tensor:
        """Fuse a coarser map into an encoder map of twice its size, and one of four times its size."""
        beside = torch.cat([skip, viewing_directions(skip, self.stride, principal_point)], 1)
        beside = self.skip(beside) if finer is None else project_with_finer(self.skip, finer, beside)
        x = F.interpolate(self.coarse(coarse), scale_factor=2, mode="nearest") + beside
        return F.relu(x + self.conv_2(F.relu(self.conv_1(F.relu(x)))))


def initialize(network: nn.Module, first: Sequence[nn.Conv2d], last: Sequence[nn.Module]) -> None:
    """Start a network of `Fuse` so that it knows nothing yet of its input.

    Args:
        network: network whose convolutions all start anew.
        first: convolutions that read the encoder, besides those of `Fuse`.
        last: convolutions that predict.
    """
    for conv in (m for m in network.modules() if isinstance(m, nn.Conv2d)):
        nn.init.kaiming_uniform_(conv.weight, nonlinearity="relu")  # not normal_, see SameConv
        nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    fuses = [m for m in network.modules() if isinstance(m, Fuse)]
    # Maps of encoders without a final norm spread over some five units.
    for reader in (*first, *(fuse.skip for fuse in fuses)):
        bound = 0.2 * (6 / reader.in_channels) ** 0.5
        nn.init.uniform_(reader.weight, -bound, bound)
    for predictor in (*last, *(fuse.conv_2 for fuse in fuses)):
        nn.init.zeros_(predictor.weight)  # type: ignore[arg-type]


class Decoded(NamedTuple):
    """What an hourglass makes of the encoder's maps.

    Attributes:
        fine: map at 1/4.
        place: (B, 1, H / 4, W / 4) place of log depth in its range, before the sigmoid.
        log_scale: (B, 1, H / 4, W / 4) logarithm of the error expected in log depth.
    """

    fine: Tensor
    place: Tensor
    log_scale: Tensor


class Hourglass(nn.Module):
    """Path from the encoder's maps to log depth at 1/4, on top of one at 1/32 that carries the scene's scale."""

    def __init__(self, in_channels: Sequence[int], widths: Sequence[int], blocks: int):
        super().__init__()
        c0, c1, c2, c3 = widths
        self.project = nn.Conv2d(in_channels[3] + 2, c3, 1)
        self.context = nn.Sequential(*(GlobalContext(c3) for _ in range(blocks)))
        self.fuse_2 = Fuse(c3, in_channels[2], c2, 16)
        self.fuse_1 = Fuse(c2, in_channels[1], c1, 8)
        self.fuse_0 = Fuse(c1, in_channels[0], c0, 4)
        self.coarse_head = nn.Conv2d(c3, 1, 1)
        self.head = nn.Sequential(nn.Conv2d(c0, c0, 3, padding=1), nn.ReLU(), nn.Conv2d(c0, 2, 1))
        initialize(self, [self.project], [self.coarse_head, self.head[2]])

    def decode(self, maps: Sequence[Tensor], principal_point: Tensor | None) -> tuple[Tensor, Decoded]:
        """Decode the encoder's maps at 1/4 to 1/32, also to a map at 1/32 that has seen the whole image."""
        coarse = self.project(torch.cat([maps[3], viewing_directions(maps[3], 32, principal_point)], 1))
        coarse = self.context(coarse)
        x = F.relu(coarse)
        for fuse, skip in ((self.fuse_2, maps[2]), (self.fuse_1, maps[1]), (self.fuse_0, maps[0])):
            x = fuse(x, skip, principal_point)
        # Log depth keeps more digits than half precision has.
        with torch.autocast(x.device.type, enabled=False):
            fine = self.head(x.float())
            overall = self.coarse_head(coarse.float())
            overall = F.interpolate(overall, scale_factor=8, mode="bilinear", align_corners=False)
        return coarse, Decoded(x, overall + fine[:, :1], fine[:, 1:])


class NearBranch(Hourglass):
    """Second hourglass, for images of what is within arm's reach: table tops, bins, things in hands.

    What tells the scale of a room and that of a table top are different things, and one hourglass that learns both does
    each less well. The first one decides: the nearer it says that an image is, the more of its depth is this one's.
    It does not learn to decide by what this one makes of it, and images of little share teach this one nothing.
    """

    def share(self, log_depth: Tensor) -> Tensor:
        """Compute how much of an image's depth is this hourglass's, from 0 to 1, (B, 1, 1, 1).

        Args:
            log_depth: log depth that the first hourglass found (B, 1, H / 4, W / 4).
        """
        place = (math.log(REACH) + FADE - log_depth.detach().mean((1, 2, 3), keepdim=True)) / (2 * FADE)
        place = place.clamp(0, 1)
        return place * place * (3 - 2 * place)

    def take_over(
        self, share: Tensor, usual: Decoded, maps: Sequence[Tensor], principal_point: Tensor | None
    ) -> Decoded:
        """Replace what the first hourglass found, as far as images show near things.

        Args:
            share: see `share`.
            usual: what the first hourglass found.
            maps: the encoder's maps at 1/4 to 1/32.
            principal_point: (B, 2) cx, cy [px of the input]; None: the input's center.
        """
        _, own = self.decode(maps, principal_point)
        if self.training:  # optimizers make steps of one size of small gradients too: far images would undo it
            own = Decoded(*(torch.where(share > _TEACHES, map_, map_.detach()) for map_ in own))
        return Decoded(*(a + share.to(a.dtype) * (b - a) for a, b in zip(usual, own, strict=True)))
