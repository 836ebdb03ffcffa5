"""Cameras of a JSON or YAML document: one, several by name, or one for each image."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mono.io.cameras.entries import CAMERA_KEYS, Entries, filled, flattened, has_focal, split_cameras
from mono.io.cameras.keys import values_from_entries, warn_unknown
from mono.io.cameras.names import index_names
from mono.io.cameras.slam import from_basalt, from_camodocal
from mono.io.cameras.values import CameraFileError, CameraValues, numbers, parse_matrix

_WORDS = "cam|camera|color|rgb|image"
_SIDES = "left|right"
CAMERA_NAME = re.compile(rf"^(({_SIDES})[_\-]?)?({_WORDS})[_\-]?(\d*|{_SIDES})$|^({_SIDES})[_\-]?\d*$", re.IGNORECASE)
_NUMBERED = re.compile(rf"\d$|{_SIDES}", re.IGNORECASE)
_IMAGE_KEYS = ("file_path", "img_name", "image_name", "file_name", "filename", "image_path", "image")
_NAME_KEYS = ("name", "camera_name", "cam", "camera")
_POSE_KEYS = {"size", "center", "f", "p", "d", "matrix", "px", "py", "x0", "y0"}  # in frames
_CORNERS = {"fl_x", "camera_angle_x"}  # keys of transforms.json
_FRAME_KEYS = CAMERA_KEYS - _POSE_KEYS - {"type", "model"}


@dataclass(frozen=True)
class FileCameras:
    """Cameras of a file by name.

    Attributes:
        cameras: the cameras by id, name of the image's folder, or name of the image.
        stored: the cameras describe pixels as they are stored, before EXIF orientation turns them.
        by_image: the names are those of images, as of `index_names`; an empty one is that of all others.
        default: name of the camera that counts where the image's path tells none.
        numbered: images im0 and im1 belong to cam0 and cam1, as in Middlebury's stereo pairs.
    """

    cameras: Mapping[str, CameraValues]
    stored: bool = False
    by_image: bool = False
    default: str | None = None
    numbered: bool = False


def parse_content(path: Path, content: Any) -> FileCameras:
    """Take cameras out of a JSON or YAML document.

    Raises:
        CameraFileError: there is no focal length, or entries contradict each other.
    """
    if isinstance(content, list) and len(content) == 1 and isinstance(content[0], dict):
        content = content[0]
    if isinstance(content, list):
        return _parse_list(path, content)
    if not isinstance(content, dict):
        raise CameraFileError(f'{path}: must hold an object like {{"fx": 1000, "cx": 639.5, "cy": 359.5}}')
    content = from_camodocal(content) or from_basalt(content) or content
    named = [key for key, value in content.items() if CAMERA_NAME.match(key) and isinstance(value, dict)]
    named = [key for key in named if _NUMBERED.search(key) or has_focal(flattened(content[key]))]
    if named:
        beside = flattened({key: value for key, value in content.items() if key not in named and _concerns(key, value)})
        own = {key: filled(flattened({key: content[key]}, within=key), beside) for key in named}
        return FileCameras(_split(path, own))
    frames = content.get("frames")
    frames = [frame for frame in frames if isinstance(frame, dict)] if isinstance(frames, list) else []
    if any(_FRAME_KEYS & _of_frame(flattened(frame)).keys() for frame in frames):
        shared = {key: value for key, value in content.items() if key != "frames"}
        return _by_image(path, shared, frames, "frames")
    cameras = {key: _centered(values, content) for key, values in _split(path, {"": flattened(content)}).items()}
    return FileCameras(cameras, stored=len(cameras) == 1 and bool(_CORNERS & content.keys()))


def _split(path: Path, objects: Mapping[str, Entries]) -> dict[str, CameraValues]:
    """Make the cameras of objects by name, each of one camera or a stereo pair."""
    cameras, unknown = {}, set[str]()
    for key, own in objects.items():
        for name, entries in split_cameras(own).items():
            cameras[name or key] = values_from_entries(path, entries, f"{name or key} ".lstrip(), unknown)
    warn_unknown(path, unknown)
    return cameras


def _concerns(key: str, value: Any) -> bool:
    """Check that an entry beside cameras may be about them: all but objects without any key of a camera."""
    plains = (key.lower(), *flattened(value)) if isinstance(value, Mapping) else ()
    return not plains or any(plain.partition("@")[0] in CAMERA_KEYS for plain in plains)


def _parse_list(path: Path, content: list[Any]) -> FileCameras:
    """Make a matrix of a list of numbers, and cameras of a list of objects, as 3D Gaussian splatting writes it."""
    if any(isinstance(item, dict) for item in content):
        return _by_image(path, {}, content, "")
    flat = numbers(path, "matrix", content)
    rows = len(content) if all(isinstance(row, list) for row in content) else 1
    if len(flat) in (9, 12, 16) or (rows == 1 and len(flat) == 4):
        regular = rows > 1 and len(flat) % rows == 0
        return FileCameras({"": parse_matrix(path, np.reshape(flat, (rows, -1)) if regular else flat)})
    raise CameraFileError(f'{path}: must hold an object like {{"fx": 1000, "cx": 639.5}}, or a 3x3 matrix')


def _by_image(path: Path, shared: Mapping[str, Any], frames: list[Any], place: str) -> FileCameras:
    """Make a camera of each object of a list, by the name of its image, or else of the camera."""
    objects = {f"{place}[{i}]": frame for i, frame in enumerate(frames) if isinstance(frame, dict)}
    names = (*_IMAGE_KEYS, *_NAME_KEYS)
    name_key = next((key for key in names if any(isinstance(frame.get(key), str) for frame in objects.values())), None)
    if name_key is None:
        raise CameraFileError(
            f"{path}: {place or 'it'} is a list of {len(objects)} objects; as cameras, each needs the name of its "
            'image ("file_path" of nerfstudio, "img_name" of 3D Gaussian splatting): add it, or keep one camera'
        )
    common, unknown = flattened(shared), set[str]()
    listed, complete = [], has_focal(common)
    for spot, frame in objects.items():
        if isinstance(frame.get(name_key), str):
            own = flattened({key: value for key, value in frame.items() if key != name_key}, f"{spot}.")
            own = _of_frame(own) if place else own
            whole = has_focal(own)
            complete = complete and not whole
            entries = filled(own, common) if whole else filled(common, own)
            values = values_from_entries(path, entries, f"{spot} ", unknown)
            listed.append((frame[name_key], _centered(values, frame if whole else shared)))
    by_image = name_key in _IMAGE_KEYS
    cameras = index_names(path, listed)
    alike = all(values == listed[0][1] for _, values in listed) and (has_focal(common) or len(listed) > 1)
    if by_image and (alike or complete):  # of videos, and of images that are not listed
        cameras[""] = listed[0][1] if alike else _centered(values_from_entries(path, common, "", unknown), shared)
    warn_unknown(path, {re.sub(r"^\w*\[\d+\]\.", "", key) for key in unknown})
    return FileCameras(cameras, stored=by_image, by_image=by_image)


def _of_frame(entries: Entries) -> Entries:
    """Take the entries about a camera, not a pose, out of those of a frame."""
    own = {k: v for k, v in entries.items() if k not in _POSE_KEYS and (k != "k" or isinstance(v[0][1], list))}
    return own if has_focal(own) else {key: found for key, found in own.items() if key in _FRAME_KEYS}


def _centered(values: CameraValues, content: Mapping[str, Any]) -> CameraValues:
    """Move the principal point of a transforms.json, which counts from the first pixel's corner as COLMAP's does."""
    if not _CORNERS & content.keys():
        return values
    cx, cy = (value if value is None else value - 0.5 for value in (values.cx, values.cy))
    return replace(values, cx=cx, cy=cy)
