"""Develop linear light into a photograph: exposure, white balance, tone, vignette, blur, sharpening, noise, JPEG."""

from __future__ import annotations

import cv2
import numpy as np


def develop(
    linear: np.ndarray,
    rng: np.random.Generator,
    noise_rng: np.random.Generator | None = None,
    highlights: float = float("inf"),
    stops: float = 0.0,
    grain_gain: float = 1.0,
) -> np.ndarray:
    """Develop linear light (H, W, 3) float32 into a photograph, (H, W, 3) uint8.

    `rng` draws the camera's habits and, unless there is a `noise_rng`, its noise: frames of one video have the first
    alike and the second not. The exposure leaves 95 % of the pixels below `highlights` (1 is white).
    `stops` brightens the exposure by powers of two; `grain_gain` multiplies the noise.
    """
    h, w = linear.shape[:2]
    luma = linear @ np.array([0.3, 0.6, 0.1], np.float32)
    middle = float(np.exp(np.mean(np.log(luma[::3, ::3] + 1e-3))))
    key = 0.17 * 2 ** (stops + float(np.clip(rng.normal(0, 0.65), -2.0, 1.3)))
    balance = np.exp(rng.normal(0, 0.07) * np.array([1, 0, -1.3]) + rng.normal(0, 0.015, 3))
    exposure = key / max(middle, 1e-4)
    if np.isfinite(highlights):
        exposure = min(exposure, highlights / max(float(np.percentile(luma[::3, ::3], 95)), 1e-4))
    image = linear * (exposure * balance).astype(np.float32)
    if rng.random() < 0.7:
        y, x = np.mgrid[:h, :w].astype(np.float32)
        r2 = ((x - w / 2) ** 2 + (y - h / 2) ** 2) / ((w * w + h * h) / 4)
        image *= (1 - float(rng.uniform(0, 0.75) ** 1.3) * r2)[..., None]
    if rng.random() < 0.4:
        glare = cv2.GaussianBlur(np.minimum(image, 6), (0, 0), w / 25)
        image += glare * float(rng.uniform(0.01, 0.08))
    if rng.random() < 0.25:
        image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.3, 0.8)))
    if rng.random() < 0.08 and noise_rng is None:  # a shaking hand blurs a photograph, not a whole video
        image = _shaken(image, rng)
    image = _tone(image, rng)
    if rng.random() < 0.4:
        image += (image - cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.6, 1.2)))) * float(rng.uniform(0.3, 1.2))
    grain = float(np.exp(rng.uniform(np.log(0.003), np.log(0.03)))) * grain_gain
    noise = (noise_rng or rng).standard_normal((h, w, 3), np.float32)
    if rng.random() < 0.5:
        noise = cv2.GaussianBlur(noise, (0, 0), 0.6) * 1.6
    image += noise * (grain * (0.5 + 0.5 * np.sqrt(np.maximum(1 - image, 0))))
    out = np.clip(image * 255, 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        quality = int(rng.integers(55, 96))
        ok, code = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, quality])
        out = cv2.imdecode(code, cv2.IMREAD_COLOR) if ok else out
    return out


def _tone(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Apply a camera's tone curve.

    Soft shoulder of random strength, gamma, contrast, black level, saturation.
    """
    shoulder = float(rng.uniform(0.0, 0.5))
    gamma = float(rng.uniform(1.9, 2.4))
    contrast = float(rng.uniform(-0.05, 0.75))
    black = float(rng.uniform(0, 0.13)) * (rng.random() < 0.6)
    x = np.linspace(0, 1, 4096) ** 2 * 8
    y = np.where(
        x < 1 - shoulder,
        x,
        1 - shoulder + shoulder * (1 - np.exp(-np.maximum(x - 1 + shoulder, 0) / (shoulder + 1e-6))),
    )
    y = np.clip(y, 0, 1) ** (1 / gamma)
    y = y + contrast * (y * y * (3 - 2 * y) - y)
    y = np.maximum(y - black, 0) / (1 - black)
    y = float(rng.uniform(0, 0.05)) * (rng.random() < 0.25) * (1 - y) + y
    index = np.sqrt(np.clip(image, 0, 7.99) / 8) * 4095
    out = y.astype(np.float32)[index.astype(np.int32)]
    gray = out.mean(2, keepdims=True)
    return (
        gray + (out - gray) * float(np.clip(rng.normal(0.95, 0.22), 0.3, 1.5))
        if rng.random() > 0.03
        else out * 0 + gray
    )


def _shaken(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Blur along a straight line of 2 to 7 pixels."""
    size = 2 * int(rng.integers(1, 4)) + 1
    kernel = np.zeros((size, size), np.float32)
    a = rng.uniform(0, np.pi)
    for t in np.linspace(-size / 2 + 0.5, size / 2 - 0.5, 3 * size):
        kernel[round(size // 2 + t * float(np.sin(a))), round(size // 2 + t * float(np.cos(a)))] = 1
    return cv2.filter2D(image, -1, kernel / kernel.sum())
