"""Points tracked from frame to frame and triangulated with given poses: depths in the trajectory's own units."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mono.geometry.camera import Camera
from mono.slam.trajectory.trajectory import Trajectory

_MOST_CORNERS = 1200
_MOST_STEPS = 40  # from the anchor frame
_FEWEST_TRACKED = 60
_GOOD_POINTS, _GOOD_PARALLAX = 150, 4.0  # enough of both [deg], and no further frame is read


@dataclass(frozen=True)
class TrackLimits:
    """What a triangulated point must fulfil.

    Attributes:
        parallax: between the rays from the first and from any other frame, at least [deg].
        reprojection: root mean square over its frames, at most [px].
        round_trip: forwards and backwards from frame to frame, at most [px].
    """

    parallax: float = 1.0
    reprojection: float = 1.0
    round_trip: float = 0.5


@dataclass(frozen=True)
class Counts:
    """What became of an anchor's corners; each number counts what passed the steps before.

    Attributes:
        corners: found.
        tracked: followed there and back through at least one more frame.
        parallax: with enough of it.
        in_front: in front of all its cameras.
        within_reprojection_error: close enough to where they were seen.
        rotation_residual_px: median distance [px] between where the last frame sees the tracks and where it would if
            the camera had turned only; NaN without tracks.
    """

    corners: int
    tracked: int = 0
    parallax: int = 0
    in_front: int = 0
    within_reprojection_error: int = 0
    rotation_residual_px: float = math.nan


@dataclass(frozen=True)
class FramePoints:
    """Triangulated points of one frame.

    Attributes:
        frame: its number.
        uv: where it sees them [px], (P, 2), pixel centres at whole numbers.
        depth: along its optical axis, in the trajectory's units, (P,).
        parallax: largest angle between rays [deg], (P,).
        counts: what became of the others.
    """

    frame: int
    uv: np.ndarray
    depth: np.ndarray
    parallax: np.ndarray
    counts: Counts


def choose_frames(trajectory: Trajectory, count: int = 40) -> np.ndarray:
    """Numbers of about `count` frames spread evenly over the path's length, increasing.

    A camera that stands, or turns on the spot, is not chosen twice there.
    """
    distances = trajectory.distances
    if distances[-1] <= 0 or len(trajectory) <= count:
        return np.arange(len(trajectory))
    wanted = (np.arange(count) + 0.5) / count * distances[-1]
    right = np.clip(np.searchsorted(distances, wanted), 1, len(distances) - 1)
    nearer = right - (wanted - distances[right - 1] < distances[right] - wanted)
    return np.unique(nearer)


def track_points(
    trajectory: Trajectory,
    anchor: int,
    read: Callable[[int], np.ndarray],
    camera: Camera,
    limits: TrackLimits | None = None,
) -> FramePoints:
    """Triangulates what the frame `anchor` sees, by following it through its neighbours.

    Corners are followed (pyramidal Lucas-Kanade) from frame to frame, forwards in time and, near the end, backwards,
    until enough points have enough parallax or the tracks are lost. Each is triangulated from all frames that see it.

    Args:
        trajectory: poses of all frames.
        anchor: number of the frame.
        read: gives a frame's grey picture, (H, W) uint8, by its number.
        camera: of all frames.
    """
    limits = limits or TrackLimits()
    best = FramePoints(anchor, np.zeros((0, 2)), np.zeros(0), np.zeros(0), Counts(0))
    onwards = 1 if anchor < len(trajectory) - 1 else -1
    for direction in (onwards, -onwards):
        if 0 <= anchor + direction < len(trajectory):
            found = _followed(trajectory, anchor, direction, read, camera, limits)
            best = max(best, found, key=lambda points: (len(points.depth), points.counts.tracked))
        if len(best.depth) >= _GOOD_POINTS // 2:
            break
    return best


def _followed(
    trajectory: Trajectory,
    anchor: int,
    direction: int,
    read: Callable[[int], np.ndarray],
    camera: Camera,
    limits: TrackLimits,
) -> FramePoints:
    """Points by the frames on one side of the anchor."""
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
        there, ok = _tracked(before, image, uv[-1][alive], _turned(uv[-1][alive], rotation, camera), limits)
        place, on = uv[-1].copy(), np.zeros(len(corners), bool)
        place[alive[ok]], on[alive[ok]] = there[ok], True
        uv, seen, frames = [*uv, place], np.concatenate([seen, on[None]]), [*frames, frame]
        found = triangulate(trajectory.poses[frames], np.stack(uv), seen, camera, limits, anchor)
        enough = len(found.depth) >= _GOOD_POINTS and np.median(found.parallax) >= _GOOD_PARALLAX
        if _worth(found) >= _worth(best):
            best = found
        if enough or on.sum() < _FEWEST_TRACKED:
            break
    return best


def _worth(points: FramePoints) -> tuple[float, int]:
    """Errors of depth go with one over the parallax, up to where others than the corners' own take over."""
    return float((np.minimum(points.parallax, 5.0) ** 2).sum()), points.counts.tracked


def triangulate(
    poses: np.ndarray, uv: np.ndarray, seen: np.ndarray, camera: Camera, limits: TrackLimits, frame: int = 0
) -> FramePoints:
    """Points from all frames that see them: where their rays meet best, then a step towards the least reprojection.

    Args:
        poses: camera to world, the first frame's first, (F, 4, 4).
        uv: where frames see the points [px], (F, P, 2); the first sees all of them.
        seen: by which frames they are seen, (F, P) bool.
        frame: the first frame's number.
    """
    followed = seen[1:].any(0)
    rays = np.ones((*uv.shape[:2], 3))
    rays[..., 0] = (uv[..., 0] - camera.cx) / camera.fx
    rays[..., 1] = (uv[..., 1] - camera.cy) / camera.fy
    unit = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
    world = np.einsum("fij,fpj->fpi", poses[:, :3, :3], unit)
    cosine = np.einsum("pi,fpi->fp", world[0], world)
    angle = np.degrees(np.arccos(np.clip(np.where(seen, cosine, 1), -1, 1))).max(0)
    # Measured angles are those of the noise, too, where nothing moves: rays must also meet.
    wide = followed & (angle >= limits.parallax)
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
        close = in_front & (error <= limits.reprojection) & (parallax >= limits.parallax)
    counts = replace(counts, in_front=int(in_front.sum()), within_reprojection_error=int(close.sum()))
    return FramePoints(frame, uv[0, kept[close]], z[0, close], parallax[close], counts)


def _meeting(
    poses: np.ndarray, world: np.ndarray, uv: np.ndarray, seen: np.ndarray, camera: Camera
) -> tuple[np.ndarray, np.ndarray]:
    """Points (P, 3) of least reprojection error, and the parallax of the rays to them from the first frame [deg]."""
    weight = seen.astype(np.float64)
    across = np.eye(3) - world[..., :, None] * world[..., None, :]
    centre = poses[:, :3, 3]
    left = np.einsum("fp,fpij->pij", weight, across)
    right = np.einsum("fp,fpij,fj->pi", weight, across, centre)
    ridge = 1e-12 * np.trace(left, axis1=1, axis2=2)[:, None, None] * np.eye(3)
    points = np.linalg.solve(left + ridge, right[..., None])[..., 0]
    for _ in range(2):
        points = points + _step(points, poses, uv, weight, camera)
    away = points - centre[:, None]
    away = away / np.maximum(np.linalg.norm(away, axis=-1, keepdims=True), 1e-300)
    cosine = np.einsum("pi,fpi->fp", away[0], away)
    return points, np.degrees(np.arccos(np.clip(np.where(seen, cosine, 1), -1, 1))).max(0)


def _step(points: np.ndarray, poses: np.ndarray, uv: np.ndarray, weight: np.ndarray, camera: Camera) -> np.ndarray:
    """One Gauss-Newton step (P, 3) of the reprojection errors."""
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
    """Depths in all frames (F, P), and root mean squares of the distances from where they are seen [px], (P,)."""
    local = np.einsum("fji,fpj->fpi", poses[:, :3, :3], points - poses[:, None, :3, 3])
    z = local[..., 2]
    safe = np.where(z > 0, z, np.nan)
    du = local[..., 0] / safe * camera.fx + camera.cx - uv[..., 0]
    dv = local[..., 1] / safe * camera.fy + camera.cy - uv[..., 1]
    square = np.where(seen, du**2 + dv**2, 0)
    return z, np.sqrt(square.sum(0) / np.maximum(seen.sum(0), 1))


def _rotation_only(poses: np.ndarray, uv: np.ndarray, seen: np.ndarray, camera: Camera) -> float:
    """Median distance [px] of the tracks in the last frame that has any from where a mere turn would have them."""
    last = int(np.flatnonzero(seen.any(1))[-1])
    if last == 0:
        return math.nan
    on = seen[last]
    rotation_residual_px = _turned(uv[0, on], poses[last, :3, :3].T @ poses[0, :3, :3], camera)
    return float(np.median(np.linalg.norm(rotation_residual_px - uv[last, on], axis=1)))


def _turned(uv: np.ndarray, rotation: np.ndarray, camera: Camera) -> np.ndarray:
    """Where points (P, 2) [px] are seen after the camera has turned; where that is behind it, they stay."""
    rays = np.stack([(uv[:, 0] - camera.cx) / camera.fx, (uv[:, 1] - camera.cy) / camera.fy, np.ones(len(uv))], 1)
    rays = rays @ rotation.T
    in_front = rays[:, 2] > 0.1
    z = np.where(in_front, rays[:, 2], 1)
    moved = np.stack([rays[:, 0] / z * camera.fx + camera.cx, rays[:, 1] / z * camera.fy + camera.cy], 1)
    return np.where(in_front[:, None], moved, uv)


def _corners(image: np.ndarray) -> np.ndarray:
    """Corners of a grey picture [px], (P, 2), spread over it."""
    import cv2

    h, w = image.shape
    apart = max(4.0, math.sqrt(w * h / _MOST_CORNERS) / 2)
    found = cv2.goodFeaturesToTrack(image, _MOST_CORNERS, 0.003, apart)
    if found is None:
        return np.zeros((0, 2))
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 0.01)
    return cv2.cornerSubPix(image, found, (3, 3), (-1, -1), criteria).reshape(-1, 2).astype(np.float64)


def _tracked(
    before: np.ndarray, after: np.ndarray, uv: np.ndarray, guess: np.ndarray, limits: TrackLimits
) -> tuple[np.ndarray, np.ndarray]:
    """Where points (P, 2) went [px], and which of them come back to where they were."""
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
    return at, (ok[:, 0] == 1) & (again[:, 0] == 1) & (distance <= limits.round_trip) & inside
