"""Measure the work around the network over shards: memory, throughput, kills, and a simulated cluster.

    python benchmarks/scale_out.py memory [--images 10000 100000]
    python benchmarks/scale_out.py kills [--kills 50]
    python benchmarks/scale_out.py cluster [--shards 2000] [--workers 64]

`memory` and `kills` run real workers with a mapper that computes nothing; `cluster` runs the real shard logic (resume,
whole results, retry) on a simulated clock with stragglers and preemption.
"""

from __future__ import annotations

import argparse
import heapq
import io
import json
import os
import random
import resource
import signal
import sys
import tarfile
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mono.io.atomic import remove_stale_files
from mono.scale_out import engines, jobs
from mono.scale_out.jobs import ShardJob, process_shard
from mono.scale_out.mapper import RESULT_COLUMNS
from mono.scale_out.run import run_shards

PIXEL = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9")  # no image: the mapper below reads none


@dataclass(frozen=True)
class FakeMapper:
    """Mapper that computes nothing: constant results of a few hundred bytes.

    Attributes:
        depth_scale: stored value of one meter.
        pause: time for each batch of rows [s].
    """

    depth_scale: int = 1000
    pause: float = 0.0

    def settings(self) -> dict[str, Any]:
        """Name the results."""
        return {"model": "fake", "depth_scale": self.depth_scale}

    def __call__(self, batch: dict[str, Sequence[Any]]) -> dict[str, list[Any]]:
        """Return constant columns."""
        time.sleep(self.pause)
        empty = {bytes: b"x" * 200, int: 8, float: 1.5, str: ""}
        rows = len(batch["key"])
        return {"key": list(batch["key"])} | {n: [empty[k]] * rows for n, k in RESULT_COLUMNS.items()}


def write_shards(folder: Path, images: int, of: int) -> None:
    """Write shards of `of` tiny samples each."""
    folder.mkdir(parents=True)
    for shard in range(-(-images // of)):
        with tarfile.open(folder / f"{shard:05d}.tar", "w") as tar:
            for i in range(min(of, images - shard * of)):
                member = tarfile.TarInfo(f"{shard:05d}{i:05d}.jpg")
                member.size = len(PIXEL)
                tar.addfile(member, io.BytesIO(PIXEL))


def memory(images: int, workers: int, engine: str) -> dict[str, Any]:
    """Run a driver over tiny images in a process of its own; report its peak memory and the time."""
    with tempfile.TemporaryDirectory() as folder:
        write_shards(Path(folder, "in"), images, 1000)
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            started = time.perf_counter()
            report = run_shards(
                [f"{folder}/in"],
                Path(folder, "out"),
                FakeMapper(),
                workers=workers,
                engine=engine,  # type: ignore
            )
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            workers_peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            seconds = time.perf_counter() - started
            os.write(write, json.dumps([report.images, peak, workers_peak, seconds]).encode())
            os._exit(0)
        os.waitpid(child, 0)
        done, peak, workers_peak, seconds = json.loads(os.read(read, 1000))
    return {
        "engine": engine, "workers": workers, "images": done, "driver_peak_mb": round(peak, 1),
        "worker_peak_mb": round(workers_peak, 1), "seconds": round(seconds, 2),
        "images_per_second": round(done / seconds),
    }  # fmt: skip


def kills(count: int, workers: int) -> dict[str, Any]:
    """Kill random workers while they write; compare the results with those of an undisturbed run."""
    with tempfile.TemporaryDirectory() as folder:
        write_shards(Path(folder, "in"), 6000, 50)
        run_shards([f"{folder}/in"], Path(folder, "whole"), FakeMapper())
        started: list[Any] = []
        start, generator, killed = engines._start, random.Random(0), 0
        engines._start = lambda mapper, rank: started.append(start(mapper, rank)) or started[-1]  # type: ignore

        def kill(stage: str, done: int, total: int, /) -> None:
            nonlocal killed
            alive = [worker for worker in started if worker.process.is_alive() and worker.job]
            if killed < count and alive:
                time.sleep(generator.uniform(0, 0.03))
                os.kill(generator.choice(alive).process.pid, signal.SIGKILL)
                killed += 1

        out = Path(folder, "out")
        report = run_shards([f"{folder}/in"], out, FakeMapper(pause=0.005), workers=workers, progress=kill)
        engines._start = start
        same = all(p.read_bytes() == (out / p.name).read_bytes() for p in Path(folder, "whole").glob("[0-9]*[rt]"))
        left = [p.name for p in out.iterdir() if p.name.startswith(".mono")]
    return {
        "kills": killed, "workers_started": len(started), "shards": report.shards, "images": report.images,
        "failed_shards": report.failed_shards, "identical": same, "left_over": len(left),
    }  # fmt: skip


class Preempted(BaseException):
    """Simulated end of a machine, at any point of a shard."""


def cluster(shards: int, workers: int, seed: int = 0) -> dict[str, Any]:
    """Simulate workers with stragglers and preemption over the real shard logic.

    Shards take 60 s on average; 5 % of the workers are three times slower; each worker is preempted once in 30 minutes
    on average, in the midst of a shard, and is replaced after 2 minutes. The clock is simulated, files are real.
    """
    generator = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        write_shards(Path(folder, "in"), shards * 2, 2)
        out = Path(folder, "out")
        names = sorted(path.stem for path in Path(folder, "in").iterdir())
        queue = [ShardJob(f"{folder}/in/{name}.tar", out, name) for name in names]
        slow = [3.0 if generator.random() < 0.05 else 1.0 for _ in range(workers)]
        clock = [(0.0, worker) for worker in range(workers)]
        heapq.heapify(clock)
        busy = lost = end = 0.0
        preempted = done = 0
        mapper = FakeMapper()
        while queue:
            now, worker = heapq.heappop(clock)
            job = queue.pop(0)
            takes = slow[worker] * generator.lognormvariate(4.0, 0.4)
            until = generator.expovariate(1 / 1800)
            if until < takes:
                _die_within(job, mapper, generator)
                preempted += 1
                lost += until
                queue.append(job)
                heapq.heappush(clock, (now + until + 120, worker))
                continue
            done += not process_shard(job, mapper)["kept"]
            busy += takes
            end = max(end, now + takes)
            heapq.heappush(clock, (now + takes, worker))
        remove_stale_files(out)  # those of this process: it is the only one
        left = [p.name for p in out.iterdir() if p.name.startswith(".mono")]
        whole = sum(1 for p in out.glob("*_stats.json") if jobs.parse_stats(p.read_bytes()).get("status") == "done")
    return {
        "shards": shards, "workers": workers, "preempted": preempted, "processed": done, "whole": whole,
        "hours": round(end / 3600, 2), "ideal_hours": round(busy / workers / 3600, 2),
        "lost_share": round(lost / (busy + lost), 4), "left_over": len(left),
    }  # fmt: skip


def _die_within(job: ShardJob, mapper: FakeMapper, generator: random.Random) -> None:
    """End in a random step of a shard: before, between or after the files appear."""
    step = generator.choice(("mapper", "tar", "stats"))
    replaced = {"tar": Path.replace, "stats": jobs.write_bytes}

    def die(*args: Any, **kwargs: Any) -> Any:
        if step == "tar" and generator.random() < 0.5:
            return replaced["tar"](*args, **kwargs)
        raise Preempted

    try:
        if step == "mapper":
            process_shard(job, _Dying())
        elif step == "tar":
            Path.replace = die  # type: ignore[method-assign]
            process_shard(job, mapper)
        else:
            jobs.write_bytes = die  # type: ignore[assignment]
            process_shard(job, mapper)
    except Preempted:
        return
    finally:
        Path.replace, jobs.write_bytes = replaced["tar"], replaced["stats"]  # type: ignore[method-assign,assignment]


class _Dying(FakeMapper):
    """Mapper of a worker that ends within it."""

    def __call__(self, batch: dict[str, Sequence[Any]]) -> dict[str, list[Any]]:
        raise Preempted


def main() -> None:
    """Run one measurement and print its figures as JSON lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("memory", "kills", "cluster"))
    parser.add_argument("--images", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--engine", default="processes", choices=("processes", "ray"))
    parser.add_argument("--workers", type=int)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--shards", type=int, default=2000)
    args = parser.parse_args()
    if args.what == "memory":
        for images in args.images:
            print(json.dumps(memory(images, args.workers or 2, args.engine)), flush=True)
    elif args.what == "kills":
        print(json.dumps(kills(args.kills, args.workers or 2)))
    else:
        print(json.dumps(cluster(args.shards, args.workers or 64)))


if __name__ == "__main__":
    main()
