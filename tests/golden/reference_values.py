"""Deterministic reference weights: a value for every tensor of a checkpoint from its name and shape alone."""

import zlib

import numpy as np


def reference_tensor(name: str, shape: tuple[int, ...], dtype: str = "float32") -> np.ndarray:
    """Returns the reference value of the checkpoint tensor `name`, an array of `shape` and `dtype`."""
    if name.endswith("num_batches_tracked"):
        return np.zeros(shape, dtype)
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    noise = rng.standard_normal(shape).astype(dtype)
    leaf = name.rsplit(".", 1)[-1]
    if leaf == "running_var":
        return 1.0 + 0.2 * np.abs(noise)
    if leaf == "running_mean":
        return 0.1 * noise
    if leaf == "gamma":  # ConvNeXt layer scale (1-D), so that deep stages do not explode
        return 0.3 + 0.05 * noise
    if leaf == "weight" and len(shape) == 1:
        return 1.0 + 0.1 * noise
    if leaf == "weight":
        fan_in = int(np.prod(shape[1:]))
        gain = 4.0 if name.endswith("depth_regressor_2.3.weight") else 1.0
        return np.divide(np.multiply(noise, gain, out=noise), np.sqrt(fan_in), out=noise)
    if leaf == "bias":
        return 0.05 * noise
    return 0.02 * noise


def reference_image(height: int, width: int, seed: int) -> np.ndarray:
    """Returns a smooth, colourful RGB test image, (height, width, 3) uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    image = np.zeros((height, width, 3))
    for channel in range(3):
        for _ in range(6):
            fx, fy, phase = rng.uniform(0.2, 6.0), rng.uniform(0.2, 6.0), rng.uniform(0, 2 * np.pi)
            image[..., channel] += np.sin(2 * np.pi * (fx * x / width + fy * y / height) + phase)
    image = (image - image.min()) / (image.max() - image.min())
    return np.round(255 * image).astype(np.uint8)


def reference_depth_pair(height: int, width: int, seed: int, far: float, valid: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns (predicted, true) depth in metres, float32 (height, width); true is 0 where there is no ground truth."""
    rng = np.random.default_rng(seed)
    true = np.exp(rng.uniform(np.log(0.4), np.log(far), (height, width)))
    predicted = true * 1.07 * np.exp(0.2 * rng.standard_normal((height, width)))
    true = np.where(rng.uniform(size=true.shape) < valid, true, 0)
    return predicted.astype(np.float32), true.astype(np.float32)
