"""Random photometric augmentation. Images are (H, W, 3) uint8 RGB."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator


def augment(rgb: np.ndarray, rng: Generator, light: float = 1.0) -> np.ndarray:
    """Apply a random chain of photometric changes; geometry stays.

    Args:
        rgb: (H, W, 3) uint8.
        rng: random generator.
        light: strength of the changes of exposure, contrast and color.
    """
    if rng.random() < 0.5:
        rgb = soften(rgb, rng)
    if rng.random() < 0.9:
        rgb = recolor(rgb, rng, light)
    if rng.random() < 0.2:
        rgb = vignette(rgb, rng)
    if rng.random() < 0.4:
        rgb = add_noise(rgb, rng)
    if rng.random() < 0.15:
        rgb = cut_out(rgb, rng)
    if rng.random() < 0.4:
        rgb = compress(rgb, rng)
    return rgb


def recolor(rgb: np.ndarray, rng: Generator, light: float = 1.0) -> np.ndarray:
    """Change exposure, contrast, gamma, white balance and saturation; 0 leaves the image, 1 is usual."""
    levels = np.linspace(0, 1, 256, dtype=np.float32)
    curve = levels ** np.exp(rng.normal(0, 0.25) * light)
    curve = (curve - 0.5) * rng.uniform(0.65, 1.3) ** light + 0.5 + rng.uniform(-0.12, 0.12) * light
    balance = np.exp((rng.normal(0, 0.07, 3) + rng.normal(0, 0.15)) * light)
    table = np.clip(curve[:, None] * balance * 255, 0, 255).astype(np.uint8)
    image = cv2.LUT(rgb, np.ascontiguousarray(table[None]))
    saturation = 0.0 if rng.random() < 0.08 * light else rng.uniform(0.4, 1.4) if light else 1.0
    gray = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return cv2.addWeighted(image, saturation, gray, 1 - saturation, 0)


def soften(rgb: np.ndarray, rng: Generator) -> np.ndarray:
    """Apply defocus, motion blur, a lower resolution, or sharpening."""
    height, width = rgb.shape[:2]
    kind = rng.integers(4)
    if kind == 0:
        return cv2.GaussianBlur(rgb, (0, 0), rng.uniform(0.4, 1.8))
    if kind == 1:
        length = int(rng.integers(3, 10))
        angle, kernel = rng.uniform(0, 180), np.zeros((length, length), np.float32)
        kernel[length // 2] = 1
        turned = cv2.warpAffine(kernel, cv2.getRotationMatrix2D(((length - 1) / 2,) * 2, angle, 1), (length, length))
        return cv2.filter2D(rgb, -1, turned / turned.sum())
    if kind == 2:
        share = rng.uniform(0.3, 0.9)
        small = cv2.resize(rgb, (max(int(width * share), 8), max(int(height * share), 8)), interpolation=cv2.INTER_AREA)
        return cv2.resize(small, (width, height), interpolation=int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC])))
    soft, amount = cv2.GaussianBlur(rgb, (0, 0), rng.uniform(0.7, 1.5)), rng.uniform(0.3, 1.5)
    return cv2.addWeighted(rgb, 1 + amount, soft, -amount, 0)


def vignette(rgb: np.ndarray, rng: Generator) -> np.ndarray:
    """Darken toward the corners."""
    height, width = rgb.shape[:2]
    y, x = np.linspace(-1, 1, height, dtype=np.float32)[:, None], np.linspace(-1, 1, width, dtype=np.float32)
    shade = 1 - np.float32(rng.uniform(0.1, 0.3)) * (x * x + y * y)
    return cv2.multiply(rgb, cv2.merge([shade] * 3), dtype=cv2.CV_8U)


def add_noise(rgb: np.ndarray, rng: Generator) -> np.ndarray:
    """Add sensor noise to pixels or filtered clumps."""
    height, width = rgb.shape[:2]
    step = int(rng.choice([1, 1, 2]))
    channels = int(rng.choice([1, 3]))
    noise: np.ndarray = np.empty((-(-height // step), -(-width // step) * channels), np.int8)
    cv2.setRNGSeed(int(rng.integers(2**31)))  # OpenCV's generator is ten times as fast as NumPy's
    cv2.randn(noise, np.zeros(1), np.full(1, rng.uniform(1.5, 12)))
    noise = noise.reshape(len(noise), -1, channels)
    if step > 1:
        noise = cv2.resize(noise.astype(np.int16), (width, height), interpolation=cv2.INTER_LINEAR)
    noise = noise.reshape(height, width, -1)
    return cv2.add(rgb, np.repeat(noise, 3, 2) if noise.shape[2] == 1 else noise, dtype=cv2.CV_8U)


def cut_out(rgb: np.ndarray, rng: Generator) -> np.ndarray:
    """Fill random rectangles with a color or another part."""
    rgb = rgb.copy()
    height, width = rgb.shape[:2]
    for _ in range(int(rng.integers(1, 5))):
        h, w = (max(int(side * rng.uniform(0.05, 0.25)), 1) for side in (height, width))
        top, left, y, x = (int(rng.integers(0, limit + 1)) for limit in (height - h, width - w) * 2)
        filled = rgb[y : y + h, x : x + w] if rng.random() < 0.4 else rng.integers(0, 256, 3)
        rgb[top : top + h, left : left + w] = filled
    return rgb


def compress(rgb: np.ndarray, rng: Generator) -> np.ndarray:
    """Compress as JPEG and decode again."""
    quality = int(rng.uniform(25, 95))
    data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))[..., ::-1]
