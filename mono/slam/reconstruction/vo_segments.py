"""Options, keyframes and segments of visual odometry."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mono.system.errors import MetricDepthError


class VoError(MetricDepthError):
    """Reports that no path can be tracked: cause and remedy."""


@dataclass(frozen=True)
class VoOptions:
    """Options of visual odometry.

    Attributes:
        max_features: features tracked at once.
        min_inliers: fewest features that must agree on a pose; with fewer, a new segment begins.
        keyframe_share: share of a keyframe's features still tracked, below which a new keyframe is made.
        keyframe_flow: median motion of the features since the keyframe, as a share of the image width, above which a
            new keyframe is made.
        window: number of earlier keyframes that a keyframe is tied to.

    Raises:
        VoError: a value is out of range.
    """

    max_features: int = 800
    min_inliers: int = 25
    keyframe_share: float = 0.6
    keyframe_flow: float = 0.06
    window: int = 3

    def __post_init__(self) -> None:
        if self.min_inliers < 6 or self.max_features < 2 * self.min_inliers or self.window < 1:
            raise VoError(
                f"max_features is {self.max_features}, min_inliers {self.min_inliers} and window {self.window}: give "
                "min_inliers of at least 6, max_features of twice that, and a window of at least 1"
            )
        if not (0 < self.keyframe_share < 1 and 0 < self.keyframe_flow < 1):
            raise VoError(f"{self}: keyframe_share and keyframe_flow must lie between 0 and 1")


@dataclass(frozen=True)
class VoSegment:
    """Part of a path tracked without a break.

    Attributes:
        frames: indices of the samples, (N,).
        poses: camera to world, (N, 4, 4) [m]; the world is the first camera's frame.
        keyframes: indices of the samples that are keyframes.
        log_ratios: for each tied pair of keyframes, log of the step length by the earlier one's depth over that by the
            later one's, (K,).
        points: points in the world, (M, 3) float32 [m].
        colors: colors of the points, (M, 3) uint8.
    """

    frames: np.ndarray
    poses: np.ndarray
    keyframes: tuple[int, ...]
    log_ratios: np.ndarray
    points: np.ndarray
    colors: np.ndarray


@dataclass
class Keyframe:
    """Keyframe: ids, pixels (N, 2) and points (N, 3) of its features, in its camera's frame."""

    place: int
    ids: np.ndarray
    pixels: np.ndarray
    points: np.ndarray


@dataclass
class OpenSegment:
    """Segment under construction."""

    keyframes: list[Keyframe] = field(default_factory=list)  # the last few
    places: list[int] = field(default_factory=list)  # indices of all keyframes
    guesses: list[np.ndarray] = field(default_factory=list)  # their poses, chained
    ties: list[tuple[int, int, np.ndarray, float]] = field(default_factory=list)  # i, j, j in i's frame, depth [m]
    ratios: list[float] = field(default_factory=list)
    frames: list[tuple[int, int, np.ndarray]] = field(default_factory=list)  # place, keyframe, pose in its frame
    clouds: list[tuple[np.ndarray, np.ndarray]] = field(
        default_factory=list
    )  # points and colors of each keyframe, in its frame


class LostError(Exception):
    """Reports that too few features agree on a pose."""
