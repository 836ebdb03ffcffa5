"""The accuracy bound: what a backend and precision may change, on frames that ship."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mono.system.errors import BackendError

if TYPE_CHECKING:
    from mono.geometry.camera import Camera

DEPTH_BOUND = 0.005  # median of |depth / float32 eager depth - 1|
ABS_REL_BOUND = 0.002  # of the mean over frames of the absolute relative error
_COUNTS = (0.1, 80.0)  # ground truth [m]
_DEMOS = ("kitti_demo", "nyu_demo")


@dataclass(frozen=True)
class CheckFrame:
    """An image with its camera and true depth.

    Attributes:
        rgb: (H, W, 3) uint8.
        camera: its camera.
        ground_truth: (H, W) float32 [m], 0 where unknown.
    """

    rgb: np.ndarray
    camera: Camera
    ground_truth: np.ndarray


@dataclass(frozen=True)
class Deviation:
    """How far depth is from float32 eager's.

    Attributes:
        median: of the relative differences of all pixels.
        worst_frame: the same of the frame where it is largest.
        abs_rel: how much the mean absolute relative error grew; negative: it fell.
    """

    median: float
    worst_frame: float
    abs_rel: float

    @property
    def within(self) -> bool:
        """Whether it may be offered. What is not a number is not within."""
        return self.median < DEPTH_BOUND and abs(self.abs_rel) < ABS_REL_BOUND

    def __str__(self) -> str:
        return (
            f"depth differs by {100 * self.median:.3f} % (median; {100 * self.worst_frame:.3f} % in the worst frame), "
            f"AbsRel by {self.abs_rel:+.5f}"
        )


def check_frames() -> list[CheckFrame]:
    """The rendered frames of data/kitti_demo and data/nyu_demo: two cameras, out- and indoors.

    Raises:
        BackendError: they are not where they ship.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package.parent / "data", package / "demo"):
        lists = [folder / name / "test_annotations.json" for name in _DEMOS]
        if all(path.is_file() for path in lists):
            return [frame for path in lists for frame in read_frames(path)]
    raise BackendError(
        f"the check frames {' and '.join(_DEMOS)} are not beside the package: name a backend instead of auto"
    )


def read_frames(annotations: Path) -> list[CheckFrame]:
    """The frames of an annotation file that have a camera and depth."""
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
    """Compares metric depth maps (H, W) of frames with float32 eager's; pixels that only one calls valid differ."""
    differences, shifts = [], []
    for depth, expected, frame in zip(depths, reference, frames, strict=True):
        difference = np.abs(depth - expected) / np.where(expected > 0, expected, 1)
        differences.append(np.where((depth > 0) == (expected > 0), difference, 1).ravel())
        counts = (frame.ground_truth > _COUNTS[0]) & (frame.ground_truth < _COUNTS[1])
        if counts.any():
            gt = frame.ground_truth[counts]
            shifts.append(np.mean((np.abs(depth[counts] - gt) - np.abs(expected[counts] - gt)) / gt))
    return Deviation(
        median=float(np.median(np.concatenate(differences))),
        worst_frame=max(float(np.median(d)) for d in differences),
        abs_rel=float(np.mean(shifts)) if shifts else 0.0,
    )
