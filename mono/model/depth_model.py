"""The network as one module: normalised pixels in, depth in the canonical camera out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn

from mono.model.encoder import TimmEncoder
from mono.model.hourglass import HourglassDecoder
from mono.model.lite_decoder import LiteDecoder


class NetworkOutput(NamedTuple):
    """What a network says, in the canonical camera.

    Attributes:
        depth: (B, 1, H, W) canonical depth [m].
        confidence: (B, 1, H, W), higher is surer; its range is the network's own.
        normal: (B, 3, H, W) unit surface normals in the frame of the image's own camera (x right, y down, z forward,
            pointing to the camera); None: the network has none.
        normal_confidence: (B, 1, H, W), higher is surer.
    """

    depth: Tensor
    confidence: Tensor
    normal: Tensor | None = None
    normal_confidence: Tensor | None = None


class DepthModel(nn.Module):
    """An encoder and a decoder. It knows nothing of cameras, files or configs."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def forward(self, image: Tensor) -> NetworkOutput:
        """Maps normalised RGB (B, 3, H, W), H and W multiples of 32, to depth and confidence."""
        return NetworkOutput(*self.decoder(self.encoder(image)))


def build_depth_model(
    encoder: str, decoder: str, widths: Sequence[int], depth_range: tuple[float, float], drop_path_rate: float = 0.0
) -> DepthModel:
    """Builds a network with random weights.

    Args:
        encoder: timm's name of the encoder.
        decoder: "HourglassDecoder" or "LiteDecoder".
        widths: the decoder's channel widths.
        depth_range: nearest and farthest depth [m in canonical space].
        drop_path_rate: stochastic depth of the encoder while training.

    Raises:
        ValueError: timm does not know the encoder, or there is no such decoder.
    """
    decoders = {"HourglassDecoder": HourglassDecoder, "LiteDecoder": LiteDecoder}
    if decoder not in decoders:
        raise ValueError(f'there is no decoder "{decoder}"; known: {", ".join(decoders)}')
    try:
        trunk = TimmEncoder(encoder, drop_path_rate)
    except RuntimeError as error:
        raise ValueError(f'encoder "{encoder}": {error}') from error
    return DepthModel(trunk, decoders[decoder](trunk.channels, widths, depth_range))
