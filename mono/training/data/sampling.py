"""Which frames make the batch of each step: a pure function of seed and step, so that a run can continue anywhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mono.geometry.canonical import CanonicalTransform, square_pixels
from mono.system.distributed import Ranks
from mono.system.errors import MetricDepthError
from mono.training.data.images import Frame
from mono.training.recipe import Recipe

_MIXED = 0.15  # share of a batch drawn without regard to its shape


class SampleSpec(NamedTuple):
    """One image of a batch.

    Attributes:
        frame: its number.
        size: (height, width) of the network's input [px].
        seed: of all that is random.
        view: of a frame that is shown twice, which of its views this is: the crop differs, the mirroring does not.
        share: of the frame's sides that are shown at the most.
    """

    frame: int
    size: tuple[int, int]
    seed: int
    view: int = 0
    share: float = 1.0


def best_size(frame: Frame, sizes: Sequence[tuple[int, int]], transform: CanonicalTransform, share: float = 1.0) -> int:
    """Index of the size that overlaps most with the resized frame, or with a part of it with `share` of its sides; the
    frame's size is told from cx and cy."""
    fx, fy, cx, cy = frame.intrinsics
    focal, full_height, full_width = square_pixels(fx, fy, (2 * cy + 1) * share, (2 * cx + 1) * share)

    def overlap(size: tuple[int, int]) -> float:
        ratio = transform.focal_length / focal
        if transform.mode == "label":
            ratio = min(size[0] / full_height, size[1] / full_width)
        height, width = full_height * ratio, full_width * ratio
        both = min(size[0], height) * min(size[1], width)
        return both / (size[0] * size[1] + height * width - both)

    return max(range(len(sizes)), key=lambda i: overlap(sizes[i]))


def frame_weights(frames: Sequence[Frame], recipe: Recipe) -> np.ndarray:
    """How often each frame is drawn, summing to 1: data sets are balanced first, then the families inside of each."""
    sets = Counter(f.source for f in frames)
    families = Counter((f.source, f.family) for f in frames)
    inside = [recipe.family_weights.get(f.family, 1.0) / families[f.source, f.family] ** recipe.balance for f in frames]
    sums = dict.fromkeys(sets, 0.0)
    for frame, weight in zip(frames, inside, strict=True):
        sums[frame.source] += weight
    raw = np.array(
        [
            weight / max(sums[f.source], 1e-300) * sets[f.source] ** (1 - recipe.set_balance)
            for f, weight in zip(frames, inside, strict=True)
        ]
    )
    if not raw.sum() > 0:
        raise MetricDepthError("every family of the data has the weight 0; see family_weights of the recipe")
    return raw / raw.sum()


@dataclass(frozen=True)
class BatchPlan:
    """The batches of a run, drawn from candidates: candidate i is frame i % frames, by crop i // frames of the recipe.

    Attributes:
        by_size: for each size, candidates that suit it.
        weights: of each candidate, summing to 1.
        frames: their number.
        recipe: sizes and batch sizes.
        seed: of the run.
        processes: how many share a batch, each with a whole one of the recipe's size.
    """

    by_size: tuple[np.ndarray, ...]
    weights: np.ndarray
    frames: int
    recipe: Recipe
    seed: int
    processes: int = 1

    @classmethod
    def from_frames(
        cls, frames: Sequence[Frame], recipe: Recipe, transform: CanonicalTransform, seed: int, processes: int = 1
    ) -> BatchPlan:
        """The plan for frames that go through `transform`.

        Raises:
            ValueError: there are no frames, or the network cannot take a size of the recipe.
        """
        if not frames:
            raise MetricDepthError("there are no frames to train on")
        for size in recipe.sizes:
            if any(n % transform.multiple for n in size):
                raise MetricDepthError(
                    f"recipe: size {size} is not (height, width) in multiples of {transform.multiple} pixels, "
                    f"which the network needs"
                )
        if any(f.kind == "unlabelled" for f in frames) and not recipe.pairs:
            raise MetricDepthError("unlabelled frames teach nothing without the loss consistency: give it a weight")
        suited = np.array([best_size(f, recipe.sizes, transform, share) for share, _ in recipe.crops for f in frames])
        by_size = tuple(np.flatnonzero(suited == i) for i in range(len(recipe.sizes)))
        often = np.array([share for _, share in recipe.crops])
        weights = np.outer(often / often.sum(), frame_weights(frames, recipe)).ravel()
        return cls(by_size, weights, len(frames), recipe, seed, processes)

    def batch(self, step: int) -> list[SampleSpec]:
        """The batch of a step, of all processes."""
        rng = np.random.default_rng((self.seed, step))
        share = np.array([self.weights[members].sum() for members in self.by_size])
        # A batch is a step whatever its size: sizes of larger batches come as much rarer.
        share = share / np.array([self.recipe.batch_size(size) for size in self.recipe.sizes])
        which = int(rng.choice(len(share), p=share / share.sum()))
        size, members = self.recipe.sizes[which], self.by_size[which]
        views = 2 if self.recipe.pairs else 1
        count = self.recipe.batch_size(size) // views * self.processes
        anything = int(rng.binomial(count, _MIXED))
        p = self.weights[members] / self.weights[members].sum()
        chosen = [*rng.choice(members, count - anything, p=p), *rng.choice(len(self.weights), anything, p=self.weights)]
        seeds = rng.integers(0, 2**62, count)
        return [
            SampleSpec(int(i) % self.frames, size, int(s), v, self.recipe.crops[int(i) // self.frames][0])
            for i, s in zip(chosen, seeds, strict=True)
            for v in range(views)
        ]


@dataclass(frozen=True)
class StepSampler:
    """A torch batch sampler without end that begins at a step: this process's part of each batch."""

    plan: BatchPlan
    start: int
    ranks: Ranks

    def __iter__(self) -> Iterator[list[SampleSpec]]:
        step = self.start
        while True:
            batch = self.plan.batch(step)
            share = len(batch) // self.ranks.world_size
            yield batch[self.ranks.rank * share : (self.ranks.rank + 1) * share]
            step += 1
