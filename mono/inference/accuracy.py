"""Accuracy bound of backends and precisions, checked on images that ship."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mono.system.errors import BackendError

if TYPE_CHECKING:
    from mono.geometry.camera import Camera

DEPTH_BOUND = 0.005  # on the median of |depth / float32 eager depth - 1|
ABS_REL_BOUND = 0.002  # on the change of the absolute relative error, mean over images
_EVALUATED = (0.1, 80.0)  # range of ground truth [m]
_DEMOS = ("near_demo", "kitti_demo", "nyu_demo")  # within arm's reach, streets, rooms


@dataclass(frozen=True)
class CheckFrame:
    """Image with its camera and ground truth.

    Attributes:
        rgb: (H, W, 3) uint8.
        camera: camera of the image.
        ground_truth: (H, W) float32 [m], 0 where unknown.
    """

    rgb: np.ndarray
    camera: Camera
    ground_truth: np.ndarray


@dataclass(frozen=True)
class Deviation:
    """Difference of depth from float32 eager's.

    Attributes:
        median: median of the relative differences of all pixels.
        worst_frame: largest median of a single image.
        abs_rel: growth of the mean absolute relative error; negative: it fell.
    """

    median: float
    worst_frame: float
    abs_rel: float

    @property
    def within(self) -> bool:
        """Return True if the bound holds; NaN is outside of it."""
        return self.median < DEPTH_BOUND and abs(self.abs_rel) < ABS_REL_BOUND

    def __str__(self) -> str:
        return (
            f"depth differs by {100 * self.median:.3f} % (median; {100 * self.worst_frame:.3f} % in the worst image), "
            f"AbsRel by {self.abs_rel:+.5f}"
        )


def check_frames() -> list[CheckFrame]:
    """Read the rendered images of data/near_demo, data/kitti_demo and data/nyu_demo.

    Raises:
        BackendError: they do not lie beside the package.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package.parent / "data", package / "demo"):
        lists = [folder / name / "test_annotations.json" for name in _DEMOS]
        if all(path.is_file() for path in lists):
            return [frame for path in lists for frame in read_frames(path)]
    raise BackendError(
        f"the check images {', '.join(_DEMOS)} are not beside the package: name a backend instead of fastest"
    )


def read_frames(annotations: Path) -> list[CheckFrame]:
    """Read the images of an annotation file that have camera and depth."""
    from mono.data.annotations import load_annotations
    from mono.data.ground_truth import read_annotated_depth
    from mono.geometry.camera import Camera
    from mono.io.images import read_image

    frames = []
    for sample in load_annotations(annotations):
        if sample.intrinsics and sample.depth:
            rgb = read_image(sample.rgb).rgb
            camera = Camera(*sample.intrinsics, width=rgb.shape[1], height=rgb.shape[0])
            frames.append(CheckFrame(rgb, camera, read_annotated_depth(sample, (camera.width, camera.height))))
    return frames


def deviation(depths: Sequence[np.ndarray], reference: Sequence[np.ndarray], frames: Sequence[CheckFrame]) -> Deviation:
    """Compare metric depth with float32 eager's.

    Args:
        depths: depth maps (H, W) [m].
        reference: depth maps of float32 eager.
        frames: images of both.

    Returns:
        The difference; a pixel that is valid in one map only counts as 1.
    """
    differences, shifts = [], []
    for depth, expected, frame in zip(depths, reference, frames, strict=True):
        difference = np.abs(depth - expected) / np.where(expected > 0, expected, 1)
        differences.append(np.where((depth > 0) == (expected > 0), difference, 1).ravel())
        valid = (frame.ground_truth > _EVALUATED[0]) & (frame.ground_truth < _EVALUATED[1])
        if valid.any():
            gt = frame.ground_truth[valid]
            shifts.append(np.mean((np.abs(depth[valid] - gt) - np.abs(expected[valid] - gt)) / gt))
    return Deviation(
        median=float(np.median(np.concatenate(differences))),
        worst_frame=max(float(np.median(d)) for d in differences),
        abs_rel=float(np.mean(shifts)) if shifts else 0.0,
    )
