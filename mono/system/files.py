"""Files as programs read them: hashed, cached while unchanged, parsed though they may be damaged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Hashable
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any, TypeVar, cast

_BLOCK = 1 << 20  # [bytes]
_Reader = TypeVar("_Reader", bound=Callable[..., Any])


def sha256(path: Path, first: bytes = b"") -> str:
    """Compute the SHA-256 of a file, in hexadecimal.

    Args:
        path: file of any size; it is read block by block.
        first: bytes to hash before the file.

    Raises:
        OSError: the file cannot be read.
    """
    digest = hashlib.sha256(first)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def json_object(data: bytes | str | None) -> dict[str, Any] | None:
    """Parse a JSON object that may be damaged.

    Args:
        data: content of a file; None where there is none.

    Returns:
        The object; None for other values and for what is no JSON.
    """
    try:
        content = json.loads(data or b"")
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def cached_while_unchanged(maxsize: int) -> Callable[[_Reader], _Reader]:
    """Cache a reader of files until a file's time or size changes.

    Args:
        maxsize: number of results to keep.

    Returns:
        Decorator of functions whose first argument is the path; OSError of its `stat` is raised as it is.
    """

    def decorate(read: _Reader) -> _Reader:
        read_stamped = lru_cache(maxsize)(lambda modified, size, *arguments: read(*arguments))

        @wraps(read)
        def cached(path: Path, *more: Hashable) -> Any:
            stamp = path.stat()
            return read_stamped(stamp.st_mtime_ns, stamp.st_size, path, *more)

        return cast(_Reader, cached)

    return decorate
