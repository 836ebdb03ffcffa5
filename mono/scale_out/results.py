"""Results of shards that are there: whose they are, and whether they can stay."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from mono.data.output_folders import STATS_SUFFIX, parse_stats
from mono.runs.records import short_hash
from mono.scale_out.parquet import PARQUET_SUFFIX, read_keys
from mono.scale_out.samples import RESULT_SUFFIXES, ShardError, file_stem
from mono.scale_out.storage import OutputFolder, output_folder
from mono.system.errors import RunError

FORMAT = 5  # of the result shards: raised when their content changes for the same settings
Layout = Literal["tar", "parquet", "files"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
_OUTPUTS = {"tar": ".tar", "files": ""}  # suffix of what stands beside the Parquet file
_CHANGES = {
    "checksum": "another model or checkpoint",
    "architecture": "another model or config",
    "transform": "another model or config",
    "precision": "another precision",
    "backend": "another backend",
    "outputs": "another --save",
    "depth_scale": "another --depth-scale",
    "camera": "other camera flags",
    "options": "other --options",
}


class ResultsStayError(ShardError):
    """Error of a shard whose files in the output folder stay as they are."""


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
        if has_results(job, out, former) and (what := _division_change(job, former)):
            raise RunError(f"{job.out} holds results of {what}: choose another output folder (--out), or --overwrite")


def has_results(job: ShardJob, out: OutputFolder, former: Mapping[str, Any]) -> bool:
    """Tell if a complete shard's results, or some of them, are there."""
    return former.get("status") == "done" and any(out.size(job.name + s) is not None for s in former.get("outputs", {}))


def _division_change(job: ShardJob, former: dict[str, Any]) -> str:
    if former.get("layout") != job.layout:
        return "another --format"
    if job.files and former.get("images_per_shard", job.images_per_shard) != job.images_per_shard:
        return "another --images-per-shard"
    return ""


def find_change(job: ShardJob, out: OutputFolder, former: dict[str, Any], settings: dict[str, Any]) -> str:
    """Name what differs between the settings of a job and those of its results; "" where nothing does."""
    if not has_results(job, out, former):
        return ""
    if what := _division_change(job, former):
        return what
    if former.get("key") == result_key(job, settings, str(former.get("input", {}).get("sha256"))):
        return ""
    kept = former.get("settings", {})
    differing = [what for name, what in _CHANGES.items() if kept.get(name) != settings.get(name)]
    if former.get("format") != FORMAT:
        return "another version of this program"
    return differing[0] if differing else "another --image-column"


def result_key(job: ShardJob, settings: Mapping[str, Any], checksum: str) -> str:
    """Hash what decides the results."""
    return short_hash([FORMAT, settings, checksum, job.layout, job.image_column])


def suffixes(layout: Layout) -> list[str]:
    """List the endings of the results' names; "" is a folder."""
    return [PARQUET_SUFFIX, *([_OUTPUTS[layout]] if layout in _OUTPUTS else [])]


def is_done(job: ShardJob, out: OutputFolder, former: Mapping[str, Any], key: str) -> bool:
    """Tell if the results are there, whole and of this key."""
    if former.get("key") != key or former.get("status") != "done":
        return False
    sizes = former.get("outputs", {})
    return all(sizes.get(s) is not None and out.size(job.name + s) == sizes[s] for s in suffixes(job.layout))


def find_foreign(job: ShardJob, out: OutputFolder, before: Mapping[str, Any]) -> str:
    """Name a file that the results would replace and no statistics vouch for; "" where there is none."""
    vouched = {*before.get("outputs", {}), *([STATS_SUFFIX] if before else [])}
    for suffix in (one for one in (STATS_SUFFIX, *suffixes(job.layout)) if one not in vouched):
        name = job.name + suffix
        if not suffix and (inside := out.files(name)):
            return f"{name}/{inside[0]}".rstrip("/")
        if suffix and out.size(name) is not None:
            return name
    return ""


def describe_foreign(job: ShardJob, name: str) -> str:
    """Explain that a file in the output folder would be replaced."""
    what = "is not known as a result of this command, and would be replaced"
    return f"{str(job.out).rstrip('/')}/{name} {what}: move it, or choose another output folder (--out)"


def refuse_foreign_files(job: ShardJob, out: OutputFolder, before: Mapping[str, Any]) -> None:
    """Refuse to replace a folder of results in which files of others lie: such as the index does not name.

    Raises:
        ResultsStayError: there is such a file.
    """
    if "" not in before.get("outputs", {}):
        return
    keys = read_keys(out.read(job.name + PARQUET_SUFFIX))
    own = {posixpath.normpath(file_stem(key) + suffix) for key in keys for suffix in RESULT_SUFFIXES}
    foreign = [name for name in out.files(job.name) if name not in own]
    # Without its index, as after a kill, the folder's size tells.
    is_known = bool(keys) and before.get("status") == "done"
    if foreign and (is_known or out.size(job.name) != before["outputs"][""]):
        raise ResultsStayError(describe_foreign(job, f"{job.name}/{foreign[0]}".rstrip("/")))


def refuse_other_input(job: ShardJob, out: OutputFolder, former: Mapping[str, Any]) -> None:
    """Refuse to replace results of another input of the same name.

    Raises:
        ResultsStayError: there are such results.
    """
    if has_results(job, out, former) and former.get("source") != job.source:
        what = f"its results are of {former.get('source')}, another input of the same name, and would be replaced"
        raise ResultsStayError(f"{job.source}: {what}: choose another --out, or --overwrite")


def refuse_unreadable(job: ShardJob, former: Mapping[str, Any], unreadable: Sequence[str]) -> None:
    """Refuse to replace results by those of fewer images, where files of a folder have become unreadable.

    Raises:
        ResultsStayError: there is such a file.
    """
    known = former.get("input", {}).get("unreadable", 0) if former.get("outputs") else len(unreadable)
    if len(unreadable) > known:
        what = f"{len(unreadable)} of its files cannot be read, as {unreadable[0]}"
        raise ResultsStayError(f"{job.source}: {what}; check the access; its former results stay")
