"""The canonical camera transform and its inverse (Metric3D, ICCV 2023, section 3.1).

A network that sees images of many cameras can only be metric if focal length does not matter to it. So every image is
brought to a canonical camera of focal length f_c. An image of focal length f, resized by r, shows an object at depth d
as large as the canonical camera shows it at depth

    d_c = d * f_c / (f * r)

Label mode keeps r free (the image is fitted into the crop) and leaves the factor to the depth. Image mode chooses
r = f_c / f, so that the factor is 1. Both are the same equation, and it is applied exactly once.

Networks know square pixels only: where fx and fy differ, the axes are resized by factors of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from mono.geometry.camera import Camera
from mono.geometry.stretching import resize_bilinearly, resize_smoothly, stretched_sizes
from mono.system.errors import MetricDepthError

if TYPE_CHECKING:
    from torch import Tensor

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)
FARTHEST = 300.0  # [m], predictions beyond are invalid, as in the published evaluation
LARGEST_STRETCH = 1.025  # ratio of fx and fy up to which pixels count as square, as in the published evaluation


@dataclass(frozen=True)
class CanonicalView:
    """Mapping between images of one camera and the network input, and back.

    Attributes:
        camera: camera of the original image.
        size: (height, width) of the resized image [px].
        padding: (top, bottom, left, right) around the resized image [px].
        depth_factor: canonical depth = metric depth * depth_factor, f_c / (f * r). The published code calls it
            label_scale_factor.
        mean, std: normalization of RGB on the 0-255 scale. The padding has the mean color, rounded.
        fitted: (height, width) [px] before `size`, both by `resize_smoothly`; None: it is resized once, linearly.
        guided: True if the photo guides edges of maps that are brought back to it.
    """

    camera: Camera
    size: tuple[int, int]
    padding: tuple[int, int, int, int]
    depth_factor: float
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    fitted: tuple[int, int] | None = None
    guided: bool = False

    @property
    def input_size(self) -> tuple[int, int]:
        """Return (height, width) of the network input [px]."""
        top, bottom, left, right = self.padding
        return self.size[0] + top + bottom, self.size[1] + left + right

    @property
    def input_camera(self) -> Camera:
        """Return the camera of the network input: resized and padded, not yet canonical."""
        top, bottom, left, right = self.padding
        return self.camera.resized(self.size[1], self.size[0]).padded(left, top, right, bottom)

    @property
    def principal_point(self) -> tuple[float, float]:
        """Return (cx, cy) in the network input [px]."""
        camera = self.input_camera
        return camera.cx, camera.cy

    def image_to_input(self, rgb: np.ndarray) -> np.ndarray:
        """Resize, pad and normalize an image.

        Args:
            rgb: (height, width, 3) uint8 of the camera's size.

        Returns:
            (3, H, W) float32, of `input_size`.

        Raises:
            MetricDepthError: the image does not have the camera's size.
        """
        import cv2

        self.camera.require_size(rgb)
        top, bottom, left, right = self.padding
        rgb = resize_smoothly(rgb, self.fitted, self.size) if self.fitted else rgb
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
        """Convert metric depth to a target for the network.

        Ground truth is looked up at the nearest pixel and never interpolated.

        Args:
            depth: depth [m], (height, width), 0 where missing.

        Returns:
            Canonical depth (H, W) float32, 0 where missing and in the padding.
        """
        import cv2

        height, width = self.size
        top, bottom, left, right = self.padding
        resized = cv2.resize(depth.astype(np.float32), (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
        return np.pad(resized * np.float32(self.depth_factor), ((top, bottom), (left, right)))

    def without_padding(self, values: Tensor) -> Tensor:
        """Cut the padding off a map of the network input, (C, H, W).

        Raises:
            MetricDepthError: the map does not have the size of the network input.
        """
        found, (height, width), (top, _, left, _) = tuple(values.shape[-2:]), self.size, self.padding
        if found != self.input_size:
            raise MetricDepthError(f"the network returned a map of {found} for an input of {self.input_size}")
        return values[..., top : top + height, left : left + width]

    def map_to_image(self, values: Tensor) -> Tensor:
        """Resize a map of the network input, (C, H, W), to the image, bilinear; see `without_padding`."""
        return resize_bilinearly(self.without_padding(values), self.camera.height, self.camera.width)

    def depth_to_metric(self, canonical: Tensor) -> Tensor:
        """Convert canonical depth to metric depth of the image.

        Args:
            canonical: canonical depth of the network input, (1, H, W).

        Returns:
            Depth [m] of the original image, (height, width); 0 (invalid) unless between 0 and 300 m.
        """
        depth = self.map_to_image(canonical)[0].div_(self.depth_factor)
        if depth.device.type == "cpu" and depth.min() > 0 and depth.max() < FARTHEST:  # GPUs would wait for the answer
            return depth
        return depth.where((depth > 0) & (depth < FARTHEST), depth.new_zeros(()))

    def normal_to_image(self, normal: Tensor) -> Tensor:
        """Convert predicted normals to unit normals of the image.

        Args:
            normal: normals of the network input, (3, H, W).

        Returns:
            Unit normals of the original image, (height, width, 3); 0 where the normals around a pixel cancel out or
            are not numbers.
        """
        values = self.map_to_image(normal).permute(1, 2, 0).contiguous()
        length = values.norm(dim=2, keepdim=True)
        return (values / length).where((length > 1e-6) & length.isfinite(), values.new_zeros(()))


@dataclass(frozen=True)
class CanonicalTransform:
    """Settings that bring images to the canonical camera.

    Attributes:
        crop_size: (height, width) the resized image is fitted into [px].
        focal_length: focal length of the canonical camera [px].
        mode: "label" resizes the image as large as the crop allows; "image" resizes it to the canonical focal length,
            as far as the crop allows; the rest stays in the depth factor, so that both modes give the same meters for a
            perfect network.
        fit: "pad" fills up to the crop, as the published networks were evaluated; "tight" pads only to the next
            multiple of `multiple`; "stretch" resizes each side of the fitted image to the nearest multiple instead.
        multiple: the network input's sides are multiples of it [px].
        mean, std: normalization of RGB on the 0-255 scale.
        guided: True: edges of depth, confidence and sky come to lie where the photo has them, see `guided_upsampling`;
            else these maps are interpolated, as the published networks were evaluated.

    Raises:
        MetricDepthError: a size, focal length or name is out of range.
    """

    crop_size: tuple[int, int]
    focal_length: float = 1000.0
    mode: Literal["label", "image"] = "label"
    fit: Literal["pad", "tight", "stretch"] = "pad"
    multiple: int = 32
    mean: tuple[float, float, float] = field(default=IMAGENET_MEAN)
    std: tuple[float, float, float] = field(default=IMAGENET_STD)
    guided: bool = False

    def __post_init__(self) -> None:
        if len(self.crop_size) != 2 or any(int(n) != n or not 1 <= n <= 16384 for n in self.crop_size):
            raise MetricDepthError(f"crop_size is {self.crop_size}; it must be (height, width), 1 to 16384 pixels each")
        if not self.focal_length > 0:
            raise MetricDepthError(f"the canonical focal length is {self.focal_length}; it must be positive")
        if self.mode not in ("label", "image"):
            raise MetricDepthError(f'mode is "{self.mode}"; it must be "label" or "image"')
        if self.fit not in ("pad", "tight", "stretch"):
            raise MetricDepthError(f'fit is "{self.fit}"; it must be "pad", "tight" or "stretch"')
        if self.fit == "stretch" and self.mode == "image":
            raise MetricDepthError('fit "stretch" resizes images to the crop: it goes with mode "label"')

    def view(self, camera: Camera) -> CanonicalView:
        """Return the mapping between images of `camera` and the network input.

        Raises:
            MetricDepthError: the image is so long that its short side would vanish in the crop, or the camera is no
                ideal pinhole.
        """
        if camera.is_distorted:
            raise MetricDepthError(
                f"the camera ({camera.model}) has lens distortion; undistort its images first, by undistortion(camera)"
            )
        crop_height, crop_width = self.crop_size
        if self.fit == "stretch":
            fitted, size = stretched_sizes((camera.height, camera.width), self.crop_size, self.multiple)
            if min(size) < 1:
                raise self._too_long(camera)
            return replace(self.place(camera, size, size), fitted=fitted)
        focal, full_height, full_width = square_pixels(camera.fx, camera.fy, camera.height, camera.width)
        ratio = min(crop_height / full_height, crop_width / full_width)
        if self.mode == "image":
            ratio = min(ratio, self.focal_length / focal)
        # A ratio like 480 / 480 * 640 may come out a hair below a whole number: that is no pixel less. Ratios of focal
        # lengths may be known in single precision only.
        hair = 1e-9 if full_width == camera.width and full_height == camera.height else 1e-4
        height, width = int(full_height * ratio + hair), int(full_width * ratio + hair)
        if min(height, width) < 1:
            raise self._too_long(camera)
        canvas = self.crop_size
        if self.fit == "tight":
            canvas = (-(-height // self.multiple) * self.multiple, -(-width // self.multiple) * self.multiple)
        return self.place(camera, (height, width), canvas, focal * ratio)

    def _too_long(self, camera: Camera) -> MetricDepthError:
        return MetricDepthError(
            f"a {camera.width}x{camera.height} image does not fit the network's {self.crop_size[1]}x"
            f"{self.crop_size[0]} input: its short side would be less than a pixel; crop the image"
        )

    def place(
        self, camera: Camera, size: tuple[int, int], canvas: tuple[int, int], focal: float | None = None
    ) -> CanonicalView:
        """Return the mapping for a chosen size, centered in the network input.

        Args:
            camera: camera of the original image.
            size: (height, width) of the resized image [px].
            canvas: (height, width) of the network input [px].
            focal: focal length of the resized image [px]; None: as `size`, in whole pixels, makes it.
        """
        (height, width), (full_height, full_width) = size, canvas
        top, left = (full_height - height) // 2, (full_width - width) // 2
        return CanonicalView(
            camera=camera,
            size=(height, width),
            padding=(top, full_height - height - top, left, full_width - width - left),
            depth_factor=self.focal_length / (camera.resized(width, height).focal if focal is None else focal),
            mean=self.mean,
            std=self.std,
            guided=self.guided,
        )


def square_pixels(fx: float, fy: float, height: float, width: float) -> tuple[float, float, float]:
    """Return focal length, height and width [px], not rounded, of the image with square pixels.

    The axis with the shorter focal length is stretched. Up to a ratio of `LARGEST_STRETCH`, f is the mean of fx and fy.
    """
    focal = max(fx, fy)
    if focal <= LARGEST_STRETCH * min(fx, fy):
        return (fx + fy) / 2, height, width
    return focal, height * focal / fy, width * focal / fx
