"""Surface normals: from depth by geometry, their angles, and the codes they are kept in.

Everywhere in this package a normal is a unit vector in the camera's frame, x right, y down, z forward, that points to
the camera's side of the surface; (0, 0, 0) is no normal.
"""

from __future__ import annotations

import numpy as np

from mono.camera import Camera


def normals_from_depth(depth: np.ndarray, camera: Camera) -> np.ndarray:
    """Surface normals of a depth map, by geometry.

    Args:
        depth: depth along the optical axis [m], (height, width), 0 where there is none.
        camera: the camera of the depth map.

    Returns:
        (height, width, 3) float32 unit normals that point to the camera; 0 where there is no depth around.

    Raises:
        ValueError: the depth map's size is not the camera's.
    """
    raise NotImplementedError


def angles(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Angles [deg] between two arrays (..., 3) of vectors of any length, (...) float64; NaN where one is 0."""
    raise NotImplementedError
