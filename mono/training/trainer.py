"""Network in training with its whole state: single steps and exact checkpoints."""

from __future__ import annotations

import copy
import datetime
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from mono.config import ModelConfig
from mono.io.atomic import atomic_path
from mono.model.checkpoint import load_tensors, read_tensors
from mono.model.depth_model import HEADS, DepthModel, build_depth_model, fit_heads
from mono.system.distributed import Ranks
from mono.system.errors import MetricDepthError
from mono.training.averaging import average_into
from mono.training.checkpoint import read_checkpoint
from mono.training.cpu_encoder import prepare_backbone
from mono.training.data.batch import Batch
from mono.training.data.images import Frame
from mono.training.fingerprint import differences, fingerprint
from mono.training.first_weights import load_first_weights
from mono.training.losses.objective import compute_losses
from mono.training.mix_style import mix_styles
from mono.training.optimizer import Optimizers
from mono.training.progress import Progress
from mono.training.recipe import Recipe
from mono.training.schedule import LAST, Run, rate

logger = logging.getLogger(__name__)


class Trainer:
    """Network, optimizer and moving average of a training run.

    All processes hold the same state: gradients and logged values are means over them. Randomness of a step follows
    from the run's seed and the step alone, so checkpoints need no generator state.

    Attributes:
        network: network that learns.
        average: moving average of its weights, which a run exports.
        losses: weights of the losses that fit the network.
        step: number of completed steps.
        seconds: training time so far.
        progress: log of the steps since the last line.
        unreadable: training images that could not be read, (number of frames,) bool.
    """

    def __init__(
        self, config: ModelConfig, recipe: Recipe, run: Run, frames: Sequence[Frame] = (), ranks: Ranks | None = None
    ):
        torch.manual_seed(run.seed)
        self.config, self.recipe, self.run, self.ranks = config, recipe, run, ranks or Ranks()
        self.fingerprint = fingerprint(config, recipe, run, frames, self.ranks.world_size)
        # Sparse ground truth must not be subsampled.
        self.stride = 1 if any(f.kind == "sparse" for f in frames) else 2
        tensors = read_tensors(run.start) if run.start else {}
        network = build_depth_model(**_trained_architecture(config, recipe, tensors), drop_path_rate=recipe.drop_path)
        self.losses = _fitting_losses(network, recipe)
        if run.start:
            load_tensors(network, _with_heads(network, tensors, recipe), run.start, config.path.stem)
        elif recipe.init:
            load_first_weights(network.encoder, recipe.init)
        self.average: DepthModel = copy.deepcopy(network).eval().requires_grad_(False).to(run.device)
        if recipe.frozen_blocks:
            prepare_backbone(network.encoder, recipe.frozen_blocks)
        if recipe.mix_style:
            mix_styles(network, recipe.mix_style)
        self._frozen = _freeze(network, recipe.trained)
        self.network: DepthModel = network.to(run.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.forward: nn.Module = self._spread() if self.ranks.world_size > 1 else self.network
        self.optimizer = Optimizers(self.network, recipe)
        self.step, self.seconds = 0, 0.0
        self.unreadable = torch.zeros(len(frames), dtype=torch.bool)
        self.progress = Progress(run)

    def _spread(self) -> nn.Module:
        """Wrap the network to average gradients over the processes."""
        device = torch.device(self.run.device)
        # Other ranks wait while rank 0 validates.
        patience = datetime.timedelta(days=7)
        group = dist.new_group(backend="nccl", timeout=patience) if device.type == "cuda" else None
        devices = [device] if device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(self.network, device_ids=devices, process_group=group)

    def update(self, batch: Batch) -> dict[str, float]:
        """Take one step on a batch.

        A gradient that is not finite changes nothing but the number of the step.

        Args:
            batch: this process's part of the step's batch.

        Returns:
            Loss, gradient norm, learning rate factor, and every loss by name.
        """
        run, recipe = self.run, self.recipe
        factor = rate(run.share_done(self.step, self.seconds), recipe.warmup)
        self.optimizer.set_rate(factor)
        torch.manual_seed(_seed(run.seed, self.step, 1 + self.ranks.rank))
        generator = torch.Generator().manual_seed(_seed(run.seed, self.step, 0))
        self.network.train()
        for module in self._frozen:
            module.eval()
        batch = batch.to(run.device)
        buffers = [buffer.clone() for buffer in self.network.buffers()]  # batch norms change in the forward pass
        image = batch.image.contiguous(memory_format=torch.channels_last)
        with torch.autocast(torch.device(run.device).type, torch.bfloat16, enabled=run.precision == "bfloat16"):
            output = self.forward(image, batch.intrinsics[:, 2:])
        parts = compute_losses(output, batch, self.losses, generator, self.stride)
        total = torch.stack([self.losses[name] * value for name, value in parts.items()]).sum()
        self.optimizer.zero_grad()
        total.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), recipe.clip)
        if torch.isfinite(norm):
            self.optimizer.step()
        else:
            logger.warning("step %d: skipped, because the gradient is not finite", self.step)
            for buffer, former in zip(self.network.buffers(), buffers, strict=True):
                buffer.copy_(former)
        self.step += 1
        if torch.isfinite(norm):
            average_into(self.average, self.network, min(recipe.ema, (1 + self.step) / (10 + self.step)))
        values = self.all_reduce_mean([total.item(), *(value.item() for value in parts.values())])
        return {"loss": values[0], "norm": norm.item(), "rate": factor} | dict(zip(parts, values[1:], strict=True))

    def all_reduce_mean(self, values: Sequence[float]) -> list[float]:
        """Average numbers over all processes."""
        numbers = torch.tensor(values, dtype=torch.float64)
        if self.ranks.world_size > 1:
            dist.all_reduce(numbers)
        return (numbers / self.ranks.world_size).tolist()

    def save(self) -> None:
        """Write the checkpoint atomically; its `model_state_dict` is the averaged network.

        Raises:
            MetricDepthError: it cannot be written; the one of before stays.
        """
        content = {
            "model_state_dict": self.average.state_dict(),
            "raw_state_dict": self.network.state_dict(),
            "optimizer_state_dict": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "progress": self.progress.state(),
            "unreadable": self.unreadable,
            "fingerprint": self.fingerprint,
        }
        try:
            with atomic_path(self.run.out / LAST) as path:
                torch.save(content, path)
        except (OSError, RuntimeError) as error:  # torch's, where the disk is full
            raise MetricDepthError(
                f"{self.run.out / LAST} cannot be written: is the disk full, or the folder read-only?"
            ) from error

    def resume(self) -> bool:
        """Load the run's checkpoint if there is one.

        Returns:
            True if a checkpoint was loaded.

        Raises:
            MetricDepthError: the checkpoint is damaged, or of a run with another config, recipe or data; lists the
                differences.
        """
        path = self.run.out / LAST
        if not path.is_file():
            return False
        content = read_checkpoint(path)
        if "fingerprint" not in content:
            raise MetricDepthError(
                f"{path} does not record how it was trained: choose another --out, and start with --from {path}"
            )
        changes = differences(content["fingerprint"], self.fingerprint)
        if changes:
            raise MetricDepthError(
                f"{path} belongs to another run: {'; '.join(changes)}. Use the same settings, or choose another --out"
            )
        self.fingerprint = content["fingerprint"]  # weights of before carry its digest
        self.average.load_state_dict(content["model_state_dict"])
        self.network.load_state_dict(content["raw_state_dict"])
        self.optimizer.load_state_dict(content["optimizer_state_dict"])
        self.step, self.seconds = content["step"], content["seconds"]
        self.progress.restore(content["progress"])
        self.unreadable |= content.get("unreadable", torch.tensor(False))  # absent in former checkpoints
        return True


def _trained_architecture(config: ModelConfig, recipe: Recipe, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return the network to train, which keeps the depth of sky: all depth is scored.

    It has a sky head only where that learns: beside features that change it would call anything sky. An edge head
    is left out where it is not in the initial weights and does not learn, a near branch where the recipe does not name
    it.
    """
    held = fit_heads(config.architecture, tensors)
    architecture = {**config.architecture, "sky": "keep"}
    if not recipe.learns_sky:
        architecture["sky_widths"] = held["sky_widths"] if recipe.keeps_sky_head else None
        if held["sky_widths"] is not None and not recipe.keeps_sky_head:
            logger.info("the recipe has no loss sky: the network is trained without its sky head, and predicts no sky")
    if not recipe.trains("decoder.edge_head."):
        architecture["edge_width"] = held["edge_width"]
    if not recipe.trains_near:
        architecture["near_blocks"] = held["near_blocks"]
    return architecture


def _fitting_losses(network: DepthModel, recipe: Recipe) -> Mapping[str, float]:
    """Leave out the loss of a confidence that announces no error.

    Raises:
        MetricDepthError: the network predicts sky from what learns, and nothing teaches it sky.
    """
    if network.predicts_sky and not recipe.keeps_sky_head:
        raise MetricDepthError(
            "this network predicts sky from the same features as depth, and would call anything sky without the "
            "loss sky: add it to the recipe's losses, as in \"losses={'log_l1':1.0,'silog':0.5,'sky':0.5}\""
        )
    if recipe.losses.get("laplace") and not getattr(network.decoder, "announces_error", False):
        logger.info("the network's confidence announces no error: the loss laplace is left out")
        return {name: weight for name, weight in recipe.losses.items() if name != "laplace"}
    return recipe.losses


def _with_heads(network: DepthModel, tensors: Mapping[str, Tensor], recipe: Recipe) -> Mapping[str, Tensor]:
    """Add tensors of a new network for parts that initial weights lack; leave out a sky head that does not learn.

    A new branch for near things starts with the weights of the hourglass that it stands beside.
    """
    sky, own = "decoder.sky_head.", network.state_dict()
    tensors = {name: tensor for name, tensor in tensors.items() if recipe.keeps_sky_head or not name.startswith(sky)}
    for head in HEADS.values():
        start = f"decoder.{head}."
        if not any(name.startswith(start) for name in tensors):
            new = {name: tensor for name, tensor in own.items() if name.startswith(start)}
            tensors |= {name: tensors.get(name.replace(".near.", "."), tensor) for name, tensor in new.items()}
    return tensors


def _freeze(network: DepthModel, trained: Sequence[str]) -> list[nn.Module]:
    """Freeze all but some parts of a network.

    Args:
        network: network to train.
        trained: starts of the names of weights that learn; empty: all.

    Returns:
        Modules without anything that learns, whose statistics must stay too.

    Raises:
        MetricDepthError: no weight has such a name.
    """
    if not trained:
        return []
    names = [name for name, _ in network.named_parameters()]
    for part in trained:
        if not any(name.startswith(part) for name in names):
            raise MetricDepthError(
                f'the recipe trains "{part}", and no weight has a name that starts so, as {names[0]}'
            )
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(parameter.requires_grad and name.startswith(tuple(trained)))
    return [m for m in network.modules() if not any(p.requires_grad for p in m.parameters())]


def _seed(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))
