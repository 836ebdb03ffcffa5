"""Compare exported files with their models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mono.conversion.signature import Signature
from mono.geometry.camera import Camera

if TYPE_CHECKING:
    from mono.inference.prediction import Prediction
    from mono.inference.predictor import Predictor

BOUND = 1e-3  # on |depth / eager depth - 1| and the differences of the other maps, at every pixel
HALF_BOUND = 5e-3  # on the median of these, for files in half precision
_REACH = 8  # [px] of the image, around pixels whose probability of sky is at the threshold
_CAMERAS = (
    Camera(fx=518.9, fy=519.5, cx=325.6, cy=253.7, width=640, height=480),
    Camera(fx=721.5, fy=721.5, cx=609.6, cy=172.9, width=1242, height=375),
    Camera(fx=301.0, fy=301.0, cx=180.0, cy=250.0, width=361, height=500),
)


@dataclass(frozen=True)
class Agreement:
    """Difference of a file's output from the model's, for a camera.

    Attributes:
        size: (width, height) of the image [px].
        focal: focal length of the camera [px].
        depth: largest relative difference of valid depth; the median in half precision, as for the others.
        confidence: largest difference of confidence c, divided by 1 + |c|.
        invalid: share of pixels that are valid, or far sky, in one of them only.
        normal: largest difference of a normal's component; 0 without normals.
        sky: largest difference of the probability of sky; 0 without sky.
        bound: largest differences at which they agree.
    """

    size: tuple[int, int]
    focal: float
    depth: float
    confidence: float
    invalid: float
    normal: float = 0.0
    sky: float = 0.0
    bound: float = BOUND

    @property
    def within(self) -> bool:
        """Tell if file and model agree; NaN does not."""
        return all(x < self.bound for x in (self.depth, self.confidence, self.invalid, self.normal, self.sky))


def check_cameras(signature: Signature) -> tuple[Camera, ...]:
    """Return three cameras of sizes that a file takes."""
    if signature.network_only or signature.size is None:
        return _CAMERAS
    height, width = signature.size
    return tuple(Camera.centered(float(f * max(height, width)), width, height) for f in (0.6, 0.9, 1.4))


def compare(model: Predictor, exported: Predictor, signature: Signature, precision: str = "float32") -> list[Agreement]:
    """Compare a file with its model for three cameras.

    A batch is tried, too.

    Args:
        model: model in float32.
        exported: the file.
        signature: inputs and outputs of the file.
        precision: precision in which the file computes.
    """
    cameras = check_cameras(signature)
    images = [check_image(camera) for camera in cameras]
    agreements = [
        _agreement(model.predict(image, camera), exported.predict(image, camera), precision)
        for image, camera in zip(images, cameras, strict=True)
    ]
    if signature.batch != 1 and signature.batch is not None:
        both = [images[0], images[0][:, ::-1].copy()]
        found = exported.predict_batch(both, [cameras[0]] * 2)
        agreements.append(_agreement(model.predict(both[1], cameras[0]), found[1], precision))
    return agreements


def _agreement(expected: Prediction, found: Prediction, precision: str) -> Agreement:
    largest = np.max if precision == "float32" else np.median
    bound = BOUND if precision == "float32" else HALF_BOUND
    valid, undecided = (found.depth > 0) & (expected.depth > 0), _may_be_sky(expected)
    apart = np.abs(np.divide(found.depth, expected.depth, out=np.ones_like(found.depth), where=valid) - 1)
    both = valid & ~undecided
    flipped = ((found.depth > 0) != (expected.depth > 0)) | (undecided & (apart >= bound))

    def difference(name: str) -> float:
        """Compare a map by its name."""
        a, b = getattr(expected, name), getattr(found, name)
        if a is None or b is None:
            return 0.0 if a is b else float("inf")
        apart = np.abs(b - a) / (1 + np.abs(a) if name == "confidence" else 1)
        return float(largest(np.where(np.isnan(a) & np.isnan(b), 0, apart)))

    return Agreement(
        size=(expected.camera.width, expected.camera.height),
        focal=expected.camera.focal,
        depth=float(largest(apart[both])) if both.any() else float("inf"),
        confidence=difference("confidence"),
        invalid=float(flipped.mean()),
        normal=difference("normal"),
        sky=difference("sky"),
        bound=bound,
    )


def _may_be_sky(expected: Prediction) -> np.ndarray:
    """Find pixels that rounding may make sky, or none, (H, W) bool."""
    if expected.sky is None:
        return np.zeros(expected.depth.shape, bool)
    import cv2

    near = (np.abs(expected.sky - 0.5) < 0.05).astype(np.uint8)  # a pixel of the network is some pixels of the image
    return cv2.dilate(near, np.ones((2 * _REACH + 1,) * 2, np.uint8)) > 0


def check_image(camera: Camera) -> np.ndarray:
    """Make an image that shows errors of resizing.

    It has the camera's size, with shades, edges and grain.
    """
    v, u = np.mgrid[: camera.height, : camera.width].astype(np.float32)
    shade = np.stack([u / camera.width, v / camera.height, 0.5 + 0.5 * np.sin(u / 17) * np.cos(v / 11)], axis=2)
    boxes = ((u // 41 + v // 29) % 2)[..., None]
    grain = np.random.default_rng(7).random((camera.height, camera.width, 3), np.float32)
    return np.clip(255 * (0.55 * shade + 0.25 * boxes + 0.2 * grain), 0, 255).astype(np.uint8)
