"""Check of annotation files that opens their images, depth maps and normals."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mono.data.annotations import load_annotations
from mono.data.check_depth import DepthStatistics, read_checked_depth, statistics, value_doubts
from mono.data.check_normals import normal_doubts
from mono.data.datasets.annotation_writer import Progress, iterate
from mono.data.image_header import ImageHeader, read_image_header
from mono.data.intrinsics import doubt_of_center
from mono.data.sample import Sample
from mono.geometry.camera import Camera
from mono.io.cameras.files import camera_file_beside
from mono.io.images import ImageError, Photo, read_image
from mono.system.errors import MetricDepthError, without_path

SCHEMA = Path(__file__).with_name("annotation.schema.json")  # for editors and other tools; `load_annotations` decides

FOV_RANGE = (15.0, 140.0)  # over the longer side [deg]
MAX_OFF_CENTER = 0.2  # distance of the principal point from the center, in sides of the image
MAX_ASPECT = 1.25  # aspect ratio of a pixel: fx / fy or fy / fx


@dataclass(frozen=True)
class Finding:
    """Likely mistake in an annotation file or its data.

    Attributes:
        entry: number of the entry, from 0.
        field: key of the entry ("rgb", "depth", "depth_scale", "cam_in", "normal", "normal_frame").
        value: annotated or measured value.
        kind: category, the same text for all findings of a category.
        advice: problem and remedy.
    """

    entry: int
    field: str
    value: str
    kind: str
    advice: str

    def __str__(self) -> str:
        return f"entry {self.entry}: {self.field}: {self.value}: {self.kind}: {self.advice}"


@dataclass(frozen=True)
class CheckReport:
    """Summary and findings of a checked annotation file.

    Attributes:
        entries: number of entries in the file.
        looked_at: number of entries that were opened.
        sizes: number of images by (width, height) [px].
        depth_sizes: number of depth maps by (width, height) [px].
        cameras: annotated cameras, for the size of their images.
        depths: statistics of each depth map with valid pixels.
        with_depth: number of opened entries with a depth map.
        with_normal: number of opened entries with a map of normals.
        findings: likely mistakes, by entry.
    """

    entries: int
    looked_at: int
    sizes: Counter[tuple[int, int]]
    depth_sizes: Counter[tuple[int, int]]
    cameras: tuple[Camera, ...]
    depths: tuple[DepthStatistics, ...]
    with_depth: int
    with_normal: int
    findings: tuple[Finding, ...]


def check_annotations(
    path: str | os.PathLike[str],
    data_root: str | os.PathLike[str] | None = None,
    *,
    sample: int | None = None,
    progress: Progress = iterate,
) -> CheckReport:
    """Validate an annotation file and look for likely mistakes in its data.

    Args:
        path: annotation file.
        data_root: folder that paths are relative to, see `load_annotations`.
        sample: number of entries to open, evenly spread; None: all.
        progress: wraps the sequence of entries, for a progress bar.

    Raises:
        AnnotationError: the file is not valid; nothing was opened.
        MetricDepthError: `sample` is less than 1.
    """
    if sample is not None and sample < 1:
        raise MetricDepthError(f"sample is {sample}; it must be at least 1")
    samples = load_annotations(path, data_root)
    numbers = range(len(samples))
    if sample is not None and sample < len(samples):
        numbers = np.unique(np.linspace(0, len(samples) - 1, sample).round().astype(int)).tolist()
    checker = _Checker()
    for number in progress(list(numbers)):
        checker.check(number, samples[number])
    return CheckReport(
        entries=len(samples),
        looked_at=len(numbers),
        sizes=checker.sizes,
        depth_sizes=checker.depth_sizes,
        cameras=tuple(checker.cameras),
        depths=tuple(checker.depths),
        with_depth=sum(samples[number].depth is not None for number in numbers),
        with_normal=sum(samples[number].normal is not None for number in numbers),
        findings=tuple(checker.findings),
    )


@dataclass
class _Checker:
    """Collector of statistics and findings, one entry at a time."""

    findings: list[Finding] = field(default_factory=list)
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    depth_sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    cameras: list[Camera] = field(default_factory=list)
    depths: list[DepthStatistics] = field(default_factory=list)
    contents: dict[bytes, int] = field(default_factory=dict)
    depth_files: dict[Path, int] = field(default_factory=dict)
    size_of_camera: dict[tuple[float, ...], tuple[int, tuple[int, int]]] = field(default_factory=dict)

    def check(self, number: int, sample: Sample) -> None:
        """Open an entry's files and record statistics and findings."""
        header = None
        try:
            photo, header = read_image(sample.rgb), read_image_header(sample.rgb)
        except ImageError as error:
            self._add(number, "rgb", sample.rgb, "unreadable image", without_path(error, sample.rgb))
        else:
            size = header.size
            self.sizes[size] += 1
            content = hashlib.blake2b(photo.rgb.tobytes(), digest_size=16, key=str(size).encode()).digest()
            first = self.contents.setdefault(content, number)
            if first != number:
                advice = f"its pixels are entry {first}'s; remove one of them"
                self._add(number, "rgb", sample.rgb, "the same image twice", advice)
            self._check_camera(number, sample, photo, size)
        if sample.depth is not None:
            self._check_depth(number, sample, sample.depth, header)
        if sample.normal is not None:
            for doubt in normal_doubts(sample, header.size if header else None):
                self._add(number, *doubt)

    def _add(self, number: int, name: str, value: object, kind: str, advice: str) -> None:
        self.findings.append(Finding(number, name, str(value), kind, advice))

    def _check_camera(self, number: int, sample: Sample, photo: Photo, size: tuple[int, int]) -> None:
        if sample.intrinsics is None:
            if (photo.exif is None or not photo.exif.has_focal) and camera_file_beside(sample.rgb) is None:
                advice = "distances will be off by a factor; add [fx, fy, cx, cy] in pixels, or a camera file"
                self._add(number, "cam_in", "none", "no focal length", advice)
            return
        camera = Camera(*sample.intrinsics, *size)
        self.cameras.append(camera)
        shown = [round(value, 2) for value in sample.intrinsics]
        for kind, advice in _camera_doubts(camera):
            self._add(number, "cam_in", shown, kind, advice)
        first, other = self.size_of_camera.setdefault(sample.intrinsics, (number, size))
        if other != size:
            advice = (
                f"entry {first} has the same camera for {_times(other)}, this image is {_times(size)}; "
                "a resized or cropped image has other numbers"
            )
            self._add(number, "cam_in", shown, "one camera for two sizes", advice)

    def _check_depth(self, number: int, sample: Sample, path: Path, header: ImageHeader | None) -> None:
        first = self.depth_files.setdefault(path, number)
        if first != number:
            advice = f"it is entry {first}'s, too; give each image its own"
            self._add(number, "depth", path, "the same depth map twice", advice)
        depth, doubts = read_checked_depth(sample, path, header)
        for doubt in doubts:
            self._add(number, "depth", *doubt)
        if depth is None:
            return
        self.depth_sizes[depth.shape[1], depth.shape[0]] += 1
        for name, value, kind, advice in value_doubts(sample, depth):
            self._add(number, name, value, kind, advice)
        if (summary := statistics(depth)) is not None:
            self.depths.append(summary)


def _camera_doubts(camera: Camera) -> Iterator[tuple[str, str]]:
    """List doubts about a camera: kind and advice."""
    size = _times((camera.width, camera.height))
    long_side, focal = max((camera.width, camera.fx), (camera.height, camera.fy))
    fov = float(np.degrees(2 * np.arctan(long_side / 2 / focal)))
    if not FOV_RANGE[0] <= fov <= FOV_RANGE[1]:
        advice = (
            f"a field of view of {fov:.0f} deg over the longer side of {size}; focal lengths are in pixels of this "
            "image, not in mm, nor of the image before it was resized"
        )
        yield "unlikely focal length", advice
    if max(camera.fx / camera.fy, camera.fy / camera.fx) > MAX_ASPECT:
        yield "fx and fy differ", "by more than lenses do; the order is fx, fy, cx, cy"
    across = abs(camera.cx - (camera.width - 1) / 2) / camera.width
    down = abs(camera.cy - (camera.height - 1) / 2) / camera.height
    doubt = doubt_of_center(camera)
    if doubt or max(across, down) > MAX_OFF_CENTER:
        advice = doubt or (
            f"{100 * across:.0f} % of the width and {100 * down:.0f} % of the height off the center of {size}; "
            "the order is fx, fy, cx, cy, for this image's size"
        )
        yield "principal point far from the center", advice


def _times(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
