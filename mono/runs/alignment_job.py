"""Output folder of an alignment: results that stand, that go on and that make way."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mono.calibration.sources import AlignOptions
from mono.data.camera_source import CameraResolver
from mono.data.sample import Sample
from mono.io.depth import DEPTH_FORMATS
from mono.io.depth_metadata import sidecar_path
from mono.runs.manifest import Manifest
from mono.runs.paths import output_files, remove_files
from mono.runs.records import cache_key, file_stamps, short_hash
from mono.system.errors import MetricDepthError, RunError

STATE = ".alignment.jsonl"  # records of all that was aligned, also of depth without an image
REPLACED = "was replaced by aligned depth"  # error in records of former results


@dataclass(frozen=True)
class AlignmentJob:
    """Settings of an alignment and its output folder.

    Attributes:
        out: output folder.
        manifest: records of its images.
        state: records of all its aligned depth, for runs that go on.
        options: what is known.
        resolver: camera of maps that have none beside them.
        depth_format: format of the written depth.
        scale: stored value of one metre in the maps.
        runs: manifests of the runs whose depth is read, opened once.
    """

    out: Path
    manifest: Manifest
    state: Manifest
    options: AlignOptions
    resolver: CameraResolver
    depth_format: str
    scale: float | None
    runs: dict[Path, Manifest] = field(default_factory=dict)

    def file(self, name: str) -> str:
        """Return the depth file of a name, relative to the folder."""
        return f"depth/{name}.{self.depth_format}"

    def input_key(self, sample: Sample) -> str:
        """Hash a depth map with its settings; empty where a file cannot be read, which fails later."""
        try:
            files = cache_key(sample, self.resolver, self.options.file_for(sample))
        except (MetricDepthError, OSError):
            return ""
        beside = file_stamps(sidecar_path(sample.rgb))
        return short_hash([files, beside, asdict(self.resolver), self.options.settings(), self.scale])

    def key(self, name: str, input_key: str) -> str:
        """Hash what a result was made of, and its file as it is now."""
        return short_hash([input_key, file_stamps(self.out / self.file(name))])

    def find_fresh(self, keys: Mapping[str, str], alignments: Mapping[str, Any], overwrite: bool) -> set[str]:
        """Find what is still to be aligned.

        Args:
            keys: hash of each input and its settings, by name.
            alignments: alignments of former runs, by name.
            overwrite: align all anew.

        Raises:
            RunError: there are other results of these names.
        """
        if overwrite:
            return set(keys)
        fresh, taken = set(), []
        for name, input_key in keys.items():
            state, record = self.state.get(name) or {}, self.manifest.get(name) or {}
            if input_key and state.get("key") == self.key(name, input_key):
                continue
            fresh.add(name)
            files = any(os.path.lexists(self.out / "depth" / f"{name}.{suffix}") for suffix in DEPTH_FORMATS)
            stopped = state.get("status") == "failed"  # in the midst of writing
            foreign = record.get("status") == "ok" and not (stopped and record.get("aligned_from") == input_key)
            if foreign or (not stopped and (name in alignments or files)):
                taken.append(name)
        if taken:
            raise RunError(
                f"{self.out} holds results of {len(taken)} of these depth maps, as of {taken[0]}, which would be "
                "replaced: choose another output folder (--out), or --overwrite"
            )
        return fresh

    def clear(self, name: str) -> None:
        """Remove former results of a name, in all formats; their records go first."""
        record = self.manifest.get(name)
        if record is not None:
            self.manifest.add({"input": name, "name": name, "status": "failed", "error": REPLACED})
        self.state.add({"name": name, "status": "failed"})
        files = {f"depth/{name}.{suffix}" for suffix in (*DEPTH_FORMATS, "json")}
        remove_files(self.out, sorted(files.union(output_files((record or {}).get("outputs", {})))))
