"""Pixels of a depth map that clouds and meshes use: valid, no sky, in range, not on an edge of depth."""

from __future__ import annotations

import numpy as np

from mono.system.errors import MetricDepthError

_WIDE = 3  # reach of the wider neighborhood, of that of the narrow one
_SLOPE = 4  # share of the threshold that makes a slope
_STEEPER = 0.6  # share of the change of log depth in three times that reach
SKY = 0.5  # probability from which a pixel is sky


def select_pixels(
    depth: np.ndarray,
    confidence: np.ndarray | None = None,
    sky: np.ndarray | None = None,
    *,
    min_range: float | None = None,
    max_range: float | None = None,
    edge_filter: float | None = None,
    min_confidence: float | None = None,
) -> np.ndarray:
    """Select the pixels whose depth can be used.

    Args:
        depth: (H, W) depth along the optical axis [m]; pixels that are not finite and positive are left out.
        confidence: (H, W) confidence of the depth.
        sky: (H, W) probability of sky; pixels from 0.5 on are left out.
        min_range: nearest depth to keep [m].
        max_range: farthest depth to keep [m].
        edge_filter: leave out pixels on edges of the depth map, as found by `depth_edges` with this threshold
            (0.1 = 10 %). There, depth runs from front to back over a few pixels, and points hang in the air.
        min_confidence: leave out pixels whose confidence is lower, or not a number.

    Returns:
        (H, W) bool, True for pixels to use.

    Raises:
        MetricDepthError: sizes do not agree, the edge filter is not positive, or there is no confidence to compare
            with.
    """
    if edge_filter is not None and not edge_filter > 0:
        raise MetricDepthError(f"edge_filter is {edge_filter}; it must be positive")
    if sky is not None and sky.shape != depth.shape:
        raise MetricDepthError(f"the sky mask is {sky.shape}, the depth map {depth.shape}: sizes must agree")
    keep = np.isfinite(depth) & (depth > 0)
    if sky is not None:
        keep &= ~(sky >= SKY)
    if edge_filter is not None:
        keep &= ~depth_edges(depth, edge_filter, confidence, edge_radius(depth.shape))
    if min_range is not None:
        keep &= depth >= min_range
    if max_range is not None:
        keep &= depth <= max_range
    if min_confidence is not None:
        if confidence is None or confidence.shape != depth.shape or np.isnan(confidence).all():
            given = "none" if confidence is None or confidence.shape == depth.shape else f"{confidence.shape}"
            raise MetricDepthError(
                f"min_confidence needs the confidence of every pixel, {depth.shape}; given is {given}"
            )
        keep &= confidence >= min_confidence
    return keep


def edge_radius(shape: tuple[int, ...]) -> int:
    """Choose the neighborhood of `depth_edges` for a size.

    Networks see images at about 640 pixels: in larger depth maps, an edge is a ramp over as many more pixels.

    Args:
        shape: (height, width) [px].

    Returns:
        Radius [px], at least 1.
    """
    return max(1, round(max(shape) / 640))


def depth_edges(
    depth: np.ndarray, threshold: float, confidence: np.ndarray | None = None, radius: int = 1
) -> np.ndarray:
    """Find edges by the change of log depth over a neighborhood.

    A pixel is on an edge where its depth differs from the nearest or the farthest in its neighborhood by more than the
    threshold, as a share of the nearer depth. So both sides of a jump are edges, the ramp between them, and things as
    thin as the neighborhood. It is on one, too, where it hangs between the nearest and the farthest of a neighborhood
    three times as wide, by more than the threshold from both, on a slope of a quarter of it, and most of the change of
    log depth farther around happens there: networks blur jumps, and on a slanted plane the change goes on. Where the
    confidence is below its median, half the threshold suffices. Pixels without depth are never edges, nor do they make
    any.

    Args:
        depth: (H, W) depth [m].
        threshold: relative change of depth (0.1 = 10 %).
        confidence: (H, W) confidence of the depth; None, or nowhere a number: the same threshold everywhere.
        radius: reach of the square neighborhood [px].

    Returns:
        (H, W) bool.

    Raises:
        MetricDepthError: the confidence has another size than the depth map.
    """
    import cv2

    if confidence is not None and confidence.shape != depth.shape:
        raise MetricDepthError(f"the confidence is {confidence.shape}, the depth map {depth.shape}: sizes must agree")
    depth = depth.astype(np.float32, copy=False)
    valid = np.isfinite(depth) & (depth > 0)
    around = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    ratio: np.ndarray | np.float32 = np.float32(1 + threshold)
    if confidence is not None and np.isfinite(confidence[valid]).any():
        doubtful = ~(confidence >= np.median(confidence[valid], overwrite_input=True))
        ratio = np.where(doubtful, np.float32(1 + threshold / 2), ratio)
    # One neighborhood after the other, as each is as large as the depth map.
    slope = (ratio - 1) / _SLOPE + 1
    near = cv2.erode(np.where(valid, depth, np.float32(np.inf)), around)
    edges, sloping = depth / ratio > near, depth / slope > near
    del near
    far = cv2.dilate(np.where(valid, depth, np.float32(0)), around)
    edges |= far / ratio > depth
    sloping |= far / slope > depth
    del far
    edges |= sloping & _hanging(depth, valid, ratio, radius)
    return valid & edges


def _hanging(depth: np.ndarray, valid: np.ndarray, ratio: np.ndarray | np.float32, radius: int) -> np.ndarray:
    """Find pixels between near and far ones, where the change of log depth is steeper than around."""
    import cv2

    thin = (slice(None, None, radius),) * 2  # the wide neighborhoods need no more than that
    nearest, farthest = (np.where(valid[thin], depth[thin], np.float32(none)) for none in (np.inf, 0))

    def change(reach: int) -> tuple[np.ndarray, np.ndarray]:
        around = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
        return cv2.erode(nearest, around), cv2.dilate(farthest, around)

    near, far = change(_WIDE)
    near_around, far_around = change(3 * _WIDE)
    with np.errstate(divide="ignore", invalid="ignore"):
        steeper = np.log(far / near) > _STEEPER * np.log(far_around / near_around)
    far[~steeper] = 0
    size = depth.shape[::-1]
    near, far = (cv2.resize(values, size, interpolation=cv2.INTER_NEAREST) for values in (near, far))
    between: np.ndarray = depth / ratio > near
    between &= far / ratio > depth
    return between
