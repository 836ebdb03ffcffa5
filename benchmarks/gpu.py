"""Check and measure a GPU: parity, throughput, whole runs and robustness, as gpu.json and gpu.md.

    python benchmarks/gpu.py [--seconds 480] [--device cuda] [--out gpu_results]

Items run in order of worth until the time is over; those that are left out are named. An item that fails is recorded
with its message, and the others run. The exit code is 1 if any failed. `--device cpu` is a dry run with small sizes.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks"), str(ROOT / "tests" / "golden")]  # made-up weights: the tests'


class Findings(dict[str, Any]):
    """Measured values of one item and the bounds they exceeded."""

    def __init__(self) -> None:
        super().__init__()
        self.broken: list[str] = []

    def bound(self, name: str, value: float, most: float) -> None:
        """Record a value that must be finite and at most `most`."""
        self[name] = value
        if not value <= most:
            self.broken.append(f"{name} is {value:.3g}, bound {most:g}")

    def require(self, name: str, true: bool, message: str) -> None:
        """Record a condition that must hold."""
        self[name] = bool(true)
        if not true:
            self.broken.append(message)


@dataclass(eq=False)
class Bench:
    """Time budget, device, temporary folder and results of a run."""

    device: str
    seconds: float
    out: Path
    folder: Path
    started: float = field(default_factory=time.perf_counter)
    run_metadata: dict[str, Any] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    peak: float = 0.0  # TFLOP/s of a bfloat16 matrix product
    flops: dict[str, float] = field(default_factory=dict)  # of one image, by network

    @property
    def dry(self) -> bool:
        """Tell if this is a dry run on the CPU."""
        return self.device == "cpu"

    def left(self) -> float:
        """Return the seconds left of the budget."""
        return self.seconds - (time.perf_counter() - self.started)

    def item(self, section: str, name: str, needs: float, work: Callable[[Findings], None]) -> None:
        """Run one item if `needs` seconds are left; record values, failure or that it was skipped."""
        row: dict[str, Any] = {"section": section, "name": name, "status": "skipped", "values": {}}
        if self.left() >= needs:
            begun, found = time.perf_counter(), Findings()
            try:
                work(found)
                row["status"] = "FAILED" if found.broken else "ok"
                message = "; ".join(found.broken)
            except Exception as error:  # noqa: BLE001 - recorded, and the others run
                row["status"], row["traceback"] = "FAILED", traceback.format_exc()
                message = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:300]}"
            row |= {"values": dict(found), "seconds": round(time.perf_counter() - begun, 2)}
            row |= {"message": message} if message else {}
            self.start_memory()
        self.rows.append(row)
        print(f"[{self.seconds - self.left():6.1f} s] {row['status']:7} {section}: {name}: {_line(row)}", flush=True)
        self.write()

    def sync(self) -> None:
        """Wait until the device has finished."""
        if not self.dry:
            torch.cuda.synchronize()

    def start_memory(self) -> int:
        """Begin to watch the peak of GPU memory; return the bytes in use now."""
        if self.dry:
            return 0
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated()

    def rate(self, step: Callable[[], Any], seconds: float = 0.5, warm: int = 2) -> float:
        """Return the seconds that one call takes, a mean over at least three after warm-up."""
        for _ in range(1 if self.dry else warm):
            step()
        self.sync()
        begun = time.perf_counter()
        step()
        self.sync()
        count = 1 if self.dry else min(max(int(seconds / (time.perf_counter() - begun)), 3), 300)
        begun = time.perf_counter()
        for _ in range(count):
            step()
        self.sync()
        return (time.perf_counter() - begun) / count

    def write(self) -> None:
        """Write gpu.json and gpu.md with all that is known so far."""
        whole = {"run_metadata": self.run_metadata, "seconds": round(self.seconds - self.left(), 1), "items": self.rows}
        (self.out / "gpu.json").write_text(json.dumps(whole, indent=1, default=str) + "\n")
        lines = [f"# {self.run_metadata.get('device', self.device)}", ""]
        lines += [f"- {name}: {value}" for name, value in self.run_metadata.items()]
        for section in dict.fromkeys(row["section"] for row in self.rows):
            lines += ["", f"## {section}", "", "| item | status | values |", "|---|---|---|"]
            lines += [f"| {r['name']} | {r['status']} | {_line(r)} |" for r in self.rows if r["section"] == section]
        (self.out / "gpu.md").write_text("\n".join(lines) + "\n")


def _line(row: dict[str, Any]) -> str:
    values = [f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in row["values"].items()]
    return ", ".join(values + ([f"**{row['message']}**"] if row.get("message") else [])).replace("|", "/")


def describe(bench: Bench, found: Findings) -> None:
    """Record the machine, and measure the peak of a bfloat16 matrix product."""
    import timm
    import torchvision

    versions = {"torch": torch.__version__, "torchvision": torchvision.__version__, "timm": timm.__version__}
    bench.run_metadata |= {"date": time.strftime("%Y-%m-%d"), "python": platform.python_version(), **versions}
    bench.run_metadata |= {"numpy": np.__version__, "threads": torch.get_num_threads()}
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    bench.run_metadata["commit"] = commit.stdout.strip() or "unknown"
    if bench.dry:
        bench.run_metadata["device"] = f"dry run on a CPU ({platform.machine()})"
    else:
        card = torch.cuda.get_device_properties(0)
        bench.run_metadata |= {"device": card.name, "memory_gib": round(card.total_memory / 2**30, 1)}
        bench.run_metadata |= {"capability": f"{card.major}.{card.minor}", "cuda": torch.version.cuda}
        bench.run_metadata |= {"cudnn": torch.backends.cudnn.version(), "multiprocessors": card.multi_processor_count}
    side = 256 if bench.dry else 8192
    a, b = (torch.randn(side, side, device=bench.device, dtype=torch.bfloat16) for _ in range(2))
    bench.peak = 2 * side**3 / bench.rate(lambda: a @ b) / 1e12
    found[f"matmul_{side}_bf16_tflops"] = bench.peak


def main() -> int:
    """Run the items; return 1 if any failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=480.0, help="total time budget (default: 480)")
    parser.add_argument(
        "--device", choices=("cuda", "cpu"), default="cuda", help="device; cpu is a dry run (default: cuda)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("gpu_results"), help="folder for results (default: gpu_results)"
    )
    args = parser.parse_args()
    if args.device == "cuda" and not torch.cuda.is_available():
        print(f"torch {torch.__version__} sees no CUDA device: use --device cpu for a dry run", file=sys.stderr)
        return 2
    import gpu_networks
    import gpu_runs

    args.out.mkdir(parents=True, exist_ok=True)
    memory = Path("/dev/shm")  # made-up checkpoints of gigabytes are read faster from memory
    roomy = args.device == "cuda" and memory.is_dir() and shutil.disk_usage(memory).free > 16 * 2**30
    with tempfile.TemporaryDirectory(prefix="gpu", dir=memory if roomy else None) as folder:
        bench = Bench(args.device, args.seconds, args.out, Path(folder))
        bench.item("device", "versions and matrix peak", 0, lambda found: describe(bench, found))
        gpu_networks.parity(bench)
        gpu_runs.photos(bench)
        gpu_networks.throughput(bench, gpu_networks.DRY_CASES if bench.dry else gpu_networks.FIRST)
        gpu_runs.pipeline(bench, "float32" if bench.dry else "float16")
        gpu_runs.robustness(bench)
        if not bench.dry:
            gpu_networks.throughput(bench, gpu_networks.MORE)
        gpu_networks.variants(bench)
    status = [row["status"] for row in bench.rows]
    skipped = [row["name"] for row in bench.rows if row["status"] == "skipped"]
    print(f"{status.count('ok')} ok, {status.count('FAILED')} failed, {len(skipped)} skipped: {', '.join(skipped)}")
    return int("FAILED" in status)


if __name__ == "__main__":
    raise SystemExit(main())
