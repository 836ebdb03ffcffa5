"""Trajectory: where a camera was, and when, as a value."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mono.system.errors import MetricDepthError

_ROTATION_TOLERANCE = 1e-3  # of entries of R^T R; text files with four digits pass


class TrajectoryError(MetricDepthError):
    """A trajectory or its file cannot be used. The message says where, what is wrong and what to do."""


@dataclass(frozen=True)
class Trajectory:
    """Poses of one camera in order of time.

    Attributes:
        poses: camera to world, (N, 4, 4) float64; x right, y down, z forward; [m] if the trajectory is metric.
        times: (N,) float64, increasing: seconds, or frame numbers where there are no time stamps.
        names: a name a pose (an image file's, as COLMAP has them), or none at all.

    Raises:
        TrajectoryError: shapes do not fit, a value is not finite, a rotation is none, times do not increase, or names
            repeat.
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
            raise TrajectoryError(f"trajectory: the name {twice} stands for more than one pose")
        if not np.isfinite(times).all():
            raise TrajectoryError(f"trajectory: time {np.flatnonzero(~np.isfinite(times))[0]} is not finite")
        late = np.flatnonzero(np.diff(times) <= 0)
        if len(late):
            i = int(late[0])
            raise TrajectoryError(
                f"trajectory: time {times[i + 1]:.9g} of pose {i + 1} does not come after {times[i]:.9g}; "
                "sort the poses by time and remove repeated ones"
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
        """Poses (N, 4, 4) of the frames 0, 1, 2, ..."""
        return cls(poses, np.arange(len(poses), dtype=np.float64), names)

    @property
    def positions(self) -> np.ndarray:
        """Camera centres, (N, 3)."""
        return self.poses[:, :3, 3]

    @property
    def distances(self) -> np.ndarray:
        """Length of the path from the first pose to each, (N,)."""
        steps = np.linalg.norm(np.diff(self.positions, axis=0), axis=1)
        return np.concatenate([[0.0], np.cumsum(steps)])

    @property
    def length(self) -> float:
        """Length of the whole path."""
        return float(self.distances[-1])

    def scaled(self, scale: float | np.ndarray) -> Trajectory:
        """The trajectory with its steps from pose to pose multiplied by `scale`, the first position scaled likewise.

        Args:
            scale: a factor for the whole, or one for each step, (N - 1,).

        Raises:
            TrajectoryError: a factor is not positive and finite, or their number is not that of the steps.
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

    def relative(self) -> Trajectory:
        """The trajectory in the frame of its first camera, which is then at the origin."""
        return replace(self, poses=inverse(self.poses[0]) @ self.poses)

    def moved(self, transform: np.ndarray) -> Trajectory:
        """The trajectory with its world moved by a rigid `transform` (4, 4)."""
        return replace(self, poses=transform @ self.poses)

    def chosen(self, indices: np.ndarray) -> Trajectory:
        """The poses of these `indices` (increasing) or of this mask."""
        rows = np.arange(len(self))[indices]
        return Trajectory(self.poses[rows], self.times[rows], tuple(self.names[i] for i in rows) if self.names else ())

    def at(self, times: np.ndarray, max_gap: float = np.inf) -> Trajectory:
        """Poses at other `times`, between neighbours: positions on the chord, rotations on the shortest turn.

        Args:
            times: (M,), increasing.
            max_gap: neighbours farther apart in time than this are not bridged.

        Raises:
            TrajectoryError: a time lies outside the trajectory, or in a gap.
        """
        times = np.atleast_1d(np.asarray(times, np.float64))
        outside = (times < self.times[0]) | (times > self.times[-1])
        if outside.any():
            raise TrajectoryError(
                f"trajectory: time {times[outside][0]:.9g} lies outside {self.times[0]:.9g} to {self.times[-1]:.9g}"
            )
        right = np.clip(np.searchsorted(self.times, times), 1, max(len(self) - 1, 1)) if len(self) > 1 else None
        if right is None:
            return Trajectory(np.repeat(self.poses, len(times), axis=0), times)
        left = right - 1
        span = self.times[right] - self.times[left]
        share = (times - self.times[left]) / span
        bridged = (span > max_gap) & (share > 0) & (share < 1)
        if bridged.any():
            i = int(np.flatnonzero(bridged)[0])
            raise TrajectoryError(f"trajectory: time {times[i]:.9g} lies in a gap of {span[i]:.3g}, over {max_gap:.3g}")
        a, b = self.poses[left], self.poses[right]
        poses = np.tile(np.eye(4), (len(times), 1, 1))
        poses[:, :3, :3] = a[:, :3, :3] @ _turned(np.swapaxes(a[:, :3, :3], 1, 2) @ b[:, :3, :3], share)
        poses[:, :3, 3] = a[:, :3, 3] + share[:, None] * (b[:, :3, 3] - a[:, :3, 3])
        exact = np.where(share == 0, left, np.where(share == 1, right, -1))
        poses[exact >= 0] = self.poses[exact[exact >= 0]]
        return Trajectory(poses, times)


def inverse(poses: np.ndarray) -> np.ndarray:
    """Inverse of poses (..., 4, 4)."""
    return np.linalg.inv(poses)


def pose_faults(poses: np.ndarray) -> list[tuple[int, str]]:
    """What is wrong with poses (N, 4, 4): (number, reason) of those that are no rigid motions."""
    faults = []
    gram = np.swapaxes(poses[:, :3, :3], 1, 2) @ poses[:, :3, :3]
    off = np.abs(gram - np.eye(3)).max(axis=(1, 2))
    for i in np.flatnonzero(~(off <= _ROTATION_TOLERANCE)):
        finite = np.isfinite(poses[i]).all()
        faults.append((int(i), f"its rotation is none (R^T R is off by {off[i]:.2g})" if finite else "is not finite"))
    for i in np.flatnonzero((off <= _ROTATION_TOLERANCE) & (np.linalg.det(poses[:, :3, :3]) < 0)):
        faults.append((int(i), "its rotation is a mirroring (determinant -1)"))
    for i in np.flatnonzero(~np.isfinite(poses[:, :3, 3]).all(axis=1)):
        faults.append((int(i), "its position is not finite"))
    for i in np.flatnonzero((poses[:, 3] != (0, 0, 0, 1)).any(axis=1)):
        faults.append((int(i), "its last row is not 0 0 0 1"))
    return sorted(set(faults))


def associate(times: np.ndarray, others: np.ndarray, max_difference: float) -> np.ndarray:
    """Which of two increasing lists of times belong together: (K, 2) indices, nearest in time, each used once.

    Args:
        times, others: (N,) and (M,).
        max_difference: pairs farther apart are none.
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


def rotation_angles(rotations: np.ndarray) -> np.ndarray:
    """Angles [rad] of rotations (..., 3, 3), by their trace, as the KITTI development kit computes them."""
    return np.arccos(np.clip((np.trace(rotations, axis1=-2, axis2=-1) - 1) / 2, -1, 1))


def to_quaternions(rotations: np.ndarray) -> np.ndarray:
    """Unit quaternions (x, y, z, w), w >= 0, of rotations (N, 3, 3): (N, 4)."""
    r = rotations
    t = np.trace(r, axis1=1, axis2=2)
    # The four times squared components; the largest is divided by, so nothing small is.
    squares = np.stack([1 + 2 * r[:, 0, 0] - t, 1 + 2 * r[:, 1, 1] - t, 1 + 2 * r[:, 2, 2] - t, 1 + t], axis=1)
    products = np.empty((len(r), 4, 4))
    for i, j, value in (
        (0, 1, r[:, 0, 1] + r[:, 1, 0]),
        (0, 2, r[:, 0, 2] + r[:, 2, 0]),
        (1, 2, r[:, 1, 2] + r[:, 2, 1]),
        (0, 3, r[:, 2, 1] - r[:, 1, 2]),
        (1, 3, r[:, 0, 2] - r[:, 2, 0]),
        (2, 3, r[:, 1, 0] - r[:, 0, 1]),
    ):
        products[:, i, j] = products[:, j, i] = value
    products[:, range(4), range(4)] = squares
    quaternions = products[np.arange(len(r)), squares.argmax(axis=1)]
    quaternions = quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True)
    return np.where(quaternions[:, 3:] < 0, -quaternions, quaternions)


def from_quaternions(quaternions: np.ndarray) -> np.ndarray:
    """Rotations (N, 3, 3) of quaternions (x, y, z, w), (N, 4), of any length but zero."""
    x, y, z, w = (quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True)).T
    return np.stack(
        [
            np.stack([1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)], axis=1),
            np.stack([2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)], axis=1),
            np.stack([2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)], axis=1),
        ],
        axis=1,
    )


def _turned(rotations: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """`shares` (N,) of the way from no turn to `rotations` (N, 3, 3), about their own axes."""
    q = to_quaternions(rotations)
    sine = np.linalg.norm(q[:, :3], axis=1)
    half = np.arctan2(sine, q[:, 3])
    small = sine < 1e-12
    axis = np.where(small[:, None], 0, q[:, :3] / np.where(small, 1, sine)[:, None])
    return from_quaternions(np.concatenate([axis * np.sin(shares * half)[:, None], np.cos(shares * half)[:, None]], 1))
