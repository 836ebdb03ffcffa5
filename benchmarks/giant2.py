"""Run vit_giant2 with random weights through `metricdepth predict` and `evaluate`.

    python benchmarks/giant2.py [PHOTO] [--annotations JSON] [--model vit_giant2] [--precision bfloat16] [--threads 2]

Writes a checkpoint in the released format (5.5 GB) into a temporary folder. It is memory-mapped: pages of the file
count as resident while memory is free, but they are not the process's own and go when memory is short.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the made-up weights live with the tests

from mono.model.zoo import MODELS  # noqa: E402
from tests.golden.checkpoints import reference_state  # noqa: E402


def watched(command: list[str], threads: int) -> tuple[float, int, int]:
    """Run a command; returns seconds, peak resident memory and peak private memory [MB]."""
    started = time.perf_counter()
    child = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": str(threads)})
    peak = own = 0
    while child.poll() is None:
        with contextlib.suppress(OSError, IndexError):
            status = Path(f"/proc/{child.pid}/status").read_text()
            peak, now = (int(status.split(f"{key}:")[1].split()[0]) // 1024 for key in ("VmHWM", "RssAnon"))
            own = max(own, now)
        time.sleep(0.02)
    if child.returncode:
        raise SystemExit(f"the run ended with exit code {child.returncode}")
    return time.perf_counter() - started, peak, own


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", nargs="?", default=str(ROOT / "data" / "wild_demo" / "room.jpg"))
    parser.add_argument("--annotations", default=str(ROOT / "data" / "nyu_demo" / "test_annotations.json"))
    parser.add_argument("--model", default="vit_giant2")
    parser.add_argument("--precision", default="bfloat16")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / MODELS[args.model].file
        torch.save({"model_state_dict": reference_state(args.model)}, checkpoint)
        for what, data, more in (
            ("predict", args.photo, ["--save", "depth,normal"]),
            ("evaluate", args.annotations, ["--derive-normals"]),
        ):
            command = [sys.executable, "-m", "mono", what, data, "--model", args.model, "--checkpoint", str(checkpoint)]
            command += ["--precision", args.precision, "--out", f"{folder}/{what}", *more]
            seconds, peak, own = watched(command, args.threads)
            print(
                f"{what}, {args.model}, {args.precision}: {seconds:.1f} s, peak resident {peak} MB "
                f"(of its own {own} MB, the rest are pages of the checkpoint)",
                flush=True,
            )


if __name__ == "__main__":
    main()
