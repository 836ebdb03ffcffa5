"""Train the network that estimates focal lengths on images of known cameras."""

from __future__ import annotations

import copy
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor, nn

from mono.model.checkpoint import load_tensors, read_tensors
from mono.model.focal_network import FocalNetwork
from mono.system.errors import MetricDepthError
from mono.training.averaging import average_into
from mono.training.cpu_encoder import prepare_backbone
from mono.training.focal_errors import measure
from mono.training.focal_views import View, read_part, to_tensor
from mono.training.mix_style import mix_styles
from mono.training.schedule import rate, refuse_seed

logger = logging.getLogger(__name__)
_ENCODER_LR = 2e-4  # highest learning rate of the encoder
_ASPECTS = (1.0, 5 / 4, 4 / 3, 4 / 3, 4 / 3, 4 / 3, 3 / 2, 3 / 2, 16 / 9, 16 / 9, 2.0, 3.3)


@dataclass(frozen=True)
class FocalRun:
    """Settings of a training run.

    Attributes:
        minutes: training time.
        start: weights of a depth network with the same encoder, such as weight/lite.safetensors, or of a network of
            focal lengths; None: random.
        batch: images of a step.
        lr: highest learning rate of the head.
        seed: random seed.
        mix_style: share of batches that mix styles, at each of two stages, see `mix_styles`.
    """

    minutes: float
    start: Path | None = None
    batch: int = 32
    lr: float = 7e-4
    seed: int = 0
    mix_style: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.minutes) and self.minutes > 0):
            raise MetricDepthError(f"minutes are {self.minutes}; they must be a positive number")
        if not 0 <= self.mix_style <= 1:
            raise MetricDepthError(f"mix_style is {self.mix_style}; it must be a share, from 0 to 1")
        refuse_seed(self.seed)


class _Sampler:
    """Draws batches of one aspect."""

    def __init__(self, lists: Sequence[Sequence[View]], rng: Generator):
        self.lists, self.rng = lists, rng
        self.wide = [[v for v in views if v.aspect > 1.9] for views in lists]
        self.high = [[v for v in views if v.aspect < 0.9] for views in lists]

    def batch(self, size: int) -> tuple[Tensor, Tensor]:
        rng = self.rng
        aspect = float(rng.choice(_ASPECTS) * math.exp(rng.normal(0, 0.03)))
        if aspect < 1.9 and rng.random() < 0.25:
            aspect = 1 / aspect
        special = self.wide if aspect > 1.9 else self.high if aspect < 0.9 else self.lists
        parts, angles = [], []
        for _ in range(size):
            number = int(rng.integers(len(self.lists)))
            views = special[number] if special[number] and rng.random() < 0.7 else self.lists[number]
            part, angle = read_part(views[int(rng.integers(len(views)))], aspect, rng)
            parts.append(part)
            angles.append(angle)
        return to_tensor(parts), torch.tensor(angles, dtype=torch.float32)


def train_focal(lists: Sequence[Sequence[View]], held: Sequence[Sequence[View]], run: FocalRun) -> FocalNetwork:
    """Train the network; the learning rate follows the clock.

    Args:
        lists: training views, a list for each source; sources are drawn equally often.
        held: views to measure on, a list for each source.
        run: settings.

    Returns:
        Moving average of the trained networks.

    Raises:
        MetricDepthError: the start has another encoder.
        CheckpointError: the start cannot be read, or has tensors of other shapes.
    """
    torch.manual_seed(run.seed)
    network = FocalNetwork()
    if run.start:
        first, former = read_tensors(run.start), network.state_dict()
        for name in former:
            if name.startswith("encoder.") and name not in first:
                kinds = "a network of focal lengths, or a depth network with its encoder"
                raise MetricDepthError(f"{run.start} has no {name}; start from {kinds}")
        fitting = {name: first.get(name, tensor) for name, tensor in former.items()}
        load_tensors(network, fitting, run.start, "the network of focal lengths")
    average = copy.deepcopy(network).eval().requires_grad_(False)
    prepare_backbone(network.encoder)
    if run.mix_style:
        mix_styles(network, run.mix_style)
    network.to(memory_format=torch.channels_last)
    encoder = [p for p in network.encoder.parameters() if p.requires_grad]
    own = {id(p) for p in network.encoder.parameters()}
    groups = [
        {"params": encoder, "highest": _ENCODER_LR},
        {"params": [p for p in network.parameters() if id(p) not in own], "highest": run.lr},
    ]
    optimizer = torch.optim.AdamW(groups, lr=0.0, weight_decay=0.1, betas=(0.9, 0.99))
    sampler = _Sampler(lists, np.random.default_rng(run.seed))
    began, step, losses = time.monotonic(), 0, []
    while (share := (time.monotonic() - began) / (60 * run.minutes)) < 1:
        factor = rate(share, 0.04)
        for group in optimizer.param_groups:
            group["lr"] = group["highest"] * factor
        image, angle = sampler.batch(run.batch)
        network.train()
        with torch.autocast("cpu", torch.bfloat16):
            estimate, scale = network(image.contiguous(memory_format=torch.channels_last))
        loss = ((estimate - angle).abs() / scale + scale.log()).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        optimizer.step()
        step += 1
        average_into(average, network, min(0.998, (1 + step) / (10 + step)))
        losses.append((estimate - angle).abs().mean().item())
        if step % 100 == 0:
            text = ", ".join(f"{_summary(average, views)}" for views in held) if step % 600 == 0 else ""
            logger.info("step %d, %.0f %%: error %.3f %s", step, 100 * share, np.mean(losses[-100:]), text)
    return average


def _summary(network: FocalNetwork, views: Sequence[View]) -> str:
    errors = measure(network, views[:: max(len(views) // 100, 1)])
    return f"{errors.median:.3f} of {errors.constant:.3f}"
