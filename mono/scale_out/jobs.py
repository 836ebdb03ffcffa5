"""Shard as a unit of work: processed whole or not at all, and kept while nothing that it depends on changes."""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

from mono.runs.records import short_hash
from mono.scale_out.cells import Columns
from mono.scale_out.files import FolderWriter
from mono.scale_out.inputs import input_checksum, input_stamp, on_this_machine, read_samples
from mono.scale_out.parquet import PARQUET_SUFFIX, TableWriter
from mono.scale_out.samples import RESULT_SUFFIXES, RowWriter, ShardError, ShardSample
from mono.scale_out.storage import OutputFolder, output_folder
from mono.scale_out.tar import TarWriter
from mono.system.errors import RunError

FORMAT = 5  # of the result shards: raised when their content changes for the same settings
STATS_SUFFIX = "_stats.json"
Layout = Literal["tar", "parquet", "files"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
_OUTPUTS = {"tar": ".tar", "files": ""}  # suffix of what stands beside the Parquet file
_ROWS = 16  # images of a shard that are held at a time
_CHANGES = {
    "checksum": "another model or checkpoint",
    "architecture": "another model or config",
    "transform": "another model or config",
    "precision": "another precision",
    "backend": "another backend",
    "outputs": "another --save",
    "depth_scale": "another --depth-scale",
    "camera": "other camera flags",
}


class RowMapper(Protocol):
    """Function of columns that shards are processed with, as `DepthMapper`."""

    @property
    def depth_scale(self) -> int:
        """Return the stored value of one meter."""

    def __call__(self, batch: Columns) -> dict[str, list[Any]]:
        """Map columns; see `DepthMapper`."""

    def settings(self) -> dict[str, Any]:
        """Collect what decides the results, as JSON values."""


@dataclass(frozen=True)
class ShardJob:
    """Shard to process.

    Attributes:
        source: path or URL of a tar or Parquet file, or of a folder of images.
        out: path or URL of the folder of the results.
        name: name of the results: NAME.tar, NAME.parquet and NAME_stats.json.
        overwrite: process the shard even if its results are there.
        files: paths of images and their JSON files in the folder `source`, joined by NUL (a third of a list's memory).
        layout: results as tar shards with an index, Parquet tables, or folders of files with an index.
        image_column: column of images in a Parquet file; None: the first one of `IMAGE_COLUMNS`.
        images_per_shard: number of images that folders are divided by; None: unknown.
    """

    source: str
    out: str | Path
    name: str
    overwrite: bool = False
    files: str = ""
    layout: Layout = "tar"
    image_column: str | None = None
    images_per_shard: int | None = None

    @property
    def names(self) -> list[str]:
        """Return the paths of the files in the folder `source`."""
        return self.files.split("\0") if self.files else []

    @property
    def stats(self) -> str:
        """Return the name of the statistics, whose presence vouches for the results."""
        return f"{self.name}{STATS_SUFFIX}"


def process_shard(job: ShardJob, mapper: RowMapper) -> dict[str, Any]:
    """Process a shard, unless its results are there.

    Tar and index appear before the statistics, and former statistics vanish before both: a killed process leaves
    results without statistics, which are made again. Two processes with one shard write the same bytes.

    Device, threads and batch size change only the last digits: results made with others are kept.

    Args:
        job: the shard.
        mapper: function of its rows.

    Returns:
        Statistics, as in NAME_stats.json; "kept" is true if they are of a former run. A shard that cannot be read has
        the status "failed" and its reason, and no results; one with results of other settings keeps these.

    Raises:
        OSError: the results cannot be written.
        MetricDepthError: the model cannot be used.
    """
    started, settings = time.perf_counter(), mapper.settings()
    computation = {name: settings.pop(name) for name in ("device", "threads", "batch_size") if name in settings}
    out = output_folder(job.out)
    before = parse_stats(out.read(job.stats))
    former = {} if job.overwrite else before
    stats: dict[str, Any] = {"format": FORMAT, "shard": job.name, "source": job.source, "layout": job.layout}
    stats |= {"settings": settings, "computation": computation}
    if job.files:
        stats["images_per_shard"] = job.images_per_shard
    if not job.overwrite and (what := _change(job, out, before, settings)):
        reason = f"its results are of {what}, and would be replaced: choose another --out, or --overwrite"
        return stats | {"status": "failed", "error": reason, "images": 0, "failed": 0}  # what is there stays

    def is_done(stamp: list[Any], checksum: str) -> bool:
        stats["input"] = {"stamp": stamp, "sha256": checksum}
        stats["key"] = _key(job, settings, checksum)
        return _is_done(job, out, former, stats["key"])

    try:
        stamp, known = input_stamp(job.source, job.names), former.get("input", {})
        if known.get("stamp") == stamp and is_done(stamp, str(known.get("sha256"))):
            return former | {"kept": True}
        with on_this_machine(job.source, job.names) as path:
            if is_done(stamp, input_checksum(path, job.names)):
                return former | {"kept": True}
            _check_folder(job, out)
            _remove(job, out, before, keep=_suffixes(job.layout))
            stats |= _write(job, out, path, mapper)
    except ShardError as error:
        _remove(job, out, before)
        stats |= {"status": "failed", "error": str(error), "images": 0, "failed": 0}
    stats["seconds"] = round(time.perf_counter() - started, 4)
    with out.writing(job.stats) as temporary:
        temporary.write_bytes((json.dumps(stats, indent=1) + "\n").encode())
    return stats | {"kept": False}


def refuse_other_division(jobs: Sequence[ShardJob]) -> None:
    """Refuse a folder whose results are divided otherwise, which these would mix with; one shard tells.

    Args:
        jobs: shards with one folder of results.

    Raises:
        RunError: it has another layout, or another number of images in a shard.
        OSError: the folder cannot be read.
    """
    out = output_folder(jobs[0].out)
    there = set(out.names(STATS_SUFFIX))
    if job := next((job for job in jobs if job.stats in there and not job.overwrite), None):
        former = parse_stats(out.read(job.stats))
        if _has_results(job, out, former) and (what := _division_change(job, former)):
            raise RunError(f"{job.out} holds results of {what}: choose another output folder (--out), or --overwrite")


def _has_results(job: ShardJob, out: OutputFolder, former: dict[str, Any]) -> bool:
    return former.get("status") == "done" and any(out.size(job.name + s) is not None for s in former.get("outputs", {}))


def _division_change(job: ShardJob, former: dict[str, Any]) -> str:
    if former.get("layout") != job.layout:
        return "another --format"
    if job.files and former.get("images_per_shard", job.images_per_shard) != job.images_per_shard:
        return "another --images-per-shard"
    return ""


def _change(job: ShardJob, out: OutputFolder, former: dict[str, Any], settings: dict[str, Any]) -> str:
    """Name what differs between the settings of a job and those of its results; "" where nothing does."""
    if not _has_results(job, out, former):
        return ""
    if what := _division_change(job, former):
        return what
    if former.get("key") == _key(job, settings, str(former.get("input", {}).get("sha256"))):
        return ""
    kept = former.get("settings", {})
    differing = [what for name, what in _CHANGES.items() if kept.get(name) != settings.get(name)]
    if former.get("format") != FORMAT:
        return "another version of this program"
    return differing[0] if differing else "another --image-column"


def _key(job: ShardJob, settings: Mapping[str, Any], checksum: str) -> str:
    return short_hash([FORMAT, settings, checksum, job.layout, job.image_column])


def parse_stats(data: bytes | None) -> dict[str, Any]:
    """Parse the statistics of a shard; empty where there are none, or they are damaged."""
    try:
        stats = json.loads(data or b"")
    except (ValueError, RecursionError):
        return {}
    well_formed = isinstance(stats, dict) and all(isinstance(stats.get(n, {}), dict) for n in ("input", "outputs"))
    return stats if well_formed else {}


def _suffixes(layout: Layout) -> list[str]:
    return [PARQUET_SUFFIX, *([_OUTPUTS[layout]] if layout in _OUTPUTS else [])]


def _is_done(job: ShardJob, out: OutputFolder, former: Mapping[str, Any], key: str) -> bool:
    if former.get("key") != key or former.get("status") != "done":
        return False
    sizes = former.get("outputs", {})
    return all(sizes.get(s) is not None and out.size(job.name + s) == sizes[s] for s in _suffixes(job.layout))


def _remove(job: ShardJob, out: OutputFolder, before: Mapping[str, Any], keep: Sequence[str] = ()) -> None:
    """Remove the statistics of a former run, and its results that this one does not replace."""
    out.remove(job.stats)
    for suffix in (PARQUET_SUFFIX, *_OUTPUTS.values()):
        if suffix in before.get("outputs", {}) and suffix not in keep:
            out.remove(job.name + suffix)


def _check_folder(job: ShardJob, out: OutputFolder) -> None:
    """Refuse to replace a folder with files that no run has written."""
    foreign = [n for n in out.files(job.name) if not n.endswith(RESULT_SUFFIXES)] if job.layout == "files" else []
    if foreign:
        raise ShardError(f"{job.out}/{job.name} holds other files, as {foreign[0]}; choose another output folder")


def _write(job: ShardJob, out: OutputFolder, path: Path, mapper: RowMapper) -> dict[str, Any]:
    """Write results and index, and count what is in them."""
    counts: Counter[str] = Counter()
    sources: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    seconds = 0.0
    with contextlib.ExitStack() as temporary, contextlib.ExitStack() as open_files:
        places = {s: temporary.enter_context(out.writing(job.name + s, folder=not s)) for s in _suffixes(job.layout)}
        writers = [_writer(suffix, place, job.layout, mapper.depth_scale) for suffix, place in places.items()][::-1]
        for writer in writers:
            open_files.enter_context(contextlib.closing(writer))
        for samples in _chunks(read_samples(path, job.names, job.image_column)):
            begun = time.perf_counter()
            rows = _rows(samples, mapper)
            seconds += time.perf_counter() - begun
            for writer in writers:  # the index comes last, as the first one may find errors
                writer.write(rows)
            counts.update("failed" if row["error"] else "ok" for row in rows)
            sources.update(row["camera_source"] for row in rows if row["camera_source"])
            reasons.update(row["error"] for row in rows if row["error"])
        open_files.close()
        sizes = {suffix: output_folder(place.parent).size(place.name) for suffix, place in places.items()}
    return {
        "status": "done",
        "images": counts["ok"] + counts["failed"],
        "failed": counts["failed"],
        "camera_sources": dict(sorted(sources.items())),
        "reasons": dict(reasons.most_common(20)),
        "outputs": sizes,
        "mapper_seconds": round(seconds, 4),
    }


def _writer(suffix: str, place: Path, layout: Layout, depth_scale: int) -> RowWriter:
    if suffix == PARQUET_SUFFIX:
        return TableWriter(place, depth_scale if layout == "parquet" else None)
    return TarWriter(place, depth_scale) if suffix else FolderWriter(place, depth_scale)


def _chunks(samples: Iterator[ShardSample]) -> Iterator[list[ShardSample]]:
    chunk: list[ShardSample] = []
    for sample in samples:
        chunk.append(sample)
        if len(chunk) == _ROWS:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _rows(samples: Sequence[ShardSample], mapper: RowMapper) -> list[dict[str, Any]]:
    columns = mapper(
        {
            "key": [sample.key for sample in samples],
            "image": [None if sample.problem else sample.image for sample in samples],
            "intrinsics": [sample.intrinsics for sample in samples],
            "fx": [sample.fx for sample in samples],
        }
    )
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    for row, sample in zip(rows, samples, strict=True):
        row["writable"] = sample.writable
        row["error"] = sample.problem or row["error"]
    return rows
