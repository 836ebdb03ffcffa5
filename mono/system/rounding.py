"""Rounding of positive numbers to plain ones."""

from __future__ import annotations

import math
from collections.abc import Sequence

NICE_STEPS = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)


def round_down(value: float, steps: Sequence[float] = NICE_STEPS) -> float:
    """Round a positive number down to one of `steps` times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return max(step for step in steps if step * power <= value * (1 + 1e-9)) * power


def round_up(value: float) -> float:
    """Round a positive number up to one of `NICE_STEPS` times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return min(step for step in NICE_STEPS if step * power >= value * (1 - 1e-9)) * power
