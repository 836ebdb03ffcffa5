"""Structure from motion by COLMAP (pycolmap), up to scale."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from mono.data.sample import Sample
from mono.geometry.camera import Camera
from mono.io.atomic import remove_stale_files, write_bytes
from mono.slam.reconstruction.colmap_database import check_space_for_matches, extract_features
from mono.slam.reconstruction.colmap_mapping import map_models
from mono.slam.reconstruction.sfm_options import SfmOptions
from mono.slam.scale.colmap_model import SfmError, import_pycolmap
from mono.system.progress import Progress, silent

if TYPE_CHECKING:
    import pycolmap

logger = logging.getLogger(__name__)

_MARK = "made_of.json"
_DATABASE = ("database.db", "database.db-journal", "database.db-wal", "database.db-shm")
_MODELS = ("models", "models_global", "metric")


@dataclass(frozen=True)
class SfmResult:
    """Result of a reconstruction.

    Attributes:
        models: reconstructions, most frames first, each with its own scale and world.
        frames: for each model, index of the given frame by COLMAP's image id.
        mapper: "incremental" or "global".
        unread: (source, reason) of frames that could not be read.
    """

    models: tuple[pycolmap.Reconstruction, ...]
    frames: tuple[dict[int, int], ...]
    mapper: str
    unread: tuple[tuple[str, str], ...]


def reconstruct(
    samples: Sequence[Sample],
    camera: Camera,
    folder: Path,
    options: SfmOptions | None = None,
    on_step: Progress = silent,
) -> SfmResult:
    """Reconstruct a camera's path and points by COLMAP.

    An interrupted run reuses the features and matches in `folder`, if frames and options are the same.

    Args:
        samples: frames in order of time, read one at a time. Frames that cannot be read, or are not of the camera's
            size, are left out and listed.
        camera: camera of all frames.
        folder: folder for COLMAP's database and models.
        options: options of COLMAP.
        on_step: progress callback.

    Raises:
        SfmError: pycolmap is missing, there are fewer than 3 frames, no model is found, the disk is full, or files of
            others would be removed.
    """
    colmap = import_pycolmap()
    options = options or SfmOptions()
    if len(samples) < 3:
        raise SfmError(f"there are {len(samples)} frames; at least 3 are needed to find a path")
    folder.mkdir(parents=True, exist_ok=True)
    key, matched = _drop_other(folder, samples, camera, options)
    database = folder / "database.db"
    with _quiet(colmap):
        unread = extract_features(colmap, database, samples, camera, options, on_step)
        check_space_for_matches(database)
        on_step("matching", 0, 1)
        if not matched:
            _match(colmap, database, options)
            write_bytes(folder / _MARK, json.dumps([key, "matched"]).encode())
        on_step("matching", 1, 1)
        models, mapper = map_models(colmap, database, folder, len(samples), options, on_step)
    if not models:
        raise SfmError(
            f"no camera path is found from {len(samples)} frames: too little of neighboring frames matches, or the "
            "camera only rotates. Give frames that are closer in time (a smaller --every), in the order they were "
            "taken, of a camera that moves"
        )
    places = tuple({i: i - 1 for i in model.reg_image_ids()} for model in models)
    return SfmResult(tuple(models), places, mapper, tuple(unread))


def _match(colmap: ModuleType, database: Path, options: SfmOptions) -> None:
    """Match all frames anew, so that an interrupted run ends like others: RANSAC draws in order of the pairs."""
    with colmap.Database.open(str(database)) as db:
        db.clear_matches()
        db.clear_two_view_geometries()
    threads = options.threads or -1
    colmap.match_sequential(
        str(database),
        matching_options=colmap.FeatureMatchingOptions(num_threads=threads),
        pairing_options=colmap.SequentialPairingOptions(
            overlap=options.overlap, quadratic_overlap=True, num_threads=threads
        ),
        device=colmap.Device.cpu,
    )


def poses_of(model: pycolmap.Reconstruction) -> tuple[np.ndarray, list[int]]:
    """Collect the poses of a model's registered images.

    Returns:
        Camera-to-world poses in order of the ids, (N, 4, 4), and these ids.
    """
    ids = sorted(model.reg_image_ids())
    poses = np.tile(np.eye(4), (len(ids), 1, 1))
    for pose, image in zip(poses, ids, strict=True):
        pose[:3] = model.images[image].cam_from_world().inverse().matrix()
    return poses, ids


def color_points(model: pycolmap.Reconstruction, samples: Sequence[Sample], frames: dict[int, int]) -> None:
    """Set each point's color to the mean of its observations.

    Args:
        model: the model, changed in place.
        samples: all frames.
        frames: index of the frame by image id.
    """
    sums = {point: np.zeros(4) for point in model.points3D}
    for image, place in sorted(frames.items()):
        try:
            rgb = samples[place].read().rgb
        except ValueError as error:
            logger.warning("%s", error)
            continue
        for seen in model.images[image].points2D:
            if seen.has_point3D():
                column, row = np.floor(seen.xy).astype(int)
                row, column = min(max(row, 0), rgb.shape[0] - 1), min(max(column, 0), rgb.shape[1] - 1)
                sums[seen.point3D_id] += (*rgb[row, column], 1)
    for point, total in sums.items():
        if total[3]:
            model.points3D[point].color = np.rint(total[:3] / total[3]).astype(np.uint8)


def _drop_other(folder: Path, samples: Sequence[Sample], camera: Camera, options: SfmOptions) -> tuple[str, bool]:
    """Remove files of other frames or options, and of killed runs.

    Returns:
        Hash of frames, camera and options, and True if all frames are matched already.

    Raises:
        SfmError: the files are those of others.
    """
    mark = folder / _MARK
    foreign = [name for name in (*_DATABASE, *_MODELS) if os.path.lexists(folder / name)]
    if foreign and not mark.is_file():
        raise SfmError(
            f"{folder / foreign[0]}: was not made by slam, which would replace it: choose another output folder "
            "(--out), or move it away"
        )
    remove_stale_files(folder, recursive=False)
    for left in folder.glob(".mono-model-*"):
        shutil.rmtree(left, ignore_errors=True)
    stats = {}
    for path in dict.fromkeys(s.rgb for s in samples):
        with contextlib.suppress(OSError):
            stats[str(path.absolute())] = (path.stat().st_size, path.stat().st_mtime_ns)
    made_of = [asdict(camera), options.max_features, options.overlap, [s.source for s in samples], stats]
    key = hashlib.sha256(json.dumps(made_of).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    state = mark.read_text() if mark.is_file() else ""
    if state not in (json.dumps(key), json.dumps([key, "matched"])):
        for name in _DATABASE:
            (folder / name).unlink(missing_ok=True)
        write_bytes(mark, json.dumps(key).encode())
        state = json.dumps(key)
    for made in _MODELS:
        shutil.rmtree(folder / made, ignore_errors=True)
    return key, state == json.dumps([key, "matched"])


def remove_project(folder: Path) -> None:
    """Remove the files of `reconstruct` and the metric models from its folder; those of others stay."""
    if not (folder / _MARK).is_file():
        return
    for made in _MODELS:
        shutil.rmtree(folder / made, ignore_errors=True)
    for name in (*_DATABASE, _MARK):
        (folder / name).unlink(missing_ok=True)
    if not any(folder.iterdir()):
        folder.rmdir()


@contextlib.contextmanager
def _quiet(colmap: ModuleType) -> Iterator[None]:
    """Silence COLMAP except for errors, unless debug messages are enabled."""
    before = colmap.logging.minloglevel
    colmap.logging.minloglevel = colmap.logging.INFO if logger.isEnabledFor(logging.DEBUG) else colmap.logging.ERROR
    try:
        yield
    finally:
        colmap.logging.minloglevel = before
