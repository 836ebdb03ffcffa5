"""Scale from images' depth ratios, its standard error and drift."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mono.calibration.statistics import autocorrelation, huber_mean, robust_std
from mono.slam.scale.drift import Drift, find_drift, find_jump
from mono.system.errors import MetricDepthError

MIN_IMAGES, MIN_POINTS = 5, 15
_BROKEN_BETWEEN = 0.30  # robust std of log scale between images, beyond which path or depth is broken
_BROKEN_WITHIN = 0.60  # the same between the points of an image


class ScaleError(MetricDepthError):
    """Reports that there is no reliable scale: cause and remedy."""


@dataclass(frozen=True)
class ImageScale:
    """Scale of an image.

    Attributes:
        frame: number of the image.
        position: place along the path, 0..1.
        log_scale: median over the points of log(predicted depth [m] / depth in the trajectory's unit).
        spread: robust standard deviation of these logarithms.
        points: number of points.
    """

    frame: int
    position: float
    log_scale: float
    spread: float
    points: int


@dataclass(frozen=True)
class ScaleEstimate:
    """Scale with its evidence.

    Attributes:
        scale: metres per unit of the trajectory.
        spread: robust standard deviation of log scale between images.
        standard_error: standard error of log(scale), from the spread and the number of images; correlated neighbors
            count less. A bias that all depth maps share, as of a network for a kind of place, is not included.
        images: scale of each image.
        drift: change of scale along the path.
    """

    scale: float
    spread: float
    standard_error: float
    images: tuple[ImageScale, ...]
    drift: Drift

    @property
    def points(self) -> int:
        """Number of points of all images."""
        return sum(image.points for image in self.images)

    def at(self, positions: np.ndarray) -> np.ndarray:
        """Evaluate the scale at places along the path, 0..1.

        It is constant unless the drift is significant.
        """
        if not self.drift.significant:
            return np.full(np.shape(positions), self.scale)
        return np.exp(np.interp(positions, self.drift.knots, self.drift.log_scale))


def image_scale(frame: int, position: float, log_ratios: np.ndarray) -> ImageScale | None:
    """Summarize the log ratios of an image's points.

    Points have equal weights: weights by parallax or depth are noisy themselves, and would bias the median.

    Args:
        frame: number of the image.
        position: place along the path, 0..1.
        log_ratios: log(predicted / triangulated depth) of each point, (P,).

    Returns:
        The image's scale; None with fewer than MIN_POINTS points.
    """
    if len(log_ratios) < MIN_POINTS:
        return None
    return ImageScale(frame, position, float(np.median(log_ratios)), robust_std(log_ratios), len(log_ratios))


def estimate_scale(images: Sequence[ImageScale]) -> ScaleEstimate:
    """Estimate the scale: a robust (Huber) mean of log scales.

    Args:
        images: scale of each image.

    Raises:
        ScaleError: there are too few images, or they, or the points within them, disagree so much that poses and depth
            do not belong together.
    """
    images = tuple(sorted(images, key=lambda image: image.position))
    if len(images) < MIN_IMAGES:
        raise ScaleError(
            f"only {len(images)} images have {MIN_POINTS} points or more to compare with depth, {MIN_IMAGES} are "
            "needed; give more frames, or frames in which the camera moves past textured surfaces"
        )
    y = np.array([image.log_scale for image in images])
    x = np.array([image.position for image in images])
    within = float(np.median([image.spread for image in images]))
    if within > _BROKEN_WITHIN:
        raise ScaleError(
            f"in a typical image, the points differ from its depth by a factor of {math.exp(within):.2f} from one to "
            f"the "
            "next (robust): poses and frames do not belong together, or the camera is wrong; check the order of the "
            "frames, the focal length and the format of the poses"
        )
    drift = find_drift(x, y)
    at, jump = find_jump(x, y)
    if abs(jump) > _BROKEN_BETWEEN:
        raise ScaleError(
            f"the scale jumps by a factor of {math.exp(abs(jump)):.2f} between frame {images[at - 1].frame} and "
            f"{images[at].frame}: parts of different scale were joined there; rescale each by itself"
        )
    residual = y - (np.interp(x, drift.knots, drift.log_scale) if drift.significant else np.median(y))
    left = robust_std(residual)
    # Two parts of different scale leave the median absolute deviation within one of them; percentiles see both.
    low, high = np.percentile(residual, (16, 84))
    if max(left, (high - low) / 2) > _BROKEN_BETWEEN:
        factor = math.exp(max(left, (high - low) / 2))
        raise ScaleError(
            f"images disagree on the scale by a factor of {factor:.2f} (one standard deviation, robust), without "
            "a drift that explains it: the reconstruction is broken (parts of different scale), or its depth is; "
            "the smallest and largest are "
            f"{math.exp(y.min()):.3g} (frame {images[int(y.argmin())].frame}) and "
            f"{math.exp(y.max()):.3g} (frame {images[int(y.argmax())].frame})"
        )
    center = huber_mean(y)
    spread = robust_std(y)
    # The noise around the drift, not the drift itself, limits how well the mean is known.
    n, correlation = len(y), autocorrelation(residual)
    # 1.03 is the efficiency loss of the Huber mean; the median absolute deviation of few values is too small by about
    # n / (n - 1.7).
    error = left * n / (n - 1.7) / math.sqrt(n) * math.sqrt((1 + correlation) / (1 - correlation)) * 1.03
    return ScaleEstimate(math.exp(center), spread, error, images, drift)
