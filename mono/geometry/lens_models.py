"""Registry of lens models: curves from the angle off the optical axis to the radius in the image plane."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from mono.geometry.distortion import FARTHEST_RADIUS

_SMALL = 1e-9  # [rad], stands for an omega of 0


@dataclass(frozen=True)
class Model:
    """Lens model.

    Attributes:
        names: names of the parameters, those of the curve first. Coefficients of distortion have OpenCV's names.
        radius: sine and cosine of the angle from the axis, and the curve's parameters, to the radius in the plane and
            a mask of what the lens sees.
        angle: the inverse; sine and cosine of the angle may both be too long by a positive factor.
        shape: number of the curve's parameters.
        ranges: names of parameters with their lowest and highest value.
        divisor: names of the coefficients in the divisor of the radial factor.
        sequential: see `Distortion`.
        largest: largest radius before distortion.
    """

    names: tuple[str, ...]
    radius: Callable[..., tuple[np.ndarray, np.ndarray]]
    angle: Callable[..., tuple[np.ndarray, np.ndarray, np.ndarray]]
    shape: int = 0
    ranges: tuple[tuple[str, float, float], ...] = ()
    divisor: tuple[str, ...] = ()
    sequential: bool = False
    largest: float = FARTHEST_RADIUS


def _tangent(sine: np.ndarray, cosine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return sine / cosine, cosine > 0


def _from_tangent(radius: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return radius, np.ones_like(radius), np.ones(radius.shape, bool)


def _equidistant(sine: np.ndarray, cosine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.arctan2(sine, cosine), np.ones(sine.shape, bool)


def _from_equidistant(radius: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.sin(radius), np.cos(radius), radius <= math.pi


def _field_of_view(sine: np.ndarray, cosine: np.ndarray, omega: float) -> tuple[np.ndarray, np.ndarray]:
    omega = max(omega, _SMALL)
    return np.arctan2(2 * math.tan(omega / 2) * sine, cosine) / omega, cosine > 0


def _from_field_of_view(radius: np.ndarray, omega: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    omega = max(omega, _SMALL)
    return np.tan(radius * omega), np.full_like(radius, 2 * math.tan(omega / 2)), radius * omega < math.pi / 2


def _division(sine: np.ndarray, cosine: np.ndarray, k: float) -> tuple[np.ndarray, np.ndarray]:
    inside = cosine * cosine - 4 * k * sine * sine
    below = cosine + np.sqrt(inside)
    return 2 * sine / below, (inside >= 0) & (below > 0)


def _from_division(radius: np.ndarray, k: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return radius, 1 + k * radius * radius, k * radius * radius <= 1


def _unified(sine: np.ndarray, cosine: np.ndarray, xi: float) -> tuple[np.ndarray, np.ndarray]:
    return sine / (cosine + xi), cosine > -min(xi, 1 / xi if xi > 1 else xi)


def _from_unified(radius: np.ndarray, xi: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    inside = 1 + (1 - xi * xi) * radius * radius
    scale = (xi + np.sqrt(inside)) / (1 + radius * radius)
    return radius * scale, scale - xi, inside >= 0


def _eucm(sine: np.ndarray, cosine: np.ndarray, alpha: float, beta: float) -> tuple[np.ndarray, np.ndarray]:
    far = np.sqrt(beta * sine * sine + cosine * cosine)
    return sine / (alpha * far + (1 - alpha) * cosine), cosine > -_ratio(alpha) * far


def _from_eucm(radius: np.ndarray, alpha: float, beta: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r2 = radius * radius
    inside = 1 - (2 * alpha - 1) * beta * r2
    return radius, (1 - beta * alpha * alpha * r2) / (alpha * np.sqrt(inside) + 1 - alpha), inside >= 0


def _double_sphere(sine: np.ndarray, cosine: np.ndarray, xi: float, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    shifted = cosine + xi
    far = np.hypot(sine, shifted)  # the published bound on z differs from where this curve turns
    return sine / (alpha * far + (1 - alpha) * shifted), shifted > -_ratio(alpha) * far


def _from_double_sphere(radius: np.ndarray, xi: float, alpha: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r2 = radius * radius
    inside = 1 - (2 * alpha - 1) * r2
    z = (1 - alpha * alpha * r2) / (alpha * np.sqrt(inside) + 1 - alpha)
    scale = (z * xi + np.sqrt(z * z + (1 - xi * xi) * r2)) / (z * z + r2)
    # From a center on the sphere (xi = 1) one half of the directions meets no point of it but the center.
    return scale * radius, scale * z - xi, (inside >= 0) & ((xi < 1) | (z > 0))


def _ratio(alpha: float) -> float:
    return (1 - alpha) / alpha if alpha > 0.5 else alpha / (1 - alpha)


_RADIAL_TANGENTIAL = ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6", "s1", "s2", "s3", "s4")
_ARIA = ("k1", "k2", "k3", "k4", "k5", "k6", "p2", "p1", "s1", "s2", "s3", "s4")
_EQUIDISTANT = (_equidistant, _from_equidistant)
MODELS: Mapping[str, Model] = {
    "pinhole": Model(_RADIAL_TANGENTIAL, _tangent, _from_tangent, divisor=("k4", "k5", "k6")),
    "fisheye": Model(("k1", "k2", "k3", "k4"), *_EQUIDISTANT, largest=math.pi),  # OpenCV's, Kannala and Brandt's
    "thin_prism_fisheye": Model(("k1", "k2", "p1", "p2", "k3", "k4", "s1", "s3"), *_EQUIDISTANT, largest=math.pi),
    "rad_tan_thin_prism_fisheye": Model(_ARIA, *_EQUIDISTANT, sequential=True, largest=math.pi),
    "fov": Model(("omega",), _field_of_view, _from_field_of_view, 1, (("omega", 0, 3.1),)),
    "division": Model(("k",), _division, _from_division, 1),
    "unified": Model(
        ("xi", "k1", "k2", "p1", "p2", "k3"), _unified, _from_unified, 1, (("xi", -1, 1e3),), largest=1e6
    ),  # Mei and Rives'
    "eucm": Model(("alpha", "beta"), _eucm, _from_eucm, 2, (("alpha", 0, 1), ("beta", 1e-6, 1e6))),
    "double_sphere": Model(
        ("xi", "alpha"), _double_sphere, _from_double_sphere, 2, (("xi", -0.999, 1), ("alpha", 0, 1))
    ),
    "equirectangular": Model(("xx", "xy", "yx", "yy"), *_EQUIDISTANT),
}
