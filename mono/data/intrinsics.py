"""Check given intrinsics against the size of their image."""

from __future__ import annotations

import functools
import logging
import math

from mono.geometry.camera import Camera
from mono.system.errors import MetricDepthError

logger = logging.getLogger(__name__)
_WIDE_FOV = 130.0  # beyond it, given numbers are asked about
POSSIBLE_FOV = (0.5, 170.0)  # beyond it, given numbers are taken to be in other units than pixels
_SQUARE = 1.2  # ratio of fx and fy beyond which their order is doubted
_OFF_CENTER = 0.08  # of the side: principal points farther from the center, alike along both sides, are doubted
_SAME_SHARE = 0.02
_SEEN = 0.1  # share of the pixels; lenses that see less are doubted, as those in millimeters
_GRID = 64  # px; side of the image in which that share is counted


class FocalError(MetricDepthError):
    """A camera does not fit an image: names what was given, the cause and the remedy."""


def camera_of(values: tuple[float, float, float, float], size: tuple[int, int], what: str) -> Camera:
    """Build the camera of given intrinsics; warn of doubtful ones.

    Args:
        values: (fx, fy, cx, cy) [px].
        size: (width, height) of the image [px].
        what: source of the numbers, for messages.

    Raises:
        FocalError: the image's size does not allow them.
    """
    try:
        camera = Camera(*values, *size)
    except ValueError as error:
        raise FocalError(f"{what}: {error}") from error
    if not (-0.5 <= camera.cx <= camera.width - 0.5 and -0.5 <= camera.cy <= camera.height - 0.5):
        place = (
            f"the principal point ({camera.cx:g}, {camera.cy:g}) lies outside this {camera.width}x{camera.height} image"
        )
        raise FocalError(f"{what}: {place}; give numbers in pixels for this image size")
    if doubt := doubt_of_center(camera):
        warn_once(f"{what}: {doubt}")
    check_camera(camera, what, least=POSSIBLE_FOV[0])
    return camera


def check_camera(camera: Camera, what: str, least: float = 0.0) -> None:
    """Check a given camera against its image.

    It may be that of a crop, with its principal point anywhere. Lenses other than pinholes may see any angle;
    panoramas are not checked.

    Args:
        camera: camera of any lens, for the image's size.
        what: source of the numbers, for messages.
        least: smallest field of view of a pinhole [deg].

    Raises:
        FocalError: the image's size does not allow its numbers, or the lens sees nothing of the image.
    """
    if camera.model == "equirectangular":
        return
    ratio = max(camera.fx, camera.fy) / min(camera.fx, camera.fy)
    if ratio > _SQUARE:
        message = f"fx = {camera.fx:g} and fy = {camera.fy:g} differ by {100 * (ratio - 1):.0f} %: unless the image was"
        warn_once(f"{what}: {message} resized unevenly, check the order fx, fy, cx, cy")
    if camera.is_perspective:
        _check_focal(camera, what, least)
    if camera.is_distorted:
        _check_lens(camera, what)


def _check_focal(camera: Camera, what: str, least: float) -> None:
    """Refuse focal lengths in other units than pixels."""
    size = f"{camera.width}x{camera.height}"
    for focal, side in ((camera.fx, camera.width), (camera.fy, camera.height)):
        fov = math.degrees(2 * math.atan(side / 2 / focal))
        if not least <= fov <= POSSIBLE_FOV[1]:
            raise FocalError(
                f"{what}: a focal length of {focal:g} px means a field of view of {fov:.3g} deg in this "
                f"{size} image; give it in pixels, for this image size"
            )
        if fov > _WIDE_FOV:
            warn_once(f"{what}: {focal:g} px mean a field of view of {fov:.0f} deg here: were these millimeters?")


@functools.lru_cache(64)  # it takes milliseconds, and videos have one lens
def _check_lens(camera: Camera, what: str) -> None:
    """Refuse lenses that see nothing of their image."""
    if not camera.field_of_view[2] > POSSIBLE_FOV[0]:
        raise FocalError(f"{what}: its {camera.model} lens sees nothing of this image; correct its parameters")
    if camera.resized(_GRID, _GRID).valid_rays().mean() < _SEEN:
        message = f"its {camera.model} lens with fx = {camera.fx:g} sees less than {100 * _SEEN:.0f} % of this image"
        warn_once(f"{what}: {message}: give numbers in pixels, for this image size")


def doubt_of_center(camera: Camera) -> str:
    """Describe numbers of another image size, or of the turned image; "": there is no doubt."""
    across, down = (camera.cx + 0.5) / camera.width, (camera.cy + 0.5) / camera.height
    if abs(across - 0.5) > _OFF_CENTER and abs(across - down) < _SAME_SHARE:
        size = f"{2 * camera.cx + 1:.0f}x{2 * camera.cy + 1:.0f}"
        message = f"its principal point would be the center of a {size} image, and this one is"
        return f"{message} {camera.width}x{camera.height}: if it was resized, give numbers for its present size"
    turned = max(abs((camera.cx + 0.5) / camera.height - 0.5), abs((camera.cy + 0.5) / camera.width - 0.5))
    if turned < _OFF_CENTER / 2 and min(abs(across - 0.5), abs(down - 0.5)) > _OFF_CENTER:
        message = f"its principal point fits {camera.height}x{camera.width} pixels, and this image is"
        return f"{message} {camera.width}x{camera.height} upright: give numbers for the upright image"
    return ""


@functools.cache
def warn_once(message: str) -> None:
    """Log a warning, once."""
    logger.warning("%s", message)
