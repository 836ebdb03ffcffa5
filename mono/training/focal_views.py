"""Images of known cameras, and parts of them with the angles of view of photographs."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from mono.data.annotations import load_annotations, read_entries
from mono.data.image_header import read_image_header
from mono.data.sample import Sample
from mono.model.focal_network import MEAN, STD, input_size
from mono.system.errors import MetricDepthError
from mono.training.data.augment import augment
from mono.training.data.images import parse_source

logger = logging.getLogger(__name__)
_DIAGONAL = 21.63  # [mm], half of a 35-mm frame's
_SMALLEST = 64  # [px], longer side of the smallest crop


@dataclass(frozen=True)
class View:
    """Image of a known camera.

    Attributes:
        rgb: image file's bytes.
        size: (width, height) [px].
        focal: focal length [px].
        center: principal point [px].
        scene: what it shares with other views.
    """

    rgb: bytes
    size: tuple[int, int]
    focal: float
    center: tuple[float, float]
    scene: str

    @property
    def aspect(self) -> float:
        """Return width over height."""
        return self.size[0] / self.size[1]


def read_views(sources: Sequence[str | Path]) -> list[list[View]]:
    """Read the images of annotation files, a list for each file; warn of those that cannot be read.

    Raises:
        MetricDepthError: a file is invalid, an entry has no camera, or no image of a file can be read.
    """
    lists = []
    for source in sources:
        path, _ = parse_source(str(source))
        samples = load_annotations(path)
        views = []
        for sample, entry in zip(samples, read_entries(path), strict=True):
            if sample.intrinsics is None:
                raise MetricDepthError(
                    f"{path}: {sample.source} has no cam_in; training needs the camera of each image"
                )
            try:
                views.append(_view(sample, sample.intrinsics, str(entry.get("scene", sample.name))))
            except (MetricDepthError, OSError) as error:
                logger.warning("%s; this image is left out", error)
        if not views:
            raise MetricDepthError(f"{path} lists no images that can be read")
        lists.append(views)
    return lists


def _view(sample: Sample, intrinsics: tuple[float, float, float, float], scene: str) -> View:
    fx, fy, cx, cy = intrinsics
    size, data = read_image_header(sample.rgb).size, sample.rgb.read_bytes()
    if cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_8) is None:
        raise MetricDepthError(f"{sample.rgb}: cannot be decoded here: convert it to JPEG or PNG")
    return View(data, size, math.sqrt(fx * fy), (cx, cy), scene)


def draw_tangent(rng: Generator) -> float:
    """Draw tan of half the diagonal angle of view, as photographs have it."""
    kind = rng.random()
    if kind < 0.55:
        focal = math.log(29) + rng.normal(0, 0.15)
    elif kind < 0.8:
        focal = rng.uniform(math.log(18), math.log(60))
    else:
        focal = rng.uniform(math.log(14), math.log(160))
    return _DIAGONAL / math.exp(focal)


def crop_of(view: View, aspect: float, rng: Generator) -> tuple[int, int, int, int]:
    """Choose a part of a view.

    Args:
        view: the view.
        aspect: width over height of the part.
        rng: random generator.

    Returns:
        (left, top, width, height) [px].
    """
    width, height = view.size
    wide = min(width, height * aspect)
    high = wide / aspect
    if rng.random() < 0.85:
        share = 2 * view.focal * draw_tangent(rng) / math.hypot(wide, high)
        share = min(max(share, _SMALLEST / max(wide, high)), 1.0)
        wide, high = share * wide, share * high
    shift = rng.normal(0, 0.01, 2) if rng.random() < 0.8 else rng.uniform(-0.1, 0.1, 2)
    left = min(max(view.center[0] + 0.5 + (shift[0] - 0.5) * wide, 0), width - wide)
    top = min(max(view.center[1] + 0.5 + (shift[1] - 0.5) * high, 0), height - high)
    return round(left), round(top), round(wide), round(high)


def read_part(view: View, aspect: float, rng: Generator, change: bool = True) -> tuple[np.ndarray, float]:
    """Cut, resize and augment a part of a view.

    Args:
        view: the view.
        aspect: width over height of the part.
        rng: random generator of part and augmentation.
        change: augment it.

    Returns:
        (H, W, 3) uint8 RGB of the network's input size, and ln tan of half its diagonal angle of view.
    """
    left, top, wide, high = crop_of(view, aspect, rng)
    image = cv2.imdecode(np.frombuffer(view.rgb, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None  # tried when it was read
    part = image[top : top + high, left : left + wide, ::-1]
    size = input_size(round(1000 * aspect), 1000)
    if change and rng.random() < 0.5:  # sharpness must not tell the angle
        share = min(rng.uniform(0.55, 1.0) * size[0] / part.shape[1], 1.0)
        part = cv2.resize(part, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    smaller = part.shape[1] > size[0]
    part = cv2.resize(part, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    if change:
        part = np.ascontiguousarray(part)
        part = augment(_mix_colors(part, rng) if rng.random() < 0.6 else part, rng)
        part = part[:, ::-1] if rng.random() < 0.5 else part
    return np.ascontiguousarray(part), math.log(math.hypot(wide, high) / 2 / view.focal)


def _mix_colors(rgb: np.ndarray, rng: Generator) -> np.ndarray:
    """Mix or exchange color channels: colors must not tell which place it is."""
    if rng.random() < 0.25:
        return cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    matrix = np.eye(3) + rng.normal(0, 0.12, (3, 3))
    if rng.random() < 0.3:
        matrix = matrix[rng.permutation(3)]
    return cv2.transform(rgb, matrix / matrix.sum(1, keepdims=True))


def to_tensor(parts: Sequence[np.ndarray]) -> Tensor:
    """Stack and normalize images of one size."""
    return (torch.from_numpy(np.stack(parts)).permute(0, 3, 1, 2).float() - MEAN) / STD
