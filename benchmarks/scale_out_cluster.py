"""Cluster on a simulated clock, with stragglers and preemption: real shard logic and files, no computation."""

from __future__ import annotations

import heapq
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scale_out_data import FakeMapper, write_shards

from mono.data.output_folders import parse_stats
from mono.io.atomic import remove_stale_files
from mono.scale_out.jobs import process_shard
from mono.scale_out.results import ShardJob


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
        whole = sum(1 for p in out.glob("*_stats.json") if parse_stats(p.read_bytes()).get("status") == "done")
    return {
        "shards": shards, "workers": workers, "preempted": preempted, "processed": done, "whole": whole,
        "hours": round(end / 3600, 2), "ideal_hours": round(busy / workers / 3600, 2),
        "lost_share": round(lost / (busy + lost), 4), "left_over": len(left),
    }  # fmt: skip


def _die_within(job: ShardJob, mapper: FakeMapper, generator: random.Random) -> None:
    """End in a random step of a shard: in the mapper, or before tar, index or statistics appear."""
    step = generator.randrange(4)
    replace, renames = Path.replace, 0

    def rename(self: Path, target: Path) -> Path:
        nonlocal renames
        renames += 1
        if renames == step:
            raise Preempted
        return replace(self, target)

    Path.replace = rename  # type: ignore[method-assign,assignment]
    try:
        process_shard(job, _Dying() if step == 0 else mapper)
        raise AssertionError("the simulated machine outlived its end")
    except Preempted:
        return
    finally:
        Path.replace = replace  # type: ignore[method-assign]


class _Dying(FakeMapper):
    """Mapper of a worker that ends within it."""

    def __call__(self, batch: dict[str, Sequence[Any]]) -> dict[str, list[Any]]:
        raise Preempted
