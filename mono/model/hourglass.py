"""Hourglass decoder of Metric3D's ConvNeXt networks (ICCV 2023, section 3.2 and released checkpoints).

Modules carry the names of the released checkpoints' tensors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def upsample(x: Tensor, factor: int = 2) -> Tensor:
    """Upsample (B, C, H, W) by copying pixels."""
    return F.interpolate(x, scale_factor=factor, mode="nearest")


def reflected_conv(in_channels: int, out_channels: int) -> nn.Sequential:
    """Build a 3x3 convolution with reflection padding."""
    return nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(in_channels, out_channels, 3))


class Reduce(nn.Module):
    """Convolution and ELU."""

    def __init__(self, conv: nn.Module):
        super().__init__()
        self.conv = conv

    def forward(self, x: Tensor) -> Tensor:
        """Convolve and activate."""
        return F.elu(self.conv(x))


class Merge(nn.Module):
    """Convolution and ELU of a coarser map, upsampled, beside an encoder map; then a 1x1 convolution and ELU."""

    def __init__(self, conv: nn.Module, channels: int):
        super().__init__()
        self.conv = conv
        self.conv_2 = nn.Conv2d(channels, channels, 1)

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        """Merge a coarser map into an encoder map of twice its size."""
        x = torch.cat([upsample(coarse), skip], 1)
        return F.elu(self.conv_2(F.elu(self.conv(x))))


class FeatureDecoder(nn.Module):
    """Fusion of encoder maps at 1/4 to 1/32 to one map at 1/4, (B, widths[1], H/4, W/4).

    Args:
        in_channels: widths of the encoder's maps, finest first.
        widths: (c0, c1, c2, c3); c0 belongs to the full-resolution stage that the released networks do not have.
    """

    def __init__(self, in_channels: Sequence[int], widths: Sequence[int]):
        super().__init__()
        _, c1, c2, c3 = widths
        self.upconv_3_0 = Reduce(nn.Conv2d(in_channels[3], c3, 1))
        self.upconv_3_1 = Merge(nn.Conv2d(c3 + in_channels[2], c3, 1), c3)
        self.upconv_2_0 = Reduce(reflected_conv(c3, c2))
        self.upconv_2_1 = Merge(reflected_conv(c2 + in_channels[1], c2), c2)
        self.upconv_1_0 = Reduce(reflected_conv(c2, c1))
        self.upconv_1_1 = Merge(reflected_conv(c1 + in_channels[0], c1), c1)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Fuse encoder maps, finest first."""
        x = self.upconv_3_1(self.upconv_3_0(maps[3]), maps[2])
        x = self.upconv_2_1(self.upconv_2_0(x), maps[1])
        return self.upconv_1_1(self.upconv_1_0(x), maps[0])


class ConvBnReLU(nn.Module):
    """3x3 convolution, batch norm and ReLU."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.bn = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve, normalize and activate."""
        return F.relu(self.bn(self.conv(x)))


def deconv_bn_relu(in_channels: int, out_channels: int) -> nn.Sequential:
    """Build a transposed convolution to twice the size, with batch norm and ReLU."""
    return nn.Sequential(
        nn.ConvTranspose2d(in_channels, out_channels, 3, 2, 1, output_padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    )


class UNet(nn.Module):
    """U-Net of three levels that adds the features of each level."""

    widths = (128, 64, 32, 16)

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        w = self.widths
        self.conv0 = ConvBnReLU(in_channels, w[0])
        self.conv_0 = nn.Sequential(ConvBnReLU(w[0], w[1], 2), ConvBnReLU(w[1], w[1]))
        self.conv_1 = nn.Sequential(ConvBnReLU(w[1], w[2], 2), ConvBnReLU(w[2], w[2]))
        self.conv_2 = nn.Sequential(ConvBnReLU(w[2], w[3], 2), ConvBnReLU(w[3], w[3]))
        self.deconv_2 = deconv_bn_relu(w[3], w[2])
        self.deconv_1 = deconv_bn_relu(w[2], w[1])
        self.deconv_0 = deconv_bn_relu(w[1], w[0])
        self.prob = nn.Conv2d(w[0], out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Compute `out_channels` maps of the input's size."""
        x0 = self.conv0(x)
        x1 = self.conv_0(x0)
        x2 = self.conv_1(x1)
        x3 = self.conv_2(x2)
        x2 = x2 + self.deconv_2(x3)
        x1 = x1 + self.deconv_1(x2)
        return self.prob(x0 + self.deconv_0(x1))


class HourglassDecoder(nn.Module):
    """Decoder of encoder maps to depth in the canonical camera.

    Args:
        in_channels: widths of the encoder's four maps, finest first.
        widths: (c0, c1, c2, c3) of the fusion, (128, 128, 256, 512) for large, (64, 64, 128, 256) for tiny.
        depth_range: nearest and farthest depth anchor [m in canonical space].
    """

    anchors: Tensor
    in_float32 = ("conv_up_2",)
    features = 256
    bins = 512

    def __init__(self, in_channels: Sequence[int], widths: Sequence[int], depth_range: tuple[float, float]):
        super().__init__()
        near, far = depth_range
        self.decoder_mono = FeatureDecoder(in_channels, widths)
        self.conv_out_2 = UNet(widths[1], self.features + 1)
        self.depth_regressor_2 = nn.Sequential(
            nn.Conv2d(self.features, self.bins, 3, padding=1),
            nn.BatchNorm2d(self.bins),
            nn.ReLU(),
            nn.Conv2d(self.bins, self.bins, 1),
        )
        self.conv_up_2 = nn.Sequential(
            nn.Conv2d(1 + 2 + self.features, 16, 3, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 16, 3, padding=1),
            nn.Upsample(scale_factor=4),
            nn.Conv2d(16, 16, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 1, 1),
        )
        anchors = torch.linspace(math.log(near), math.log(far), self.bins, dtype=torch.float64, device="cpu").exp()
        self.register_buffer("anchors", anchors.float(), persistent=False)

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Compute canonical depth [m] and confidence, both (B, 1, H, W) for maps of an (H, W) input."""
        out = self.conv_out_2(self.decoder_mono(maps))
        logits = self.depth_regressor_2(out[:, : self.features])
        # Depth and pixel coordinates keep more digits than half precision has.
        with torch.autocast(out.device.type, enabled=False):
            return self._refine(out.float(), logits.float())

    def _refine(self, out: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
        features, confidence = out[:, : self.features], out[:, self.features :]
        coarse = torch.einsum("bnhw,n->bhw", logits.softmax(1), self.anchors)[:, None]
        height, width = coarse.shape[-2:]
        ones = torch.ones_like(coarse)
        x = ones * torch.arange(width, device=coarse.device, dtype=coarse.dtype)
        y = ones * torch.arange(height, device=coarse.device, dtype=coarse.dtype)[:, None]
        fine = self.conv_up_2(torch.cat([coarse, x, y, features], 1))
        return upsample(coarse, 4) + 0.1 * fine, upsample(confidence, 4)
