"""Where a focal length comes from: given > annotation > camera file > EXIF > assumed. The answer says which it was."""

from __future__ import annotations

import functools
import logging
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mono.geometry.camera import Camera
from mono.io.camera_files import camera_file_beside, camera_from_file, same_aspect
from mono.system.errors import MetricDepthError

if TYPE_CHECKING:
    from mono.io.exif import ExifCamera

Source = Literal["given", "annotation", "camera file", "exif", "assumed"]

FILM_DIAGONAL = math.hypot(36, 24)  # mm
FILM_WIDTH = 36.0  # mm

# Between a phone's main camera (24-28 mm equivalent: 63 to 72 degrees) and the usual lenses of larger cameras
# (35-50 mm: 40 to 54 degrees).
ASSUMED_FOV = 60.0

logger = logging.getLogger(__name__)
_CREDIBLE_FOV = (5.0, 150.0)  # of the longer side; beyond it, EXIF data are taken to be wrong
_WIDE_FOV = 130.0  # beyond it, they are asked about
_POSSIBLE_FOV = (0.5, 170.0)  # beyond it, given numbers are taken to be in other units than pixels
_SMALL = 2_000_000  # px; cameras write small pictures in multiples of 8, and editors forget the focal-plane resolution
_CREDIBLE_SENSOR = (4.0, 100.0)  # mm, diagonal


class FocalError(MetricDepthError):
    """A given camera does not fit an image. The message says what was given, why not, and what to do."""


@dataclass(frozen=True)
class ResolvedCamera:
    """A camera and where its focal length came from.

    Attributes:
        camera: the camera of the upright image at its full size.
        source: which of the sources it was.
        detail: the same in words, with what was ignored on the way.
    """

    camera: Camera
    source: Source
    detail: str


@dataclass(frozen=True)
class CameraResolver:
    """How to find the cameras of a run's images. What is given here holds for all of them.

    Attributes:
        intrinsics: (fx, fy, cx, cy) [px].
        focal_px: focal length [px]; the principal point is the centre.
        fov_deg: horizontal field of view of the upright image [deg].
        camera_file: a JSON or COLMAP file for all images, instead of those beside them.
        assumed_fov_deg: field of view of the longer side [deg] where nothing is known: a photo taken upright is the
            same camera turned.

    Raises:
        ValueError: more than one of the first three is given, a number is impossible, or the camera file is missing.
    """

    intrinsics: tuple[float, float, float, float] | None = None
    focal_px: float | None = None
    fov_deg: float | None = None
    camera_file: Path | None = None
    assumed_fov_deg: float = ASSUMED_FOV

    def __post_init__(self) -> None:
        given = {"intrinsics": self.intrinsics, "focal_px": self.focal_px, "fov_deg": self.fov_deg}
        names = [name for name, value in given.items() if value is not None]
        if len(names) > 1:
            raise MetricDepthError(f"{' and '.join(names)} are given; they exclude each other, so give one")
        if self.intrinsics is not None:
            if len(self.intrinsics) != 4 or not all(math.isfinite(value) for value in self.intrinsics):
                raise MetricDepthError(
                    f"intrinsics are {self.intrinsics}; give four finite numbers fx,fy,cx,cy in pixels"
                )
            if min(self.intrinsics[:2]) <= 0:
                raise MetricDepthError(f"intrinsics are {self.intrinsics}; fx and fy must be positive, in pixels")
        if self.focal_px is not None and not (math.isfinite(self.focal_px) and self.focal_px > 0):
            raise MetricDepthError(f"focal_px is {self.focal_px}; it must be positive and finite, in pixels")
        for name, fov in (("fov_deg", self.fov_deg), ("assumed_fov_deg", self.assumed_fov_deg)):
            if fov is not None and not 0 < fov < 180:
                raise MetricDepthError(f"{name} is {fov}; it must lie between 0 and 180 degrees")
        if self.camera_file is not None and not self.camera_file.is_file():
            raise MetricDepthError(f"{self.camera_file}: there is no such camera file; check the path")

    def resolve(
        self,
        width: int,
        height: int,
        exif: ExifCamera | None = None,
        image_path: str | os.PathLike[str] | None = None,
        annotated: tuple[float, float, float, float] | None = None,
    ) -> ResolvedCamera:
        """The camera of an image.

        Args:
            width, height: size of the upright image [px].
            exif: what the image file says.
            image_path: the image's path, to look for a camera file beside it.
            annotated: (fx, fy, cx, cy) [px] from an annotation file.

        Raises:
            FocalError: a given or annotated camera does not fit the image.
            CameraFileError: the camera file is broken or does not fit the image.
        """
        size = (width, height)
        if self.intrinsics is not None:
            return ResolvedCamera(_fitting(self.intrinsics, size, "given intrinsics"), "given", "given: intrinsics")
        if self.focal_px is not None:
            camera = Camera.centred(self.focal_px, width, height)
            camera = _fitting(camera.intrinsics, size, "given focal length")
            return ResolvedCamera(camera, "given", f"given: focal length {self.focal_px:g} px")
        if self.fov_deg is not None:
            camera = Camera.from_fov(self.fov_deg, width, height)
            return ResolvedCamera(camera, "given", f"given: {self.fov_deg:g} deg horizontal field of view")
        if annotated is not None:
            return ResolvedCamera(_fitting(annotated, size, "annotated camera"), "annotation", "annotation file")
        path = self.camera_file or (camera_file_beside(image_path) if image_path is not None else None)
        if path is not None:
            camera = camera_from_file(path, width, height, image_path)
            _fitting(camera.intrinsics, size, os.fspath(path))
            bent = "; its lens distortion is not undone: undistorted images are expected"
            return ResolvedCamera(
                camera, "camera file", f"camera file {path}" + (bent if any(camera.distortion) else "")
            )
        reading = focal_from_exif(exif, size)
        if reading.focal is not None:
            camera = Camera.centred(reading.focal, width, height)
            return ResolvedCamera(camera, "exif", "; ".join([f"EXIF: {reading.detail}", *reading.notes]))
        focal = max(size) / 2 / math.tan(math.radians(self.assumed_fov_deg) / 2)
        assumed = f"assumed {self.assumed_fov_deg:g} deg field of view: distances are unreliable, give the focal length"
        return ResolvedCamera(Camera.centred(focal, width, height), "assumed", "; ".join([assumed, *reading.notes]))


def _fitting(values: tuple[float, float, float, float], size: tuple[int, int], what: str) -> Camera:
    """A camera of these intrinsics for an image of this size, if it can be one."""
    (fx, fy, cx, cy), (width, height) = values, size
    try:
        camera = Camera(fx, fy, cx, cy, width, height)
    except ValueError as error:
        raise FocalError(f"{what}: {error}") from error
    if not (-0.5 <= cx <= width - 0.5 and -0.5 <= cy <= height - 0.5):
        raise FocalError(
            f"{what}: the principal point ({cx:g}, {cy:g}) lies outside this {width}x{height} image; "
            "give numbers in pixels for this image size"
        )
    for focal, side in ((fx, width), (fy, height)):
        fov = math.degrees(2 * math.atan(side / 2 / focal))
        if not _POSSIBLE_FOV[0] <= fov <= _POSSIBLE_FOV[1]:
            raise FocalError(
                f"{what}: a focal length of {focal:g} px means a field of view of {fov:.3g} deg in this "
                f"{width}x{height} image; give it in pixels, for this image size"
            )
        if fov > _WIDE_FOV:
            _warn_of_units(what, focal, round(fov))
    return camera


@functools.cache
def _warn_of_units(what: str, focal: float, fov: int) -> None:
    logger.warning("%s: %g px mean a field of view of %d deg here: were these millimetres?", what, focal, fov)


@dataclass(frozen=True)
class ExifFocal:
    """What EXIF data yield: a focal length [px] or None, in words, and notes on what was ignored or guessed."""

    focal: float | None = None
    detail: str = ""
    notes: list[str] = field(default_factory=list)


def focal_from_exif(exif: ExifCamera | None, size: tuple[int, int]) -> ExifFocal:
    """The focal length [px] of a (width, height) [px] image by its EXIF data.

    The 35-mm equivalent comes first, by its definition (CIPA DCG-001): diagonals compare, 43.27 mm of film with that of
    the image. Else the focal length in mm and the sensor's pixels per mm, which hold for the size of the capture.
    Images made smaller since, and crops whose capture size is known, are followed. What is absurd is noted and ignored.
    """
    if exif is None:
        return ExifFocal()
    notes: list[str] = []
    for method in (_by_film, _by_sensor):
        found = method(exif, size, notes)
        if found is None:
            continue
        focal, detail = found
        fov = math.degrees(2 * math.atan(max(size) / 2 / focal)) if focal > 0 else 180.0
        if _CREDIBLE_FOV[0] <= fov <= _CREDIBLE_FOV[1]:
            return ExifFocal(focal, detail, notes)
        notes.append(f"EXIF ignored: {detail} would mean a field of view of {fov:.3g} deg")
    return ExifFocal(None, "", notes)


def _by_film(exif: ExifCamera, size: tuple[int, int], notes: list[str]) -> tuple[float, str] | None:
    film = exif.focal_35mm
    if film is None:
        return None
    if film <= 0:
        notes.append(f"EXIF ignored: a 35-mm equivalent of {film:g} mm")
        return None
    (width, height), scale, how = _capture(exif, size)
    if not how and max(size) > 1.8 * min(size):
        # No camera's frame is that wide: a crop of unknown origin, most likely across the whole width.
        return film * max(size) / FILM_WIDTH, f"{film:g} mm (35-mm equivalent), by the longer side of a cropped image"
    return film * math.hypot(width, height) * scale / FILM_DIAGONAL, f"{film:g} mm (35-mm equivalent), diagonal{how}"


def _by_sensor(exif: ExifCamera, size: tuple[int, int], notes: list[str]) -> tuple[float, str] | None:
    planes = [plane for plane in (exif.plane_x, exif.plane_y) if plane is not None]
    if exif.focal_mm is None:
        return None
    if not planes and exif.focal_mm > 0:
        notes.append(f"EXIF ignored: {exif.focal_mm:g} mm, but not of which sensor")
        return None
    if exif.focal_mm <= 0 or min(planes) <= 0:
        wrong = "a focal length of 0" if exif.focal_mm <= 0 else "a focal-plane resolution of 0"
        notes.append(f"EXIF ignored: {wrong}")
        return None
    if max(planes) > 1.1 * min(planes):
        notes.append(f"EXIF ignored: focal-plane resolutions {planes[0]:.4g} and {planes[1]:.4g} px/mm do not agree")
        return None
    plane = sum(planes) / len(planes)
    (width, height), scale, how = _capture(exif, size)
    if width * height < _SMALL and (width % 8 or height % 8):
        notes.append(f"EXIF ignored: its focal-plane resolution, as {width}x{height} is not what a camera writes")
        return None
    sensor = math.hypot(width, height) / plane
    if not _CREDIBLE_SENSOR[0] <= sensor <= _CREDIBLE_SENSOR[1]:
        notes.append(f"EXIF ignored: its focal-plane resolution means a sensor of {sensor:.3g} mm diagonal")
        return None
    return exif.focal_mm * plane * scale, f"{exif.focal_mm:g} mm on a sensor of {sensor:.3g} mm diagonal{how}"


def _capture(exif: ExifCamera, size: tuple[int, int]) -> tuple[tuple[int, int], float, str]:
    """Size of the capture, the factor its pixels were scaled by since, and in words what happened ("": nothing)."""
    width, height = size
    if exif.captured_width is None or exif.captured_height is None:
        return size, 1.0, ""
    captured = exif.captured_width, exif.captured_height
    if captured == size:
        return size, 1.0, ""
    if same_aspect(*captured, *size) or same_aspect(captured[1], captured[0], *size):
        turned = not same_aspect(*captured, *size)
        captured = (captured[1], captured[0]) if turned else captured
        scale = math.hypot(*size) / math.hypot(*captured)
        return captured, scale, "" if scale == 1 else f", resized from {captured[0]}x{captured[1]}"
    kept = max(width / captured[0], height / captured[1])
    # A crop leaves the pixels' scale alone; less than half of both sides, or more than all, tells of resizing as well.
    if 0.5 <= kept <= 1:
        return captured, 1.0, f", cropped from {captured[0]}x{captured[1]}"
    return captured, kept, f", cropped and resized from {captured[0]}x{captured[1]} (a guess)"
