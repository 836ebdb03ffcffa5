"""Photos that the app holds: read from uploads, kept in memory within a bound."""

from __future__ import annotations

import re
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np

from mono.data.camera_source import CameraResolver, ResolvedCamera, Source
from mono.geometry.camera import Camera
from mono.geometry.undistortion import Undistortion, undistortion
from mono.inference.prediction import Prediction
from mono.io.images import image_cost, read_image_bytes
from mono.system.errors import MetricDepthError

MAX_UPLOAD = 40_000_000  # [bytes]
MAX_SIDE = 2048  # [px] of a photo in the app; larger ones are shrunk
MAX_DECODING = 700_000_000  # [bytes] of memory
_FACTORS = (0.02, 50.0)  # of the focal length and of the scale


@dataclass(frozen=True)
class OpenPhoto:
    """Photo with its prediction.

    Attributes:
        name: name for people; never a path.
        rgb: (H, W, 3) uint8.
        prediction: depth at the photo's size.
        model: name of the model.
        seconds: time of the prediction [s].
        extra: values of a project file: focal length, scale and measurements.
        camera_file: file that the camera came from, which may hold calibrations of models.
    """

    name: str
    rgb: np.ndarray
    prediction: Prediction
    model: str
    seconds: float = 0.0
    extra: dict[str, object] | None = None
    camera_file: Path | None = None

    def changed(self, focal_px: float | None, scale: float) -> Prediction:
        """Return the prediction with another focal length and scale.

        Args:
            focal_px: mean focal length [px]; depth scales with it. None: as predicted.
            scale: factor of all distances, from a known length.

        Raises:
            MetricDepthError: a number is out of range.
        """
        prediction, ratio = self.prediction, self.focal_ratio(focal_px, scale)
        depth = prediction.depth * np.float32(ratio * scale)
        if abs(ratio - 1) < 1e-6 and scale == 1:
            return prediction
        return replace(prediction, depth=depth, **self._given(ratio).prediction_fields())

    def resolved(self, focal_px: float | None = None) -> ResolvedCamera:
        """Return the camera, to predict the photo again.

        Args:
            focal_px: mean focal length [px]; None: that of the photo, with its source and error.

        Raises:
            MetricDepthError: the focal length is out of range.
        """
        p, ratio = self.prediction, self.focal_ratio(focal_px)
        if abs(ratio - 1) >= 1e-6:
            return self._given(ratio)
        return ResolvedCamera(p.camera, cast(Source, p.camera_source), p.camera_detail, self.camera_file, p.focal_error)

    def _given(self, ratio: float) -> ResolvedCamera:
        """Return the camera with the user's focal length.

        What was given, or fixed by a known length, adds no error of an assumed focal length.
        """
        p, camera = self.prediction, self.prediction.camera
        camera = replace(camera, fx=camera.fx * ratio, fy=camera.fy * ratio)
        detail = f"given in the app (was {p.camera_source}: {p.camera_detail})"
        return ResolvedCamera(camera, "given", detail, self.camera_file)

    def focal_ratio(self, focal_px: float | None, scale: float = 1.0) -> float:
        """Return the factor that a focal length is of the photo's own.

        Raises:
            MetricDepthError: it or the scale is out of range.
        """
        ratio = 1.0 if focal_px is None else focal_px / self.prediction.camera.focal
        for name, value in (("focal length", ratio), ("scale", scale)):
            if not _FACTORS[0] <= value <= _FACTORS[1]:
                raise MetricDepthError(f"the {name} is changed by a factor of {value:g}; give {_FACTORS[0]:g} to 50")
        return ratio

    @property
    def bytes(self) -> int:
        """Count the memory of the arrays."""
        p = self.prediction
        arrays = (self.rgb, p.depth, p.confidence, p.normal, p.normal_confidence, p.sky)
        return sum(array.nbytes for array in arrays if array is not None)


class PhotoStore:
    """Open photos under random names; the least recently used leave when memory is full."""

    def __init__(self, max_bytes: int = 500_000_000) -> None:
        """Make an empty store of at most `max_bytes`, one photo aside."""
        self._photos: OrderedDict[str, OpenPhoto] = OrderedDict()
        self._max_bytes, self._bytes, self._lock = max_bytes, 0, threading.Lock()

    def __len__(self) -> int:
        """Return the number of photos."""
        return len(self._photos)

    def add(self, photo: OpenPhoto) -> str:
        """Keep a photo and return its random id."""
        key = secrets.token_urlsafe(16)
        with self._lock:
            self._photos[key] = photo
            self._bytes += photo.bytes
            while self._bytes > self._max_bytes and len(self._photos) > 1:
                self._bytes -= self._photos.popitem(last=False)[1].bytes
        return key

    def get(self, key: str) -> OpenPhoto | None:
        """Return a photo, or None if it is not held any more."""
        with self._lock:
            if key in self._photos:
                self._photos.move_to_end(key)
            return self._photos.get(key)


def clean_name(name: str) -> str:
    """Reduce a name from a browser to its last part, printable and short."""
    last = re.split(r"[\\/]", name)[-1]
    return "".join(c for c in last if c.isprintable())[:80].strip() or "photo"


def read_upload(data: bytes, name: str, resolver: CameraResolver) -> tuple[np.ndarray, ResolvedCamera]:
    """Read the bytes of an image file.

    Args:
        data: content of the file.
        name: its name, for messages.
        resolver: source of the camera.

    Returns:
        The photo, (H, W, 3) uint8, undistorted and of at most `MAX_SIDE` pixels on a side, and its camera.

    Raises:
        MetricDepthError: it is no image that can be used.
    """
    if image_cost(data) > MAX_DECODING:
        raise MetricDepthError(f"{name}: is too large an image for the app; make it smaller first")
    photo = read_image_bytes(data, name)
    found = resolver.resolve_for(None, photo)
    flat = flattening(name, found.camera)
    rgb, camera = shrink(flat.image_to_pinhole(photo.rgb), flat.pinhole)
    return rgb, replace(found, camera=camera)


def flattening(name: str, camera: Camera) -> Undistortion:
    """Find the mapping to the ideal pinhole that the app shows and measures.

    Args:
        name: name of the photo, for messages.
        camera: its camera.

    Raises:
        MetricDepthError: the camera is a fisheye or panorama that no single pinhole shows.
    """
    if camera.depth_kind == "ray":
        raise MetricDepthError(
            f"{name}: its camera ({camera.model}) sees more than 100 degrees, and the app shows perspective photos; "
            "metricdepth predict --save depth,vis,pcd handles fisheyes and panoramas"
        )
    return undistortion(camera)


def shrink(rgb: np.ndarray, camera: Camera) -> tuple[np.ndarray, Camera]:
    """Shrink a photo and its camera to at most `MAX_SIDE` pixels on a side."""
    import cv2

    ratio = MAX_SIDE / max(rgb.shape[:2])
    if ratio >= 1:
        return rgb, camera
    size = (max(8, round(rgb.shape[1] * ratio)), max(8, round(rgb.shape[0] * ratio)))
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), camera.resized(*size)
