"""Alignment of saved depth maps: no network."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mono.calibration.fit import align_depth
from mono.calibration.known import AlignmentError
from mono.calibration.sources import AlignOptions
from mono.data.camera_source import CameraResolver, ResolvedCamera
from mono.data.sample import Sample
from mono.io.atomic import write_bytes
from mono.io.depth import DEPTH_SUFFIXES, read_depth, write_depth
from mono.io.depth_metadata import saved_camera
from mono.runs.folder import lock_output_folder, open_output_folder
from mono.runs.manifest import Manifest
from mono.runs.outputs import OutputOptions, planned_outputs
from mono.runs.paths import output_files, remove_files
from mono.runs.records import camera_record
from mono.system.errors import MetricDepthError, RunError, without_path
from mono.system.failure import Failure
from mono.system.files import json_object

logger = logging.getLogger(__name__)

# Fields of a run's record that hold for its aligned depth, too.
_KEPT = ("input", "path", "name", "size", "intrinsics", "lens", "camera_source", "camera_detail", "model", "checksum")


@dataclass(frozen=True)
class AlignedRun:
    """Outcome of aligning saved depth.

    Attributes:
        alignments: record of the alignment, by name.
        failures: depth maps that were not aligned.
    """

    alignments: dict[str, dict[str, Any]]
    failures: tuple[Failure, ...]


def find_saved_depth(inputs: Sequence[Path]) -> list[Sample]:
    """Find depth maps in files, folders, and output folders of runs.

    Args:
        inputs: depth files, folders of them, or folders with depth/.

    Raises:
        RunError: there are none, or an input is no depth.
    """
    found: list[tuple[str, Path]] = []
    for given in inputs:
        folder = given / "depth" if (given / "depth").is_dir() else given
        if folder.is_dir():
            files = sorted(f for f in folder.rglob("*") if f.suffix.lower() in DEPTH_SUFFIXES and f.is_file())
            if not files:
                raise RunError(f"{given}: holds no depth maps; give the output folder of predict, or depth files")
            found += [(file.relative_to(folder).with_suffix("").as_posix(), file) for file in files]
        elif given.suffix.lower() in DEPTH_SUFFIXES:
            found.append((given.stem, given))
        elif given.exists():
            raise RunError(f"{given}: is no depth map; to align the depth of a photo: metricdepth predict {given} …")
        else:
            raise RunError(f"{given}: there is no such file or folder")
    names = [name for name, _ in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise RunError(f"two depth maps are named {twice[0]}: align their folders one by one")
    return [Sample(name, file, str(file)) for name, file in found]


def align_saved(
    samples: Sequence[Sample],
    out: Path,
    options: AlignOptions,
    resolver: CameraResolver,
    depth_format: str = "png",
    scale: float | None = None,
    overwrite: bool = False,
) -> AlignedRun:
    """Align saved depth maps, and write them with their alignment.

    Depth of a run gets records of its images, so that the folder can be viewed, fused and packed like the run's. Other
    results in the folder stay.

    Args:
        samples: depth maps, as from `find_saved_depth`.
        out: output folder; depth goes into depth/, alignments into alignment.json.
        options: what is known.
        resolver: camera of maps that have none beside them.
        depth_format: format of the written depth.
        scale: stored value of one metre in the maps; None: as the files say.
        overwrite: replace results of the same names, with all that a run wrote for them.

    Returns:
        Alignments, and maps that failed.

    Raises:
        RunError: the output folder holds the inputs, or results of the same names, or another run is writing there.
        MetricDepthError: what is known is of one image, and there are several.
        OSError: a file cannot be written.
    """
    options.check(samples)
    if any((out / "depth").resolve() in sample.rgb.resolve().parents for sample in samples):
        raise RunError(f"{out} holds the depth to align, which would be replaced: choose another output folder (--out)")
    with lock_output_folder(out):
        manifest, former = open_output_folder(out), _read_alignments(out / "alignment.json")
        _make_way(samples, out, manifest, former, depth_format, overwrite)
        result = _align(samples, out, manifest, options, resolver, depth_format, scale)
        replaced = {sample.name for sample in samples}
        merged = {name: record for name, record in former.items() if name not in replaced} | result.alignments
        if merged != former:
            write_bytes(out / "alignment.json", (json.dumps(merged, indent=1) + "\n").encode())
    return result


def _read_alignments(path: Path) -> dict[str, Any]:
    """Read the alignments of former runs, by name."""
    try:
        content = json_object(path.read_bytes())
    except FileNotFoundError:
        return {}
    if content is None:
        raise RunError(f"{path}: holds no alignments; move it away, or choose another output folder (--out)")
    return content


def _make_way(
    samples: Sequence[Sample],
    out: Path,
    manifest: Manifest,
    alignments: Mapping[str, Any],
    depth_format: str,
    overwrite: bool,
) -> None:
    """Refuse former results of the same names, or remove those of runs."""
    taken, output = [], OutputOptions(("depth",), depth_format)
    for sample in samples:
        files = output_files(planned_outputs(sample.name, output.save, output))
        known = sample.name in alignments or (manifest.get(sample.name) or {}).get("status") == "ok"
        if known or any(os.path.lexists(out / file) for file in files):
            taken.append(sample.name)
    if taken and not overwrite:
        raise RunError(
            f"{out} holds results of {len(taken)} of these depth maps, as of {taken[0]}, which would be replaced: "
            "choose another output folder (--out), or --overwrite"
        )
    files = [file for record in manifest.walk(taken) for file in output_files(record.get("outputs", {}))]
    manifest.drop(taken)
    remove_files(out, files)


def _align(
    samples: Sequence[Sample],
    out: Path,
    manifest: Manifest,
    options: AlignOptions,
    resolver: CameraResolver,
    depth_format: str,
    scale: float | None,
) -> AlignedRun:
    alignments: dict[str, dict[str, Any]] = {}
    failures: list[Failure] = []
    runs: dict[Path, Manifest] = {}
    for sample in samples:
        try:
            depth = read_depth(sample.rgb, scale)
            camera, former = saved_camera(sample.rgb), _run_record(sample, runs)
            source = former.get("camera_source") if former else None
            if camera is None:
                found = _resolve_camera(resolver, sample, depth.shape)
                camera, source = found.camera, found.source
                given = {"camera_source": source, "camera_detail": found.detail}
                former = former and {k: v for k, v in former.items() if k != "lens"} | camera_record(camera) | given
            image = _photo_of(sample, former) if options.finder else sample
            aligned, alignment = align_depth(depth, camera, options.find(image, camera), options.model)
        except MetricDepthError as error:
            reason = without_path(error, sample.rgb)
            logger.error("%s: %s", sample.source, reason)
            failures.append(Failure(sample.source, reason))
            continue
        record, file = alignment.record(), f"depth/{sample.name}.{depth_format}"
        notes = {"camera_source": source} if source else {}
        write_depth(out / file, aligned, camera, notes | {"alignment": record})
        alignments[sample.name] = record
        if former is not None and _wrote(former, sample):
            kept = {name: former[name] for name in _KEPT if name in former}
            manifest.add(kept | {"status": "ok", "outputs": {"depth": file}, "alignment": record})
    return AlignedRun(alignments, tuple(failures))


def _resolve_camera(resolver: CameraResolver, sample: Sample, shape: tuple[int, ...]) -> ResolvedCamera:
    height, width = shape
    found = resolver.resolve(width, height, image_path=sample.rgb)
    if found.source == "assumed":
        raise AlignmentError("has no camera beside it: give --focal-px, --fov-deg or --camera")
    return found


def _photo_of(sample: Sample, record: dict[str, Any] | None) -> Sample:
    """Return a depth map's photo as its run recorded it; the map itself where there is none, with a warning."""
    if record is None or "path" not in record:
        return sample
    photo = Path(record["path"])
    if photo.is_file():
        return replace(sample, rgb=photo)
    logger.warning("%s: its photo %s is not there: it is taken to be stored upright", sample.source, photo)
    return sample


def _run_record(sample: Sample, runs: dict[Path, Manifest]) -> dict[str, Any] | None:
    """Return the record of a depth map's image in the manifest of its run; opened manifests are kept in `runs`."""
    file = sample.rgb.absolute()
    for folder in file.parents:
        if folder.name == "depth":
            if folder.parent not in runs:
                runs[folder.parent] = Manifest(folder.parent, clean=False)
            record = runs[folder.parent].get(file.relative_to(folder).with_suffix("").as_posix())
            if record is not None and record["status"] == "ok":
                return record
    return None


def _wrote(record: dict[str, Any], sample: Sample) -> bool:
    """Tell if the run of a record wrote this depth map, under this name."""
    file = f"depth/{sample.name}{sample.rgb.suffix}"
    return record["name"] == sample.name and record["outputs"].get("depth") == file
