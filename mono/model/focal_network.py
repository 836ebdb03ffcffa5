"""Small network that estimates the angle of view of an image."""

from __future__ import annotations

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mono.model.checkpoint import load_tensors, read_tensors
from mono.model.efficientnet_lite import EfficientNetLite
from mono.model.lite_hourglass import GlobalContext

STAGES = 5  # of EfficientNet-Lite0, to 1/16
STRIDE = 16
MEAN, STD = 127.0, 128.0  # of RGB, 0-255, as the encoder was trained on ImageNet
SCALE_RANGE = (0.02, 1.0)  # smallest and largest predicted Laplace scale of the error
_DROPOUT = 0.1
_AREA = 128 * 96  # [px] of an input, about
_USUAL = math.log(21.6 / 33)  # angle of a lens of 33 mm (35-mm equivalent)


def input_size(width: int, height: int) -> tuple[int, int]:
    """Compute the size of the input for an image.

    Args:
        width: image width [px].
        height: image height [px].

    Returns:
        (width, height) [px], multiples of 16, of about the image's aspect.
    """
    aspect = min(max(width / height, 0.2), 5.0)
    long, short = math.sqrt(_AREA * aspect), math.sqrt(_AREA / aspect)
    return STRIDE * max(round(long / STRIDE), 2), STRIDE * max(round(short / STRIDE), 2)


class FocalNetwork(nn.Module):
    """First stages of EfficientNet-Lite0, attention over their coarsest map, and one estimate for the image.

    Args:
        width: channels of the attention.
        blocks: number of transformer blocks.

    Attributes:
        calibration: (2,), measured on held-out images: standard error over predicted scale, and the share of its
            variance that images of one camera and place have in common.
    """

    calibration: Tensor

    def __init__(self, width: int = 96, blocks: int = 3):
        super().__init__()
        self.encoder = EfficientNetLite(stages=STAGES)
        fine, coarse = self.encoder.channels[-2:]
        self.project = nn.Conv2d(fine + coarse + 2, width, 1)
        self.context = nn.Sequential(*(GlobalContext(width) for _ in range(blocks)))
        self.weigh = nn.Conv2d(width, 4, 1)
        last = nn.Linear(width, 2)
        nn.init.zeros_(last.weight)
        last.bias.data = torch.tensor([_USUAL, math.log(0.15)])
        self.estimate = nn.Sequential(nn.Linear(5 * width, width), nn.ReLU(), last)
        self.register_buffer("calibration", torch.tensor([1.0, 1.0]))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Estimate the angle of view of images.

        Args:
            image: RGB (B, 3, H, W), 0-255 minus `MEAN`, divided by `STD`; H and W are multiples of 16.

        Returns:
            ln tan of half the diagonal angle of view, and the scale of a Laplace distribution of its error, both (B,).
        """
        fine, coarse = self.encoder(image)[-2:]
        x = torch.cat([F.avg_pool2d(fine, 2), coarse, _places(coarse)], 1)
        x = self.context(F.dropout(self.project(x), _DROPOUT, self.training))
        flat = x.flatten(2)
        shares = self.weigh(x).flatten(2).softmax(2)
        pooled = torch.einsum("bkn,bcn->bkc", shares, flat).flatten(1)
        tangent, scale = self.estimate(torch.cat([flat.mean(2), pooled], 1)).float().unbind(1)
        return tangent, scale.clamp(*(math.log(s) for s in SCALE_RANGE)).exp()


def load_focal_network(path: Path) -> FocalNetwork:
    """Load the network from a file, in evaluation mode.

    Raises:
        CheckpointError: the file cannot be read or holds another network.
    """
    network = FocalNetwork()
    load_tensors(network, read_tensors(path), path, "the network of focal lengths")
    return network.eval()


def _places(maps: Tensor) -> Tensor:
    """Compute the places of a map's pixels about its center, (B, 2, H, W), in halves of the diagonal."""
    batch, _, height, width = maps.shape
    half = math.hypot(width, height) / 2
    x, y = ((torch.arange(n, device=maps.device) + 0.5 - n / 2) / half for n in (width, height))
    x, y = x[None, :].expand(height, width), y[:, None].expand(height, width)
    return torch.stack([x, y])[None].expand(batch, -1, -1, -1).to(maps.dtype)
