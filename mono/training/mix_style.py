"""Mixed styles: images of a batch exchange statistics of their feature maps while training."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from mono.training.cpu_encoder import efficientnet_backbone

_AFTER = (1, 2)  # stages of an EfficientNet, at 1/4 and 1/8 of the input's size
_CONCENTRATION = 0.1  # beta distribution: an image mostly keeps its statistics, or takes all of another's
_LEAST = 1e-3  # smallest standard deviation of a channel


def mix_styles(network: nn.Module, share: float) -> None:
    """Let images take on the style of others of their batch (MixStyle: Zhou et al., ICLR 2021).

    Mean and standard deviation of each channel of the first maps tell light, color and grain, hardly the content. A
    rendered image with those of a photograph looks more like one to the layers that follow. Only a network in
    training mode mixes, whether its encoder learns or not.

    Args:
        network: its `encoder`, an EfficientNet (stem, then `blocks`), is changed in place by forward hooks.
        share: share of batches that mix, at each of two stages.

    Raises:
        MetricDepthError: the encoder is not an EfficientNet.
    """
    backbone = efficientnet_backbone(network.get_submodule("encoder"), "mix_style")

    def hook(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        return exchange_statistics(output) if network.training and torch.rand(()) < share else output

    for number in _AFTER:
        backbone.blocks[number].register_forward_hook(hook)


def exchange_statistics(maps: Tensor) -> Tensor:
    """Mix each channel's mean and standard deviation with those of another image.

    Args:
        maps: feature maps (B, C, H, W) of B images; each gets a random partner and a random share.

    Returns:
        Maps of the same shape and type, with the content of each image unchanged up to gain and offset per channel.
    """
    content = maps.float()  # a large offset must not cost the digits of half precision
    mean = content.detach().mean((2, 3), keepdim=True)
    std = content.detach().std((2, 3), keepdim=True).clamp_min(_LEAST)
    other = torch.randperm(len(maps), device=maps.device)
    own = torch.distributions.Beta(_CONCENTRATION, _CONCENTRATION).sample((len(maps), 1, 1, 1)).to(mean)
    new_mean, new_std = own * mean + (1 - own) * mean[other], own * std + (1 - own) * std[other]
    return ((content - mean) * (new_std / std) + new_mean).to(maps.dtype)
