"""What the report page keeps of each image, in a small file of its own, so that a resumed run still has it."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mono.evaluation.metrics import comparable, resize_depth
from mono.evaluation.protocols import Protocol
from mono.evaluation.report import thumbnails
from mono.evaluation.report.distributions import Distribution, distribution_of
from mono.evaluation.report.reliability import ConfidenceGroups, Reliability, confidence_groups, reliability
from mono.io.atomic import write_bytes
from mono.system.errors import MetricDepthError

IMAGE_RECORD_VERSION = 3
_QUANTILES = 512
_GROUPS = {"confidence": "<f4", "error": "<f4", "worst_first": "<f4", "pixels": "<i8"}


@dataclass(frozen=True)
class ImageRecord:
    """An image's part of the report page.

    Attributes:
        image: the photo's thumbnail, WebP.
        truth, predicted: thumbnails of depth, 8-bit codes (`thumbnails.depth_codes`), (height, width) uint8.
        error: thumbnail of ln(predicted / true) where pixels count, codes of `thumbnails.error_codes`.
        distribution: of the pixels that count.
        quantiles: true depths [m] that stand for the pixels that count, in rising order: 512 evenly spaced quantiles,
            or all pixels where there are fewer; (n,) float32.
        pixels: how many pixels count.
        confidence: the pixels that count, in groups by confidence; None where there is no confidence.
    """

    image: bytes
    ground_truth: np.ndarray
    predicted: np.ndarray
    error: np.ndarray
    distribution: Distribution
    quantiles: np.ndarray
    pixels: int
    confidence: ConfidenceGroups | None = None


def build_image_record(
    rgb: np.ndarray,
    predicted: np.ndarray,
    ground_truth: np.ndarray,
    protocol: Protocol,
    confidence: np.ndarray | None = None,
) -> ImageRecord | None:
    """What the report page needs of an image, under a protocol, without any alignment.

    Args:
        rgb: the photo, (height'', width'', 3) uint8, of any size.
        predicted: depth [m], (height', width'), of any size: it is resized to the truth's.
        ground_truth: depth [m], (height, width), 0 where there is none.
        protocol: which pixels count.
        confidence: of the prediction, (height', width'), higher is surer.

    Returns:
        About 30 kB; None where no pixel of the image counts.

    Raises:
        ValueError: the protocol does not fit.
    """
    height, width = ground_truth.shape
    predicted = resize_depth(predicted, height, width)
    counts = np.zeros(ground_truth.shape, bool)
    window = protocol.window(height, width)
    counts[window] = protocol.in_range(ground_truth[window])
    t = ground_truth[counts].astype(np.float32)
    if not t.size:
        return None
    p = comparable(predicted[counts], protocol).astype(np.float32)
    log_ratio = np.zeros(ground_truth.shape, np.float32)
    log_ratio[counts] = np.log(p / t)
    size = thumbnails.thumbnail_size(height, width)
    return ImageRecord(
        image=thumbnails.encode_image(thumbnails.shrink_image(rgb, size)),
        ground_truth=thumbnails.depth_codes(ground_truth, size),
        predicted=thumbnails.depth_codes(predicted, size),
        error=thumbnails.error_codes(log_ratio, counts, size),
        distribution=distribution_of(p, t),
        quantiles=_quantiles(t),
        pixels=t.size,
        confidence=None if confidence is None else _groups(confidence, counts, np.abs(p - t) / t),
    )


def write_image_record(path: Path, frame: ImageRecord) -> None:
    """Write a frame as JSON, whole or not at all; the same frame gives the same bytes.

    Raises:
        OSError: it cannot be written.
    """
    groups = frame.confidence
    content = {
        "version": IMAGE_RECORD_VERSION,
        "pixels": frame.pixels,
        "image": _text(frame.image),
        "truth": _text(thumbnails.encode_codes(frame.ground_truth)),
        "predicted": _text(thumbnails.encode_codes(frame.predicted)),
        "error": _text(thumbnails.encode_codes(frame.error)),
        "depths": _packed(frame.distribution.depths, "<u4"),
        "ratios": _packed(frame.distribution.ratios, "<u4"),
        "abs_rel": _packed(frame.distribution.abs_rel, "<f8"),
        "quantiles": _packed(frame.quantiles, "<f4"),
        "confidence": groups and {name: _packed(getattr(groups, name), kind) for name, kind in _GROUPS.items()},
    }
    write_bytes(path, json.dumps(content).encode("ascii"))


def save_image_record(
    path: Path,
    rgb: np.ndarray,
    predicted: np.ndarray,
    ground_truth: np.ndarray,
    protocol: Protocol,
    confidence: np.ndarray | None = None,
) -> None:
    """`build_image_record` and `write_image_record` of an image with pixels that count; errors are theirs."""
    frame = build_image_record(rgb, predicted, ground_truth, protocol, confidence)
    if frame is None:
        raise MetricDepthError(f"{path.stem}: no pixel with ground truth counts")
    write_image_record(path, frame)


def read_image_record(path: Path) -> ImageRecord:
    """Read what `write_image_record` wrote.

    Raises:
        ValueError: the file is damaged, or of another version.
        OSError: it cannot be read.
    """
    with _readable(path) as content:
        ground_truth, predicted, error = (
            thumbnails.decode_codes(base64.b64decode(content[name])) for name in ("truth", "predicted", "error")
        )
        return ImageRecord(
            image=base64.b64decode(content["image"]),
            ground_truth=ground_truth,
            predicted=predicted,
            error=error,
            distribution=Distribution(
                _unpacked(content["depths"], "<u4").reshape(200, 200).astype(np.int64),
                _unpacked(content["ratios"], "<u4").reshape(50, 100).astype(np.int64),
                _unpacked(content["abs_rel"], "<f8"),
            ),
            quantiles=_unpacked(content["quantiles"], "<f4"),
            pixels=int(content["pixels"]),
            confidence=_unpacked_groups(content["confidence"]),
        )


def read_groups(path: Path) -> ConfidenceGroups | None:
    """The `confidence` of a frame alone; raises as `read_image_record`."""
    with _readable(path) as content:
        return _unpacked_groups(content["confidence"])


def reliability_of(paths: Iterable[Path]) -> Reliability | None:
    """How confidence and error go together over frames; None where none has confidence. Damaged ones are left out."""

    def parts() -> Iterator[ConfidenceGroups | None]:
        for path in paths:
            with suppress(OSError, ValueError):
                yield read_groups(path)

    return reliability(parts())


@contextmanager
def _readable(path: Path) -> Iterator[dict[str, Any]]:
    """A frame's file as it stands; what goes wrong with it is told of in one way."""
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
        if content["version"] != IMAGE_RECORD_VERSION:
            raise MetricDepthError(f"version {content['version']}, not {IMAGE_RECORD_VERSION}")
        yield content
    except (ValueError, KeyError, TypeError, binascii.Error, zlib.error) as error:
        raise MetricDepthError(
            f"{path}: not a readable part of a report ({error}); evaluate with --overwrite"
        ) from error


def _groups(confidence: np.ndarray, counts: np.ndarray, error: np.ndarray) -> ConfidenceGroups | None:
    if confidence.shape != counts.shape:
        import cv2

        confidence = cv2.resize(confidence, counts.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return confidence_groups(confidence[counts], error)


def _unpacked_groups(content: dict[str, str] | None) -> ConfidenceGroups | None:
    if content is None:
        return None
    return ConfidenceGroups(**{name: _unpacked(content[name], kind) for name, kind in _GROUPS.items()})


def _quantiles(ground_truth: np.ndarray) -> np.ndarray:
    ordered = np.sort(ground_truth)
    if ordered.size <= _QUANTILES:
        return ordered
    return ordered[((np.arange(_QUANTILES) + 0.5) / _QUANTILES * ordered.size).astype(np.int64)]


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _packed(array: np.ndarray, kind: str) -> str:
    return _text(zlib.compress(np.ascontiguousarray(array, kind).tobytes(), 1))


def _unpacked(text: str, kind: str) -> np.ndarray:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), kind)
