"""Runs over shards: find the inputs, spread them, merge the statistics."""

from __future__ import annotations

import functools
import glob
import itertools
import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mono.io.atomic import remove_stale_files, write_bytes
from mono.runs.folder import lock_output_folder
from mono.scale_out import engines
from mono.scale_out.jobs import STATS_SUFFIX, RowMapper, ShardJob, read_stats
from mono.scale_out.mapper import DepthMapper
from mono.scale_out.shards import SHARD_SUFFIXES
from mono.system.errors import RunError
from mono.system.failure import Failure
from mono.system.progress import Progress, silent

Engine = Literal["processes", "ray"]
_RANGE = re.compile(r"\{(\d{1,18})\.\.(\d{1,18})\}")
_MOST_SHARDS = 200_000
_MOST_REASONS = 100  # kept in a report, so that its size does not grow with the number of shards


@dataclass
class ShardReport:
    """Merged statistics of shards.

    Attributes:
        shards: number of shards with results.
        kept: those of them made by former runs.
        images: number of rows.
        failed_images: number of rows with an error.
        camera_sources: number of images by source of their camera.
        reasons: number of images by error, the most frequent.
        failed: shards without results, with their reasons; the first 100.
        failed_shards: number of shards without results.
        mapper_seconds: time in reading images, the network and encoding, summed over workers [s].
        seconds: whole time of the shards, summed over workers [s].
    """

    shards: int = 0
    kept: int = 0
    images: int = 0
    failed_images: int = 0
    camera_sources: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    failed: list[Failure] = field(default_factory=list)
    failed_shards: int = 0
    mapper_seconds: float = 0.0
    seconds: float = 0.0

    def add(self, stats: dict) -> None:
        """Add the statistics of a shard; see `mono.scale_out.jobs.process_shard`."""
        if stats.get("status") != "done":
            self.failed_shards += 1
            if len(self.failed) < _MOST_REASONS:
                self.failed.append(Failure(stats.get("source", "?"), stats.get("error", "unknown reason")))
            return
        self.shards += 1
        self.kept += bool(stats.get("kept"))
        self.images += stats["images"]
        self.failed_images += stats["failed"]
        self.camera_sources.update(stats["camera_sources"])
        self.reasons.update(stats["reasons"])
        if len(self.reasons) > 2 * _MOST_REASONS:
            self.reasons = Counter(dict(self.reasons.most_common(_MOST_REASONS)))
        self.mapper_seconds += stats["mapper_seconds"]
        self.seconds += stats["seconds"]


def run_shards(
    inputs: Sequence[str],
    out: Path,
    mapper: RowMapper,
    *,
    workers: int = 1,
    engine: Engine = "processes",
    gpus: float = 0,
    address: str | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> ShardReport:
    """Process tar shards into shards of depth.

    Each input NAME.tar gives NAME.tar, NAME.parquet and NAME_stats.json; report.json merges the statistics of the
    folder. A shard appears whole or not at all; those whose input and settings are unchanged are kept.

    Args:
        inputs: tar files, folders of them, quoted globs, ranges as {00000..00041}.tar, and URLs.
        out: folder of the results.
        mapper: function of the shards' rows, as `DepthMapper`.
        workers: number of processes or actors; a single process is this one.
        engine: "processes" of this machine, or "ray".
        gpus: GPUs of each actor of Ray.
        address: address of a Ray cluster; None: this machine.
        overwrite: process shards again whose results are there.
        progress: called after each shard.

    Returns:
        Statistics of the shards of this call.

    Raises:
        RunError: there is no shard, two have one name, another run holds the folder, or it cannot be written.
        MetricDepthError: the model or the engine cannot be used.
    """
    if workers < 1:
        raise RunError(f"number of workers is {workers}; it must be at least 1")
    jobs = plan_jobs(inputs, out, overwrite)
    report = ShardReport()
    with lock_output_folder(out):
        try:
            remove_stale_files(out, recursive=False)
            if isinstance(mapper, DepthMapper):
                mapper = mapper.resolved()
            if engine == "ray":
                results = engines.run_in_ray(jobs, mapper, workers, gpus, address)
            elif workers == 1:
                results = engines.run_here(jobs, mapper)
            else:
                results = engines.run_in_processes(jobs, mapper, workers)
            for done, stats in enumerate(results, 1):
                report.add(stats)
                progress("", done, len(jobs))
            remove_stale_files(out, recursive=False)
            write_bytes(out / "report.json", (json.dumps(vars(merge_stats(out)), indent=1) + "\n").encode())
        except OSError as error:
            raise RunError(
                f"cannot write into {out}: {error.strerror or error}; when that is solved, the same command goes on"
            ) from error
    return report


def merge_stats(out: Path) -> ShardReport:
    """Merge the statistics of all shards in a folder, one file at a time."""
    report = ShardReport()
    for path in sorted(out.glob(f"*{STATS_SUFFIX}")):
        report.add(read_stats(path))
    return report


def plan_jobs(inputs: Sequence[str], out: Path, overwrite: bool = False) -> list[ShardJob]:
    """List the shards of inputs, with the names of their results.

    Raises:
        RunError: there is no shard, two have one name, or results would replace inputs.
    """
    jobs: dict[str, ShardJob] = {}
    folder = out.resolve()
    is_out = functools.cache(lambda parent: parent.resolve() == folder)  # once for each folder, not for each shard
    for source in itertools.chain.from_iterable(map(_sources, inputs)):
        name = _name(source)
        if len(jobs) > _MOST_SHARDS:
            raise _too_many(", ".join(inputs))
        if name in jobs and jobs[name].source != source:
            raise RunError(
                f"{jobs[name].source} and {source} have one name, and their results too: use an output folder for each"
            )
        if "://" not in source and "\0" in source:
            raise RunError(f"{source!r} is no path")
        if "://" not in source and is_out(Path(source).parent):
            raise RunError(f"{source} lies in the output folder, and its results would replace it: choose another one")
        jobs[name] = ShardJob(source, out, name, overwrite)
    if not jobs:
        raise RunError(f"there are no shards ({', '.join(SHARD_SUFFIXES)}) in {', '.join(inputs) or 'nothing'}")
    return list(jobs.values())


def _too_many(inputs: str) -> RunError:
    return RunError(f"there are more than {_MOST_SHARDS} shards in {inputs}; give fewer at a time")


def _sources(given: str) -> Iterator[str]:
    first, *ranges = _RANGE.split(given)
    lows, highs, texts = ranges[::3], ranges[1::3], ranges[2::3]
    numbers = [range(int(low), int(high) + 1) for low, high in zip(lows, highs, strict=True)]
    if math.prod(len(each) or 1 for each in numbers) > _MOST_SHARDS:
        raise _too_many(given)
    for values in itertools.product(*numbers):
        parts = (str(v).zfill(len(low)) + text for v, low, text in zip(values, lows, texts, strict=True))
        yield from _files(first + "".join(parts))


def _files(given: str) -> Iterator[str]:
    if "://" in given:
        yield given
    elif Path(given).is_dir():
        yield from (str(path) for path in sorted(Path(given).iterdir()) if path.name.endswith(SHARD_SUFFIXES))
    elif not Path(given).exists() and glob.has_magic(given):
        yield from sorted(glob.glob(given))  # noqa: PTH207  # a pattern may be absolute
    else:
        yield given


def _name(source: str) -> str:
    name = source.rstrip("/").rpartition("/")[2].partition("?")[0]
    return next((name[: -len(s)] for s in SHARD_SUFFIXES if name.lower().endswith(s)), name)
