"""The training loop: batches through a network, checkpoints that continue, progress on file."""

from __future__ import annotations

import copy
import json
import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mono.config import ModelConfig
from mono.data.sample import Sample
from mono.model.checkpoint import load_tensors, read_tensors
from mono.model.depth_model import DepthModel, build_depth_model
from mono.output.atomic import atomic_path, sweep
from mono.training.first_weights import load_first_weights
from mono.training.mixed_data import BatchPlan, Frame, MixedFrames, loader
from mono.training.objective import compute_losses
from mono.training.recipe import Recipe
from mono.training.trunk import prepare_trunk
from mono.training.validate import validate

log = logging.getLogger(__name__)
LAST, PROGRESS, WEIGHTS = "last.pth", "progress.jsonl", "model.safetensors"


@dataclass(frozen=True)
class Run:
    """One training run, beside what is trained and how.

    Attributes:
        out: folder for checkpoints, progress and weights; a run that was stopped continues from there.
        start: checkpoint whose weights are the first ones; None: the recipe's `init`.
        minutes: training time; the learning rate falls with the clock. 0: `steps` counts.
        steps: number of steps, if `minutes` is 0.
        seed: of first weights and batches.
        device: where the network runs.
        precision: "float32" or "bfloat16".
        workers: processes that read and augment images; 0: none.
        every: seconds between checkpoints, steps between lines of progress, steps between validations.
    """

    out: Path
    start: Path | None = None
    minutes: float = 0.0
    steps: int = 0
    seed: int = 0
    device: str = "cpu"
    precision: str = "bfloat16"
    workers: int = 1
    every: tuple[float, int, int] = (180.0, 20, 500)

    def share_done(self, step: int, seconds: float) -> float:
        """How much of the run is over, 0 to 1."""
        done = seconds / (60 * self.minutes) if self.minutes else step / max(self.steps, 1)
        return min(done, 1.0)


def rate(share_done: float, warmup: float) -> float:
    """Learning rate as a share of its highest: a linear rise, then a half cosine to a hundredth."""
    if share_done < warmup:
        return max(share_done / warmup, 0.01)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (share_done - warmup) / (1 - warmup)))


class Trainer:
    """A network in training with all of its state."""

    def __init__(self, config: ModelConfig, recipe: Recipe, run: Run):
        torch.manual_seed(run.seed)
        self.config, self.recipe, self.run = config, recipe, run
        network = build_depth_model(config.encoder, config.decoder, config.widths, config.depth_range)
        if run.start:
            load_tensors(network, read_tensors(run.start), run.start, config.path.stem)
        elif recipe.init:
            load_first_weights(network, recipe.init)
        self.average: DepthModel = copy.deepcopy(network).eval().requires_grad_(False).to(run.device)
        if recipe.frozen_blocks:
            prepare_trunk(network.encoder, recipe.frozen_blocks)
        self.network: DepthModel = network.to(run.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = torch.optim.AdamW(self._groups(), lr=0.0, betas=(0.9, 0.99))
        self.step, self.seconds = 0, 0.0

    def _groups(self) -> list[dict[str, Any]]:
        groups = []
        for part, lr in (("encoder", self.recipe.encoder_lr), ("decoder", self.recipe.lr)):
            learned = [p for p in getattr(self.network, part).parameters() if p.requires_grad]
            for weight_decay, many in ((self.recipe.weight_decay, True), (0.0, False)):
                chosen = [p for p in learned if (p.ndim > 1) is many]
                groups.append({"params": chosen, "highest": lr, "weight_decay": weight_decay})
        return groups

    def update(self, image: Tensor, target: Tensor) -> dict[str, float]:
        """One step on a batch; returns what is worth knowing of it. A gradient that is not finite changes nothing."""
        run, recipe = self.run, self.recipe
        factor = rate(run.share_done(self.step, self.seconds), recipe.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = group["highest"] * factor
        self.network.train()
        image = image.to(run.device, memory_format=torch.channels_last)
        with torch.autocast(torch.device(run.device).type, torch.bfloat16, enabled=run.precision == "bfloat16"):
            output = self.network(image)
        generator = torch.Generator().manual_seed(hash((run.seed, self.step)) % 2**63)
        parts = compute_losses(
            output, target.to(run.device), recipe.losses, 0.5 * self.config.depth_range[1], generator
        )
        total = torch.stack([recipe.losses[name] * value for name, value in parts.items()]).sum()
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), recipe.clip)
        if torch.isfinite(norm):
            self.optimizer.step()
        else:
            log.warning("step %d: the gradient is not finite; the step is skipped", self.step)
        self.step += 1
        self._average()
        return {"loss": total.item(), "norm": norm.item(), "rate": factor} | {n: v.item() for n, v in parts.items()}

    @torch.no_grad()
    def _average(self) -> None:
        decay = min(self.recipe.ema, (1 + self.step) / (10 + self.step))
        own, average = self.network.state_dict(), self.average.state_dict()
        names = [n for n, t in own.items() if t.is_floating_point()]
        torch._foreach_lerp_([average[n] for n in names], [own[n] for n in names], 1 - decay)

    def save(self) -> None:
        """Writes the checkpoint, whole or not at all. Its `model_state_dict` is the averaged network."""
        content = {
            "model_state_dict": self.average.state_dict(),
            "raw_state_dict": self.network.state_dict(),
            "optimizer_state_dict": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "random_state": torch.get_rng_state(),
        }
        with atomic_path(self.run.out / LAST) as path:
            torch.save(content, path)

    def resume(self) -> bool:
        """Continues from the run's checkpoint, if there is one."""
        path = self.run.out / LAST
        if not path.is_file():
            return False
        content = torch.load(path, map_location="cpu", weights_only=True)
        self.average.load_state_dict(content["model_state_dict"])
        self.network.load_state_dict(content["raw_state_dict"])
        self.optimizer.load_state_dict(content["optimizer_state_dict"])
        torch.set_rng_state(content["random_state"])
        self.step, self.seconds = content["step"], content["seconds"]
        return True


def train(
    config: ModelConfig, recipe: Recipe, frames: Sequence[Frame], sets: Mapping[str, Sequence[Sample]], run: Run
) -> Trainer:
    """Trains to the end of the run, or goes on with it; leaves checkpoint, progress and weights in the run's folder.

    Args:
        config: what is trained.
        recipe: how.
        frames: on what.
        sets: annotated images that are evaluated now and then, by name.
        run: for how long, and where to.
    """
    trainer = Trainer(config, recipe, run)
    run.out.mkdir(parents=True, exist_ok=True)
    sweep(run.out)
    if trainer.resume():
        log.info("continuing from step %d, %.1f minutes", trainer.step, trainer.seconds / 60)
    plan = BatchPlan.of(frames, recipe, config.transform.focal_length, run.seed)
    data = MixedFrames(frames, config.transform, recipe, 0.8 * config.depth_range[1])
    checkpoint_every, line_every, validate_every = run.every
    batches = iter(loader(data, plan, trainer.step, run.workers))
    sums: dict[str, float] = {}
    images, since, saved = 0, time.monotonic(), time.monotonic()
    began = time.monotonic() - trainer.seconds
    while run.share_done(trainer.step, trainer.seconds) < 1:
        image, target = next(batches)
        for name, value in trainer.update(image, target).items():
            sums[name] = sums.get(name, 0.0) + value / line_every
        images += len(image)
        now = time.monotonic()
        trainer.seconds = now - began
        if trainer.step % line_every == 0:
            line = {"step": trainer.step, "images_per_second": round(images / (now - since), 2)}
            line |= {"minutes": round(trainer.seconds / 60, 2), "minutes_left": round(_left(run, trainer), 1)}
            _write_line(run.out, line | {name: round(value, 5) for name, value in sums.items()})
            sums, images, since = {}, 0, now
        if sets and trainer.step % validate_every == 0:
            scores = validate(trainer.average, config.transform, sets)
            _write_line(run.out, {"step": trainer.step, "validation": {n: asdict(s) for n, s in scores.items()}})
        if now - saved > checkpoint_every:
            trainer.save()
            saved = now
    trainer.save()
    return trainer


def _left(run: Run, trainer: Trainer) -> float:
    share = run.share_done(trainer.step, trainer.seconds)
    return trainer.seconds / 60 * (1 - share) / share


def _write_line(out: Path, line: Mapping[str, Any]) -> None:
    with open(out / PROGRESS, "a") as file:
        file.write(json.dumps(line) + "\n")
    log.info("%s", json.dumps(line))


def export(checkpoint: Path, path: Path, facts: Mapping[str, str]) -> None:
    """Writes a checkpoint's averaged network as float16 safetensors, whole or not at all.

    Args:
        checkpoint: as `Trainer.save` writes it.
        path: of the weights.
        facts: metadata for the file, as config, date and commit.

    Raises:
        ValueError: a weight does not fit into float16.
    """
    from safetensors.torch import save

    content = torch.load(checkpoint, map_location="cpu", weights_only=True)
    tensors = {}
    for name, tensor in content["model_state_dict"].items():
        tensors[name] = tensor.half().contiguous() if tensor.is_floating_point() else tensor.contiguous()
        if not bool(tensors[name].isfinite().all()):
            raise ValueError(f"{checkpoint}: {name} does not fit into float16")
    with atomic_path(path) as temporary:
        temporary.write_bytes(save(tensors, {**facts, "step": str(content["step"])}))
