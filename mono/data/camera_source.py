"""Cameras of images: given > annotation > file beside > EXIF > assumed or estimated. The result names its source."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from mono.data.exif_focal import focal_from_35mm, focal_from_exif
from mono.data.focal_estimate import FocalEstimate, estimate_focal, estimate_video_focal
from mono.data.intrinsics import POSSIBLE_FOV, camera_of, check_camera, warn_once
from mono.data.intrinsics import FocalError as FocalError
from mono.data.panorama import PANORAMA_ASPECT, check_round_images, doubt_of, may_be_panorama, panorama_camera
from mono.geometry.camera import Camera
from mono.io.cameras.files import MissingCameraError, camera_file_beside, camera_from_file, check_camera_file
from mono.io.cameras.notes import read_focal_note
from mono.io.panorama_metadata import is_whole
from mono.system.errors import MetricDepthError

if TYPE_CHECKING:
    from mono.data.sample import Sample
    from mono.io.exif import ExifCamera
    from mono.io.images import Photo
    from mono.io.video import Video

Source = Literal["given", "annotation", "camera file", "exif", "estimated", "assumed", "predicted"]

# Between phones' main cameras (24-28 mm equivalent: 63 to 72 degrees) and usual lenses of others (35-50 mm: 40 to 54).
ASSUMED_FOV = 60.0
_WAYS = ("intrinsics", "focal_px", "fov_deg", "focal_35mm")  # to give a focal length
_CONTRADICTED = 3.0  # standard errors by which a picture is narrower than its EXIF data say before they are doubted


@dataclass(frozen=True)
class ResolvedCamera:
    """Camera and where its focal length came from.

    Attributes:
        camera: camera of the upright image at its full size.
        source: "given", "annotation", "camera file", "exif", "estimated" from the picture, "assumed", or "predicted"
            by a model.
        detail: description of the source, with what was ignored on the way.
        file: camera file that it came from, if any.
        focal_error: standard error of ln(focal length) where it is estimated, or by its file; None: by the source.
    """

    camera: Camera
    source: Source
    detail: str
    file: Path | None = None
    focal_error: float | None = None

    def prediction_fields(self) -> dict[str, Any]:
        """Return the camera's fields of a prediction."""
        source = {"camera_source": self.source, "camera_detail": self.detail}
        return {"camera": self.camera, **source, "focal_error": self.focal_error}


@dataclass(frozen=True)
class CameraResolver:
    """Settings that find the cameras of a run's images; values given here hold for all of them.

    Attributes:
        intrinsics: (fx, fy, cx, cy) [px].
        focal_px: focal length [px]; the principal point is the centre.
        fov_deg: horizontal field of view of the upright image [deg].
        camera_file: camera file for all images, also annotated ones that it names; see `mono.io.cameras.files`.
        assumed_fov_deg: field of view of the longer side [deg] where nothing is known: a photo taken upright is the
            same camera turned. None: it is estimated from the picture instead, and pictures that look cropped are
            warned of; `ASSUMED_FOV` where there is no picture.
        focal_35mm: 35-mm equivalent focal length [mm], as cameras and phones are sold by.
        panorama: images are equirectangular panoramas, 360 degrees wide.
        pooled: estimates by (longer, shorter) side [px], instead of one for each image; see
            `mono.data.focal_pool.pool_focal`.

    Raises:
        MetricDepthError: more than one of the ways to give a focal length is used, a number is impossible, or the
            camera file is missing or broken.
    """

    intrinsics: tuple[float, float, float, float] | None = None
    focal_px: float | None = None
    fov_deg: float | None = None
    camera_file: Path | None = None
    assumed_fov_deg: float | None = ASSUMED_FOV
    focal_35mm: float | None = None
    panorama: bool = False
    pooled: tuple[tuple[tuple[int, int], FocalEstimate], ...] = ()

    def __post_init__(self) -> None:
        names = [name for name in _WAYS if getattr(self, name) is not None] + ["panorama"] * self.panorama
        if len(names) > 1:
            raise MetricDepthError(f"{' and '.join(names)} are given; they exclude each other, so give one")
        numbers = self.intrinsics
        if numbers is not None and not (len(numbers) == 4 and all(math.isfinite(value) for value in numbers)):
            raise MetricDepthError(f"intrinsics are {numbers}; give four finite numbers fx,fy,cx,cy in pixels")
        if numbers is not None and min(numbers[:2]) <= 0:
            raise MetricDepthError(f"intrinsics are {numbers}; fx and fy must be positive, in pixels")
        for name, unit in (("focal_px", "pixels"), ("focal_35mm", "millimeters")):
            focal = getattr(self, name)
            if focal is not None and not (math.isfinite(focal) and focal > 0):
                raise MetricDepthError(f"{name} is {focal}; it must be positive and finite, in {unit}")
        for name, fov in (("fov_deg", self.fov_deg), ("assumed_fov_deg", self.assumed_fov_deg)):
            if fov is not None and not 0 < fov < 180:
                raise MetricDepthError(f"{name} is {fov}; it must lie between 0 and 180 degrees")
        if self.camera_file is not None:
            check_camera_file(self.camera_file)

    @property
    def estimates(self) -> bool:
        """Tell whether cameras that nothing else gives are estimated from the picture."""
        return not self.is_given and self.assumed_fov_deg is None

    @property
    def is_given(self) -> bool:
        """Tell whether the camera of all images is given."""
        return self.panorama or any(getattr(self, name) is not None for name in (*_WAYS, "camera_file"))

    def resolve_for(self, sample: Sample | None, photo: Photo | Video) -> ResolvedCamera:
        """Resolve the camera of an opened sample.

        Args:
            sample: path and annotation of the image; None for an image without a file.
            photo: the opened image, or the video it is a frame of.

        Raises:
            FocalError: a given or annotated camera does not fit, or the panorama is of another projection.
            CameraFileError: the camera file is broken or does not fit the image.
        """
        from mono.io.images import Photo

        path, annotated = (sample.rgb, sample.intrinsics) if sample else (None, None)
        video = getattr(sample, "video", None) if isinstance(photo, Photo) else photo
        if video is not None:
            known = focal_from_exif(video.exif, (video.width, video.height)).focal is not None
            estimate = None if known else partial(estimate_video_focal, video)
            return self.resolve(video.width, video.height, video.exif, path, annotated, estimate)
        assert isinstance(photo, Photo)
        found = self.resolve(*photo.full_size, photo.exif, path, annotated, partial(estimate_focal, photo.rgb))
        if photo.stored_size is None:
            return found
        return replace(found, camera=found.camera.resized(photo.rgb.shape[1], photo.rgb.shape[0]))

    def resolve(
        self,
        width: int,
        height: int,
        exif: ExifCamera | None = None,
        image_path: str | os.PathLike[str] | None = None,
        annotated: tuple[float, float, float, float] | None = None,
        estimate: Callable[[], FocalEstimate] | None = None,
    ) -> ResolvedCamera:
        """Resolve the camera of an image from what is known about it.

        Args:
            width: upright image width [px].
            height: upright image height [px].
            exif: camera data of the image file.
            image_path: path of the image, to look for a camera file beside it.
            annotated: (fx, fy, cx, cy) [px] from an annotation file.
            estimate: estimates the angle of view from the picture; called, where none is assumed, if nothing else is
                known or to doubt EXIF data; None: there is no picture.

        Raises:
            FocalError: a given or annotated camera does not fit, or the panorama is of another projection.
            CameraFileError: the camera file is broken or does not fit the image.
            CheckpointError: there are no weights to estimate the focal length with.
        """
        size = (width, height)
        if self.panorama:
            return _panorama(size, exif, "given", image_path)
        if self.intrinsics is not None:
            return ResolvedCamera(camera_of(self.intrinsics, size, "given intrinsics"), "given", "given: intrinsics")
        if self.fov_deg is not None:
            camera = Camera.from_fov(self.fov_deg, width, height)
            return ResolvedCamera(camera, "given", f"given: {self.fov_deg:g} deg horizontal field of view")
        if self.focal_px is not None or self.focal_35mm is not None:
            focal, text = self.focal_px or 0.0, f"{self.focal_px or 0:g} px"
            if self.focal_35mm is not None:
                focal = focal_from_35mm(self.focal_35mm, width, height)
                text = f"{self.focal_35mm:g} mm (35-mm equivalent)"
            camera = Camera.centered(focal, width, height)
            camera_of(camera.intrinsics, size, "given focal length")
            return ResolvedCamera(camera, "given", f"given: focal length {text}")
        orientation = exif.orientation if exif else 1
        if self.camera_file is not None:
            try:
                return _from_file(self.camera_file, size, image_path, orientation)
            except MissingCameraError:
                if annotated is None:
                    raise
        if annotated is not None:
            return ResolvedCamera(
                camera_of(annotated, size, "annotated camera"), "annotation", "annotation file", self.camera_file
            )
        path = camera_file_beside(image_path) if image_path is not None else None
        if path is not None:
            return _from_file(path, size, image_path, orientation)
        return self._from_photo(exif, size, image_path, estimate)

    def _from_photo(
        self,
        exif: ExifCamera | None,
        size: tuple[int, int],
        image_path: str | os.PathLike[str] | None,
        estimate: Callable[[], FocalEstimate] | None,
    ) -> ResolvedCamera:
        """Camera by EXIF data, by the picture, or with the assumed field of view."""
        name, reading = _name(image_path), focal_from_exif(exif, size)
        notes = list(reading.notes)
        if exif is not None and exif.round_images:
            check_round_images(exif, reading.focal is not None, name)
            notes.append(doubt_of("round images", size, f"{name}: "))
        if exif is not None and exif.projection == "equirectangular" and exif.orientation == 1:
            return _panorama(size, exif, "exif", image_path)
        if exif is not None and exif.projection:
            turned = "turned " if exif.projection == "equirectangular" else ""
            raise FocalError(
                f"{name}: {turned}{exif.projection} panorama: only upright equirectangular ones are known; convert "
                "it, or give a camera of your own (--focal-px or --camera)"
            )
        if exif is not None and (lens := exif.distorting_lens):
            notes.append(f"taken with {lens}, which is no pinhole camera: distances are wrong away from the center")
            warn_once(f"{name}: {notes[-1]}; give its lens with --camera, or undistort the image")
        is_sweep = exif is not None and exif.is_sweep
        if is_sweep:
            notes.append(doubt_of("sweep", size, f"{name}: "))
        if reading.focal is not None:
            if not is_sweep and (may_be_panorama(size) or max(size) == PANORAMA_ASPECT * min(size)):
                notes.append(doubt_of("length", size, f"{name}: "))
            camera = Camera.centered(reading.focal, *size)
            if reading.doubt:
                warn_once(f"{name}: {reading.doubt}, not {reading.focal:.0f}; then give it (--focal-px)")
            if estimate is not None and self.assumed_fov_deg is None:
                notes += _contradiction(camera, estimate(), name)
            return ResolvedCamera(camera, "exif", "; ".join([f"EXIF: {reading.detail}", *notes]))
        fov = self.assumed_fov_deg or ASSUMED_FOV
        assumed = f"assumed {fov:g} deg field of view: distances are unreliable, give the focal length"
        seen = dict(self.pooled).get((max(size), min(size)))
        estimated = self.assumed_fov_deg is None and (seen or estimate)
        if may_be_panorama(size):
            lead = f"{name}: " if estimated else f"{name}: {assumed}; "
            notes.append(doubt_of("shape" if is_whole(size) else "length", size, lead))
        if estimated:
            seen = seen or cast(Callable[[], FocalEstimate], estimate)()
            camera = Camera.centered(seen.focal(*size), *size)
            detail = (
                f"estimated from the picture: {camera.horizontal_fov:.0f} deg field of view, focal length within "
                f"{100 * seen.error:.0f} %: for sure distances give it"
            )
            return ResolvedCamera(camera, "estimated", "; ".join([detail, *notes]), focal_error=seen.error)
        focal = max(size) / 2 / math.tan(math.radians(fov) / 2)
        return ResolvedCamera(Camera.centered(focal, *size), "assumed", "; ".join([assumed, *notes]))


def _from_file(
    path: Path, size: tuple[int, int], image_path: str | os.PathLike[str] | None, orientation: int
) -> ResolvedCamera:
    camera = camera_from_file(path, *size, image_path, orientation)
    detail = f"camera file {path}"
    if not camera.is_distorted:
        camera_of(camera.intrinsics, size, os.fspath(path))
    else:
        check_camera(camera, os.fspath(path), POSSIBLE_FOV[0])
        kind = "lens distortion" if camera.is_perspective else f"{camera.model} lens"
        detail = f"{detail}; {kind}, {camera.field_of_view[0]:.0f} deg"
    note = read_focal_note(path)
    if note and note.source in ("assumed", "estimated"):
        warn_once(f"{path}: {note.detail}")
    detail = f"{detail}; {note.detail}" if note else detail
    return ResolvedCamera(camera, "camera file", detail, Path(path), note.error if note else None)


def _contradiction(camera: Camera, estimate: FocalEstimate, name: str) -> list[str]:
    """Warn of a picture that looks cropped: narrower than its EXIF data say.

    Those that look wider are not warned of: true long lenses are often taken for usual ones.
    """
    guess = estimate.focal(camera.width, camera.height)
    if math.log(guess / camera.focal) <= _CONTRADICTED * estimate.error:
        return []
    note = f"the picture looks like {guess:.0f} px, not {camera.focal:.0f}: was it cropped, or is its EXIF data wrong"
    warn_once(f"{name}: {note}? If so, give its focal length (--focal-px)")
    return [note]


def _panorama(
    size: tuple[int, int], exif: ExifCamera | None, source: Source, image_path: str | os.PathLike[str] | None
) -> ResolvedCamera:
    camera, part = panorama_camera(size, exif, source == "given", _name(image_path))
    what = "given: panorama" if source == "given" else "XMP or EXIF: equirectangular panorama"
    return ResolvedCamera(camera, source, f"{what}, {part}")


def _name(image_path: str | os.PathLike[str] | None) -> str:
    return os.fspath(image_path) if image_path is not None else "image"
