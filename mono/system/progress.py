"""Progress reports of long work, for whoever shows them."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receiver of progress reports: a function of stage, steps done and steps in all."""

    def __call__(self, stage: str, done: int, total: int, /) -> None:
        """Report that `done` of `total` steps of a stage are finished.

        Args:
            stage: short name of the work, such as "smoothing".
            done: number of finished steps.
            total: number of steps; 0 if unknown.
        """


def silent(stage: str, done: int, total: int, /) -> None:
    """Ignore a progress report."""
