"""Files of an evaluation: `metrics.json` and `report.html`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mono.evaluation.normals.tables import normals_table
from mono.evaluation.protocols import Protocol
from mono.evaluation.report.summary import table, write_metrics
from mono.evaluation.result import EvaluationResult


def write_evaluation(
    result: EvaluationResult, out: Path, protocol: Protocol, run: Mapping[str, Any], title: str = "Depth evaluation"
) -> dict[str, Path]:
    """Write `metrics.json`, and `report.html` where there are image records.

    Args:
        result: scores of the run; without any, nothing is written.
        out: output folder.
        protocol: protocol under which they were computed.
        run: metadata of the run: command, model, checksum, precision, versions, ...
        title: title of the page.

    Returns:
        The files by kind, "metrics" and "report".

    Raises:
        OSError: a file cannot be written.
    """
    if not result.scored:
        return {}
    written = {"metrics": out / "metrics.json"}
    write_metrics(
        written["metrics"],
        result.metrics,
        protocol,
        run,
        result.failures,
        result.normals,
        result.confidence,
        result.hints,
        result.unscored,
        result.checksums,
    )
    if result.image_records:
        from mono.evaluation.report.page import write_page

        written["report"] = out / "report.html"
        write_page(
            written["report"],
            result.metrics,
            protocol,
            run,
            result.image_records,
            title=title,
            failures=result.failures,
            normals=result.normals,
            confidence=result.confidence,
            hints=result.hints,
            unscored=result.unscored,
        )
    return written


def stale_metrics(result: EvaluationResult, out: Path) -> Path | None:
    """Find a former run's `metrics.json` that stays.

    Args:
        result: scores of the run.
        out: output folder.
    """
    path = out / "metrics.json"
    return path if not result.scored and path.exists() else None


def format_evaluation(result: EvaluationResult, protocol: Protocol, stale: Path | None = None) -> str:
    """Format the scores of a run as tables, with the protocol above them.

    Args:
        result: scores of the run.
        protocol: protocol under which they were computed.
        stale: as from `stale_metrics`.

    Returns:
        Text of several lines; the reason and the remedy where there are no scores.
    """
    if not result.scored:
        remark = f"; {stale} is of a former run and stays as it is" if stale else ""
        return f"nothing was measured, and no metrics.json written: {_reason(result)}{remark}"
    depth = protocol.describe()
    if any(result.metrics.values()):
        depth = table(result.metrics, protocol, result.hints, result.unscored)
    confidence = f"confidence: {result.confidence.describe()}" if result.confidence else ""
    return "\n\n".join(filter(None, [depth, normals_table(result.normals), confidence]))


def _reason(result: EvaluationResult) -> str:
    """Explain why there are no scores."""
    if result.failures:
        source, cause = result.failures[0]
        return f"no image could be scored, the first because of: {source}: {cause}"
    return "no image has ground truth that counts; metrics need entries with depth in the protocol's crop and range"
