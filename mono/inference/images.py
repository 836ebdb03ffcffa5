"""Turn the images and cameras that callers have into RGB arrays and resolved cameras."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

import numpy as np

from mono.data.camera_source import CameraResolver, ResolvedCamera
from mono.data.intrinsics import check_camera, warn_once
from mono.data.panorama import may_be_panorama
from mono.data.sample import Sample
from mono.geometry.calibration import is_matrix
from mono.geometry.camera import Camera, as_camera
from mono.system.errors import MetricDepthError, one_line

if TYPE_CHECKING:
    import PIL.Image
    import torch

    from mono.io.images import Photo

    Pixels: TypeAlias = PIL.Image.Image | np.ndarray | torch.Tensor
    ImageLike: TypeAlias = str | os.PathLike[str] | bytes | BinaryIO | Pixels | "InputImage"
    Matrix: TypeAlias = np.ndarray | torch.Tensor | Sequence[Sequence[float]]
    CameraLike: TypeAlias = Camera | ResolvedCamera | Matrix | None

logger = logging.getLogger(__name__)
_ROUNDING = 1e-3  # beyond 0 and 1, less than half a step of 8 bits
_OVERSHOOT = 0.25  # beyond 0 and 1, more than resampling adds


@dataclass(frozen=True)
class InputImage:
    """Upright image and the file it came from.

    Attributes:
        photo: pixels and camera data.
        path: file that it was read from, if any.
    """

    photo: Photo
    path: Path | None = None

    @property
    def rgb(self) -> np.ndarray:
        """Return the pixels, (H, W, 3) uint8."""
        return self.photo.rgb


def read_input(image: ImageLike) -> InputImage:
    """Read an image from any form that `Predictor.predict` takes.

    Raises:
        MetricDepthError: it cannot be read, or is no RGB image; the message names shape, type or range.
    """
    import PIL.Image

    from mono.io.exif import read_exif_camera
    from mono.io.images import Photo, read_image, read_image_bytes, to_rgb

    if isinstance(image, InputImage):
        return image
    if isinstance(image, (str, os.PathLike)):
        return InputImage(read_image(Path(image)), Path(image))
    if isinstance(image, (bytes, bytearray, memoryview)):
        return InputImage(read_image_bytes(bytes(image)))
    if isinstance(image, np.ndarray):
        if image.ndim == 3 and image.shape[0] == 3 != image.shape[2]:
            return InputImage(Photo(_to_uint8(image.transpose(1, 2, 0), image.shape, "(3, H, W)")))
        return InputImage(Photo(_to_uint8(image, image.shape, "(H, W, 3)")))
    if callable(getattr(image, "read", None)):
        try:
            data = image.read()  # type: ignore[union-attr]
        except (OSError, ValueError) as error:  # as of a closed file
            raise MetricDepthError(
                f"the image file cannot be read: {one_line(error).rstrip('.')}; open it again"
            ) from error
        if not isinstance(data, (bytes, bytearray)):
            raise MetricDepthError(f"the image file gives {type(data).__name__}, not bytes; open it in binary mode")
        return InputImage(read_image_bytes(bytes(data), str(getattr(image, "name", "the image"))))
    if hasattr(image, "detach"):
        tensor = image.detach()
        try:
            values = (tensor.float() if tensor.is_floating_point() else tensor).cpu().numpy()
        except (NotImplementedError, RuntimeError, TypeError) as error:
            kind = f"{tensor.dtype} tensor on {tensor.device}"
            raise MetricDepthError(f"the image, a {kind}, has no pixels to read; give one with values") from error
        if values.ndim != 3 or values.shape[0] != 3:
            raise MetricDepthError(f"the image is a tensor {values.shape}; give (3, H, W), RGB; a batch as a list")
        return InputImage(Photo(_to_uint8(values.transpose(1, 2, 0), values.shape, "(3, H, W)")))
    if isinstance(image, PIL.Image.Image):
        return InputImage(Photo(to_rgb(image), read_exif_camera(image)))
    raise MetricDepthError(
        f"an image must be a path, bytes, an open file, a PIL image, an array or a tensor, not a {type(image).__name__}"
    )


def _to_uint8(rgb: np.ndarray, shape: tuple[int, ...], layout: str) -> np.ndarray:
    wanted = f"give {layout} RGB, uint8 or floats from 0 to 1"
    if rgb.ndim != 3 or rgb.shape[2] != 3 or not rgb.size:
        raise MetricDepthError(f"the image is {rgb.dtype} {shape}; {wanted}")
    if rgb.dtype == np.uint8:
        return np.ascontiguousarray(rgb)
    if rgb.dtype.kind != "f":
        raise MetricDepthError(f"the image is {rgb.dtype} {shape}; {wanted}, scaled to its brightest possible value")
    low, high = float(rgb.min()), float(rgb.max())
    if not np.isfinite([low, high]).all():
        raise MetricDepthError(f"the image, {rgb.dtype} {shape}, has values that are not finite; replace them")
    if low < -_ROUNDING or high > 1 + _ROUNDING:
        small = low >= -_OVERSHOOT and high <= 1 + _OVERSHOOT
        raise MetricDepthError(
            f"the image is {rgb.dtype} with values from {low:.6g} to {high:.6g}; floats are taken as RGB from 0 to 1: "
            + (
                "clip them, as after bicubic resizing"
                if small
                else "undo a normalization, divide values up to 255 by 255"
            )
        )
    return np.ascontiguousarray(np.rint(255 * rgb.astype(np.float32).clip(0, 1)).astype(np.uint8))


def resolve_camera(image: InputImage, camera: CameraLike) -> ResolvedCamera:
    """Resolve the camera of an image from any form that `Predictor.predict` takes.

    Args:
        image: the image.
        camera: its camera, a matrix for the size of its file; None: a camera file beside it, its EXIF data, or an
            assumed field of view.

    Raises:
        MetricDepthError: the camera does not fit the image; the message says why.
    """
    if isinstance(camera, ResolvedCamera):
        return camera
    height, width = image.rgb.shape[:2]
    if camera is None:
        sample = Sample(os.fspath(image.path), image.path, os.fspath(image.path)) if image.path else None
        found = CameraResolver().resolve_for(sample, image.photo)
        if found.source == "assumed" and not may_be_panorama(image.photo.full_size):  # those are warned of already
            _warn_of_assumption(image.path, found.detail)
        return found
    if isinstance(camera, Camera):
        check_camera(camera, "given camera")
        if image.photo.stored_size == (camera.width, camera.height):
            camera = camera.resized(width, height)
        return ResolvedCamera(as_camera(camera, width, height), "given", "given by the caller")
    intrinsics = as_camera(camera, *image.photo.full_size).intrinsics
    return CameraResolver(intrinsics=intrinsics).resolve_for(None, image.photo)


def _warn_of_assumption(path: Path | None, detail: str) -> None:
    """Warn of an assumed camera: for each file, and once for images without a name."""
    if path is None:
        warn_once(f"image: {detail}")
    else:
        logger.warning("%s: %s", path, detail)


@contextlib.contextmanager
def named_in_batch(index: int, count: int) -> Iterator[None]:
    """Add an image's index to errors about it.

    Args:
        index: place of the image in its batch, from 0.
        count: number of images in the batch; 1: errors stay as they are.

    Raises:
        MetricDepthError: the error of the image, of its own class.
    """
    try:
        yield
    except MetricDepthError as error:
        if count == 1:
            raise
        raise type(error)(f"image {index} of the batch, counted from 0: {error}") from error


def image_list(images: Sequence[ImageLike]) -> list[ImageLike]:
    """List the images of a batch.

    Raises:
        MetricDepthError: this is a single image.
    """
    single = isinstance(images, (str, os.PathLike, bytes, bytearray)) or hasattr(images, "read")
    if single or not hasattr(images, "__iter__") or getattr(images, "ndim", 4) == 3:
        raise MetricDepthError("images must be a list; for a single one use predict")
    return list(images)


def cameras_for_all(cameras: CameraLike | Sequence[CameraLike], count: int) -> Sequence[CameraLike]:
    """Give each of `count` images its camera.

    Args:
        cameras: one camera (or 3x3 matrix) for all images, a list with one for each, or None.
        count: number of images.

    Raises:
        MetricDepthError: the list has another length.
    """
    if cameras is None or isinstance(cameras, (Camera, ResolvedCamera)) or is_matrix(cameras):
        return [cameras] * count  # type: ignore[list-item]
    try:
        each = list(cameras)
    except TypeError:
        raise MetricDepthError(f"the cameras are {cameras!r}; give one camera for all, or a list") from None
    if len(each) != count:
        raise MetricDepthError(f"there are {count} images but {len(each)} cameras; give one for each, or one for all")
    return each
