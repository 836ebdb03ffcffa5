"""Evaluation protocols: pixels that count, range of depth, averaging, and their sources."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from mono.system.errors import MetricDepthError
from mono.system.programs import ConfigError, find_program, run_program

_BENCHMARK_HEIGHT, _BENCHMARK_WIDTH = 352, 1216  # [px]
_GARG = (0.40810811, 0.99189189, 0.03594771, 0.96405229)  # of the frame: rows, columns


@dataclass(frozen=True)
class Protocol:
    """Rules under which depth metrics are computed.

    Attributes:
        name: name of the protocol.
        min_depth: ground-truth depth counts beyond this [m].
        max_depth: ground-truth depth counts nearer than this [m]; None: no limit.
        kitti_benchmark_crop: crop frames to the bottom center 352x1216 first, as KITTI's depth benchmark does; a
            shorter side is not cropped.
        crop: (top, bottom, left, right) of the pixels that count, after the benchmark crop; None: all.
        crop_unit: unit of `crop`: "fraction" of height and width (rounded down to pixels), or "pixel" (bottom and right
            exclusive).
        frame_size: (height, width) [px] that ground truth must have, where a crop in pixels is made for it.
        ground_truth: density of the ground truth: "dense", "sparse" (never enough for boundaries), or "any".
        averaging: average that the table shows: "image" (over images of equal weight, as papers do) or "pixel" (pooled
            over all pixels).
        clamp: clamp predictions to the range before they are compared.
        references: (choice, source) pairs for the reader of the table.

    Raises:
        MetricDepthError: a value is out of range or not one of its words.
    """

    name: str
    min_depth: float = 0.001
    max_depth: float | None = None
    kitti_benchmark_crop: bool = False
    crop: tuple[float, float, float, float] | None = None
    crop_unit: str = "fraction"
    frame_size: tuple[int, int] | None = None
    ground_truth: str = "any"
    averaging: str = "image"
    clamp: bool = True
    references: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.min_depth < self.far or self.max_depth == math.inf:
            raise MetricDepthError(
                f"protocol {self.name}: depth range {self.min_depth} to {self.max_depth} m; "
                "it must be 0 < min < max (None for no limit)"
            )
        for field, words in _WORDS.items():
            if getattr(self, field) not in words:
                raise MetricDepthError(
                    f"protocol {self.name}: {field} is {getattr(self, field)!r}; it is one of {', '.join(words)}"
                )
        if self.crop is not None:
            top, bottom, left, right = self.crop
            limit = 1 if self.crop_unit == "fraction" else math.inf
            if not (0 <= top < bottom <= limit and 0 <= left < right <= limit):
                raise MetricDepthError(
                    f"protocol {self.name}: crop {self.crop} is not (top, bottom, left, right) in {self.crop_unit}s"
                )

    @property
    def far(self) -> float:
        """Return `max_depth` as a number [m], infinite without a limit."""
        return math.inf if self.max_depth is None else self.max_depth

    def window(self, height: int, width: int) -> tuple[slice, slice]:
        """Compute the rows and columns that count.

        Args:
            height: height of the ground truth [px].
            width: width of the ground truth [px].

        Raises:
            MetricDepthError: the protocol is made for frames of another size, or its crop leaves nothing of this one.
        """
        if self.frame_size is not None and (height, width) != self.frame_size:
            raise MetricDepthError(
                f"protocol {self.name} is defined on ground truth of {self.frame_size[1]}x{self.frame_size[0]} pixels, "
                f"this one has {width}x{height}; use ground truth of that size or the protocol 'none'"
            )
        top, left, bottom, right = 0, 0, height, width
        if self.kitti_benchmark_crop:
            top = max(0, height - _BENCHMARK_HEIGHT)
            left = max(0, (width - _BENCHMARK_WIDTH) // 2)
            right = min(width, left + _BENCHMARK_WIDTH)
        rows, columns = slice(top, bottom), slice(left, right)
        if self.crop is not None:
            unit = (bottom - top, right - left) if self.crop_unit == "fraction" else (1, 1)
            rows = slice(top + int(self.crop[0] * unit[0]), min(bottom, top + int(self.crop[1] * unit[0])))
            columns = slice(left + int(self.crop[2] * unit[1]), min(right, left + int(self.crop[3] * unit[1])))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            raise MetricDepthError(
                f"protocol {self.name}: its crop leaves nothing of a frame of {width}x{height} pixels"
            )
        return rows, columns

    def mask(self, height: int, width: int) -> np.ndarray:
        """Mark the pixels that may count, (height, width) bool; raises as `window`."""
        mask = np.zeros((height, width), bool)
        mask[self.window(height, width)] = True
        return mask

    def in_range(self, ground_truth: np.ndarray) -> np.ndarray:
        """Mark ground-truth depth [m] within the range; NaN, infinity and 0 (none) never are."""
        return (ground_truth > self.min_depth) & (ground_truth < self.far)

    def describe(self) -> str:
        """Describe the protocol in two lines: its choices and their sources."""
        crop = ["bottom center 352x1216"] if self.kitti_benchmark_crop else []
        if self.crop is not None and self.crop_unit == "fraction":
            top, bottom, left, right = (f"{100 * share:.2f}" for share in self.crop)
            crop.append(f"rows {top}-{bottom} %, columns {left}-{right} %")
        elif self.crop is not None:
            top, bottom, left, right = (f"{pixel:g}" for pixel in self.crop)
            crop.append(f"rows {top}:{bottom}, columns {left}:{right}")
        reach = f"{self.min_depth:g}-{self.max_depth:g} m" if self.max_depth else f"from {self.min_depth:g} m"
        choices = [
            f"crop {', then '.join(crop)}" if crop else "no crop",
            f"depth {reach}",
            "predictions clamped to it" if self.clamp else "predictions not clamped",
            f"ground truth {self.ground_truth}",
            f"averaged over {self.averaging}s",
        ]
        lines = [f"protocol {self.name}: {'; '.join(choices)}"]
        if self.references:
            lines.append("  " + "; ".join(f"{choice}: {source}" for choice, source in self.references))
        return "\n".join(lines)


_WORDS = {
    "crop_unit": ("fraction", "pixel"),
    "ground_truth": ("dense", "sparse", "any"),
    "averaging": ("image", "pixel"),
}
_EIGEN = "Eigen et al., NIPS 2014"
_EVERY_IMAGE = ("averaging", "each image counts the same, as in Eigen et al., NIPS 2014, and papers since")
_CLAMPED = ("clamping", "as in the public evaluation code since Godard et al., CVPR 2017")


def _kitti(name: str, crop: tuple[float, float, float, float], *references: tuple[str, str], **more: Any) -> Protocol:
    references += (("range", f"80 m cap of {_EIGEN}"), _CLAMPED, _EVERY_IMAGE)
    return Protocol(name, max_depth=80, crop=crop, ground_truth="sparse", references=references, **more)


def _nyu(name: str, crop: tuple[int, int, int, int], crop_source: str, range_source: str) -> Protocol:
    return Protocol(
        name,
        max_depth=10,
        crop=crop,
        crop_unit="pixel",
        frame_size=(480, 640),
        ground_truth="dense",
        references=(("crop", crop_source), ("range", range_source), _CLAMPED, _EVERY_IMAGE),
    )


PROTOCOLS = (
    _kitti(
        "kitti_eigen_garg",
        _GARG,
        ("frames", "benchmark crop of KITTI's depth prediction benchmark (Uhrig et al., 3DV 2017)"),
        ("crop", "Garg et al., ECCV 2016, on the cropped frame"),
        kitti_benchmark_crop=True,
    ),
    _kitti("kitti_eigen_garg_full", _GARG, ("crop", "Garg et al., ECCV 2016, on the whole frame")),
    _kitti("kitti_eigen", (0.3324324, 0.91351351, 0.0359477, 0.96405229), ("crop", f"{_EIGEN}, on the whole frame")),
    _nyu(
        "nyu_eigen",
        (45, 471, 41, 601),
        f"{_EIGEN}, as in public evaluation code (rows 45:471, columns 41:601 counted from 0)",
        "the Kinect's, 10 m, as in papers since Fu et al., CVPR 2018",
    ),
    _nyu(
        "nyu_borders",
        (44, 471, 40, 601),
        "valid region of the labeled set (427x561), in the toolbox of Silberman et al., ECCV 2012",
        "the Kinect's, 10 m",
    ),
    Protocol(
        "ibims",
        max_depth=50,
        ground_truth="dense",
        references=(
            ("crop", "none: all pixels the laser scanner measured (Koch et al., ECCV workshops 2018)"),
            ("range", "our choice, 50 m; papers that cap at 10 m are not comparable"),
            _EVERY_IMAGE,
        ),
    ),
    Protocol(
        "diode",
        min_depth=0.6,
        max_depth=350,
        ground_truth="dense",
        references=(
            ("crop", "none: all pixels of the validity mask (Vasiljevic et al., 2019)"),
            ("range", "the laser scanner's, 0.6-350 m; papers that cap at 10 m (indoors) or 80 m are not comparable"),
            _EVERY_IMAGE,
        ),
    ),
    Protocol("none", clamp=False, references=(("all", "every pixel with ground truth counts"),)),
)


def get_protocol(name: str) -> Protocol:
    """Look up a protocol of the package by name.

    Args:
        name: name of the protocol.

    Raises:
        MetricDepthError: the name is unknown; the message lists the known ones.
    """
    for protocol in PROTOCOLS:
        if protocol.name == name:
            return protocol
    raise MetricDepthError(f"there is no protocol {name!r}; choose one of {', '.join(p.name for p in PROTOCOLS)}")


def read_protocol(name: str, changes: Mapping[str, Any] | None = None) -> Protocol:
    """Read a protocol by name or from a file.

    Args:
        name: name of a protocol of the package, or path of your own config, as "./mine.py", with
            `protocol = dict(name=…, …)`; see `mono.system.programs.find_program`. Configs are programs.
        changes: fields of `Protocol` to replace; "(changed)" is then added to the name.

    Raises:
        ConfigError: the file does not exist, does not parse or holds no protocol, or a field is unknown.
        MetricDepthError: the name is unknown, or a value is out of range.
    """
    protocol = _protocol_from(find_program(name, (), "protocol")) if name.endswith(".py") else get_protocol(name)
    return replace(protocol, name=f"{protocol.name} (changed)", **changes) if changes else protocol


def _protocol_from(path: Path) -> Protocol:
    values = run_program(path, "protocol").to_dict().get("protocol")
    if not isinstance(values, dict) or "name" not in values:
        raise ConfigError(f"{path}: holds no protocol; set protocol = dict(name=...)")
    known = [field.name for field in fields(Protocol)]
    if unknown := [str(name) for name in values if name not in known]:
        raise ConfigError(f"{path}: a protocol has no {', '.join(unknown)}; it has {', '.join(known)}")
    try:
        return Protocol(**values)
    except (TypeError, ValueError) as error:
        if not isinstance(error, MetricDepthError):
            raise ConfigError(f"{path}: a value of the protocol has a wrong type") from error
        raise ConfigError(f"{path}: {error}") from error
