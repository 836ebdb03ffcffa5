"""Calibration of a camera for a model: observations of its images, and a check on others."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mono.calibration.depth_alignment import DepthAlignment
from mono.calibration.fit import fit_alignment
from mono.calibration.known import AlignmentError
from mono.calibration.known_file import KnownImage
from mono.calibration.observations import Observations, observe
from mono.data.camera_source import CameraResolver, ResolvedCamera
from mono.geometry.camera import Camera
from mono.inference.load import require_metric
from mono.inference.uncertainty import focal_error
from mono.io.cameras.files import CameraFileError, camera_from_file
from mono.io.cameras.notes import FocalNote, read_focal_note
from mono.system.errors import MetricDepthError, without_path
from mono.system.failure import Failure

if TYPE_CHECKING:
    from mono.inference.predictor import Predictor

logger = logging.getLogger(__name__)

_ENOUGH = 3  # images that are worth a calibration without those that fail
_ALIKE = 0.005  # relative difference of focal lengths of one camera


@dataclass(frozen=True)
class ObservedImage:
    """Image of a camera with its known distances beside the predicted ones.

    Attributes:
        name: image as written in the file.
        found: its camera, with the source of its focal length.
        observations: log ratios of known and predicted distances.
    """

    name: str
    found: ResolvedCamera
    observations: Observations


@dataclass(frozen=True)
class CheckedImage:
    """Errors of an image before and after a calibration.

    Attributes:
        name: image as written in the file.
        before: mean of |predicted - known| / known as predicted.
        after: the same, calibrated.
    """

    name: str
    before: float
    after: float


def observe_images(
    images: Sequence[KnownImage], predictor: Predictor, resolver: CameraResolver, to_fit: bool = False
) -> tuple[list[ObservedImage], list[Failure]]:
    """Predict images uncalibrated, and compare with the known.

    Args:
        images: images with known distances.
        predictor: the model.
        resolver: source of cameras.
        to_fit: count images whose known distances contradict each other as failures.

    Returns:
        Images that can be used, and the failures of others.

    Raises:
        MetricDepthError: the model's depth has no unit, or images fail and fewer than three are left.
    """
    require_metric(predictor)
    observed, failures = [], []
    for image in images:
        source = image.sample.source
        try:
            photo = image.sample.read()
            found = resolver.resolve_for(image.sample, photo)
            known = image.read((found.camera.width, found.camera.height), photo.full_size)
            raw = predictor.infer([predictor.prepare(photo.rgb, found)])[0].prediction()
            observations = observe(known, raw.depth, found.camera, focal_error(found.source, found.focal_error))
            if to_fit:
                fit_alignment(observations, "scale")
        except MetricDepthError as error:
            failures.append(Failure(source, without_path(error, image.sample.rgb)))
            logger.error("%s: %s", *failures[-1])
            continue
        observed.append(ObservedImage(source, found, observations))
    if failures and len(observed) < _ENOUGH:
        raise AlignmentError(f"{failures[0].source}: {failures[0].reason}")
    return observed, failures


def check_calibration(images: Sequence[ObservedImage], calibration: DepthAlignment) -> list[CheckedImage]:
    """Compute errors of images before and after a calibration.

    Args:
        images: images that the calibration was not fitted to.
        calibration: the calibration.
    """
    checked = []
    for image in images:
        x, y = image.observations.place[:, 2], image.observations.log_ratio
        before, after = (
            float(np.abs(np.expm1(shift - y)).mean()) for shift in (np.zeros(len(y)), calibration.log_factor(x))
        )
        checked.append(CheckedImage(image.name, before, after))
    return checked


def camera_entries(cameras: Sequence[Camera]) -> dict[str, Any]:
    """Return the camera file's entries of one camera.

    Args:
        cameras: camera of each image, at least one; some may be turned by 90 degrees.

    Raises:
        AlignmentError: the images are of several cameras.
    """
    first = max(cameras, key=lambda camera: camera.width > camera.height)  # the first that is as a sensor lies
    for other in cameras:
        if not _alike(first, other):
            raise AlignmentError(
                f"the images are of several cameras ({_describe(first)}, and {_describe(other)}): calibrate each by "
                "itself"
            )
    fx, fy, cx, cy = first.intrinsics
    entries: dict[str, Any] = {"fx": fx, "fy": fy, "cx": cx, "cy": cy, "width": first.width, "height": first.height}
    if first.model != "pinhole":
        entries["model"] = first.model
    if first.max_angle is not None:
        entries["max_angle"] = first.max_angle
    return entries | ({"distortion": list(first.distortion)} if first.distortion else {})


def refuse_other_file(
    path: Path, inputs: Sequence[Path], images: Sequence[KnownImage], resolver: CameraResolver
) -> None:
    """Refuse to store a calibration in a file that is not the images' camera file.

    Args:
        path: file that gets the calibration; it need not exist.
        inputs: files that the images were read from.
        images: images with known distances.
        resolver: source of their cameras.

    Raises:
        MetricDepthError: the file is an input, no camera file, or of another camera.
    """
    if not path.exists():
        return
    if any(path.samefile(file) for file in inputs):
        raise AlignmentError(f"{path} is an input, and no camera file: choose another --out")
    for image in images:
        sample = image.sample
        try:
            photo = sample.read()
            camera = resolver.resolve_for(sample, photo).camera
        except MetricDepthError:
            continue  # `observe_images` reports it
        try:
            orientation = photo.exif.orientation if photo.exif else 1
            stored = camera_from_file(path, *photo.full_size, sample.rgb, orientation)
        except CameraFileError as error:
            raise AlignmentError(
                f"{path} exists and is no camera file of {sample.source} ({error}): choose another --out"
            ) from error
        if not _alike(camera, stored):
            raise AlignmentError(
                f"{path} is of another camera ({_describe(stored)}) than {sample.source} ({_describe(camera)}), so "
                f"later predictions with it would be wrong: choose another --out, or give the images --camera {path}"
            )


def focal_note(cameras: Sequence[ResolvedCamera]) -> FocalNote:
    """Return the camera file's note of where its focal length came from.

    Args:
        cameras: camera of each image, at least one; the source with the largest error counts.
    """
    found = max(cameras, key=lambda found: focal_error(found.source, found.focal_error) or 0.0)
    former = read_focal_note(found.file) if found.file else None
    return former or FocalNote(found.source, found.detail, focal_error(found.source, found.focal_error))


def _alike(camera: Camera, other: Camera) -> bool:
    """Check that one camera is the other, at any size or turned by 90 degrees."""
    return any(_same_view(camera, other.turned(orientation)) for orientation in (1, 6, 8))


def _same_view(camera: Camera, other: Camera) -> bool:
    view = other.resized(camera.width, camera.height)
    return (
        abs(view.fx / camera.fx - 1) < _ALIKE
        and abs(other.width * camera.height - other.height * camera.width) < 0.01 * other.width * camera.height
        and (other.model, other.distortion) == (camera.model, camera.distortion)
    )


def _describe(camera: Camera) -> str:
    lens = f", {camera.model} {', '.join(f'{value:g}' for value in camera.distortion)}" if camera.is_distorted else ""
    return f"{camera.width}x{camera.height} with a focal length of {camera.fx:.0f} px{lens}"
