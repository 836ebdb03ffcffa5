"""Encode images with DINOv2 (Oquab et al., 2023), with registers (Darcet et al., 2024) or without, into tokens."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PATCH = 14  # [px]
_GRID = 37  # patches along a side of the images that DINOv2 was trained on (518 px)


class Tokens(NamedTuple):
    """Output tokens of a transformer block.

    Attributes:
        prefix: (B, 5, C), class token and registers; (B, 1, C) without registers.
        patches: (B, C, H / 14, W / 14).
    """

    prefix: Tensor
    patches: Tensor


class DinoV2Encoder(nn.Module):
    """timm DINOv2 with tokens from four places.

    timm computes the released blocks' function (attention by torch's scaled_dot_product_attention). Two things differ
    and are done here: the position embedding has an entry for the class token and is resized by DINOv2's own rule, and
    the tapped blocks. With registers they are those of Metric3D v2: the giant is tapped after each quarter of its
    blocks, without the final norm; the smaller ones return their normed last tokens four times. Without registers they
    are Depth Anything 3's, each with the final norm.

    Args:
        name: timm name of the backbone, as "vit_small_patch14_reg4_dinov2" or "vit_large_patch14_dinov2".
        drop_path_rate: stochastic depth while training.

    Attributes:
        channels: width of the tokens, four times.
        fixed_positions: (1, N, C) position embedding of inputs of one size, for exporters; None: computed.
    """

    fixed_positions: Tensor | None = None

    def __init__(self, name: str, drop_path_rate: float = 0.0):
        import timm

        super().__init__()
        backbone: Any = timm.create_model(
            name, pretrained=False, num_classes=0, dynamic_img_size=True, drop_path_rate=drop_path_rate
        )
        width = int(backbone.embed_dim)
        backbone.pos_embed = nn.Parameter(torch.zeros(1, 1 + _GRID**2, width))
        nn.init.trunc_normal_(backbone.pos_embed, std=0.02)
        self.backbone = backbone
        self.registers = int(backbone.num_reg_tokens)
        count = len(backbone.blocks)
        quarters = [count * i // 4 for i in (1, 2, 3, 4)]
        self.taps = quarters if "giant" in name else [count] * 4  # blocks after which tokens are taken
        if not self.registers:
            self.taps = [5 * count // 24, *quarters[1:]]
            backbone.norm.eps = 1e-5  # as published; that of the blocks is timm's 1e-6
        self.normed = not ("giant" in name and self.registers)
        self.channels = [width] * 4

    def forward(self, image: Tensor) -> list[Tokens]:
        """Compute four sets of tokens of images.

        Args:
            image: normalized RGB (B, 3, H, W); sizes that are no multiple of 14 are resized up to one.
        """
        height, width = (-(-n // PATCH) for n in image.shape[-2:])
        if image.shape[-2:] != (height * PATCH, width * PATCH):
            size = (height * PATCH, width * PATCH)
            image = F.interpolate(image, size, mode="bilinear", align_corners=False)
        x = self._embed(image, height, width)
        taken: dict[int, Tensor] = {}
        for number, block in enumerate(self.backbone.blocks, 1):
            x = block(x)
            if number in self.taps:
                taken[number] = self.backbone.norm(x) if self.normed else x
        count = x.shape[1] - height * width
        tokens = [taken[number] for number in self.taps]
        return [Tokens(t[:, :count], t[:, count:].transpose(1, 2).unflatten(2, (height, width))) for t in tokens]

    def _embed(self, image: Tensor, height: int, width: int) -> Tensor:
        patches = self.backbone.patch_embed(image).flatten(1, 2)
        positions = self.positions(height, width) if self.fixed_positions is None else self.fixed_positions
        first = [self.backbone.cls_token + self.backbone.pos_embed[:, :1]] + (
            [self.backbone.reg_token] if self.registers else []
        )
        return torch.cat([*(token.expand(image.shape[0], -1, -1) for token in first), patches + positions], 1)

    def positions(self, height: int, width: int) -> Tensor:
        """Compute a grid's position embedding, (1, height * width, C)."""
        grid: Tensor = self.backbone.pos_embed[:, 1:]
        if (height, width) == (_GRID, _GRID):
            return grid
        grid = grid.transpose(1, 2).unflatten(2, (_GRID, _GRID))
        scale = ((height + 0.1) / _GRID, (width + 0.1) / _GRID)  # DINOv2's guard against rounding down
        return F.interpolate(grid, scale_factor=scale, mode="bicubic").flatten(2).transpose(1, 2)
