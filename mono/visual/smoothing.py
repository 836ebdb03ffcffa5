"""Depth of a video whose scale does not flicker: each frame's scale is brought to that of its neighbours in time."""

from __future__ import annotations

import logging
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mono.data.saved_predictions import saved_camera
from mono.io.depth import read_depth, write_depth
from mono.system.errors import MetricDepthError

logger = logging.getLogger(__name__)

_CUT = 0.35  # spread of log ratios between two frames that says that they show different things
_SAMPLED = 20_000  # pixels that two frames are compared at


@dataclass(frozen=True)
class Smoothing:
    """What was done to the scale.

    Attributes:
        factors: (N,) that each frame's depth was multiplied by.
        steps: (N - 1,) log of each frame's scale over the former's, as it was; 0 at cuts.
        cuts: frames that begin a new shot; nothing is smoothed across them.
    """

    factors: np.ndarray
    steps: np.ndarray
    cuts: tuple[int, ...]

    @property
    def median_change(self) -> float:
        """Median of |factor - 1|."""
        return float(np.median(np.abs(self.factors - 1)))

    @property
    def largest_change(self) -> float:
        """Largest |factor - 1|."""
        return float(np.abs(self.factors - 1).max())

    @property
    def flicker(self) -> tuple[float, float]:
        """Standard deviation of how steps differ from the next, before and after: the share that depth jumps by."""
        after = self.steps + np.diff(np.log(self.factors))
        after[[c - 1 for c in self.cuts]] = 0
        return tuple(float(np.diff(s).std() / math.sqrt(6)) if len(s) > 1 else 0.0 for s in (self.steps, after))  # type: ignore[return-value]


def find_smoothing(depth_maps: Sequence[Path], width: float) -> Smoothing:
    """The factors that take fast changes of scale out of a video's depth.

    The scale of a frame over that of the one before is the median ratio of their depth, pixel by pixel; its running sum
    is low-passed by a Gaussian of `width` frames (standard deviation). What is slower than that (a camera that walks
    towards a wall) stays, and so does the scale of the whole. Two maps are held at a time.

    Args:
        depth_maps: files in order of time, of one size.
        width: more than 0.

    Raises:
        ValueError: the width is not positive, or sizes differ.
        DepthError: a file cannot be read.
    """
    if not (math.isfinite(width) and width > 0):
        raise MetricDepthError(f"smoothing of {width} frames: it must be positive")
    steps, cuts = np.zeros(max(0, len(depth_maps) - 1)), []
    former = None
    for i, path in enumerate(depth_maps):
        depth = read_depth(path)
        if former is not None:
            if depth.shape != former.shape:
                raise MetricDepthError(f"{path}: is {depth.shape[::-1]}, the frame before {former.shape[::-1]}")
            step = _log_ratio(former, depth)
            if step is None:
                cuts.append(i)
            else:
                steps[i - 1] = step
        former = depth
    logs = np.zeros(len(depth_maps))
    for first, last in zip([0, *cuts], [*cuts, len(depth_maps)], strict=True):
        scale = np.concatenate([[0.0], np.cumsum(steps[first : last - 1])])
        correction = _low_pass(scale, width) - scale
        logs[first:last] = correction - correction.mean()
    return Smoothing(np.exp(logs), steps, tuple(cuts))


def write_smoothed(
    depth_maps: Sequence[Path],
    targets: Sequence[Path],
    factors: np.ndarray,
    on_done: Callable[[int], None] = lambda n: None,
) -> None:
    """Writes depth maps multiplied by their factors, with their cameras, each whole or not at all."""
    for source, target, factor in zip(depth_maps, targets, factors, strict=True):
        write_depth(target, read_depth(source) * np.float32(factor), saved_camera(source))
        on_done(1)


def clear(folder: Path) -> None:
    """Removes what an earlier smoothing wrote."""
    if folder.is_dir():
        logger.info("%s is replaced", folder)
        shutil.rmtree(folder)


def _log_ratio(former: np.ndarray, depth: np.ndarray) -> float | None:
    """Median of log(depth / former) over pixels that have both; None where the two show different things."""
    both = (former > 0) & (depth > 0)
    if both.sum() < 100:
        return None
    ratios = np.log(depth[both] / former[both])
    ratios = ratios[:: max(1, len(ratios) // _SAMPLED)]
    middle = float(np.median(ratios))
    spread = 1.4826 * float(np.median(np.abs(ratios - middle)))
    return None if spread > _CUT else middle


def _low_pass(values: np.ndarray, width: float) -> np.ndarray:
    """A Gaussian mean; at the ends, of a line through what is there, so that a steady change passes unchanged."""
    n = len(values)
    if n < 3:
        return values.copy()
    x = np.arange(n, dtype=np.float64)
    reach = math.ceil(4 * width)
    smooth = np.empty(n)
    for i in range(n):
        part = slice(max(0, i - reach), min(n, i + reach + 1))
        weights = np.exp(-0.5 * ((x[part] - i) / width) ** 2)
        weights /= weights.sum()
        dx = x[part] - i
        mean_x, mean_y = float(weights @ dx), float(weights @ values[part])
        square = float(weights @ (dx - mean_x) ** 2)
        slope = float(weights @ ((dx - mean_x) * (values[part] - mean_y))) / square if square > 0 else 0.0
        smooth[i] = mean_y - slope * mean_x
    return smooth
