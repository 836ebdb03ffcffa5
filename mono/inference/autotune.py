"""Choose backends: the named one, the usual one, or the fastest on this machine within the accuracy bound."""

from __future__ import annotations

import datetime
import json
import logging
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mono.backends.base import BACKENDS, CHANGES, Job, installed_versions, machine, why_not
from mono.backends.build import build
from mono.inference.accuracy import CheckFrame, Deviation, check_frames, deviation
from mono.io.atomic import write_bytes
from mono.system.cache import cache_folder
from mono.system.errors import BackendError, first_line
from mono.system.files import json_object
from mono.system.versions import __version__

if TYPE_CHECKING:
    import numpy as np
    import torch

    from mono.inference.network import NetworkPredictor

logger = logging.getLogger(__name__)
_ROUNDS = 3  # repetitions of all frames for each candidate
_CONVOLUTIONAL = ("LiteDecoder", "DetailDecoder", "HourglassDecoder")  # decoders of networks for `with_automatic`
_FEW, _REPAID = 10, 1.2e8  # images, and images times weights, up to which a conversion takes longer than it saves
_SLOW = 3.0  # factor to the fastest so far, beyond which one round is enough


@dataclass(frozen=True)
class Candidate:
    """Measurement of a backend in a precision.

    Attributes:
        backend: name of the backend.
        precision: number format.
        milliseconds: median time of an image; None: it failed.
        found: difference of its depth from float32 eager's.
        error: reason of a failure.
    """

    backend: str
    precision: str
    milliseconds: float | None = None
    found: Deviation | None = None
    error: str | None = None

    def __str__(self) -> str:
        name = f"{self.backend} {self.precision}"
        if self.milliseconds is None or self.found is None:
            return f"{name}: {self.error}"
        return f"{name}: {self.milliseconds:.0f} ms, {self.found}" + ("" if self.found.within else ": not offered")


def with_backend(predictor: NetworkPredictor, backend: str) -> NetworkPredictor:
    """Return the predictor with its network computed by a backend.

    Raises:
        BackendError: the backend cannot be used here; the message says what to do.
    """
    if predictor.transform.fit == "stretch" and backend in ("onnxruntime", "openvino"):
        raise BackendError(
            f"backend {backend} cannot compute {predictor.name}, whose input size follows the image in steps of "
            f"{predictor.transform.multiple} px: use --backend eager or compile"
        )
    return replace(predictor, network=build(job_of(predictor), backend, predictor.device.type), backend=backend)


def with_automatic(predictor: NetworkPredictor, images: int | None = None) -> NetworkPredictor:
    """Return the predictor with the backend that is usually the fastest here, without measuring.

    For convolutional networks on a CPU this is OpenVINO, else ONNX Runtime, where they are installed; elsewhere, and
    for few images, eager. It depends on model, device, number of images and installed packages alone, never on what is
    in the cache. The log names a backend that failed.

    Args:
        predictor: predictor with weights in float32.
        images: number of images to come; None: many.
    """
    fits = predictor.architecture.get("decoder") in _CONVOLUTIONAL and predictor.transform.fit != "stretch"
    for backend in ("openvino", "onnxruntime") if fits and _repays_conversion(predictor, images) else ():
        if why_not(backend, predictor.precision, predictor.device.type):
            continue
        try:
            return with_backend(predictor, backend)
        except (BackendError, RuntimeError, OSError) as error:
            logger.warning("backend auto: %s cannot compute %s: %s", backend, predictor.name, first_line(error))
    return with_backend(predictor, "eager")


def _repays_conversion(predictor: NetworkPredictor, images: int | None) -> bool:
    """Tell if so many images save the time of a conversion; larger networks save more for each."""
    if images is None:
        return True
    weights = sum(p.numel() for p in predictor.network.parameters())  # type: ignore[attr-defined]
    return images > _FEW and images * weights >= _REPAID


def job_of(predictor: NetworkPredictor) -> Job:
    """Describe a predictor's network to a backend."""
    identity = {"checksum": predictor.checksum, "architecture": dict(predictor.architecture)}
    size = predictor.transform.crop_size if predictor.transform.fit == "pad" else None
    return Job(predictor.network, predictor.precision, identity, size)  # type: ignore[arg-type]


def with_fastest(predictor: NetworkPredictor, precisions: Sequence[str]) -> NetworkPredictor:
    """Return the predictor with the fastest backend within the accuracy bound.

    The result is remembered for this machine, these versions, this model, its input size and number of threads.

    Args:
        predictor: predictor in float32.
        precisions: allowed precisions.

    Raises:
        BackendError: none can be used; the message gives each one's reason.
    """
    place, key = cache_folder() / "auto.json", _key(predictor, precisions)
    known = _remembered(place).get(key)
    if known and not why_not(known["backend"], known["precision"], predictor.device.type):
        logger.info("backend fastest: %s %s, as measured on %s", known["backend"], known["precision"], known["date"])
        return with_backend(replace(predictor, precision=known["precision"]), known["backend"])
    logger.info("backend fastest: measuring what is fastest on this machine, once; it takes seconds to minutes")
    tried = try_all(predictor, precisions, check_frames(), on_tried=lambda c: logger.info("  %s", c))
    offered = [c for c in tried if c.milliseconds is not None and c.found and c.found.within]
    if not offered:
        raise BackendError("no backend can be taken: " + "; ".join(map(str, tried)))
    best = min(offered, key=lambda c: c.milliseconds or 0.0)
    entry = {
        "backend": best.backend,
        "precision": best.precision,
        "date": datetime.date.today().isoformat(),
        "tried": [str(c) for c in tried],
    }
    write_bytes(place, json.dumps(_remembered(place) | {key: entry}, indent=1).encode())
    logger.info("backend fastest: %s %s", best.backend, best.precision)
    return with_backend(replace(predictor, precision=best.precision), best.backend)


def try_all(
    predictor: NetworkPredictor,
    precisions: Sequence[str],
    frames: Sequence[CheckFrame],
    on_tried: Callable[[Candidate], None] = lambda candidate: None,
) -> list[Candidate]:
    """Measure every installed backend in every precision.

    Args:
        predictor: predictor in float32.
        precisions: precisions to try.
        frames: images for the comparison and the times.
        on_tried: called with each candidate when it is done.

    Returns:
        Candidates in the order of their trial; failed ones hold the reason.
    """
    reference, _ = _depths(with_backend(replace(predictor, precision="float32"), "eager"), frames, 1)
    tried: list[Candidate] = []
    for backend in sorted(BACKENDS, key="compile".__eq__):  # compiling takes the longest
        for precision in precisions:
            if reason := why_not(backend, precision, predictor.device.type):
                logger.debug("not tried: %s", reason)
                continue
            logger.info("  %s %s …%s", backend, precision, " (compiling, minutes)" if backend == "compile" else "")
            fastest = min((c.milliseconds for c in tried if c.milliseconds), default=None)
            tried.append(_tried(replace(predictor, precision=precision), backend, frames, reference, fastest))
            on_tried(tried[-1])
    return tried


def _tried(
    predictor: NetworkPredictor,
    backend: str,
    frames: Sequence[CheckFrame],
    reference: Sequence[np.ndarray],
    fastest: float | None,
) -> Candidate:
    try:
        candidate = with_backend(predictor, backend)
        depths, _ = _depths(candidate, frames, 1)  # the first round compiles
        _, times = _depths(candidate, frames, 1)
        if fastest is None or statistics.median(times) < _SLOW * fastest:
            times += _depths(candidate, frames, _ROUNDS - 1)[1]
    except Exception as error:  # compilers and foreign runtimes have errors of their own
        logger.debug("traceback", exc_info=error)
        return Candidate(backend, predictor.precision, error=f"failed: {first_line(error)}")
    found = deviation(depths, reference, frames)
    return Candidate(backend, predictor.precision, statistics.median(times), found)


def _depths(
    predictor: NetworkPredictor, frames: Sequence[CheckFrame], rounds: int
) -> tuple[list[np.ndarray], list[float]]:
    """Predict all frames; return depths and times [ms], pre- and postprocessing included."""
    depths: list[np.ndarray] = []
    times: list[float] = []
    for _ in range(rounds):
        depths = []
        for frame in frames:
            started = time.perf_counter()
            depths.append(predictor.predict(frame.rgb, frame.camera).depth)
            times.append(1000 * (time.perf_counter() - started))
    return depths, times


def _key(predictor: NetworkPredictor, precisions: Sequence[str]) -> str:
    import torch

    transform = predictor.transform
    parts: Mapping[str, Any] = {
        "machine": machine(),
        "device": _device_name(predictor.device),
        "versions": {"torch": str(torch.__version__), "mono": [__version__, CHANGES]} | installed_versions(),
        "checksum": predictor.checksum,
        "architecture": dict(predictor.architecture),
        "input": [*transform.crop_size, transform.fit, transform.mode, transform.focal_length],
        "threads": torch.get_num_threads(),
        "precisions": list(precisions),
        "isa": [torch.backends.cpu.get_cpu_capability(), os.environ.get("ONEDNN_MAX_CPU_ISA", "")],
    }
    return json.dumps(parts, default=str)


def _device_name(device: torch.device) -> str:
    """Return the device, with the GPU's name: machines with other GPUs may share the cache folder."""
    import torch

    return f"{device} {torch.cuda.get_device_name(device)}" if device.type == "cuda" else str(device)


def _remembered(place: Path) -> dict[str, Any]:
    try:
        return json_object(place.read_bytes()) or {}  # damaged: measured again
    except OSError:
        return {}  # not measured yet
