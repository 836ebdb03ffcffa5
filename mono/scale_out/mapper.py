"""Depth as a function of columns, for engines that process tables of images."""

from __future__ import annotations

import functools
import logging
import math
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mono.calibration.camera_calibration import with_calibration
from mono.data.camera_source import CameraResolver
from mono.data.focal_estimate import weights_checksum
from mono.geometry.median import median_depth
from mono.inference.inputs import transform_settings
from mono.io.cameras.files import hash_camera_file
from mono.io.depth_encoding import encode_png16, quantise
from mono.io.depth_metadata import DepthEncoding
from mono.scale_out.cells import Columns, camera_of, column, open_image
from mono.system.errors import MetricDepthError

if TYPE_CHECKING:
    from mono.inference.inputs import NetworkInput, RawPrediction
    from mono.inference.load import Backend, Precision
    from mono.inference.predictor import Predictor

OUTPUTS = ("depth", "mask", "camera")
INPUT_COLUMNS = ("image", "intrinsics", "fx")
RESULT_COLUMNS: dict[str, type] = {
    "depth": bytes, "mask": bytes, "width": int, "height": int, "fx": float, "fy": float, "cx": float, "cy": float,
    "camera_source": str, "camera_detail": str, "median_depth": float, "valid": float, "beyond_range": float,
    "confidence_mean": float, "confidence_p10": float, "confidence_p90": float, "error": str,
}  # fmt: skip
_CAMERA = ("fx", "fy", "cx", "cy", "camera_source", "camera_detail")
_NOTHING: dict[type, Any] = {bytes: b"", int: 0, float: math.nan, str: ""}
_PENDING_BATCHES = 4

logger = logging.getLogger(__name__)
Row = dict[str, Any]


@dataclass(frozen=True)
class DepthMapper:
    """Map a dict of columns with images to a dict of columns with depth.

    It takes the column "image" and, optionally, "intrinsics" (fx, fy, cx, cy or a 3x3 matrix [px]) and "fx" [px]. A
    value of "image" is the bytes of an image file, a dict with "bytes" or "path", a path, a PIL image or an RGB array
    (H, W, 3). Without a camera, EXIF data or an assumed field of view give it. All other columns pass through,
    but for those that are named like a result.

    The results are the columns of `RESULT_COLUMNS`, of constant types: a missing number is NaN or 0, missing bytes and
    texts are empty. An image that cannot be used is a row with the reason in "error". The model is loaded once in each
    process, when the first batch comes.

    The same image gives the same bytes whatever rows come with it: a batch of the network is always full. The number of
    threads and the batch size change the last digits, and are a part of the settings.

    Attributes:
        model: model as for `load_model`.
        outputs: result columns to fill: "depth", "mask", "camera".
        checkpoint: file with the weights.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps"; with "auto", a rank given to the call selects the GPU.
        precision: precision as for `load_model`.
        backend: runtime of the network, as for `load_model`.
        batch_size: number of images that go through the network together; 1 is best on a CPU.
        threads: number of threads of the network; None: torch's own choice.
        depth_scale: stored value of one meter in depth PNGs; 1000 stores millimeters, up to 65.5 m.
        resolver: source of cameras, for rows without one.
        options: config overrides of the model, as for `load_model`.
        trust: run a .ts or .pt2 file, which can hold any code.

    Raises:
        MetricDepthError: an option is out of range.
    """

    model: str = "lite"
    outputs: tuple[str, ...] = OUTPUTS
    checkpoint: str | None = None
    device: str = "auto"
    precision: Precision | None = None
    backend: Backend = "eager"
    batch_size: int = 1
    threads: int | None = 1
    depth_scale: int = 1000
    resolver: CameraResolver = field(default_factory=CameraResolver)
    options: Mapping[str, object] = field(default_factory=dict, hash=False)
    trust: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "outputs", tuple(self.outputs))
        if not self.outputs:
            raise MetricDepthError(f"outputs names nothing; choose from {', '.join(OUTPUTS)}")
        if unknown := [name for name in self.outputs if name not in OUTPUTS]:
            raise MetricDepthError(f"outputs holds {unknown[0]!r}; choose from {', '.join(OUTPUTS)}")
        for name in ("batch_size", "threads", "depth_scale"):
            value = getattr(self, name)
            if not (isinstance(value, int) and value >= 1) and not (name == "threads" and value is None):
                raise MetricDepthError(f"{name} is {value!r}; it must be a whole number of at least 1")
        DepthEncoding(self.depth_scale)

    def __call__(self, batch: Columns, rank: int | None = None) -> dict[str, list[Any]]:
        """Predict the images of a batch.

        Args:
            batch: columns by name, of equal length.
            rank: number of this worker, which selects its GPU.

        Returns:
            Other columns of `batch`, and `RESULT_COLUMNS`; every column is a list.

        Raises:
            MetricDepthError: there is no column "image", the columns differ in length, the camera file holds a damaged
                calibration, or the device has too little memory.
        """
        images = column(batch, "image")
        cameras = list(zip(column(batch, "intrinsics", images), column(batch, "fx", images), strict=True))
        passed = {name: list(values) for name, values in batch.items() if name not in INPUT_COLUMNS}
        if bad := [name for name, values in passed.items() if len(values) != len(images)]:
            raise MetricDepthError(f"column {bad[0]!r} has {len(passed[bad[0]])} rows, column 'image' {len(images)}")
        predictor = (self if rank is None else self.on_rank(rank)).predictor()
        rows = self._rows(images, cameras, predictor) if len(images) else []
        results = {name: [row.get(name, _NOTHING[kind]) for row in rows] for name, kind in RESULT_COLUMNS.items()}
        return passed | results

    def predictor(self) -> Predictor:
        """Return this process's model, loaded at the first call."""
        options = pickle.dumps(dict(self.options))  # values may be lists, which no cache takes for keys
        model = (self.model, self.checkpoint, self.device, self.precision, self.backend)
        return _load(*model, self.threads, options, self.trust)

    def on_rank(self, rank: int) -> DepthMapper:
        """Return the mapper of a worker: with the device "auto", workers take the GPUs in turn."""
        from mono.inference.devices import nth_device

        return replace(self, device=nth_device(rank)) if self.device == "auto" else self

    def resolved(self) -> DepthMapper:
        """Return the mapper with backend and precision fixed, as found on this machine.

        Exported files and models of other programs have one backend and precision, which are no choices.
        """
        from mono.inference.network import NetworkPredictor

        if self.backend not in ("auto", "fastest"):
            return self
        predictor = self.predictor()
        if not isinstance(predictor, NetworkPredictor):
            return self
        return replace(self, backend=predictor.backend, precision=predictor.precision)  # type: ignore[arg-type]

    def settings(self) -> dict[str, Any]:
        """Collect what decides the bytes of the results, as JSON values; loads the model."""
        predictor, file = self.predictor(), self.resolver.camera_file
        return {
            "model": predictor.name,
            "checksum": predictor.checksum,
            "architecture": {name: str(value) for name, value in predictor.architecture.items()},
            "transform": {name: str(value) for name, value in transform_settings(predictor.transform).items()},
            "precision": predictor.precision,
            "backend": predictor.backend,
            "device": predictor.device.type,
            "threads": self.threads,
            "batch_size": self.batch_size,
            "outputs": sorted(self.outputs),
            "depth_scale": self.depth_scale,
            "camera": {
                name: str(value)
                for name, value in asdict(self.resolver).items()
                if value not in (None, ()) and name != "camera_file"
            }
            | ({"file_checksum": hash_camera_file(file)} if file else {})
            | ({"focal_weights": weights_checksum()} if self.resolver.estimates else {}),
            **({"options": {name: str(value) for name, value in self.options.items()}} if self.options else {}),
        }

    def _rows(self, images: Sequence[Any], cameras: Sequence[tuple[Any, Any]], predictor: Predictor) -> list[Row]:
        """Predict images in batches of one input size each, with a bound on what is held."""
        from mono.inference.inputs import WideInput

        rows: list[Row] = [{} for _ in images]
        waiting: dict[tuple[int, ...], list[tuple[int, NetworkInput]]] = {}
        for i, (image, camera) in enumerate(zip(images, cameras, strict=True)):
            try:
                opened = open_image(image)
                prepared = predictor.prepare(opened.rgb, camera_of(opened, *camera, self.resolver))
            except Exception as error:  # whatever one image does, the others are done
                rows[i] = {"error": _reason(error)}
                continue
            if isinstance(prepared, WideInput):  # its views are a batch of their own
                rows[i] = self._row(predictor.infer([prepared])[0], predictor)
                continue
            group = waiting.setdefault(prepared.pixels.shape, [])
            group.append((i, prepared))
            if len(group) == self.batch_size:
                self._infer(waiting.pop(prepared.pixels.shape), predictor, rows)
            elif sum(map(len, waiting.values())) >= _PENDING_BATCHES * self.batch_size:
                self._infer(waiting.pop(max(waiting, key=lambda shape: len(waiting[shape]))), predictor, rows)
        for group in waiting.values():
            self._infer(group, predictor, rows)
        return rows

    def _infer(self, group: Sequence[tuple[int, NetworkInput]], predictor: Predictor, rows: list[Row]) -> None:
        """Run one full batch: its last image is repeated, so that rounding does not depend on the rest."""
        inputs = [prepared for _, prepared in group]
        raw = predictor.infer(inputs + inputs[-1:] * (self.batch_size - len(inputs)))
        for (i, _), one in zip(group, raw, strict=False):
            rows[i] = self._row(one, predictor)

    def _row(self, raw: RawPrediction, predictor: Predictor) -> Row:
        prediction = with_calibration(raw.prediction(), raw.found, predictor.checksum)
        stored, confidence = quantise(prediction.depth, self.depth_scale)[0], prediction.confidence
        beyond = DepthEncoding(self.depth_scale).count_beyond(prediction.depth)
        low, high = np.percentile(confidence[::2, ::2], (10, 90))  # of all pixels they take a sixteenth of a run
        row: Row = {
            "height": stored.shape[0],
            "width": stored.shape[1],
            "median_depth": _digits(median_depth(prediction.depth)),
            "valid": _digits((stored > 0).mean()),
            "beyond_range": _digits(beyond / stored.size),
            "confidence_mean": _digits(confidence.mean()),
            "confidence_p10": _digits(low),
            "confidence_p90": _digits(high),
        }
        if "depth" in self.outputs:
            kind = {"depth_kind": "ray"} if prediction.depth_kind == "ray" else {}  # as in depth files
            row["depth"] = encode_png16(stored, {"depth_scale": str(self.depth_scale), **kind})
        if "mask" in self.outputs:
            row["mask"] = _encode_mask(stored > 0)
        if "camera" in self.outputs:
            values = (*prediction.camera.intrinsics, prediction.camera_source, prediction.camera_detail)
            row |= dict(zip(_CAMERA, values, strict=True))
        return row


@functools.lru_cache(maxsize=2)
def _load(
    model: str,
    checkpoint: str | None,
    device: str,
    precision: Precision | None,
    backend: Backend,
    threads: int | None,
    options: bytes,
    trust: bool,
) -> Predictor:
    """Load a model once for this process."""
    from mono.inference.load import load_model, require_metric
    from mono.system.threads import share_cores

    share_cores(threads)
    return require_metric(
        load_model(
            model, checkpoint=checkpoint, device=device, precision=precision, backend=backend,
            options=pickle.loads(options), trust=trust,
        )
    )  # fmt: skip


def _encode_mask(mask: np.ndarray) -> bytes:
    import cv2

    return cv2.imencode(".png", mask.astype(np.uint8) * 255, [cv2.IMWRITE_PNG_BILEVEL, 1])[1].tobytes()


def _digits(value: Any) -> float:
    return round(float(value), 4)


def _reason(error: Exception) -> str:
    """Explain a failure in one line; errors that are not the library's are logged as the bugs they may be."""
    if isinstance(error, (MetricDepthError, OSError)):
        return " ".join(str(error).split())
    logger.debug("traceback", exc_info=error)
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
