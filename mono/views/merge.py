"""Merging of the depths of views into distances of the wide image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mono.geometry.camera import Camera
from mono.views.agreement import Agreement, ViewDepth, agree
from mono.views.layout import pixels_per_radian, solid_angles
from mono.views.sampling import sample

_COMPARED = 160  # directions along the longer side in which views are compared
_SHARPNESS = 3.0  # power of the closeness to a view's middle: the higher, the narrower the seams
_STRIP = 1 << 17  # pixels worked on at a time
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
    results = _with_certainty(results)
    scale = min(1.0, _COMPARED / max(camera.width, camera.height))
    small = camera.resized(max(2, round(camera.width * scale)), max(2, round(camera.height * scale)))
    rays = np.asarray(small.unit_rays(), np.float64)
    solid = solid_angles(rays)
    seen = np.isfinite(rays).all(-1) & np.isfinite(solid)
    agreement = agree([result.depth for result in results], rays[seen], solid[seen])
    step = _coarseness(camera, results[0].depth.view.camera.fx)
    working = camera.resized(camera.width // step, camera.height // step)
    blended, names = _blend(results, agreement, working), list(results[0].maps)
    if step > 1:
        blended = _enlarged(blended, step, working.wraps)
    inverse, valid = blended[..., 0], blended[..., 1] > 0.5
    distance = np.zeros(inverse.shape, np.float32)
    np.divide(blended[..., 1], inverse, out=distance, where=valid & (inverse > 0))
    vectors = None
    if results[0].vectors is not None:
        vectors = blended[..., 3 + len(names) :]
        length = np.linalg.norm(vectors, axis=-1, keepdims=True)
        vectors = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 1e-6)
    maps = {name: np.ascontiguousarray(blended[..., 3 + i]) for i, name in enumerate(names)}
    return Merged(distance, np.ascontiguousarray(blended[..., 2]), maps, vectors, agreement)


def _with_certainty(results: Sequence[ViewResult]) -> list[ViewResult]:
    """Rank confidence among all views' pixels, as its range differs between networks."""
    pooled = [r.confidence[::8, ::8][r.depth.certainty[::8, ::8] > 0].ravel() for r in results]
    levels = np.quantile(np.concatenate(pooled), np.linspace(0, 1, _QUANTILES)) if any(map(len, pooled)) else None
    if levels is None or not levels[-1] > levels[0]:
        return list(results)
    levels += np.arange(_QUANTILES) * 1e-9 * (levels[-1] - levels[0])  # equal ones get an order
    ranked = []
    for result in results:
        rank = np.interp(result.confidence, levels, np.linspace(_LEAST_CERTAINTY, 1, _QUANTILES))
        depth = replace(result.depth, certainty=(result.depth.certainty * rank).astype(np.float32))
        ranked.append(replace(result, depth=depth))
    return ranked


def _coarseness(camera: Camera, focal: float) -> int:
    """Choose the factor by which the wide image is finer than its views; it divides both sides."""
    most = round(pixels_per_radian(camera) / focal)
    return max([step for step in range(1, most + 1) if camera.width % step == camera.height % step == 0], default=1)


def _blend(results: Sequence[ViewResult], agreement: Agreement, camera: Camera) -> np.ndarray:
    """Blend all maps at the pixels of a camera.

    Returns:
        (height, width, channels) float32: inverse distance times validity, validity, confidence, further maps and
        vectors; 0 where no view is.
    """
    stacks = [_stack(result, agreement, i) for i, result in enumerate(results)]
    rays = np.asarray(camera.unit_rays(), np.float32)
    height, width = rays.shape[:2]
    blended = np.zeros((height, width, stacks[0].shape[2] - 1), np.float32)
    rows_at_once = max(1, _STRIP // width)
    for top in range(0, height, rows_at_once):
        strip = rays[top : top + rows_at_once].reshape(-1, 3)
        log, maps = np.zeros(len(strip)), np.zeros((len(strip), blended.shape[2]), np.float32)
        total, certain = np.zeros(len(strip), np.float32), np.zeros(len(strip), np.float32)
        for result, stack in zip(results, stacks, strict=True):
            view = result.depth.view
            columns, rows, cosine = view.locate(strip)
            close = view.closeness(columns, rows, cosine)
            index = np.flatnonzero(close > 0)
            if not index.size:
                continue
            values = sample(stack, columns[index], rows[index])
            weight = close[index] ** np.float32(_SHARPNESS) * values[:, 2] + np.float32(1e-12)
            weight *= values[:, 2] > 0
            valid = weight * (values[:, 1] > 0.5)
            with np.errstate(divide="ignore", invalid="ignore"):
                logs = np.log(values[:, 1] / (values[:, 0] * cosine[index]))
            log[index] += np.where(valid > 0, logs, 0) * valid
            certain[index] += valid
            total[index] += weight
            maps[index, 2:] += values[:, 3:] * weight[:, None]
        there = (certain > 0) & (2 * certain > total)
        maps[:, 0] = np.where(there, np.exp(-log / np.where(there, certain, 1)), 0)
        maps[:, 1] = there
        maps[:, 2:] /= np.where(total > 0, total, 1)[:, None]
        blended[top : top + rows_at_once] = maps.reshape(-1, width, maps.shape[1])
    return blended


def _stack(result: ViewResult, agreement: Agreement, index: int) -> np.ndarray:
    """Stack a view's maps: corrected inverse depth, validity, certainty, confidence, further maps, vectors."""
    depth = replace(result.depth, depth=agreement.corrected(index, result.depth.depth))
    parts = [depth.inverse(), result.confidence[..., None], *(values[..., None] for values in result.maps.values())]
    if result.vectors is not None:
        parts.append(result.vectors @ result.depth.view.rotation.T.astype(np.float32))
    return np.ascontiguousarray(np.concatenate(parts, axis=2), np.float32)


def _enlarged(values: np.ndarray, step: int, around: bool) -> np.ndarray:
    """Resize maps bilinearly by a whole factor; across the sides of a panorama."""
    import cv2

    if around:
        values = np.concatenate([values[:, -1:], values, values[:, :1]], axis=1)
    height, width = values.shape[:2]
    planes = [
        cv2.resize(np.ascontiguousarray(values[..., i]), (width * step, height * step), interpolation=cv2.INTER_LINEAR)
        for i in range(values.shape[2])
    ]
    cut = slice(step, -step) if around else slice(None)
    return np.stack([plane[:, cut] for plane in planes], axis=-1)
