"""Reliability of confidence: relation of confidence and error over pixels."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mono.calibration.statistics import rank_correlation

GROUPS = 64  # largest number of groups of an image's pixels
_SMALLEST = 16  # pixels of a group, so that its mean error means something: sparse ground truth gives fewer groups
_TENTHS = 10
_SLIGHT, _CLEAR = 0.1, 0.3  # rank correlations from which on a relation is named


@dataclass(frozen=True)
class ConfidenceGroups:
    """Pixels of an image in up to 64 groups of equal size, by confidence.

    Attributes:
        confidence: mean confidence of each group, (n,) float32, ascending.
        error: mean |p - t| / t of each group, (n,) float32. Pixels of equal confidence share their mean, so that their
            order does not matter.
        worst_first: mean |p - t| / t of as many groups, (n,) float32, sorted by the error itself, descending: the best
            order that a confidence can give.
        pixels: number of pixels of each group, (n,) int64.
    """

    confidence: np.ndarray
    error: np.ndarray
    worst_first: np.ndarray
    pixels: np.ndarray


@dataclass(frozen=True)
class Tenth:
    """Tenth of all pixels, by confidence.

    Attributes:
        confidence: mean confidence.
        abs_rel: mean |p - t| / t.
        pixels: number of pixels.
    """

    confidence: float
    abs_rel: float
    pixels: float


@dataclass(frozen=True)
class Reliability:
    """Relation of confidence and error (|p - t| / t without alignment) over a run's pixels.

    Attributes:
        images: number of images.
        pixels: number of pixels.
        tenths: pixels of all images in ten parts, from lowest to highest confidence.
        rank_correlation: Spearman's rank correlation of mean confidence and mean error of all images' groups: -1 where
            higher confidence is always better, 0 where they are unrelated; None where either is constant.
        ause: area under the sparsification error: AbsRel of the pixels that are left when those of lowest confidence
            are removed first, minus AbsRel when the worst are removed first, as a share of the AbsRel of all, averaged
            over the share removed. 0: confidence orders pixels as well as their errors would.
        ause_of_chance: the same area for pixels removed at random.
    """

    images: int
    pixels: int
    tenths: tuple[Tenth, ...]
    rank_correlation: float | None
    ause: float
    ause_of_chance: float

    def describe(self) -> str:
        """Describe the relation in sentences with its numbers."""
        if self.rank_correlation is None:
            return f"{self.verdict[:1].upper()}{self.verdict[1:]}: the relation cannot be judged."
        least, surest = self.tenths[0].abs_rel, self.tenths[-1].abs_rel
        figures = (
            f"The surest tenth of the pixels has AbsRel {surest:.3f}, the least sure {least:.3f}; rank correlation of "
            f"confidence and error {self.rank_correlation:+.2f}; AUSE {self.ause:.3f} (random order "
            f"{self.ause_of_chance:.3f}, the errors' own 0)"
        )
        return f"{self.verdict[:1].upper()}{self.verdict[1:]}. {figures}."

    @property
    def verdict(self) -> str:
        """Summarize the relation in a few words."""
        rank, ends = self.rank_correlation, self.tenths[0].abs_rel - self.tenths[-1].abs_rel
        if rank is None:
            alike = math.isclose(self.tenths[0].confidence, self.tenths[-1].confidence, rel_tol=1e-6)
            return f"the {'confidence' if alike else 'error'} is the same everywhere"
        if rank <= -_CLEAR and ends > 0:
            return "surer pixels are really better"
        if rank <= -_SLIGHT and ends > 0:
            return "surer pixels are somewhat better"
        if rank >= _CLEAR and ends < 0:
            return "surer pixels are worse: this confidence misleads"
        return "confidence says little about the error"


def confidence_groups(confidence: np.ndarray, error: np.ndarray) -> ConfidenceGroups | None:
    """Group an image's pixels by confidence.

    Args:
        confidence: confidence of the pixels that count, (n,), higher is better; non-finite values rank lowest.
        error: |p - t| / t of the same pixels, (n,).

    Returns:
        The groups; None without pixels, or where no confidence is finite.
    """
    finite = np.isfinite(confidence)
    if not finite.any():
        return None
    confidence = np.where(finite, confidence, confidence[finite].min()).astype(np.float32)
    order = np.argsort(confidence, kind="stable")
    ordered = confidence[order].astype(np.float64)
    error = np.asarray(error, np.float64)
    first = np.flatnonzero(np.diff(ordered, prepend=np.nan) != 0)
    alike = np.diff(first, append=ordered.size)
    shared = np.repeat(np.add.reduceat(error[order], first) / alike, alike)
    groups = max(1, min(GROUPS, ordered.size // _SMALLEST))
    starts = np.arange(groups) * ordered.size // groups
    pixels = np.diff(starts, append=ordered.size)

    def means(values: np.ndarray) -> np.ndarray:
        # Rounded, so that means of equal values are equal whatever the number of them.
        return (np.add.reduceat(values, starts) / pixels).astype(np.float32)

    return ConfidenceGroups(means(ordered), means(shared), means(np.sort(error)[::-1]), pixels)


def reliability(images: Iterable[ConfidenceGroups | None]) -> Reliability | None:
    """Relate confidence and error over images.

    Args:
        images: groups of each image; None for images without confidence.

    Returns:
        The relation; None where no image has confidence.
    """
    found = [image for image in images if image is not None]
    if not found:
        return None
    confidence, error, worst_first, pixels = (
        np.concatenate([getattr(image, name) for image in found]).astype(np.float64)
        for name in ("confidence", "error", "worst_first", "pixels")
    )
    total = float(pixels.sum())
    order = np.argsort(confidence, kind="stable")
    # Sums over the share of the pixels of lowest confidence, linear within a group; equal confidences are one group.
    last = np.append(np.flatnonzero(np.diff(confidence[order])), len(order) - 1)
    share = _from_zero((pixels[order].cumsum() / total)[last])
    errors = _from_zero(((pixels * error)[order].cumsum())[last])
    sureness = _from_zero(((pixels * confidence)[order].cumsum())[last])
    cuts = np.linspace(0, 1, _TENTHS + 1)
    tenths = tuple(
        Tenth(float(c), float(e), total / _TENTHS)
        for c, e in zip(
            *(np.diff(np.interp(cuts, share, sums)) / (total / _TENTHS) for sums in (sureness, errors)), strict=True
        )
    )
    worst = np.argsort(-worst_first, kind="stable")
    whole = float(errors[-1] / total)
    by_error = _area(
        _from_zero(pixels[worst].cumsum() / total), _from_zero((pixels * worst_first)[worst].cumsum()), total
    )
    return Reliability(
        images=len(found),
        pixels=int(total),
        tenths=tenths,
        rank_correlation=rank_correlation(confidence, error),
        ause=(_area(share, errors, total) - by_error) / whole if whole else 0.0,
        ause_of_chance=(whole - by_error) / whole if whole else 0.0,
    )


def _from_zero(values: np.ndarray) -> np.ndarray:
    return np.concatenate([[0.0], values])


def _area(share: np.ndarray, sums: np.ndarray, total: float) -> float:
    """Average the AbsRel of the remaining pixels over the share removed."""
    left_out = (np.arange(1000) + 0.5) / 1000
    return float(((sums[-1] - np.interp(left_out, share, sums)) / (total * (1 - left_out))).mean())
