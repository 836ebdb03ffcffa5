"""Training loop with resumable checkpoints and a log file."""

from __future__ import annotations

import functools
import json
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from torch import Tensor

from mono.config import ModelConfig
from mono.data.sample import Sample
from mono.geometry.canonical import CanonicalTransform
from mono.io.atomic import remove_stale_files, write_bytes
from mono.system.distributed import Ranks
from mono.system.errors import MetricDepthError
from mono.system.memory import within_memory
from mono.training.checkpoint import read_checkpoint
from mono.training.data.dataset import MixedFrames, loader
from mono.training.data.images import Frame
from mono.training.data.sampling import BatchPlan
from mono.training.fingerprint import digest
from mono.training.recipe import Recipe
from mono.training.schedule import LAST, WEIGHTS, Run
from mono.training.trainer import Trainer
from mono.training.validate import validate, warn_of_trained_images

logger = logging.getLogger(__name__)
_FARTHEST = 0.8  # share of the largest depth of the network beyond which pixels count as sky
_LOST = 20  # steps in a row without a finite gradient, from which on the network is lost


def train(
    config: ModelConfig,
    recipe: Recipe,
    frames: Sequence[Frame],
    sets: Mapping[str, Sequence[Sample]],
    run: Run,
    ranks: Ranks | None = None,
    make_data: Callable[[Sequence[Frame], CanonicalTransform, Recipe, float], MixedFrames] = MixedFrames,
) -> Trainer:
    """Train to the end of the run, resuming if stopped.

    Args:
        config: config of the network.
        recipe: hyperparameters.
        frames: training images.
        sets: validation images by name of the set.
        run: length and output folder, which gets checkpoint and log.
        ranks: processes that share the run, each with its own batch; rank 0 writes.
        make_data: builds the data set from frames, transform, recipe and farthest depth.

    Returns:
        The trainer after the last step.

    Raises:
        MetricDepthError: there are no frames, many in a row cannot be read, many gradients in a row are not finite, the
            last checkpoint cannot be written, or the folder holds another run or weights that this run has not written.
    """
    ranks = ranks or Ranks()
    writes = ranks.rank == 0
    plan = BatchPlan.from_frames(frames, recipe, config.transform, run.seed, ranks.world_size)
    trainer = Trainer(config, recipe, run, frames, ranks)
    if trainer.resume():
        logger.info("resuming at step %d after %.1f minutes", trainer.step, trainer.seconds / 60)
        if run.share_done(trainer.step, trainer.seconds) >= 1:
            logger.warning("%s has %d steps already: nothing is left to train; ask for more", run.out, trainer.step)
    refuse_other_weights(run.out, trainer.fingerprint)
    if writes:
        run.out.mkdir(parents=True, exist_ok=True)
        remove_stale_files(run.out)
        trainer.progress.open(trainer.step)
        for samples in sets.values():
            warn_of_trained_images(frames, samples)
    data = make_data(frames, config.transform, recipe, _FARTHEST * config.depth_range[1])
    data.unreadable |= trainer.unreadable
    trainer.unreadable = data.unreadable
    checkpoint_every, line_every, validate_every = run.every
    batches = iter(loader(data, plan, trainer.step, run.workers, ranks))
    saved = time.monotonic()
    began = time.monotonic() - trainer.seconds
    skipped = 0
    while run.share_done(trainer.step, trainer.seconds) < 1:
        batch = next(batches)
        if isinstance(batch, MetricDepthError):
            raise batch
        values = within_memory(
            functools.partial(trainer.update, batch),
            f"train on {len(batch.image)} images of {batch.image.shape[3]}x{batch.image.shape[2]} on {run.device}",
            "use smaller batches (batch_pixels in the recipe)",
        )
        (trainer.seconds,) = trainer.all_reduce_mean([time.monotonic() - began])
        skipped = 0 if math.isfinite(values["norm"]) else skipped + 1
        ends = run.share_done(trainer.step, trainer.seconds) >= 1
        if skipped >= _LOST or (ends and skipped and 2 * skipped >= trainer.step):
            raise MetricDepthError(
                f"the gradient is not finite since step {trainer.step - skipped}: lower lr and encoder_lr "
                f"({recipe.lr:g} and {recipe.encoder_lr:g}); no checkpoint was written since"
            )
        if not writes:
            continue
        trainer.progress.add(values, len(batch.image) * ranks.world_size)
        if trainer.step % line_every == 0:
            trainer.progress.line(trainer.step, trainer.seconds)
        if sets and trainer.step % validate_every == 0:
            trainer.progress.validation(trainer.step, validate(trainer.average, config.transform, sets))
        if time.monotonic() - saved >= checkpoint_every and not skipped:
            try:
                trainer.save()
            except MetricDepthError as error:
                logger.warning("%s Training goes on; the checkpoint of before stays", error)
            saved = time.monotonic()
    if writes:
        if trainer.progress.steps:
            trainer.progress.line(trainer.step, trainer.seconds)
        trainer.progress.close()
        trainer.save()
    ranks.barrier()
    return trainer


def refuse_other_weights(out: Path, fingerprint: str) -> None:
    """Refuse an output folder whose weights another run or program wrote.

    Args:
        out: output folder.
        fingerprint: fingerprint of the run, whose checkpoint in the folder is known to be its own.

    Raises:
        MetricDepthError: the weights there would be lost.
    """
    path = out / WEIGHTS
    if not path.exists():
        return
    written = _metadata(path)
    former = "commit" in written and "run" not in written  # of versions that wrote no digest
    own, goes_on = written.get("run") == digest(fingerprint), (out / LAST).is_file()
    if not goes_on or not (former or own):
        whose = f"was written by this run, whose {LAST} is gone, and" if own else "was not written by this run and"
        raise MetricDepthError(f"{path} {whose} would be replaced: choose another --out, or move the file away")


def export(checkpoint: Path, path: Path, metadata: Mapping[str, str]) -> None:
    """Write a checkpoint's averaged network as float16 safetensors.

    Args:
        checkpoint: file written by `Trainer.save`.
        path: file to write; it appears whole or not at all.
        metadata: entries for the file's header, such as config and commit.

    Raises:
        MetricDepthError: the checkpoint is damaged, or a weight does not fit into float16.
    """
    content = read_checkpoint(checkpoint)
    write_weights(
        content["model_state_dict"],
        path,
        {**metadata, "step": str(content["step"]), "run": digest(content["fingerprint"])},
    )


def write_weights(tensors: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str]) -> None:
    """Write tensors as float16 safetensors, byte-identical for equal content.

    Args:
        tensors: by name; integer tensors keep their type.
        path: file to write; it appears whole or not at all.
        metadata: entries for the file's header.

    Raises:
        MetricDepthError: a weight does not fit into float16.
    """
    from safetensors.torch import save

    halves = {}
    for name, tensor in tensors.items():
        halves[name] = tensor.half().contiguous() if tensor.is_floating_point() else tensor.contiguous()
        if not bool(halves[name].isfinite().all()):
            raise MetricDepthError(f"{path}: {name} does not fit into float16")
    write_bytes(path, _with_sorted_header(save(halves, dict(metadata))))


def _metadata(path: Path) -> Mapping[str, str]:
    """Return the metadata of a safetensors file; none for other files."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            return file.metadata() or {}
    except (SafetensorError, OSError):
        return {}


def _with_sorted_header(content: bytes) -> bytes:
    """Sort the metadata of a safetensors file.

    The library writes it in random order.
    """
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[8 + length :]
