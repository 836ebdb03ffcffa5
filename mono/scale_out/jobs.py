"""Shard as a unit of work: processed whole or not at all, and kept while nothing that it depends on changes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mono.io.atomic import atomic_path, write_bytes
from mono.runs.records import short_hash
from mono.scale_out.mapper import Columns
from mono.scale_out.shards import ShardError, ShardSample, ShardWriter, read_shard
from mono.system.errors import MetricDepthError

FORMAT = 1  # of the result shards: raised when their content changes for the same settings
STATS_SUFFIX = "_stats.json"
_ROWS = 16  # images of a shard that are held at a time
_CHUNK = 1 << 20


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
        source: path or URL of the input shard.
        out: folder of the results.
        name: name of the results: NAME.tar, NAME.parquet and NAME_stats.json.
        overwrite: process the shard even if its results are there.
    """

    source: str
    out: Path
    name: str
    overwrite: bool = False

    @property
    def stats(self) -> Path:
        """Return the path of the statistics, whose presence vouches for the results."""
        return self.out / f"{self.name}{STATS_SUFFIX}"

    def output(self, suffix: str) -> Path:
        """Return the path of a result."""
        return self.out / f"{self.name}{suffix}"


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
        the status "failed" and its reason, and no results.

    Raises:
        OSError: the results cannot be written.
        MetricDepthError: the model cannot be used.
    """
    started, settings = time.perf_counter(), mapper.settings()
    computation = {name: settings.pop(name) for name in ("device", "threads", "batch_size") if name in settings}
    former = {} if job.overwrite else read_stats(job.stats)
    stats: dict[str, Any] = {"format": FORMAT, "shard": job.name, "source": job.source, "settings": settings}
    stats["computation"] = computation
    try:
        with _local(job.source) as (path, stamp):
            checksum = former.get("input", {}).get("sha256") if former.get("input", {}).get("stamp") == stamp else None
            checksum = checksum or _sha256(path)
            stats["input"] = {"stamp": stamp, "sha256": checksum}
            stats["key"] = short_hash([FORMAT, settings, checksum])
            if _is_done(job, former, stats["key"]):
                return former | {"kept": True}
            stats |= _write(job, path, mapper)
    except ShardError as error:
        for suffix in (STATS_SUFFIX, ".tar", ".parquet"):
            job.output(suffix).unlink(missing_ok=True)
        stats |= {"status": "failed", "error": str(error), "images": 0, "failed": 0}
    stats["seconds"] = round(time.perf_counter() - started, 4)
    write_bytes(job.stats, (json.dumps(stats, indent=1) + "\n").encode())
    return stats | {"kept": False}


def read_stats(path: Path) -> dict[str, Any]:
    """Read the statistics of a shard; empty where there are none, or they are damaged."""
    try:
        stats = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    well_formed = isinstance(stats, dict) and all(isinstance(stats.get(n, {}), dict) for n in ("input", "outputs"))
    return stats if well_formed else {}


def _is_done(job: ShardJob, former: Mapping[str, Any], key: str) -> bool:
    if former.get("key") != key or former.get("status") != "done":
        return False
    sizes = former.get("outputs", {})
    return all(_size(job.output(suffix)) == sizes.get(suffix, -1) for suffix in (".tar", ".parquet"))


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _write(job: ShardJob, path: Path, mapper: RowMapper) -> dict[str, Any]:
    """Write tar and index, and count what is in them."""
    counts: Counter[str] = Counter()
    sources: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    seconds = 0.0
    with atomic_path(job.output(".parquet")) as index, atomic_path(job.output(".tar")) as tar:
        writer = ShardWriter(tar, index, mapper.depth_scale)
        with contextlib.closing(writer):
            for samples in _chunks(read_shard(path)):
                begun = time.perf_counter()
                rows = _rows(samples, mapper)
                seconds += time.perf_counter() - begun
                writer.write(rows)
                counts.update("failed" if row["error"] else "ok" for row in rows)
                sources.update(row["camera_source"] for row in rows if row["camera_source"])
                reasons.update(row["error"] for row in rows if row["error"])
        sizes = {".tar": tar.stat().st_size, ".parquet": index.stat().st_size}
        job.stats.unlink(missing_ok=True)
    return {
        "status": "done",
        "images": counts["ok"] + counts["failed"],
        "failed": counts["failed"],
        "camera_sources": dict(sorted(sources.items())),
        "reasons": dict(reasons.most_common(20)),
        "outputs": sizes,
        "mapper_seconds": round(seconds, 4),
    }


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


@contextlib.contextmanager
def _local(source: str) -> Iterator[tuple[Path, list[Any]]]:
    """Give the path of a shard on this machine, and a stamp that changes with its content.

    Raises:
        ShardError: it cannot be read.
    """
    if "://" not in source:
        path = Path(source)
        try:
            stat = path.stat()
        except OSError as error:
            raise ShardError(f"{source}: cannot be read ({error.strerror}); check the path") from error
        if not path.is_file():
            raise ShardError(f"{source}: is not a regular file; give a tar file")
        yield path, [stat.st_size, stat.st_mtime_ns]
        return
    with tempfile.NamedTemporaryFile(suffix=".tar") as copy:
        stamp = _download(source, Path(copy.name))
        yield Path(copy.name), stamp


def _download(source: str, target: Path) -> list[Any]:
    try:
        import fsspec  # type: ignore[import-untyped, unused-ignore]

        system, path = fsspec.core.url_to_fs(source)
        info = system.info(path)
        with system.open(path, "rb") as remote, target.open("wb") as file:
            shutil.copyfileobj(remote, file, _CHUNK)
    except ImportError as error:
        raise MetricDepthError(f"{source}: {error}; shards behind URLs are read by fsspec") from error
    except Exception as error:  # each storage has errors of its own
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ShardError(f"{source}: cannot be downloaded ({reason}); check the URL and the access") from error
    return [info.get("size"), str(info.get("ETag") or info.get("mtime") or info.get("LastModified") or time.time())]


def _sha256(path: Path) -> str:
    try:
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
        return digest.hexdigest()
    except OSError as error:
        raise ShardError(f"{path}: cannot be read ({error.strerror or error}); check the path") from error
