"""Ranking of several evaluations on the same images, tier by tier."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mono.evaluation.alignment import ALIGNMENTS
from mono.evaluation.comparison import Difference, common_images, differences_of_tier
from mono.evaluation.stored_run import ComparisonError, StoredRun

_RANKED_BY = "abs_rel"


@dataclass(frozen=True)
class Place:
    """Run in a tier of a leaderboard.

    Attributes:
        run: the run.
        label: name of its model, unique in the leaderboard.
        images: number of images.
        differences: difference of each metric to the best run's (run A of `Difference`), whose own are 0.
    """

    run: StoredRun
    label: str
    images: int
    differences: Mapping[str, Difference]

    @property
    def gap(self) -> Difference:
        """Return the difference of AbsRel to the best run's."""
        return self.differences[_RANKED_BY]

    @property
    def behind(self) -> bool:
        """Tell if the run is clearly worse than the best."""
        return self.gap.better == "A"

    def value(self, metric: str) -> float | None:
        """Return the average of a metric, or None where it is unknown."""
        return self.differences[metric].b if metric in self.differences else None


@dataclass(frozen=True)
class Leaderboard:
    """Ranking of runs.

    Attributes:
        runs: the runs, as given.
        names: images in all of them.
        left_out: number of images that not all of them have.
        tiers: places by tier, best first; runs without a tier are not in it.
        resamples: number of bootstrap resamples.
        seed: random seed of the bootstrap.
    """

    runs: tuple[StoredRun, ...]
    names: tuple[str, ...]
    left_out: int
    tiers: Mapping[str, tuple[Place, ...]]
    resamples: int
    seed: int


def rank_runs(
    runs: Sequence[StoredRun], *, common: bool = False, resamples: int = 10_000, seed: int = 0
) -> Leaderboard:
    """Rank runs by AbsRel in each tier.

    Args:
        runs: two runs or more.
        common: where the sets of images differ, rank on the common images instead of refusing to.
        resamples: number of bootstrap resamples for the intervals of the gaps to the best run.
        seed: random seed of the bootstrap.

    Raises:
        ComparisonError: the protocols, the sets of images (unless `common`) or the ground truth differ, or there is
            nothing to compare.
    """
    if len(runs) < 2 or resamples < 1:
        raise ComparisonError(f"{len(runs)} runs and {resamples} resamples: at least 2 and 1 are needed")
    first = runs[0]
    shared = [set(common_images(a, b, common)) for a, b in itertools.combinations(runs, 2)]
    names = tuple(name for name in first.images if all(name in each for each in shared))
    if not names:
        raise ComparisonError("no image is in all runs; they are runs on different data")
    runs = [replace(run, images={name: run.images[name] for name in names}) for run in runs]
    everything = set().union(*(run.images for run in runs), first.images)
    labels = _labels(runs)
    tiers = {}
    for tier in ALIGNMENTS:
        members = [i for i, run in enumerate(runs) if any(tier in image for image in run.images.values())]
        scored = [name for name in names if all(tier in runs[i].images[name] for i in members)]
        if members and scored:
            tiers[tier] = _places(
                [runs[i] for i in members], [labels[i] for i in members], scored, tier, resamples, seed
            )
    return Leaderboard(tuple(runs), names, len(everything) - len(names), tiers, resamples, seed)


def _places(
    runs: Sequence[StoredRun], labels: Sequence[str], names: Sequence[str], tier: str, resamples: int, seed: int
) -> tuple[Place, ...]:
    def against(reference: StoredRun, run: StoredRun, count: int) -> dict[str, Difference]:
        rows = differences_of_tier(reference, run, names, tier, count, seed)
        return {row.metric: row for row in rows}

    averages = [against(run, run, 1)[_RANKED_BY].b for run in runs]
    order = sorted(range(len(runs)), key=averages.__getitem__)
    best = runs[order[0]]
    return tuple(Place(runs[i], labels[i], len(names), against(best, runs[i], resamples)) for i in order)


def _labels(runs: Sequence[StoredRun]) -> list[str]:
    """Name runs after their models, and their folders where models repeat."""
    models = [str(run.run.get("model") or run.path.parent.name) for run in runs]
    return [
        model if models.count(model) == 1 else f"{model} ({run.path.parent})"
        for model, run in zip(models, runs, strict=True)
    ]
