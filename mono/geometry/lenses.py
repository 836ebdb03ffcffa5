"""Lens models: how directions map to the image plane of focal length 1, and back.

Each model but one maps the angle from the optical axis to a radius; what a real lens adds to it is a `Distortion` of
the plane. The equirectangular projection of panoramas maps longitude and latitude instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from mono.geometry.distortion import Distortion
from mono.geometry.lens_models import MODELS
from mono.system.errors import MetricDepthError

_HAIR = 1e-9  # [rad], rounding at the ends of a panorama


@dataclass(frozen=True)
class Lens:
    """Lens model with its parameters; see `MODELS`.

    Attributes:
        model: name of the model.
        parameters: parameters in the order of the model's; missing ones are 0.
        max_angle: angle off the optical axis beyond which the lens shows nothing [deg]; None: all that the model does.

    Raises:
        MetricDepthError: the model is unknown, or its parameters are out of range.
    """

    model: str = "pinhole"
    parameters: tuple[float, ...] = ()
    max_angle: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.model, str) or self.model not in MODELS:
            raise MetricDepthError(f"lens model is {self.model!r:.80}; choose one of {', '.join(MODELS)}")
        names = MODELS[self.model].names
        if len(self.parameters) > len(names):
            raise MetricDepthError(
                f"lens model {self.model} has {len(self.parameters)} parameters; it takes at most {len(names)}: "
                f"{', '.join(names) or 'none'}"
            )
        for name, value in zip(names, self.parameters, strict=False):
            if not math.isfinite(value):
                raise MetricDepthError(f"lens model {self.model}: {name} is {value}; it must be finite")
        for name, low, high in MODELS[self.model].ranges:
            value = dict(zip(names, self.parameters, strict=False)).get(name, 0.0)
            if not low <= value <= high:
                raise MetricDepthError(
                    f"lens model {self.model}: {name} is {value:g}; it must lie between {low:g} and {high:g}"
                )
        if self.max_angle is not None and not 0 < self.max_angle <= 180:
            raise MetricDepthError(
                f"max_angle of the lens is {self.max_angle}; it must lie between 0 and 180 degrees off the optical axis"
            )
        if self.model == "equirectangular" and self.parameters and not _is_turn(self._turn):
            raise MetricDepthError(
                f"lens model {self.model}: its parameters are {self.parameters}; leave them out, or give the four "
                "numbers of a turn by 90 degrees"
            )

    @property
    def is_perspective(self) -> bool:
        """Tell if rays are written (x, y, 1): a pinhole, distorted or not."""
        return self.model == "pinhole"

    @property
    def is_pinhole(self) -> bool:
        """Tell if the lens keeps straight lines straight."""
        return self.model == "pinhole" and not any(self.parameters) and self.max_angle is None

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Project points to the unit focal length's plane.

        Args:
            points: (..., 3) in the camera's frame, in any unit.

        Returns:
            Plane coordinates (..., 2) float64, NaN where there are none, and a mask (...) of the points that the lens
            sees.
        """
        points = np.asarray(points, np.float64)
        x, y, z = (points[..., i].copy() for i in range(3))  # beside each other in memory
        with np.errstate(all="ignore"):
            there = np.isfinite(x) & np.isfinite(y) & np.isfinite(z) & ((x != 0) | (y != 0) | (z != 0))
            if self.model == "equirectangular":
                (x, y), seen = _longitude_latitude(*self._stored(x, y), z), np.ones(z.shape, bool)
                x, y = self._upright(x, y)
            else:
                across = np.hypot(x, y)
                length = np.hypot(across, z)
                radius, seen = MODELS[self.model].radius(across / length, z / length, *self._shape)
                scale = np.where(across > 0, radius / across, 0)
                x, y = x * scale, y * scale
                distortion = _distortion(self)
                seen = seen & distortion.is_single(x, y)
                if not distortion.is_none:
                    x, y = distortion.apply(x, y)
            seen = seen & there & np.isfinite(x) & np.isfinite(y) & self._within(points)
        return np.stack([np.where(seen, x, np.nan), np.where(seen, y, np.nan)], -1), seen

    def unproject(self, plane: np.ndarray) -> np.ndarray:
        """Find the rays through points in the image plane of focal length 1.

        Args:
            plane: plane coordinates (..., 2).

        Returns:
            Rays (..., 3) float64, with z = 1 where the lens is perspective and of unit length otherwise; NaN where the
            lens sees nothing.
        """
        plane = np.asarray(plane, np.float64)
        x, y = plane[..., 0], plane[..., 1]
        with np.errstate(all="ignore"):
            if self.model == "equirectangular":
                longitude, latitude = self._stored(x, y)
                seen = (np.abs(longitude) <= math.pi + _HAIR) & (np.abs(latitude) <= math.pi / 2 + _HAIR)
                level = np.cos(latitude)
                across = self._upright(level * np.sin(longitude), np.sin(latitude))
                rays = np.stack([*across, level * np.cos(longitude)], -1)
            else:
                x, y, seen = _distortion(self).undo(x, y)
                if self.is_perspective:
                    rays = np.stack([x, y, np.ones_like(x)], -1)
                else:
                    radius = np.hypot(x, y)
                    sine, cosine, visible = MODELS[self.model].angle(radius, *self._shape)
                    length = np.hypot(sine, cosine)
                    scale = np.where(radius > 0, sine / length / radius, 0)
                    rays = np.stack([x * scale, y * scale, cosine / length], -1)
                    seen = seen & visible
            rays[~(seen & np.isfinite(rays).all(-1) & self._within(rays))] = np.nan
        return rays

    def turned(self, axes: np.ndarray) -> Lens:
        """Return the lens of the turned or mirrored image.

        Args:
            axes: (2, 2) matrix of 0, 1 and -1, from directions in the image to those in the turned image.
        """
        if self.model == "equirectangular":
            turn = axes @ self._turn
            return replace(self, parameters=() if (turn == np.eye(2)).all() else tuple(turn.ravel().tolist()))
        names = MODELS[self.model].names
        values = dict.fromkeys(names, 0.0) | dict(zip(names, self.parameters, strict=False))
        for first, second in (("p2", "p1"), ("s1", "s3"), ("s2", "s4")):  # the parts of a vector along x and y
            if values.get(first) or values.get(second):
                values[first], values[second] = (axes @ [values[first], values[second]] + 0.0).tolist()
        count = len(self.parameters)
        while any(list(values.values())[count:]):
            count += 1
        return replace(self, parameters=tuple(values.values())[:count])

    def _within(self, rays: np.ndarray) -> np.ndarray | bool:
        """Tell which rays lie within the largest angle."""
        if self.max_angle is None:
            return True
        return rays[..., 2] >= math.cos(math.radians(self.max_angle)) * np.linalg.norm(rays, axis=-1)

    @property
    def _shape(self) -> tuple[float, ...]:
        """Parameters of the curve from angle to radius, which come first."""
        count = MODELS[self.model].shape
        return (*self.parameters[:count], *[0.0] * (count - len(self.parameters)))

    @property
    def _turn(self) -> np.ndarray:
        """Turn of a panorama's image, from upright to as it is."""
        return np.reshape(self.parameters, (2, 2)) if len(self.parameters) == 4 else np.eye(2) * (not self.parameters)

    def _upright(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        (a, b), (c, d) = self._turn
        return a * x + b * y, c * x + d * y

    def _stored(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        (a, b), (c, d) = self._turn
        return a * x + c * y, b * x + d * y


@lru_cache(maxsize=64)
def _distortion(lens: Lens) -> Distortion:
    """Distortion of the plane by a lens's coefficients."""
    model = MODELS[lens.model]
    values = dict(zip(model.names, lens.parameters, strict=False))
    radial = sorted(name for name in model.names[model.shape :] if name[0] == "k" and name not in model.divisor)
    return Distortion(
        radial=tuple(values.get(name, 0.0) for name in radial),
        divisor=tuple(values.get(name, 0.0) for name in model.divisor),
        tangential=(values.get("p1", 0.0), values.get("p2", 0.0)),
        prism=(values.get("s1", 0.0), values.get("s2", 0.0), values.get("s3", 0.0), values.get("s4", 0.0)),
        sequential=model.sequential,
        largest=model.largest,
    )


def _is_turn(matrix: np.ndarray) -> bool:
    return bool((np.abs(matrix).sum(0) == 1).all() and (np.abs(matrix).sum(1) == 1).all())


def _longitude_latitude(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.arctan2(x, z), np.arctan2(y, np.hypot(x, z))
