"""`metricdepth bench`: speed of this machine, as a table."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mono.cli import session
from mono.cli.values import names
from mono.system.errors import MetricDepthError

if TYPE_CHECKING:
    from mono.benchmark.cases import Case, Measured

_BACKENDS = ("eager", "compile", "onnxruntime", "openvino")
_AUTO = ("float32", "bfloat16")  # choices of the backend "fastest"
_COLUMNS = (
    "model", "photo", "input", "backend", "precision", "first run [s]", "ms an image, median (range)", "images/s",
    "outside the network", "peak memory [MB]", "GFLOP", "GFLOP/s", "of the matrix peak",
)  # fmt: skip


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("bench")
    parser.add_argument("--models", type=names, default=("lite",), metavar="M,…", help="models to measure")
    parser.add_argument("--backends", type=names, default=_BACKENDS, metavar="B,…", help="backends to measure")
    parser.add_argument(
        "--precisions", type=names, default=("float32", "bfloat16"), metavar="P,…",
        help="precisions to measure",
    )  # fmt: skip
    parser.add_argument("--sizes", type=names, default=("640x480",), metavar="WxH,…", help="sizes of the photos")
    parser.add_argument("--runs", type=int, default=7, metavar="N", help="run the network N times each")
    parser.add_argument(
        "--images", type=int, default=20, metavar="N", help="process N photos from JPEG to depth PNG; 0: none"
    )
    parser.add_argument("--near", action="store_true", help="measure with photos of near things (default: of a room)")
    parser.add_argument("--threads", type=int, metavar="N", help="run on N threads (default: all cores)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all results, with each run's time")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure and print; return the exit code, 1 if a measurement failed."""
    from mono.backends.base import machine, why_not
    from mono.benchmark.cases import machine_peaks, measure_all

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    default = int(os.environ.get("OMP_NUM_THREADS") or cores)
    threads = default if args.threads is None else args.threads
    cases, left_out = [], []
    for case in _cases(args, threads):
        reason = None if case.backend == "fastest" else why_not(case.backend, case.precision, "cpu")
        if reason and reason not in left_out:
            left_out.append(reason)
        if not reason:
            cases.append(case)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    peaks = machine_peaks([p for c in cases for p in (_AUTO if c.precision == "auto" else (c.precision,))], threads)
    metadata = _run_metadata(machine(), threads, peaks, load)
    out = sys.stdout.write
    out("\n".join(heading(metadata)) + "\n\n")
    out(f"| {' | '.join(_COLUMNS)} |\n|{'---|' * len(_COLUMNS)}\n")

    def say(case: Case, result: Measured | str) -> None:
        out(line(case, result, peaks) + "\n")
        sys.stdout.flush()

    results = measure_all(cases, say)
    out("".join(f"\nleft out: {reason}" for reason in left_out) + ("\n" if left_out else ""))
    if args.json:
        from mono.io.atomic import write_bytes

        rows = [asdict(c) | (asdict(r) if not isinstance(r, str) else {"failed": r}) for c, r in results]
        write_bytes(args.json, json.dumps(metadata | {"left_out": left_out, "rows": rows}, indent=1).encode() + b"\n")
    return 1 if any(isinstance(r, str) for _, r in results) else 0


def heading(metadata: Mapping[str, Any]) -> list[str]:
    """Write the lines above the table."""
    peaks = ", ".join(f"{value:.0f} in {name}" for name, value in metadata["matmul_peak_gflops"].items())
    return [
        f"{metadata['date']}, {metadata['machine']}, {metadata['threads']} threads, "
        f"torch {metadata['versions']['torch']}, load {metadata['load']:.1f} before it began; `{metadata['command']}`",
        f"matrix multiplication reaches at most [GFLOP/s]: {peaks}",
    ]


def line(case: Case, result: Measured | str, peaks: Mapping[str, float]) -> str:
    """Write a row of the table."""
    width, height = case.size
    if isinstance(result, str):
        return f"| {case.model} | {width}x{height} | | {case.backend} | {case.precision} | failed: {result} |"
    weights = " (random weights)" if result.weights == "random" else ""
    times = result.milliseconds
    cells = [
        case.model + weights,
        f"{width}x{height}{', near' if case.near else ''}",
        f"{result.input_size[0]}x{result.input_size[1]}",
        result.backend if case.backend == result.backend else f"{case.backend}: {result.backend}",
        result.precision,
        f"{result.first_seconds:.1f}",
        f"{result.median:.1f} ({times[0]:.1f}-{times[-1]:.1f})",
        "-" if result.images_per_second is None else f"{result.images_per_second:.2f}",
        "-" if result.outside is None else f"{100 * result.outside:.0f} %",
        str(result.peak_megabytes),
        f"{result.gflop:.1f}",
        f"{result.gflops:.0f}",
        f"{100 * result.gflops / peaks[result.precision]:.0f} %",
    ]
    return f"| {' | '.join(cells)} |"


def _cases(args: argparse.Namespace, threads: int) -> list[Case]:
    from mono.backends.base import BACKENDS
    from mono.benchmark.cases import Case
    from mono.model.zoo import MODELS

    if unknown := [m for m in args.models if m not in MODELS]:
        raise MetricDepthError(f'there is no model "{unknown[0]}"; known: {", ".join(MODELS)}')
    if unknown := [b for b in args.backends if b not in (*BACKENDS, "fastest")]:
        raise MetricDepthError(f'backend "{unknown[0]}" is unknown; use {", ".join(BACKENDS)} or fastest')
    if unknown := [p for p in args.precisions if p not in ("float32", "bfloat16", "float16")]:
        raise MetricDepthError(f'precision "{unknown[0]}" is unknown; use float32, bfloat16 or float16')
    for flag in ("models", "backends", "precisions", "sizes"):
        if not getattr(args, flag):
            raise MetricDepthError(f"--{flag} names nothing to measure")
    if threads > 1024:
        raise MetricDepthError(f"--threads is {threads}; use at most 1024")
    if args.runs < 1 or args.images < 0 or threads < 1:
        raise MetricDepthError("--runs and --threads must be at least 1, --images at least 0")
    return [
        Case(model, backend, precision, size, threads, args.runs, args.images, args.near)
        for model in args.models
        for size in map(_size, args.sizes)
        for backend in args.backends
        for precision in (args.precisions if backend != "fastest" else ("auto",))
    ]


def _size(text: str) -> tuple[int, int]:
    from mono.io.images import MAX_PIXELS

    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise MetricDepthError(f'"{text}" is not a size; write WIDTHxHEIGHT, as 640x480')
    if int(width) * int(height) > MAX_PIXELS:
        raise MetricDepthError(f'"{text}" is more than the {MAX_PIXELS / 1e6:.0f} megapixels that are read of an image')
    return int(width), int(height)


def _run_metadata(machine: str, threads: int, peaks: Mapping[str, float], load: float) -> dict[str, Any]:
    import importlib.metadata

    from mono.system.versions import versions

    found: dict[str, str] = dict(versions())
    for name in ("onnxruntime", "openvino"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "date": datetime.date.today().isoformat(),
        "machine": machine,
        "threads": threads,
        "isa": os.environ.get("ONEDNN_MAX_CPU_ISA", "not limited"),
        "command": " ".join(_typed(session.command())),
        "versions": found,
        "load": load,
        "matmul_peak_gflops": dict(peaks),
    }


def _typed(words: Sequence[str]) -> list[str]:
    import shlex

    return [shlex.quote(word) for word in words]
