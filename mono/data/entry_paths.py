"""Paths in annotation files: the ways they may be meant, and why they name no file."""

# ruff: noqa: PTH111, PTH112, PTH117, PTH118, PTH122, PTH208
# Paths stay text here: a hundred thousand entries are to be checked in seconds.

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from urllib.parse import unquote

_WINDOWS_ROOT = re.compile(r"[A-Za-z]:[\\/]|\\\\")
_URL = re.compile(r"[a-z][a-z0-9+.\-]*://|data:", re.IGNORECASE)
_VARIABLE = re.compile(r"\$\w|\$\{|%\w+%")
_MOST_LISTED = 10_000


def why_missing(value: str, candidates: Sequence[str], roots: Sequence[str], *, hints: bool) -> str:
    """Explain why a path in a file names no usable file.

    Args:
        value: path as written.
        candidates: paths that were tried.
        roots: folders that it may be relative to.
        hints: look for a file of a similar name.

    Returns:
        Cause and remedy.
    """
    there = next((candidate for candidate in candidates if os.path.lexists(candidate)), None)
    if there is not None and os.path.isdir(there):
        return f"there is no such file: {there} is a folder; give a file"
    if there is not None:
        return f"is no regular file: {there} is a device, a pipe or a broken link; give a file"
    if _WINDOWS_ROOT.match(value) and os.sep == "/":
        return "is an absolute path of Windows; write it relative to this file, or to a data root"
    if _URL.match(value) and not value.startswith("file:"):
        return "is a URL, and files are read from this machine only; download it and give its path"
    if _VARIABLE.search(value):
        return "there is no such file, and environment variables in paths are not replaced; write the path itself"
    if hints and (near := _similar_file(candidates[0])):
        return f"there is no such file, but there is {near}; correct the path"
    where = candidates[0]
    if len(roots) > 1 and not os.path.isabs(value):
        where += f" nor from any folder above {roots[0]}"
    return f"there is no such file: not {where}; check the path or give a data root"


def spellings(value: str) -> Iterator[str]:
    """Iterate over the ways that a path in a file may be meant, as it stands first.

    Backslashes may separate folders (Windows), letters with accents may be one character or two (macOS), and the path
    may be a file:// URL or begin with the home folder ~.

    Args:
        value: path as written.
    """
    yield value
    if "\\" in value and os.sep == "/":
        yield value.replace("\\", "/")
    if value.startswith("file:"):
        yield unquote(value.removeprefix("file:").removeprefix("//localhost").removeprefix("//"))
    if value.startswith("~"):
        yield os.path.expanduser(value)
    if not value.isascii():
        yield unicodedata.normalize("NFC", value)
        yield unicodedata.normalize("NFD", value)


def _similar_file(path: str) -> str | None:
    """Find a file whose name differs in case, spaces, quotes, accents or suffix only."""
    folder, name = os.path.split(path.strip().rstrip("\"'"))
    plain = _plain_name(name)
    try:
        names = sorted(os.listdir(folder))[:_MOST_LISTED]
    except (OSError, ValueError):
        return None
    found = [
        other for other in names if plain and plain in (_plain_name(other), _plain_name(os.path.splitext(other)[0]))
    ]
    return os.path.join(folder, found[0]) if found else None


def _plain_name(name: str) -> str:
    return unicodedata.normalize("NFC", unquote(name)).strip().strip("\"'").casefold()
