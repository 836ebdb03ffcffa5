"""Entry of a JSON camera file that tells where its focal length came from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mono.system.files import cached_while_unchanged, json_object

KEY = "source"  # its value is an object; camera files of others have texts under this name, if anything
_MAX_BYTES = 1 << 20  # ours have a few hundred


@dataclass(frozen=True)
class FocalNote:
    """Source of the focal length in a camera file.

    Attributes:
        source: "given", "annotation", "exif", "estimated" or "assumed".
        detail: description of the source.
        error: standard error of ln(focal length); None: not known.
    """

    source: str
    detail: str
    error: float | None = None

    def entries(self) -> dict[str, Any]:
        """Return the entries of a camera file."""
        error = {} if self.error is None else {"error": round(self.error, 4)}
        return {KEY: {"focal_length": self.source, "detail": self.detail, **error}}


def read_focal_note(path: Path) -> FocalNote | None:
    """Read the note of a camera file; None where there is none, as in files of other programs."""
    try:
        return _read(Path(path))
    except OSError:
        return None


@cached_while_unchanged(maxsize=64)
def _read(path: Path) -> FocalNote | None:
    if path.suffix.lower() != ".json" or path.stat().st_size > _MAX_BYTES:
        return None
    note = (json_object(path.read_bytes()) or {}).get(KEY)
    if not isinstance(note, dict) or not all(isinstance(note.get(name), str) for name in ("focal_length", "detail")):
        return None
    error: Any = note.get("error")
    known = isinstance(error, int | float) and not isinstance(error, bool) and 0 < error < 2
    return FocalNote(note["focal_length"][:40], note["detail"][:300], float(error) if known else None)
