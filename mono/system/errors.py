"""Errors of the library."""

from __future__ import annotations

from pathlib import Path


class MetricDepthError(ValueError):
    """Base of errors that explain a bad input, file or option."""


class RunError(MetricDepthError):
    """Error that keeps a run from starting."""


class BackendError(MetricDepthError):
    """Error of a backend that cannot be used here."""


def one_line(error: Exception) -> str:
    """Return the message of an error on one line, or its type where there is none."""
    return " ".join(str(error).split()) or type(error).__name__


def without_path(error: Exception, path: Path) -> str:
    """Return an error's message without the path at its start."""
    return str(error).removeprefix(f"{path}: ")


def first_line(error: BaseException, most: int = 200) -> str:
    """Return the start of an error's first line, or its type where there is no message."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:most]


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: "1 file", "2 files"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
