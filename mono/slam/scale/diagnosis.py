"""Diagnosis: explain why a path yields no scale."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mono.slam.scale.tracks import Counts

DOUBTFUL, HOPELESS = 0.3, 0.1  # shares of points that reproject, below which poses or camera may be, or are, wrong


def explain_no_scale(counts: Sequence[Counts], used: int, chosen: int) -> str:
    """Explain why too few frames have a scale, with a remedy.

    Args:
        counts: fate of the tracked corners of each frame, at least one.
        used: number of frames with a scale.
        chosen: number of frames tried.
    """
    start = f"no scale: only {used} of {chosen} frames have points to compare with depth; "
    corners, tracked, parallax, close = (
        float(np.median([getattr(c, name) for c in counts]))
        for name in ("corners", "tracked", "parallax", "within_reprojection_error")
    )
    residuals = [c.rotation_residual_px for c in counts if math.isfinite(c.rotation_residual_px)]
    if tracked < 30:
        return start + (
            f"of {corners:.0f} corners in a frame, {tracked:.0f} can be tracked to the next: there is little texture, "
            "or the frames are too blurred, too far apart, or in another order than the poses"
        )
    if residuals and np.median(residuals) < 1.0:
        return start + (
            f"the camera only rotates (beyond the rotation, points move {np.median(residuals):.2f} px): pure rotation "
            "shows no depth; give frames between which the camera moves"
        )
    if parallax < 30:
        return start + (
            f"of {tracked:.0f} tracked points in a frame, {parallax:.0f} have a parallax of 1 degree: the camera moves "
            "too little for the distance of the scene; give a longer part of the path, or frames farther apart"
        )
    if close < DOUBTFUL * parallax:
        return start + explain_mismatch(counts)
    return start + (
        f"a typical frame has {close:.0f} triangulated points, and too few frames have enough of them away from depth "
        "edges: give more frames, or a longer part of the path"
    )


def reprojecting_share(counts: Sequence[Counts]) -> float:
    """Compute the median share of points with parallax that reproject; NaN without any."""
    shares = [c.within_reprojection_error / c.parallax for c in counts if c.parallax]
    return float(np.median(shares)) if shares else math.nan


def explain_mismatch(counts: Sequence[Counts]) -> str:
    """Explain why few points reproject, with a remedy."""
    parallax, in_front, close = (
        float(np.median([getattr(c, name) for c in counts]))
        for name in ("parallax", "in_front", "within_reprojection_error")
    )
    return (
        f"of {parallax:.0f} points in a frame, {in_front:.0f} lie in front of the camera and {close:.0f} reproject "
        "within 1 px: poses and frames do not belong together, or the camera is wrong; check the frames' order, the "
        "focal length, and that the poses are camera to world with x right, y down, z forward"
    )
