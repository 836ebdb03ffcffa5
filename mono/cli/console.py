"""What commands print about a run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mono.evaluation.result import EvaluationResult
    from mono.inference.predictor import Predictor
    from mono.runs.options import RunOptions


def say_summary(summary: EvaluationResult | None, options: RunOptions, predictor: Predictor) -> int:
    """Tells how the run went, on rank 0; returns the exit code."""
    if summary is None:
        return 0
    out = sys.stdout.write
    counts = [f"{summary.done} image{'s' * (summary.done != 1)} done"]
    counts += [f"{summary.skipped} were done before"] if summary.skipped else []
    counts += [f"{len(summary.failures)} failed"] if summary.failures else []
    rate = f", {summary.seconds / summary.done:.2f} s an image" if summary.done else ""
    out(f"\n{', '.join(counts)}{rate}, with {predictor.name} on {predictor.device}{_how(predictor)}\n")
    for source, count in sorted(summary.sources.items()):
        hint = "  <- distances may be off by a factor: give --focal-px, or a camera file" if source == "assumed" else ""
        out(f"  focal length: {source:12} {count} image{'s' * (count != 1)}{hint}\n")
    kinds = [*options.output.save, *(["normal_vis"] if "normal" in options.output.save else []), "focal_sweep"]
    where = [f"{options.out / what}/" for what in kinds if (options.out / what).is_dir()]
    where.append(str(options.out / "manifest.jsonl"))
    out("  results: " + "  ".join(where) + "\n")
    say_failures(summary.failures)
    return 1 if summary.failures else 0


def _how(predictor: Predictor) -> str:
    """What computed, where that is not as it always was."""
    return "" if predictor.backend == "eager" else f" by {predictor.backend} in {predictor.precision}"


def say_failures(failures: Sequence[tuple[str, str]], most: int = 20) -> None:
    """Lists (input, reason) pairs."""
    for source, reason in failures[:most]:
        sys.stdout.write(f"  FAILED {source}: {reason}\n")
    if len(failures) > most:
        sys.stdout.write(f"  and {len(failures) - most} more\n")
