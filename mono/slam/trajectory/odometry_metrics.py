"""How good a trajectory is: KITTI's relative errors, and absolute and relative errors after alignment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mono.slam.trajectory.trajectory import Trajectory, TrajectoryError, associate, inverse, rotation_angles

KITTI_LENGTHS: tuple[float, ...] = (100, 200, 300, 400, 500, 600, 700, 800)
KITTI_STEP = 10
ALIGNMENTS = ("none", "se3", "sim3")


@dataclass(frozen=True)
class Segments:
    """Errors over stretches of the true path, as the KITTI development kit gathers them.

    Attributes:
        first: number of the frame that a stretch begins with, (K,).
        length: its nominal length [m], (K,).
        translation: error of its motion over its nominal length [1], (K,).
        rotation: angle of the same error over the length [rad/m], (K,).
    """

    first: np.ndarray
    length: np.ndarray
    translation: np.ndarray
    rotation: np.ndarray

    @property
    def t_rel(self) -> float | None:
        """Mean translation error [%]; None if the path has no stretch of any of the lengths."""
        return float(self.translation.mean() * 100) if len(self.first) else None

    @property
    def r_rel(self) -> float | None:
        """Mean rotation error [deg/m]; None likewise."""
        return float(np.degrees(self.rotation.mean())) if len(self.first) else None

    def by_length(self) -> list[tuple[float, int, float, float]]:
        """(length [m], number of stretches, t_rel [%], r_rel [deg/m]) of each length that occurs."""
        rows = []
        for length in np.unique(self.length):
            on = self.length == length
            t, r = float(self.translation[on].mean() * 100), float(np.degrees(self.rotation[on].mean()))
            rows.append((float(length), int(on.sum()), t, r))
        return rows


def segment_errors(
    estimate: np.ndarray,
    gt: np.ndarray,
    lengths: Sequence[float] = KITTI_LENGTHS,
    step: int = KITTI_STEP,
    distances: np.ndarray | None = None,
) -> Segments:
    """Errors over stretches of the true path, exactly as the KITTI odometry development kit defines them.

    From every `step`-th frame on and for each length, the last frame is the first whose distance along the *true* path
    is more than the length; without one, there is no stretch. With the true and estimated motions D and E of the
    stretch, the error is inv(E) D: the length of its translation and the angle of its whole rotation (by the trace,
    not the yaw alone), each divided by the nominal length. Nothing is aligned or scaled, and the result is the plain
    mean over all stretches. Where other programs differ from this, the kit's definition holds here: kiss-icp's metric
    agrees but for single precision and for degrees, for which it takes pi to be 3.14.

    Args:
        estimate, truth: camera to world, frame by frame, (N, 4, 4), the truth in metres.
        distances: along the true path [m], (N,), where `gt` has not all of its poses.
    """
    if distances is None:
        steps = np.linalg.norm(np.diff(gt[:, :3, 3], axis=0), axis=1)
        distances = np.concatenate([[0.0], np.cumsum(steps)])
    starts = np.repeat(np.arange(0, len(gt), step), len(lengths))
    wanted = np.tile(np.asarray(lengths, np.float64), len(starts) // len(lengths))
    last = np.searchsorted(distances, distances[starts] + wanted, side="right")
    on = last < len(gt)
    first, last, wanted = starts[on], last[on], wanted[on]
    true_motion = inverse(gt[first]) @ gt[last]
    motion = inverse(estimate[first]) @ estimate[last]
    error = inverse(motion) @ true_motion
    translation = np.linalg.norm(error[:, :3, 3], axis=1) / wanted
    return Segments(first, wanted, translation, rotation_angles(error[:, :3, :3]) / wanted)


@dataclass(frozen=True)
class Similarity:
    """x -> scale * rotation @ x + translation."""

    scale: float
    rotation: np.ndarray
    translation: np.ndarray

    def moved(self, poses: np.ndarray) -> np.ndarray:
        """Poses (N, 4, 4) under the similarity; their rotations stay rotations."""
        moved = poses.copy()
        moved[:, :3, :3] = self.rotation @ poses[:, :3, :3]
        moved[:, :3, 3] = self.scale * poses[:, :3, 3] @ self.rotation.T + self.translation
        return moved


def alignment(estimate: np.ndarray, gt: np.ndarray, kind: str) -> Similarity:
    """What brings estimated positions (N, 3) nearest to true ones in the mean square (Umeyama 1991).

    Args:
        kind: "none", "se3" (rotation and translation) or "sim3" (and scale).

    Raises:
        TrajectoryError: the kind is unknown; or there is no scale, as one of the two does not move.
    """
    if kind == "none":
        return Similarity(1.0, np.eye(3), np.zeros(3))
    if kind not in ALIGNMENTS:
        raise TrajectoryError(f"alignment {kind!r} is unknown; choose {', '.join(ALIGNMENTS)}")
    x, y = estimate - estimate.mean(0), gt - gt.mean(0)
    u, d, vt = np.linalg.svd(y.T @ x)
    sign = np.array([1, 1, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    rotation = (u * sign) @ vt
    scale = 1.0
    if kind == "sim3":
        square = float((x**2).sum())
        if square < 1e-18 or float((y**2).sum()) < 1e-18:
            raise TrajectoryError("alignment: a trajectory does not move, so there is no scale; compare longer ones")
        scale = float((d * sign).sum() / square)
    return Similarity(scale, rotation, gt.mean(0) - scale * rotation @ estimate.mean(0))


@dataclass(frozen=True)
class Spread:
    """Errors in short: root mean square, mean, median and largest."""

    rmse: float
    mean: float
    median: float
    max: float

    @classmethod
    def of(cls, errors: np.ndarray) -> Spread:
        return cls(
            float(np.sqrt((errors**2).mean())), float(errors.mean()), float(np.median(errors)), float(errors.max())
        )


@dataclass(frozen=True)
class Aligned:
    """Errors after one kind of alignment.

    Attributes:
        kind: "none", "se3" or "sim3".
        scale: factor on the estimate; 1 but for "sim3".
        ate: distances between positions [m].
        rpe_translation: errors of the motions from frame to frame [m].
        rpe_rotation: their angles [deg].
        poses: the aligned estimate, (N, 4, 4).
    """

    kind: str
    scale: float
    ate: Spread
    rpe_translation: Spread
    rpe_rotation: Spread
    poses: np.ndarray


@dataclass(frozen=True)
class OdometryErrors:
    """All that is said about an estimated trajectory.

    Attributes:
        pairs: how many poses are compared, of `estimated` and `true` ones.
        length: of the true path over the compared poses [m].
        raw: KITTI's errors of the estimate as it is.
        shape: the same after multiplication by one factor (that of the Sim(3) alignment): what no scale explains.
        aligned: absolute and relative errors by alignment.
        delta: frames between the two poses of a relative error.
        compared: the true poses, (N, 4, 4), and their distances along the path [m], (N,).
    """

    pairs: int
    estimated: int
    true: int
    length: float
    raw: Segments
    shape: Segments
    aligned: dict[str, Aligned]
    delta: int
    compared: tuple[np.ndarray, np.ndarray]

    @property
    def scale_error(self) -> float:
        """How much too large the estimate is: 0.05 if its metre is 5 % too long (by the Sim(3) alignment)."""
        return 1 / self.aligned["sim3"].scale - 1


def compare_trajectories(
    estimate: Trajectory,
    gt: Trajectory,
    max_difference: float | None = None,
    lengths: Sequence[float] = KITTI_LENGTHS,
    step: int = KITTI_STEP,
    delta: int = 1,
) -> OdometryErrors:
    """Compares an estimate with the truth at the times both have.

    Args:
        max_difference: poses nearer in time than this belong together; None: half the median step of the truth.
        lengths, step: of the relative errors, see `segment_errors`; frames are counted among the compared ones, while
            distances are those along the whole true path.
        delta: frames between the two poses of a relative pose error.

    Raises:
        TrajectoryError: fewer than three poses belong together, or one of the two does not move.
    """
    if max_difference is None:
        max_difference = float(np.median(np.diff(gt.times))) / 2 if len(gt) > 1 else 0.0
    pairs = associate(estimate.times, gt.times, max_difference)
    if len(pairs) < max(3, delta + 1):
        raise TrajectoryError(
            f"only {len(pairs)} of {len(estimate)} estimated poses have a true one within {max_difference:.3g} in time "
            f"(estimate {estimate.times[0]:.9g} to {estimate.times[-1]:.9g}, truth {gt.times[0]:.9g} to "
            f"{gt.times[-1]:.9g}); give both the same clock, or a larger difference"
        )
    p, q = estimate.poses[pairs[:, 0]], gt.poses[pairs[:, 1]]
    distances = gt.distances[pairs[:, 1]]
    aligned = {}
    for kind in ALIGNMENTS:
        similarity = alignment(p[:, :3, 3], q[:, :3, 3], kind)
        moved = similarity.moved(p)
        ate = np.linalg.norm(moved[:, :3, 3] - q[:, :3, 3], axis=1)
        error = inverse(inverse(q[:-delta]) @ q[delta:]) @ (inverse(moved[:-delta]) @ moved[delta:])
        aligned[kind] = Aligned(
            kind,
            similarity.scale,
            Spread.of(ate),
            Spread.of(np.linalg.norm(error[:, :3, 3], axis=1)),
            Spread.of(np.degrees(rotation_angles(error[:, :3, :3]))),
            moved,
        )
    scaled = p.copy()
    scaled[:, :3, 3] *= aligned["sim3"].scale
    return OdometryErrors(
        len(pairs),
        len(estimate),
        len(gt),
        float(distances[-1] - distances[0]),
        segment_errors(p, q, lengths, step, distances),
        segment_errors(scaled, q, lengths, step, distances),
        aligned,
        delta,
        (q, distances - distances[0]),
    )
