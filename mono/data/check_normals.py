"""What looks wrong with a map of true surface normals: axes that are others than those annotated, above all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mono.data.sample import Sample
from mono.geometry.camera import Camera
from mono.io.camera_files import same_aspect
from mono.io.normals import NORMAL_FRAMES, NormalError, convert_normals, read_normals

_AWAY = 0.5  # share of the normals that point away from the camera, from which on the axes must be others
_FOCAL = 0.8  # of a map whose camera is unknown, in widths: a field of view of 64 degrees


def normal_doubts(sample: Sample, size: tuple[int, int] | None) -> Iterator[tuple[str, object, str, str]]:
    """What looks wrong with a sample's normals: field, value, kind and advice, as in `check.Finding`.

    Args:
        sample: has a map of normals.
        size: (width, height) of its image; None where the image cannot be read.
    """
    path = sample.normal
    assert path is not None
    try:
        normal = read_normals(path, sample.normal_frame)
    except NormalError as error:
        yield "normal", path, "unreadable normals", str(error).removeprefix(f"{path}: ")
        return
    height, width = normal.shape[:2]
    if size is not None and (width, height) != size:
        advice = f"the normals are {width}x{height}, the image {size[0]}x{size[1]}; " + (
            "fine if it is the same view made smaller or larger"
            if same_aspect(width, height, *size)
            else "of another shape, so they do not show the same view; crop or turn them as the image"
        )
        yield "normal", path, "size of normals and image differ", advice
    if not normal.any():
        yield "normal", path, "empty normals", "no pixel has a normal; remove it, or write it again"
        return
    rays = _rays(sample, size, width, height)
    away = _share_away(normal, rays)
    if away > _AWAY:
        other = next(frame for frame in NORMAL_FRAMES if frame != sample.normal_frame)
        turned = _share_away(convert_normals(normal, "opengl"), rays)  # turning twice is not turning
        advice = (
            f"{100 * away:.0f} % of the normals point away from the camera, which sees no surface from behind; "
            + (
                f'with "normal_frame": "{other}" it would be {100 * turned:.0f} %'
                if turned < _AWAY
                else f"{other} does not mend it either: the normals are negated, or have other axes"
            )
        )
        yield "normal_frame", sample.normal_frame, "wrong axes of normals", advice


def _share_away(normal: np.ndarray, rays: np.ndarray) -> float:
    """Share of the normals that point away from the camera."""
    along = np.einsum("ijk,ijk->ij", normal, rays)[normal.any(axis=2)]
    return float((along > 0).mean())


def _rays(sample: Sample, size: tuple[int, int] | None, width: int, height: int) -> np.ndarray:
    """Viewing directions of the map's pixels; without a known camera, those of a common one."""
    if sample.intrinsics is not None and size is not None:
        return Camera(*sample.intrinsics, *size).resized(width, height).rays()
    return Camera.centred(_FOCAL * max(width, height), width, height).rays()
