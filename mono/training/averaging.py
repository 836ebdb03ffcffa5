"""Average the weights of several runs (Wortsman et al., ICML 2022), and of the encoder before them (CVPR 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from mono.model import focal_network
from mono.model.checkpoint import load_tensors, read_tensors
from mono.model.depth_model import HEADS
from mono.model.efficientnet_lite import STAGES, EfficientNetLite
from mono.system.errors import MetricDepthError
from mono.training.first_weights import NAME, read_first_weights

_HEADS = tuple(f"decoder.{head}." for head in HEADS.values())


@torch.no_grad()
def average_into(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move an exponential moving average of weights by a step; integer tensors stay."""
    own, mean = network.state_dict(), average.state_dict()
    names = [name for name, tensor in own.items() if tensor.is_floating_point()]
    torch._foreach_lerp_([mean[n] for n in names], [own[n] for n in names], 1 - decay)


def average_weights(files: Sequence[tuple[Path, float]], init_shares: Sequence[float] = ()) -> dict[str, Tensor]:
    """Compute the weighted mean of checkpoints in float32.

    It suits networks trained from the same initial weights. A head or near branch that some of them lack, as one
    that was added later, is the mean of those that have it.

    Args:
        files: checkpoints, each with its weight; only the weights' ratios count.
        init_shares: share of the result's encoder (EfficientNet-Lite0) that its ImageNet weights are, one number for
            all or one for each of its seven stages (the stem goes with the first; an encoder of fewer stages, as that
            of focal lengths, uses the first of them): what it knew of photographs before it learned from rendered
            frames. Empty: none.

    Returns:
        Tensors by name.

    Raises:
        MetricDepthError: there is nothing to average, a weight is not positive, shares are not one or seven from 0 to
            below 1, tensors differ in name or shape, or the ImageNet weights are not installed.
        CheckpointError: the first weights are of another encoder.
    """
    stages = len(STAGES)
    if len(init_shares) not in (0, 1, stages) or not all(0 <= share < 1 for share in init_shares):
        raise MetricDepthError(
            f"the first weights' shares are {[*init_shares]}; they must be one number or {stages}, from 0 to below 1"
        )
    if len(files) + bool(init_shares) < 2:
        raise MetricDepthError("averaging needs at least two checkpoints, or one and a share of the first weights")
    first_weights = read_first_weights() if init_shares else {}
    for path, weight in files:
        if not 0 < weight < float("inf"):
            raise MetricDepthError(f"{path}: its weight is {weight:g}; it must be positive")
    first = files[0][0]
    mean: dict[str, Tensor] = {}
    shares: dict[str, float] = {}
    integers: set[str] = set()  # step counters, not weights
    for path, weight in files:
        tensors = read_tensors(path)
        if odd := mean and sorted(n for n in tensors.keys() ^ mean.keys() if not n.startswith(_HEADS)):
            raise MetricDepthError(f"{path} and {first} are of different networks: only one has {odd[0]}")
        for name, tensor in tensors.items():
            known = mean.setdefault(name, torch.zeros_like(tensor, dtype=torch.float32))
            if known.shape != tensor.shape:
                shapes = f"{tuple(tensor.shape)} and {tuple(known.shape)}"
                raise MetricDepthError(f"{path} and {first} are of different networks: {name} has the shapes {shapes}")
            known += tensor.float() * weight
            shares[name] = shares.get(name, 0) + weight
            if not tensor.is_floating_point():
                integers.add(name)
    mean = {name: tensor / shares[name] for name, tensor in mean.items()}
    mean = {name: tensor.round().long() if name in integers else tensor for name, tensor in mean.items()}
    if init_shares:
        prefix = "encoder."
        own = {name.removeprefix(prefix): tensor for name, tensor in mean.items() if name.startswith(prefix)}
        whole = any(f".blocks.{focal_network.STAGES}." in name for name in own)  # not that of focal lengths
        depth = stages if whole else focal_network.STAGES
        load_tensors(EfficientNetLite(stages=depth), own, first, f"{NAME}, a share of which was asked for")
        for name, tensor in first_weights.items():
            if tensor.is_floating_point() and name in own:
                stage = int(name.split(".")[2]) if ".blocks." in name else 0  # the stem goes with the first stage
                own[name].lerp_(tensor, init_shares[stage % len(init_shares)])
    return mean
