"""Merging of the depths of views into distances of the wide image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from mono.geometry.camera import Camera
from mono.system.prefetch import workers
from mono.system.threads import threads_within
from mono.views.agreement import Agreement, ViewDepth, agree
from mono.views.layout import View, pixels_per_radian, solid_angles
from mono.views.sampling import sample

_COMPARED = 160  # directions along the longer side in which views are compared
_TILE = 96, 192  # rows and columns worked on at a time: they stay in the processor's cache
_QUANTILES = 101
_LEAST_CERTAINTY = 0.2  # of the least sure pixels beside the surest


@dataclass(frozen=True, eq=False)
class ViewResult:
    """Results of one view.

    Attributes:
        depth: depth along the view's axis, with its view; see `ViewDepth`. Its certainty is 1 inside of the wide image.
        confidence: (height, width) float32, higher is surer, in any range.
        maps: further maps to blend, (height, width) float32, by name.
        vectors: unit vectors in the view's frame to blend, (height, width, 3) float32, 0 where missing; None: none.
    """

    depth: ViewDepth
    confidence: np.ndarray
    maps: dict[str, np.ndarray]
    vectors: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Merged:
    """Maps of a wide image.

    Attributes:
        distance: distance along the ray [m], (height, width) float32, 0 where there is none.
        confidence: (height, width) float32.
        maps: further maps by name, (height, width) float32.
        vectors: unit vectors in the wide camera's frame, (height, width, 3) float32, 0 where missing; None: none.
        agreement: how far views agreed.
    """

    distance: np.ndarray
    confidence: np.ndarray
    maps: dict[str, np.ndarray]
    vectors: np.ndarray | None
    agreement: Agreement


def merge_views(results: Sequence[ViewResult], camera: Camera) -> Merged:
    """Merge the depths of views in log distance.

    Views are scaled to agree where they overlap, and blended with weights that fall to 0 at their borders. Depth is
    interpolated as its inverse, which is exact on planes.

    Args:
        results: results of all views.
        camera: camera of the wide image.
    """
    with workers(threads_within()) as pool:
        results = _with_certainty(results, pool)
        scale = min(1.0, _COMPARED / max(camera.width, camera.height))
        small = camera.resized(max(2, round(camera.width * scale)), max(2, round(camera.height * scale)))
        rays = np.asarray(small.unit_rays(), np.float64)
        solid = solid_angles(rays)
        seen = np.isfinite(rays).all(-1) & np.isfinite(solid)
        agreement = agree([result.depth for result in results], rays[seen], solid[seen])
        step = _coarseness(camera, results[0].depth.view.camera.fx)
        working = camera.resized(camera.width // step, camera.height // step)
        blended, names = _blend(results, agreement, working, pool), list(results[0].maps)
        if step > 1:
            blended = list(pool.map(partial(_enlarged, step=step, around=working.wraps), blended))
    inverse, present, confidence = blended[:3]
    distance = np.zeros(inverse.shape, np.float32)
    np.divide(present, inverse, out=distance, where=(present > 0.5) & (inverse > 0))
    vectors = None
    if results[0].vectors is not None:
        vectors = np.stack(blended[3 + len(names) :], axis=-1)
        length = np.linalg.norm(vectors, axis=-1, keepdims=True)
        vectors = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 1e-6)
    return Merged(distance, confidence, dict(zip(names, blended[3:], strict=False)), vectors, agreement)


def _with_certainty(results: Sequence[ViewResult], pool: Executor) -> list[ViewResult]:
    """Rank confidence among all views' pixels, as its range differs between networks."""
    pooled = [r.confidence[::8, ::8][r.depth.certainty[::8, ::8] > 0].ravel() for r in results]
    levels = np.quantile(np.concatenate(pooled), np.linspace(0, 1, _QUANTILES)) if any(map(len, pooled)) else None
    if levels is None or not levels[-1] > levels[0]:
        return list(results)
    levels += np.arange(_QUANTILES) * 1e-9 * (levels[-1] - levels[0])  # equal ones get an order

    def ranked(result: ViewResult) -> ViewResult:
        """Weight a view's certainty by the ranks of its confidence."""
        rank = np.interp(result.confidence, levels, np.linspace(_LEAST_CERTAINTY, 1, _QUANTILES))
        return replace(
            result, depth=replace(result.depth, certainty=(result.depth.certainty * rank).astype(np.float32))
        )

    return list(pool.map(ranked, results))


def _coarseness(camera: Camera, focal: float) -> int:
    """Choose the factor by which the wide image is finer than its views; it divides both sides."""
    most = round(pixels_per_radian(camera) / focal)
    return max([step for step in range(1, most + 1) if camera.width % step == camera.height % step == 0], default=1)


def _blend(results: Sequence[ViewResult], agreement: Agreement, camera: Camera, pool: Executor) -> list[np.ndarray]:
    """Blend all maps at the pixels of a camera.

    Returns:
        Maps (height, width) float32: inverse distance times validity, validity, confidence, further maps and the parts
        of vectors; 0 where no view is.
    """
    views = [result.depth.view for result in results]
    stacks = list(pool.map(lambda i: _stack(results[i], agreement, i), range(len(results))))
    rays = camera.unit_rays()
    height, width = rays.shape[:2]
    blended = np.zeros((len(stacks[0]) - 1, height, width), np.float32)

    def fill(corner: tuple[int, int]) -> None:
        """Blend the views in a tile."""
        rows, columns = (slice(start, start + size) for start, size in zip(corner, _TILE, strict=True))
        tile = rays[rows, columns]
        blended[:, rows, columns] = _blend_tile(tile.reshape(-1, 3), views, stacks).reshape(-1, *tile.shape[:2])

    corners = [(top, left) for top in range(0, height, _TILE[0]) for left in range(0, width, _TILE[1])]
    for _ in pool.map(fill, corners):
        pass
    return list(blended)


def _blend_tile(rays: np.ndarray, views: Sequence[View], stacks: Sequence[np.ndarray]) -> np.ndarray:
    """Blend views in the directions of neighboring pixels, (n, 3) unit float32 -> (channels, n)."""
    log, certain, total = np.zeros((3, len(rays)), np.float32)
    blended = np.zeros((len(stacks[0]) - 1, len(rays)), np.float32)
    for view, stack in zip(_within_reach(rays, views), stacks, strict=True):
        if view is None:
            continue
        columns, rows, cosine = view.locate(rays)
        close = view.closeness(columns, rows, cosine)
        if not close.any():
            continue
        inverse, valid, certainty, *maps = sample(stack, columns, rows)
        # Cubed, seams are narrow, and wide enough to be smooth.
        weight = (close * close * close * certainty + np.float32(1e-12)) * (certainty > 0) * (close > 0)
        for channel, values in zip(blended[2:], maps, strict=True):
            channel += values * weight
        total += weight
        weight *= valid > 0.5
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log(valid / (inverse * cosine))
        log += np.where(weight > 0, logs, 0) * weight
        certain += weight
    there = (certain > 0) & (2 * certain > total)
    blended[0] = np.where(there, np.exp(-log / np.where(there, certain, 1)), 0)
    blended[1] = there
    blended[2:] /= np.where(total > 0, total, 1)
    return blended


def _within_reach(rays: np.ndarray, views: Sequence[View]) -> list[View | None]:
    """Keep the views whose cone meets that of a bundle of rays; None stands for the others."""
    seen = rays[np.isfinite(rays[:, 0])]
    if not len(seen):
        return [None] * len(views)
    axis = seen.mean(0)
    axis /= max(float(np.linalg.norm(axis)), 1e-6)
    reach = math.acos(min(1.0, max(-1.0, float((seen @ axis).min())))) + 1e-3
    near = []
    for view in views:
        camera = view.camera
        half = math.atan(math.hypot(camera.width / 2 / camera.fx, camera.height / 2 / camera.fy))
        angle = math.acos(min(1.0, max(-1.0, float(view.rotation[:, 2] @ axis))))
        near.append(view if angle <= half + reach else None)
    return near


def _stack(result: ViewResult, agreement: Agreement, index: int) -> np.ndarray:
    """Stack a view's maps: corrected inverse depth, validity, certainty, confidence, further maps, vectors."""
    depth = replace(result.depth, depth=agreement.corrected(index, result.depth.depth))
    parts = [depth.inverse(), result.confidence[None], *(values[None] for values in result.maps.values())]
    if result.vectors is not None:
        parts.append(np.moveaxis(result.vectors @ result.depth.view.rotation.T.astype(np.float32), -1, 0))
    return np.concatenate(parts).astype(np.float32, copy=False)


def _enlarged(values: np.ndarray, step: int, around: bool) -> np.ndarray:
    """Resize a map bilinearly by a whole factor; across the sides of a panorama."""
    import cv2

    if around:
        values = np.concatenate([values[:, -1:], values, values[:, :1]], axis=1)
    height, width = values.shape
    values = cv2.resize(values, (width * step, height * step), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(values[:, step:-step]) if around else values
