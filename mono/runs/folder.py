"""Output folder of a run: locked, journaled and cleared of what killed runs left."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mono.backends.base import BACKENDS
from mono.data.sample import Sample
from mono.io.atomic import make_folder, remove_stale_files, write_bytes
from mono.runs.manifest import Manifest
from mono.runs.paths import is_output_path, output_files, remove_files
from mono.runs.records import computation_settings, short_hash
from mono.system.errors import RunError, counted

logger = logging.getLogger(__name__)

JOURNAL = ".journal.json"


@contextlib.contextmanager
def lock_output_folder(out: Path) -> Iterator[None]:
    """Hold an output folder, so that no other run writes there.

    Raises:
        RunError: another run holds it, or it cannot be written.
    """
    from filelock import FileLock, Timeout

    try:
        make_folder(out)
        if (out / ".lock").is_symlink():
            raise RunError(f"{out / '.lock'}: is a link, and locking would change the file it leads to; remove it")
        lock = FileLock(out / ".lock")
        lock.acquire(timeout=0)
    except Timeout:
        raise RunError(f"another run is writing into {out}; wait for it, or choose another output folder") from None
    except OSError as error:
        raise _cannot_write(out, error) from error
    try:
        yield
    finally:
        lock.release()


def refuse_existing(path: Path, overwrite: bool, flag: str = "--out") -> None:
    """Refuse to replace a file, or a folder that is not empty.

    Args:
        path: path of a result.
        overwrite: allow it.
        flag: flag that gave the path, for the message.

    Raises:
        RunError: it exists.
    """
    if overwrite or not os.path.lexists(path) or (path.is_dir() and not any(path.iterdir())):
        return
    raise RunError(f"{path}: exists, and would be replaced; choose another {flag}, or --overwrite")


def open_output_folder(out: Path) -> Manifest:
    """Open an output folder and complete what killed runs and other processes left.

    Temporary files are removed, manifests of other processes are merged, and files of the journal that no record names
    are removed.

    Raises:
        RunError: the folder cannot be written.
    """
    try:
        remove_stale_files(out)
        manifest = Manifest(out)
        for part in sorted(out.glob("manifest.rank*.jsonl")):
            for record in Manifest(out, part.name).walk():
                manifest.add(record)
            part.unlink()
        _finish_journal(out, manifest)
        return manifest
    except OSError as error:
        raise _cannot_write(out, error) from error


def former_backend(out: Path, names: Sequence[str], precision: str) -> str | None:
    """Find the backend that computed a folder's results.

    Args:
        out: the output folder.
        names: images of the run.
        precision: precision of the run.

    Returns:
        Name of the backend; None: there is no result of these images in this precision.

    Raises:
        RunError: the folder is in use, or cannot be written.
    """
    if not any(out.glob("manifest*.jsonl")):
        return None
    hashes = {short_hash(computation_settings(precision, backend)): backend for backend in BACKENDS}
    with lock_output_folder(out):
        records = open_output_folder(out).walk(names)
        found = (hashes.get(record.get("settings", {}).get("computation", "")) for record in records)
        return next(filter(None, found), None)


def warn_of_other_names(samples: Sequence[Sample], manifest: Manifest) -> None:
    """Warn of images that the folder has results of under other names, as other inputs give them."""
    fresh = {
        os.path.abspath(sample.rgb): sample  # noqa: PTH100  # as records have it, with links as they are
        for sample in samples
        if sample.name not in manifest and not hasattr(sample, "video")  # frames share their file
    }
    names = {sample.name for sample in samples}
    former = {
        record["path"]: record["name"]
        for record in (manifest.walk() if fresh else ())
        if record["status"] == "ok" and record.get("path") in fresh and record["name"] not in names
    }
    if former:
        path, name = next(iter(former.items()))
        logger.warning(
            "%s: holds results of %s under other names, as %s for %s (now %s); give the inputs of that run to add "
            "to them",
            *(manifest.folder, counted(len(former), "image"), name, path, fresh[path].name),
        )


def write_journal(out: Path, files: Iterable[str]) -> None:
    """Write down the files a run may remove or make, before it does.

    After a kill at any moment, the next opening of the folder removes those of them that no record names.

    Args:
        out: the output folder.
        files: paths of outputs, relative to `out`.

    Raises:
        RunError: the folder cannot be written.
    """
    try:
        write_bytes(out / JOURNAL, json.dumps(sorted(set(files))).encode("ascii"))
    except OSError as error:
        raise _cannot_write(out, error) from error


def _finish_journal(out: Path, manifest: Manifest) -> None:
    path = out / JOURNAL
    if not path.is_file() or path.is_symlink():
        return
    try:
        files = json.loads(path.read_bytes())
        unnamed = set(filter(is_output_path, files))
    except (ValueError, TypeError, RecursionError):
        files, unnamed = [None], set()
    if len(unnamed) < len(files):
        logger.warning("%s: is damaged, or names files that no run writes; those stay as they are", path)
    if unnamed:
        for record in manifest.walk():
            unnamed.difference_update(output_files(record.get("outputs", {})))
        remove_files(out, sorted(unnamed))
    path.unlink()


def _cannot_write(out: Path, error: OSError) -> RunError:
    return RunError(f"cannot write into {out}: {error.strerror or error}; choose another output folder")
