"""Recurrent refinement at three scales (Metric3D v2, section 3.3, after RAFT: Teed and Deng, ECCV 2020).

Modules carry the names of the released checkpoints' tensors: 08, 16 and 32 stand for the scales 1/4, 1/7 and 1/14.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mono.model.token_maps import resize

STATE = 6  # depth and its confidence, normal (3) and its confidence
_FACTOR = 4  # of upsampling, from the state to the output


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of (B, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalize over channels."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ResidualBlock(nn.Module):
    """Residual block of two convolutions with norm and ReLU."""

    def __init__(self, in_channels: int, channels: int):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm1 = ChannelNorm(channels)
        self.norm2 = ChannelNorm(channels)
        self.downsample = (
            nn.Sequential(nn.Conv2d(in_channels, channels, 1), ChannelNorm(channels))
            if in_channels != channels
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        y = F.relu(self.norm1(self.conv1(x)))
        y = F.relu(self.norm2(self.conv2(y)))
        return F.relu(self.downsample(x) + y)


class ContextEncoder(nn.Module):
    """Encoder of each scale's map to the first hidden state and the context, both (B, hidden, h, w)."""

    def __init__(self, in_channels: Sequence[int], hidden: int):
        super().__init__()
        self.outputs04, self.outputs08, self.outputs16 = (
            nn.ModuleList(
                nn.Sequential(ResidualBlock(channels, hidden), nn.Conv2d(hidden, hidden, 3, padding=1))
                for _ in ("hidden state", "context")
            )
            for channels in in_channels
        )

    def forward(self, maps: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Compute hidden states and contexts of all scales."""
        heads = list(zip((self.outputs04, self.outputs08, self.outputs16), maps, strict=True))
        return [torch.tanh(head[0](x)) for head, x in heads], [F.relu(head[1](x)) for head, x in heads]


class ConvGRU(nn.Module):
    """Gated recurrent unit of 3x3 convolutions with a bias at each pixel."""

    def __init__(self, hidden: int, inputs: int):
        super().__init__()
        self.convz = nn.Conv2d(hidden + inputs, hidden, 3, padding=1)
        self.convr = nn.Conv2d(hidden + inputs, hidden, 3, padding=1)
        self.convq = nn.Conv2d(hidden + inputs, hidden, 3, padding=1)

    def forward(self, h: Tensor, bias: Sequence[Tensor], *inputs: Tensor) -> Tensor:
        """Update the hidden state `h`."""
        z_bias, r_bias, q_bias = bias
        x = torch.cat(inputs, 1)
        hx = torch.cat([h, x], 1)
        z = torch.sigmoid(self.convz(hx) + z_bias)
        r = torch.sigmoid(self.convr(hx) + r_bias)
        q = torch.tanh(self.convq(torch.cat([r * h, x], 1)) + q_bias)
        return (1 - z) * h + z * q


class UpdateHead(nn.Module):
    """Head for the change of the state: 2 maps of depth and 4 of normals."""

    def __init__(self, hidden: int):
        super().__init__()
        self.conv1d = nn.Conv2d(hidden, hidden, 3, padding=1)
        self.conv2d = nn.Conv2d(hidden, 2, 3, padding=1)
        self.conv1n = nn.Conv2d(hidden, hidden, 3, padding=1)
        self.conv2n = nn.Conv2d(hidden, 4, 3, padding=1)

    def forward(self, h: Tensor) -> Tensor:
        """Compute the change of the state, (B, 6, h, w)."""
        depth = self.conv2d(F.relu(self.conv1d(h)))
        normal = self.conv2n(F.relu(self.conv1n(h)))
        return torch.cat([depth, normal], 1)


class UpdateBlock(nn.Module):
    """Recurrent units of three scales with their heads, for hidden states of a width."""

    def __init__(self, hidden: int):
        super().__init__()
        self.gru08 = ConvGRU(hidden, STATE + hidden)
        self.gru16 = ConvGRU(hidden, 2 * hidden)
        self.gru32 = ConvGRU(hidden, hidden)
        self.flow_head = UpdateHead(hidden)
        self.mask = nn.Sequential(
            nn.Conv2d(hidden, hidden, 3, padding=1), nn.ReLU(), nn.Conv2d(hidden, 9 * _FACTOR**2, 1)
        )

    def forward(self, hidden: Sequence[Tensor], biases: Sequence[Sequence[Tensor]], state: Tensor) -> list[Tensor]:
        """Run one iteration: the coarsest unit three times, the middle one twice, the finest once."""
        fine, middle, coarse = hidden
        pooled = resize(_pooled(fine), middle.shape[-2:])
        coarse = self.gru32(coarse, biases[2], _pooled(middle))
        for _ in range(2):
            coarse = self.gru32(coarse, biases[2], _pooled(middle))
            middle = self.gru16(middle, biases[1], pooled, resize(coarse, middle.shape[-2:]))
        fine = self.gru08(fine, biases[0], state, resize(middle, fine.shape[-2:]))
        return [fine, middle, coarse]


def _pooled(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 3, stride=2, padding=1)


def with_border(x: Tensor) -> Tensor:
    """Add a pixel around maps (B, C, h, w) that repeats those at the border."""
    x = torch.cat([x[..., :1], x, x[..., -1:]], -1)
    return torch.cat([x[..., :1, :], x, x[..., -1:, :]], -2)


def convex_upsample(x: Tensor, mask: Tensor, repeat_border: bool = False) -> Tensor:
    """Upsample 4 times by convex combinations of the 9 coarse pixels around each fine one.

    Args:
        x: maps (B, C, h, w).
        mask: weights before the softmax over the 9, (B, 144, h, w).
        repeat_border: pixels beyond the border repeat those at it; otherwise they are 0.

    Returns:
        (B, C, 4 h, 4 w).
    """
    batch, channels, height, width = x.shape
    # Channels last, as convolutions leave them; few axes: LiteRT knows six.
    weights = mask.permute(0, 2, 3, 1).reshape(batch, height * width, 1, 9, _FACTOR**2).softmax(3)
    if repeat_border:
        padded = with_border(x)
    else:
        padded = F.pad(x, (1, 1, 1, 1))
    # Slices instead of unfold, which exporters turn into gathers.
    shifted = [padded[:, :, i : i + height, j : j + width] for i in range(3) for j in range(3)]
    around = torch.stack(shifted, 2).flatten(3).permute(0, 3, 1, 2)  # (B, h * w, C, 9)
    fine = (weights * around[..., None]).sum(3).view(batch, height, width, channels, _FACTOR, _FACTOR)
    return fine.permute(0, 3, 1, 4, 2, 5).reshape(batch, channels, _FACTOR * height, _FACTOR * width)
