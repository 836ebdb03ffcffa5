"""Which backend computes: the one that was named, or what is fastest on this machine within the accuracy bound."""

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

from mono.backends.base import BACKENDS, Job, installed_versions, machine, why_not
from mono.backends.build import build
from mono.inference.accuracy import CheckFrame, Deviation, check_frames, deviation
from mono.io.atomic import write_bytes
from mono.system.cache import cache_folder
from mono.system.errors import BackendError

if TYPE_CHECKING:
    import numpy as np
    import torch

    from mono.inference.predictor import Predictor

logger = logging.getLogger(__name__)
_ROUNDS = 3  # times that each candidate computes all frames
_SLOW = 3.0  # times slower than the fastest so far: one round is enough


@dataclass(frozen=True)
class Candidate:
    """A backend and a precision, tried.

    Attributes:
        backend, precision: what was tried.
        milliseconds: of an image through the network, median; None: it failed.
        found: how far its depth is from float32 eager's.
        error: why it failed.
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


def with_backend(predictor: Predictor, backend: str) -> Predictor:
    """The predictor with its network computed by a backend."""
    return replace(predictor, network=build(job_of(predictor), backend, predictor.device.type), backend=backend)


def job_of(predictor: Predictor) -> Job:
    """What a backend must know of a predictor's network."""
    identity = {"checksum": predictor.checksum, "architecture": dict(predictor.architecture)}
    size = None if predictor.transform.fit == "tight" else predictor.transform.crop_size
    return Job(predictor.network, predictor.precision, identity, size)  # type: ignore[arg-type]


def with_fastest(predictor: Predictor, precisions: Sequence[str]) -> Predictor:
    """The predictor with the backend and precision that is fastest here, of those within the accuracy bound.

    What was found is remembered for this machine, these versions, this model, its input size and number of threads.

    Args:
        predictor: in float32.
        precisions: those that may be taken.

    Raises:
        BackendError: none can be taken; says of each why.
    """
    place, key = cache_folder() / "auto.json", _key(predictor, precisions)
    known = _remembered(place).get(key)
    if known and not why_not(known["backend"], known["precision"], predictor.device.type):
        logger.info("backend auto: %s %s, as measured on %s", known["backend"], known["precision"], known["date"])
        return with_backend(replace(predictor, precision=known["precision"]), known["backend"])
    logger.info("backend auto: measuring what is fastest on this machine, once; it takes seconds to minutes")
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
    logger.info("backend auto: %s %s", best.backend, best.precision)
    return with_backend(replace(predictor, precision=best.precision), best.backend)


def try_all(
    predictor: Predictor,
    precisions: Sequence[str],
    frames: Sequence[CheckFrame],
    on_tried: Callable[[Candidate], None] = lambda candidate: None,
) -> list[Candidate]:
    """Measures every backend that is installed, in every precision; what fails is in the list with its reason.

    Args:
        predictor: in float32.
        precisions: those that are tried.
        frames: what depth is compared on, and time is taken with.
        on_tried: called with each when it is done.
    """
    reference, _ = _depths(with_backend(replace(predictor, precision="float32"), "eager"), frames, 1)
    tried: list[Candidate] = []
    for backend in sorted(BACKENDS, key="compile".__eq__):  # it takes the longest
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
    predictor: Predictor,
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
    except Exception as error:  # compilers and foreign runtimes fail in ways of their own
        logger.debug("traceback", exc_info=error)
        words = str(error).strip() or type(error).__name__
        return Candidate(backend, predictor.precision, error=f"failed: {words.splitlines()[0][:200]}")
    found = deviation(depths, reference, frames)
    return Candidate(backend, predictor.precision, statistics.median(times), found)


def _depths(predictor: Predictor, frames: Sequence[CheckFrame], rounds: int) -> tuple[list[np.ndarray], list[float]]:
    """Depth of all frames, and the times that each took [ms], the way in and back included."""
    depths: list[np.ndarray] = []
    times: list[float] = []
    for _ in range(rounds):
        depths = []
        for frame in frames:
            started = time.perf_counter()
            depths.append(predictor.predict(frame.rgb, frame.camera).depth)
            times.append(1000 * (time.perf_counter() - started))
    return depths, times


def _key(predictor: Predictor, precisions: Sequence[str]) -> str:
    import torch

    transform = predictor.transform
    parts: Mapping[str, Any] = {
        "machine": machine(),
        "device": _device_name(predictor.device),
        "versions": {"torch": str(torch.__version__)} | installed_versions(),
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
        known = json.loads(place.read_text())
    except (OSError, ValueError):
        return {}  # nothing was measured yet, or it was damaged: it is measured again
    return known if isinstance(known, dict) else {}
