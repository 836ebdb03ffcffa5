"""Result of a rescaling: the scale, its evidence, and its report."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mono.slam.scale.estimate import MIN_IMAGES, ImageScale, ScaleError, ScaleEstimate, image_scale
from mono.slam.scale.tracks import Counts

logger = logging.getLogger(__name__)

DEFAULT_FRAMES = 40

OnDone = Callable[[int], Any]
"""Callback of a progress bar, called with the number of frames just done."""


@dataclass(frozen=True)
class Rescaling:
    """Scale of a trajectory or model, and its evidence.

    Attributes:
        estimate: the scale.
        chosen: number of frames chosen for depth.
        failures: (frame, reason) of frames without a scale.
        counts: fate of the tracked corners by frame; empty for COLMAP models.
    """

    estimate: ScaleEstimate
    chosen: int
    failures: tuple[tuple[str, str], ...]
    counts: dict[int, Counts] = field(default_factory=dict)


@dataclass(frozen=True)
class FrameRatios:
    """Log ratios of predicted to geometric depth at the points of a frame.

    Attributes:
        number: the frame's number.
        name: the frame's name, for messages.
        position: place along the path, 0..1.
        ratios: log ratios, (P,); None if they cannot be computed.
        problem: reason for None.
    """

    number: int
    name: str
    position: float
    ratios: np.ndarray | None
    problem: str = ""


def collect_ratios(
    frames: Iterable[tuple[int, str, float, Callable[[], np.ndarray]]], on_done: OnDone
) -> list[FrameRatios]:
    """Compute the log ratios of frames; failing frames are logged and kept.

    Args:
        frames: number, name, position along the path, and function that computes the log ratios, of each frame.
        on_done: called with 1 after each frame.
    """
    collected = []
    for number, name, position, compute in frames:
        try:
            collected.append(FrameRatios(number, name, position, compute()))
        except (ValueError, OSError) as error:
            logger.warning("%s: %s", name, error)
            collected.append(FrameRatios(number, name, position, None, str(error)))
        on_done(1)
    return collected


def frame_scales(frames: Sequence[FrameRatios]) -> tuple[list[ImageScale], list[tuple[str, str]]]:
    """Compute the scale of each frame.

    Returns:
        Scales of the frames with enough points, and (frame, reason) of the others.

    Raises:
        ScaleError: there are too few scales, because most frames cannot be compared.
    """
    scales, failures = [], []
    for frame in frames:
        if frame.ratios is None:
            failures.append((frame.name, frame.problem))
            continue
        scale = image_scale(frame.number, frame.position, frame.ratios)
        if scale:
            scales.append(scale)
        else:
            failures.append((frame.name, f"only {len(frame.ratios)} points to compare"))
    broken = [frame for frame in frames if frame.ratios is None]
    if len(scales) < MIN_IMAGES and 2 * len(broken) > len(frames):
        raise ScaleError(
            f"no scale: {len(broken)} of {len(frames)} frames cannot be compared with depth; the first is "
            f"{broken[0].name}: {broken[0].problem}"
        )
    return scales, failures


def to_json(rescaling: Rescaling, windowed: bool) -> dict[str, Any]:
    """Convert a rescaling to the values of scale.json.

    Args:
        rescaling: the result.
        windowed: True if a significant drift is corrected.
    """
    estimate, drift = rescaling.estimate, rescaling.estimate.drift
    return {
        "scale": estimate.scale,
        "standard_error": estimate.standard_error,
        "spread": estimate.spread,
        "frames_used": len(estimate.images),
        "frames_chosen": rescaling.chosen,
        "points": estimate.points,
        "trend": {
            "change_of_log_scale": drift.trend,
            "standard_error": drift.trend_error,
            "p": drift.trend_p,
        },
        "drift": {
            "significant": drift.significant,
            "p": drift.p,
            "predicts_left_out": drift.predicts,
            "largest_over_smallest": drift.range,
            "knots": list(drift.knots),
            "scale_at_knots": [math.exp(v) for v in drift.log_scale],
        },
        "windowed": windowed and drift.significant,
        "failures": [{"frame": frame, "reason": reason} for frame, reason in rescaling.failures],
        "images": [
            {
                "frame": i.frame,
                "position": i.position,
                "scale": math.exp(i.log_scale),
                "spread": i.spread,
                "points": i.points,
            }
            for i in estimate.images
        ],
    }


def format_rescaling(rescaling: Rescaling, windowed: bool) -> str:
    """Format a rescaling for the console.

    Args:
        rescaling: the result.
        windowed: True if a significant drift is corrected.
    """
    e, d = rescaling.estimate, rescaling.estimate.drift
    lines = [
        f"  scale           {e.scale:.6g} metres per unit",
        f"  standard error  {e.standard_error * 100:.2f} %   a bias that all depth maps share is not included",
        f"  spread          {e.spread * 100:.1f} %   between frames",
        f"  frames          {len(e.images)} used of {rescaling.chosen} chosen, {e.points} points",
        f"  trend           {math.expm1(d.trend) * 100:+.1f} % +- {d.trend_error * 100:.1f} % from start to end, "
        f"p = {d.trend_p:.2g}",
    ]
    if d.significant:
        done = "corrected along the path" if windowed else "NOT corrected: add --windowed"
        lines.append(
            f"  drift           significant (p = {d.p:.2g}): largest over smallest scale {d.range:.3f}; {done}"
        )
    else:
        kept = "; one scale is used" if windowed else ""
        lines.append(f"  drift           not significant (p = {d.p:.2g}): {', '.join(d.failed_tests)}{kept}")
    return "\n".join(lines) + "\n"
