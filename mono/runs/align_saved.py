"""Alignment of saved depth maps: no network."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mono.calibration.fit import align_depth
from mono.calibration.known import AlignmentError
from mono.calibration.sources import AlignOptions
from mono.data.camera_source import CameraResolver, ResolvedCamera
from mono.data.ground_truth import without_codes
from mono.data.sample import Sample
from mono.data.saved_predictions import saved_format
from mono.geometry.camera import Camera
from mono.inference.uncertainty import focal_error
from mono.io.atomic import write_bytes
from mono.io.cameras.files import same_aspect
from mono.io.depth import DEPTH_SUFFIXES, read_depth, write_depth
from mono.io.depth_metadata import saved_camera
from mono.runs.alignment_job import REPLACED, STATE, AlignmentJob
from mono.runs.folder import lock_output_folder, open_output_folder
from mono.runs.manifest import Manifest
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
        beyond_range: pixels by name whose depth is beyond the range of its PNG, and is invalid there.
    """

    alignments: dict[str, dict[str, Any]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    beyond_range: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, record: Mapping[str, Any]) -> None:
        """Add the record of an aligned map."""
        self.alignments[name] = record["alignment"]
        if record.get("beyond_range"):
            self.beyond_range[name] = record["beyond_range"]


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
    results in the folder stay, and those of the same settings and files are taken up.

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
        manifest, former, result = open_output_folder(out), _read_alignments(out / "alignment.json"), AlignedRun()
        job = AlignmentJob(out, manifest, Manifest(out, STATE), options, resolver, depth_format, scale)
        keys = {sample.name: job.input_key(sample) for sample in samples}
        fresh = job.find_fresh(keys, former, overwrite)
        try:
            for sample in samples:
                if sample.name in fresh:
                    _align(sample, keys[sample.name], job, result)
                elif (record := job.state.get(sample.name)) is not None:
                    result.add(sample.name, record)
        finally:
            manifest.drop(r["name"] for r in list(manifest.walk(keys)) if r.get("error") == REPLACED)
            Manifest(out)  # cleans it of replaced lines
            if (merged := former | result.alignments) != former:
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


def _align(sample: Sample, input_key: str, job: AlignmentJob, result: AlignedRun) -> None:
    """Align one depth map, write it and add it to the result."""
    try:
        meaning = saved_format(sample.rgb)
        if not meaning.metric and meaning.kind != "relative":
            raise AlignmentError(f"holds {meaning.kind} without a unit: convert it to depth, or align relative depth")
        depth, former = read_depth(sample.rgb, job.scale), _run_record(sample, job.runs)
        stored = saved_camera(sample.rgb)
        if stored is None:
            depth = without_codes(sample.rgb, depth, job.scale)
        camera, changes = _choose_camera(stored, sample, job.resolver, depth.shape)
        former = former and {k: v for k, v in former.items() if k != "lens" or not changes} | changes
        image = _photo_of(sample, former) if job.options.finder or job.options.path else sample
        source = (former or changes).get("camera_source")
        error = focal_error(source, (former or changes).get("focal_error"))
        known = job.options.find(image, camera, predicted=depth)
        aligned, alignment = align_depth(depth, camera, known, job.options.model, error, meaning.metric)
    except MetricDepthError as error:
        reason = without_path(error, sample.rgb)
        logger.error("%s: %s", sample.source, reason)
        result.failures.append(Failure(sample.source, reason))
        return
    name, file = sample.name, job.file(sample.name)
    notes = {"camera_source": source} if source else {}
    job.clear(name)
    written = write_depth(job.out / file, aligned, camera, notes | {"alignment": alignment.record()})
    record: dict[str, Any] = {
        "status": "ok", "outputs": {"depth": file}, "alignment": alignment.record(), "aligned_from": input_key,
    }  # fmt: skip
    if written.beyond_range:
        record["beyond_range"] = written.beyond_range
    if former is not None and _wrote(former, sample):
        job.manifest.add({key: former[key] for key in _KEPT if key in former} | record)
    job.state.add(record | {"name": name, "key": job.key(name, input_key)})
    result.add(name, record)


def _choose_camera(
    stored: Camera | None, sample: Sample, resolver: CameraResolver, shape: tuple[int, ...]
) -> tuple[Camera, dict[str, Any]]:
    """Choose the camera of a depth map: given, stored with it, or as for a photo.

    Returns:
        The camera, and the fields of a record that it changes.
    """
    height, width = shape
    if stored is not None and (stored.depth_kind == "ray" or not resolver.is_given):
        if (stored.width, stored.height) == (width, height):
            return stored, {}
        if not same_aspect(stored.width, stored.height, width, height):
            raise AlignmentError(
                f"is {width}x{height}, and the camera stored with it is of {stored.width}x{stored.height}: it was "
                "cropped or turned; give the camera of what is left (--intrinsics or --camera)"
            )
        camera = stored.resized(width, height)
        return camera, camera_record(camera)
    found = _resolve_camera(resolver, sample, shape)
    given = {"camera_source": found.source, "camera_detail": found.detail, "focal_error": found.focal_error}
    return found.camera, camera_record(found.camera) | given


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
