"""One's own frames to a network that knows them better: held-out frames say whether it does."""

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
from mono.training.data.images import Frame
from mono.training.loop import train
from mono.training.recipe import Recipe
from mono.training.schedule import Run
from mono.training.validate import Score, validate


def split(frames: Sequence[Frame], share: float = 0.15) -> tuple[list[Frame], list[Frame]]:
    """Frames to train on, and those held out: about `share` of the scenes, the same ones in every call.

    A scene is held out by a hash of its name, so that it stays so when frames are added.

    Raises:
        ValueError: all frames are of one scene.
    """
    scenes = sorted({f.scene for f in frames}, key=_hash)
    if len(scenes) < 2:
        raise MetricDepthError("all frames are of one scene, so that none can be held out; give --val, or more frames")
    held = {scene for scene in scenes if _hash(scene) < share} or {scenes[0]}
    held -= {scenes[-1]}  # something must be left to train on
    return [f for f in frames if f.scene not in held], [f for f in frames if f.scene in held]


def _hash(text: str) -> float:
    """Uniform in [0, 1)."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") / 2**48


def samples_of(frames: Sequence[Frame], limit: int) -> list[Sample]:
    """At most `limit` of the frames, evenly spread, to evaluate on."""
    chosen = np.linspace(0, len(frames) - 1, min(limit, len(frames))).round().astype(int)
    return [
        Sample(f.rgb.stem, f.rgb, str(f.rgb), f.depth, f.depth_scale, f.intrinsics) for f in (frames[i] for i in chosen)
    ]


@dataclass(frozen=True)
class Outcome:
    """What fine-tuning did.

    Attributes:
        before, after: scores on the held-out frames.
        tensors: the better network's, by AbsRel.
    """

    before: Score
    after: Score
    tensors: dict[str, Tensor]

    @property
    def improved(self) -> bool:
        """Whether the fine-tuned network is the better one."""
        return self.after.abs_rel < self.before.abs_rel


def finetune(
    network: nn.Module, config: ModelConfig, recipe: Recipe, frames: Sequence[Frame], held: Sequence[Sample], run: Run
) -> Outcome:
    """Trains a network further, or goes on with it.

    Args:
        network: with the weights of `run.start`.
        config: of the network.
        recipe: how to train.
        frames: on what.
        held: what both networks are scored on.
        run: for how long, and where to.

    Raises:
        ValueError: a frame's ground truth is not metric, or no held-out frame has ground truth.
    """
    scaleless = next((f for f in frames if f.kind in ("relative", "predicted", "unlabelled")), None)
    if scaleless is not None:
        raise MetricDepthError(
            f"{scaleless.source}: {scaleless.kind} frames cannot teach metres; use `metricdepth train`"
        )
    before = _score(network, config.transform, held)
    trained = train(config, recipe, frames, {}, run).average
    after = _score(trained, config.transform, held)
    if after.abs_rel < before.abs_rel:
        better = trained.state_dict()
    else:  # from its file, as `network` may have its batch norms folded away
        better = read_tensors(run.start) if run.start else network.state_dict()
    return Outcome(before, after, better)


def _score(network: nn.Module, transform: CanonicalTransform, held: Sequence[Sample]) -> Score:
    scores = validate(network, transform, {"held out": held})
    if not scores:
        raise MetricDepthError(f"none of the {len(held)} held-out frames has ground truth, as {held[0].depth}")
    return scores["held out"]
