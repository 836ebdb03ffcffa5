"""Focal length in pixels from EXIF data: what holds for the present pixels, and what is doubted."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from mono.io.cameras.files import same_aspect
from mono.io.exif import ExifCamera
from mono.io.sensors import is_format

FILM_DIAGONAL = math.hypot(36, 24)  # mm
FILM_WIDTH = 36.0  # mm

_CREDIBLE_FOV = (0.5, 150.0)  # of the longer side [deg]; beyond it, EXIF data are taken to be wrong
_SMALL = 2_000_000  # px; cameras write small pictures in multiples of 8, and editors forget the focal-plane resolution
_CREDIBLE_SENSOR = (4.0, 100.0)  # diagonal [mm]
_AGREE = 0.06  # of two lengths that are the same: sensors are published rounded, and compared by side or by diagonal
_WIDEST_FRAME = 1.6  # aspect of frames; photos of 16:9 are mostly parts of them
_SMALL_LENS = re.compile(r"\b(EF|RF)-S ?\d")  # Canon's for smaller sensors
_SMALL_LENS_CROP = 1.6  # whose middle of a full frame the camera keeps
_CROPPING = re.compile(r"canon eos (r|5ds)", re.IGNORECASE)  # also with other lenses, when it is set to
_SAME_CROP = 0.015  # photos made smaller since are rarely as near
_FULL_FRAME = 35.0  # mm, width from which a sensor is one
_FRAME_ASPECT = 4 / 3  # of the frame that a nearly square photo was cut from


@dataclass(frozen=True)
class ExifFocal:
    """Focal length by EXIF data.

    Attributes:
        focal: focal length [px], or None.
        detail: where it came from.
        notes: what was ignored or guessed.
        doubt: other focal length that is as likely, and when; "": there is none.
    """

    focal: float | None = None
    detail: str = ""
    notes: list[str] = field(default_factory=list)
    doubt: str = ""


@dataclass(frozen=True)
class _Estimate:
    focal: float
    detail: str
    sure: bool = False  # two sources agree on the sensor's size
    doubt: str = ""


def focal_from_exif(exif: ExifCamera | None, size: tuple[int, int]) -> ExifFocal:
    """Compute an image's focal length from its EXIF data.

    The focal length in mm and the size of a pixel are exact; the size of a pixel follows from the focal-plane
    resolution, if it still holds for the present pixels, or from the sensor of a known camera model. The 35-mm
    equivalent is rounded to whole millimeters, but survives editing; by its definition (CIPA DCG-001), it compares
    diagonals.
    Where both are there and contradict each other, the 35-mm equivalent counts. Images made smaller since, and crops
    whose capture size is known, are followed. What is absurd is noted and ignored.

    Args:
        exif: EXIF data of the upright image.
        size: (width, height) of the upright image [px].
    """
    if exif is None:
        return ExifFocal()
    notes: list[str] = []
    film = _credible(_by_film(exif, size, notes), size, notes)
    exact = _credible(_by_sensor(exif, size, notes), size, notes)
    best = film or exact
    if film and exact and exif.focal_35mm:
        zoom, margin = exif.digital_zoom, 1 + _AGREE + 0.5 / exif.focal_35mm
        for factor in {1.0, zoom}:  # some cameras leave digital zoom out of the equivalent
            if 1 / margin < exact.focal / (film.focal * factor) < margin:
                best = exact
        if best is film and exact.sure:
            best = exact
            notes.append(f"EXIF ignored: its {film.detail}, which contradicts the sensor")
        elif best is film:
            notes.append(f"EXIF ignored: {exact.detail}, which contradicts the 35-mm equivalent")
    return ExifFocal(best.focal, best.detail, notes, best.doubt) if best else ExifFocal(None, "", notes)


def focal_from_35mm(focal_35mm: float, width: int, height: int) -> float:
    """Convert a 35-mm equivalent focal length [mm] to pixels, by the diagonals."""
    return focal_35mm * math.hypot(width, height) / FILM_DIAGONAL


def _credible(estimate: _Estimate | None, size: tuple[int, int], notes: list[str]) -> _Estimate | None:
    if estimate is None:
        return None
    fov = math.degrees(2 * math.atan(max(size) / 2 / estimate.focal)) if estimate.focal > 0 else 180.0
    if _CREDIBLE_FOV[0] <= fov <= _CREDIBLE_FOV[1]:
        return estimate
    notes.append(f"EXIF ignored: {estimate.detail} would mean a field of view of {fov:.3g} deg")
    return None


def _by_film(exif: ExifCamera, size: tuple[int, int], notes: list[str]) -> _Estimate | None:
    film = exif.focal_35mm
    if film is None:
        return None
    if film <= 0:
        notes.append(f"EXIF ignored: a 35-mm equivalent of {film:g} mm")
        return None
    (width, height), scale, how = _capture(exif, size)
    text = f"{film:g} mm (35-mm equivalent)"
    if not how and max(size) > 1.8 * min(size):
        # No camera's frame is that wide: a crop of unknown origin, most likely across the whole width.
        return _Estimate(film * max(size) / FILM_WIDTH, f"{text}, by the longer side of a cropped image")
    if max(width, height) < 1.2 * min(width, height):
        diagonal = min(width, height) * math.hypot(_FRAME_ASPECT, 1) * scale
        return _Estimate(film * diagonal / FILM_DIAGONAL, f"{text}, by the shorter side of a nearly square image{how}")
    if not how and max(size) > _WIDEST_FRAME * min(size) and exif.sensor is None:
        error = 1 - math.hypot(*size) / max(size) / math.hypot(1, 1 / _FRAME_ASPECT)
        notes.append(f"{width}x{height} may be cut from a 4:3 sensor: then distances are {100 * error:.0f} % too short")
    return _Estimate(focal_from_35mm(film, width, height) * scale, f"{text}, diagonal{how}")


def _by_sensor(exif: ExifCamera, size: tuple[int, int], notes: list[str]) -> _Estimate | None:
    if exif.focal_mm is None:
        return None
    if exif.focal_mm <= 0:
        notes.append("EXIF ignored: a focal length of 0")
        return None
    captured, scale, how = _capture(exif, size)
    plane, by_model = _plane_resolution(exif, captured, notes), _model_resolution(exif, captured)
    zoom, name = exif.digital_zoom, f"{exif.focal_mm:g} mm"
    zoomed = f", digital zoom {zoom:g}" if zoom > 1 else ""
    sure, doubt = False, ""
    if by_model is not None and plane is not None:
        sure = _alike(plane, by_model) or _alike(plane, by_model * zoom)
        if _alike(plane, by_model):
            plane *= zoom  # that of the whole sensor: the picture shows a part of it
        elif not sure and not exif.editor and _may_crop(exif, plane / by_model):
            notes.append("taken as the middle that the camera was set to keep (a guess by its focal-plane resolution)")
        elif not sure:
            notes.append(
                f"EXIF ignored: its focal-plane resolution, as it contradicts the sensor of {exif.model}: the photo "
                "was resized or cropped since"
            )
            doubt = _doubt_of_crop(exif, captured, plane / by_model, exif.focal_mm * plane * scale)
            plane = None
    if plane is None and by_model is not None and exif.sensor is not None:
        long, short = exif.sensor
        part = f"the middle {1 / _SMALL_LENS_CROP:.3g} of " if _is_small_lens(exif) else ""
        detail = f"{name} on {part}the {long:g}x{short:g} mm sensor of {exif.model}{zoomed}{how}"
        return _Estimate(exif.focal_mm * by_model * zoom * scale, detail, doubt=doubt)
    if plane is None:
        if exif.plane_x is None and exif.plane_y is None and not exif.focal_35mm:
            notes.append(f"EXIF ignored: {name}, but not of which sensor")
        return None
    if not sure and not _still_holds(exif, captured, plane, notes):
        return None
    sensor = math.hypot(*captured) / plane
    return _Estimate(
        exif.focal_mm * plane * scale, f"{name} on a sensor of {sensor:.3g} mm diagonal{zoomed}{how}", sure
    )


def _doubt_of_crop(exif: ExifCamera, captured: tuple[int, int], factor: float, focal: float) -> str:
    """Describe the focal length of a photo of another shape than its sensor, if it was cropped and not made smaller."""
    if exif.sensor is None or factor < 1 or _alike(max(captured) / min(captured), exif.sensor[0] / exif.sensor[1]):
        return ""
    shape = f"{captured[0]}x{captured[1]} is not the shape of the sensor of {exif.model}"
    return f"{shape}: if the photo was cropped, but not made smaller, its focal length is {focal:.0f} px"


def _plane_resolution(exif: ExifCamera, captured: tuple[int, int], notes: list[str]) -> float | None:
    """Return pixels per mm by EXIF, if they make sense."""
    planes = [plane for plane in (exif.plane_x, exif.plane_y) if plane is not None]
    if not planes:
        return None
    if min(planes) <= 0:
        notes.append("EXIF ignored: a focal-plane resolution of 0")
        return None
    if max(planes) > 1.1 * min(planes):
        notes.append(f"EXIF ignored: focal-plane resolutions {planes[0]:.4g} and {planes[1]:.4g} px/mm do not agree")
        return None
    return sum(planes) / len(planes)


def _model_resolution(exif: ExifCamera, captured: tuple[int, int]) -> float | None:
    """Pixels per mm of a known sensor whose whole width or height, or that of its middle, is in the picture."""
    if exif.sensor is None:
        return None
    crop = _SMALL_LENS_CROP if _is_small_lens(exif) else 1.0
    return crop * max(max(captured) / exif.sensor[0], min(captured) / exif.sensor[1])


def _is_small_lens(exif: ExifCamera) -> bool:
    """Tell if a full-frame Canon has an APS-C lens."""
    return _may_crop(exif) and _SMALL_LENS.search(exif.lens) is not None


def _may_crop(exif: ExifCamera, factor: float = _SMALL_LENS_CROP) -> bool:
    """Tell if a camera can keep the middle of its full frame."""
    full = exif.sensor is not None and exif.sensor[0] >= _FULL_FRAME and _CROPPING.match(exif.model) is not None
    return full and abs(factor / _SMALL_LENS_CROP - 1) < _SAME_CROP


def _still_holds(exif: ExifCamera, captured: tuple[int, int], plane: float, notes: list[str]) -> bool:
    """Tell if a focal-plane resolution may be that of the present pixels."""
    width, height = captured
    if exif.editor:
        notes.append(f"EXIF ignored: its focal-plane resolution, as {exif.editor} may have resized the photo since")
        return False
    if width * height < _SMALL and (width % 8 or height % 8):
        notes.append(f"EXIF ignored: its focal-plane resolution, as {width}x{height} is not what a camera writes")
        return False
    sensor = math.hypot(width, height) / plane
    if not _CREDIBLE_SENSOR[0] <= sensor * exif.digital_zoom or not sensor <= _CREDIBLE_SENSOR[1]:
        notes.append(f"EXIF ignored: its focal-plane resolution means a sensor of {sensor:.3g} mm diagonal")
        return False
    if exif.focal_35mm:  # which decides where they contradict each other
        return True
    wide, high = width / plane, height / plane
    if not any(is_format(wide * zoom, high * zoom, exif.model) for zoom in (1.0, exif.digital_zoom)):
        notes.append(
            f"EXIF ignored: its focal-plane resolution, as it means a sensor of {wide:.3g}x{high:.3g} mm, no format of "
            f"{exif.model or 'cameras'}: the photo was resized or cropped since"
        )
        return False
    return True


def _alike(first: float, second: float) -> bool:
    return 1 / (1 + _AGREE) < first / second < 1 + _AGREE


def _capture(exif: ExifCamera, size: tuple[int, int]) -> tuple[tuple[int, int], float, str]:
    """Size of the capture, the factor its pixels were scaled by since, and what happened ("": nothing)."""
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
        if scale == 1:
            return captured, scale, ""
        doubt = " unless cropped" if scale < 1 else ""  # a crop of the same aspect has the same tags
        return captured, scale, f", resized from {captured[0]}x{captured[1]}{doubt}"
    kept = max(width / captured[0], height / captured[1])
    # A crop leaves the pixels' scale alone; less than half of both sides, or more than all, tells of resizing as well.
    if 0.5 <= kept <= 1:
        return captured, 1.0, f", cropped from {captured[0]}x{captured[1]}"
    return captured, kept, f", cropped and resized from {captured[0]}x{captured[1]} (a guess)"
