"""Small images, depth maps and text files, for miniatures of datasets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def random_image(path: Path, width: int = 32, height: int = 24, seed: int = 0) -> Path:
    """An image of random colours, no two seeds alike."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rgb = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(rgb).save(path)
    return path


def stored_depth(path: Path, value: int, width: int = 32, height: int = 24) -> Path:
    """A 16-bit PNG of one value, without depth in its first row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.full((height, width), value, np.uint16)
    values[0] = 0
    Image.fromarray(values).save(path)
    return path


def text(path: Path, content: str) -> Path:
    """A text file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path
