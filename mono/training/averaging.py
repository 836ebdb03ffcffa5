"""Weights of several runs as one network: their mean is often better than each (Wortsman et al., ICML 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from mono.model.checkpoint import read_tensors
from mono.system.errors import MetricDepthError


def average_weights(files: Sequence[tuple[Path, float]]) -> dict[str, Tensor]:
    """The weighted mean of checkpoints, tensor by tensor, in float32.

    It makes sense for networks that were trained from the same weights, whose minima lie in one valley.

    Args:
        files: checkpoints, each with its weight; only the weights' ratios count.

    Raises:
        ValueError: there are fewer than two, a weight is not positive, or tensors differ in name, shape or kind.
    """
    if len(files) < 2:
        raise MetricDepthError("give two checkpoints or more to average")
    for path, weight in files:
        if not 0 < weight < float("inf"):
            raise MetricDepthError(f"{path}: its weight is {weight:g}; it must be positive")
    total = sum(weight for _, weight in files)
    first = files[0][0]
    mean: dict[str, Tensor] = {}
    whole: set[str] = set()  # what counts steps is no weight
    for path, weight in files:
        tensors = read_tensors(path)
        if mean and tensors.keys() != mean.keys():
            odd = sorted(tensors.keys() ^ mean.keys())[0]
            raise MetricDepthError(f"{path} and {first} are of different networks: only one of them has {odd}")
        for name, tensor in tensors.items():
            known = mean.setdefault(name, torch.zeros_like(tensor, dtype=torch.float32))
            if known.shape != tensor.shape:
                shapes = f"{tuple(tensor.shape)} and {tuple(known.shape)}"
                raise MetricDepthError(f"{path} and {first} are of different networks: {name} has the shapes {shapes}")
            known += tensor.float() * (weight / total)
            if not tensor.is_floating_point():
                whole.add(name)
    return {name: tensor.round().long() if name in whole else tensor for name, tensor in mean.items()}
