"""Observations: known distances beside the predicted ones at the same place."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np

from mono.calibration.ground import Ground, ground_plane
from mono.calibration.known import TAPE, AlignmentError, Known, KnownDepth, as_known, refuse_outside
from mono.calibration.sampling import depth_at
from mono.geometry.camera import Camera
from mono.geometry.pixel_mask import depth_edges, edge_radius

_EDGE = 0.15  # relative jump of depth beyond which a pixel lies on an edge
_SHORTEST = 0.02  # length over distance, below which depth's noise exceeds the length
MOST = 20_000  # points beyond this number add nothing but time


@dataclass(frozen=True)
class Observations:
    """Log ratios of known and predicted distances.

    A length counts as a distance at the depths of its ends, as strongly as each of them moves it.

    Attributes:
        place: u and v from 0 to 1, and log predicted depth, (N, 3).
        log_ratio: log(known / predicted), (N,).
        sigma: relative standard error of what is known, (N,).
        left_out: number of known distances that say nothing here, by reason.
        source: origin of what is known.
        size: (width, height) of the image.
        note: doubt about what is known, in a sentence.
        focal_error: relative error that lengths and the camera's height share by the focal length.
    """

    place: np.ndarray
    log_ratio: np.ndarray
    sigma: np.ndarray
    left_out: dict[str, int]
    source: str
    size: tuple[int, int] = (1, 1)
    note: str = ""
    focal_error: float = 0.0

    def __len__(self) -> int:
        return len(self.log_ratio)


def observe(known: Known, depth: np.ndarray, camera: Camera, focal_error: float | None = None) -> Observations:
    """Compare what is known with predicted depth.

    Args:
        known: known distances.
        depth: (H, W) predicted depth [m], 0 where there is none (sky, or beyond its range).
        camera: camera of the depth map.
        focal_error: standard error of ln(focal length); None: nothing is known of it.

    Raises:
        AlignmentError: nothing is known, a pixel is outside the image, the only distances lie on edges or where there
            is no depth, or depth is along the ray of a fisheye or panorama.
    """
    if camera.depth_kind == "ray":
        raise AlignmentError(
            "known distances cannot correct a fisheye or panorama of more than 100 degrees: align perspective images"
        )
    if as_known(known).empty:
        raise AlignmentError("nothing is known: give distances, lengths, the camera's height, or depth to align with")
    edges = depth_edges(depth, _EDGE, radius=edge_radius(depth.shape))
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    left_out: Counter[str] = Counter()
    sources: list[str] = []
    note = ""
    if known.points:
        points = np.array(known.points, np.float64)
        given = points[:, 2] if known.kind == "axis" else _along_axis(points, camera)
        clicked = KnownDepth(points[:, :2], given, None, TAPE, "known distances")
        parts.append(_observe_depth(clicked, depth, edges, left_out))
        sources.append(f"{len(points)} distance{'s' * (len(points) > 1)}")
    if isinstance(known.depth, KnownDepth):
        parts.append(_observe_depth(known.depth, depth, edges, left_out))
        sources.append(known.depth.source)
    direct = sum(len(part[1]) for part in parts)
    for length in known.lengths:
        if (row := _observe_length(length, depth, camera, edges, left_out)) is not None:
            parts.append(row)
    if known.lengths:
        sources.append(f"{len(known.lengths)} length{'s' * (len(known.lengths) > 1)}")
    if known.camera_height is not None:
        ground = ground_plane(depth, camera)
        place = np.array([[*ground.place, math.log(ground.depth)]])
        ratio = np.array([math.log(known.camera_height / ground.height)])
        parts.append((place, ratio, np.array([math.hypot(TAPE, ground.relative_error)])))
        sources.append(f"camera height {known.camera_height:g} m")
        note = _doubt(known.camera_height, ground)
    if not parts:
        raise AlignmentError(_nothing_left(left_out, depth))
    place, ratio, sigma = (np.concatenate([part[i] for part in parts]) for i in range(3))
    if not len(ratio):
        raise AlignmentError(_nothing_left(left_out, depth))
    shared = (focal_error or 0.0) * (1 - direct / len(ratio))
    if len(ratio) > MOST:
        chosen = np.random.default_rng(0).permutation(len(ratio))[:MOST]
        chosen.sort()
        place, ratio, sigma = place[chosen], ratio[chosen], sigma[chosen]
    size = camera.width, camera.height
    return Observations(place, ratio, sigma, dict(left_out), ", ".join(sources), size, note, shared)


def _doubt(camera_height: float, ground: Ground) -> str:
    if not ground.rivals:
        return ""
    heights = (ground.height, *ground.rivals)
    low, high = (camera_height / height for height in (max(heights), min(heights)))
    return (
        f"several level surfaces may be the ground, for factors from {low:.3g} to {high:.3g}: give a distance at a "
        "pixel instead, or a photo with more of the ground"
    )


def _observe_depth(
    given: KnownDepth, depth: np.ndarray, edges: np.ndarray, left_out: Counter[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    height, width = depth.shape
    uv = given.uv
    if given.size is not None and given.size != (width, height):
        w, h = given.size
        if abs(w * height / (h * width) - 1) > 0.02:
            raise AlignmentError(
                f"{given.source}: is {w}x{h}, the image {width}x{height}: another shape, so it does not show the same "
                "view; turn or crop it like the image"
            )
        uv = (uv + 0.5) * (width / w, height / h) - 0.5
    predicted, reason = sample_depth(depth, edges, uv)
    if given.size is None:
        refuse_outside(uv, width, height)
    good = reason == ""
    left_out.update(str(r) for r in reason[~good])
    place = np.column_stack([(uv[good] + 0.5) / (width, height), np.log(predicted[good])])
    ratio = np.log(given.depth[good]) - np.log(predicted[good])
    return place, ratio, np.full(len(ratio), given.sigma)


def sample_depth(depth: np.ndarray, edges: np.ndarray, uv: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Interpolate depth at points, with reasons for gaps.

    Args:
        depth: (H, W) depth [m], 0 where there is none.
        edges: (H, W) bool, pixels on edges of depth.
        uv: points [px], (N, 2).

    Returns:
        Depth, (N,), and reasons: "", "outside the image", "without depth" or "on edges".
    """
    height, width = depth.shape
    inside = (uv > -0.5).all(1) & (uv[:, 0] < width - 0.5) & (uv[:, 1] < height - 0.5) & np.isfinite(uv).all(1)
    at = np.where(inside[:, None], uv, 0)
    near = np.rint(at).astype(np.int64).clip(0, (width - 1, height - 1))
    here = depth[near[:, 1], near[:, 0]]
    predicted = depth_at(depth, at.clip(0, (width - 1, height - 1)))
    reason = np.full(len(uv), "", dtype="<U20")
    reason[~np.isfinite(predicted) | edges[near[:, 1], near[:, 0]]] = "on edges"
    reason[~(here > 0)] = "without depth"
    reason[~inside] = "outside the image"
    return predicted, reason


def _observe_length(
    length: tuple[float, ...], depth: np.ndarray, camera: Camera, edges: np.ndarray, left_out: Counter[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    ends, metres = np.array(length[:4]).reshape(2, 2), length[4]
    refuse_outside(ends, camera.width, camera.height)
    z, reason = sample_depth(depth, edges, ends)
    if bad := [str(r) for r in reason if r]:
        left_out[bad[0]] += 1
        return None
    points = camera.axis_rays_at(ends) * z[:, None]
    between = points[0] - points[1]
    size = float(np.linalg.norm(between))
    if size < _SHORTEST * float(z.mean()):
        left_out["too short for its distance"] += 1
        return None
    weights = np.array([points[0] @ between, -points[1] @ between]) / size**2  # they add up to 1
    middle = (ends.mean(axis=0) + 0.5) / (camera.width, camera.height)
    # Each end's error moves the length by its weight.
    sigma = TAPE * max(1.0, float(np.abs(weights).max()))
    return np.array([[*middle, np.log(z) @ weights]]), np.array([math.log(metres / size)]), np.array([sigma])


def _along_axis(points: np.ndarray, camera: Camera) -> np.ndarray:
    return points[:, 2] / np.linalg.norm(camera.axis_rays_at(points[:, :2]), axis=1)


def _nothing_left(left_out: Counter[str], depth: np.ndarray) -> str:
    total = sum(left_out.values())
    reason = left_out.most_common(1)[0][0] if left_out else "without depth"
    what = "the only known distance lies" if total == 1 else f"all {total} known distances lie"
    if not total:
        return "the depth to align with is empty: it holds no point with depth in this image"
    remedy = {
        "on edges": "on edges, where depth jumps from one thing to another: choose points inside of surfaces",
        "without depth": "where there is no predicted depth (sky, or beyond 300 m): choose points on surfaces",
        "outside the image": "outside the image: the extrinsics or the image are others",
    }.get(reason, "between ends too near each other to be measured: choose a longer one")
    return f"{what} {remedy}"
