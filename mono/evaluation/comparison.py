"""Comparison of two evaluations: differences of metrics on the same images, with intervals."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mono.evaluation.alignment import ALIGNMENTS, primary_tier
from mono.evaluation.metrics import ImageMetrics
from mono.evaluation.stored_run import ComparisonError, StoredRun

HIGHER_IS_BETTER = ("delta1", "delta2", "delta3", "boundary_f1")
COMPARED = ("abs_rel", "sq_rel", "rmse", "rmse_log", "log10", "silog", *HIGHER_IS_BETTER)
_PROSE = ("description", "references")  # fields of a protocol that do not change its numbers
_LEVEL = 95  # [%] of the intervals
_CHUNK = 4_000_000  # draws at a time
_ROUNDING = 5e-5  # of differences, which tables show with four digits


@dataclass(frozen=True)
class Difference:
    """Difference of a metric between two runs, averaged over the images that have it in both.

    Attributes:
        tier: alignment of the predictions.
        metric: name in `ImageMetrics`.
        images: number of images.
        a: average of run A.
        b: average of run B.
        difference: b - a.
        low: lower end of the 95 % interval of the difference, from a paired bootstrap over images.
        high: upper end of that interval.
    """

    tier: str
    metric: str
    images: int
    a: float
    b: float
    difference: float
    low: float
    high: float

    @property
    def better(self) -> str:
        """Name the better run, "A" or "B"; "" where the interval includes 0, as rounded to four digits."""
        if self.low <= _ROUNDING and self.high >= -_ROUNDING:
            return ""
        return "B" if (self.difference > 0) == (self.metric in HIGHER_IS_BETTER) else "A"


@dataclass(frozen=True)
class Comparison:
    """Result of `compare_runs`.

    Attributes:
        a: run A.
        b: run B.
        names: images compared, in A's order.
        only_a: images of run A alone, which are left out.
        only_b: images of run B alone, which are left out.
        differences: differences by tier and metric.
        resamples: number of bootstrap resamples.
        seed: random seed of the bootstrap.
    """

    a: StoredRun
    b: StoredRun
    names: tuple[str, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    differences: tuple[Difference, ...]
    resamples: int
    seed: int

    @property
    def tier(self) -> str:
        """Name the first tier that an image has in both runs; "metric" where there is one."""
        return next((row.tier for row in self.differences), "metric")

    def changes(self, tier: str = "metric", metric: str = "abs_rel") -> list[tuple[str, float, float]]:
        """List images with the values of both runs, sorted by B - A, ascending.

        Args:
            tier: alignment of the predictions.
            metric: name in `ImageMetrics`.

        Returns:
            (image, A's value, B's value) of images that have the metric in both runs.
        """
        values = [
            (name, getattr(self.a.images[name][tier], metric), getattr(self.b.images[name][tier], metric))
            for name in self.names
            if tier in self.a.images[name] and tier in self.b.images[name]
        ]
        known = [item for item in values if item[1] is not None and item[2] is not None]
        return sorted(known, key=lambda item: item[2] - item[1])


def compare_runs(
    a: StoredRun, b: StoredRun, *, common: bool = False, resamples: int = 10_000, seed: int = 0
) -> Comparison:
    """Compare two runs image by image.

    Args:
        a: run A.
        b: run B.
        common: where the sets of images differ, compare the common images instead of refusing to.
        resamples: number of bootstrap resamples; images are drawn with replacement, the same for both runs.
        seed: random seed of the bootstrap; the same seed gives the same intervals.

    Raises:
        ComparisonError: the protocols, the sets of images (unless `common`) or the ground truth differ, or there is
            nothing to compare.
    """
    if resamples < 1:
        raise ComparisonError(f"{resamples} resamples; at least 1 is needed, 10000 are usual")
    names = common_images(a, b, common)
    only_a, only_b = (
        tuple(name for name in these.images if name not in those.images) for these, those in ((a, b), (b, a))
    )
    differences = tuple(
        difference for tier in ALIGNMENTS for difference in differences_of_tier(a, b, names, tier, resamples, seed)
    )
    if not differences:
        raise ComparisonError(f"{a.path} and {b.path} have no tier in common; evaluate one of them with --inverse")
    return Comparison(a, b, names, only_a, only_b, differences, resamples, seed)


def common_images(a: StoredRun, b: StoredRun, common: bool) -> tuple[str, ...]:
    """List the images that two runs can be compared on, in A's order.

    Args:
        a: run A.
        b: run B.
        common: leave out images of one run alone, instead of refusing to compare.

    Raises:
        ComparisonError: the protocols, the sets of images (unless `common`) or the ground truth differ.
    """
    _check_protocols(a, b)
    names = tuple(name for name in a.images if name in b.images)
    only_a, only_b = ([name for name in x.images if name not in y.images] for x, y in ((a, b), (b, a)))
    if not names:
        raise ComparisonError(f"{a.path} and {b.path} have no image in common; they are runs on different data")
    if (only_a or only_b) and not common:
        some = ", ".join((only_a + only_b)[:3])
        raise ComparisonError(
            f"the runs are not on the same images: {len(names)} in common, {len(only_a)} only in {a.path}, "
            f"{len(only_b)} only in {b.path} ({some}{', …' if len(only_a + only_b) > 3 else ''}); "
            "compare those in common with --common"
        )
    _check_ground_truth(a, b, names)
    return names


def _check_ground_truth(a: StoredRun, b: StoredRun, names: Sequence[str]) -> None:
    for name in names:
        pixels = [run.images[name][primary_tier(run.images[name])].pixels for run in (a, b)]
        if pixels[0] != pixels[1]:
            raise ComparisonError(
                f"{name}: {pixels[0]} pixels count in {a.path}, {pixels[1]} in {b.path}; the runs are not on the same "
                "ground truth"
            )
    known = [name for name in names if name in a.checksums and name in b.checksums]
    unlike = [name for name in known if a.checksums[name] != b.checksums[name]]
    if unlike:
        raise ComparisonError(
            f"{unlike[0]}: its ground truth in {a.path} is not that in {b.path} ({len(unlike)} of {len(known)} images "
            "differ), so their numbers cannot be compared. Evaluate both with the same annotations and files"
        )


def _check_protocols(a: StoredRun, b: StoredRun) -> None:
    fields = sorted((a.protocol.keys() | b.protocol.keys()) - set(_PROSE))
    unlike = [field for field in fields if a.protocol.get(field) != b.protocol.get(field)]
    densities = {a.protocol.get("ground_truth"), b.protocol.get("ground_truth")}
    if densities == {"dense", "any"}:  # the same numbers; former results of ibims have "any"
        unlike.remove("ground_truth")
    if unlike:
        what = "; ".join(f"{field} is {a.protocol.get(field)} in A, {b.protocol.get(field)} in B" for field in unlike)
        raise ComparisonError(
            f"the protocols of {a.path} (A) and {b.path} (B) differ, so their numbers cannot be compared: {what}. "
            "Evaluate both under one protocol"
        )


def differences_of_tier(
    a: StoredRun, b: StoredRun, names: Sequence[str], tier: str, resamples: int, seed: int
) -> Iterator[Difference]:
    """Compute the differences of all metrics in one tier.

    Args:
        a: run A.
        b: run B.
        names: images that both have.
        tier: alignment of the predictions.
        resamples: number of bootstrap resamples.
        seed: random seed of the bootstrap.

    Yields:
        Differences of the metrics that both have, in the order of `COMPARED`.
    """
    pairs = [(a.images[n][tier], b.images[n][tier]) for n in names if tier in a.images[n] and tier in b.images[n]]
    if not pairs:
        return
    tables = [_table([pair[side] for pair in pairs]) for side in (0, 1)]
    present = np.isfinite(tables[0]) & np.isfinite(tables[1])
    tables = [np.where(present, table, 0) for table in tables]
    pixels = np.array([pair[0].pixels for pair in pairs], float)
    pooled = a.protocol.get("averaging") == "pixel"

    def averages(counts: np.ndarray) -> list[np.ndarray]:
        return [_averages(table, present, counts, pixels if pooled else None) for table in tables]

    means = [mean[0] for mean in averages(np.ones((1, len(pairs))))]
    drawn = [np.subtract(*averages(counts)[::-1]) for counts in _resampled(len(pairs), resamples, seed)]
    samples = np.concatenate(drawn)
    for column, metric in enumerate(COMPARED):
        known = samples[:, column][np.isfinite(samples[:, column])]
        if not present[:, column].any() or not known.size or not math.isfinite(means[0][column]):
            continue
        low, high = np.percentile(known, [(100 - _LEVEL) / 2, (100 + _LEVEL) / 2])
        mean_a, mean_b = float(means[0][column]), float(means[1][column])
        images = int(present[:, column].sum())
        yield Difference(tier, metric, images, mean_a, mean_b, mean_b - mean_a, float(low), float(high))


def _table(images: list[ImageMetrics]) -> np.ndarray:
    """Tabulate `COMPARED` and the log bias, which pooling needs, by image; NaN where unknown."""
    rows = [[getattr(image, name) for name in (*COMPARED, "log_bias")] for image in images]
    return np.array(rows, float)  # None becomes NaN


def _averages(table: np.ndarray, present: np.ndarray, counts: np.ndarray, pixels: np.ndarray | None) -> np.ndarray:
    """Average each resample, (resamples, metrics of `COMPARED`), from its counts of each image.

    Without `pixels`, means over images; with them, all pixels are pooled, as `metrics.pooled_over_pixels` does.
    """
    at = {name: column for column, name in enumerate((*COMPARED, "log_bias"))}
    weights = counts if pixels is None else counts * pixels
    with np.errstate(invalid="ignore"):  # a resample may hold no image that has a metric

        def mean(values: np.ndarray) -> np.ndarray:
            return (weights @ values) / (weights @ present.astype(float))

        if pixels is None:
            return mean(table)[:, : len(COMPARED)]
        moments = table.copy()
        moments[:, at["rmse"]] **= 2
        moments[:, at["rmse_log"]] = (table[:, at["silog"]] / 100) ** 2 + table[:, at["log_bias"]] ** 2
        means = mean(moments)
        variance = means[:, at["rmse_log"]] - means[:, at["log_bias"]] ** 2
        means[:, at["silog"]] = 100 * np.sqrt(np.maximum(variance, 0))
        for name in ("rmse", "rmse_log"):
            means[:, at[name]] = np.sqrt(means[:, at[name]])
        means[:, at["boundary_f1"]] = np.nan  # belongs to images
        return means[:, : len(COMPARED)]


def _resampled(images: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Draw the resamples in parts: counts of each image, (some resamples, images)."""
    generator = np.random.default_rng(seed)
    step = max(1, _CHUNK // images)
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        draws = generator.integers(0, images, (size, images))
        draws += images * np.arange(size)[:, None]
        yield np.bincount(draws.ravel(), minlength=size * images).reshape(size, images).astype(float)
