"""Fine-tune a network on own images and score it on held-out ones."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from mono.config import ModelConfig
from mono.data.sample import Sample
from mono.geometry.canonical import CanonicalTransform
from mono.model.checkpoint import read_tensors
from mono.system.errors import MetricDepthError
from mono.training.data.images import WITHOUT_SCALE, Frame
from mono.training.fingerprint import digest
from mono.training.loop import train
from mono.training.recipe import Recipe
from mono.training.schedule import Run
from mono.training.validate import Score, validate, warn_of_trained_images


def split(frames: Sequence[Frame], share: float = 0.15) -> tuple[list[Frame], list[Frame]]:
    """Split frames into training and held-out ones by scene.

    A scene is held out by the hash of its name, so it stays so when frames are added.

    Args:
        frames: all frames.
        share: approximate share of scenes to hold out.

    Raises:
        MetricDepthError: all frames are of one scene.
    """
    scenes = sorted({f.scene for f in frames}, key=_hash)
    if len(scenes) < 2:
        raise MetricDepthError(
            "all frames are of one scene, so none can be held out; give --val, or frames of other scenes"
        )
    held = {scene for scene in scenes if _hash(scene) < share} or {scenes[0]}
    held -= {scenes[-1]}  # at least one scene is left to train on
    return [f for f in frames if f.scene not in held], [f for f in frames if f.scene in held]


def _hash(text: str) -> float:
    """Hash a text to a number uniform in [0, 1)."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") / 2**48


def samples_of(frames: Sequence[Frame], limit: int) -> list[Frame]:
    """Select at most `limit` evenly spread frames.

    Raises:
        MetricDepthError: ground truth of a frame is not metric.
    """
    _refuse_scaleless(frames, "score on frames with metres (--val)")
    chosen = np.linspace(0, len(frames) - 1, min(limit, len(frames))).round().astype(int)
    return [frames[i] for i in chosen]


def _refuse_scaleless(frames: Sequence[Frame], advice: str) -> None:
    scaleless = next((f for f in frames if f.kind in WITHOUT_SCALE), None)
    if scaleless is not None:
        raise MetricDepthError(f"{scaleless.data_set}: {scaleless.kind} ground truth has no metric scale; {advice}")


@dataclass(frozen=True)
class Outcome:
    """Result of fine-tuning.

    Attributes:
        before: score of the initial network on the held-out images.
        after: score of the fine-tuned network on the same images.
        tensors: weights of the network with the lower AbsRel.
        run: digest of the run's fingerprint.
        unreadable: number of training images that could not be read.
    """

    before: Score
    after: Score
    tensors: dict[str, Tensor]
    run: str
    unreadable: int

    @property
    def improved(self) -> bool:
        """Tell if fine-tuning lowered AbsRel."""
        return self.after.abs_rel < self.before.abs_rel


def finetune(
    network: nn.Module, config: ModelConfig, recipe: Recipe, frames: Sequence[Frame], held: Sequence[Sample], run: Run
) -> Outcome:
    """Fine-tune a network, resuming an interrupted run.

    Args:
        network: network with the weights of `run.start`.
        config: config of the network.
        recipe: hyperparameters.
        frames: training images.
        held: held-out images that both networks are scored on.
        run: length and output folder.

    Raises:
        MetricDepthError: ground truth of a frame is not metric, or no held-out image has ground truth, or the
            folder holds another run or weights that this run has not written.
    """
    _refuse_scaleless(frames, "use `metricdepth train`")
    warn_of_trained_images(frames, held)
    before = _score(network, config.transform, held)
    trainer = train(config, recipe, frames, {}, run)
    after = _score(trainer.average, config.transform, held)
    if after.abs_rel < before.abs_rel:
        better = trainer.average.state_dict()
    else:  # from the file, as `network` may have its batch norms folded
        better = read_tensors(run.start) if run.start else network.state_dict()
    return Outcome(before, after, better, digest(trainer.fingerprint), int(trainer.unreadable.sum()))


def _score(network: nn.Module, transform: CanonicalTransform, held: Sequence[Sample]) -> Score:
    scores = validate(network, transform, {"held out": held})
    if not scores:
        raise MetricDepthError(f"none of the {len(held)} held-out images can be scored; check {held[0].depth}")
    return scores["held out"]
