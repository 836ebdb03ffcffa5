"""Depth sources that compute depth from a frame."""

from collections.abc import Callable
from typing import Any

import numpy as np

from mono.geometry.canonical import CanonicalTransform


class ModelSettings:
    """What `slam` notes of a model."""

    checksum, precision = "0" * 64, "float32"
    transform = CanonicalTransform((64, 96))

    def __init__(self) -> None:
        self.architecture: dict[str, Any] = {}


class DepthBy:
    """Depth of a sample by a function, or of its image if `images`."""

    def __init__(self, function: Callable[[Any], np.ndarray], images: bool = False) -> None:
        self.function, self.reads_images = function, images
        self.cameras: list[Any] = []

    def has(self, sample) -> bool:
        return True

    def depth(self, sample, camera, rgb=None) -> np.ndarray:
        self.cameras.append(camera)
        if not self.reads_images:
            return self.function(sample)
        return self.function(sample.read().rgb if rgb is None else rgb)
