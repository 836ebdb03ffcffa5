"""Errors of the library."""

from __future__ import annotations


class RunError(ValueError):
    """The run cannot start at all; the message says why."""


class BackendError(ValueError):
    """A backend cannot be used; the message says why, and what to do."""
