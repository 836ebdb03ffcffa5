"""Result of a run over a dataset: scores by image, failures, and what the report page needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from mono.evaluation.metrics import ImageMetrics
from mono.evaluation.normals.metrics import ImageNormals
from mono.evaluation.report.image_records import reliability_of
from mono.evaluation.report.reliability import Reliability
from mono.system.failure import Failure


@dataclass(frozen=True)
class EvaluationResult:
    """Outcome of a run, with scores where there is ground truth.

    Attributes:
        metrics: depth metrics by image (in input order) and tier; None for images without valid ground truth.
        normals: normal scores by image whose normals were to be scored; None without a valid ground-truth normal.
        failures: images that failed.
        image_records: file of the report's image record, by image.
        hints: suspicions about the predictions, a sentence each.
        done: number of images processed by this run.
        skipped: number of images that were complete before.
        seconds: wall time [s].
        sources: number of images by camera source, skipped ones included.
        beyond_range: pixels by image whose depth was beyond the range of its PNG, and is invalid there.
        alignments: record of the alignment, by image that was aligned.
        unscored: number of failed images that have ground-truth depth.
        checksums: checksum of the ground-truth depth that counts, by image with depth metrics.
    """

    metrics: Mapping[str, Mapping[str, ImageMetrics] | None]
    normals: Mapping[str, ImageNormals | None]
    failures: tuple[Failure, ...] = ()
    image_records: Mapping[str, Path] = field(default_factory=dict)
    hints: tuple[str, ...] = ()
    done: int = 0
    skipped: int = 0
    seconds: float = 0.0
    sources: Mapping[str, int] = field(default_factory=dict)
    beyond_range: Mapping[str, int] = field(default_factory=dict)
    alignments: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    unscored: int = 0
    checksums: Mapping[str, str] = field(default_factory=dict)

    @property
    def scored(self) -> bool:
        """Check that at least one image has scores."""
        return any(self.metrics.values()) or any(self.normals.values())

    @cached_property
    def confidence(self) -> Reliability | None:
        """Relate confidence and error over all image records; None without confidence."""
        return reliability_of(self.image_records.values())
