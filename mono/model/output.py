"""Maps that a network gives for a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

SkyMode = Literal["invalid", "far", "keep"]
SKY_DEPTH = 1e30  # [m], so far that a pixel which touches the sky by a millionth is invalid after linear resizing


class NetworkOutput(NamedTuple):
    """Maps of a batch in the canonical camera.

    Attributes:
        depth: (B, 1, H, W) canonical depth [m].
        confidence: (B, 1, H, W), higher is surer; its range is the network's own.
        normal: (B, 3, H, W) unit surface normals in the frame of the image's own camera (x right, y down, z forward,
            pointing to the camera); None: the network has none.
        normal_confidence: (B, 1, H, W), higher is surer.
        sky: (B, 1, H, W) probability in [0, 1] that a pixel shows sky; None: the network has none.
    """

    depth: Tensor
    confidence: Tensor
    normal: Tensor | None = None
    normal_confidence: Tensor | None = None
    sky: Tensor | None = None

    @classmethod
    def from_maps(cls, maps: Sequence[Tensor]) -> NetworkOutput:
        """Name the maps of a converted network: two, with sky three, with normals four."""
        if len(maps) == 3:
            return cls(maps[0], maps[1], sky=maps[2])
        return cls(*maps)

    def fill_sky(self, depth: float, threshold: float) -> NetworkOutput:
        """Replace the depth of sky.

        Args:
            depth: canonical depth of sky [m]; in half precision the largest number there is, if that is nearer.
            threshold: probability from which a pixel is sky.
        """
        if self.sky is None:
            return self
        depth = min(depth, torch.finfo(self.depth.dtype).max)
        return self._replace(depth=self.depth.masked_fill(self.sky >= threshold, depth))

    def resized(self, size: Sequence[int]) -> NetworkOutput:
        """Resize all maps to (height, width), bilinear; normals keep unit length."""
        maps = [None if m is None else F.interpolate(m, list(size), mode="bilinear", align_corners=False) for m in self]
        depth, confidence, normal, normal_confidence, sky = maps
        normal = None if normal is None else F.normalize(normal)
        return NetworkOutput(depth, confidence, normal, normal_confidence, sky)  # type: ignore[arg-type]
