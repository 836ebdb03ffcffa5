"""A second look at an annotation file: opens its images and depth maps, and warns of what is likely to be wrong."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mono.data.annotations import load_annotations
from mono.data.check_normals import normal_doubts
from mono.data.datasets.annotation_writer import Progress, iterate
from mono.data.sample import Sample
from mono.geometry.camera import Camera
from mono.io.camera_files import camera_file_beside, same_aspect
from mono.io.depth import DepthError, read_depth
from mono.io.images import ImageError, Photo, read_image
from mono.system.errors import MetricDepthError

SCHEMA = Path(__file__).with_name("annotation.schema.json")  # of the format; `load_annotations` is what decides

MEDIAN_RANGE = (0.1, 200.0)  # [m]
FOV_RANGE = (15.0, 140.0)  # of the longer side [deg]
MAX_OFF_CENTRE = 0.2  # principal point from the centre, in sides of the image
MAX_ASPECT = 1.25  # of a pixel: fx / fy or fy / fx


@dataclass(frozen=True)
class Finding:
    """Something that looks wrong.

    Attributes:
        entry: number of the entry, from 0.
        field: its key ("rgb", "depth", "depth_scale", "cam_in", "normal", "normal_frame").
        value: what stands there, or was found.
        kind: what sort of finding it is, the same words for each of its sort.
        advice: what is wrong and what to do.
    """

    entry: int
    field: str
    value: str
    kind: str
    advice: str

    def __str__(self) -> str:
        return f"entry {self.entry}: {self.field}: {self.value}: {self.kind}: {self.advice}"


@dataclass(frozen=True)
class DepthStatistics:
    """A depth map in numbers: least, median and largest depth [m], and the share of pixels that have depth."""

    least: float
    median: float
    largest: float
    valid: float


@dataclass(frozen=True)
class CheckReport:
    """What was found.

    Attributes:
        entries: how many the file has.
        looked_at: how many of them were opened.
        sizes: how often there is each (width, height) [px].
        cameras: the annotated cameras, of the images' sizes.
        depths: of each depth map with valid pixels.
        with_depth, with_normal: how many of those looked at name a depth map, and a map of normals.
        findings: by entry.
    """

    entries: int
    looked_at: int
    sizes: Counter[tuple[int, int]]
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
    """Validate an annotation file, then open what it names and look for what is likely to be wrong.

    Args:
        path, data_root: as for `load_annotations`.
        sample: open this many entries only, evenly spread; None: all.
        progress: wraps the sequence that is worked through.

    Raises:
        AnnotationError: the file is not valid, so that nothing was opened.
        ValueError: `sample` is less than 1.
    """
    if sample is not None and sample < 1:
        raise MetricDepthError(f"sample is {sample}; look at least at one entry")
    samples = load_annotations(path, data_root)
    numbers = range(len(samples))
    if sample is not None and sample < len(samples):
        numbers = np.unique(np.linspace(0, len(samples) - 1, sample).round().astype(int)).tolist()
    look = _Look()
    for number in progress(list(numbers)):
        look.at(number, samples[number])
    return CheckReport(
        entries=len(samples),
        looked_at=len(numbers),
        sizes=look.sizes,
        cameras=tuple(look.cameras),
        depths=tuple(look.depths),
        with_depth=sum(samples[number].depth is not None for number in numbers),
        with_normal=sum(samples[number].normal is not None for number in numbers),
        findings=tuple(look.findings),
    )


@dataclass
class _Look:
    """Gathers facts and findings, an entry at a time."""

    findings: list[Finding] = field(default_factory=list)
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    cameras: list[Camera] = field(default_factory=list)
    depths: list[DepthStatistics] = field(default_factory=list)
    contents: dict[bytes, int] = field(default_factory=dict)
    depth_files: dict[Path, int] = field(default_factory=dict)
    size_of_camera: dict[tuple[float, ...], tuple[int, tuple[int, int]]] = field(default_factory=dict)

    def at(self, number: int, sample: Sample) -> None:
        size = None
        try:
            photo = read_image(sample.rgb)
        except ImageError as error:
            self._add(number, "rgb", sample.rgb, "unreadable image", _without_path(error, sample.rgb))
        else:
            size = photo.rgb.shape[1], photo.rgb.shape[0]
            self.sizes[size] += 1
            content = hashlib.blake2b(photo.rgb.tobytes(), digest_size=16, key=str(size).encode()).digest()
            first = self.contents.setdefault(content, number)
            if first != number:
                advice = f"its pixels are entry {first}'s; remove one of them"
                self._add(number, "rgb", sample.rgb, "the same image twice", advice)
            self._camera(number, sample, photo, size)
        if sample.depth is not None:
            self._depth(number, sample, sample.depth, size)
        if sample.normal is not None:
            for doubt in normal_doubts(sample, size):
                self._add(number, *doubt)

    def _add(self, number: int, name: str, value: object, kind: str, advice: str) -> None:
        self.findings.append(Finding(number, name, str(value), kind, advice))

    def _camera(self, number: int, sample: Sample, photo: Photo, size: tuple[int, int]) -> None:
        if sample.intrinsics is None:
            if (photo.exif is None or not photo.exif.has_focal) and camera_file_beside(sample.rgb) is None:
                advice = "distances will be off by a factor; add [fx, fy, cx, cy] in pixels, or a camera file"
                self._add(number, "cam_in", "none", "no focal length", advice)
            return
        camera = Camera(*sample.intrinsics, *size)
        self.cameras.append(camera)
        shown = [round(value, 2) for value in sample.intrinsics]
        for kind, advice in _doubts(camera):
            self._add(number, "cam_in", shown, kind, advice)
        first, other = self.size_of_camera.setdefault(sample.intrinsics, (number, size))
        if other != size:
            advice = (
                f"entry {first} has the same camera for {_times(other)}, this image is {_times(size)}; "
                "a resized or cropped image has other numbers"
            )
            self._add(number, "cam_in", shown, "one camera for two sizes", advice)

    def _depth(self, number: int, sample: Sample, path: Path, size: tuple[int, int] | None) -> None:
        first = self.depth_files.setdefault(path, number)
        if first != number:
            advice = f"it is entry {first}'s, too; give each image its own"
            self._add(number, "depth", path, "the same depth map twice", advice)
        try:
            depth = read_depth(path, sample.depth_scale)
        except DepthError as error:
            advice = _without_path(error, path)
            self._add(number, "depth", path, "8-bit depth" if "8-bit" in advice else "unreadable depth", advice)
            return
        found = depth.shape[1], depth.shape[0]
        if size is not None and found != size:
            advice = f"the depth map is {_times(found)}, the image {_times(size)}; " + (
                "fine if it is the same view made smaller or larger"
                if same_aspect(*found, *size)
                else "of another shape, so it does not show the same view; crop or turn it as the image"
            )
            self._add(number, "depth", path, "size of depth and image differ", advice)
        valid = depth[depth > 0]
        if not valid.size:
            self._add(number, "depth", path, "empty depth", "no pixel has depth; remove it, or write it again")
            return
        statistics = DepthStatistics(
            float(valid.min()), float(np.median(valid)), float(valid.max()), valid.size / depth.size
        )
        self.depths.append(statistics)
        low, high = MEDIAN_RANGE
        if not low <= statistics.median <= high:
            scale = "none" if sample.depth_scale is None else f"{sample.depth_scale:g}"
            advice = (
                f"makes the median depth {statistics.median:.4g} m, outside {low:g}-{high:g} m; it is the stored "
                "value of one metre (KITTI: 256, millimetres: 1000)"
            )
            self._add(number, "depth_scale", scale, "unlikely scale", advice)


def _doubts(camera: Camera) -> Iterator[tuple[str, str]]:
    """What looks wrong with a camera: kind and advice."""
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
    if max(across, down) > MAX_OFF_CENTRE:
        advice = (
            f"{100 * across:.0f} % of the width and {100 * down:.0f} % of the height off the centre of {size}; "
            "the order is fx, fy, cx, cy, for this image's size"
        )
        yield "principal point far from the centre", advice


def _times(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _without_path(error: Exception, path: Path) -> str:
    return str(error).removeprefix(f"{path}: ")
