"""Turn tokens into feature maps and fuse them (Metric3D v2, after DPT: Ranftl et al., ICCV 2021).

Modules carry the names of the released checkpoints' tensors.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mono.model.dinov2 import Tokens


def resize(x: Tensor, size: Sequence[int]) -> Tensor:
    """Resize (B, C, H, W) bilinearly with aligned corners."""
    return F.interpolate(x, list(size), mode="bilinear", align_corners=True)


class Readout(nn.Module):
    """Readout of patch tokens, class token and registers as a map (B, C, h, w)."""

    def __init__(self, channels: int, prefix: int):
        super().__init__()
        self.project_patch = nn.Linear(channels, channels)
        self.project_learn = nn.Linear(channels * prefix, channels, bias=False)

    def forward(self, tokens: Tokens) -> Tensor:
        """Combine patch tokens with the prefix tokens."""
        patches = self.project_patch(tokens.patches.permute(0, 2, 3, 1))
        learned = self.project_learn(tokens.prefix.flatten(1))[:, None, None]
        return F.gelu(patches + learned).permute(0, 3, 1, 2)


class Read(nn.Module):
    """Readout with resampling to its scale."""

    def __init__(self, channels: int, prefix: int, sample: nn.Module | None = None):
        super().__init__()
        self.readoper = Readout(channels, prefix)
        self.sample = sample

    def forward(self, tokens: Tokens) -> Tensor:
        """Compute the map of tokens at its scale."""
        x = self.readoper(tokens)
        return self.sample(x) if self.sample else x


class EnlargedConv(nn.Sequential):
    """1x1 convolution of a map enlarged 7/2 times, from 1/14 to 1/4.

    A 1x1 convolution and copying pixels commute: it is computed first, on a twelfth of the pixels.
    """

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__(nn.Conv2d(in_channels, out_channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Convolve, then copy each pixel seven times along both axes and keep every second copy.

        Nearest-neighbor resizing, which is the same, is shifted in LiteRT.
        """
        x = super().forward(x)
        x = torch.stack([x] * 7, 4).flatten(3)[..., ::2]
        return torch.stack([x] * 7, 3).flatten(2, 3)[:, :, ::2]


class TokensToMaps(nn.Module):
    """Conversion of four sets of tokens to maps at 1/4, 1/7, 1/14 and 1/14 of the input's size.

    Args:
        channels: width of the tokens, and of the maps at 1/14.
        quarter: width of the map at 1/4.
        seventh: width of the map at 1/7.
        prefix: number of tokens before the patches.
    """

    def __init__(self, channels: int, quarter: int, seventh: int, prefix: int = 5):
        super().__init__()
        self.read_3 = Read(channels, prefix)
        self.read_2 = Read(channels, prefix)
        self.read_1 = Read(channels, prefix, nn.ConvTranspose2d(channels, seventh, 2, 2))
        self.read_0 = Read(channels, prefix, EnlargedConv(channels, quarter))

    def forward(self, tokens: Sequence[Tokens]) -> list[Tensor]:
        """Compute four maps, finest first."""
        return [read(t) for read, t in zip((self.read_0, self.read_1, self.read_2, self.read_3), tokens, strict=True)]


class ConvUnit(nn.Module):
    """Residual unit of two 3x3 convolutions, each after a ReLU."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Add the convolutions' output to the rectified input."""
        x = F.relu(x)
        return x + self.conv2(F.relu(self.conv1(x)))


class Fuse(nn.Module):
    """Fusion of a map with a finer one, resized and brought to `out_channels`."""

    def __init__(self, channels: int, out_channels: int, branch: bool = True):
        super().__init__()
        self.way_trunk = ConvUnit(channels)
        self.way_branch = ConvUnit(channels) if branch else None
        self.out_conv = nn.Conv2d(channels, out_channels, 1)

    def forward(self, x: Tensor, finer: Tensor | None = None, size: Sequence[int] | None = None) -> Tensor:
        """Fuse `x` with `finer`, if given, and resize to `size`, if given."""
        if self.way_branch is not None and finer is not None:
            x = x + self.way_branch(finer)
        x = self.way_trunk(x)
        return self.out_conv(resize(x, size) if size else x)


class MapFusion(nn.Module):
    """Fusion of maps at 1/14, 1/14 and 1/7 to one at 1/4, (B, out_channels, H / 4, W / 4)."""

    def __init__(self, channels: int, seventh: int, out_channels: int):
        super().__init__()
        self.upconv_3 = Fuse(channels, channels, branch=False)
        self.upconv_2 = Fuse(channels, seventh)
        self.upconv_1 = Fuse(seventh, out_channels)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Fuse maps, finest first; the finest gives the size only."""
        quarter, seventh, fine, coarse = maps
        x = self.upconv_3(coarse)
        x = self.upconv_2(x, fine, seventh.shape[-2:])
        return self.upconv_1(x, seventh, quarter.shape[-2:])
