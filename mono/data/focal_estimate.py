"""Focal length from the picture alone: estimates with their standard error, and their mean."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mono.model.checkpoint import CheckpointError, weight_folders
from mono.system.files import sha256

if TYPE_CHECKING:
    from mono.io.video import Video
    from mono.model.focal_network import FocalNetwork

FILE = "focal.safetensors"
_FRAMES = 12  # of a video


@dataclass(frozen=True)
class FocalEstimate:
    """Estimated angle of view of an image, whatever its size in pixels.

    Attributes:
        tangent: ln tan of half the diagonal angle of view.
        error: standard error of ln(focal length); 0.1 is about 10 %.
    """

    tangent: float
    error: float

    def focal(self, width: int, height: int) -> float:
        """Return the focal length for an image size [px]."""
        return math.hypot(width, height) / 2 / math.exp(self.tangent)


def find_weights() -> Path:
    """Find the file with the network's weights.

    Raises:
        CheckpointError: there is none; the message says what to do without.
    """
    for folder in weight_folders():
        if (folder / FILE).is_file():
            return folder / FILE
    raise CheckpointError(
        f"there is no weight/{FILE} to estimate focal lengths with: install metricdepth again, or assume a field of "
        "view (--assume-fov 60)"
    )


@functools.lru_cache(maxsize=1)
def weights_checksum() -> str:
    """Compute the SHA-256 of the network's weights; "" where there are none."""
    try:
        return sha256(find_weights())
    except CheckpointError:
        return ""


@functools.lru_cache(maxsize=1)
def _network() -> FocalNetwork:
    from mono.model.focal_network import load_focal_network

    return load_focal_network(find_weights())


def network_pixels(rgb: np.ndarray) -> np.ndarray:
    """Resize an image to the network's input, (H, W, 3) uint8.

    Args:
        rgb: (height, width, 3) uint8.
    """
    import cv2

    from mono.model.focal_network import input_size

    size = input_size(rgb.shape[1], rgb.shape[0])
    step = max(min(rgb.shape[1] // (4 * size[0]), rgb.shape[0] // (4 * size[1])), 1)
    rgb = np.ascontiguousarray(rgb[step // 2 :: step, step // 2 :: step]) if step > 1 else rgb
    smaller = rgb.shape[1] > size[0]
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)


def estimate_focal(rgb: np.ndarray) -> FocalEstimate:
    """Estimate the angle of view of an image, as the mean over it and its mirror image.

    Args:
        rgb: (height, width, 3) uint8, upright.

    Raises:
        CheckpointError: the weights are missing or damaged.
    """
    import torch

    from mono.model.focal_network import MEAN, STD

    network, pixels = _network(), network_pixels(rgb)
    both = torch.from_numpy(np.stack([pixels, pixels[:, ::-1]])).permute(0, 3, 1, 2).float()
    with torch.inference_mode():
        tangent, scale = network((both - MEAN) / STD)
        return _rounded(float(tangent.mean()), float(scale.mean() * network.calibration[0]))


def _rounded(tangent: float, error: float) -> FocalEstimate:
    """Build an estimate that does not depend on the order of sums."""
    return FocalEstimate(round(tangent, 4), round(error, 4))


def pool(estimates: Sequence[FocalEstimate]) -> FocalEstimate:
    """Average the estimates for images of one camera, weighted by their precision.

    Args:
        estimates: at least one.

    Returns:
        Mean in ln(focal length). Its error falls with the number of images only as far as their errors are their own.
    """
    weights = np.array([1 / e.error**2 for e in estimates])
    weights /= weights.sum()
    errors = np.array([e.error for e in estimates])
    shared = float(_network().calibration[1])
    variance = shared * float(weights @ errors) ** 2 + (1 - shared) * float((weights**2) @ errors**2)
    return _rounded(float(weights @ np.array([e.tangent for e in estimates])), math.sqrt(variance))


@functools.lru_cache(maxsize=4)
def estimate_video_focal(video: Video) -> FocalEstimate:
    """Estimate the angle of view of a video from up to 12 frames, evenly spread.

    Raises:
        MetricDepthError: none of them can be decoded, or the weights are missing or damaged.
    """
    from mono.io.video import VideoError

    estimates, problem = [], None
    for i in np.linspace(0, len(video) - 1, min(_FRAMES, len(video))).round().astype(int):
        try:
            frame = video.frame(int(i))
        except VideoError as error:
            problem = error
            continue
        estimates.append(estimate_focal(frame))
    if problem is not None and not estimates:
        raise problem
    return pool(estimates)
