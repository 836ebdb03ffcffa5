"""Decoder of Metric3D v2's ViT networks: depth and surface normals, refined together.

Modules carry the names of the released checkpoints' tensors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mono.model.dinov2 import Tokens
from mono.model.refinement import ContextEncoder, UpdateBlock, convex_upsample
from mono.model.token_maps import MapFusion, TokensToMaps
from mono.system.errors import MetricDepthError

_LEAST_CONFIDENCE = 0.01


class RefinementDecoder(nn.Module):
    """Decoder of tokens to canonical depth and normals, with a confidence for both.

    Args:
        in_channels: width of the encoder's tokens, four times.
        widths: (hidden, c4, c7, c14), widths of the recurrent states and of the maps at 1/4, 1/7 and 1/14.
        depth_range: nearest and farthest depth [m in canonical space].
        iterations: number of refinement steps; may be changed at any time.

    Raises:
        MetricDepthError: the widths do not fit the encoder, or there is less than one iteration.
    """

    anchors: Tensor
    bins = 256

    def __init__(
        self, in_channels: Sequence[int], widths: Sequence[int], depth_range: tuple[float, float], iterations: int = 4
    ):
        super().__init__()
        hidden, quarter, seventh, coarse = widths
        if coarse != in_channels[-1]:
            raise MetricDepthError(
                f"the last width is {coarse}; it must be that of the encoder's tokens, {in_channels[-1]}"
            )
        if iterations < 1:
            raise MetricDepthError(f"iterations is {iterations}; it must be at least 1")
        self.iterations = iterations
        self.near, self.far = depth_range
        self.features = quarter
        self.token2feature = TokensToMaps(coarse, quarter, seventh)
        self.decoder_mono = MapFusion(coarse, seventh, quarter + 2)
        self.depth_regressor = nn.Sequential(
            nn.Conv2d(quarter, self.bins, 3, padding=1), nn.ReLU(), nn.Conv2d(self.bins, self.bins, 1)
        )
        self.normal_predictor = nn.Sequential(
            nn.Conv2d(quarter, 128, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(128, 128, 1),
            nn.ReLU(),
            nn.Conv2d(128, 128, 1),
            nn.ReLU(),
            nn.Conv2d(128, 3, 1),
        )
        self.context_feature_encoder = ContextEncoder((quarter, seventh, coarse), hidden)
        self.context_zqr_convs = nn.ModuleList(nn.Conv2d(hidden, 3 * hidden, 3, padding=1) for _ in range(3))
        self.update_block = UpdateBlock(hidden)
        near, far = map(math.log, depth_range)
        anchors = torch.linspace(near, far, self.bins, dtype=torch.float64, device="cpu").exp()
        self.register_buffer("anchors", anchors.float(), persistent=False)

    def forward(self, tokens: Sequence[Tokens]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Compute canonical depth (B, 1, H, W), its confidence, unit normals (B, 3, H, W) and their confidence."""
        maps = self.token2feature(tokens)
        state = self._first_state(self.decoder_mono(maps))
        # The released networks were trained with an activation in place, which left these two rectified.
        hidden, context = self.context_feature_encoder([maps[0], F.relu(maps[1]), F.relu(maps[2])])
        biases = [conv(x).chunk(3, 1) for conv, x in zip(self.context_zqr_convs, context, strict=True)]
        for _ in range(self.iterations):
            hidden = self.update_block(hidden, biases, state)
            # Each step is small: in half precision the sum would lose it.
            state = state + self.update_block.flow_head(hidden[0]).float()
        mask = 0.25 * self.update_block.mask(hidden[0])
        fine = convex_upsample(state, mask.float())
        depth = (fine[:, :1] * self._half_range + self.far).clamp(self.near, self.far)
        normal, confidence = _unit(fine[:, 2:])
        return depth, fine[:, 1:2], normal, confidence

    @property
    def _half_range(self) -> float:
        return self.far / 2

    def _first_state(self, out: Tensor) -> Tensor:
        """Compute depth as (d - far) / (far / 2), its confidence, normal and its confidence: (B, 6, h, w) float32."""
        features, confidences = out[:, : self.features], out[:, self.features :]
        logits, normal = self.depth_regressor(features), self.normal_predictor(features)
        # Depth keeps more digits than half precision has.
        with torch.autocast(out.device.type, enabled=False):
            depth = torch.einsum("bnhw,n->bhw", logits.float().softmax(1), self.anchors)[:, None]
            depth = (depth.clamp(self.near, self.far) - self.far) / self._half_range
            depth_confidence, normal_confidence = confidences.float().split(1, 1)
            return torch.cat([depth, depth_confidence, *_unit(torch.cat([normal.float(), normal_confidence], 1))], 1)


def _unit(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Split (B, 4, h, w) into unit normals and a confidence above 0.01."""
    normals = maps[:, :3]  # F.normalize expands the lengths first, which LiteRT refuses in large networks
    return normals / normals.norm(dim=1, keepdim=True).clamp_min(1e-12), F.elu(maps[:, 3:]) + 1 + _LEAST_CONFIDENCE
