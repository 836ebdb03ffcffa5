"""Network with the interface of the published torch.hub entries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from mono.model.depth_model import DepthModel, build_depth_model


class HubModel(DepthModel):
    """Network that also answers to the published `inference`."""

    @classmethod
    def build(cls, architecture: Mapping[str, Any]) -> HubModel:
        """Build the network of `build_depth_model`'s arguments, with random weights."""
        network = build_depth_model(**architecture)
        return cls(network.encoder, network.decoder)

    @torch.no_grad()
    def inference(self, data: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Run the network on the published dictionary of inputs.

        Args:
            data: "input": normalized RGB (B, 3, H, W).

        Returns:
            Canonical depth [m] and confidence, both (B, 1, H, W), and a dictionary with "prediction" and "confidence",
            the same two maps, and, for networks with normals, "prediction_normal": (B, 4, H, W), unit normals and their
            confidence.
        """
        output = self(data["input"])
        maps = {"prediction": output.depth, "confidence": output.confidence}
        if output.normal is not None and output.normal_confidence is not None:
            maps["prediction_normal"] = torch.cat([output.normal, output.normal_confidence], 1)
        return output.depth, output.confidence, maps
