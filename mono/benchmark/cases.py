"""Cases of the benchmark, their processes and their results."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mono.system.errors import BackendError

RANDOM = "random"  # name of a model's weights where it has no checkpoint


@dataclass(frozen=True)
class Case:
    """Case of the benchmark.

    Attributes:
        model: zoo name.
        backend: backend of the network; "fastest" chooses backend and precision.
        precision: number format of the network.
        size: (width, height) of the photos [px].
        threads: number of threads of the network.
        runs: timed runs of the network, after a first one.
        images: number of photos processed from JPEG to depth PNG.
        near: whether they show things within arm's reach, not a room.
    """

    model: str
    backend: str
    precision: str
    size: tuple[int, int]
    threads: int
    runs: int
    images: int
    near: bool = False


@dataclass(frozen=True)
class Measured:
    """Result of a case.

    Attributes:
        backend: backend that was used.
        precision: precision that was used.
        weights: SHA-256 of the checkpoint, or "random".
        input_size: (height, width) of the network's input [px].
        first_seconds: time of the network's first run, compilation included [s].
        milliseconds: times of the other runs, rising [ms].
        gflop: operations per image [GFLOP]: those of convolutions, matrix products and attention.
        images_per_second: rate from JPEG to depth PNG, with start and end of a run; None: not measured.
        outside: share of that time in which the network did not run, by its time for as many images as a run gives it;
            overlapping work may hide it.
        peak_megabytes: largest resident memory of the process [MB].
    """

    backend: str
    precision: str
    weights: str
    input_size: tuple[int, int]
    first_seconds: float
    milliseconds: tuple[float, ...]
    gflop: float
    images_per_second: float | None
    outside: float | None
    peak_megabytes: int

    @property
    def median(self) -> float:
        """Return the median time of the network's runs [ms]."""
        return statistics.median(self.milliseconds)

    @property
    def gflops(self) -> float:
        """Return the achieved speed [GFLOP/s]."""
        return self.gflop / self.median * 1000


def measure(case: Case) -> Measured:
    """Measure a case in its own process, which makes peak memory its own.

    Raises:
        BackendError: the process failed; the message has its last error.
    """
    result = _in_process("case", asdict(case))
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in result.items()}
    return Measured(**values)


def matmul_peak(precision: str, threads: int) -> float:
    """Measure the peak speed of matrix multiplication in a precision.

    Args:
        precision: number format.
        threads: number of threads.

    Returns:
        Speed [GFLOP/s], measured in a process of its own.

    Raises:
        BackendError: the process failed; the message has its last error.
    """
    return float(_in_process("matmul", {"precision": precision, "threads": threads})["gflops"])


def measure_all(
    cases: Sequence[Case], on_done: Callable[[Case, Measured | str], None]
) -> list[tuple[Case, Measured | str]]:
    """Measure case after case; failed ones are listed with their reason."""
    done: list[tuple[Case, Measured | str]] = []
    for case in cases:
        try:
            result: Measured | str = measure(case)
        except BackendError as error:
            result = str(error)
        on_done(case, result)
        done.append((case, result))
    return done


def machine_peaks(precisions: Iterable[str], threads: int) -> dict[str, float]:
    """Measure `matmul_peak` in each precision."""
    return {precision: matmul_peak(precision, threads) for precision in dict.fromkeys(precisions)}


def _in_process(what: str, values: object) -> dict[str, Any]:
    command = [sys.executable, "-m", "mono.benchmark.worker", what, json.dumps(values)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        errors = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit code {done.returncode}"]
        raise BackendError(errors[-1][:300])
    result: dict[str, Any] = json.loads(lines[-1])
    return result
