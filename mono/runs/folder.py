"""A run's output folder: held by one run at a time, cleared of what was left behind, and never mixed up."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mono.data.sample import Sample
from mono.io.atomic import remove_stale_files
from mono.runs.manifest import Manifest
from mono.system.errors import RunError


@contextlib.contextmanager
def lock_output_folder(out: Path) -> Iterator[None]:
    """Holds an output folder, so that no other run writes there at the same time."""
    from filelock import FileLock, Timeout

    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = FileLock(out / ".lock")
        lock.acquire(timeout=0)
    except Timeout:
        raise RunError(f"another run is writing into {out}; wait for it, or choose another output folder") from None
    except OSError as error:
        raise RunError(f"cannot write into {out}: {error.strerror or error}; choose another output folder") from error
    try:
        yield
    finally:
        lock.release()


def open_output_folder(out: Path) -> Manifest:
    """Opens an output folder: what killed runs and other processes left is cleared away, or taken over."""
    try:
        remove_stale_files(out)
        manifest = Manifest(out)
        for part in sorted(out.glob("manifest.rank*.jsonl")):
            for record in Manifest(out, part.name).walk():
                manifest.add(record)
            part.unlink()
        return manifest
    except OSError as error:
        raise RunError(f"cannot write into {out}: {error.strerror or error}; choose another output folder") from error


def refuse_other_inputs(samples: Sequence[Sample], manifest: Manifest) -> None:
    """Results of other images must not be replaced because those now given have the same names."""
    for sample in samples:
        record = manifest.get(sample.name)
        if record and record.get("path", str(sample.rgb.absolute())) != str(sample.rgb.absolute()):
            raise RunError(
                f"{manifest.folder} holds results of another image of the same name ({record['path']}, now "
                f"{sample.rgb}): choose another output folder, or --overwrite"
            )


def remove(out: Path, outputs: Mapping[str, Any]) -> None:
    """Removes what an image's former settings wrote: they may have been others, with files that are not replaced."""
    for paths in outputs.values():
        for path in [paths] if isinstance(paths, str) else paths:
            (out / path).unlink(missing_ok=True)
