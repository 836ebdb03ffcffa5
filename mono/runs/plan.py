"""Plan of a run: what each image needs, and what must not be replaced unasked."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mono.data.sample import Sample
from mono.runs.manifest import Manifest
from mono.runs.options import RunOptions
from mono.runs.outputs import kinds_from_saved_depth, planned_outputs
from mono.runs.paths import is_output_path, output_files, own_file
from mono.runs.records import (
    cache_key,
    ground_truth_key,
    metrics_from_record,
    normals_from_record,
    short_hash,
    wanted_kinds,
)
from mono.system.errors import MetricDepthError, RunError, counted

_SHARED = ("model", "computation", "camera")  # parts of the settings that all results depend on
_PARTS = {
    "model": "another model, checkpoint or config",
    "computation": "another precision or backend",
    "camera": "other camera or alignment flags",
    "depth": "another depth format",
    "vis": "another version of the images",
    "normal": "another format of normals",
    "pcd": "other settings of point clouds",
    "mask": "other filters of the mask",
    "sky": "another version of the sky",
    "confidence": "another version of the confidence",
    "std": "another version of the standard errors",
    "points": "another version of the points",
    "mesh": "other settings of meshes",
    "focal_sweep": "another focal sweep",
    "metrics": "another protocol or other evaluation settings",
}
_FULL_PRECISION = (".npy", ".npz", ".exr")


@dataclass(frozen=True)
class ImagePlan:
    """Work that one image needs.

    Attributes:
        kinds: results to make.
        settings: hashes of the settings that these depend on, by part.
        key: hash of the image and its camera.
        ground_truth_key: hash of its ground truth; None where it is not evaluated.
        kept: results of former runs that stay.
        depth_file: depth of a former run in full precision that saves running the network; None: it is needed.
        error: reason why nothing can be done.
    """

    kinds: frozenset[str]
    settings: Mapping[str, str]
    key: str = ""
    ground_truth_key: str | None = None
    kept: frozenset[str] = frozenset()
    depth_file: Path | None = None
    error: MetricDepthError | OSError | None = None

    def files(self, name: str, options: RunOptions) -> list[str]:
        """List the files that the image `name` gets, relative to the output folder."""
        if self.error:
            return []
        return output_files(planned_outputs(name, self.kinds, options.output, options.focal_sweep, options.report))


@dataclass(frozen=True)
class RunPlan:
    """Work that a run needs.

    Attributes:
        images: plans by name, of images that are not done.
        dropped: names whose records must go before anything is written.
        removed: files to remove before anything is written, relative to the output folder.
        outdated: files of images that changed since they were done; most are replaced in place.
        changed: number of these images.
        foreign: files that no run has recorded and that are replaced.
    """

    images: dict[str, ImagePlan]
    dropped: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    outdated: tuple[str, ...] = ()
    changed: int = 0
    foreign: tuple[str, ...] = ()

    def files(self, options: RunOptions) -> list[str]:
        """List the files that the run may remove or make; files of others that it replaces are left out."""
        planned = {path for name, image in self.images.items() for path in image.files(name, options)}
        return [*self.removed, *self.outdated, *(planned - set(self.foreign))]


def plan_run(
    samples: Sequence[Sample], manifest: Manifest, settings: Mapping[str, Any], options: RunOptions
) -> RunPlan:
    """Decide what each image needs; nothing is touched yet.

    Results of the same settings are added to. Results of other settings or of other images of the same name, and files
    that no run has recorded, are only replaced with `options.overwrite`.

    Args:
        samples: images of the run.
        manifest: records of former runs.
        settings: as from `mono.runs.records.run_settings`.
        options: what to write.

    Raises:
        RunError: results, or files of others, would be replaced unasked.
    """
    hashes = {part: short_hash(value) for part, value in settings.items()}
    images: dict[str, ImagePlan] = {}
    shared: dict[frozenset[str], dict[str, str]] = {}
    dropped, removed, outdated = [], [], []
    conflicts: Counter[str] = Counter()
    changed: list[tuple[str, set[str]]] = []
    for sample in samples:
        plan, record = _fresh_plan(sample, hashes, options, shared), manifest.get(sample.name)
        if record is None or record["status"] != "ok":
            images[sample.name] = plan
            continue
        if options.overwrite:
            images[sample.name] = plan
            dropped.append(sample.name)
            removed += output_files(record["outputs"])
            continue
        _refuse_other_image(sample, record, manifest.folder)
        former = record.get("settings", {})
        if plan.error:
            images[sample.name] = replace(plan, kept=frozenset(former or record["outputs"]))
            continue
        if not former and (record["outputs"] or record.get("metrics")):
            conflicts["unknown settings (of another version of this program)"] += 1
        plan = _with_former_keys(plan, record, sample, options)
        differing = [part for part, value in plan.settings.items() if former.get(part, value) != value]
        conflicts.update(_PARTS[part] for part in differing)
        complete = _complete_kinds(record, plan, manifest.folder)
        if record.get("key") != plan.key:
            images[sample.name] = plan
            dropped.append(sample.name)
            outdated += output_files(record["outputs"])
            changed.append((sample.name, complete - plan.kinds))
        elif missing := plan.kinds - complete:
            known_sky = settings["model"]["architecture"].get("sky", "invalid") == "invalid"
            images[sample.name] = _added(
                plan, frozenset(missing), frozenset(complete), record, manifest.folder, options, known_sky
            )
    if conflicts:
        what, count = conflicts.most_common(1)[0]
        raise RunError(
            f"{options.out} holds results of {what} for {count} of these images, which would be replaced: "
            "choose another output folder (--out), or --overwrite"
        )
    if lost := next((kinds for _, kinds in changed if kinds), None):
        raise RunError(
            f"{counted(len(changed), 'image')} changed since {options.out} was written; their "
            f"{', '.join(sorted(lost))} would stay as they were: name these in --save too, choose another output "
            "folder (--out), or --overwrite"
        )
    foreign = _files_without_record(images, manifest, options)
    if foreign and not options.overwrite:
        raise RunError(
            f"{options.out} holds {counted(len(foreign), 'file')} that no run recorded there and that would be "
            f"replaced, as {foreign[0]}: choose another output folder (--out), move them away, or --overwrite"
        )
    if images and not options.overwrite:
        _refuse_among_ground_truth(samples, options)
    return RunPlan(images, tuple(dropped), tuple(removed), tuple(outdated), len(changed), tuple(foreign))


def _refuse_among_ground_truth(samples: Sequence[Sample], options: RunOptions) -> None:
    """Refuse a folder of outputs that holds the run's own ground truth, whatever its files are called."""
    files = (file for sample in samples for file in (sample.depth, sample.normal) if file is not None)
    folders = {Path(os.path.realpath(folder)) for folder in {file.parent for file in files}}
    for kind in options.output.save:
        place = options.out / kind
        if any(folder.is_relative_to(os.path.realpath(place)) for folder in folders):
            raise RunError(
                f"{place} holds ground truth of these images, and results would be written among it: "
                "choose another output folder (--out), or --overwrite"
            )


def _files_without_record(images: Mapping[str, ImagePlan], manifest: Manifest, options: RunOptions) -> list[str]:
    """List existing files in the way of planned outputs that no run has written."""
    foreign: list[str] = []
    for name, image in images.items():
        existing = [path for path in image.files(name, options) if os.path.lexists(options.out / path)]
        if existing:
            record = manifest.get(name) or {}
            own = set(output_files(record.get("outputs", {})))
            foreign += [path for path in existing if path not in own]
    return foreign


def _fresh_plan(
    sample: Sample,
    hashes: Mapping[str, str],
    options: RunOptions,
    shared: dict[frozenset[str], dict[str, str]],
) -> ImagePlan:
    """Plan an image as if nothing was there; plans of the same kinds share their settings."""
    kinds = frozenset(wanted_kinds(sample, options))
    settings = shared.setdefault(kinds, {part: hashes[part] for part in (*_SHARED, *sorted(kinds))})
    try:
        scored = ground_truth_key(sample) if "metrics" in kinds else None
        known = options.align.file_for(sample) if options.align else None
        return ImagePlan(kinds, settings, cache_key(sample, options.resolver, known), scored)
    except (OSError, MetricDepthError) as error:
        return ImagePlan(kinds, settings, error=error)


def _with_former_keys(plan: ImagePlan, record: Mapping[str, Any], sample: Sample, options: RunOptions) -> ImagePlan:
    """Take over keys that a record has for the same files, made of their paths as they were typed."""
    key, scored = record.get("key"), record.get("ground_truth_key")
    if key != plan.key and key == cache_key(sample, options.resolver, spell=str):
        plan = replace(plan, key=key)
    if plan.ground_truth_key not in (None, scored) and scored == ground_truth_key(sample, str):
        plan = replace(plan, ground_truth_key=scored)
    return plan


def _added(
    plan: ImagePlan,
    missing: frozenset[str],
    complete: frozenset[str],
    record: Mapping[str, Any],
    folder: Path,
    options: RunOptions,
    known_sky: bool,
) -> ImagePlan:
    """Plan the results that a former run did not make; `known_sky`: depth alone tells which pixels are sky."""
    depth_file = None
    enough = kinds_from_saved_depth(record.get("normal_source"), options.output.cloud, options.report)
    if "depth" in complete and missing <= (enough if known_sky else enough - {"pcd"}):
        file = own_file(folder, record["outputs"]["depth"])
        depth_file = file if file and file.suffix in _FULL_PRECISION else None
    settings = {part: value for part, value in plan.settings.items() if part in _SHARED or part in missing}
    return ImagePlan(missing, settings, plan.key, plan.ground_truth_key, complete, depth_file)


def _complete_kinds(record: Mapping[str, Any], plan: ImagePlan, folder: Path) -> set[str]:
    """List the kinds of results that a record vouches for, and whose files exist and are not empty."""
    kinds = {kind for kind in record.get("settings", {}) if kind in _PARTS and kind not in _SHARED}
    if "metrics" in kinds and not _scores_hold(record, plan):
        kinds.discard("metrics")
    outputs = record["outputs"]
    return {kind for kind in kinds if _files_exist(kind, outputs, folder)}


def _files_exist(kind: str, outputs: Mapping[str, Any], folder: Path) -> bool:
    own = {"depth": ("depth", "sidecar"), "normal": ("normal", "normal_vis"), "metrics": ("report",)}
    named = {key: outputs[key] for key in own.get(kind, (kind, f"{kind}_view")) if key in outputs}
    if kind != "metrics" and kind not in named:
        return False
    return all(is_output_path(path) and _is_filled(folder / path) for path in output_files(named))


def _is_filled(path: Path) -> bool:
    """Tell whether a file exists that is not empty, as a disk that fails may leave one."""
    return path.is_file() and path.stat().st_size > 0


def _scores_hold(record: Mapping[str, Any], plan: ImagePlan) -> bool:
    """Tell whether a record's metrics can be read and are of the present ground truth."""
    if plan.ground_truth_key not in (None, record.get("ground_truth_key")):
        return False
    try:
        metrics_from_record(record)
        if "normals" in record:
            normals_from_record(record)
    except (MetricDepthError, KeyError):
        return False
    return True


def _refuse_other_image(sample: Sample, record: Mapping[str, Any], folder: Path) -> None:
    path = os.path.abspath(sample.rgb)  # noqa: PTH100  # resolve() would follow links
    if os.path.abspath(record.get("path", path)) != path:  # noqa: PTH100
        raise RunError(
            f"{folder} holds results of another image of the same name ({record['path']}, now {sample.rgb}): "
            "choose another output folder (--out), or --overwrite"
        )
