"""COLMAP's database: cameras, images and features."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from mono.data.sample import Sample
from mono.geometry.camera import Camera
from mono.io.cameras.colmap import colmap_parameters
from mono.slam.reconstruction.sfm_options import SfmOptions
from mono.slam.scale.colmap_model import SfmError
from mono.system.errors import MetricDepthError
from mono.system.progress import Progress

logger = logging.getLogger(__name__)

_CAMERA = 1  # id of the camera, and of its rig, in the database
_SPARE_BYTES = 64 * 2**20  # COLMAP ends the process when a write to its database fails


def extract_features(
    colmap: ModuleType,
    database: Path,
    samples: Sequence[Sample],
    camera: Camera,
    options: SfmOptions,
    on_step: Progress,
) -> list[tuple[str, str]]:
    """Write the features of all frames into COLMAP's database.

    Frames that are in the database already are skipped.

    Args:
        colmap: the module pycolmap.
        database: the database's file.
        samples: frames in order of time.
        camera: camera of all frames.
        options: options of COLMAP.
        on_step: progress callback.

    Returns:
        (source, reason) of frames that could not be read.

    Raises:
        SfmError: the disk is full, or the database is damaged.
    """
    unread = []
    check_space(database)
    settings = colmap.FeatureExtractionOptions(num_threads=options.threads or -1)
    settings.sift.max_num_features = options.max_features
    extractor = colmap.FeatureExtractor.create(settings, colmap.Device.cpu)
    with colmap.Database.open(str(database)) as db:
        if not db.exists_camera(_CAMERA):
            known = _colmap_camera(colmap, camera)
            db.write_camera(known, use_camera_id=True)
            rig = colmap.Rig(rig_id=_CAMERA)
            rig.add_ref_sensor(known.sensor_id)
            db.write_rig(rig, use_rig_id=True)
        for number, (sample, name) in enumerate(zip(samples, image_names(samples), strict=True), 1):
            if not db.exists_image(number):
                image = colmap.Image(name=name, camera_id=_CAMERA, image_id=number)
                with colmap.DatabaseTransaction(db):
                    db.write_image(image, use_image_id=True)
                    frame = colmap.Frame(frame_id=number, rig_id=_CAMERA)
                    frame.add_data_id(image.data_id)
                    db.write_frame(frame, use_frame_id=True)
            if not db.exists_descriptors(number):
                try:
                    keypoints, descriptors = extractor.extract_from_uint8_array(_to_gray(sample, camera))
                    check_space(database)
                    with colmap.DatabaseTransaction(db):
                        db.write_keypoints(number, colmap.keypoints_to_matrix(keypoints))
                        db.write_descriptors(number, descriptors)
                except SfmError:
                    raise
                except ValueError as error:
                    logger.warning("%s", error)
                    unread.append((sample.source, str(error)))
            on_step("features", number, len(samples))
    return unread


def image_names(samples: Sequence[Sample]) -> list[str]:
    """Name the frames for COLMAP, by their files if possible.

    COLMAP orders images by name, so frames are numbered if their names are not in order or not unique. A video's frames
    have numbers.
    """
    names = [s.rgb.name if s.source == str(s.rgb) else s.name for s in samples]
    if len(set(names)) == len(names) and names == sorted(names):
        return names
    logger.warning("frames are numbered in COLMAP's model: their names are not in the frames' order, or two are alike")
    return [f"{number:06d}_{name.replace('/', '_')}" for number, name in enumerate(names)]


def _to_gray(sample: Sample, camera: Camera) -> np.ndarray:
    import cv2

    rgb = sample.read().rgb
    if rgb.shape[:2] != (camera.height, camera.width):
        raise MetricDepthError(
            f"{sample.source}: is {rgb.shape[1]}x{rgb.shape[0]} and the first frame {camera.width}x{camera.height}: "
            "it is left out, as all must be of one camera"
        )
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)


def _colmap_camera(colmap: ModuleType, camera: Camera) -> Any:
    """Convert a camera to COLMAP's."""
    model, parameters = colmap_parameters(camera)
    known = colmap.Camera(model=model, width=camera.width, height=camera.height, params=parameters, camera_id=_CAMERA)
    known.has_prior_focal_length = True
    return known


def check_space(database: Path, needed: int = 0) -> None:
    """Raise SfmError if the disk is too full for COLMAP.

    Args:
        database: the database's file.
        needed: expected growth [bytes]; a reserve is added.
    """
    free = shutil.disk_usage(database.parent).free
    if free < needed + _SPARE_BYTES:
        raise SfmError(
            f"{database.parent}: the disk has {free / 1e6:.0f} MB left, and COLMAP needs about "
            f"{(needed + _SPARE_BYTES) / 1e6:.0f} MB; free some space, or choose another --out (features found so far "
            "are kept)"
        )


def check_space_for_matches(database: Path) -> None:
    """Raise SfmError if the disk is too full for matches.

    Matches take about half the space of the features.
    """
    check_space(database, database.stat().st_size // 2)
