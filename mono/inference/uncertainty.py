"""Uncertainty of predicted depth: errors that the network announces, and those that a whole image shares."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mono.system.checks import as_number
from mono.system.errors import MetricDepthError

# Measured scale of errors in log depth over the announced one, by decoder whose confidence is exp(-scale); and the
# error of log focal lengths by their source. See docs/confidence.md.
_SCALES = {"LiteDecoder": 1.3, "DetailDecoder": 1.3}
FOCAL_ERRORS = {"assumed": 0.25, "exif": 0.02}


def announced_scale(architecture: Mapping[str, object]) -> float | None:
    """Return the factor of the errors that a network's confidence announces; None if it announces none."""
    return _SCALES.get(str(architecture.get("decoder")))


def focal_error(source: str | None, own: float | None) -> float | None:
    """Return the standard error of ln(focal length).

    Args:
        source: source of the focal length.
        own: error that is known of this one; None: by the source.

    Returns:
        None where nothing is known of it.
    """
    return FOCAL_ERRORS.get(source or "") if own is None else own


@dataclass(frozen=True)
class Uncertainty:
    """Distribution of the error in log depth: a Laplace part of each pixel, and a normal part.

    Attributes:
        scale: factor that turns -log(confidence) into the scale of the Laplace part; 0: there is none.
        shared: standard deviation of the normal part; 0.01 is 1 %.
    """

    scale: float
    shared: float = 0.0

    def std(self, confidence: np.ndarray) -> np.ndarray:
        """Compute the relative standard error of depth.

        Args:
            confidence: confidence of the network, any shape.

        Returns:
            Standard deviation of log depth, float32 of the same shape; 0.1 is about 10 %.
        """
        return self._combined(confidence, math.sqrt(2), 1.0)

    def half_width(self, confidence: np.ndarray, level: float) -> np.ndarray:
        """Compute half the width of the interval that holds a share `level` of the errors in log depth.

        Args:
            confidence: confidence of the network, any shape.
            level: share of pixels, above 0 and below 1.

        Raises:
            MetricDepthError: the level is out of range.
        """
        needed = "give a share between 0 and 1, as 0.9"
        if not 0 < as_number(level, "level of an interval", needed) < 1:
            raise MetricDepthError(f"an interval of level {level!r:.40}: {needed}")
        from statistics import NormalDist

        return self._combined(confidence, -math.log1p(-level), NormalDist().inv_cdf((1 + level) / 2))

    def _combined(self, confidence: np.ndarray, laplace: float, normal: float) -> np.ndarray:
        if not self.scale:
            return np.full(np.shape(confidence), self.shared * normal, np.float32)
        announced = -np.log(np.clip(confidence, np.float32(1e-6), np.float32(1)))
        return np.hypot(announced * np.float32(self.scale * laplace), np.float32(self.shared * normal))
