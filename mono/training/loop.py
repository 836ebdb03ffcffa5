"""The training loop: batches through a network, checkpoints that continue, progress on file."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from mono.config import ModelConfig
from mono.data.sample import Sample
from mono.geometry.canonical import CanonicalTransform
from mono.io.atomic import atomic_path, remove_stale_files
from mono.system.distributed import Ranks
from mono.system.errors import MetricDepthError
from mono.system.memory import within_memory
from mono.training.data.dataset import MixedFrames, loader
from mono.training.data.images import Frame
from mono.training.data.sampling import BatchPlan
from mono.training.recipe import Recipe
from mono.training.schedule import Run
from mono.training.trainer import Trainer
from mono.training.validate import validate

logger = logging.getLogger(__name__)
_FARTHEST = 0.8  # of what the network can say; what is beyond counts as sky


def train(
    config: ModelConfig,
    recipe: Recipe,
    frames: Sequence[Frame],
    sets: Mapping[str, Sequence[Sample]],
    run: Run,
    ranks: Ranks | None = None,
    make_data: Callable[[Sequence[Frame], CanonicalTransform, Recipe, float], MixedFrames] = MixedFrames,
) -> Trainer:
    """Trains to the end of the run, or goes on with it; leaves checkpoint and progress in the run's folder.

    Args:
        config: what is trained.
        recipe: how.
        frames: on what.
        sets: annotated images that are evaluated now and then, by name.
        run: for how long, and where to.
        ranks: the processes that share the run, each with a batch of its own; rank 0 writes.
        make_data: makes the data set of frames, transform, recipe and farthest depth.

    Raises:
        ValueError: there are no frames, or the folder holds another run.
    """
    ranks = ranks or Ranks()
    writes = ranks.rank == 0
    plan = BatchPlan.from_frames(frames, recipe, config.transform, run.seed, ranks.world_size)
    trainer = Trainer(config, recipe, run, frames, ranks)
    if trainer.resume():
        logger.info("continuing from step %d, %.1f minutes", trainer.step, trainer.seconds / 60)
    if writes:
        run.out.mkdir(parents=True, exist_ok=True)
        remove_stale_files(run.out)
        trainer.progress.open(trainer.step)
    data = make_data(frames, config.transform, recipe, _FARTHEST * config.depth_range[1])
    checkpoint_every, line_every, validate_every = run.every
    batches = iter(loader(data, plan, trainer.step, run.workers, ranks))
    saved = time.monotonic()
    began = time.monotonic() - trainer.seconds
    while run.share_done(trainer.step, trainer.seconds) < 1:
        batch = next(batches)
        values = within_memory(
            functools.partial(trainer.update, batch),
            f"train on {len(batch.image)} images of {batch.image.shape[3]}x{batch.image.shape[2]} on {run.device}",
            "use smaller batches (batch_pixels in the recipe)",
        )
        (trainer.seconds,) = trainer.all_reduce_mean([time.monotonic() - began])
        if not writes:
            continue
        trainer.progress.add(values, len(batch.image) * ranks.world_size)
        if trainer.step % line_every == 0:
            trainer.progress.line(trainer.step, trainer.seconds)
        if sets and trainer.step % validate_every == 0:
            trainer.progress.validation(trainer.step, validate(trainer.average, config.transform, sets))
        if time.monotonic() - saved >= checkpoint_every:
            trainer.save()
            saved = time.monotonic()
    if writes:
        if trainer.progress.steps:
            trainer.progress.line(trainer.step, trainer.seconds)
        trainer.progress.close()
        trainer.save()
    ranks.barrier()
    return trainer


def export(checkpoint: Path, path: Path, metadata: Mapping[str, str]) -> None:
    """Writes a checkpoint's averaged network as float16 safetensors, whole or not at all.

    Args:
        checkpoint: as `Trainer.save` writes it.
        path: of the weights.
        metadata: metadata for the file, as config, date and commit.

    Raises:
        ValueError: a weight does not fit into float16.
    """
    content = torch.load(checkpoint, map_location="cpu", weights_only=True)
    write_weights(content["model_state_dict"], path, {**metadata, "step": str(content["step"])})


def write_weights(tensors: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str]) -> None:
    """Writes tensors as float16 safetensors, whole or not at all.

    Raises:
        ValueError: a weight does not fit into float16.
    """
    from safetensors.torch import save

    halves = {}
    for name, tensor in tensors.items():
        halves[name] = tensor.half().contiguous() if tensor.is_floating_point() else tensor.contiguous()
        if not bool(halves[name].isfinite().all()):
            raise MetricDepthError(f"{path}: {name} does not fit into float16")
    with atomic_path(path) as temporary:
        temporary.write_bytes(save(halves, dict(metadata)))
