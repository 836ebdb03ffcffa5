"""Alignment of depth as a value: its correction, its errors and its record."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from mono.calibration.field import Field

_REACH = math.log(2)  # of log depth beyond the known points; farther out, the factor stays what it is there
_STRIP = 1 << 20  # pixels corrected at a time
FARTHEST = 300.0  # [m], as of predictions


@dataclass(frozen=True)
class DepthAlignment:
    """Correction of predicted depth, with its evidence.

    Aligned depth is scale * center * (depth / center) ** exponent, times the factor of `field`.

    Attributes:
        model: "scale", "affine" (scale and exponent: affine in log depth) or "field" (smooth over image and depth).
        scale: factor at the depth `center`.
        standard_error: standard error of log(scale); 0.01 is 1 %.
        spread: robust standard deviation of log depth between aligned and known points: error of a single point.
        used: number of known distances that decide.
        left_out: number of known distances that do not, by reason.
        note: limits of what the known distances fix, in a sentence or more.
        exponent: growth of aligned with predicted depth; 1: the factor is the same at all depths.
        exponent_error: standard error of the exponent.
        center: predicted depth at which scale and exponent are independent [m].
        near, far: predicted depth of the nearest and farthest known distance [m].
        unit: "m", or "model" for the unit of a reconstruction.
        field: smooth correction; None for the other models.
        source: origin of what is known.
    """

    model: str
    scale: float
    standard_error: float
    spread: float
    used: int
    left_out: dict[str, int]
    note: str = ""
    exponent: float = 1.0
    exponent_error: float = 0.0
    center: float = 1.0
    near: float = 0.0
    far: float = math.inf
    unit: str = "m"
    field: Field | None = None
    source: str = ""

    def apply(self, depth: np.ndarray) -> np.ndarray:
        """Align a depth map.

        Args:
            depth: (H, W) predicted depth [m], 0 where there is none.

        Returns:
            Aligned depth, (H, W) float32, 0 where there is none or where it is beyond 300 m.
        """
        aligned = np.zeros(depth.shape, np.float32)
        rows = max(1, _STRIP // max(1, depth.shape[1]))
        for top in range(0, depth.shape[0], rows):
            strip = depth[top : top + rows]
            valid = np.isfinite(strip) & (strip > 0)
            x = np.log(np.where(valid, strip, 1.0)).astype(np.float64)
            correction = self.log_factor(x)
            if self.field is not None:
                v, u = np.meshgrid(
                    (np.arange(top, top + len(strip)) + 0.5) / depth.shape[0],
                    (np.arange(depth.shape[1]) + 0.5) / depth.shape[1],
                    indexing="ij",
                )
                correction += self.field.at(u.ravel(), v.ravel(), x.ravel()).reshape(x.shape)
            aligned[top : top + rows] = np.where(valid, strip * np.exp(correction), 0)
        if self.unit == "m":
            aligned[aligned > FARTHEST] = 0
        return aligned

    def log_factor(self, log_depth: np.ndarray) -> np.ndarray:
        """Evaluate the log of the factor, without the field, at log predicted depths."""
        if self.exponent == 1.0:
            return np.full(np.shape(log_depth), math.log(self.scale))
        return math.log(self.scale) + (self.exponent - 1) * self._offset(log_depth)

    def relative_error(self, depth: np.ndarray) -> np.ndarray:
        """Compute the relative standard error at aligned depths.

        The error of a single pixel also holds `spread`.

        Args:
            depth: aligned depth [m], any shape.
        """
        x = np.log(np.maximum(np.asarray(depth, np.float64), 1e-6))
        predicted = math.log(self.center) + (x - math.log(self.center * self.scale)) / self.exponent
        return np.hypot(self.standard_error, self.exponent_error * self._offset(predicted))

    def _offset(self, log_depth: np.ndarray) -> np.ndarray:
        low = math.log(self.near) - _REACH if self.near > 0 else -math.inf
        high = math.log(self.far) + _REACH if math.isfinite(self.far) else math.inf
        return np.clip(log_depth, low, high) - math.log(self.center)

    @property
    def dropped(self) -> int:
        """Count the known distances left out."""
        return sum(self.left_out.values())

    def record(self) -> dict[str, Any]:
        """Describe the alignment in values of JSON."""
        values: dict[str, Any] = {
            "model": self.model,
            "scale": round(self.scale, 6),
            "standard_error": round(self.standard_error, 6),
            "spread": round(self.spread, 6),
            "used": self.used,
            "left_out": dict(self.left_out),
            "unit": self.unit,
            "source": self.source,
            "note": self.note,
        }
        if self.exponent != 1.0:
            values |= {
                "exponent": round(self.exponent, 6),
                "exponent_error": round(self.exponent_error, 6),
                "center": round(self.center, 6),
            }
        if math.isfinite(self.far):
            values["range"] = [round(self.near, 4), round(self.far, 4)]
        if self.field is not None:
            values["field"] = {"knots": list(self.field.values.shape), "freedom": round(self.field.freedom, 1)}
        return values

    def describe(self) -> str:
        """Describe the alignment in a line for people."""
        return describe_record(self.record())


def describe_record(record: dict[str, Any]) -> str:
    """Describe an alignment's record in a line.

    Args:
        record: as from `DepthAlignment.record`.
    """
    text = f"{record['model']} x{record['scale']:.4g} +- {100 * record['standard_error']:.2g} %"
    if "exponent" in record:
        text += f", exponent {record['exponent']:.3f} +- {record['exponent_error']:.3f}"
    if "field" in record:
        text += f", field of {'x'.join(map(str, record['field']['knots']))} knots"
    text += (
        f", spread {100 * record['spread']:.2g} %, from {record['used']} known distance{'s' * (record['used'] != 1)}"
    )
    if record["left_out"]:
        text += f" (left out: {', '.join(f'{count} {reason}' for reason, count in record['left_out'].items())})"
    return text + (f"; {record['note']}" if record["note"] else "")
