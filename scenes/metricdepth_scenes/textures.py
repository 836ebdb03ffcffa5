"""Procedural textures: square, tileable uint8 images, so that scenes need no asset files."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

SIZE = 256
Color = np.ndarray


def noise(rng: np.random.Generator, cells: int, octaves: int = 4, stretch: int = 1) -> np.ndarray:
    """Generate tileable value noise in 0..1.

    (SIZE, SIZE) float32; `stretch` lengthens it along the vertical.
    """
    total = np.zeros((SIZE, SIZE), np.float32)
    weight = 0.0
    for k in range(octaves):
        n = cells * 2**k
        if n > SIZE:
            break
        base = rng.random((max(n // stretch, 1), n), dtype=np.float32)
        wrapped = np.pad(base, 2, mode="wrap")
        sx, sy = SIZE / base.shape[1], SIZE / base.shape[0]
        x = (np.arange(SIZE, dtype=np.float32) + 0.5) / sx + 1.5
        y = (np.arange(SIZE, dtype=np.float32) + 0.5) / sy + 1.5
        grid = np.meshgrid(x, y)
        total += cv2.remap(wrapped, grid[0], grid[1], cv2.INTER_LINEAR) * 0.55**k
        weight += 0.55**k
    total /= weight
    return np.clip((total - 0.5) * 1.6 + 0.5, 0, 1)


def _colored(value: np.ndarray, dark: Color, light: Color) -> np.ndarray:
    low, span = np.float32(255) * dark.astype(np.float32), np.float32(255) * (light - dark).astype(np.float32)
    return np.clip(low + span * value[..., None].astype(np.float32), 0, 255).astype(np.uint8)


def _pair(rng: np.random.Generator, color: Color, contrast: float) -> tuple[Color, Color]:
    shift = rng.normal(0, 0.03, 3)
    return np.clip(color * (1 - contrast) + shift, 0, 1), np.clip(color * (1 + contrast) - shift, 0, 1)


def speckle(rng: np.random.Generator, color: Color) -> np.ndarray:
    """Paint a texture of speckle."""
    contrast = float(rng.uniform(0.03, 0.25))
    value = 0.5 * noise(rng, int(rng.choice([2, 4, 8])), 5) + 0.5 * rng.random((SIZE, SIZE), dtype=np.float32)
    return _colored(value, *_pair(rng, color, contrast))


def paint(rng: np.random.Generator, color: Color) -> np.ndarray:
    """Paint a texture of paint."""
    value = 0.8 * noise(rng, 2, 5) + 0.2 * rng.random((SIZE, SIZE), dtype=np.float32)
    return _colored(value, *_pair(rng, color, float(rng.uniform(0.01, 0.06))))


def wood(rng: np.random.Generator, color: Color) -> np.ndarray:
    """Paint a texture of wood."""
    warp = noise(rng, 4, 3, 4) * rng.uniform(2, 6)
    rings = 0.5 + 0.5 * np.sin(2 * np.pi * (np.arange(SIZE) / SIZE * int(rng.integers(4, 12)) + warp))
    value = 0.45 * rings + 0.55 * noise(rng, 32, 3, 16)
    return _colored(value.astype(np.float32), *_pair(rng, color, float(rng.uniform(0.1, 0.3))))


def planks(rng: np.random.Generator, color: Color) -> np.ndarray:
    """Paint a texture of planks."""
    count = int(rng.choice([4, 6, 8]))
    image = wood(rng, color).astype(np.float32)
    for k in range(count):
        cols = slice(k * SIZE // count, (k + 1) * SIZE // count)
        image[:, cols] = np.roll(image[:, cols], int(rng.integers(SIZE)), 0) * rng.uniform(0.8, 1.15)
        image[:, cols.start : cols.start + 2] *= 0.45
        row = int(rng.integers(SIZE - 2))
        image[row : row + 2, cols] *= 0.5
    return np.clip(image, 0, 255).astype(np.uint8)


def tiles(rng: np.random.Generator, color: Color) -> np.ndarray:
    """Paint a texture of tiles."""
    count = int(rng.choice([2, 4, 5]))
    image = speckle(rng, color).astype(np.float32)
    step = SIZE / count
    joint = rng.uniform(0.5, 1.2) * color * 200
    for i in range(count):
        for j in range(count):
            part = image[int(i * step) : int((i + 1) * step), int(j * step) : int((j + 1) * step)]
            part *= rng.uniform(0.9, 1.05)
            part[:2] = joint
            part[:, :2] = joint
    return np.clip(image, 0, 255).astype(np.uint8)


def bricks(rng: np.random.Generator, color: Color) -> np.ndarray:
    """Paint a texture of bricks."""
    rows, cols = 8, 4
    image = speckle(rng, color).astype(np.float32)
    mortar = np.full(3, rng.uniform(100, 200))
    for i in range(rows):
        part = np.roll(image[i * SIZE // rows : (i + 1) * SIZE // rows], 0, 1)
        for j in range(cols):
            brick = part[:, j * SIZE // cols : (j + 1) * SIZE // cols]
            brick *= rng.uniform(0.7, 1.2)
            brick[:, :4] = mortar
        part[:4] = mortar
        image[i * SIZE // rows : (i + 1) * SIZE // rows] = np.roll(part, (i % 2) * SIZE // cols // 2, 1)
    return np.clip(image, 0, 255).astype(np.uint8)


def weave(rng: np.random.Generator, color: Color) -> np.ndarray:
    """Paint a texture of weave."""
    n = int(rng.choice([16, 32, 64]))
    x = np.sin(np.arange(SIZE) / SIZE * 2 * np.pi * n)
    value = 0.5 + 0.25 * np.outer(x, np.ones(SIZE)) * np.sign(x) + 0.3 * (noise(rng, 16, 4) - 0.5)
    return _colored(value.astype(np.float32), *_pair(rng, color, float(rng.uniform(0.05, 0.3))))


def stripes(rng: np.random.Generator, color: Color) -> np.ndarray:
    """Paint a texture of stripes."""
    n = int(rng.choice([2, 4, 8, 16]))
    other = np.clip(color * rng.uniform(0.4, 1.5) + rng.normal(0, 0.1, 3), 0.02, 1)
    mask = ((np.arange(SIZE) * n * 2 // SIZE) % 2).astype(np.float32)[None].repeat(SIZE, 0)
    return _colored(np.clip(mask + 0.15 * (noise(rng, 16, 3) - 0.5), 0, 1), color, other)


def checks(rng: np.random.Generator, color: Color) -> np.ndarray:
    """Paint a texture of checks."""
    n = int(rng.choice([1, 2, 4, 8]))
    other = np.clip(color * rng.uniform(0.3, 1.8), 0.02, 1)
    s = np.arange(SIZE) * n * 2 // SIZE
    mask = ((s[:, None] + s[None]) % 2).astype(np.float32)
    return _colored(np.clip(mask + 0.15 * (noise(rng, 16, 3) - 0.5), 0, 1), color, other)


def blotches(rng: np.random.Generator, color: Color) -> np.ndarray:
    """Paint a texture of blotches."""
    other = np.clip(color * rng.uniform(0.6, 1.3) + rng.normal(0, 0.03, 3), 0.02, 1)
    grain = 0.3 * (rng.random((SIZE, SIZE), dtype=np.float32) - 0.5)
    return _colored(np.clip((noise(rng, 8, 5) - 0.5) * 2 + 0.5 + grain, 0, 1), color, other)


def print_page(rng: np.random.Generator, color: Color) -> np.ndarray:
    """Paint lines resembling text and a picture.

    Paper, screens, posters, packages.
    """
    image = np.empty((SIZE, SIZE, 3), np.float32)
    image[:] = color * 255
    ink = np.clip(rng.uniform(0, 0.3, 3) if color.mean() > 0.4 else rng.uniform(0.6, 1, 3), 0, 1) * 255
    y = int(rng.integers(8, 30))
    while y < SIZE - 12:
        if rng.random() < 0.12:
            h, x0, x1 = int(rng.integers(20, 80)), int(rng.integers(8, 100)), int(rng.integers(130, 248))
            tone = rng.uniform(40, 220) + (rng.uniform(0, 255, 3) - 128) * rng.choice([0.2, 0.5, 0.8])
            part = image[y : y + h, x0:x1]
            part[:] = tone * (0.35 + noise(rng, 4, 5)[y : y + h, x0:x1, None])
            y += h + 6
        else:
            h, x = int(rng.choice([1, 2, 2, 3, 4, 7, 12])), int(rng.integers(8, 24))
            while x < SIZE - 20 and rng.random() < 0.95:
                w = int(rng.integers(2, 8)) * max(h // 2, 1) + 2
                for k in range(x, min(x + w, SIZE - 8), max(h, 2)):
                    image[y : y + h, k : k + max(h - 1, 1)] = ink if rng.random() < 0.8 else (ink + color * 255) / 2
                x += w + max(h // 2, 2)
            y += h + int(rng.integers(3, 9))
    return np.clip(image, 0, 255).astype(np.uint8)


RECIPES: dict[str, tuple[Callable[[np.random.Generator, Color], np.ndarray], ...]] = {
    "wall": (paint, paint, speckle, stripes, checks),
    "floor": (planks, tiles, speckle, weave),
    "wood": (wood, wood, planks),
    "fabric": (weave, weave, speckle, stripes, checks, blotches),
    "tiles": (tiles,),
    "brick": (bricks,),
    "ground": (speckle, speckle, blotches),
    "plain": (paint, speckle),
    "print": (print_page,),
}


def make(rng: np.random.Generator, recipe: str, color: Color) -> np.ndarray:
    """Make a texture of a recipe in about `color` (sRGB 0..1), (256, 256, 3) uint8."""
    kinds = RECIPES[recipe]
    return kinds[int(rng.integers(len(kinds)))](rng, np.asarray(color, np.float64))
