"""Smoothing of the scale of a video's depth, so that it does not flicker."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mono.io.depth import png_depth_scale, read_depth, write_depth
from mono.io.depth_metadata import DepthEncoding, saved_camera
from mono.system.errors import MetricDepthError
from mono.system.progress import Progress, silent

logger = logging.getLogger(__name__)

_CUT = 0.35  # spread of log ratios from which on two frames show different things
_WRITTEN = frozenset({".png", ".json", ".npy", ".npz", ".exr"})
_SAMPLED = 20_000  # pixels that two frames are compared at


@dataclass(frozen=True)
class Smoothing:
    """Changes to the scale of a video's frames.

    Attributes:
        factors: (N,) factor of each frame's depth.
        steps: (N - 1,) log of each frame's scale over the former's, before smoothing; 0 at cuts.
        cuts: frames that begin a new shot; smoothing does not cross them.
    """

    factors: np.ndarray
    steps: np.ndarray
    cuts: tuple[int, ...]

    @property
    def median_change(self) -> float:
        """Return the median of |factor - 1|."""
        return float(np.median(np.abs(self.factors - 1)))

    @property
    def largest_change(self) -> float:
        """Return the largest |factor - 1|."""
        return float(np.abs(self.factors - 1).max())

    @property
    def flicker(self) -> tuple[float, float]:
        """Return the flicker before and after: standard deviation of differences between steps."""
        after = self.steps + np.diff(np.log(self.factors))
        after[[c - 1 for c in self.cuts]] = 0
        return tuple(float(np.diff(s).std() / math.sqrt(6)) if len(s) > 1 else 0.0 for s in (self.steps, after))  # type: ignore[return-value]


def find_smoothing(depth_maps: Sequence[Path], width: float) -> Smoothing:
    """Find factors that remove fast changes of scale from a video's depth.

    The scale of a frame relative to the preceding one is the median ratio of their depth, pixel by pixel; its running
    sum is low-passed by a Gaussian. Slower changes (a camera that approaches a wall) stay, and so does the mean scale.
    Two maps are held at a time.

    Args:
        depth_maps: files in order of time, of one size.
        width: standard deviation of the Gaussian [frames], positive.

    Returns:
        Factors, with what they were computed from.

    Raises:
        MetricDepthError: the width is not positive, or sizes differ.
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
    progress: Progress = silent,
) -> None:
    """Write depth maps multiplied by their factors, with their cameras.

    Args:
        depth_maps: depth files to read.
        targets: depth files to write, each whole or not at all.
        factors: factor of each.
        progress: receiver of progress reports.
    """
    for done, (source, target, factor) in enumerate(zip(depth_maps, targets, factors, strict=True), 1):
        encoding = DepthEncoding(png_depth_scale(source) or DepthEncoding.scale)
        written = write_depth(target, read_depth(source) * np.float32(factor), saved_camera(source), encoding=encoding)
        if written.beyond_range:
            message = "%s: %d pixels became invalid: smoothed, they lie beyond the %.4g m of its depth scale"
            logger.warning(message, target, written.beyond_range, encoding.farthest)
        progress("smoothing", done, len(depth_maps))


def clear_smoothed(folder: Path, out: Path) -> None:
    """Remove the depth maps of an earlier smoothing; other files stay.

    Args:
        folder: folder of one video's smoothed depth.
        out: output folder that must contain it, once links are followed.

    Raises:
        MetricDepthError: the folder lies elsewhere.
    """
    if not folder.is_dir():
        return
    if not folder.resolve().is_relative_to(out.resolve()):
        raise MetricDepthError(f"{folder}: leads out of {out}; remove this link, or choose another output folder")
    logger.info("%s is replaced", folder)
    for file in folder.iterdir():
        made = file.suffix in _WRITTEN and (file.stem.isdecimal() or file.name == "smoothing.json")
        if made and file.is_file() and not file.is_symlink():
            file.unlink()


def _log_ratio(former: np.ndarray, depth: np.ndarray) -> float | None:
    """Return the median of log(depth / former); None where the two show different things."""
    both = (former > 0) & (depth > 0)
    if both.sum() < 100:
        return None
    ratios = np.log(depth[both] / former[both])
    ratios = ratios[:: max(1, len(ratios) // _SAMPLED)]
    middle = float(np.median(ratios))
    spread = 1.4826 * float(np.median(np.abs(ratios - middle)))
    return None if spread > _CUT else middle


def _low_pass(values: np.ndarray, width: float) -> np.ndarray:
    """Smooth by a local line with Gaussian weights, so that a steady change passes unchanged."""
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
