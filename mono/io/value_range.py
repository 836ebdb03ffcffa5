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
_FLAT = 0.125  # of white: a picture of less has hardly any contrast
# Gray values of so little contrast in units of their own: by the white that they would have, their least and most.
_UNITS = {255.0: (12, 64), 1023.0: (256, 400), 16383.0: (4096, 12288), 65535.0: (25000, 32000)}
_FLOAT_UNITS = 1023  # up to this white, as deg C and K are floats; raw thermal values and K/100 may be integers
_NO_PHOTO = 2048  # contrast that even fog exceeds in 16 bits
_SIGNED = 0.1  # of the largest value: less below zero comes from resampling, or is noise
_DIM = 64  # floats up to 255 that do not reach it may be something else
_SAMPLES = 1 << 20


def find_range(values: np.ndarray, name: str) -> tuple[float, float]:
    """Choose the values that become black and white.

    Black is 0, but in gray images that are no photos: signed, or of values and contrast as temperatures have.

    Args:
        values: (H, W) or (H, W, 3) integers or finite floats.
        name: name of the image in warnings.

    Returns:
        The two values, the second being the larger one.
    """
    is_integer = np.issubdtype(values.dtype, np.integer)
    step = math.ceil(math.sqrt(max(1.0, values.size / _SAMPLES)))
    sample, brightest = values[::step, ::step], float(values.max(initial=0))
    # 8-bit values times 257 fill 16 bits however dark they are.
    is_widened = is_integer and brightest <= 65535 and not (sample % 257).any()
    white, message = (65535.0, "") if is_widened else _white(sample, brightest, is_integer)
    shown = sample[sample != 0]  # 0 is often no value
    low, middle, high = map(float, np.quantile(shown, (_STRAY, 0.5, 1 - _STRAY))) if shown.size else (0.0, 0.0, 0.0)
    is_flat = low < high < low + _FLAT * white
    least, most = _UNITS.get(white, (0, 0)) if white > _FLOAT_UNITS or not is_integer else (0, 0)
    has_unit = is_flat and least <= low and high <= most and high - low < _NO_PHOTO
    is_signed = low < -_SIGNED * (1 if white == 1 else brightest)
    if values.ndim == 2 and low < high and not is_widened and (has_unit or is_signed or middle > white):
        logger.warning(
            "%s: its values lie between %.5g and %.5g, as temperatures do: they are stretched from black to white "
            "(a guess); for another range, save it as an 8-bit image",
            name, low, high,
        )  # fmt: skip
        return low, high
    if message:
        logger.warning("%s: %s", name, message)
    if is_flat:
        logger.warning(
            "%s: its values lie between %.5g and %.5g, %.2g %% of what is black to white: its depth is doubtful; "
            "stretch its contrast first",
            name, low, high, 100 * (high - low) / white,
        )  # fmt: skip
    return 0.0, white


def _white(sample: np.ndarray, brightest: float, is_integer: bool) -> tuple[float, str]:
    """Choose the value that becomes white, and say what is doubtful about it."""
    largest, most = brightest, float(np.quantile(sample, 1 - _STRAY, method="higher"))
    if not is_integer and largest > _BRIGHTEST:
        largest = most if most < 256 or largest > 65535 else largest
    if largest > 65535:
        return largest, ""
    if not is_integer and largest <= _BRIGHTEST:
        return 1.0, f"its floats reach {brightest:.3g}; what is beyond 1 is white" if brightest > 1 else ""
    bits, but = next(bits for bits in _BITS if largest < 2**bits), ""
    if bits > _STRAY_BITS:
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
