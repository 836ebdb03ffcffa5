"""Checksum of ground truth, by which runs on other ground truth are told apart."""

from __future__ import annotations

import hashlib

import numpy as np

from mono.data.ground_truth import GroundTruth
from mono.evaluation.protocols import Protocol

_BYTES = 8


def ground_truth_checksum(ground_truth: GroundTruth, protocol: Protocol) -> str | None:
    """Hash the ground-truth depth that counts: values and places.

    Hashed are the values as annotated, as conversions between the axis and the rays of a lens differ in their last bits
    from machine to machine; of a conversion its median factor, to two digits.

    Args:
        ground_truth: depth of an image.
        protocol: pixels that count.

    Returns:
        16 hexadecimal digits; None without depth that counts.

    Raises:
        MetricDepthError: the protocol does not fit.
    """
    depth = ground_truth.depth
    if depth is None:
        return None
    window = protocol.window(*depth.shape)
    counts = protocol.in_range(depth[window])
    if not counts.any():
        return None
    annotated = depth if ground_truth.annotated is None else ground_truth.annotated
    digest = hashlib.blake2b(np.array(depth.shape, "<u4").tobytes(), digest_size=_BYTES)
    digest.update(np.packbits(counts).tobytes())
    known = annotated[window][counts]
    digest.update(known.astype("<f4").tobytes())
    if ground_truth.annotated is not None:
        digest.update(f"{np.median(depth[window][counts] / known):.2f}".encode())
    return digest.hexdigest()
