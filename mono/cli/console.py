"""Lines that commands print: progress, summaries and failures."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mono.evaluation.result import EvaluationResult
    from mono.inference.predictor import Predictor
    from mono.io.depth_metadata import DepthEncoding
    from mono.runs.options import RunOptions

_EVERY = 10.0  # [s] between progress lines in a log file
_DOUBTFUL = 0.2  # standard error of an alignment that is worth a word


class ProgressLine:
    """Line on stderr with the work done, its rate and the time left.

    On a terminal the line is renewed in place; in a log file a line is written every 10 seconds.
    """

    def __init__(self, total: int, unit: str = "image") -> None:
        """Start a line.

        Args:
            total: number of steps.
            unit: name of a step, in the singular.
        """
        self.unit = unit
        self._begin("", total)
        self._bar: Any = None

    def update(self, count: int = 1) -> None:
        """Report `count` newly finished steps."""
        self.done += count
        self._show()

    def step(self, stage: str, done: int, total: int, /) -> None:
        """Report the finished steps of a stage; a `mono.system.progress.Progress`."""
        if stage != self.stage:
            self._finish_stage()
            self._begin(stage, total)
        self.done, self.total = done, total
        self._show()

    def close(self) -> None:
        """Finish the line."""
        self._finish_stage()

    def text(self, now: float) -> str:
        """Write the line: done, total, rate, time left.

        Args:
            now: present time of the clock that `time.monotonic` reads [s].
        """
        seconds = now - self._started
        parts = [f"{self.done}/{self.total} {self.unit}{'s' * (self.total != 1)}"]
        if self.done and seconds > 0:
            rate = self.done / seconds
            shown = f"{rate:.1f} {self.unit}s/s" if rate >= 1 else f"{1 / rate:.1f} s per {self.unit}"
            parts += [shown, f"{_duration((self.total - self.done) / rate)} left"]
        return (f"{self.stage}: " if self.stage else "") + ", ".join(parts)

    def _begin(self, stage: str, total: int) -> None:
        self.stage, self.total, self.done = stage, total, 0
        self._started = self._shown = time.monotonic()

    def _show(self) -> None:
        now = time.monotonic()
        if sys.stderr.isatty():
            if self._bar is None:
                from tqdm import tqdm

                self._bar = tqdm(total=0, bar_format="{desc}", file=sys.stderr, leave=True)
            if now - self._shown > 0.1 or self.done >= self.total:
                self._shown = now
                self._bar.set_description_str(self.text(now))
        elif now - self._shown > _EVERY:
            self._shown = now
            sys.stderr.write(self.text(now) + "\n")
            sys.stderr.flush()

    def _finish_stage(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


@contextlib.contextmanager
def progress_line(total: int, unit: str = "image", shown: bool = True) -> Iterator[ProgressLine]:
    """Show a progress line while a block runs; log lines go above it.

    Args:
        total: number of steps.
        unit: name of a step, in the singular.
        shown: False: nothing is shown, as on processes other than the first.
    """
    from tqdm.contrib.logging import logging_redirect_tqdm

    line = ProgressLine(total, unit) if shown else _NoLine(total, unit)
    with logging_redirect_tqdm():
        try:
            yield line
        finally:
            line.close()


class _NoLine(ProgressLine):
    """Progress line that stays empty."""

    def _show(self) -> None:
        return


def _duration(seconds: float) -> str:
    minutes, hours = int(seconds) // 60, int(seconds) // 3600
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min {int(seconds) % 60} s" if minutes else f"{seconds:.0f} s"


def say_summary(summary: EvaluationResult | None, options: RunOptions, predictor: Predictor) -> int:
    """Print the outcome of a run, on rank 0; return the exit code."""
    if summary is None:
        return 0
    out = sys.stdout.write
    counts = [f"{summary.done} image{'s' * (summary.done != 1)} done"]
    counts += [f"{summary.skipped} done before"] if summary.skipped else []
    counts += [f"{len(summary.failures)} failed"] if summary.failures else []
    rate = f", {summary.seconds / summary.done:.3g} s per image" if summary.done else ""
    out(f"\n{', '.join(counts)}{rate}, with {predictor.name} on {predictor.device}{_computation(predictor)}\n")
    say_focal_sources(summary.sources)
    _say_alignments(summary)
    kinds = [*options.output.save, *(["normal_vis"] if "normal" in options.output.save else []), "focal_sweep"]
    where = [f"{options.out / kind}/" for kind in kinds if (options.out / kind).is_dir()]
    where.append(str(options.out / "manifest.jsonl"))
    out("  results: " + "  ".join(where) + "\n")
    if summary.beyond_range and "depth" in options.output.save:
        say_beyond_range(summary.beyond_range, options.output.encoding)
    say_failures(summary.failures)
    return 1 if summary.failures else 0


def say_focal_sources(sources: Mapping[str, int]) -> None:
    """Print where the images' focal lengths came from."""
    for source, count in sorted(sources.items()):
        hint = {
            "assumed": "  <- distances may be off by a factor: give --focal-px, or a camera file",
            "estimated": "  <- from the picture alone; for sure distances give --focal-px, or a camera file",
        }.get(source, "")
        sys.stdout.write(f"  focal length: {source:12} {count} image{'s' * (count != 1)}{hint}\n")


def say_beyond_range(pixels: Mapping[str, int], encoding: DepthEncoding, has_scale: bool = True) -> None:
    """Print how much depth is beyond a 16-bit PNG, and the remedy; `has_scale`: a flag sets the scale."""
    where = f"{len(pixels)} image{'s' * (len(pixels) != 1)}"
    wider = "--depth-scale 200 reaches 327 m, " if has_scale and encoding.farthest < 300 else ""
    sys.stdout.write(
        f"  depth beyond {encoding.farthest:.1f} m is invalid in the PNGs ({sum(pixels.values())} pixels of {where}); "
        f"to keep it: {wider}--depth-format npz has no limit (with --overwrite, or another --out)\n"
    )


def _say_alignments(summary: EvaluationResult, most: int = 5) -> None:
    """Print how depth was aligned: each of a few images, or the range of many."""
    from mono.calibration.depth_alignment import describe_record

    if 0 < len(summary.alignments) <= most:
        for source, record in summary.alignments.items():
            sys.stdout.write(f"  aligned: {source}: {describe_record(dict(record))}\n")
    elif summary.alignments:
        scales = sorted(record["scale"] for record in summary.alignments.values())
        low, middle, high = scales[0], scales[len(scales) // 2], scales[-1]
        doubtful = sum(record["standard_error"] > _DOUBTFUL for record in summary.alignments.values())
        doubt = f"; {doubtful} of them with a standard error over {100 * _DOUBTFUL:.0f} %" if doubtful else ""
        sys.stdout.write(
            f"  aligned: {len(scales)} images by factors of {low:.3g} to {high:.3g}, median {middle:.3g}{doubt}\n"
        )


def _computation(predictor: Predictor) -> str:
    """Name backend and precision, unless they are the usual ones."""
    return "" if predictor.backend == "eager" else f" by {predictor.backend} in {predictor.precision}"


def say_failures(failures: Sequence[tuple[str, str]], most: int = 20) -> None:
    """Print failed inputs with their reasons, `most` of them."""
    for source, reason in failures[:most]:
        sys.stdout.write(f"  FAILED {source}: {reason}\n")
    if len(failures) > most:
        sys.stdout.write(f"  and {len(failures) - most} more\n")
