"""Ground truth of a sample: depth, normals and their camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mono.data.camera_source import ResolvedCamera
from mono.data.sample import Sample
from mono.geometry.camera import Camera
from mono.io.depth import read_depth
from mono.io.normals import read_normals


@dataclass(frozen=True)
class GroundTruth:
    """What is known to be true of an image; None where the annotation names no file.

    Attributes:
        depth: [m], (height, width), 0 where there is none.
        normal: unit vectors in the camera's frame, (height', width', 3), 0 where there is none.
    """

    depth: np.ndarray | None = None
    normal: np.ndarray | None = None


def read_ground_truth(sample: Sample, image_size: tuple[int, int] | None = None) -> GroundTruth:
    """Reads a sample's ground truth; `image_size` is (width, height) where it is known.

    Raises:
        DepthError, NormalError: a file cannot be used.
    """
    return GroundTruth(
        depth=read_depth(sample.depth, sample.depth_scale) if sample.depth else None,
        normal=read_normals(sample.normal, sample.normal_frame, image_size) if sample.normal else None,
    )


def wants_normals(sample: Sample, derive: bool) -> bool:
    """Whether a sample's normals are compared: they are annotated, or to be derived from its true depth."""
    return sample.normal is not None or (derive and sample.depth is not None)


def ground_truth_camera(sample: Sample, found: ResolvedCamera) -> Camera | None:
    """The camera that a sample's true depth holds for: the annotated one, whatever predictions are made with.

    Without one it is that of a camera file or of EXIF data; None where the camera is only assumed, or given by a flag:
    what is true must not change with either.
    """
    if sample.intrinsics is not None:
        return Camera(*sample.intrinsics, found.camera.width, found.camera.height)
    return found.camera if found.source in ("camera file", "exif") else None
