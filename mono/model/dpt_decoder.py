"""DPT decoder of Depth Anything 3's metric network, with depth and a sky score.

Modules carry the names of the released checkpoint's tensors.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mono.model.dinov2 import PATCH, Tokens
from mono.model.output import NetworkOutput
from mono.model.token_maps import ConvUnit, resize

SKY_SCORE = 0.3  # scores from here on are sky, as in the published network
_HEAD = 32  # channels before the last convolution of a head


class DptDecoder(nn.Module):
    """Decoder of four sets of patch tokens to depth and sky at the input's size (Lin et al., 2025).

    The network has no confidence: its map is NaN. The sky score has no upper bound; in `NetworkOutput` it ends at 1.

    Args:
        in_channels: widths of the tokens, four times.
        widths: (features, c0, c1, c2, c3): width of the fusion, and of the projected tokens.
        depth_range: not used: depth is an exponential without bounds.
    """

    in_float32 = ("projects", "resize_layers", "scratch")
    sky_threshold = SKY_SCORE

    def __init__(self, in_channels: Sequence[int], widths: Sequence[int], depth_range: tuple[float, float]):
        super().__init__()
        features, *projected = widths
        c0, c1, _, c3 = projected
        self.projects = nn.ModuleList(
            nn.Conv2d(inner, outer, 1) for inner, outer in zip(in_channels, projected, strict=True)
        )
        self.resize_layers = nn.ModuleList(
            [
                nn.ConvTranspose2d(c0, c0, 4, 4),
                nn.ConvTranspose2d(c1, c1, 2, 2),
                nn.Identity(),
                nn.Conv2d(c3, c3, 3, 2, 1),
            ]
        )
        self.scratch = _Scratch(features, projected)

    def forward(self, tokens: Sequence[Tokens]) -> NetworkOutput:
        """Compute canonical depth and sky, each (B, 1, 14 h, 14 w).

        Args:
            tokens: four sets of tokens, from the first blocks to the last.
        """
        depth, sky = self.heads(tokens)
        return NetworkOutput(depth, torch.full_like(depth, torch.nan), sky=sky.clamp(max=1))

    def heads(self, tokens: Sequence[Tokens]) -> tuple[Tensor, Tensor]:
        """Compute canonical depth and the sky score as published, each (B, 1, 14 h, 14 w)."""
        with torch.autocast(tokens[0].patches.device.type, enabled=False):
            maps = [
                sample(project(t.patches.float()))
                for t, project, sample in zip(tokens, self.projects, self.resize_layers, strict=True)
            ]
            size = [PATCH * n for n in tokens[0].patches.shape[-2:]]
            return self.scratch(maps, size)


class _Scratch(nn.Module):
    """Fusion of four maps from coarse to fine, and the two heads."""

    def __init__(self, features: int, widths: Sequence[int]):
        super().__init__()
        for i, width in enumerate(widths, 1):
            setattr(self, f"layer{i}_rn", nn.Conv2d(width, features, 3, padding=1, bias=False))
            setattr(self, f"refinenet{i}", _Fusion(features, branch=i < len(widths)))
        self.output_conv1 = nn.Conv2d(features, features // 2, 3, padding=1)
        self.output_conv2 = _head(features // 2)
        self.sky_output_conv2 = _head(features // 2)

    def forward(self, maps: Sequence[Tensor], size: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Fuse maps, finest first; return depth and sky score of (height, width) `size`."""
        levels = [self.get_submodule(f"layer{i}_rn")(x) for i, x in enumerate(maps, 1)]
        finer = [[2 * n for n in levels[0].shape[-2:]], *(level.shape[-2:] for level in levels)]
        x = self.get_submodule("refinenet4")(levels[3], None, finer[3])
        for i in (3, 2, 1):
            x = self.get_submodule(f"refinenet{i}")(x, levels[i - 1], finer[i - 1])
        x = resize(self.output_conv1(x), size)
        return self.output_conv2(x).exp(), F.relu(self.sky_output_conv2(x))


class _Fusion(nn.Module):
    """Fusion of a map with that of a finer level, resized to the next level."""

    def __init__(self, features: int, branch: bool):
        super().__init__()
        if branch:
            self.resConfUnit1 = _ResidualUnit(features)
        self.resConfUnit2 = _ResidualUnit(features)
        self.out_conv = nn.Conv2d(features, features, 1)

    def forward(self, x: Tensor, level: Tensor | None, size: Sequence[int]) -> Tensor:
        """Add the level's map, if any, and resize to (height, width) `size`."""
        if level is not None:
            x = x + self.resConfUnit1(level)
        return self.out_conv(resize(self.resConfUnit2(x), size))


class _ResidualUnit(ConvUnit):
    """`ConvUnit` that adds to its input before the first ReLU."""

    def forward(self, x: Tensor) -> Tensor:
        """Add the convolutions' output to the input, which is not rectified."""
        return x + self.conv2(F.relu(self.conv1(F.relu(x))))


def _head(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, _HEAD, 3, padding=1), nn.ReLU(), nn.Conv2d(_HEAD, 1, 1))
