"""Painted skies for images whose sky is known: plain, overcast, hazy, at dusk, with a low sun."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

# (lowest, highest) RGB of the zenith, then of the horizon
_SKIES = (
    (((30, 80, 150), (110, 165, 240)), ((150, 190, 215), (235, 240, 255))),  # clear
    (((120, 120, 120), (250, 250, 255)), ((150, 150, 145), (255, 255, 255))),  # overcast
    (((150, 150, 140), (235, 230, 225)), ((185, 175, 155), (255, 250, 235))),  # haze
    (((20, 35, 70), (150, 130, 180)), ((200, 110, 50), (255, 210, 170))),  # dusk
    (((0, 0, 5), (40, 45, 70)), ((5, 5, 10), (80, 70, 90))),  # night
    (((60, 60, 60), (255, 255, 255)), ((60, 60, 60), (255, 255, 255))),  # through colored filters
)
_SKY_SHARES = (0.3, 0.2, 0.14, 0.24, 0.06, 0.06)
# (lowest, highest) RGB of sand, snow, grass, water, earth
_GROUNDS = (
    ((170, 90, 40), (235, 200, 150)),
    ((170, 180, 195), (255, 255, 255)),
    ((50, 80, 20), (150, 170, 90)),
    ((20, 40, 60), (120, 160, 180)),
    ((60, 45, 35), (160, 130, 110)),
)


def replace_sky(rgb: np.ndarray, sky: np.ndarray, horizon: float, rng: Generator) -> np.ndarray:
    """Paint another sky, whose glow also veils what stands before it.

    Args:
        rgb: (H, W, 3) uint8.
        sky: (H, W) bool.
        horizon: row of the horizon [px].
        rng: random generator.
    """
    painted, glow = _paint(sky.shape, horizon, rng)
    surface = rgb.astype(np.float32)
    if rng.random() < 0.25:  # little contrast, as of sand and snow
        mean = surface[~sky].mean(0) if not sky.all() else np.zeros(3, np.float32)
        tint = rng.uniform(*rng.choice(_GROUNDS)).astype(np.float32)
        share = np.float32(rng.uniform(0.1, 0.5))
        surface = (surface - mean) * share + mean + (tint - mean) * np.float32(rng.uniform(0, 0.9))
    return _compose(painted, surface + glow * np.float32(rng.uniform(0, 0.8)), sky)


def plain_landscape(shape: tuple[int, int], horizon: float, rng: Generator) -> tuple[np.ndarray, np.ndarray]:
    """Paint dunes, snow, fields, a sea or hills under a sky.

    Args:
        shape: (height, width) [px].
        horizon: row of the horizon [px].
        rng: random generator.

    Returns:
        (H, W, 3) uint8 RGB, and (H, W) bool: its sky.
    """
    height, width = shape
    painted, glow = _paint(shape, horizon, rng)
    rows, columns = np.arange(height, dtype=np.float32)[:, None], np.linspace(0, 1, width, dtype=np.float32)
    low, high = rng.choice(_GROUNDS)
    color = rng.uniform(low, high).astype(np.float32)
    haze = painted[int(np.clip(horizon, 0, height - 1))].mean(0)
    sky, surface = np.ones(shape, bool), np.zeros((height, width, 3), np.float32)
    layers = int(rng.integers(1, 4))
    for layer in range(layers):  # the farthest first
        rise = 0.0 if rng.random() < 0.25 else rng.uniform(0.02, 0.35) * height / (layer + 1)
        slopes = sum(
            np.sin(columns * rng.uniform(1, 4) * 2**k + rng.uniform(0, 6)) / 2**k
            for k in range(int(rng.integers(1, 6)))
        )
        ridge = horizon + height * 0.12 * layer - rise * (0.5 + 0.5 * slopes) + rng.uniform(-0.1, 0.1) * height
        below = rows >= ridge
        shade = 1 + rng.uniform(0, 0.35) * _noise(shape, int(rng.integers(2, 9)), rng)
        grain = rng.uniform(0, 0.1) * _noise(shape, int(rng.integers(20, 120)), rng)
        near = np.clip((rows - ridge) / height, 0, 1)[..., None] * np.float32(rng.uniform(-0.5, 0.3))
        veil = np.float32(rng.uniform(0, 0.75) if layer < layers - 1 else rng.uniform(0, 0.25))
        ground = color * (shade + grain)[..., None] * (1 + near) * np.float32(rng.uniform(0.5, 1.1))
        surface, sky = np.where(below[..., None], ground * (1 - veil) + haze * veil, surface), sky & ~below
    return _compose(painted, surface + glow * np.float32(rng.uniform(0, 0.8)), sky), sky


def _paint(shape: tuple[int, int], horizon: float, rng: Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return a sky without ground and the glow in it, each (H, W, 3) float32 in 0 to 255."""
    height, width = shape
    zenith, skyline = (rng.uniform(*bounds) for bounds in _SKIES[rng.choice(len(_SKIES), p=_SKY_SHARES)])
    tilt = rng.uniform(-0.4, 0.4) * np.linspace(-0.5, 0.5, width)
    rise = np.clip((horizon - np.arange(height)[:, None]) / (height * rng.uniform(0.4, 1.5)) + tilt, 0, 1)
    mix = (rise ** rng.uniform(0.4, 1.5))[..., None].astype(np.float32)
    sky = (skyline * (1 - mix) + zenith * mix).astype(np.float32) * np.float32(np.exp(rng.normal(0, 0.15)))
    if rng.random() < 0.35:
        clouds = sum(_noise(shape, size, rng, stretch=2) / k for k, size in ((1, 3), (2, 7), (3, 15)))
        sky += np.float32(rng.uniform(5, 50)) * np.clip(clouds, -1, 2)[..., None] * np.float32(rng.choice([-0.6, 1]))
    glow = np.zeros((height, width, 3), np.float32)
    if rng.random() < 0.45:
        x, y = rng.uniform(-0.1, 1.1) * width, horizon - rng.uniform(-0.05, 0.5) * height
        away = np.hypot(np.arange(width) - x, (np.arange(height)[:, None] - y) * rng.uniform(0.7, 1.4)) / width
        halo = np.exp(-away / rng.uniform(0.08, 0.6)) * rng.uniform(0.3, 1.2) + 1.5 * (away < rng.uniform(0, 0.04))
        glow = (halo[..., None] * rng.uniform((200, 120, 30), (255, 240, 200))).astype(np.float32)
    return sky + glow, glow


def _noise(shape: tuple[int, int], cells: int, rng: Generator, stretch: int = 1) -> np.ndarray:
    """Return smooth (H, W) noise of about unit size."""
    coarse = rng.normal(0, 1, (cells * stretch, cells)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC))


def _compose(sky: np.ndarray, surface: np.ndarray, where: np.ndarray) -> np.ndarray:
    share = cv2.GaussianBlur(where.astype(np.float32), (0, 0), 0.6)[..., None]
    return np.clip(sky * share + surface * (1 - share), 0, 255).astype(np.uint8)
