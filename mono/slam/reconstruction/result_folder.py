"""Output folder of a path: whose results it holds, and of which settings."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mono.data.camera_source import ResolvedCamera
from mono.data.sample import Sample
from mono.io.atomic import remove_stale_files, write_bytes
from mono.runs.records import file_stamps, model_settings, short_hash
from mono.slam.reconstruction.metric_paths import SlamError
from mono.slam.reconstruction.sfm import remove_project
from mono.system.errors import counted
from mono.system.files import json_object

if TYPE_CHECKING:
    from mono.inference.predictor import Predictor

_MARK = ".slam"
_PARTS = {
    "method": "another --method",
    "frames": "other frames, or frames that have changed",
    "camera": "another camera",
    "model": "another model, checkpoint or precision",
    "options": "other --scale-frames, --refine-focal or --max-features",
}


def path_settings(
    samples: Sequence[Sample], found: ResolvedCamera, predictor: Predictor, method: str, options: Mapping[str, Any]
) -> dict[str, str]:
    """Hash the settings that decide a path, by part; device, backend and threads only change rounding.

    Args:
        samples: frames in order of time.
        found: camera of all frames.
        predictor: the model.
        method: "sfm" or "vo".
        options: options of the method, as JSON values.
    """
    files = dict.fromkeys(sample.rgb for sample in samples)
    settings: dict[str, Any] = {
        "method": method,
        "frames": [[sample.name for sample in samples], file_stamps(*files)],
        "camera": asdict(found.camera),
        "model": [model_settings(predictor), predictor.precision],
        "options": dict(options),
    }
    return {part: short_hash(value) for part, value in settings.items()}


def result_names() -> list[str]:
    """List the files that an output folder may hold."""
    return [*_part_names(), "path.svg", "scale.json"]


def _part_names() -> list[str]:
    """List the files that the folder of a path may hold."""
    scaled = ("trajectory_tum.txt", "trajectory_kitti.txt", "points.ply")
    return [*scaled, *(f"unscaled_{name}" for name in scaled), "frames.txt", "camera.json"]


def _part_folders(out: Path) -> list[Path]:
    return sorted(p for p in out.glob("part_*") if re.fullmatch(r"part_\d+", p.name) and p.is_dir())


def _existing_results(out: Path) -> list[Path]:
    places = [out / name for name in result_names()]
    places += [folder / name for folder in _part_folders(out) for name in _part_names()]
    return [path for path in places if os.path.lexists(path)]


def refuse_foreign_files(out: Path) -> None:
    """Refuse an output folder with files that `write_paths` would replace and has not written.

    Raises:
        SlamError: there are such files.
    """
    if (out / _MARK).is_file() or _is_unmarked_run(out):
        return
    if foreign := _existing_results(out):
        raise SlamError(
            f"{out} holds {counted(len(foreign), 'file')} that slam has not written and would replace, as "
            f"{foreign[0]}: choose another output folder (--out), or move them away"
        )


def refuse_other_results(out: Path, settings: Mapping[str, str]) -> None:
    """Refuse an output folder with results of other settings.

    Args:
        out: output folder.
        settings: as from `path_settings`.

    Raises:
        SlamError: there are such results.
    """
    if not _existing_results(out):
        return
    former = _former_settings(out)
    differing = [_PARTS[part] for part, value in settings.items() if former.get(part) != value]
    if differing:
        what = ", ".join(differing) if former else "unknown settings (of another version of this program)"
        raise SlamError(
            f"{out} holds results of {what}, which would be replaced: choose another output folder (--out), or "
            "--overwrite"
        )


def _former_settings(out: Path) -> dict[str, str]:
    try:
        return json_object((out / _MARK).read_bytes()) or {}
    except OSError:
        return {}


def _is_unmarked_run(out: Path) -> bool:
    """Tell whether a folder holds the results of a version that left no mark."""
    try:
        content = json_object((out / "scale.json").read_bytes()) or {}
    except OSError:
        return False
    return {"method", "parts"} <= content.keys()


def replace_results(out: Path, method: str, settings: Mapping[str, str]) -> None:
    """Note the settings of the results to come, and remove those of the former run; files of others stay.

    Args:
        out: output folder.
        method: "sfm" or "vo".
        settings: as from `path_settings`; empty: unknown.

    Raises:
        OSError: a file cannot be written or removed.
    """
    former, settings_then = _existing_results(out), _former_settings(out)
    write_bytes(out / _MARK, json.dumps(dict(settings)).encode())
    for path in former:
        path.unlink()
    for folder in [out, *_part_folders(out)]:
        remove_stale_files(folder, recursive=False)
        if folder != out and not any(folder.iterdir()):
            folder.rmdir()
    if method != "sfm" and settings_then.get("method") == short_hash(
        "sfm"
    ):  # others are of interrupted runs, which go on
        remove_project(out / "colmap")
