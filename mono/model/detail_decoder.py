"""Hourglass decoder for small encoders, with depth and sky at the input's own resolution."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mono.model.lite_decoder import SCALE_RANGE
from mono.model.lite_hourglass import Fuse, GlobalContext, initialize, viewing_directions
from mono.model.output import NetworkOutput


class DetailDecoder(nn.Module):
    """Narrow hourglass that predicts depth, its error and sky at the input's own resolution.

    Fusion goes on to half of the input's size, where each cell predicts the log depth and the sky logit of its four
    pixels. The scene's scale comes from 1/32. The confidence is that of `LiteDecoder`.

    Args:
        in_channels: widths of the encoder's five maps (1/2 to 1/32), finest first.
        widths: (c0, c1, c2, c3, c4) of the hourglass at 1/2, 1/4, 1/8, 1/16, 1/32; c4 is a multiple of 4.
        depth_range: nearest and farthest depth [m in canonical space].
        blocks: transformer blocks at 1/32.
    """

    in_float32 = ("head", "coarse_head")
    uses_principal_point = True
    announces_error = True
    sky_threshold = 0.5

    def __init__(
        self, in_channels: Sequence[int], widths: Sequence[int], depth_range: tuple[float, float], blocks: int = 3
    ):
        super().__init__()
        c0, c1, c2, c3, c4 = widths
        self.depth_range = depth_range
        self.project = nn.Conv2d(in_channels[4] + 2, c4, 1)
        self.context = nn.Sequential(*(GlobalContext(c4) for _ in range(blocks)))
        self.fuse_2 = Fuse(c4, in_channels[3], c3, 16)
        self.fuse_1 = Fuse(c3, in_channels[2], c2, 8)
        self.fuse_0 = Fuse(c2, in_channels[1], c1, 4)
        self.fuse_half = Fuse(c1, in_channels[0], c0, 2)
        self.coarse_head = nn.Conv2d(c4, 1, 1)
        self.head = nn.Sequential(nn.Conv2d(c0, c0, 3, padding=1), nn.ReLU(), nn.Conv2d(c0, 9, 1))
        initialize(self, [self.project], [self.coarse_head, self.head[2]])

    def forward(self, maps: Sequence[Tensor], principal_point: Tensor | None = None) -> NetworkOutput:
        """Compute canonical depth [m], confidence and sky probability, each (B, 1, H, W).

        Args:
            maps: five maps of the encoder, finest first.
            principal_point: (B, 2) cx, cy [px of the input]; None: the input's center.
        """
        coarse = self.project(torch.cat([maps[4], viewing_directions(maps[4], 32, principal_point)], 1))
        coarse = self.context(coarse)
        x = F.relu(coarse)
        fuses = (self.fuse_2, self.fuse_1, self.fuse_0, self.fuse_half)
        for fuse, skip in zip(fuses, maps[3::-1], strict=True):
            x = fuse(x, skip, principal_point)
        # Log depth keeps more digits than half precision has.
        with torch.autocast(x.device.type, enabled=False):
            fine = self.head(x.float())
            overall = F.interpolate(
                self.coarse_head(coarse.float()), scale_factor=16, mode="bilinear", align_corners=False
            )
            near, far = (math.log(depth) for depth in self.depth_range)
            log_depth = F.pixel_shuffle(near + (far - near) * torch.sigmoid(overall + fine[:, :4]), 2)
            log_scale = fine[:, 8:].clamp(math.log(SCALE_RANGE[0]), math.log(SCALE_RANGE[1]))
            log_scale = F.interpolate(log_scale, scale_factor=2, mode="bilinear", align_corners=False)
            sky = torch.sigmoid(F.pixel_shuffle(fine[:, 4:8], 2))
            return NetworkOutput(log_depth.exp(), (-log_scale.exp()).exp(), sky=sky)
