"""Let several processes work on the same two shards at once, kill some of them, and compare what is left.

    python benchmarks/scale_out_race.py [--seconds 60] [--seed 0]

This is what happens when the first process of a run dies and its workers live on beside those of the next run.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pyarrow
import scale_out_data as data

from mono.scale_out.jobs import process_shard
from mono.scale_out.results import ShardJob
from mono.scale_out.storage import remove_leftovers

SHARDS = ("00000", "00001")


def process_all(source: Path, out: Path) -> None:
    """Process both shards in this process."""
    mapper = data.TinyMapper(device="cpu")
    for name in SHARDS:
        process_shard(ShardJob(str(source / f"{name}.tar"), str(out), name), mapper)


def contents(folder: Path) -> dict[str, bytes]:
    """Read all files but the statistics, which hold times."""
    return {p.name: p.read_bytes() for p in folder.iterdir() if not p.name.endswith("_stats.json")}


def one_round(source: Path, out: Path, took: float, generator: random.Random) -> int:
    """Start three to eight processes after one another, and kill most; return how many were killed."""
    alive: list[int] = []
    killed = 0
    for _ in range(generator.randint(3, 8)):
        pid = os.fork()
        if not pid:
            try:
                if generator.random() < 0.4:
                    remove_leftovers(out)
                process_all(source, out)
            finally:
                os._exit(0)
        alive.append(pid)
        time.sleep(generator.uniform(0, took))
        if generator.random() < 0.8:
            victim = alive.pop(generator.randrange(len(alive)))
            os.kill(victim, signal.SIGKILL)
            os.waitpid(victim, 0)
            killed += 1
    for pid in alive:
        os.waitpid(pid, 0)
    process_all(source, out)
    remove_leftovers(out)
    return killed


def main() -> None:
    """Run rounds and print their figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    pyarrow.set_cpu_count(1)  # its threads do not survive a fork
    pyarrow.set_io_thread_count(1)
    generator, rounds, killed, different = random.Random(args.seed), 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder, "in"), Path(folder, "out")
        data.write_shards(source, 24, 12, data.tiny_images(24))
        process_all(source, Path(folder, "whole"))
        begun = time.perf_counter()
        process_all(source, Path(folder, "timed"))
        took, whole = time.perf_counter() - begun, contents(Path(folder, "whole"))
        while time.perf_counter() - begun < args.seconds:
            shutil.rmtree(out, ignore_errors=True)
            out.mkdir()
            killed += one_round(source, out, took, generator)
            rounds += 1
            different += contents(out) != whole
    print(json.dumps({"rounds": rounds, "killed": killed, "rounds_with_a_difference": different}))


if __name__ == "__main__":
    main()
