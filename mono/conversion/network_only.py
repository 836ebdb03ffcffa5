"""Wrap a network for files that hold it alone: normalized pixels in, canonical depth out."""

from torch import Tensor, nn

from mono.conversion.signature import Signature
from mono.conversion.tracing import Maps


class NetworkOnlyModel(nn.Module):
    """Network with the layout and outputs of a file.

    Args:
        network: network in evaluation mode.
        signature: layout of the images.
    """

    def __init__(self, network: nn.Module, signature: Signature):
        super().__init__()
        self.maps = Maps(network)
        self.channels_last = signature.layout == "nhwc"

    def forward(self, image: Tensor, principal_point: Tensor | None = None) -> list[Tensor]:
        """Compute the maps of images.

        Args:
            image: normalized float32 RGB, (B, 3, H, W) or (B, H, W, 3).
            principal_point: (B, 2) [px of the input], for networks that use it.

        Returns:
            Canonical depth and confidence (B, H, W); then sky (B, H, W), or unit normals (B, 3, H, W) or (B, H, W, 3)
            and their confidence (B, H, W).
        """
        maps = self.maps(image.permute(0, 3, 1, 2) if self.channels_last else image, principal_point)
        return [self._layout(m) for m in maps]

    def _layout(self, values: Tensor) -> Tensor:
        if values.shape[1] == 1:
            return values[:, 0]
        return values.permute(0, 2, 3, 1) if self.channels_last else values
