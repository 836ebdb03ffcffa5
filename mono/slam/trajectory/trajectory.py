"""Trajectory: camera poses over time, as a value."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mono.system.errors import MetricDepthError

MAX_COORDINATE = 1e9  # in metres or units; beyond it, sums and squares lose all precision, or overflow
_ROTATION_TOLERANCE = 1e-3  # of entries of R^T R; text files with four digits pass


class TrajectoryError(MetricDepthError):
    """Reports an unusable trajectory or trajectory file: place, cause and remedy."""


@dataclass(frozen=True)
class Trajectory:
    """Poses of one camera in order of time.

    Attributes:
        poses: camera to world, (N, 4, 4) float64; x right, y down, z forward; [m] if the trajectory is metric.
        times: increasing, (N,) float64: seconds, or frame numbers without time stamps.
        names: one name per pose (an image file's, as in COLMAP), or empty.

    Raises:
        TrajectoryError: shapes do not match, a value is not finite or too large, a matrix is not a rigid motion, times
            do not increase, or names repeat.
    """

    poses: np.ndarray
    times: np.ndarray
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        poses = np.array(self.poses, np.float64)
        times = np.array(self.times, np.float64)
        if poses.ndim != 3 or poses.shape[1:] != (4, 4) or not len(poses):
            raise TrajectoryError(f"trajectory: poses have shape {poses.shape}; they must be (N, 4, 4), N at least 1")
        if times.shape != (len(poses),):
            raise TrajectoryError(f"trajectory: {len(poses)} poses, but times of shape {times.shape}")
        if self.names and len(self.names) != len(poses):
            raise TrajectoryError(f"trajectory: {len(poses)} poses, but {len(self.names)} names")
        if len(set(self.names)) != len(self.names):
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise TrajectoryError(f"trajectory: the name {twice} belongs to more than one pose")
        if not np.isfinite(times).all():
            raise TrajectoryError(f"trajectory: time {np.flatnonzero(~np.isfinite(times))[0]} is not finite")
        late = np.flatnonzero(np.diff(times) <= 0)
        if len(late):
            i = int(late[0])
            raise TrajectoryError(
                f"trajectory: time {times[i + 1]:.9g} of pose {i + 1} does not come after {times[i]:.9g}; "
                "sort the poses by time and remove repeated times"
            )
        for i, reason in pose_faults(poses):
            raise TrajectoryError(f"trajectory: pose {i}: {reason}")
        poses.setflags(write=False)
        times.setflags(write=False)
        object.__setattr__(self, "poses", poses)
        object.__setattr__(self, "times", times)
        object.__setattr__(self, "names", tuple(self.names))

    def __len__(self) -> int:
        return len(self.poses)

    @classmethod
    def of_frames(cls, poses: np.ndarray, names: tuple[str, ...] = ()) -> Trajectory:
        """Build a trajectory of the frames 0, 1, 2, ...

        Args:
            poses: camera to world, (N, 4, 4).
            names: one per pose, or empty.
        """
        return cls(poses, np.arange(len(poses), dtype=np.float64), names)

    @property
    def positions(self) -> np.ndarray:
        """Camera centers, (N, 3)."""
        return self.poses[:, :3, 3]

    @property
    def distances(self) -> np.ndarray:
        """Path length from the first pose to each, (N,)."""
        steps = np.linalg.norm(np.diff(self.positions, axis=0), axis=1)
        return np.concatenate([[0.0], np.cumsum(steps)])

    @property
    def length(self) -> float:
        """Length of the whole path."""
        return float(self.distances[-1])

    def scaled(self, scale: float | np.ndarray) -> Trajectory:
        """Multiply the steps from pose to pose by `scale`.

        The first position is scaled like the first step.

        Args:
            scale: one factor, or one per step, (N - 1,).

        Raises:
            TrajectoryError: a factor is not positive and finite, or there is not one per step.
        """
        scale = np.asarray(scale, np.float64)
        if scale.shape not in ((), (len(self) - 1,)):
            raise TrajectoryError(f"trajectory: scale has shape {scale.shape}; give one factor, or {len(self) - 1}")
        if not (np.isfinite(scale).all() and (scale > 0).all()):
            raise TrajectoryError(f"trajectory: scale is {scale}; it must be positive and finite")
        poses = self.poses.copy()
        if scale.ndim == 0:
            poses[:, :3, 3] *= scale
        elif len(scale):
            poses[0, :3, 3] *= scale[0]
            steps = np.diff(self.positions, axis=0) * scale[:, None]
            poses[1:, :3, 3] = poses[0, :3, 3] + np.cumsum(steps, axis=0)
        return replace(self, poses=poses)

    def select(self, indices: np.ndarray) -> Trajectory:
        """Select poses by increasing indices or a mask."""
        rows = np.arange(len(self))[indices]
        return Trajectory(self.poses[rows], self.times[rows], tuple(self.names[i] for i in rows) if self.names else ())


def pose_faults(poses: np.ndarray) -> list[tuple[int, str]]:
    """Describe poses that are not rigid motions.

    Args:
        poses: (N, 4, 4).

    Returns:
        (index, reason) of each faulty pose, by index.
    """
    faults = []
    with np.errstate(all="ignore"):
        finite = np.isfinite(poses).all(axis=(1, 2))
        rotations = np.where(finite[:, None, None], poses[:, :3, :3], np.eye(3))
        gram = np.swapaxes(rotations, 1, 2) @ rotations
        off = np.abs(gram - np.eye(3)).max(axis=(1, 2))
        far = finite & (np.abs(poses[:, :3, 3]).max(axis=1) > MAX_COORDINATE)
        rigid = off <= _ROTATION_TOLERANCE
        mirrored = rigid & (np.linalg.det(np.where(rigid[:, None, None], rotations, np.eye(3))) < 0)
    for i in np.flatnonzero(~finite):
        faults.append((int(i), "a value is not finite"))
    for i in np.flatnonzero(~rigid):
        faults.append((int(i), f"the 3x3 part is not a rotation matrix (R^T R is off by {off[i]:.2g})"))
    for i in np.flatnonzero(mirrored):
        faults.append((int(i), "the rotation matrix is a reflection (determinant -1)"))
    for i in np.flatnonzero(far):
        largest = np.abs(poses[i, :3, 3]).max()
        faults.append((int(i), f"the position has a coordinate of {largest:.3g}, beyond {MAX_COORDINATE:g}"))
    for i in np.flatnonzero(finite & (poses[:, 3] != (0, 0, 0, 1)).any(axis=1)):
        faults.append((int(i), "the last row is not 0 0 0 1"))
    return sorted(faults)


def associate(times: np.ndarray, others: np.ndarray, max_difference: float) -> np.ndarray:
    """Match two increasing lists of times, each used once.

    Args:
        times: (N,).
        others: (M,).
        max_difference: largest difference within a pair.

    Returns:
        Indices into `times` and `others`, (K, 2); pairs with the smallest difference win.
    """
    times, others = np.asarray(times, np.float64), np.asarray(others, np.float64)
    if not len(times) or not len(others):
        return np.zeros((0, 2), np.int64)
    right = np.clip(np.searchsorted(others, times), 0, len(others) - 1)
    left = np.clip(right - 1, 0, None)
    nearest = np.where(np.abs(others[left] - times) <= np.abs(others[right] - times), left, right)
    gap = np.abs(others[nearest] - times)
    order = np.lexsort((np.arange(len(times)), gap))
    order = order[gap[order] <= max_difference]
    _, first = np.unique(nearest[order], return_index=True)
    kept = np.sort(order[first])
    return np.stack([kept, nearest[kept]], axis=1)


def is_by_chance(times: np.ndarray, others: np.ndarray, pairs: int) -> bool:
    """Tell whether frame numbers are paired with a clock's times.

    Args:
        times: (N,).
        others: (M,).
        pairs: number of pairs.

    Returns:
        True if few of both are paired, and only one has whole numbers: about as many as the other has times.
    """
    is_whole, other_is_whole = (bool((t == np.round(t)).all()) for t in (times, others))
    numbers, clock = (times, others) if is_whole else (others, times)
    as_many = abs(np.ptp(numbers) + 1 - len(clock)) < 0.25 * len(clock)
    return is_whole != other_is_whole and bool(as_many) and 2 * pairs < min(len(times), len(others))
