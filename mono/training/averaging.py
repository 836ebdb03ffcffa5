"""Average the weights of several runs (Wortsman et al., ICML 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from mono.model.checkpoint import read_tensors
from mono.model.depth_model import HEADS
from mono.system.errors import MetricDepthError

_HEADS = tuple(f"decoder.{head}." for head in HEADS.values())


def average_weights(files: Sequence[tuple[Path, float]]) -> dict[str, Tensor]:
    """Compute the weighted mean of checkpoints in float32.

    It suits networks trained from the same initial weights. A head that some of them lack, as one that was added later,
    is the mean of those that have it.

    Args:
        files: checkpoints, each with its weight; only the weights' ratios count.

    Returns:
        Tensors by name.

    Raises:
        MetricDepthError: fewer than two files, a weight is not positive, or tensors differ in name or shape.
    """
    if len(files) < 2:
        raise MetricDepthError("averaging needs at least two checkpoints")
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
    return {name: tensor.round().long() if name in integers else tensor for name, tensor in mean.items()}
