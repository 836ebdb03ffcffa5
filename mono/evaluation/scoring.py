"""What is known to be true of an image, and the comparison of predicted surface normals with it."""

from __future__ import annotations

import logging

import numpy as np

from mono.data.ground_truth import GroundTruth
from mono.evaluation.normals.ground_truth import counted_pixels, derive_normals
from mono.evaluation.normals.metrics import ImageNormals, evaluate_normals
from mono.evaluation.protocols import Protocol
from mono.geometry.camera import Camera
from mono.io.camera_files import same_aspect
from mono.system.errors import MetricDepthError, RunError

SCORING_VERSION = 1  # rises when the same files get other scores
logger = logging.getLogger(__name__)


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


def score_normals(
    predicted: np.ndarray, source: str, ground_truth: GroundTruth, camera: Camera | None, protocol: Protocol, name: str
) -> ImageNormals | None:
    """Compares an image's normals with annotated ones, or else with such as are derived from its true depth.

    Args:
        predicted: (height, width, 3), 0 where there is none.
        source: where they are from: "network", "saved" or "depth".
        ground_truth: what is known.
        camera: of the true depth; needed where there are no annotated normals; None: unknown.
        protocol: which pixels count.
        name: the image, for the log.

    Returns:
        The comparison; None where no true normal counts: the log says why.

    Raises:
        ValueError: the protocol does not fit, or the maps are of different shapes.
    """
    normal, derived = ground_truth.normal, None
    if normal is None and camera is None:
        logger.warning("%s: normals cannot be derived from true depth of an unknown camera: annotate cam_in", name)
        return None
    if normal is None and ground_truth.depth is not None and camera is not None:
        derived = derive_normals(ground_truth.depth, camera)
        normal = derived.normal if derived else None
    if normal is None:
        logger.warning("%s: its true depth is too sparse to derive normals from", name)
        return None
    (height, width), (true_height, true_width) = predicted.shape[:2], normal.shape[:2]
    if not same_aspect(width, height, true_width, true_height):
        raise MetricDepthError(
            f"predicted normals are {width}x{height}, true ones {true_width}x{true_height}: not the same view"
        )
    counts = counted_pixels(normal.shape[:2], protocol, ground_truth.depth)
    found = evaluate_normals(predicted, normal, counts)
    if found is None:
        logger.warning("%s: no pixel with a true normal counts; it is left out of the normals' means", name)
        return None
    if derived is None:
        return ImageNormals(*found, source, "annotation")
    return ImageNormals(*found, source, "depth", derived.window, derived.noise)
