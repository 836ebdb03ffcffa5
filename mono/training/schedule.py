"""One training run: where it writes, how long it takes, and how the learning rate goes over it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

LAST, PROGRESS, WEIGHTS = "last.pth", "progress.jsonl", "model.safetensors"


@dataclass(frozen=True)
class Run:
    """One training run, beside what is trained and how.

    Attributes:
        out: folder for checkpoints, progress and weights; a run that was stopped continues from there.
        start: checkpoint whose weights are the first ones; None: the recipe's `init`.
        minutes: training time; the learning rate falls with the clock. 0: `steps` counts.
        steps: number of steps, if `minutes` is 0.
        seed: of first weights and batches.
        device: where the network runs.
        precision: "float32" or "bfloat16".
        workers: processes that read and augment images; 0: none.
        every: seconds between checkpoints, steps between lines of progress, steps between validations.
        tensorboard: whether progress is written for TensorBoard too, below `out`.
    """

    out: Path
    start: Path | None = None
    minutes: float = 0.0
    steps: int = 0
    seed: int = 0
    device: str = "cpu"
    precision: str = "bfloat16"
    workers: int = 1
    every: tuple[float, int, int] = (180.0, 20, 500)
    tensorboard: bool = False

    def share_done(self, step: int, seconds: float) -> float:
        """How much of the run is over, 0 to 1."""
        done = seconds / (60 * self.minutes) if self.minutes else step / max(self.steps, 1)
        return min(done, 1.0)

    def minutes_left(self, step: int, seconds: float) -> float:
        """How long the rest will take, judging from what is done."""
        share = self.share_done(step, seconds)
        return seconds / 60 * (1 - share) / share if share else math.inf


def rate(share_done: float, warmup: float) -> float:
    """Learning rate as a share of its highest: a linear rise, then a half cosine to a hundredth."""
    if share_done < warmup:
        return max(share_done / warmup, 0.01)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (share_done - warmup) / (1 - warmup)))
