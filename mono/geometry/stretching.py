"""Resize images, to multiples of a patch size without padding as Depth Anything 3 does, and maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

Size = tuple[int, int]


def stretched_sizes(size: Size, crop: Size, multiple: int) -> tuple[Size, Size]:
    """Compute the two sizes that an image is resized to.

    Args:
        size: (height, width) of the image [px].
        crop: (height, width) that it is fitted into [px].
        multiple: the second size's sides are multiples of it [px].

    Returns:
        (height, width) of the fitted image, and of that with each side at the nearest multiple, which is 0 for a side
        that vanishes.
    """
    ratio = min(crop[0] / size[0], crop[1] / size[1])
    height, width = (max(1, round(side * ratio)) for side in size)
    half = multiple // 2
    return (height, width), ((height + half) // multiple * multiple, (width + half) // multiple * multiple)


def resize_smoothly(rgb: np.ndarray, *sizes: Size) -> np.ndarray:
    """Resize an image to each (height, width) in turn: area averages, or bicubic where a side grows."""
    import cv2

    for height, width in sizes:
        if rgb.shape[:2] != (height, width):
            grows = height > rgb.shape[0] or width > rgb.shape[1]
            rgb = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_CUBIC if grows else cv2.INTER_AREA)
    return rgb


def resize_bilinearly(values: Tensor, height: int, width: int) -> Tensor:
    """Resize maps (C, H, W); on a CPU by OpenCV, which takes less time for the same."""
    import cv2
    import torch
    import torch.nn.functional as F

    if values.device.type != "cpu" or values.dtype != torch.float32 or values.requires_grad:
        return F.interpolate(values[None], (height, width), mode="bilinear", align_corners=False)[0]
    resized = values.new_empty(len(values), height, width)
    for plane, out in zip(values.numpy(), resized.numpy(), strict=True):
        cv2.resize(plane, (width, height), dst=out, interpolation=cv2.INTER_LINEAR)
    return resized
