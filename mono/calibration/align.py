"""Alignment of a depth map with what is known of its image."""

from __future__ import annotations

import numpy as np

from mono.calibration.depth_alignment import DepthAlignment
from mono.calibration.fit import fit_alignment
from mono.calibration.known import Known
from mono.calibration.observations import observe
from mono.geometry.camera import Camera


def align_depth(
    depth: np.ndarray, camera: Camera, known: Known, model: str = "auto"
) -> tuple[np.ndarray, DepthAlignment]:
    """Bring a depth map to known distances.

    Args:
        depth: (H, W) predicted depth [m], 0 where there is none.
        camera: camera of the depth map.
        known: known distances.
        model: "auto", "scale", "affine" or "field"; see `mono.calibration.fit.fit_alignment`.

    Returns:
        Aligned depth, (H, W) float32, and the alignment.

    Raises:
        AlignmentError: the distances contradict each other, lie on edges or without depth, or are too few.
    """
    alignment = fit_alignment(observe(known, depth, camera), model, known.unit)
    return alignment.apply(depth), alignment
