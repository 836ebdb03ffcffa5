"""Fetch released checkpoints from Hugging Face: into weight/, or into the hub's cache."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Any

from mono.model.checkpoint import checked_sha256, download_folder, find_checkpoint
from mono.model.tensor_files import CheckpointError
from mono.model.zoo import MODELS, ModelRecord
from mono.system.errors import first_line
from mono.system.files import sha256

logger = logging.getLogger(__name__)
VARIABLE = "METRICDEPTH_DOWNLOAD"  # of the environment: 1 fetches without asking, 0 never


def download(name: str, folder: Path | None = None) -> Path:
    """Download and verify a zoo model's checkpoint.

    Shows progress, continues partial downloads, and writes the checksum beside the file.

    Args:
        name: name of the model.
        folder: target folder; None: `download_folder`.

    Returns:
        The checkpoint's path.

    Raises:
        CheckpointError: there is no such model, it ships with the package, the file cannot be fetched, or its
            content is not the one that the server announced.
    """
    if name not in MODELS:
        raise CheckpointError(f'there is no model "{name}"; known: {", ".join(MODELS)}')
    record = MODELS[name]
    if record.repository is None:
        raise CheckpointError(f"{name} ships with the package: there is nothing to download")
    folder = folder or download_folder()
    by_hand = f"fetch {record.url} on a machine that can, and put it into {folder}/"
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    path = Path(hub_file(record.repository, record.hub_file or record.file, by_hand, local_dir=folder))
    path = path.replace(path.with_name(record.file))
    try:
        announced = (
            get_hf_file_metadata(hf_hub_url(record.repository, record.hub_file or record.file)).etag or ""
        ).strip('"')
    except OSError as error:
        raise _unreachable(record.file, by_hand, error) from error
    found = sha256(path)
    # The hub announces SHA-256 for large files; a shorter tag is a git hash not one of the content.
    if len(announced) == 64 and announced != found:
        path.unlink()
        raise CheckpointError(f"{record.file} came damaged (SHA-256 {found}, announced {announced}); {by_hand}")
    path.with_name(path.name + ".sha256").write_text(f"{found}  {path.name}\n")
    return path


def find_or_fetch(record: ModelRecord, download: bool | None = None) -> Path:
    """Find a zoo model's checkpoint, or fetch it into the hub's cache where that is allowed.

    Args:
        record: the model.
        download: see `may_fetch`.

    Raises:
        CheckpointError: there is none, and it may not or cannot be fetched.
    """
    try:
        return find_checkpoint(record)
    except CheckpointError:
        if not may_fetch(record, download):
            raise
    return fetch(record)


def fetch(record: ModelRecord) -> Path:
    """Fetch a zoo model's checkpoint into the hub's cache, and verify it.

    Args:
        record: the model; it must have a repository.

    Raises:
        CheckpointError: the file cannot be fetched, or came damaged.
    """
    assert record.repository is not None
    by_hand = f"fetch {record.url} on a machine that can, and put it into {download_folder()}/"
    logger.info("%s: fetching %s (%d MB) from %s", record.name, record.file, record.megabytes, record.repository)
    path = hub_file(record.repository, record.hub_file or record.file, by_hand)
    checked_sha256(path)
    return path


def may_fetch(record: ModelRecord, download: bool | None) -> bool:
    """Decide if a missing checkpoint may be fetched.

    Args:
        record: the model.
        download: the caller's answer; None: that of $METRICDEPTH_DOWNLOAD, else of the user, asked on a terminal.

    Returns:
        True if it may; always False for models without a repository.
    """
    if record.repository is None:
        return False
    if download is not None:
        return download
    answer = os.environ.get(VARIABLE, "").strip().lower()
    if answer:
        return answer in ("1", "true", "yes", "on")
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    question = (
        f"fetch {record.file} of {record.name} ({record.megabytes} MB, {record.licence}) from {record.repository}?"
    )
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def hub_file(repository: str, file: str, remedy: str, **options: Any) -> Path:
    """Return the path of a hub file in the cache, fetched where it is missing.

    $HF_HOME, $HF_HUB_OFFLINE and tokens are the hub's own settings.

    Args:
        repository: "organization/name".
        file: name of the file.
        remedy: end of the message where it cannot be fetched.
        options: those of `huggingface_hub.hf_hub_download`, as `revision`.

    Raises:
        CheckpointError: it cannot be fetched.
        FileNotFoundError: the repository has no such file (`huggingface_hub`'s EntryNotFoundError).
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils import (
        EntryNotFoundError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    reasons: dict[type[Exception], str] = {
        RevisionNotFoundError: f"{repository} has no revision {options.get('revision')}",
        RepositoryNotFoundError: f"there is no repository {repository}, or it needs a token",
        HFValidationError: f'"{repository}" is no folder here and no name of a repository, organization/name',
    }
    try:
        return Path(hf_hub_download(repository, file, **options))
    except LocalEntryNotFoundError as error:
        raise _unreachable(file, remedy, error.__cause__ or error) from error
    except EntryNotFoundError as error:
        raise FileNotFoundError(f"{repository} has no {file}") from error
    except Exception as error:  # the hub's own errors, its HTTP client's, and those of names
        reason = next((reason for kind, reason in reasons.items() if isinstance(error, kind)), None)
        raise _unreachable(file, remedy, error, reason) from error


def _unreachable(file: str, remedy: str, error: BaseException, reason: str | None = None) -> CheckpointError:
    logger.debug("%s", file, exc_info=error)
    system = getattr(error, "strerror", None)
    return CheckpointError(f"{file} cannot be fetched ({reason or system or first_line(error)}): {remedy}")
