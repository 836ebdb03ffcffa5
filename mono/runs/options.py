"""Options of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mono.calibration.sources import AlignOptions
from mono.data.camera_source import CameraResolver
from mono.evaluation.alignment import TIERS
from mono.evaluation.protocols import Protocol
from mono.evaluation.scoring import refuse_sparse
from mono.runs.outputs import OutputOptions, sweep_folder
from mono.system.errors import RunError


@dataclass(frozen=True)
class RunOptions:
    """Options of a run: outputs, cameras and evaluation.

    Attributes:
        out: output folder, with a folder per kind of output and manifest.jsonl.
        output: kinds and formats of the files of each image.
        batch_size: number of images that go through the network together; None: that which is best for the backend.
        workers: number of threads that read and write images while the network runs; 0: one thing after another.
        overwrite: replace former results of these images, and other files in their place.
        resolver: source of cameras.
        focal_sweep: focal lengths [px] of further point clouds, for images of unknown cameras.
        protocol: evaluation protocol; None: predictions are not compared with ground truth.
        alignments: alignment tiers to compute, of `mono.evaluation.alignment`.
        report: keep data of the report page for images with ground truth, in report/.
        derive_normals: derive ground-truth normals from dense depth where they are not annotated.
        align: known distances that depth is brought to; None: depth as predicted.

    Raises:
        RunError: a value is out of range.
    """

    out: Path
    output: OutputOptions = field(default_factory=OutputOptions)
    batch_size: int | None = None
    workers: int = 2
    overwrite: bool = False
    resolver: CameraResolver = field(default_factory=CameraResolver)
    focal_sweep: tuple[float, ...] = ()
    protocol: Protocol | None = None
    alignments: tuple[str, ...] = TIERS
    report: bool = False
    derive_normals: bool = False
    align: AlignOptions | None = None

    def __post_init__(self) -> None:
        if self.batch_size is not None and self.batch_size < 1:
            raise RunError(f"batch size is {self.batch_size}; it must be at least 1")
        if self.workers < 0:
            raise RunError(f"number of workers is {self.workers}; it must be at least 0")
        if len(set(map(sweep_folder, self.focal_sweep))) < len(self.focal_sweep):
            raise RunError(f"focal sweep {self.focal_sweep} holds a focal length twice")
        if bad := [f for f in self.focal_sweep if not (np.isfinite(f) and f > 0)]:
            raise RunError(f"focal sweep holds {bad[0]:g}; focal lengths must be positive")
        if self.align is not None and self.focal_sweep:
            raise RunError("a focal sweep is for cameras and distances that are unknown: leave it out to align depth")
        refuse_sparse(self.protocol, self.derive_normals)
