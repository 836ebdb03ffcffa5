"""Cameras of equirectangular panoramas: whole ones, and the windows of them that XMP states."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from mono.data.intrinsics import FocalError, warn_once
from mono.geometry.camera import Camera
from mono.io.panorama_metadata import is_whole

if TYPE_CHECKING:
    from mono.io.exif import ExifCamera
    from mono.io.panorama_metadata import PanoramaWindow

PANORAMA_ASPECT = 2.0  # photos with a focal length of one frame that are longer are sweep panoramas or crops
_BEYOND = 0.01  # of a whole panorama's side, by which its window may reach beyond it: rounding
_SQUARE = 0.04  # by which pixels may differ from squares: sides are rounded, also to what codecs like
_TOUCHING = (0.95, 1.03)  # radii of a 360-degree camera's round images, in halves of their sides

_DOUBTS = {  # notes, and what warnings add to them
    "shape": ("twice as wide as high, like a whole panorama: if it is one, use --panorama", ""),
    "length": (
        "a panorama or a crop by its size of {}x{}: distances are doubtful",
        "; if it is an equirectangular panorama, use --panorama; of a crop, give its camera (--focal-px or --camera)",
    ),
    "sweep": (
        "a sweep panorama by its EXIF (CustomRendered), which no pinhole camera took: distances are doubtful",
        "; use a single photo, or give its camera (--camera)",
    ),
    "round images": (
        "two round images on black, as of a 360-degree camera before stitching (a guess by the picture)",
        "; if so, stitch it first; of a photo, give the focal length (--focal-px); of a whole panorama, use --panorama",
    ),
}


def panorama_camera(size: tuple[int, int], exif: ExifCamera | None, given: bool, name: str) -> tuple[Camera, str]:
    """Build the camera of an equirectangular panorama, all around unless its window says another part of it.

    Args:
        size: (width, height) of the image [px].
        exif: camera data of the image file.
        given: the caller said that the image is a panorama all around.
        name: name of the image, for messages.

    Returns:
        The camera, and the part of the whole that it shows.

    Raises:
        FocalError: the size is no panorama's, or the window is not the image's.
    """
    width, height = size
    window, missing = (exif.window, exif.missing_window) if exif else (None, ())
    problem = f"has no {' and no '.join(missing)}" if missing else ""
    if window is not None:
        problem = _impossible(window)
        camera, crosses = _of_window(window, size) if not problem else (None, False)
        if camera is not None and abs(camera.fx / camera.fy - 1) <= _SQUARE:
            part = f"{math.degrees(width / camera.fx):.0f}x{math.degrees(height / camera.fy):.0f} deg of it"
            return camera, part + (", across its seam: its middle is forward" if crosses else "")
        problem = problem or (
            f"is {window.width}x{window.height} of {window.full_width}x{window.full_height}, which {width}x{height} do "
            "not fit: the image was cropped or padded since"
        )
    camera = Camera.panorama(width, height)
    whole = is_whole(size)
    if problem and not given and (not whole or (window is not None and _is_part(window, size))):
        raise FocalError(
            f"{name}: its XMP's window of a panorama {problem}; correct these tags, or give --panorama if it is all "
            "around, or its camera (--camera)"
        )
    if not whole:  # all around, and centered on the horizon
        if width < 2 * height:
            raise FocalError(
                f"{name}: {width}x{height} is higher than half its width, which no panorama all around is; give its "
                "camera (--camera)"
            )
        camera = replace(camera, fx=width / (2 * math.pi), fy=width / (2 * math.pi))
    part = f"360x{math.degrees(height / camera.fy):.0f} deg"
    if problem:
        warn_once(f"{name}: its XMP's window of a panorama {problem}; it is taken as {part}: if wrong, give --camera")
        part += "; XMP ignored: its window " + problem
    return camera, part


def _impossible(window: PanoramaWindow) -> str:
    """Say why there is no such window; "" where it lies within the whole, but for rounding."""
    if min(window.width, window.height, window.full_width, window.full_height) <= 0:
        return "has sides of 0 or less"
    if abs(window.full_width / window.full_height - 2) > 2 * _SQUARE:
        return f"is of a whole of {window.full_width}x{window.full_height}, which is not twice as wide as high"
    below = window.top + window.height - window.full_height
    if max(below, -window.top) > _BEYOND * window.full_height or window.width > (1 + _BEYOND) * window.full_width:
        return (
            f"is {window.width}x{window.height} pixels at {window.left}, {window.top}, which reaches beyond the whole "
            f"{window.full_width}x{window.full_height}"
        )
    return ""


def _is_part(window: PanoramaWindow, size: tuple[int, int]) -> bool:
    """Tell if an image has the shape of a window that is not all around."""
    across, down = window.width * size[1], window.height * size[0]
    return 0 < window.width < (1 - _SQUARE) * window.full_width and abs(across - down) <= _SQUARE * down


def _of_window(window: PanoramaWindow, size: tuple[int, int]) -> tuple[Camera, bool]:
    """Return the camera of a window, and whether it crosses the seam; the middle of one that does is forward."""
    full = Camera.panorama(window.full_width, window.full_height)
    width, height = min(window.width, full.width), min(window.height, full.height)
    top = min(max(window.top, 0), full.height - height)
    slack = _BEYOND * full.width
    left = max(window.left, 0) if window.left >= -slack else window.left
    left %= full.width
    crosses = left + width > full.width + slack
    left = (full.width - width) // 2 if crosses else min(left, full.width - width)
    return full.cropped(left, top, width, height).resized(*size), crosses


def may_be_panorama(size: tuple[int, int]) -> bool:
    """Tell if a bare photo may be a panorama.

    Args:
        size: (width, height) of the image [px].
    """
    return is_whole(size) or max(size) > PANORAMA_ASPECT * min(size)


def doubt_of(kind: str, size: tuple[int, int], lead: str) -> str:
    """Warn of a photo that may be no pinhole camera's.

    Args:
        kind: "shape", "length", "sweep" or "round images".
        size: (width, height) of the image [px].
        lead: begin of the message, with the name of the image.

    Returns:
        Note for the photo's record.
    """
    note, remedy = _DOUBTS[kind]
    note = note.format(*size)
    warn_once(f"{lead}{note}{remedy}")
    return note


def check_round_images(exif: ExifCamera, has_focal: bool, name: str) -> None:
    """Refuse unstitched pictures of 360-degree cameras.

    Args:
        exif: camera data of the image file.
        has_focal: they give a credible focal length.
        name: name of the image.

    Raises:
        FocalError: the camera or file is such a one, or the round images touch and no focal length is known.
    """
    touch = _TOUCHING[0] <= exif.round_images <= _TOUCHING[1] and not has_focal
    if exif.projection or touch or name.lower().endswith(".insp"):
        raise FocalError(f"{name}: {''.join(_DOUBTS['round images'])}")
