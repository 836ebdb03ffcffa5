"""Files as programs read them: hashed, cached while unchanged, parsed though they may be damaged."""

from __future__ import annotations

import hashlib
from pathlib import Path

_BLOCK = 1 << 20  # [bytes]


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
