"""Batches as a pure function of seed and step, so a run can resume anywhere."""

from __future__ import annotations

import logging
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

logger = logging.getLogger(__name__)
_MIXED = 0.15  # share of a batch drawn from all shapes


class SampleSpec(NamedTuple):
    """Specification of one image of a batch.

    Attributes:
        frame: index of the frame.
        size: (height, width) of the network input [px].
        seed: random seed of the augmentation.
        view: index of the view for frames shown twice: the crop differs, the mirroring does not.
        share: largest share of the frame's sides that is shown.
    """

    frame: int
    size: tuple[int, int]
    seed: int
    view: int = 0
    share: float = 1.0


def best_size(frame: Frame, sizes: Sequence[tuple[int, int]], transform: CanonicalTransform, share: float = 1.0) -> int:
    """Return the index of the size that overlaps most with a resized frame.

    Args:
        frame: frame whose size follows from cx and cy.
        sizes: (height, width) choices [px].
        transform: canonical transform of the network.
        share: share of the frame's sides that is shown.
    """
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
    """Compute each frame's sampling probability, balancing data sets, then families."""
    sets = Counter(f.data_set for f in frames)
    families = Counter((f.data_set, f.family) for f in frames)
    inside = [
        recipe.family_weights.get(f.family, 1.0) / families[f.data_set, f.family] ** recipe.balance for f in frames
    ]
    sums = dict.fromkeys(sets, 0.0)
    for frame, weight in zip(frames, inside, strict=True):
        sums[frame.data_set] += weight
    raw = np.array(
        [
            weight / max(sums[f.data_set], 1e-300) * sets[f.data_set] ** (1 - recipe.set_balance)
            for f, weight in zip(frames, inside, strict=True)
        ]
    )
    if not raw.sum() > 0:
        raise MetricDepthError("all families of the data have weight 0; change family_weights in the recipe")
    return raw / raw.sum()


@dataclass(frozen=True)
class BatchPlan:
    """Batches of a run, drawn from candidates.

    Candidate i is frame i % frames, shown by crop i // frames of the recipe.

    Attributes:
        by_size: candidates that suit each size.
        weights: probability of each candidate, summing to 1.
        frames: number of frames.
        recipe: sizes and batch sizes.
        seed: random seed of the run.
        processes: number of processes, each with a whole batch of the recipe's size.
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
        """Plan the batches for frames mapped through `transform`.

        Args:
            frames: training images.
            recipe: sizes, crops and balance.
            transform: canonical transform of the network.
            seed: random seed of the run.
            processes: number of processes.

        Raises:
            MetricDepthError: there are no frames, or the network cannot take a size of the recipe.
        """
        if not frames:
            raise MetricDepthError("there are no images to train on; check --data")
        for size in recipe.sizes:
            if any(n % transform.multiple for n in size):
                label = transform.mode == "label"  # in which a network has a size of its own
                own = f'; its own size is --set "sizes=[{tuple(transform.crop_size)}]"' if label else ""
                raise MetricDepthError(
                    f"recipe: size {size} is not (height, width) in multiples of {transform.multiple} pixels, which "
                    f"the network needs{own}"
                )
        if any(f.kind == "unlabelled" for f in frames) and not recipe.pairs:
            raise MetricDepthError("unlabelled images need the loss consistency: give it a weight in the recipe")
        with_sky = ("rendered", "sky", None) if recipe.zero_is_sky else ("rendered", "sky")
        if recipe.learns_sky and not any(f.kind in with_sky for f in frames):
            logger.warning("the loss sky has nothing to learn from: no data set is of the kind rendered or sky")
        if unknown := sorted(recipe.family_weights.keys() - (families := {f.family for f in frames})):
            known = ", ".join(sorted(families)[:20])
            logger.warning("family_weights: no image is of the family %s; families: %s", ", ".join(unknown), known)
        suited = np.array([best_size(f, recipe.sizes, transform, share) for share, _ in recipe.crops for f in frames])
        by_size = tuple(np.flatnonzero(suited == i) for i in range(len(recipe.sizes)))
        often = np.array([share for _, share in recipe.crops])
        weights = np.outer(often / often.sum(), frame_weights(frames, recipe)).ravel()
        return cls(by_size, weights, len(frames), recipe, seed, processes)

    def batch(self, step: int) -> list[SampleSpec]:
        """Return the batch of a step for all processes."""
        rng = np.random.default_rng((self.seed, step))
        share = np.array([self.weights[members].sum() for members in self.by_size])
        # Sizes whose batches hold more images are drawn less often in proportion.
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
    """Endless torch batch sampler for this process, starting at a step."""

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
