"""Points tracked between frames and triangulated with given poses."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mono.geometry.camera import Camera
from mono.slam.trajectory.trajectory import Trajectory

_MOST_CORNERS = 1200
_MOST_STEPS = 40  # frames from the anchor
_FEWEST_TRACKED = 60
_GOOD_POINTS, _GOOD_PARALLAX = 150, 4.0  # points and parallax [deg] that end the tracking
_LEAST_PARALLAX = 1.0  # angle between the rays of the first and any other frame [deg]
_MOST_REPROJECTION = 1.0  # root mean square reprojection error [px]
_MOST_ROUND_TRIP = 0.5  # error of tracking forwards and back between two frames [px]


@dataclass(frozen=True)
class Counts:
    """Counts of an anchor frame's corners, each of those that passed the steps before.

    Attributes:
        corners: detected corners.
        tracked: corners tracked through at least one more frame and back.
        parallax: points with enough parallax.
        in_front: points in front of all their cameras.
        within_reprojection_error: points with a small reprojection error.
        rotation_residual_px: median motion of the tracks up to the last frame beyond the camera's rotation [px]; NaN
            without tracks.
    """

    corners: int
    tracked: int = 0
    parallax: int = 0
    in_front: int = 0
    within_reprojection_error: int = 0
    rotation_residual_px: float = math.nan


@dataclass(frozen=True)
class FramePoints:
    """Triangulated points of a frame.

    Attributes:
        frame: number of the frame.
        uv: points in its image [px], pixel centers at whole numbers, (P, 2).
        depth: depth along its optical axis, in the trajectory's unit, (P,).
        parallax: largest angle between rays [deg], (P,).
        counts: counts of corners by step.
    """

    frame: int
    uv: np.ndarray
    depth: np.ndarray
    parallax: np.ndarray
    counts: Counts


def track_points(
    trajectory: Trajectory,
    anchor: int,
    read: Callable[[int], np.ndarray],
    camera: Camera,
) -> FramePoints:
    """Triangulate points of a frame by tracking its corners.

    Corners are tracked (pyramidal Lucas-Kanade) from frame to frame, forwards in time and, near the end, backwards,
    until enough points have enough parallax or the tracks are lost. Each is triangulated from all frames that see it.

    Args:
        trajectory: poses of all frames.
        anchor: index of the frame.
        read: function that reads a frame's gray image, (H, W) uint8, by index.
        camera: camera of all frames.
    """
    best = FramePoints(anchor, np.zeros((0, 2)), np.zeros(0), np.zeros(0), Counts(0))
    onwards = 1 if anchor < len(trajectory) - 1 else -1
    for direction in (onwards, -onwards):
        if 0 <= anchor + direction < len(trajectory):
            found = _track_side(trajectory, anchor, direction, read, camera)
            best = max(best, found, key=lambda points: (len(points.depth), points.counts.tracked))
        if len(best.depth) >= _GOOD_POINTS // 2:
            break
    return best


def _track_side(
    trajectory: Trajectory,
    anchor: int,
    direction: int,
    read: Callable[[int], np.ndarray],
    camera: Camera,
) -> FramePoints:
    """Track through the frames on one side of the anchor."""
    image = read(anchor)
    corners = _corners(image)
    best = FramePoints(anchor, np.zeros((0, 2)), np.zeros(0), np.zeros(0), Counts(len(corners)))
    uv, frames = [corners], [anchor]
    seen = np.ones((1, len(corners)), bool)
    for step in range(1, _MOST_STEPS + 1):
        frame = anchor + direction * step
        if not 0 <= frame < len(trajectory):
            break
        before, image = image, read(frame)
        rotation = trajectory.poses[frame, :3, :3].T @ trajectory.poses[frames[-1], :3, :3]
        alive = np.flatnonzero(seen[-1])
        there, ok = _tracked(before, image, uv[-1][alive], _rotate(uv[-1][alive], rotation, camera))
        place, on = uv[-1].copy(), np.zeros(len(corners), bool)
        place[alive[ok]], on[alive[ok]] = there[ok], True
        uv, seen, frames = [*uv, place], np.concatenate([seen, on[None]]), [*frames, frame]
        found = triangulate(trajectory.poses[frames], np.stack(uv), seen, camera, anchor)
        enough = len(found.depth) >= _GOOD_POINTS and np.median(found.parallax) >= _GOOD_PARALLAX
        if _worth(found) >= _worth(best):
            best = found
        if enough or on.sum() < _FEWEST_TRACKED:
            break
    return best


def _worth(points: FramePoints) -> tuple[float, int]:
    """Rank points: depth errors fall with the parallax, up to 5 degrees."""
    return float((np.minimum(points.parallax, 5.0) ** 2).sum()), points.counts.tracked


def triangulate(poses: np.ndarray, uv: np.ndarray, seen: np.ndarray, camera: Camera, frame: int = 0) -> FramePoints:
    """Triangulate points from all frames that see them.

    The best meeting point of the rays is refined towards the smallest reprojection error.

    Args:
        poses: camera to world, the anchor frame first, (F, 4, 4).
        uv: points in the frames [px], (F, P, 2); the anchor sees all of them.
        seen: True where a frame sees a point, (F, P) bool.
        camera: camera of all frames.
        frame: index of the anchor frame.
    """
    followed = seen[1:].any(0)
    rays = np.ones((*uv.shape[:2], 3))
    rays[..., 0] = (uv[..., 0] - camera.cx) / camera.fx
    rays[..., 1] = (uv[..., 1] - camera.cy) / camera.fy
    unit = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
    world = np.einsum("fij,fpj->fpi", poses[:, :3, :3], unit)
    cosine = np.einsum("pi,fpi->fp", world[0], world)
    angle = np.degrees(np.arccos(np.clip(np.where(seen, cosine, 1), -1, 1))).max(0)
    # Noise makes angles, too, where nothing moves: rays must also meet.
    wide = followed & (angle >= _LEAST_PARALLAX)
    kept = np.flatnonzero(wide)
    rotation_residual_px = _rotation_only(poses, uv, seen, camera)
    counts = Counts(len(seen[0]), int(followed.sum()), int(wide.sum()), rotation_residual_px=rotation_residual_px)
    if not len(kept):
        nothing = np.zeros(0)
        return FramePoints(frame, np.zeros((0, 2)), nothing, nothing, counts)
    points, parallax = _meeting(poses, world[:, kept], uv[:, kept], seen[:, kept], camera)
    z, error = _reprojection(points, poses, uv[:, kept], seen[:, kept], camera)
    in_front = np.where(seen[:, kept], z, 1).min(0) > 0
    with np.errstate(invalid="ignore"):
        close = in_front & (error <= _MOST_REPROJECTION) & (parallax >= _LEAST_PARALLAX)
    counts = replace(counts, in_front=int(in_front.sum()), within_reprojection_error=int(close.sum()))
    return FramePoints(frame, uv[0, kept[close]], z[0, close], parallax[close], counts)


def _meeting(
    poses: np.ndarray, world: np.ndarray, uv: np.ndarray, seen: np.ndarray, camera: Camera
) -> tuple[np.ndarray, np.ndarray]:
    """Find points (P, 3) of least reprojection error, and their parallax [deg]."""
    weight = seen.astype(np.float64)
    across = np.eye(3) - world[..., :, None] * world[..., None, :]
    center = poses[:, :3, 3]
    left = np.einsum("fp,fpij->pij", weight, across)
    right = np.einsum("fp,fpij,fj->pi", weight, across, center)
    ridge = 1e-12 * np.trace(left, axis1=1, axis2=2)[:, None, None] * np.eye(3)
    points = np.linalg.solve(left + ridge, right[..., None])[..., 0]
    for _ in range(2):
        points = points + _step(points, poses, uv, weight, camera)
    away = points - center[:, None]
    away = away / np.maximum(np.linalg.norm(away, axis=-1, keepdims=True), 1e-300)
    cosine = np.einsum("pi,fpi->fp", away[0], away)
    return points, np.degrees(np.arccos(np.clip(np.where(seen, cosine, 1), -1, 1))).max(0)


def _step(points: np.ndarray, poses: np.ndarray, uv: np.ndarray, weight: np.ndarray, camera: Camera) -> np.ndarray:
    """Compute a Gauss-Newton step (P, 3) of the reprojection errors."""
    local = np.einsum("fji,fpj->fpi", poses[:, :3, :3], points - poses[:, None, :3, 3])
    z = np.where(local[..., 2] > 1e-9, local[..., 2], np.inf)
    x, y = local[..., 0] / z, local[..., 1] / z
    focal = np.array([camera.fx, camera.fy])
    offset = np.stack([x, y], -1) * focal + (camera.cx, camera.cy) - uv
    zero = np.zeros_like(x)
    slope = np.stack([np.stack([1 / z, zero, -x / z], -1), np.stack([zero, 1 / z, -y / z], -1)], -2)
    slope = np.einsum("fpaj,fij->fpai", slope * focal[:, None], poses[:, :3, :3])
    normal = np.einsum("fp,fpai,fpaj->pij", weight, slope, slope)
    ridge = 1e-9 * np.trace(normal, axis1=1, axis2=2)[:, None, None] * np.eye(3) + 1e-300 * np.eye(3)
    return -np.linalg.solve(normal + ridge, np.einsum("fp,fpai,fpa->pi", weight, slope, offset)[..., None])[..., 0]


def _reprojection(
    points: np.ndarray, poses: np.ndarray, uv: np.ndarray, seen: np.ndarray, camera: Camera
) -> tuple[np.ndarray, np.ndarray]:
    """Compute depths in all frames (F, P) and reprojection errors [px], (P,)."""
    local = np.einsum("fji,fpj->fpi", poses[:, :3, :3], points - poses[:, None, :3, 3])
    z = local[..., 2]
    safe = np.where(z > 0, z, np.nan)
    du = local[..., 0] / safe * camera.fx + camera.cx - uv[..., 0]
    dv = local[..., 1] / safe * camera.fy + camera.cy - uv[..., 1]
    square = np.where(seen, du**2 + dv**2, 0)
    return z, np.sqrt(square.sum(0) / np.maximum(seen.sum(0), 1))


def _rotation_only(poses: np.ndarray, uv: np.ndarray, seen: np.ndarray, camera: Camera) -> float:
    """Compute the median motion of tracks beyond the camera's rotation [px]."""
    last = int(np.flatnonzero(seen.any(1))[-1])
    if last == 0:
        return math.nan
    on = seen[last]
    rotation_residual_px = _rotate(uv[0, on], poses[last, :3, :3].T @ poses[0, :3, :3], camera)
    return float(np.median(np.linalg.norm(rotation_residual_px - uv[last, on], axis=1)))


def _rotate(uv: np.ndarray, rotation: np.ndarray, camera: Camera) -> np.ndarray:
    """Rotate points (P, 2) [px] with the camera; points behind it stay."""
    rays = np.stack([(uv[:, 0] - camera.cx) / camera.fx, (uv[:, 1] - camera.cy) / camera.fy, np.ones(len(uv))], 1)
    rays = rays @ rotation.T
    in_front = rays[:, 2] > 0.1
    z = np.where(in_front, rays[:, 2], 1)
    moved = np.stack([rays[:, 0] / z * camera.fx + camera.cx, rays[:, 1] / z * camera.fy + camera.cy], 1)
    return np.where(in_front[:, None], moved, uv)


def _corners(image: np.ndarray) -> np.ndarray:
    """Detect corners of a gray image [px], (P, 2)."""
    import cv2

    h, w = image.shape
    apart = max(4.0, math.sqrt(w * h / _MOST_CORNERS) / 2)
    found = cv2.goodFeaturesToTrack(image, _MOST_CORNERS, 0.003, apart)
    if found is None:
        return np.zeros((0, 2))
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 0.01)
    return cv2.cornerSubPix(image, found, (3, 3), (-1, -1), criteria).reshape(-1, 2).astype(np.float64)


def _tracked(before: np.ndarray, after: np.ndarray, uv: np.ndarray, guess: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Track points (P, 2) [px]; return them, and which of them track back."""
    import cv2

    if not len(uv):
        return uv, np.zeros(0, bool)
    settings: dict[str, Any] = {
        "winSize": (11, 11),
        "maxLevel": 4,
        "criteria": (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 30, 0.005),
        "flags": cv2.OPTFLOW_USE_INITIAL_FLOW,
    }
    start = np.ascontiguousarray(uv[:, None], np.float32)
    there, ok, _ = cv2.calcOpticalFlowPyrLK(
        before, after, start, np.ascontiguousarray(guess[:, None], np.float32), **settings
    )
    back, again, _ = cv2.calcOpticalFlowPyrLK(after, before, there, start.copy(), **settings)
    distance = np.linalg.norm((back - start)[:, 0], axis=1)
    h, w = after.shape
    at = there[:, 0].astype(np.float64)
    inside = (at >= 0).all(1) & (at[:, 0] <= w - 1) & (at[:, 1] <= h - 1)
    return at, (ok[:, 0] == 1) & (again[:, 0] == 1) & (distance <= _MOST_ROUND_TRIP) & inside
