"""Lens distortion in the image plane: radial, tangential and thin-prism terms, and their inverse."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.polynomial.polynomial import polyval

_SAMPLES = 2048  # of the radial curve, where Newton's method starts
_BLOCK = 1 << 17  # points inverted at a time, so that what is between stays in the processor's cache
_STEPS = 12
_SMALL_STEPS = 60  # of points beside a fold, where Newton's method leaps across it
_DIRECTIONS, _RADII = 128, 256  # in which folds are looked for
_NEAR_FOLD = 1.02  # of the radius of the nearest fold; up to there, the determinant's sign tells the sides
_FARTHEST_ASIDE = 0.5  # of the radius; terms of real lenses move points by less than a hundredth of it
_CONVERGED = 1e-9  # the step after one as short as this would be below rounding
FARTHEST_RADIUS = math.tan(math.radians(89.9))


@dataclass(frozen=True)
class Distortion:
    """Distortion of plane coordinates (x, y) with r2 = x^2 + y^2, as OpenCV defines it.

    Attributes:
        radial: coefficients of r2, r2^2, ... in the numerator of the radial factor, which starts with 1.
        divisor: coefficients of its denominator, which starts with 1.
        tangential: (p1, p2).
        prism: (s1, s2, s3, s4): s1 r2 + s2 r2^2 is added to x, s3 r2 + s4 r2^2 to y.
        sequential: tangential and prism terms act on radially distorted coordinates, not beside the radial factor.
        largest: radius up to which the lens is defined.
    """

    radial: tuple[float, ...] = ()
    divisor: tuple[float, ...] = ()
    tangential: tuple[float, float] = (0.0, 0.0)
    prism: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    sequential: bool = False
    largest: float = FARTHEST_RADIUS

    @property
    def is_none(self) -> bool:
        """Tell if coordinates stay as they are."""
        return not any(self.radial) and not any(self.divisor) and self.is_symmetric

    @property
    def is_symmetric(self) -> bool:
        """Tell if only the radius changes."""
        return not any(self.tangential) and not any(self.prism)

    @cached_property
    def turning_radius(self) -> float:
        """Return the radius up to which the radial curve grows; beyond it, an image point has no single ray."""
        radii = np.tan(np.linspace(0, math.atan(self.largest), _SAMPLES))
        value, slope = self._curve(radii)
        # Rising, and not by crossing a pole: a sample beyond one can lie on another branch.
        growing = (slope > 0) & (value >= 0) & np.isfinite(value) & (np.diff(value, prepend=-1) > 0)
        if growing.all():
            return self.largest
        first = int(np.argmin(growing))
        low, high = radii[first - 1] if first else 0.0, radii[first]
        for _ in range(60):
            middle = (low + high) / 2
            value, slope = self._curve(np.array(middle))
            low, high = (middle, high) if slope > 0 and 0 <= value < math.inf else (low, middle)
        return float(low)

    def apply(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distort plane coordinates.

        Args:
            x: horizontal coordinates, float64.
            y: vertical coordinates, of the same shape.

        Returns:
            Distorted x and y; meaningful up to `turning_radius`.
        """
        r2 = x * x + y * y
        factor = polyval(r2, (1.0, *self.radial)) / polyval(r2, (1.0, *self.divisor))
        if self.is_symmetric:
            return x * factor, y * factor
        u, v, q = x, y, r2
        if self.sequential:
            u, v, q = x * factor, y * factor, r2 * factor * factor
        (p1, p2), (s1, s2, s3, s4) = self.tangential, self.prism
        return (
            x * factor + 2 * p1 * u * v + p2 * (q + 2 * u * u) + (s1 + s2 * q) * q,
            y * factor + p1 * (q + 2 * v * v) + 2 * p2 * u * v + (s3 + s4 * q) * q,
        )

    def is_single(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Tell where coordinates are the only ones with their image.

        Args:
            x: horizontal coordinates before distortion.
            y: vertical coordinates before distortion.

        Returns:
            bool, of the shape of x.
        """
        r2 = x * x + y * y
        if self.is_symmetric:
            return r2 <= self.turning_radius**2
        single = r2 <= (0.95 * self._folds.min()) ** 2  # mostly all, and then as fast as a symmetric lens
        if not single.all():
            beyond = ~single & (r2 <= self.turning_radius**2)
            x, y = x[beyond], y[beyond]
            near = np.hypot(x, y) <= _NEAR_FOLD * self._before_fold(x, y)
            single[beyond] = near & self._is_upright(x, y)
        return single

    def undo(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Undistort plane coordinates by Newton's method.

        Args:
            x: distorted horizontal coordinates, float64.
            y: distorted vertical coordinates, of the same shape.

        Returns:
            x, y and a mask of where they exist.
        """
        if self.is_none:
            return x, y, x * x + y * y <= self.largest**2
        shape = x.shape
        x, y = np.ravel(x), np.ravel(y)
        out_x, out_y, valid = np.empty_like(x), np.empty_like(y), np.empty(x.shape, bool)
        inverse = self._undo_radius if self.is_symmetric else self._undo_plane
        with np.errstate(all="ignore"):
            for part in _blocks(len(x)):
                out_x[part], out_y[part], valid[part] = inverse(x[part], y[part])
        return out_x.reshape(shape), out_y.reshape(shape), valid.reshape(shape)

    @cached_property
    def _table(self) -> tuple[np.ndarray, np.ndarray]:
        """Radii before and after radial distortion, both ascending."""
        radii = np.tan(np.linspace(0, math.atan(self.turning_radius), _SAMPLES))
        return radii, np.maximum.accumulate(self._curve(radii)[0])

    @cached_property
    def _folds(self) -> np.ndarray:
        """Radius of the first fold of the plane in each of `_DIRECTIONS`, all around and back to the first."""
        angles = np.linspace(-math.pi, math.pi, _DIRECTIONS + 1)
        cosine, sine = np.cos(angles), np.sin(angles)
        radii = np.tan(np.linspace(0, math.atan(self.turning_radius), _RADII))
        with np.errstate(all="ignore"):
            folded = ~self._is_upright(radii * cosine[:, None], radii * sine[:, None])
            first = folded.argmax(1)
            low, high = radii[np.maximum(first - 1, 0)], radii[first]
            for _ in range(20):
                middle = (low + high) / 2
                before = self._is_upright(middle * cosine, middle * sine)
                low, high = np.where(before, middle, low), np.where(before, high, middle)
        return np.where(folded.any(1), low, self.turning_radius)

    def _is_upright(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Tell where the plane is not mirrored, and terms that are not radial are small beside those that are."""
        ((a, b), (c, d)), (at_x, at_y) = self._jacobian(x, y)
        r2 = x * x + y * y
        factor = polyval(r2, (1.0, *self.radial)) / polyval(r2, (1.0, *self.divisor))
        aside = np.hypot(at_x - x * factor, at_y - y * factor)
        return (a * d - b * c > 0) & (aside <= _FARTHEST_ASIDE * factor * np.sqrt(r2))

    def _before_fold(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Radius of the first fold in the direction of points."""
        at = (np.arctan2(y, x) / (2 * math.pi) + 0.5) * _DIRECTIONS
        before = np.clip(np.nan_to_num(at).astype(int), 0, _DIRECTIONS - 1)
        return np.maximum(self._folds[before], self._folds[before + 1])

    def _curve(self, radius: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Radius after radial distortion, and its slope."""
        r2 = radius * radius
        above, below = (1.0, *self.radial), (1.0, *self.divisor)
        with np.errstate(all="ignore"):
            n, d = polyval(r2, above), polyval(r2, below)
            dn, dd = (polyval(r2, [i * c for i, c in enumerate(k)][1:] or [0.0]) for k in (above, below))
            return radius * n / d, n / d + 2 * r2 * (dn * d - n * dd) / (d * d)

    def _start(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distorted radii, and about the radii that they were."""
        distorted = np.hypot(x, y)
        radii, table = self._table
        return distorted, np.interp(distorted, table, radii)

    def _undo_radius(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        distorted, radius = self._start(x, y)
        reached = self._table[1][-1]
        for _ in range(_STEPS):
            value, slope = self._curve(radius)
            step = (value - distorted) / slope
            radius = np.clip(np.where(np.isfinite(step), radius - step, radius), 0, self.turning_radius)
            if not np.abs(np.where(distorted < reached, step, 0)).max(initial=0) > _CONVERGED:
                break
        scale = np.where(distorted > 0, radius / distorted, 1)
        return x * scale, y * scale, distorted <= reached

    def _undo_plane(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        distorted, radius = self._start(x, y)
        scale = np.where(distorted > 0, radius / distorted, 1)
        u, v = x * scale, y * scale
        for _ in range(_STEPS):
            ((a, b), (c, d)), (at_x, at_y) = self._jacobian(u, v)
            miss_x, miss_y = x - at_x, y - at_y
            determinant = a * d - b * c
            step_u, step_v = (d * miss_x - b * miss_y) / determinant, (a * miss_y - c * miss_x) / determinant
            # A step longer than the radius would leave the part of the plane that the start lies in.
            length = np.hypot(step_u, step_v)
            short = np.minimum(1, (0.5 * np.hypot(u, v) + 0.01) / np.maximum(length, 1e-300))
            u, v = u + short * step_u, v + short * step_v
            if not np.nanmax(length, initial=0) > _CONVERGED:
                break
        valid = self._reaches(u, v, x, y)
        left = np.flatnonzero(~valid & (distorted <= self._farthest_image))
        if len(left):
            shrink = np.minimum(1, 0.9 * self._before_fold(x[left], y[left]) / radius[left]) * scale[left]
            u[left], v[left] = self._damped(x[left], y[left], x[left] * shrink, y[left] * shrink)
            valid[left] = self._reaches(u[left], v[left], x[left], y[left])
        return u, v, valid

    def _damped(self, x: np.ndarray, y: np.ndarray, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Undistort points near a fold, by steps of Newton's method that stay before it and come closer."""
        best = np.full(x.shape, np.inf)
        step_u, step_v, share = np.zeros_like(x), np.zeros_like(x), np.ones_like(x)
        for _ in range(_SMALL_STEPS):
            to_u, to_v = u + share * step_u, v + share * step_v
            ((a, b), (c, d)), (at_x, at_y) = self._jacobian(to_u, to_v)
            miss_x, miss_y, determinant = x - at_x, y - at_y, a * d - b * c
            miss = np.hypot(miss_x, miss_y)
            closer = (miss < best) & self.is_single(to_u, to_v)
            u, v, best = np.where(closer, to_u, u), np.where(closer, to_v, v), np.where(closer, miss, best)
            step_u = np.where(closer, (d * miss_x - b * miss_y) / determinant, step_u)
            step_v = np.where(closer, (a * miss_y - c * miss_x) / determinant, step_v)
            share = np.where(closer, 1.0, share / 2)
        return u, v

    def _reaches(self, u: np.ndarray, v: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Tell which undistorted points belong to (x, y)."""
        at_x, at_y = self.apply(u, v)
        near = np.hypot(x - at_x, y - at_y) <= 1e-10 * np.maximum(np.hypot(x, y), 1)
        return near & self.is_single(u, v)

    @cached_property
    def _farthest_image(self) -> float:
        """Largest distorted radius of points before the folds."""
        angles = np.linspace(-math.pi, math.pi, _DIRECTIONS + 1)
        x, y = self.apply(self._folds * np.cos(angles), self._folds * np.sin(angles))
        return 1.05 * float(np.nan_to_num(np.hypot(x, y)).max())

    def _jacobian(
        self, x: np.ndarray, y: np.ndarray
    ) -> tuple[tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]], tuple[np.ndarray, np.ndarray]]:
        """Derivatives ((dx/dx, dx/dy), (dy/dx, dy/dy)) by differences, and the distorted coordinates."""
        h = 1e-7
        x0, y0 = self.apply(x, y)
        (x1, y1), (x2, y2) = self.apply(x + h, y), self.apply(x, y + h)
        return (((x1 - x0) / h, (x2 - x0) / h), ((y1 - y0) / h, (y2 - y0) / h)), (x0, y0)


def _blocks(count: int) -> Iterator[slice]:
    return (slice(start, start + _BLOCK) for start in range(0, count, _BLOCK))
