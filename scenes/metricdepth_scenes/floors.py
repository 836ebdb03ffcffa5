"""Metres for the predicted distance of a panorama, from its floor and the height of the tripod."""

from __future__ import annotations

import cv2
import numpy as np

_FROM, _TO = 42, 2.5  # floors are looked for from so far below the horizon up to here [degrees]
_STEEP = 50  # so far below the horizon any camera sees the floor nearby [degrees]
_SLOPE = -0.4  # d ln(distance) / d ln(sin of the angle below the horizon): -1 on a floor, 0 on a wall
_LEAST_REACH, _MOST_ERROR = 3.2, 0.08  # [m] and of ln(distance): what a floor must have to be believed
_USUAL = 1.2  # exponent where no floor is found
_TRUST = 0.8  # share of the given height; the rest is the predicted one, as tripods differ
_SNAP = 0.1  # of ln(distance): what lies so near the floor's plane is the floor: 14 cm above it are lost


def stretch_to_floor(distance: np.ndarray, height: float) -> tuple[np.ndarray, float]:
    """Stretch predicted distance until the floor is a plane below the camera.

    Networks see large places too small and small ones too large, about by a power of distance. The floor tells that
    power: its distance is height / sin(angle below the horizon), as far as it can be followed. What is near its plane
    goes onto it. Where no flat floor is found, the exponent is 1.2, and only the ground nearby sets the scale. A fifth
    of the height (of its logarithm) is what the network predicts, as tripods differ.

    Args:
        distance: equirectangular, (H, 2 H) [m] along the rays; its upper edge is up; 0 where unknown.
        height: of the camera above the floor [m].

    Returns:
        Distance, (H, 2 H) float32 [m], 0 where unknown; and how far the floor was followed [m], 0 where none was found.
    """
    rows = len(distance)
    below = (np.arange(rows) + 0.5) / rows * np.pi - np.pi / 2  # angle below the horizon
    known = distance > 0
    log = np.log(np.maximum(distance, 0.05)).astype(np.float32)
    smooth = cv2.blur(log, (9, 5))
    sine = np.log(np.maximum(np.sin(below), 1e-3))
    steep = (abs(np.degrees(below) - 55) < 10)[:, None] & known
    predicted = float(np.median((distance * np.sin(below)[:, None])[steep])) if steep.any() else height
    height = height**_TRUST * predicted ** (1 - _TRUST)
    plane = np.broadcast_to((np.log(height) - sine)[:, None], distance.shape)
    floor = _find_floor(smooth, known, below, sine)
    fit = _fit_power(log[floor], plane[floor])
    if fit is None:
        near = -np.log(np.sin(np.radians(_STEEP)))
        fit = np.log(height) + near - _USUAL * (np.log(predicted) + near), _USUAL, np.inf
    offset, power, end = fit
    reach = float(np.exp(offset + power * end)) if np.isfinite(end) else 0.0
    # Beyond what the floor has told, the scale stays as it is there.
    stretched = offset + power * np.minimum(log, end) + np.maximum(log - end, 0)
    if reach:
        on_floor = (np.degrees(below) > _TO)[:, None] & (abs(stretched - plane) < _SNAP)
        stretched = np.where(on_floor, plane, stretched)
    return np.where(known, np.exp(stretched), 0).astype(np.float32), reach


def _find_floor(log: np.ndarray, known: np.ndarray, below: np.ndarray, sine: np.ndarray) -> np.ndarray:
    """Follow the far pixels of each row up to where they are a wall's."""
    lines = zip(log, known, strict=True)
    far = np.array([np.quantile(line[there], 0.8) if there.any() else 4 for line, there in lines])
    far = cv2.blur(far[:, None].astype(np.float32), (1, 9))[:, 0]
    step = round(len(log) * 24 / 512)

    def is_floor(row: int, step: int) -> bool:
        lower = min(row + step, len(log) - 1)
        return bool((far[row] - far[lower]) / (sine[row] - sine[lower]) < _SLOPE)

    first, last = (int(np.argmin(abs(np.degrees(below) - angle))) for angle in (_FROM, _TO))
    row, misses = first, 0
    while row > last and misses <= 0.7 * step:
        misses = 0 if is_floor(row, step) else misses + 1
        row -= 1
    row += misses + 1
    while row <= first and not is_floor(row, max(step // 3, 1)):  # the long step sees a wall late
        row += 1
    floor = np.zeros(log.shape, bool)
    floor[row : first + 1] = True
    return floor & known & (log > far[:, None] - 0.12)


def _fit_power(log: np.ndarray, plane: np.ndarray) -> tuple[float, float, float] | None:
    """Fit plane = offset + power * log robustly.

    Returns offset, power and the largest log of the fit; None: this is no flat floor.
    """
    if len(log) < 500 or np.exp(np.quantile(plane, 0.98)) < _LEAST_REACH:
        return None
    group = ((plane - plane.min()) / 0.15).astype(int)
    count = np.bincount(group)
    share = np.where(count[group] > 150, 1 / np.sqrt(count[group]), 0)  # what is far covers fewer pixels
    if not share.any():
        return None
    offset, power = 0.0, 1.0
    for _ in range(6):
        weight = share / np.maximum(abs(plane - offset - power * log), 0.05)
        power = float(np.clip(np.polyfit(log, plane, 1, w=np.sqrt(weight))[0], 0.95, 1.65))
        offset = float(np.average(plane - power * log, weights=weight))
    if np.median(abs(plane - offset - power * log)) > _MOST_ERROR:
        return None
    return offset, power, float(np.quantile(log, 0.99))
