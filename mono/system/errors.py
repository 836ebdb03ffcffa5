"""Errors of the library."""

from __future__ import annotations


class MetricDepthError(ValueError):
    """Base of errors that explain a bad input, file or option."""


class RunError(MetricDepthError):
    """Error that keeps a run from starting."""


class BackendError(MetricDepthError):
    """Error of a backend that cannot be used here."""


def one_line(error: Exception) -> str:
    """Return the message of an error on one line, or its type where there is none."""
    return " ".join(str(error).split()) or type(error).__name__


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: "1 file", "2 files"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
