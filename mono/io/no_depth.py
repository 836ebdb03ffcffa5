"""Depth values that mean "no depth": codes of integer and half types, and distances that no sensor reaches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FARTHEST = 10_000.0  # [m], beyond any depth sensor
FARTHEST_MEDIAN = 200.0  # [m]; beyond it the scale is doubtful, and with it all other values

# Largest values of common types and tools: 16 and 32 bits, Kinect, half floats, Blender.
_CODES = (32766.0, 32767.0, 65504.0, 65534.0, 65535.0, 2.0**31 - 1, 2.0**32 - 1, 1e10)
_CONVERTED = (100.0, 256.0, 1000.0, 5000.0, 10000.0)  # scales of 16-bit maps that were converted to meters
_CODE_SHARE = 0.001  # of all pixels, for a value that is known as "no depth" and does not stand apart
_REPEATED_SHARE = 0.01  # of all pixels, for any largest value
_GAP = 1.5  # ratio of the largest value to the next one, from which on it stands apart
_CLAMPED_SHARE = 0.25  # of all pixels, for a largest value just beyond the others
_CLAMPED_RATIO = 4  # of their number to that of the most common other value; walls and floors have such values, too
_TOLERANCE = 1e-6  # relative, for the rounding of stored values to float32


@dataclass(frozen=True)
class NoDepthCode:
    """Largest value of a depth map, which probably means "no depth".

    Attributes:
        limit: depth of the nearest pixel that has it [m].
        depth: largest depth [m].
        stored: largest depth as stored.
        share: share of all pixels that have it, 0 to 1.
        certain: whether it cannot be depth; else it is only suspicious.
        reason: cause of the suspicion.
    """

    limit: float
    depth: float
    stored: float
    share: float
    certain: bool
    reason: str

    def __str__(self) -> str:
        """Describe the value and its pixels."""
        return (
            f"{100 * self.share:.3g} % of the pixels have {self.depth:.6g} m (stored {self.stored:.6g}), {self.reason}"
        )


def find_no_depth(depth: np.ndarray, scale: float | None = None) -> NoDepthCode | None:
    """Find a largest value that probably means "no depth".

    Certain are the largest values of common types where they repeat or lie far beyond all other depth, and depth beyond
    10 km among depth of common distances. Suspicious is any other repeated largest value far beyond all other depth,
    and one of a quarter of all pixels, many times as common as any other value: farther depth or holes were clamped.

    Args:
        depth: (H, W) depth [m], 0 where there is none.
        scale: stored value of one meter; None: meters were stored.

    Returns:
        The value; None if nothing is suspicious.
    """
    valid = depth[depth > 0]
    if not valid.size:
        return None
    largest = float(valid.max())
    stored = largest * (scale or 1.0)
    equal = valid >= largest * (1 - _TOLERANCE)
    share = np.count_nonzero(equal) / depth.size
    rest = float(valid.max(initial=0, where=~equal))
    apart = largest > _GAP * rest
    values = [stored] if scale else [stored, *(stored * former for former in _CONVERTED)]
    known = np.isclose(np.array(values)[:, None], _CODES, rtol=1e-6, atol=0).any()
    if known and (apart or share >= _CODE_SHARE):
        least = float(valid[equal].min())
        return NoDepthCode(least, largest, stored, share, True, "the largest value of its type")
    if largest > FARTHEST:
        beyond, within = valid[valid > FARTHEST], valid[valid <= FARTHEST]
        if not within.size or float(np.median(within)) > FARTHEST_MEDIAN:
            return None
        reason = "farther than any sensor reaches"
        return NoDepthCode(float(beyond.min()), largest, stored, beyond.size / depth.size, True, reason)
    if share >= _REPEATED_SHARE and apart and rest:
        reason = f"far beyond all other depth, which ends at {rest:.4g} m"
        return NoDepthCode(float(valid[equal].min()), largest, stored, share, False, reason)
    if share >= _CLAMPED_SHARE and rest:
        others = np.unique(valid[~equal], return_counts=True)[1].max()
        if (times := np.count_nonzero(equal) / others) >= _CLAMPED_RATIO:
            reason = f"{times:.0f} times as many as have any other depth, as if clamped there"
            return NoDepthCode(float(valid[equal].min()), largest, stored, share, False, reason)
    return None
