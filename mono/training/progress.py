"""Training log: one JSON object per line, and optional TensorBoard curves."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mono.io.atomic import write_bytes
from mono.system.errors import MetricDepthError
from mono.training.schedule import PROGRESS, Run
from mono.training.validate import Score

logger = logging.getLogger(__name__)


class Progress:
    """Accumulate means between log lines; its state is part of checkpoints."""

    def __init__(self, run: Run):
        self.run = run
        self.sums: dict[str, float] = {}
        self.steps, self.images, self.skipped, self.since = 0, 0, 0, 0.0
        self._writer: Any = None

    def open(self, step: int) -> None:
        """Continue the log after `step`; remove lines of later steps.

        Raises:
            MetricDepthError: TensorBoard is requested but not installed.
        """
        path = self.run.out / PROGRESS
        if path.is_file():
            lines = path.read_bytes().splitlines(keepends=True)
            write_bytes(path, b"".join(line for line in lines if _step(line) <= step))
        if self.run.tensorboard:
            self._writer = _tensorboard(self.run.out / "tensorboard", step)

    def add(self, values: Mapping[str, float], images: int) -> None:
        """Add the values of a step that saw `images` images; means leave out a step with one that is not finite."""
        finite = all(map(math.isfinite, values.values()))
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + (value if finite else 0.0)
        self.skipped += not finite
        self.steps += 1
        self.images += images

    def line(self, step: int, seconds: float) -> None:
        """Write the log line of the steps up to `step`."""
        line: dict[str, Any] = {"step": step}
        line["images_per_second"] = round(self.images / max(seconds - self.since, 1e-9), 2)
        line["minutes"] = round(seconds / 60, 2)
        line["minutes_left"] = round(self.run.minutes_left(step, seconds), 1)
        if self.skipped:
            line["skipped"] = self.skipped
        counted = self.steps - self.skipped
        means = {name: total / counted if counted else math.nan for name, total in self.sums.items()}
        self._write(line | {name: round(mean, 5) for name, mean in means.items()})
        self._curves(step, {f"train/{name}": mean for name, mean in means.items()})
        self.sums, self.steps, self.images, self.skipped, self.since = {}, 0, 0, 0, seconds

    def validation(self, step: int, scores: Mapping[str, Score]) -> None:
        """Write the validation scores after `step`."""
        tables = {name: asdict(score) for name, score in scores.items()}
        self._write({"step": step, "validation": tables})
        for name, table in tables.items():
            self._curves(step, {f"{name}/{metric}": value for metric, value in table.items()})

    def close(self) -> None:
        """Close the TensorBoard file."""
        if self._writer is not None:
            self._writer.close()

    def state(self) -> dict[str, Any]:
        """Return the state for a checkpoint."""
        state = {"steps": self.steps, "images": self.images, "skipped": self.skipped, "since": self.since}
        return {"sums": dict(self.sums), **state}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the state of a checkpoint."""
        self.sums, self.steps = dict(state["sums"]), state["steps"]
        self.images, self.since = state["images"], state["since"]
        self.skipped = state.get("skipped", 0)  # absent in former checkpoints

    def _write(self, line: Mapping[str, Any]) -> None:
        text = json.dumps(_without_nan(line))
        logger.info("%s", text)
        path = self.run.out / PROGRESS
        size = path.stat().st_size if path.exists() else 0
        try:
            with path.open("a") as file:
                file.write(text + "\n")
        except OSError as error:
            with contextlib.suppress(OSError):
                os.truncate(path, size)  # no half of a line before the next one
            logger.warning("%s: %s; training goes on without this line", path, error.strerror)

    def _curves(self, step: int, values: Mapping[str, float]) -> None:
        if self._writer is not None:
            for name, value in values.items():
                if math.isfinite(value):
                    self._writer.add_scalar(name, value, step)
            self._writer.flush()


def _without_nan(value: Any) -> Any:
    """Replace numbers that JSON has not by None."""
    if isinstance(value, Mapping):
        return {name: _without_nan(inner) for name, inner in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _step(line: bytes) -> float:
    """Return a line's step; infinity if cut off."""
    try:
        return float(json.loads(line)["step"])
    except ValueError:
        return float("inf")


def _tensorboard(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MetricDepthError(
            "--tensorboard needs the package tensorboard: pip install 'metricdepth[train]'"
        ) from error
    return SummaryWriter(str(folder), purge_step=step + 1)
