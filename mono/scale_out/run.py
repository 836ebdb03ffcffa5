"""Runs over shards: find the inputs, spread them, merge the statistics."""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mono.data.output_folders import parse_stats
from mono.runs.folder import lock_output_folder
from mono.scale_out import engines
from mono.scale_out.inputs import MOST_SHARDS, SHARD_SUFFIXES, find_inputs, too_many
from mono.scale_out.mapper import DepthMapper
from mono.scale_out.results import LAYOUTS, STATS_SUFFIX, Layout, ShardJob, refuse_other_division
from mono.scale_out.storage import is_url, output_folder, remove_leftovers
from mono.system.errors import RunError
from mono.system.failure import Failure
from mono.system.files import json_object
from mono.system.progress import Progress, silent

Engine = Literal["processes", "ray"]
_REPORT = "report.json"
_MOST_REASONS = 100  # kept in a report, so that its size does not grow with the number of shards


logger = logging.getLogger(__name__)


@dataclass
class ShardReport:
    """Merged statistics of shards.

    Attributes:
        shards: number of shards with results.
        kept: those of them made by former runs.
        images: number of rows.
        failed_images: number of rows with an error.
        beyond_range: number of images with depth beyond the range of their PNG.
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
    beyond_range: int = 0
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
        self.beyond_range += stats.get("beyond_range", 0)
        self.camera_sources.update(stats["camera_sources"])
        self.reasons.update(stats["reasons"])
        if len(self.reasons) > 2 * _MOST_REASONS:
            self.reasons = Counter(dict(self.reasons.most_common(_MOST_REASONS)))
        self.mapper_seconds += stats["mapper_seconds"]
        self.seconds += stats["seconds"]


def run_shards(
    inputs: Sequence[str],
    out: str | Path,
    mapper: DepthMapper,
    *,
    layout: Layout = "tar",
    image_column: str | None = None,
    images_per_shard: int = 1000,
    workers: int = 1,
    engine: Engine = "processes",
    gpus: float = 0,
    address: str | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> ShardReport:
    """Process shards of images into shards of depth.

    Each input NAME.tar, NAME.parquet or part of a folder of images gives NAME.tar, NAME.parquet and NAME_stats.json;
    report.json merges the statistics of the folder. A shard appears whole or not at all; those whose input and settings
    are unchanged are kept, and those with results of other settings fail (without `overwrite`).

    Args:
        inputs: tar and Parquet files, folders of them or of images, quoted globs, ranges as {00000..00041}.tar, URLs.
        out: path or URL of the folder of the results.
        mapper: function of the shards' rows; a `DepthMapper` or a subclass.
        layout: "tar" writes tar shards, "parquet" tables with depth and mask, "files" folders of files.
        image_column: column of images in Parquet files; None: image, jpg, jpeg, png, webp, content or bytes.
        images_per_shard: number of images of a folder that are processed as a shard.
        workers: number of processes or actors; a single process is this one.
        engine: "processes" of this machine, or "ray".
        gpus: GPUs of each actor of Ray.
        address: address of a Ray cluster; None: this machine.
        overwrite: process shards again whose results are there, also those of other settings.
        progress: called after each shard.

    Returns:
        Statistics of the shards of this call.

    Raises:
        RunError: there is no shard, two have one name, another run holds the folder, its results are divided otherwise
            (without `overwrite`), its report.json is another program's, or it cannot be written.
        MetricDepthError: the model cannot be used, or a package is missing.
    """
    if workers < 1:
        raise RunError(f"number of workers is {workers}; it must be at least 1")
    options = {"layout": layout, "image_column": image_column, "images_per_shard": images_per_shard}
    jobs = plan_jobs(inputs, out, overwrite, **options)  # type: ignore[arg-type]
    place = jobs[0].out
    report = ShardReport()
    with contextlib.nullcontext() if is_url(str(place)) else lock_output_folder(Path(place)):
        try:
            remove_leftovers(place)
            _refuse_foreign_report(place)
            mapper = mapper.resolved()
            refuse_other_division(jobs)
            if engine == "ray":
                results = engines.run_in_ray(jobs, mapper, workers, gpus, address)
            elif workers == 1:
                results = engines.run_here(jobs, mapper)
            else:
                results = engines.run_in_processes(jobs, mapper, workers)
            for done, stats in enumerate(results, 1):
                report.add(stats)
                progress("", done, len(jobs))
            remove_leftovers(place)
            with output_folder(place).writing(_REPORT) as temporary:
                temporary.write_text(json.dumps(vars(merge_stats(place, jobs)), indent=1) + "\n")
        except OSError as error:
            raise RunError(
                f"cannot write into {out}: {error.strerror or error}; when that is solved, the same command goes on"
            ) from error
    return report


def _refuse_foreign_report(out: str | Path) -> None:
    """Refuse to replace a report.json that no run has written."""
    data = output_folder(out).read(_REPORT)
    if data is not None and not vars(ShardReport()).keys() & (json_object(data) or {}).keys():
        place = f"{str(out).rstrip('/')}/{_REPORT}"
        raise RunError(f"{place} is no report of this command, and would be replaced: move it, or choose another --out")


def merge_stats(out: str | Path, jobs: Sequence[ShardJob] = ()) -> ShardReport:
    """Merge the statistics of all shards in a folder, one file at a time.

    Args:
        out: path or URL of the folder.
        jobs: shards of a run; other parts of their folders of images are left out, with a warning.
    """
    report, folder = ShardReport(), output_folder(out)
    planned, bases = {job.name for job in jobs}, {_base(job.name) for job in jobs if job.files}
    surplus: list[str] = []
    for name in folder.names(STATS_SUFFIX):
        stats, shard = parse_stats(folder.read(name)), name.removesuffix(STATS_SUFFIX)
        if stats.get("images_per_shard") and shard not in planned and _base(shard) in bases:
            surplus.append(shard)
        elif stats:
            report.add(stats)
    if surplus:
        count = "a part is" if len(surplus) == 1 else f"{len(surplus)} parts are"
        what = f"of former runs, whose photos are gone or in other parts now, as {surplus[0]}"
        logger.warning("%s: %s %s; not in report.json; remove them by hand", out, count, what)
    return report


def _base(part: str) -> str:
    """Return the name of a folder of images from that of its part."""
    return part.rpartition("-")[0]


def plan_jobs(
    inputs: Sequence[str],
    out: str | Path,
    overwrite: bool = False,
    *,
    layout: Layout = "tar",
    image_column: str | None = None,
    images_per_shard: int = 1000,
) -> list[ShardJob]:
    """List the shards of inputs, with the names of their results.

    Raises:
        RunError: there is no shard, two have one name, or results would replace inputs.
    """
    if not str(out):
        raise RunError("the name of the output folder is empty; give a path or URL")
    if layout not in LAYOUTS:
        raise RunError(f"layout is {layout!r}; choose from {', '.join(LAYOUTS)}")
    if images_per_shard < 1:
        raise RunError(f"number of images in a shard is {images_per_shard}; it must be at least 1")
    jobs: dict[str, ShardJob] = {}
    place = str(out).removeprefix("file://")
    folder = place.rstrip("/") if is_url(place) else Path(place).resolve()
    is_out = functools.cache(lambda parent: folder == (parent if is_url(parent) else Path(parent).resolve()))
    given = [one.removeprefix("file://") for one in inputs]
    for found in itertools.chain.from_iterable(find_inputs(one, place, images_per_shard) for one in given):
        name, source = found.name, found.source
        if len(jobs) == MOST_SHARDS and name not in jobs:
            raise too_many(", ".join(inputs))
        if name in jobs and (jobs[name].source, jobs[name].files) != (source, found.files):
            raise RunError(
                f"{jobs[name].source} and {source} have one name, and their results too: use an output folder for each"
            )
        parent = source if found.files else source.rpartition("/")[0] if is_url(source) else str(Path(source).parent)
        if is_out(parent):
            raise RunError(f"{source} lies in the output folder, and its results would replace it: choose another one")
        jobs[name] = ShardJob(source, place, name, overwrite, found.files, layout, image_column, images_per_shard)
    if not jobs:
        raise RunError(
            f"there are no shards ({', '.join(SHARD_SUFFIXES)}) or images in {', '.join(inputs) or 'nothing'}"
        )
    return list(jobs.values())
