"""Files of images with known distances, for calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mono.calibration.known import AlignmentError, Known, KnownDepth
from mono.data.annotations import load_annotations, read_entries
from mono.data.ground_truth import read_annotated_depth
from mono.data.sample import Sample

_KEYS = ("known", "known_length", "camera_height", "along_ray")


@dataclass(frozen=True)
class KnownImage:
    """Image with known distances.

    Attributes:
        sample: the image; its depth file, if any, is known depth.
        points: (u, v, distance [m]) of pixels.
        lengths: (u1, v1, u2, v2, length [m]).
        camera_height: height of the camera above the ground [m].
        ray: distances of `points` are along the ray.
    """

    sample: Sample
    points: Sequence[Any] = ()
    lengths: Sequence[Any] = ()
    camera_height: float | None = None
    ray: bool = False

    def read(self, size: tuple[int, int], full_size: tuple[int, int] | None = None) -> Known:
        """Collect what is known.

        Args:
            size: (width, height) of the image [px].
            full_size: (width, height) of its file [px], whose pixels are given; None: `size`.

        Raises:
            MetricDepthError: a number is impossible, nothing is known, or the depth file cannot be used.
        """
        depth = None
        if self.sample.depth is not None:
            depth = KnownDepth.from_map(read_annotated_depth(self.sample, size), str(self.sample.depth))
        known = Known(
            tuple(self.points), tuple(self.lengths), self.camera_height, depth, kind="ray" if self.ray else "axis"
        )
        if known.empty:
            raise AlignmentError(
                f"{self.sample.source}: nothing is known of it; give known, known_length, camera_height or depth"
            )
        return known.resized(full_size or size, size)


def read_known_images(path: Path) -> list[KnownImage]:
    """Read images with known distances.

    Args:
        path: annotation JSON, whose entries may have "known": [[u, v, metres], …], "known_length": [[u, v, u, v,
            metres], …] and "camera_height": metres, "along_ray": true, beside "rgb", "depth" and "cam_in".

    Raises:
        MetricDepthError: the file is missing or malformed.
    """
    samples = load_annotations(path)
    found = []
    for sample, entry in zip(samples, read_entries(path), strict=True):
        points, lengths, height, ray = (entry.get(key) for key in _KEYS)
        for key, value in (("known", points), ("known_length", lengths)):
            if value is not None and not isinstance(value, list):
                raise AlignmentError(f"{path}: {sample.source}: {key} is {value!r:.60}; it must be a list of lists")
        if height is not None and (isinstance(height, bool) or not isinstance(height, (int, float))):
            raise AlignmentError(f"{path}: {sample.source}: camera_height is {height!r:.60}; give metres")
        if not isinstance(ray, bool | None):
            raise AlignmentError(f"{path}: {sample.source}: along_ray is {ray!r:.60}; give true or false")
        found.append(KnownImage(sample, points or (), lengths or (), height, bool(ray)))
    return found
