"""Inputs that could not be worked on."""

from __future__ import annotations

from typing import NamedTuple


class Failure(NamedTuple):
    """Input that failed while others went on.

    Attributes:
        source: the input as the user knows it.
        reason: cause of the failure and what to do about it.
    """

    source: str
    reason: str
