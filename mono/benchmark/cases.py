"""What is measured, in which processes, and what came of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mono.system.errors import BackendError

RANDOM = "random"  # what a model's weights are called where there is no checkpoint of it


@dataclass(frozen=True)
class Case:
    """One measurement.

    Attributes:
        model: zoo name.
        backend, precision: what computes, and in what; the backend "auto" chooses both.
        size: (width, height) of the photos [px].
        threads: of torch, or of what computes in its place.
        runs: how often the network runs, after one run that does not count.
        images: photos that go from JPEG to depth PNG; 0: none do.
    """

    model: str
    backend: str
    precision: str
    size: tuple[int, int]
    threads: int
    runs: int
    images: int


@dataclass(frozen=True)
class Measured:
    """What came of a case.

    Attributes:
        backend, precision: what computed.
        weights: SHA-256 of the checkpoint, or "random".
        input_size: (height, width) of the network's input [px].
        first_seconds: the network's first run, compilation included [s].
        milliseconds: of the other runs, rising [ms].
        gflop: of an image: multiplications and additions of convolutions, matrix products and attention.
        images_per_second: from JPEG to depth PNG, with what starts and ends a run; None: not measured.
        outside: share of that time in which the network did not run; overlapping work may hide it.
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
        """Of the network's runs [ms]."""
        ordered = sorted(self.milliseconds)
        middle = len(ordered) // 2
        return (ordered[middle] + ordered[-middle - 1]) / 2

    @property
    def gflops(self) -> float:
        """Achieved [GFLOP/s]."""
        return self.gflop / self.median * 1000


def measure(case: Case) -> Measured:
    """Measures in a process of its own, so that its peak memory is this case's.

    Raises:
        BackendError: the process failed; says with what.
    """
    result = _in_process("case", asdict(case))
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in result.items()}
    return Measured(**values)


def matmul_peak(precision: str, threads: int) -> float:
    """The most that matrix multiplication reaches here in a precision, in a process of its own [GFLOP/s].

    Raises:
        BackendError: the process failed; says with what.
    """
    return float(_in_process("matmul", {"precision": precision, "threads": threads})["gflops"])


def measure_all(
    cases: Sequence[Case], on_done: Callable[[Case, Measured | str], None]
) -> list[tuple[Case, Measured | str]]:
    """Measures case after case; one that fails is in the list with its reason, the others are measured."""
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
    """`matmul_peak` of each precision."""
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
