"""The scale of a trajectory or reconstruction from depth maps, how sure it is, and whether it drifts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MIN_IMAGES, MIN_POINTS = 5, 15
_BROKEN_BETWEEN = 0.30  # robust std of log scale between images that no metric model and no sound path shows
_BROKEN_WITHIN = 0.60  # the same between the points of one image
_SIGNIFICANT = 0.005  # share of series without a drift that may look as drifting
_SMALLEST_DRIFT = 0.02  # of log scale; less is not worth a correction
_SERIES = 1000
_TO_STD = 1.4826  # of a median absolute deviation, for normal noise


class ScaleError(ValueError):
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
class Drift:
    """Whether the scale changes along the way, and how.

    Attributes:
        trend: change of log scale from the first to the last position, by a straight line.
        trend_error: its standard error.
        trend_p: share of series without a drift, but of the same noise, with as clear a trend.
        p: share of such series that a line with knots explains as much better than one constant as it does this.
        predicts: whether stretches that are left out are predicted better by it than by one constant.
        knots: positions of the best line's knots, (K,); one if the constant is best.
        log_scale: its values there, (K,).
        significant: whether all evidence together is for a drift.
    """

    trend: float
    trend_error: float
    trend_p: float
    p: float
    predicts: bool
    knots: tuple[float, ...]
    log_scale: tuple[float, ...]
    significant: bool

    @property
    def range(self) -> float:
        """Largest over smallest scale along the way."""
        return math.exp(max(self.log_scale) - min(self.log_scale))


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
    return ImageScale(frame, position, float(np.median(log_ratios)), _robust_std(log_ratios), len(log_ratios))


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
    left = _robust_std(residual)
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
    centre = _huber_mean(y)
    spread = _robust_std(y)
    # Noise around the drift, not the drift itself, says how well the mean is known.
    n, alike = len(y), _autocorrelation(residual)
    # 1.03 is Huber's price; the median absolute deviation of few values is too small by about n / (n - 1.7).
    error = left * n / (n - 1.7) / math.sqrt(n) * math.sqrt((1 + alike) / (1 - alike)) * 1.03
    return ScaleEstimate(math.exp(centre), spread, error, images, drift)


def find_drift(position: np.ndarray, log_scale: np.ndarray) -> Drift:
    """Whether log scales drift along the way: one constant against lines with 2 to 8 evenly spaced knots.

    The gain in BIC of the best line is compared with its gains on series without a drift that are made of the same
    noise: of what the line leaves, with neighbours as much alike (first-order autoregressive) as they are there. A
    drift must besides predict stretches that are left out better than a constant does, and be larger than 2 %.

    Args:
        position: 0..1, increasing, (N,).
        log_scale: (N,).
    """
    n = len(log_scale)
    x, y = np.asarray(position, np.float64), _tamed_along(np.asarray(log_scale, np.float64))
    hats = {k: _hat(x, k) for k in (2, 3, 4, 6, 8) if k <= n // 4}
    bic = {1: _bic(y[None], np.full((n, n), 1 / n), 1), **{k: _bic(y[None], hat, k) for k, hat in hats.items()}}
    best = min(bic, key=lambda k: float(bic[k][0]))
    # The noise is what the most flexible line leaves: a drift that is there must not count as noise.
    most = max(hats, default=1)
    left = y - (hats[most] @ y if most > 1 else y.mean())
    null = _noise_like(left, most, _SERIES)
    gain = float(bic[1][0]) - min((float(bic[k][0]) for k in hats), default=math.inf)
    constant = _bic(null, np.full((n, n), 1 / n), 1)
    gains = constant - np.min([_bic(null, hat, k) for k, hat in hats.items()], axis=0) if hats else np.zeros(len(null))
    p = float((1 + (gains >= gain).sum()) / (1 + len(gains))) if hats else 1.0
    slope, error, slope_p = _trend(x, y, null)
    knots = np.linspace(0, 1, best) if best > 1 else np.array([0.5])
    values = _solver(x, best) @ y if best > 1 else np.array([np.median(log_scale)])
    predicts = best > 1 and _predicts(x, y, best)
    large = bool(np.ptp(values) > _SMALLEST_DRIFT)
    significant = best > 1 and p <= _SIGNIFICANT and large and predicts
    return Drift(slope, error, slope_p, p, predicts, tuple(map(float, knots)), tuple(map(float, values)), significant)


def find_jump(position: np.ndarray, log_scale: np.ndarray) -> tuple[int, float]:
    """Where log scales jump, and by how much: the first number behind it, and the difference of the two parts' medians.

    Two constants must explain them better than one and than any line of `find_drift`, by 10 in BIC; else (0, 0.0).
    """
    n, y = len(log_scale), _tamed_along(np.asarray(log_scale, np.float64))
    splits = range(3, n - 2)
    if not splits:
        return 0, 0.0

    def left(k: int) -> float:
        return float(((y[:k] - y[:k].mean()) ** 2).sum() + ((y[k:] - y[k:].mean()) ** 2).sum())

    squares, at = min((left(k), k) for k in splits)
    floor = max(float((y**2).sum()), 1e-200) * 1e-14
    two = n * math.log(max(squares, floor)) + 3 * math.log(n)
    others = [_bic(y[None], np.full((n, n), 1 / n), 1)]
    others += [_bic(y[None], _hat(position, k), k) for k in (2, 3, 4, 6, 8) if k <= n // 4]
    if two > float(min(others)[0]) - 10:
        return 0, 0.0
    return at, float(np.median(log_scale[at:]) - np.median(log_scale[:at]))


def _bic(series: np.ndarray, hat: np.ndarray, count: int) -> np.ndarray:
    """Bayesian information criterion of each of `series` (S, N) under the fit `hat` (N, N) of `count` values, (S,)."""
    n = series.shape[1]
    squares = ((series - series @ hat.T) ** 2).sum(1)
    floor = np.maximum((series**2).sum(1), 1e-200) * 1e-14
    return n * np.log(np.maximum(squares, floor)) + count * math.log(n)


def _noise_like(residual: np.ndarray, fitted: int, count: int) -> np.ndarray:
    """Series of the same noise: first-order autoregressive, innovations drawn from the residual's, (count, N)."""
    n = len(residual)
    # A line that was fitted to noise takes its slow part along: the likeness that is left is too small by about this.
    alike = float(np.clip(_lag_one(residual) + (1 + 2 * fitted) / n, 0, 0.9))
    innovations = residual[1:] - alike * residual[:-1]
    innovations = innovations - innovations.mean()
    drawn = np.random.default_rng(n).choice(innovations, (n + 20, count))
    series = np.empty((n + 20, count))
    series[0] = drawn[0]
    for i in range(1, n + 20):
        series[i] = alike * series[i - 1] + drawn[i]
    return series[20:].T


def _trend(x: np.ndarray, y: np.ndarray, null: np.ndarray) -> tuple[float, float, float]:
    """Slope of y over x, its standard error, and the share of `null` (S, N) that is as steep for its size."""
    centred = x - x.mean()
    square = float((centred**2).sum())
    if square < 1e-12:
        return 0.0, math.inf, 1.0

    def steepness(series: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        slopes = series @ centred / square
        residual = series - series.mean(1, keepdims=True) - slopes[:, None] * centred
        return slopes, np.sqrt(np.maximum((residual**2).sum(1), 1e-300) / max(len(x) - 2, 1) / square)

    slope, error = steepness(y[None])
    slopes, errors = steepness(null)
    steeper = (np.abs(slopes) / errors >= abs(slope[0]) / error[0]).sum()
    return float(slope[0]), float(error[0]), float((1 + steeper) / (1 + len(null)))


def _tents(x: np.ndarray, count: int) -> np.ndarray:
    """Values at `x` of the `count` hat functions on evenly spaced knots, (N, count)."""
    return np.maximum(1 - np.abs(x[:, None] * (count - 1) - np.arange(count)), 0)


def _solver(x: np.ndarray, count: int) -> np.ndarray:
    """The matrix that takes values at `x` to least squares ones at the knots, (count, N).

    A weak wish for straightness keeps knots without images beside them near their neighbours' line.
    """
    tents = _tents(x, count)
    bend = np.diff(np.eye(count), 2, axis=0) * 0.05
    stacked = np.concatenate([tents, bend])
    return np.linalg.pinv(stacked)[:, : len(x)]


def _hat(x: np.ndarray, count: int) -> np.ndarray:
    """The matrix that takes values (N,) to those of the best line with knots, (N, N)."""
    return _tents(x, count) @ _solver(x, count)


def _predicts(x: np.ndarray, y: np.ndarray, count: int) -> bool:
    """Whether left-out eighths are predicted better, by a fifth in the squares, than by the mean of the others."""
    part = np.minimum((np.arange(len(x)) * 8) // len(x), 7)
    line, constant = 0.0, 0.0
    for k in range(8):
        out = part == k
        line += float(((y[out] - _tents(x[out], count) @ _solver(x[~out], count) @ y[~out]) ** 2).sum())
        constant += float(((y[out] - y[~out].mean()) ** 2).sum())
    return line < 0.8 * constant


def _robust_std(values: np.ndarray) -> float:
    return float(_TO_STD * np.median(np.abs(values - np.median(values))))


def _tamed(values: np.ndarray) -> np.ndarray:
    """Values with those beyond three robust standard deviations moved there."""
    middle, std = float(np.median(values)), _robust_std(values)
    return np.clip(values, middle - 3 * std, middle + 3 * std) if std > 0 else values


def _tamed_along(values: np.ndarray, reach: int = 3) -> np.ndarray:
    """Values far from the median of their neighbours moved nearer: outliers go, a jump for good stays."""
    n = len(values)
    middle = np.array([np.median(values[max(i - reach, 0) : i + reach + 1]) for i in range(n)])
    return middle + _tamed(values - middle) if _robust_std(values - middle) > 0 else values


def _huber_mean(values: np.ndarray) -> float:
    """The mean with deviations beyond 1.345 robust standard deviations counting as that much."""
    middle, std = float(np.median(values)), _robust_std(values)
    if std == 0:
        return middle
    for _ in range(50):
        weights = np.minimum(1, 1.345 * std / np.maximum(np.abs(values - middle), 1e-300))
        moved = float((weights * values).sum() / weights.sum())
        if abs(moved - middle) < 1e-12:
            break
        middle = moved
    return middle


def _autocorrelation(values: np.ndarray) -> float:
    """How alike neighbours are (lag one), of what outliers leave, within 0..0.8, without the bias of few."""
    found = _lag_one(_tamed(values))
    return float(np.clip(found + (1 + 3 * max(found, 0.0)) / len(values), 0, 0.8))


def _lag_one(values: np.ndarray) -> float:
    v = values - values.mean()
    square = float((v**2).sum())
    return float((v[1:] * v[:-1]).sum()) / square if square > 0 else 0.0
