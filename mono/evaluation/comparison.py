"""Two runs side by side: each metric's difference on the same images, and how sure it is."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mono.evaluation.alignment import TIERS
from mono.evaluation.metrics import ImageMetrics
from mono.system.errors import MetricDepthError

HIGHER_IS_BETTER = ("delta1", "delta2", "delta3", "boundary_f1")
COMPARED = ("abs_rel", "sq_rel", "rmse", "rmse_log", "log10", "silog", *HIGHER_IS_BETTER)
_PROSE = ("description", "references")  # of a protocol: what is said of it, not what it is
_LEVEL = 95  # [%] of the intervals
_CHUNK = 4_000_000  # draws at a time


class ComparisonError(MetricDepthError):
    """Two runs cannot be compared, or a file does not hold a run. The message says why."""


@dataclass(frozen=True)
class StoredRun:
    """A run as `metrics.json` keeps it.

    Attributes:
        path: the file.
        protocol: its protocol's fields.
        run: command, model and the like.
        images: metrics of each image by tier.
    """

    path: Path
    protocol: Mapping[str, Any]
    run: Mapping[str, Any]
    images: Mapping[str, Mapping[str, ImageMetrics]]


@dataclass(frozen=True)
class Difference:
    """A metric of two runs, averaged as the protocol says, over the images that have it in both.

    Attributes:
        tier: alignment of the predictions.
        metric: as `ImageMetrics` names it.
        images: how many there are.
        a, b: the averages.
        difference: b - a.
        low, high: ends of the 95 % interval of the difference, from a paired bootstrap over images.
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
        """ "A" or "B" where the interval leaves out 0; "" where it does not."""
        if self.low <= 0 <= self.high:
            return ""
        return "B" if (self.difference > 0) == (self.metric in HIGHER_IS_BETTER) else "A"


@dataclass(frozen=True)
class Comparison:
    """What `compare_runs` finds.

    Attributes:
        a, b: the runs.
        names: the images compared, in A's order.
        only_a, only_b: images of one run alone, which are left out.
        differences: by tier and metric.
        resamples, seed: of the bootstrap.
    """

    a: StoredRun
    b: StoredRun
    names: tuple[str, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    differences: tuple[Difference, ...]
    resamples: int
    seed: int

    def changes(self, tier: str = "metric", metric: str = "abs_rel") -> list[tuple[str, float, float]]:
        """(image, A's value, B's value), from where B is the most lower to where it is the most higher."""
        values = [
            (name, getattr(self.a.images[name][tier], metric), getattr(self.b.images[name][tier], metric))
            for name in self.names
            if tier in self.a.images[name] and tier in self.b.images[name]
        ]
        known = [item for item in values if item[1] is not None and item[2] is not None]
        return sorted(known, key=lambda item: item[2] - item[1])


def read_metrics(path: Path) -> StoredRun:
    """Read `metrics.json`, or the one in a folder.

    Raises:
        ComparisonError: it is not one.
        OSError: it cannot be read.
    """
    path = Path(path)
    path = path / "metrics.json" if path.is_dir() else path
    if not path.is_file():
        raise ComparisonError(f"{path}: there is no such file; give the metrics.json of `metricdepth evaluate`")
    try:
        content = json.loads(path.read_bytes())
        images = {
            name: {tier: ImageMetrics(**values) for tier, values in tiers.items()}
            for name, tiers in content["per_image"].items()
        }
        if not all("metric" in tiers for tiers in images.values()):
            raise MetricDepthError('an image has no tier "metric"')
        return StoredRun(path, dict(content["protocol"]), dict(content.get("run") or {}), images)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        detail = f"no entry {error}" if isinstance(error, KeyError) else str(error)
        raise ComparisonError(f"{path}: not the metrics.json of an evaluation ({detail})") from error


def compare_runs(
    a: StoredRun, b: StoredRun, *, common: bool = False, resamples: int = 10_000, seed: int = 0
) -> Comparison:
    """Compare two runs image by image.

    Args:
        a, b: the runs.
        common: compare the images that both have where their sets differ, instead of refusing to.
        resamples: of the bootstrap: the images are drawn with replacement so many times, the same for both runs.
        seed: of its random numbers; the same seed gives the same intervals.

    Raises:
        ComparisonError: the protocols, the sets of images (unless `common`) or the ground truth differ, or there is
            nothing to compare.
    """
    if resamples < 1:
        raise ComparisonError(f"{resamples} resamples; at least 1 is needed, 10000 are usual")
    _check_protocols(a, b)
    names = tuple(name for name in a.images if name in b.images)
    only_a, only_b = (
        tuple(name for name in these.images if name not in those.images) for these, those in ((a, b), (b, a))
    )
    if not names:
        raise ComparisonError(f"{a.path} and {b.path} have no image in common; they are runs on different data")
    if (only_a or only_b) and not common:
        some = ", ".join((only_a + only_b)[:3])
        raise ComparisonError(
            f"the runs are not on the same images: {len(names)} in common, {len(only_a)} only in {a.path}, "
            f"{len(only_b)} only in {b.path} ({some}{', …' if len(only_a + only_b) > 3 else ''}); "
            "compare those in common with --common"
        )
    for name in names:
        pixels = [run.images[name]["metric"].pixels for run in (a, b)]
        if pixels[0] != pixels[1]:
            raise ComparisonError(
                f"{name}: {pixels[0]} pixels count in {a.path}, {pixels[1]} in {b.path}; the runs are not on the same "
                "ground truth"
            )
    differences = tuple(difference for tier in TIERS for difference in _differences(a, b, names, tier, resamples, seed))
    return Comparison(a, b, names, only_a, only_b, differences, resamples, seed)


def _check_protocols(a: StoredRun, b: StoredRun) -> None:
    fields = sorted((a.protocol.keys() | b.protocol.keys()) - set(_PROSE))
    unlike = [field for field in fields if a.protocol.get(field) != b.protocol.get(field)]
    if unlike:
        what = "; ".join(f"{field} is {a.protocol.get(field)} in A, {b.protocol.get(field)} in B" for field in unlike)
        raise ComparisonError(
            f"the protocols of {a.path} (A) and {b.path} (B) differ, so their numbers cannot be compared: {what}. "
            "Evaluate both under one protocol"
        )


def _differences(
    a: StoredRun, b: StoredRun, names: tuple[str, ...], tier: str, resamples: int, seed: int
) -> Iterator[Difference]:
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
    """Values by image and metric of `COMPARED`, and the bias of logarithms, which pooling needs; NaN where unknown."""
    rows = [[getattr(image, name) for name in (*COMPARED, "log_bias")] for image in images]
    return np.array(rows, float)  # None becomes NaN


def _averages(table: np.ndarray, present: np.ndarray, counts: np.ndarray, pixels: np.ndarray | None) -> np.ndarray:
    """Averages of each resample, (resamples, metrics of `COMPARED`), from how often it has each image.

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
    """How often each image was drawn in each resample, (some resamples, images), until there are enough."""
    generator = np.random.default_rng(seed)
    step = max(1, _CHUNK // images)
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        draws = generator.integers(0, images, (size, images))
        draws += images * np.arange(size)[:, None]
        yield np.bincount(draws.ravel(), minlength=size * images).reshape(size, images).astype(float)
