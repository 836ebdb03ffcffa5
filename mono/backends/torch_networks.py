"""Torch computes the network: as it comes, or compiled."""

from __future__ import annotations

import copy
import os
from typing import Any

import torch
from torch import nn

from mono.backends.base import Job, Network, cache_folder


def eager(job: Job) -> nn.Module:
    """The network with channels last, as the convolutions of processors and GPUs want them, and half weights.

    Only the order of tensors in memory changes. Autocast is the caller's.
    """
    network: Any = job.network
    if job.precision != "float32":
        dtype = getattr(torch, job.precision)
        half: list[str] = network.half_weights() if hasattr(network, "half_weights") else []
        own = dict(network.named_parameters())
        if any(own[name].dtype != dtype for name in half):
            network = copy.deepcopy(network)
            own = dict(network.named_parameters())
            for name in half:
                own[name].data = own[name].data.to(dtype)
    module: nn.Module = network.to(memory_format=torch.channels_last)
    return module


def compiled(job: Job) -> Network:
    """The network compiled by inductor with its weights frozen into it; the code is kept between runs.

    Each size of input is compiled for once, which takes seconds to minutes; torch keeps eight, and computes what else
    comes as it is, with a warning. One version for all sizes is not tried: torch can spend hours on its formulas.
    """
    # Inductor knows no other way to say where; what the user has set stays.
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_folder("inductor")))
    return torch.compile(eager(job), dynamic=False, options={"freezing": True})
