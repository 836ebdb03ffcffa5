"""Shard as a unit of work: processed whole or not at all, and kept while nothing that it depends on changes."""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mono.data.output_folders import parse_stats
from mono.scale_out.files import FolderWriter
from mono.scale_out.inputs import input_checksum, input_stamp, on_this_machine, read_samples, unreadable
from mono.scale_out.mapper import DepthMapper
from mono.scale_out.parquet import PARQUET_SUFFIX, TableWriter
from mono.scale_out.results import (
    FORMAT,
    Layout,
    ResultsStayError,
    ShardJob,
    describe_foreign,
    find_change,
    find_foreign,
    is_done,
    refuse_foreign_files,
    refuse_other_input,
    refuse_unreadable,
    result_key,
    suffixes,
)
from mono.scale_out.samples import RowWriter, ShardError, ShardSample
from mono.scale_out.storage import OutputFolder, output_folder
from mono.scale_out.tar import TarWriter

_ROWS = 16  # images of a shard that are held at a time


def process_shard(job: ShardJob, mapper: DepthMapper) -> dict[str, Any]:
    """Process a shard, unless its results are there.

    Before its results appear, statistics with the status "unfinished" vouch for them: those that a killed process
    leaves are made again, and files that no statistics vouch for are never replaced. Two processes with one shard write
    the same bytes.

    Device, threads and batch size change only the last digits: results made with others are kept.

    Args:
        job: the shard.
        mapper: function of its rows.

    Returns:
        Statistics, as in NAME_stats.json; "kept" is true if they are of a former run. A shard that cannot be read has
        the status "failed" and its reason; its former results stay.

    Raises:
        OSError: the results cannot be written.
        MetricDepthError: the model cannot be used.
    """
    started, settings = time.perf_counter(), mapper.settings()
    computation = {name: settings.pop(name) for name in ("device", "threads", "batch_size") if name in settings}
    out = output_folder(job.out)
    before = parse_stats(out.read(job.stats))
    stats: dict[str, Any] = {"format": FORMAT, "shard": job.name, "source": job.source, "layout": job.layout}
    stats |= {"settings": settings, "computation": computation}
    if job.files:
        stats["images_per_shard"] = job.images_per_shard

    def failed(reason: str, status: str = "failed") -> dict[str, Any]:
        return stats | {"status": status, "error": reason, "images": 0, "failed": 0}

    if not job.overwrite and (what := find_change(job, out, before, settings)):
        return failed(f"its results are of {what}, and would be replaced: choose another --out, or --overwrite")
    if find_foreign(job, out, before):
        before = parse_stats(out.read(job.stats))  # another worker may have begun to write it
    if foreign := find_foreign(job, out, before):
        return failed(describe_foreign(job, foreign))
    former = {} if job.overwrite else before

    def is_kept(stamp: list[Any], checksum: str) -> bool:
        stats["input"] = {"stamp": stamp, "sha256": checksum}
        stats["key"] = result_key(job, settings, checksum)
        return is_done(job, out, former, stats["key"])

    def claim(sizes: Mapping[str, Any]) -> None:
        """Vouch for the results that are about to appear, and for the former ones."""
        claimed = failed("its run ended before it was complete; the same command goes on", "unfinished")
        _write_stats(job, out, claimed | {"outputs": {**before.get("outputs", {}), **sizes}})

    try:
        stamp, known = input_stamp(job.source, job.names), former.get("input", {})
        if known.get("stamp") == stamp and is_kept(stamp, str(known.get("sha256"))):
            return former | {"kept": True}
        with on_this_machine(job.source, job.names) as path:
            if is_kept(stamp, input_checksum(path, job.names)):
                return former | {"kept": True}
            if gone := unreadable(path, job.names):
                stats["input"]["unreadable"] = len(gone)
            refuse_other_input(job, out, former)
            refuse_unreadable(job, former, gone)
            refuse_foreign_files(job, out, before)
            stats |= _write(job, out, path, mapper, claim)
    except ResultsStayError as error:
        return failed(str(error))
    except ShardError as error:
        if before.get("outputs"):
            return failed(f"{error}; its former results stay")
        stats = failed(str(error))
    for suffix in before.get("outputs", {}).keys() - stats.get("outputs", {}).keys():
        out.remove(job.name + suffix)
    stats["seconds"] = round(time.perf_counter() - started, 4)
    _write_stats(job, out, stats)
    return stats | {"kept": False}


def _write_stats(job: ShardJob, out: OutputFolder, stats: Mapping[str, Any]) -> None:
    with out.writing(job.stats) as temporary:
        temporary.write_bytes((json.dumps(stats, indent=1) + "\n").encode())


def _write(
    job: ShardJob, out: OutputFolder, path: Path, mapper: DepthMapper, claim: Callable[[Mapping[str, Any]], None]
) -> dict[str, Any]:
    """Write results and index, and count what is in them."""
    counts: Counter[str] = Counter()
    sources: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    seconds = 0.0
    with contextlib.ExitStack() as temporary, contextlib.ExitStack() as open_files:
        places = {s: temporary.enter_context(out.writing(job.name + s, folder=not s)) for s in suffixes(job.layout)}
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
            counts["beyond"] += sum(row["beyond_range"] > 0 for row in rows)
            sources.update(row["camera_source"] for row in rows if row["camera_source"])
            reasons.update(row["error"] for row in rows if row["error"])
        open_files.close()
        sizes = {suffix: output_folder(place.parent).size(place.name) for suffix, place in places.items()}
        claim(sizes)
    return {
        "status": "done",
        "images": counts["ok"] + counts["failed"],
        "failed": counts["failed"],
        "camera_sources": dict(sorted(sources.items())),
        "beyond_range": counts["beyond"],
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


def _rows(samples: Sequence[ShardSample], mapper: DepthMapper) -> list[dict[str, Any]]:
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
