"""What is known to be true of an image, and the comparison of predicted surface normals with it."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from mono.data.camera_source import FoundCamera
from mono.data.sample import Sample
from mono.evaluation.normals.ground_truth import counted_pixels, derive_normals
from mono.evaluation.normals.metrics import ImageNormals, evaluate_normals
from mono.evaluation.protocols import Protocol
from mono.geometry.camera import Camera
from mono.io.camera_files import same_aspect
from mono.io.depth import read_depth
from mono.io.normals import read_normals
from mono.runs.folder import RunError

SCORING_VERSION = 1  # rises when the same files get other scores
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Truth:
    """What is known to be true of an image; None where the annotation names no file.

    Attributes:
        depth: [m], (height, width), 0 where there is none.
        normal: unit vectors in the camera's frame, (height', width', 3), 0 where there is none.
    """

    depth: np.ndarray | None = None
    normal: np.ndarray | None = None


def read_truth(sample: Sample, image_size: tuple[int, int] | None = None) -> Truth:
    """Reads a sample's ground truth; `image_size` is (width, height) where it is known.

    Raises:
        DepthError, NormalError: a file cannot be used.
    """
    return Truth(
        depth=read_depth(sample.depth, sample.depth_scale) if sample.depth else None,
        normal=read_normals(sample.normal, sample.normal_frame, image_size) if sample.normal else None,
    )


def wants_normals(sample: Sample, derive: bool) -> bool:
    """Whether a sample's normals are compared: they are annotated, or to be derived from its true depth."""
    return sample.normal is not None or (derive and sample.depth is not None)


def refuse_sparse(protocol: Protocol | None, derive: bool) -> None:
    """Surfaces cannot be seen between single points.

    Raises:
        RunError: normals are to be derived from ground truth that is sparse by the protocol's own word.
    """
    if derive and protocol and protocol.ground_truth == "sparse":
        raise RunError(
            f"normals cannot be derived from the sparse ground truth of protocol {protocol.name}: leave "
            "--derive-normals away, or annotate normals"
        )


def true_camera(sample: Sample, found: FoundCamera) -> Camera | None:
    """The camera that a sample's true depth holds for: the annotated one, whatever predictions are made with.

    Without one it is that of a camera file or of EXIF data; None where the camera is only assumed, or given by a flag:
    what is true must not change with either.
    """
    if sample.intrinsics is not None:
        return Camera(*sample.intrinsics, found.camera.width, found.camera.height)
    return found.camera if found.source in ("camera file", "exif") else None


def score_normals(
    predicted: np.ndarray, source: str, truth: Truth, camera: Camera | None, protocol: Protocol, name: str
) -> ImageNormals | None:
    """Compares an image's normals with annotated ones, or else with such as are derived from its true depth.

    Args:
        predicted: (height, width, 3), 0 where there is none.
        source: where they are from: "network", "saved" or "depth".
        truth: what is known.
        camera: of the true depth; needed where there are no annotated normals; None: unknown.
        protocol: which pixels count.
        name: the image, for the log.

    Returns:
        The comparison; None where no true normal counts: the log says why.

    Raises:
        ValueError: the protocol does not fit, or the maps are of different shapes.
    """
    normal, derived = truth.normal, None
    if normal is None and camera is None:
        log.warning("%s: normals cannot be derived from true depth of an unknown camera: annotate cam_in", name)
        return None
    if normal is None and truth.depth is not None and camera is not None:
        derived = derive_normals(truth.depth, camera)
        normal = derived.normal if derived else None
    if normal is None:
        log.warning("%s: its true depth is too sparse to derive normals from", name)
        return None
    (height, width), (true_height, true_width) = predicted.shape[:2], normal.shape[:2]
    if not same_aspect(width, height, true_width, true_height):
        raise ValueError(
            f"predicted normals are {width}x{height}, true ones {true_width}x{true_height}: not the same view"
        )
    counts = counted_pixels(normal.shape[:2], protocol, truth.depth)
    found = evaluate_normals(predicted, normal, counts)
    if found is None:
        log.warning("%s: no pixel with a true normal counts; it is left out of the normals' means", name)
        return None
    if derived is None:
        return ImageNormals(*found, source, "annotation")
    return ImageNormals(*found, source, "depth", derived.window, derived.noise)
