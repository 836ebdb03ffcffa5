"""Whether a network's confidence can be trusted: are the pixels that it is surer of the better ones?"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mono.evaluation.correlation import rank_correlation

GROUPS = 64  # of an image's pixels, at most
_SMALLEST = 16  # pixels of a group, so that its mean error is one: sparse ground truth gives fewer groups
_TENTHS = 10
_SLIGHT, _CLEAR = 0.1, 0.3  # rank correlations from which on a relation is called one, with and without reserve


@dataclass(frozen=True)
class ConfidenceGroups:
    """An image's pixels in groups, equal in number up to one pixel; float32 arrays of one shape (n,), n up to 64.

    Attributes:
        confidence: mean confidence of each group, in rising order.
        error: mean |p - t| / t of the same groups. Pixels of one confidence share their mean, so that their order
            says nothing.
        worst_first: mean |p - t| / t of as many groups in falling order of the error itself: what no confidence can
            surpass.
        pixels: of each group, int64.
    """

    confidence: np.ndarray
    error: np.ndarray
    worst_first: np.ndarray
    pixels: np.ndarray


@dataclass(frozen=True)
class Tenth:
    """A tenth of all pixels, by confidence: its mean confidence, its AbsRel, and how many pixels it has."""

    confidence: float
    abs_rel: float
    pixels: float


@dataclass(frozen=True)
class Reliability:
    """How confidence and error (|p - t| / t of predictions as they are) go together, over a run's pixels.

    Attributes:
        images, pixels: how many there are.
        tenths: the pixels of all images in ten parts, from the least sure to the surest.
        rank_correlation: Spearman's, of the mean confidence and the mean error of all images' groups: -1 where surer is
            always better, 0 where confidence says nothing; None where one of the two is the same everywhere.
        ause: area between two curves over the share of pixels that are left out, from 0 to 1: AbsRel of the rest
            where the least sure are left out first, less that where the worst are left out first, as a share of the
            AbsRel of all. 0: confidence puts the pixels in order as well as their errors would.
        ause_of_chance: the same for pixels left out at random.
    """

    images: int
    pixels: int
    tenths: tuple[Tenth, ...]
    rank_correlation: float | None
    ause: float
    ause_of_chance: float

    def describe(self) -> str:
        """The relation in words, with its numbers."""
        if self.rank_correlation is None:
            return f"{self.verdict[:1].upper()}{self.verdict[1:]}: nothing can be said of the relation."
        least, surest = self.tenths[0].abs_rel, self.tenths[-1].abs_rel
        figures = (
            f"The surest tenth of the pixels has AbsRel {surest:.3f}, the least sure {least:.3f}; rank correlation of "
            f"confidence and error {self.rank_correlation:+.2f}; AUSE {self.ause:.3f} (random order "
            f"{self.ause_of_chance:.3f}, the errors' own 0)"
        )
        return f"{self.verdict[:1].upper()}{self.verdict[1:]}. {figures}."

    @property
    def verdict(self) -> str:
        """The relation in a few words."""
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
    """Groups of an image's pixels by confidence.

    Args:
        confidence: of the pixels that count, (n,), higher is surer; what is not finite is the least sure of all.
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
    """The relation of confidence and error over images; None where none has confidence."""
    found = [image for image in images if image is not None]
    if not found:
        return None
    confidence, error, worst_first, pixels = (
        np.concatenate([getattr(image, name) for image in found]).astype(np.float64)
        for name in ("confidence", "error", "worst_first", "pixels")
    )
    total = float(pixels.sum())
    order = np.argsort(confidence, kind="stable")
    # Sums over the share of the least sure pixels, straight within a group; groups of one confidence are one.
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
    """Mean, over the share left out, of the AbsRel of the rest."""
    left_out = (np.arange(1000) + 0.5) / 1000
    return float(((sums[-1] - np.interp(left_out, share, sums)) / (total * (1 - left_out))).mean())
