"""Length, output folder and learning rate schedule of a training run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from mono.system.errors import MetricDepthError

LAST, PROGRESS, WEIGHTS = "last.pth", "progress.jsonl", "model.safetensors"


@dataclass(frozen=True)
class Run:
    """Settings of one training run besides config and recipe.

    Attributes:
        out: folder for checkpoint, log and weights; a stopped run resumes from it.
        start: checkpoint with the initial weights; None: the recipe's `init`.
        minutes: training time; the learning rate follows the clock. 0: `steps` counts.
        steps: number of steps if `minutes` is 0.
        seed: random seed of initial weights and batches.
        device: device of the network.
        precision: "float32" or "bfloat16".
        workers: processes that read and augment images; 0 reads in the main process.
        every: seconds between checkpoints, steps between log lines, steps between validations.
        tensorboard: write TensorBoard curves below `out`.

    Raises:
        MetricDepthError: the length or an interval is not positive, or the seed or number of workers is negative.
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

    def __post_init__(self) -> None:
        if not (
            math.isfinite(self.minutes) and self.minutes >= 0 and self.steps >= 0 and self.minutes + self.steps > 0
        ):
            raise MetricDepthError(
                f"minutes are {self.minutes:g} and steps {self.steps}; training takes a positive number of one of them"
            )
        refuse_seed(self.seed)
        if self.workers < 0:
            raise MetricDepthError(f"workers are {self.workers}; give 0 (read in the main process) or more")
        if min(self.every) < 0 or min(self.every[1:]) == 0:
            raise MetricDepthError(
                f"every is {self.every}; checkpoints, log lines and validations need positive numbers"
            )

    def share_done(self, step: int, seconds: float) -> float:
        """Return the completed share of the run, 0 to 1."""
        done = seconds / (60 * self.minutes) if self.minutes else step / max(self.steps, 1)
        return min(done, 1.0)

    def minutes_left(self, step: int, seconds: float) -> float:
        """Estimate the remaining minutes from the speed so far."""
        share = self.share_done(step, seconds)
        return seconds / 60 * (1 - share) / share if share else math.inf


def refuse_seed(seed: int) -> None:
    """Refuse a seed that no generator takes."""
    if not 0 <= seed < 2**63:
        raise MetricDepthError(f"seed is {seed}; it must be 0 to 2^63 - 1")


def rate(share_done: float, warmup: float) -> float:
    """Compute the learning rate as a share of its peak.

    A linear rise over `warmup` (a share of the run), then a half cosine down to 0.01.
    """
    if share_done < warmup:
        return max(share_done / warmup, 0.01)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (share_done - warmup) / (1 - warmup)))
