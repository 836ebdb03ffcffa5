"""Options of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mono.data.camera_source import CameraResolver
from mono.evaluation.alignment import TIERS
from mono.evaluation.protocols import Protocol
from mono.evaluation.scoring import refuse_sparse
from mono.runs.outputs import OutputOptions, sweep_folder
from mono.system.errors import RunError


@dataclass(frozen=True)
class RunOptions:
    """What a run writes, where, and how cameras are found.

    Attributes:
        out: output folder; it gets the outputs' folders and manifest.jsonl.
        output: what is written for each image.
        batch_size: images that go through the network together.
        workers: threads that read, bring back and write images while the network runs; 0: one thing after another.
        overwrite: redo what is done.
        resolver: where cameras come from.
        focal_sweep: focal lengths [px]; a point cloud is written for each, for images of unknown cameras.
        protocol: how predictions are compared with ground truth; None: they are not.
        alignments: tiers of `mono.evaluation.alignment` that are computed.
        report: keep what the report page shows of each image with ground truth, in report/.
        derive_normals: where true normals are not annotated, derive them from dense ground-truth depth.

    Raises:
        RunError: a value is out of range.
    """

    out: Path
    output: OutputOptions = field(default_factory=OutputOptions)
    batch_size: int = 1
    workers: int = 2
    overwrite: bool = False
    resolver: CameraResolver = field(default_factory=CameraResolver)
    focal_sweep: tuple[float, ...] = ()
    protocol: Protocol | None = None
    alignments: tuple[str, ...] = TIERS
    report: bool = False
    derive_normals: bool = False

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise RunError(f"batch size is {self.batch_size}; it must be at least 1")
        if self.workers < 0:
            raise RunError(f"number of workers is {self.workers}; it must be at least 0")
        if len(set(map(sweep_folder, self.focal_sweep))) < len(self.focal_sweep):
            raise RunError(f"focal sweep {self.focal_sweep} holds a focal length twice")
        if bad := [f for f in self.focal_sweep if not (np.isfinite(f) and f > 0)]:
            raise RunError(f"focal sweep holds {bad[0]:g}; focal lengths must be positive")
        refuse_sparse(self.protocol, self.derive_normals)
