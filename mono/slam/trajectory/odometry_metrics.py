"""Odometry metrics: KITTI relative errors, ATE and RPE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mono.slam.trajectory.rotations import rotation_angles
from mono.slam.trajectory.trajectory import Trajectory, TrajectoryError, associate, is_by_chance

KITTI_LENGTHS: tuple[float, ...] = (100, 200, 300, 400, 500, 600, 700, 800)
KITTI_STEP = 10
ALIGNMENTS = ("none", "se3", "sim3")
_MAX_LENGTHS = 1000


@dataclass(frozen=True)
class Segments:
    """Errors over stretches of the true path, as in the KITTI development kit.

    Attributes:
        first: index of each stretch's first frame, (K,).
        length: nominal length [m], (K,).
        translation: translation error over the nominal length, a ratio, (K,).
        rotation: rotation error over the nominal length [rad/m], (K,).
    """

    first: np.ndarray
    length: np.ndarray
    translation: np.ndarray
    rotation: np.ndarray

    @property
    def t_rel(self) -> float | None:
        """Mean translation error [%]; None without stretches."""
        return float(self.translation.mean() * 100) if len(self.first) else None

    @property
    def r_rel(self) -> float | None:
        """Mean rotation error [deg/m]; None without stretches."""
        return float(np.degrees(self.rotation.mean())) if len(self.first) else None

    def by_length(self) -> list[tuple[float, int, float, float]]:
        """Average the errors of each length that occurs.

        Returns:
            Rows of (length [m], stretches, t_rel [%], r_rel [deg/m]).
        """
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
    """Compute errors over stretches by the KITTI definition.

    A stretch starts at every `step`-th frame. Its last frame is the first whose distance along the *true* path exceeds
    the length; without such a frame there is no stretch. With the true and estimated motions D and E of the stretch,
    the error is inv(E) D: the length of its translation and the angle of its whole rotation (by the trace, not the yaw
    alone), each divided by the nominal length. Nothing is aligned or scaled, and the result is the plain mean over all
    stretches. The metric of kiss-icp agrees except for its single precision and its pi of 3.14.

    Args:
        estimate: camera to world, frame by frame, (N, 4, 4).
        gt: ground truth of the same frames, (N, 4, 4) [m].
        lengths: nominal lengths [m].
        step: frames between the starts of two stretches.
        distances: distances along the true path [m], (N,); None: computed from `gt`.
    """
    if distances is None:
        steps = np.linalg.norm(np.diff(gt[:, :3, 3], axis=0), axis=1)
        distances = np.concatenate([[0.0], np.cumsum(steps)])
    starts = np.repeat(np.arange(0, len(gt), step), len(lengths))
    wanted = np.tile(np.asarray(lengths, np.float64), len(starts) // len(lengths))
    last = np.searchsorted(distances, distances[starts] + wanted, side="right")
    on = last < len(gt)
    first, last, wanted = starts[on], last[on], wanted[on]
    true_motion = np.linalg.inv(gt[first]) @ gt[last]
    motion = np.linalg.inv(estimate[first]) @ estimate[last]
    error = np.linalg.inv(motion) @ true_motion
    translation = np.linalg.norm(error[:, :3, 3], axis=1) / wanted
    return Segments(first, wanted, translation, rotation_angles(error[:, :3, :3]) / wanted)


@dataclass(frozen=True)
class Similarity:
    """Similarity transform x -> scale * rotation @ x + translation.

    Attributes:
        scale: factor on lengths.
        rotation: (3, 3).
        translation: (3,).
    """

    scale: float
    rotation: np.ndarray
    translation: np.ndarray

    def moved(self, poses: np.ndarray) -> np.ndarray:
        """Transform poses (N, 4, 4); rotations stay orthonormal."""
        moved = poses.copy()
        moved[:, :3, :3] = self.rotation @ poses[:, :3, :3]
        moved[:, :3, 3] = self.scale * poses[:, :3, 3] @ self.rotation.T + self.translation
        return moved


def alignment(estimate: np.ndarray, gt: np.ndarray, kind: str) -> Similarity:
    """Align estimated positions to ground truth (Umeyama 1991).

    Args:
        estimate: positions, (N, 3).
        gt: ground-truth positions, (N, 3).
        kind: "none", "se3" (rotation and translation) or "sim3" (and scale).

    Raises:
        TrajectoryError: the kind is unknown, or one of the two does not move, so there is no scale.
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
    """Summary of errors: root mean square, mean, median and largest."""

    rmse: float
    mean: float
    median: float
    max: float

    @classmethod
    def from_errors(cls, errors: np.ndarray) -> Spread:
        """Summarize errors (N,)."""
        return cls(
            float(np.sqrt((errors**2).mean())), float(errors.mean()), float(np.median(errors)), float(errors.max())
        )


@dataclass(frozen=True)
class Aligned:
    """Errors after an alignment.

    Attributes:
        kind: "none", "se3" or "sim3".
        scale: factor on the estimate; 1 except for "sim3".
        ate: distances between positions [m].
        rpe_translation: translation errors of relative motions [m].
        rpe_rotation: rotation errors of relative motions [deg].
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
    """Errors of an estimated trajectory.

    Attributes:
        pairs: number of compared poses.
        estimated: number of estimated poses.
        true: number of ground-truth poses.
        length: length of the true path over the compared poses [m].
        raw: KITTI errors of the unchanged estimate.
        shape: KITTI errors after multiplication by the Sim(3) scale: errors that no scale explains.
        aligned: absolute and relative errors by alignment.
        delta: frames between the two poses of a relative error.
        compared: ground-truth poses, (N, 4, 4), and their distances along the path [m], (N,).
        time_apart: time within pairs [s, or frames].
        gt_step: median time from one ground-truth pose to the next.
        moved: root mean square of the ground truth's motion within pairs [m].
        by_chance: True if frame numbers seem to be paired with a clock's times, see `is_by_chance`.
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
    time_apart: Spread
    gt_step: float
    moved: float
    by_chance: bool

    @property
    def scale_error(self) -> float:
        """Relative scale error by the Sim(3) alignment; 0.05 is 5 % too large."""
        return 1 / self.aligned["sim3"].scale - 1

    @property
    def is_blurred_by_time(self) -> bool:
        """True if time within pairs may explain much of the errors."""
        return self.time_apart.median > 0.1 * self.gt_step and self.moved > 0.3 * self.aligned["sim3"].ate.rmse


def compare_trajectories(
    estimate: Trajectory,
    gt: Trajectory,
    max_difference: float | None = None,
    lengths: Sequence[float] = KITTI_LENGTHS,
    step: int = KITTI_STEP,
    delta: int = 1,
) -> OdometryErrors:
    """Compare an estimate with ground truth at common times.

    Args:
        estimate: any number of poses.
        gt: ground truth [m].
        max_difference: largest time between the poses of a pair; None: half the median step of the ground truth.
        lengths: lengths of the KITTI errors [m], see `segment_errors`.
        step: compared frames between the starts of two stretches; distances are those along the whole true path.
        delta: frames between the two poses of a relative pose error.

    Raises:
        TrajectoryError: lengths, step or delta are not positive, fewer than three poses have a partner, or one of the
            two does not move.
    """
    if step < 1 or delta < 1 or not all(0 < length < np.inf for length in lengths) or len(lengths) > _MAX_LENGTHS:
        raise TrajectoryError(
            f"step ({step}), delta ({delta}) and lengths must be positive and finite; at most {_MAX_LENGTHS} lengths"
        )
    gt_step = float(np.median(np.diff(gt.times))) if len(gt) > 1 else 0.0
    is_given = max_difference is not None
    max_difference = gt_step / 2 if max_difference is None else max_difference
    pairs = associate(estimate.times, gt.times, max_difference)
    if len(pairs) < max(3, delta + 1):
        raise TrajectoryError(
            f"only {len(pairs)} of {len(estimate)} estimated poses have a ground-truth pose within "
            f"{max_difference:.3g} in time (estimate {estimate.times[0]:.9g} to {estimate.times[-1]:.9g}, "
            f"ground truth {gt.times[0]:.9g} to {gt.times[-1]:.9g}); give both the same clock, or a larger difference"
        )
    p, q = estimate.poses[pairs[:, 0]], gt.poses[pairs[:, 1]]
    at = estimate.times[pairs[:, 0]]
    between = np.stack([np.interp(at, gt.times, values) for values in gt.positions.T], axis=1)
    distances = gt.distances[pairs[:, 1]]
    aligned = {}
    for kind in ALIGNMENTS:
        similarity = alignment(p[:, :3, 3], q[:, :3, 3], kind)
        moved = similarity.moved(p)
        ate = np.linalg.norm(moved[:, :3, 3] - q[:, :3, 3], axis=1)
        error = np.linalg.inv(np.linalg.inv(q[:-delta]) @ q[delta:]) @ (np.linalg.inv(moved[:-delta]) @ moved[delta:])
        aligned[kind] = Aligned(
            kind,
            similarity.scale,
            Spread.from_errors(ate),
            Spread.from_errors(np.linalg.norm(error[:, :3, 3], axis=1)),
            Spread.from_errors(np.degrees(rotation_angles(error[:, :3, :3]))),
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
        Spread.from_errors(np.abs(at - gt.times[pairs[:, 1]])),
        gt_step,
        Spread.from_errors(np.linalg.norm(between - q[:, :3, 3], axis=1)).rmse,
        not is_given and is_by_chance(estimate.times, gt.times, len(pairs)),
    )
