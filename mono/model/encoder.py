"""Encode images with timm backbones into four feature maps."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


class TimmEncoder(nn.Module):
    """timm backbone with feature maps at 1/4, 1/8, 1/16 and 1/32 of the input's size, without a final norm.

    timm's ConvNeXt computes the published encoders' function, so no network code is kept here. Its import takes two
    seconds and happens late: `efficientnet_lite` does not need it.

    Args:
        name: timm name of the backbone, as "convnext_large".
        drop_path_rate: stochastic depth while training.

    Attributes:
        channels: widths of the four maps.
    """

    def __init__(self, name: str, drop_path_rate: float = 0.0):
        import timm

        super().__init__()
        self.backbone = timm.create_model(name, features_only=True, pretrained=False, drop_path_rate=drop_path_rate)
        info: Any = self.backbone.feature_info
        self.levels = [i for i, stride in enumerate(info.reduction()) if stride >= 4]
        self.channels: list[int] = [info.channels()[i] for i in self.levels]

    def forward(self, image: Tensor) -> list[Tensor]:
        """Compute feature maps of images.

        Args:
            image: normalized RGB (B, 3, H, W); H and W are multiples of 32.

        Returns:
            Four maps (B, C_i, H / 2^(i+2), W / 2^(i+2)), finest first.
        """
        maps = self.backbone(image)
        return [maps[i] for i in self.levels]
