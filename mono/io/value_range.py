"""Value ranges: the values of integers and floats that become black and white."""

from __future__ import annotations

import logging
import math

import numpy as np

logger = logging.getLogger(__name__)

_BITS = (8, 10, 12, 14, 16)  # what sensors give, when stored in 16 bits
_STRAY = 0.001  # share of pixels that may be brighter than the bits of all others: hot pixels
_STRAY_BITS = 12  # only where the others would be nearly black
_BURNT_IN = 0.1  # largest share of text and logos that a device writes over its picture
_BETWEEN = 0.25  # largest share of these next to the picture's own values; highlights have more
_ONE_COLOR = 0.98  # share of these in three levels; lenses blur the edges of lamps and windows to more
_BRIGHTEST = 32.0  # floats beyond it are no highlights of 0..1
_FLAT = 0.125  # of the range: a picture of less has hardly any contrast
_NO_PHOTO = 4096  # of 16 bits: integers of less contrast are hardly a photo's
_OFFSET, _FLOAT_OFFSET = 0.5, 1 / 3  # least of a flat picture's values, of the largest, where it measures something
_SIGNED = 0.1  # of the largest value: less below zero comes from resampling
_DIM = 64  # floats up to 255 that do not reach it may be something else
_SAMPLES = 1 << 22


def find_range(values: np.ndarray, name: str) -> tuple[float, float]:
    """Choose the values that become black and white, with warnings of doubtful ones.

    Black is 0, but in gray images of temperatures and the like, which have an offset or a sign and no other contrast.

    Args:
        values: (H, W) or (H, W, 3) integers or floats; what is not finite does not count.
        name: name of the image in warnings.

    Returns:
        The two values, the second being the larger one.
    """
    is_integer = np.issubdtype(values.dtype, np.integer)
    step = math.ceil(math.sqrt(max(1.0, values.size / _SAMPLES)))
    sample = values[::step, ::step]
    sample = sample if is_integer else sample[np.isfinite(sample)]
    white, message = _white(values, sample, is_integer)
    shown = sample[sample != 0]  # 0 is often no value
    low, middle, high = map(float, np.quantile(shown, (_STRAY, 0.5, 1 - _STRAY))) if shown.size else (0.0, 0.0, 0.0)
    measured = values.ndim == 2 and low < high and _is_measured(low, middle, high, white, is_integer)
    if measured and not _is_widened(values):
        logger.warning(
            "%s: its values lie between %.5g and %.5g, as temperatures do: they are stretched from black to white; for "
            "another range, save it as an 8-bit image",
            name, low, high,
        )  # fmt: skip
        return low, high
    if message:
        logger.warning("%s: %s", name, message)
    if low < high < low + _FLAT * white:
        logger.warning(
            "%s: its values lie between %.5g and %.5g, %.2g %% of what is black to white: its depth is doubtful; "
            "stretch its contrast first",
            name, low, high, 100 * (high - low) / white,
        )  # fmt: skip
    return 0.0, white


def _is_measured(low: float, middle: float, high: float, white: float, is_integer: bool) -> bool:
    """Tell if gray values are none of a photo: signed, mostly beyond white, or flat and far from 0."""
    if low < -_SIGNED * abs(high) or middle > white:
        return True
    offset, most = (_OFFSET, min(_FLAT * white, _NO_PHOTO)) if is_integer else (_FLOAT_OFFSET, _FLAT * white)
    return white > 1 and high - low < most and low >= offset * high


def _white(values: np.ndarray, sample: np.ndarray, is_integer: bool) -> tuple[float, str]:
    """Choose the value that becomes white, and say what is doubtful about it."""
    brightest = float(np.max(values, where=np.isfinite(values), initial=0))
    largest = brightest
    if not is_integer and largest > _BRIGHTEST:
        most = _without_stray(sample)
        largest = most if most < 256 or largest > 65535 else largest
    if largest > 65535:
        return largest, ""
    if not is_integer and largest <= _BRIGHTEST:
        return 1.0, f"its floats reach {brightest:.3g}; what is beyond 1 is white" if brightest > 1 else ""
    if is_integer and _is_widened(values):
        return 65535.0, ""
    bits, but = next(bits for bits in _BITS if largest < 2**bits), ""
    if bits > _STRAY_BITS:
        most = _without_stray(sample)
        fewer = min((b for b in _BITS if b <= _STRAY_BITS and most < 2**b), default=0)
        if fewer:
            bits, largest = fewer, most
        else:
            fewer, share, certain = _burnt_in_bits(sample)
            if fewer and not certain:
                return 2.0**bits - 1, (
                    f"all but {100 * share:.2g} % of its values lie below {2**fewer} of {2**bits - 1}, as if something "
                    f"were burnt into {fewer} bits: it may be too dark; if so, cut that off or scale the rest"
                )
            if fewer:
                bits, largest, but = fewer, float(sample[sample < 2**fewer].max()), f" but for {100 * share:.2g} %"
    white = 2.0**bits - 1
    kind = "16-bit values" if is_integer else "floats"
    if bits < 16 and largest > 0 and (is_integer or bits > 8):
        return white, f"its {kind} reach only {largest:.0f} of 65535{but}: they are taken as {bits}-bit and brightened"
    if not is_integer and largest < _DIM:
        return white, f"its floats reach only {largest:.3g} of 255: if they are no colors, scale them to 0..1"
    return white, ""


def _burnt_in_bits(sample: np.ndarray) -> tuple[int, float, bool]:
    """Find the bits of a picture with something brighter written over it.

    Highlights are no writing: fewer of them are bright than nearly so, and they have no value in common.

    Returns:
        The bits, 0 where nothing was burnt in, the share that was, and if this is certain.
    """
    counts = np.bincount(np.clip(sample, 0, 65535).astype(np.int64).ravel() >> 8, minlength=256)
    for bits in _BITS[:-1]:
        top = 1 << (bits - 8)
        beyond, edge = int(counts[top:].sum()), min(4 * top, 128)
        near, far = counts[top:edge].sum(), counts[edge : 4 * edge].sum()
        if not 0 < beyond <= _BURNT_IN * counts.sum() or near > _BETWEEN * beyond:
            continue
        if near > max(far, _STRAY * counts.sum()):  # the picture's own highlights
            continue
        is_one = np.sort(counts[top:])[-3:].sum() >= _ONE_COLOR * beyond
        if bits <= _STRAY_BITS or is_one:
            return bits, beyond / int(counts.sum()), bool(is_one and bits <= _STRAY_BITS)
    return 0, 0.0, False


def _is_widened(values: np.ndarray) -> bool:
    """Tell if whole numbers are 8-bit ones times 257, which fill 16 bits however dark they are."""
    return bool(np.issubdtype(values.dtype, np.integer) and not (values % 257).any())


def _without_stray(values: np.ndarray) -> float:
    """Return the largest value that is not stray."""
    return float(np.quantile(values, 1 - _STRAY, method="higher"))
