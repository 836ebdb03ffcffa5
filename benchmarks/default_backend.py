"""Compare the commands' default backend with eager: the command of test.sh, each run a process of its own.

Usage: python benchmarks/default_backend.py [--busy 2] [--rounds 2] [--copies 12]

Runs the demo photos, and copies of them, with every output of test.sh and with depth alone. With --busy, so many other
processes compute meanwhile.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PHOTOS = sorted((ROOT / "data" / "wild_demo").glob("*.jpg"))


@contextlib.contextmanager
def busy(count: int) -> Iterator[None]:
    """Keep other processes computing."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def measure(data: Path, backend: str, cache: Path, flags: list[str]) -> tuple[float, float]:
    """Run the command of test.sh; return wall time with and without the start [s]."""
    with tempfile.TemporaryDirectory() as out:
        words = ["lite", "--load-from", str(ROOT / "weight" / "lite.safetensors"), "--test_data_path", str(data)]
        command = [sys.executable, str(ROOT / "mono" / "tools" / "test_scale_cano.py"), *words, "--show-root", out]
        environment = {**os.environ, "METRICDEPTH_CACHE": str(cache)}
        started = time.perf_counter()
        done = subprocess.run(
            [*command, "--backend", backend, *flags], env=environment, check=True, capture_output=True, text=True
        )
        seconds = time.perf_counter() - started
    found = re.search(r"(\d+) images done, ([\d.]+) s per image", done.stdout)
    assert found, done.stdout
    return seconds, int(found[1]) * float(found[2])


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--busy", type=int, default=0, metavar="N", help="other processes that compute meanwhile")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--copies", type=int, default=12)
    args = parser.parse_args()
    print(f"{args.busy} other processes, load {os.getloadavg()[0]:.1f} before; medians of {args.rounds}")
    print("| photos | outputs | backend | wall [s] | images/s | after the start |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as temporary, busy(args.busy):
        folders = {}
        for copies in (1, args.copies):
            folder = folders[copies * len(PHOTOS)] = Path(temporary, f"photos{copies}")
            folder.mkdir()
            for number in range(copies):
                for photo in PHOTOS:
                    shutil.copy(photo, folder / f"{photo.stem}_{number}.jpg")
        cache = Path(temporary, "cache")
        for count, folder in folders.items():
            depth_only = ["--save", "depth"] if count > len(PHOTOS) else []
            for backend, kept in (("eager", True), ("auto", False), ("auto", True)):
                if count == len(PHOTOS) and backend == "auto" and kept:
                    continue  # nothing is kept of a run in eager
                times = []
                for _ in range(args.rounds):
                    if not kept:
                        shutil.rmtree(cache, ignore_errors=True)
                    times.append(measure(folder, backend, cache, depth_only))
                wall, rest = (statistics.median(values) for values in zip(*times, strict=True))
                name = f"{backend}, cache {'kept' if kept else 'empty'}" if backend == "auto" else backend
                print(
                    f"| {count} | {'depth' if depth_only else 'depth, vis, pcd'} | {name} | {wall:.1f} | "
                    f"{count / wall:.1f} | {count / rest:.1f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
