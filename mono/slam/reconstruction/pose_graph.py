"""Pose graph: reconcile the keyframes of a segment (gtsam)."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

import numpy as np

from mono.slam.reconstruction.vo_segments import OpenSegment, VoSegment

_PIXEL_NOISE = 0.7  # of a tracked feature [px]
_DEPTH_NOISE = 0.05  # relative error of a keyframe's depth, which scales its steps


def close_segment(gtsam: ModuleType, segment: OpenSegment, focal: float) -> VoSegment:
    """Optimize a segment's pose graph and collect its frames.

    Args:
        gtsam: the module gtsam.
        segment: the tracked segment.
        focal: focal length [px].
    """
    poses = _optimize(gtsam, segment.guesses, segment.ties, focal)
    frames = sorted(segment.frames, key=lambda frame: frame[0])
    points = [p @ pose[:3, :3].T + pose[:3, 3] for (p, _), pose in zip(segment.clouds, poses, strict=True)]
    return VoSegment(
        frames=np.array([place for place, _, _ in frames]),
        poses=np.stack([poses[keyframe] @ pose for _, keyframe, pose in frames]),
        keyframes=tuple(segment.places),
        log_ratios=np.array(segment.ratios),
        points=np.concatenate(points).astype(np.float32),
        colors=np.concatenate([colors for _, colors in segment.clouds]).astype(np.uint8),
    )


def _optimize(
    gtsam: ModuleType, guesses: Sequence[np.ndarray], ties: Sequence[tuple[int, int, np.ndarray, float]], focal: float
) -> list[np.ndarray]:
    """Find the poses that agree best with all ties, the first one fixed."""
    if len(guesses) < 2:
        return list(guesses)
    graph, values = gtsam.NonlinearFactorGraph(), gtsam.Values()
    for i, guess in enumerate(guesses):
        values.insert(i, gtsam.Pose3(_orthogonal(guess)))
    fixed = gtsam.noiseModel.Isotropic.Sigma(6, 1e-6)
    graph.add(gtsam.PriorFactorPose3(0, gtsam.Pose3(_orthogonal(guesses[0])), fixed))
    huber = gtsam.noiseModel.mEstimator.Huber.Create(1.345)
    angle = _PIXEL_NOISE / focal
    for i, j, relative, depth in ties:
        shift = angle * depth + _DEPTH_NOISE * float(np.linalg.norm(relative[:3, 3]))
        noise = gtsam.noiseModel.Diagonal.Sigmas(np.array([angle] * 3 + [max(shift, 1e-6)] * 3))
        robust = gtsam.noiseModel.Robust.Create(huber, noise)
        graph.add(gtsam.BetweenFactorPose3(i, j, gtsam.Pose3(_orthogonal(relative)), robust))
    solved = gtsam.LevenbergMarquardtOptimizer(graph, values).optimize()
    return [solved.atPose3(i).matrix() for i in range(len(guesses))]


def _orthogonal(pose: np.ndarray) -> np.ndarray:
    """Remove the rounding errors that a rotation gathers in long products."""
    u, _, vt = np.linalg.svd(pose[:3, :3])
    clean = pose.copy()
    clean[:3, :3] = u @ vt
    return clean
