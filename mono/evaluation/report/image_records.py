"""Image records: the report page's data of one image, in a small file that resumed runs still have."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mono.evaluation.metrics import comparable, limit_depth, resize_depth
from mono.evaluation.protocols import Protocol
from mono.evaluation.report import thumbnails
from mono.evaluation.report.distributions import Distribution, distribution_of
from mono.evaluation.report.reliability import GROUPS, ConfidenceGroups, Reliability, confidence_groups, reliability
from mono.io.atomic import write_bytes
from mono.system.errors import MetricDepthError

IMAGE_RECORD_VERSION = 4
_QUANTILES = 512
_LARGEST_FILE = 2**24  # [bytes]; real ones have 30 kB
_GROUPS = {"confidence": "<f4", "error": "<f4", "worst_first": "<f4", "pixels": "<i8"}


@dataclass(frozen=True)
class ImageRecord:
    """Data of one image on the report page.

    Attributes:
        image: thumbnail of the photo, WebP.
        ground_truth: thumbnail of ground-truth depth, codes of `thumbnails.depth_codes`, (height, width) uint8.
        predicted: thumbnail of predicted depth, of the same form.
        error: thumbnail of ln(p / t) where pixels count, codes of `thumbnails.error_codes`, of the same form.
        distribution: histograms of the pixels that count.
        quantiles: ground-truth depths [m] of the pixels that count, ascending: 512 evenly spaced quantiles, or all
            where there are fewer; (n,) float32.
        pixels: number of pixels that count.
        confidence: pixels that count, grouped by confidence; None without confidence.
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
    """Build the record of an image under a protocol, without alignment.

    Args:
        rgb: photo, (height'', width'', 3) uint8.
        predicted: depth [m], (height', width'); resized to the ground truth.
        ground_truth: depth [m], (height, width), 0 where there is none.
        protocol: pixels that count, and their range.
        confidence: confidence of the prediction, (height', width'), higher is better.

    Returns:
        Record of about 30 kB; None where no pixel of the image counts.

    Raises:
        MetricDepthError: the protocol does not fit.
    """
    height, width = ground_truth.shape
    predicted = resize_depth(predicted, height, width)
    counts = np.zeros(ground_truth.shape, bool)
    window = protocol.window(height, width)
    counts[window] = protocol.in_range(ground_truth[window])
    t = ground_truth[counts].astype(np.float32)
    if not t.size:
        return None
    predicted = limit_depth(predicted, protocol, float(t.max()))
    p = comparable(predicted[counts], protocol, float(t.max())).astype(np.float32)
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
    """Write a record as JSON atomically; equal records give equal bytes.

    Args:
        path: file to write.
        frame: the record.

    Raises:
        OSError: the file cannot be written.
    """
    groups = frame.confidence
    content = {
        "version": IMAGE_RECORD_VERSION,
        "pixels": frame.pixels,
        "image": _text(frame.image),
        "ground_truth": _text(thumbnails.encode_codes(frame.ground_truth)),
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
    """Build and write the record of an image.

    Args:
        path: file to write.
        rgb: photo, (height'', width'', 3) uint8.
        predicted: depth [m], (height', width').
        ground_truth: depth [m], (height, width), 0 where there is none.
        protocol: pixels that count, and their range.
        confidence: confidence of the prediction, (height', width'), higher is better.

    Raises:
        MetricDepthError: the protocol does not fit, or no pixel counts.
        OSError: the file cannot be written.
    """
    frame = build_image_record(rgb, predicted, ground_truth, protocol, confidence)
    if frame is None:
        raise MetricDepthError(f"{path.stem}: no pixel with ground truth counts")
    write_image_record(path, frame)


def read_image_record(path: Path) -> ImageRecord:
    """Read a record that `write_image_record` wrote.

    Args:
        path: file to read.

    Raises:
        MetricDepthError: the file is damaged, or of another version.
        OSError: the file cannot be read.
    """
    with _readable(path) as content:
        ground_truth, predicted, error = (
            thumbnails.decode_codes(base64.b64decode(content[name])) for name in ("ground_truth", "predicted", "error")
        )
        record = ImageRecord(
            image=base64.b64decode(content["image"]),
            ground_truth=ground_truth,
            predicted=predicted,
            error=error,
            distribution=Distribution(
                _unpacked(content["depths"], "<u4", 200 * 200).reshape(200, 200).astype(np.int64),
                _unpacked(content["ratios"], "<u4", 50 * 100).reshape(50, 100).astype(np.int64),
                _unpacked(content["abs_rel"], "<f8", 50),
            ),
            quantiles=_unpacked(content["quantiles"], "<f4", _QUANTILES),
            pixels=int(content["pixels"]),
            confidence=_unpacked_groups(content["confidence"]),
        )
        _check(record)
        return record


def _check(record: ImageRecord) -> None:
    """Refuse values that no image has, before they reach the page."""
    quantiles, abs_rel = record.quantiles, record.distribution.abs_rel
    if record.pixels < 1 or not quantiles.size or not np.isfinite(quantiles).all() or quantiles.min() <= 0:
        raise MetricDepthError("its depths are no depths")
    if abs_rel.shape != (50,) or not np.isfinite(abs_rel).all():
        raise MetricDepthError("its errors are no errors")
    if not record.ground_truth.shape == record.predicted.shape == record.error.shape:
        raise MetricDepthError("its thumbnails differ in size")


def read_groups(path: Path) -> ConfidenceGroups | None:
    """Read the confidence groups of a record alone; raises as `read_image_record`.

    Args:
        path: file of the record.
    """
    with _readable(path) as content:
        return _unpacked_groups(content["confidence"])


def reliability_of(paths: Iterable[Path]) -> Reliability | None:
    """Relate confidence and error over records; damaged ones are left out.

    Args:
        paths: files of the records.

    Returns:
        The relation; None where no record has confidence.
    """

    def parts() -> Iterator[ConfidenceGroups | None]:
        for path in paths:
            with suppress(OSError, ValueError):
                yield read_groups(path)

    return reliability(parts())


@contextmanager
def _readable(path: Path) -> Iterator[dict[str, Any]]:
    """Read a record's JSON, and turn whatever is wrong with its content into one error."""
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise MetricDepthError("it is too large")
        content: dict[str, Any] = json.loads(path.read_bytes())
        if not isinstance(content, dict):
            raise MetricDepthError("it holds no record")
        if content["version"] != IMAGE_RECORD_VERSION:
            raise MetricDepthError(f"version {content['version']}, not {IMAGE_RECORD_VERSION}")
        yield content
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError, zlib.error) as error:
        detail = f" ({error})" if isinstance(error, MetricDepthError) else ""
        raise MetricDepthError(f"{path}: not a readable image record{detail}; evaluate with --overwrite") from error


def _groups(confidence: np.ndarray, counts: np.ndarray, error: np.ndarray) -> ConfidenceGroups | None:
    if confidence.shape != counts.shape:
        import cv2

        confidence = cv2.resize(confidence, counts.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return confidence_groups(confidence[counts], error)


def _unpacked_groups(content: dict[str, str] | None) -> ConfidenceGroups | None:
    if content is None:
        return None
    groups = ConfidenceGroups(**{name: _unpacked(content[name], kind, GROUPS) for name, kind in _GROUPS.items()})
    arrays = [getattr(groups, name) for name in _GROUPS]
    if len({array.size for array in arrays}) != 1 or not all(np.isfinite(array).all() for array in arrays):
        raise MetricDepthError("its confidence groups are damaged")
    if not groups.pixels.size or groups.pixels.min() < 1:
        raise MetricDepthError("its confidence groups have no pixels")
    return groups


def _quantiles(ground_truth: np.ndarray) -> np.ndarray:
    ordered = np.sort(ground_truth)
    if ordered.size <= _QUANTILES:
        return ordered
    return ordered[((np.arange(_QUANTILES) + 0.5) / _QUANTILES * ordered.size).astype(np.int64)]


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _packed(array: np.ndarray, kind: str) -> str:
    return _text(zlib.compress(np.ascontiguousarray(array, kind).tobytes(), 1))


def _unpacked(text: str, kind: str, most: int) -> np.ndarray:
    """Unpack an array of at most so many items: a small file may claim to hold any number."""
    unpacker = zlib.decompressobj()
    data = unpacker.decompress(base64.b64decode(text), most * np.dtype(kind).itemsize)
    if not unpacker.eof and unpacker.decompress(unpacker.unconsumed_tail, 1):
        raise MetricDepthError("an array is larger than it can be")
    return np.frombuffer(data, kind)
