"""Run networks in torch, eager or compiled."""

from __future__ import annotations

import copy
import itertools
import logging
import os
from typing import Any

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mono.backends.base import Job, Network
from mono.system.cache import cache_folder


def eager(job: Job) -> nn.Module:
    """Prepare a network for fast eager execution.

    Memory layout becomes channels last. In float32, batch norms are folded into convolutions; else weights become half
    precision, and the caller provides autocast.
    """
    network: Any = job.network
    if job.precision == "float32":
        network = _folded(network)
    else:
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


def _folded(network: nn.Module) -> nn.Module:
    """Copy a network with batch norms folded into the convolutions before them; other weights are shared."""
    memo = {id(tensor): tensor for tensor in [*network.parameters(), *network.buffers()]}
    network = copy.deepcopy(network, memo)
    for module in list(network.modules()):
        children = list(module.named_children())
        for (name, conv), (after, norm) in itertools.pairwise(children):
            if isinstance(conv, (nn.Conv2d, nn.ConvTranspose2d)) and isinstance(norm, nn.BatchNorm2d):
                folded = fuse_conv_bn_eval(conv, norm, isinstance(conv, nn.ConvTranspose2d))
                setattr(module, name, folded.requires_grad_(False))
                setattr(module, after, getattr(norm, "act", nn.Identity()))
    return network


def compiled(job: Job) -> Network:
    """Compile a network with inductor; the code is kept between runs.

    Weights are frozen into the code. Each input size is compiled once, in seconds to minutes; torch keeps eight sizes
    and computes further ones eagerly, with a warning. One version for all sizes is not tried: torch can spend hours on
    its formulas.
    """
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # a missing CUDA is no news
    # Inductor takes the folder from the environment only; a value that the user has set stays.
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_folder("inductor")))
    return torch.compile(eager(job), dynamic=False, options={"freezing": True})
