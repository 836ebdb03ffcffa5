"""Consistency of poses and depth: whether frames see one surface."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from mono.slam.fusion.grid_size import rays_of
from mono.slam.fusion.posed_depth import PosedFrame
from mono.slam.fusion.posed_views import PosedView

# Disagreement of frames with right poses: 0.003 with rendered depth, up to 0.18 with predicted.
_DOUBTFUL, _DOUBTFUL_ANNOTATED = 0.2, 0.05
_OVERLAP = 0.2  # share of a view's points that the other must see
_FEWEST = 3  # pairs of views
_TOO_FAR = 3  # steps per farthest depth: frames and depth may be thinned out


def disagreement(view: PosedView, other: PosedView) -> float:
    """Compare a view's depth with what another sees.

    Returns:
        Median of |log(depth of the view's points in the other / the other's own depth)|; NaN with little overlap.
    """
    origins, directions, depth = rays_of(view)
    local = (origins + directions * depth[:, None] - other.pose[:3, 3]) @ other.pose[:3, :3]
    x, y, z = local[local[:, 2] > 0.01 * np.median(depth)].T if len(depth) else np.empty((3, 0))
    height, width = other.depth.shape
    camera = other.camera
    columns, rows = np.rint(x / z * camera.fx + camera.cx), np.rint(y / z * camera.fy + camera.cy)
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    own = other.depth[rows[inside].astype(int), columns[inside].astype(int)]
    z = z[inside][own > 0]
    return float(np.median(np.abs(np.log(z / own[own > 0])))) if len(z) > _OVERLAP * len(depth) else np.nan


def median_step(frames: Sequence[PosedFrame]) -> float:
    """Compute the median way from frame to frame [m]; 0 of a single one."""
    steps = np.linalg.norm(np.diff([frame.pose[:3, 3] for frame in frames], axis=0), axis=-1)
    return float(np.median(steps)) if len(steps) else 0.0


def explain_doubt(
    step: float, far: float, pairs: Iterable[tuple[PosedView, PosedView]], is_annotated: bool
) -> str | None:
    """Explain why poses may not be those of the depth.

    Args:
        step: median way from frame to frame [m].
        far: farthest depth [m].
        pairs: views of frames that are near each other.
        is_annotated: True if the depth is annotated, which agrees better than predictions do.

    Returns:
        A sentence for the log; None if there is no doubt.
    """
    if step > _TOO_FAR * far:
        return (
            f"the camera moves {step:.4g} m from frame to frame, and depth ends at {far:.4g} m: are the poses in "
            "millimetres or centimetres? They must be in metres"
        )
    values = np.array([disagreement(*pair) for pair in pairs])
    values = values[np.isfinite(values)]
    if len(values) < _FEWEST or np.median(values) <= (_DOUBTFUL_ANNOTATED if is_annotated else _DOUBTFUL):
        return None
    return (
        f"depth differs by {np.expm1(np.median(values)) * 100:.0f} % (median) from that of neighboring frames, as the "
        "poses have it: check that they are in metres, those of these frames, and camera to world with x right, y "
        "down, z forward; else the depth itself is inconsistent"
    )
