"""The canonical camera transform (Metric3D, ICCV 2023, section 3.1), both ways and in one place.

A network that sees images of many cameras can only be metric if focal length does not matter to it. So every image is
brought to a canonical camera of focal length f_c. An image of focal length f, resized by r, shows a thing at depth d as
large as the canonical camera shows it at depth

    d_c = d * f_c / (f * r)

Label mode keeps r free (the image is fitted into the crop) and leaves the factor to the depth. Image mode chooses
r = f_c / f, so that the factor is 1. Both are the same equation, and it is applied exactly once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from mono.geometry.camera import Camera
from mono.system.errors import MetricDepthError

if TYPE_CHECKING:
    from torch import Tensor

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)
FARTHEST = 300.0  # [m], what is predicted beyond is invalid, as in the published evaluation


@dataclass(frozen=True)
class CanonicalView:
    """One camera's way into the canonical camera and back: what was done to an image, so that it can be undone.

    Attributes:
        camera: the camera of the original image.
        size: (height, width) of the resized image [px].
        padding: (top, bottom, left, right) around the resized image [px].
        depth_factor: canonical depth = metric depth * depth_factor, f_c / (f * r). The published code calls it
            label_scale_factor.
        mean, std: normalisation of RGB on the 0-255 scale. The padding has the mean colour, rounded.
    """

    camera: Camera
    size: tuple[int, int]
    padding: tuple[int, int, int, int]
    depth_factor: float
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    @property
    def input_size(self) -> tuple[int, int]:
        """(height, width) of the network's input [px]."""
        top, bottom, left, right = self.padding
        return self.size[0] + top + bottom, self.size[1] + left + right

    @property
    def input_camera(self) -> Camera:
        """The camera of the network's input: the original one resized and padded (not yet canonical)."""
        top, bottom, left, right = self.padding
        return self.camera.resized(self.size[1], self.size[0]).padded(left, top, right, bottom)

    @property
    def principal_point(self) -> tuple[float, float]:
        """(cx, cy) in the network's input [px]."""
        camera = self.input_camera
        return camera.cx, camera.cy

    def image_to_input(self, rgb: np.ndarray) -> np.ndarray:
        """Resizes, pads and normalises an image.

        Args:
            rgb: (height, width, 3) uint8 of the camera's size.

        Returns:
            (3, H, W) float32, of `input_size`.

        Raises:
            ValueError: the image does not have the camera's size.
        """
        import cv2

        expected = (self.camera.height, self.camera.width)
        if rgb.shape[:2] != expected:
            raise MetricDepthError(f"image is {rgb.shape[1]}x{rgb.shape[0]} but its camera {expected[1]}x{expected[0]}")
        top, bottom, left, right = self.padding
        resized = cv2.resize(rgb, self.size[::-1], interpolation=cv2.INTER_LINEAR)
        border = cv2.BORDER_CONSTANT
        padded = cv2.copyMakeBorder(resized, top, bottom, left, right, border, value=[round(m) for m in self.mean])
        scale, offset = 1 / np.array(self.std, np.float32), np.array(self.mean, np.float32)
        planes = np.empty((3, *padded.shape[:2]), np.float32)
        for plane, channel, mean, factor in zip(planes, cv2.split(padded), offset, scale, strict=True):
            np.subtract(channel, mean, out=plane)
            plane *= factor
        return planes

    def depth_to_canonical(self, depth: np.ndarray) -> np.ndarray:
        """Metric depth [m] (height, width) to what a network should say, (H, W) float32; 0 where there is none.

        Ground truth is looked up at the nearest pixel and never interpolated.
        """
        import cv2

        height, width = self.size
        top, bottom, left, right = self.padding
        resized = cv2.resize(depth.astype(np.float32), (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
        return np.pad(resized * np.float32(self.depth_factor), ((top, bottom), (left, right)))

    def map_to_image(self, values: Tensor) -> Tensor:
        """Cuts the padding off a map (C, H, W) of the input and resizes it bilinearly to the image, (C, height, width).

        Raises:
            ValueError: the map does not have the input's size.
        """
        import torch.nn.functional as F

        if tuple(values.shape[-2:]) != self.input_size:
            raise MetricDepthError(
                f"the network gave a map of {tuple(values.shape[-2:])} for an input of {self.input_size}"
            )
        height, width = self.size
        top, _, left, _ = self.padding
        cut = values[..., top : top + height, left : left + width]
        original = (self.camera.height, self.camera.width)
        return F.interpolate(cut[None], original, mode="bilinear", align_corners=False)[0]

    def depth_to_metric(self, canonical: Tensor) -> Tensor:
        """Canonical depth (1, H, W) to metric depth [m] of the original image, (height, width).

        What is not between 0 and 300 m, or not a number, becomes 0: invalid.
        """
        depth = self.map_to_image(canonical)[0] / self.depth_factor
        return depth.where((depth > 0) & (depth < FARTHEST), depth.new_zeros(()))

    def normal_to_canonical(self, normal: np.ndarray) -> np.ndarray:
        """Normals (height, width, 3) of the image to what a network should say, (3, H, W) float32; 0 in the padding.

        Resizing, cropping and padding move no axis of the camera's frame: directions stay as they are, only the pixels
        that they belong to change. They are looked up at the nearest pixel and never interpolated.
        """
        import cv2

        height, width = self.size
        top, bottom, left, right = self.padding
        resized = cv2.resize(normal.astype(np.float32), (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
        return np.pad(resized.transpose(2, 0, 1), ((0, 0), (top, bottom), (left, right)))

    def normal_to_image(self, normal: Tensor) -> Tensor:
        """Normals (3, H, W) of the input to those of the original image, (height, width, 3), of unit length again.

        Where the normals around a pixel cancel out, or are not numbers, there is none: 0.
        """
        values = self.map_to_image(normal).permute(1, 2, 0).contiguous()
        length = values.norm(dim=2, keepdim=True)
        return (values / length).where((length > 1e-6) & length.isfinite(), values.new_zeros(()))


@dataclass(frozen=True)
class CanonicalTransform:
    """How images are brought to the canonical camera.

    Attributes:
        crop_size: (height, width) the resized image is fitted into [px].
        focal_length: of the canonical camera [px].
        mode: "label" resizes the image as large as the crop allows; "image" resizes it to the canonical focal length,
            as far as the crop allows: what the crop does not allow stays in the depth factor, so that both modes always
            give the same metres for a perfect network.
        fit: "pad" fills up to the crop, as the published networks were evaluated; "tight" pads only to the next
            multiple of `multiple`.
        multiple: what the network wants its input size to be a multiple of [px].
        mean, std: normalisation of RGB on the 0-255 scale.

    Raises:
        ValueError: a size, focal length or name is out of range.
    """

    crop_size: tuple[int, int]
    focal_length: float = 1000.0
    mode: Literal["label", "image"] = "label"
    fit: Literal["pad", "tight"] = "pad"
    multiple: int = 32
    mean: tuple[float, float, float] = field(default=IMAGENET_MEAN)
    std: tuple[float, float, float] = field(default=IMAGENET_STD)

    def __post_init__(self) -> None:
        if len(self.crop_size) != 2 or any(int(n) != n or n < 1 for n in self.crop_size):
            raise MetricDepthError(f"crop_size is {self.crop_size}; it must be (height, width) in pixels")
        if not self.focal_length > 0:
            raise MetricDepthError(f"the canonical focal length is {self.focal_length}; it must be positive")
        if self.mode not in ("label", "image"):
            raise MetricDepthError(f'mode is "{self.mode}"; it must be "label" or "image"')
        if self.fit not in ("pad", "tight"):
            raise MetricDepthError(f'fit is "{self.fit}"; it must be "pad" or "tight"')

    def view(self, camera: Camera) -> CanonicalView:
        """The way in and back for images of `camera`.

        Raises:
            ValueError: the image is so long that its short side would vanish in the crop.
        """
        crop_height, crop_width = self.crop_size
        ratio = min(crop_height / camera.height, crop_width / camera.width)
        if self.mode == "image":
            ratio = min(ratio, self.focal_length / camera.focal)
        # A ratio like 480 / 480 * 640 may come out a hair below a whole number: that is no pixel less.
        height, width = int(camera.height * ratio + 1e-9), int(camera.width * ratio + 1e-9)
        if min(height, width) < 1:
            raise MetricDepthError(
                f"a {camera.width}x{camera.height} image does not fit the network's {crop_width}x{crop_height} input: "
                f"its short side would be less than a pixel; crop the image"
            )
        if self.fit == "tight":
            full_height, full_width = (-(-n // self.multiple) * self.multiple for n in (height, width))
        else:
            full_height, full_width = crop_height, crop_width
        top, left = (full_height - height) // 2, (full_width - width) // 2
        return CanonicalView(
            camera=camera,
            size=(height, width),
            padding=(top, full_height - height - top, left, full_width - width - left),
            depth_factor=self.focal_length / (camera.focal * ratio),
            mean=self.mean,
            std=self.std,
        )
