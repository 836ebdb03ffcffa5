"""Known distances of a scene: depth at pixels, lengths, and the height of the camera."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from mono.system.checks import as_number
from mono.system.errors import MetricDepthError

TAPE = 0.01  # relative standard error of a distance that a person measured
SENSOR = 0.01  # of a depth map or point cloud
_LONGEST = 10_000.0  # [m]


class AlignmentError(MetricDepthError):
    """Reports that depth cannot be aligned: cause and remedy."""


@dataclass(frozen=True)
class KnownDepth:
    """Depth along the optical axis at points of an image.

    Attributes:
        uv: points [px], pixel centers at whole numbers, (N, 2).
        depth: depth [m], or in the unit of `Known`, (N,), all positive.
        size: (width, height) [px] of the image that `uv` refers to; None: the prediction's.
        sigma: relative standard error of the depth.
        source: file it came from, for messages.

    Raises:
        AlignmentError: the shapes disagree.
    """

    uv: np.ndarray
    depth: np.ndarray
    size: tuple[int, int] | None = None
    sigma: float = SENSOR
    source: str = "known depth"

    def __post_init__(self) -> None:
        if self.uv.shape != (len(self.depth), 2) or self.depth.ndim != 1:
            raise AlignmentError(
                f"{self.source}: points are {self.uv.shape}, their depth {self.depth.shape}; give (N, 2) and (N,)"
            )

    @classmethod
    def from_map(cls, depth: np.ndarray, source: str = "known depth", sigma: float = SENSOR) -> KnownDepth:
        """Take the valid pixels of a depth map.

        Args:
            depth: (H, W) depth along the optical axis [m], 0 where there is none.
            source: file it came from, for messages.
            sigma: relative standard error of the depth.

        Raises:
            AlignmentError: the map is not (H, W).
        """
        depth = np.asarray(depth)
        if depth.ndim != 2 or depth.dtype.kind not in "iuf":
            raise AlignmentError(f"{source}: has shape {depth.shape}; a depth map is (height, width) of numbers")
        rows, columns = np.nonzero(np.isfinite(depth) & (depth > 0))
        uv = np.stack([columns, rows], axis=1).astype(np.float64)
        height, width = depth.shape
        return cls(uv, depth[rows, columns].astype(np.float64), (width, height), sigma, source)


@dataclass(frozen=True)
class Known:
    """Distances that depth of one image is brought to.

    Attributes:
        points: (u, v, depth [m]) of pixels, with depth along the optical axis.
        lengths: (u1, v1, u2, v2, length [m]) between the surfaces at two pixels.
        camera_height: height of the camera above the ground plane [m].
        depth: depth map, (H, W) with 0 where there is none, or depth at points.
        unit: "m", or "model" where lengths are in the unit of a reconstruction.
        kind: "axis", or "ray" where `points` are distances from the camera, as a tape measure gives them.

    Raises:
        MetricDepthError: a number is impossible, or one pixel has two distances.
    """

    points: tuple[tuple[float, float, float], ...] = ()
    lengths: tuple[tuple[float, float, float, float, float], ...] = ()
    camera_height: float | None = None
    depth: KnownDepth | np.ndarray | None = field(default=None, compare=False)
    unit: str = "m"
    kind: str = "axis"

    def __post_init__(self) -> None:
        for name, size, what in (("points", 3, "u, v, metres"), ("lengths", 5, "u1, v1, u2, v2, metres")):
            rows = getattr(self, name)
            if isinstance(rows, str) or not isinstance(rows, Iterable):
                raise AlignmentError(f"{name} of known distances are {rows!r:.60}; give a list of ({what})")
            object.__setattr__(self, name, tuple(_row(row, size, what) for row in rows))
        for *_, metres in (*self.points, *self.lengths):
            self._check_distance(metres)
        if self.camera_height is not None:
            self._check_distance(as_number(self.camera_height, "camera_height", "give metres"))
        if self.kind not in ("axis", "ray"):
            raise AlignmentError(f'kind of known distances is "{self.kind}"; give axis or ray')
        if self.unit not in ("m", "model"):
            raise AlignmentError(f'unit of known distances is "{self.unit}"; give m or model')
        seen: dict[tuple[float, float], float] = {}
        for u, v, metres in self.points:
            if not math.isclose(seen.setdefault((u, v), metres), metres, rel_tol=0.02):
                raise AlignmentError(
                    f"pixel {u:g},{v:g} has two distances, {seen[u, v]:g} and {metres:g} m; keep the right one"
                )
        for u1, v1, u2, v2, _ in self.lengths:
            if math.hypot(u1 - u2, v1 - v2) < 1:
                raise AlignmentError(f"the length at {u1:g},{v1:g} begins and ends in one pixel; give two ends")
        if self.depth is not None and not isinstance(self.depth, KnownDepth):
            object.__setattr__(self, "depth", KnownDepth.from_map(self.depth))

    @property
    def empty(self) -> bool:
        """Tell whether nothing is known."""
        return not (self.points or self.lengths or self.camera_height or self.depth is not None)

    def resized(self, size: tuple[int, int], new_size: tuple[int, int]) -> Known:
        """Scale pixels of points and lengths to another size of the image.

        Args:
            size: (width, height) [px] of the image that they were read in.
            new_size: (width, height) [px] of the same view, as it is used.

        Raises:
            AlignmentError: a pixel is outside the image, or a length is shorter than a pixel of the new size.
        """
        if size == new_size:
            return self
        x, y = (new / old for new, old in zip(new_size, size, strict=True))

        def scaled(u: float, v: float) -> tuple[float, float]:
            refuse_outside(np.array([[u, v]]), *size)
            return (u + 0.5) * x - 0.5, (v + 0.5) * y - 0.5

        points = tuple((*scaled(u, v), metres) for u, v, metres in self.points)
        lengths = tuple((*scaled(u, v), *scaled(u2, v2), metres) for u, v, u2, v2, metres in self.lengths)
        return replace(self, points=points, lengths=lengths)

    def _check_distance(self, metres: float) -> None:
        if not (math.isfinite(metres) and metres > 0):
            raise AlignmentError(f"a known distance is {metres:g} m; it must be positive and finite")
        if self.unit == "m" and metres > _LONGEST:
            raise AlignmentError(f"a known distance is {metres:g} m; give it in metres, not millimetres")


def as_known(value: object) -> Known:
    """Refuse what are no known distances.

    Raises:
        AlignmentError: it is another type.
    """
    if not isinstance(value, Known):
        raise AlignmentError(f"known distances are {value!r:.60}; give them as mono.Known(points=[(412, 300, 2.0)])")
    return value


def refuse_outside(uv: np.ndarray, width: int, height: int) -> None:
    """Refuse pixels outside the image.

    Args:
        uv: pixels, (N, 2).
        width: image width [px].
        height: image height [px].

    Raises:
        AlignmentError: a pixel is outside.
    """
    outside = ~((uv > -0.5).all(1) & (uv < (width - 0.5, height - 0.5)).all(1))
    if outside.any():
        u, v = uv[outside][0]
        raise AlignmentError(
            f"pixel {u:g},{v:g} lies outside the image of {width}x{height}: give column,row of the upright image, "
            "counted from 0 at the top left"
        )


def _row(row: object, size: int, what: str) -> tuple[float, ...]:
    try:
        values = tuple(math.nan if isinstance(value, bool) else float(value) for value in row)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        values = ()
    if len(values) != size or not all(map(math.isfinite, values)):
        raise AlignmentError(f"known distance {row!r:.80}: give {size} finite numbers ({what})")
    return values
