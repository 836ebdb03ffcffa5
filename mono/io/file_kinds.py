"""Kinds of files that are not images, by their first bytes."""

from __future__ import annotations

from pathlib import Path

from mono.system.errors import MetricDepthError

_NAMED = "a JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF, HEIC, JPEG 2000 or PPM"
_OTHER_KINDS = (
    (b"%!PS", "a PostScript document"),
    (b"\xc5\xd0\xd3\xc6", "a PostScript document (EPS)"),
    (b"%PDF", "a PDF document"),
    (b"8BPS", "a Photoshop document"),
    (b"gimp xcf", "a GIMP document"),
    (b"PK\3\4", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"v/1\x01", "an OpenEXR file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\0\0\1\0", "an icon"),
    (b"\xd7\xcd\xc6\x9a", "a Windows metafile"),
    (b"FUJIFILMCCD-RAW", "raw sensor data"),
    (b"IIU\0", "raw sensor data"),
    (b"IIRO", "raw sensor data"),
    (b"IIRS", "raw sensor data"),
    (b"FOVb", "raw sensor data"),
    (b"\0MRM", "raw sensor data"),
)


def require_file(path: Path, kind: str, error: type[MetricDepthError]) -> None:
    """Check that a path is a regular file.

    Args:
        path: path of any content and length.
        kind: expected kind of file, with its article.
        error: type of the error to raise.

    Raises:
        MetricDepthError: it is none; the message says why, and what to do.
    """
    problem = "there is no such file; check the path"
    try:
        if path.is_file():
            return
        if path.is_dir():
            problem = f"is a folder, not {kind}; name a file in it"
        elif path.exists():
            problem = f"is not a regular file; give {kind} as a file"
    except (OSError, ValueError) as cause:
        problem = f"cannot be opened ({getattr(cause, 'strerror', None) or cause}); check the path"
    raise error(f"{path}: {problem}")


def describe_file(head: bytes) -> str:
    """Guess the kind of a file that is not an image.

    Args:
        head: first bytes of the file, up to 1024.

    Returns:
        Cause and remedy, to follow "FILE: ".
    """
    start = head.lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "is a web page (HTML), not an image; the download went wrong, download it again"
    if start.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not an image; fetch it with: git lfs pull"
    if not head.strip(b"\0"):
        return "holds only zeros, not an image; copy or download it again"
    for mark, kind in _OTHER_KINDS:
        if head.startswith(mark):
            return f"is {kind}, which is not read as an image, whatever its name; give {_NAMED}"
    text = head.decode("utf-8", "ignore")
    if len(text.encode()) >= len(head) - 3 and all(c.isprintable() or c.isspace() for c in text):
        return f"is a text file, not an image; give {_NAMED}"
    return f"is not an image of a known format, or is damaged; give {_NAMED}"
