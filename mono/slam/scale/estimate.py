"""The scale of a trajectory or reconstruction from depth maps, how sure it is, and whether it drifts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mono.slam.scale.drift import Drift, find_drift, find_jump
from mono.slam.scale.statistics import autocorrelation, huber_mean, robust_std
from mono.system.errors import MetricDepthError

MIN_IMAGES, MIN_POINTS = 5, 15
_BROKEN_BETWEEN = 0.30  # robust std of log scale between images that no metric model and no sound path shows
_BROKEN_WITHIN = 0.60  # the same between the points of one image


class ScaleError(MetricDepthError):
    """There is no scale that could be trusted. The message says why and what to do."""


@dataclass(frozen=True)
class ImageScale:
    """What one image says.

    Attributes:
        frame: its number.
        position: where it lies on the way, 0..1.
        log_scale: median over its points of log(predicted depth [m] / depth in the trajectory's units).
        spread: robust standard deviation of the same between its points.
        points: how many there are.
    """

    frame: int
    position: float
    log_scale: float
    spread: float
    points: int


@dataclass(frozen=True)
class ScaleEstimate:
    """The scale, and what it rests on.

    Attributes:
        scale: metres in one unit of the trajectory.
        spread: robust standard deviation of log scale between images.
        standard_error: of log(scale), by the spread and the images' number; neighbours that err alike count less. What
            all depth maps have in common, as a network's bias for a kind of place, is not in it.
        images: what each image said.
        drift: along the way.
    """

    scale: float
    spread: float
    standard_error: float
    images: tuple[ImageScale, ...]
    drift: Drift

    @property
    def points(self) -> int:
        return sum(image.points for image in self.images)

    def at(self, positions: np.ndarray) -> np.ndarray:
        """The scale at positions 0..1 of the way: the line with knots where the drift is significant, else constant."""
        if not self.drift.significant:
            return np.full(np.shape(positions), self.scale)
        return np.exp(np.interp(positions, self.drift.knots, self.drift.log_scale))


def image_scale(frame: int, position: float, log_ratios: np.ndarray) -> ImageScale | None:
    """What an image's points say together; None if fewer than MIN_POINTS do.

    All points count alike: weights by parallax or depth are themselves noisy, and would bias the median.

    Args:
        log_ratios: log(predicted / triangulated depth) of each point, (P,).
    """
    if len(log_ratios) < MIN_POINTS:
        return None
    return ImageScale(frame, position, float(np.median(log_ratios)), robust_std(log_ratios), len(log_ratios))


def depth_at(depth: np.ndarray, uv: np.ndarray, jump: float = 0.2) -> np.ndarray:
    """Depth at image points between pixel centres, (P,); NaN without depth, beside an edge, or outside the map.

    Corners like to lie on edges, where a point's depth is as likely that of the one side as of the other.

    Args:
        depth: (H, W), 0 where there is none.
        uv: [px], (P, 2), pixel centres at whole numbers.
        jump: largest relative difference among the 16 pixels around a point.
    """
    h, w = depth.shape
    left, top = np.floor(uv[:, 0]).astype(np.int64), np.floor(uv[:, 1]).astype(np.int64)
    columns = left[:, None] + np.arange(-1, 3)
    rows = top[:, None] + np.arange(-1, 3)
    inside = (left >= 0) & (top >= 0) & (left < w) & (top < h)
    around = depth[np.clip(rows, 0, h - 1)[:, :, None], np.clip(columns, 0, w - 1)[:, None]].astype(np.float64)
    low, high = around.min((1, 2)), around.max((1, 2))
    good = inside & (low > 0) & (high <= low * (1 + jump))
    a, b = uv[:, 0] - left, uv[:, 1] - top
    # On a plane one over the depth is linear in the image.
    with np.errstate(divide="ignore", invalid="ignore"):
        inner = 1 / around[:, 1:3, 1:3]
        upper = inner[:, 0, 0] * (1 - a) + inner[:, 0, 1] * a
        lower = inner[:, 1, 0] * (1 - a) + inner[:, 1, 1] * a
        return np.where(good, 1 / (upper * (1 - b) + lower * b), np.nan)


def estimate_scale(images: Sequence[ImageScale]) -> ScaleEstimate:
    """The scale that images agree on: a robust (Huber) mean of their log scales.

    Raises:
        ScaleError: there are too few images; or they, or the points within them, disagree so much that model and depth
            do not belong together.
    """
    images = tuple(sorted(images, key=lambda image: image.position))
    if len(images) < MIN_IMAGES:
        raise ScaleError(
            f"only {len(images)} images have {MIN_POINTS} points or more to compare with depth, {MIN_IMAGES} are "
            "needed; give more frames, or such in which the camera moves past textured things"
        )
    y = np.array([image.log_scale for image in images])
    x = np.array([image.position for image in images])
    within = float(np.median([image.spread for image in images]))
    if within > _BROKEN_WITHIN:
        raise ScaleError(
            f"in a typical image, points differ from its depth by a factor of {math.exp(within):.2f} from one to the "
            "next (robust): poses and frames do not belong together, or the camera is wrong; check the order of the "
            "frames, the focal length and the format of the poses"
        )
    drift = find_drift(x, y)
    at, jump = find_jump(x, y)
    if abs(jump) > _BROKEN_BETWEEN:
        raise ScaleError(
            f"the scale jumps by a factor of {math.exp(abs(jump)):.2f} between frame {images[at - 1].frame} and "
            f"{images[at].frame}: parts of different scale were joined there; give each by itself"
        )
    residual = y - (np.interp(x, drift.knots, drift.log_scale) if drift.significant else np.median(y))
    left = robust_std(residual)
    # Two parts of different scale leave the median absolute deviation within one of them; percentiles see both.
    low, high = np.percentile(residual, (16, 84))
    if max(left, (high - low) / 2) > _BROKEN_BETWEEN:
        factor = math.exp(max(left, (high - low) / 2))
        raise ScaleError(
            f"images disagree on the scale by a factor of {factor:.2f} (one standard deviation, robust), without "
            "a drift that would explain it: the reconstruction is broken (parts of different scale), or its depth is; "
            "the smallest and largest are "
            f"{math.exp(y.min()):.3g} (frame {images[int(y.argmin())].frame}) and "
            f"{math.exp(y.max()):.3g} (frame {images[int(y.argmax())].frame})"
        )
    centre = huber_mean(y)
    spread = robust_std(y)
    # Noise around the drift, not the drift itself, says how well the mean is known.
    n, alike = len(y), autocorrelation(residual)
    # 1.03 is Huber's price; the median absolute deviation of few values is too small by about n / (n - 1.7).
    error = left * n / (n - 1.7) / math.sqrt(n) * math.sqrt((1 + alike) / (1 - alike)) * 1.03
    return ScaleEstimate(math.exp(centre), spread, error, images, drift)
