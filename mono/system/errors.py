"""Errors of the library."""

from __future__ import annotations


class MetricDepthError(ValueError):
    """Base of the errors that say what is wrong with an input, a file or an option."""


class RunError(MetricDepthError):
    """The run cannot start at all; the message says why."""


class BackendError(MetricDepthError):
    """A backend cannot be used; the message says why, and what to do."""
