"""Cameras written down in files: this toolkit's JSON, and COLMAP's cameras.txt with images.txt."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from mono.geometry.camera import Camera
from mono.system.errors import MetricDepthError

# Parameters: how many focal lengths, then cx and cy, then how many of OpenCV's coefficients k1, k2, p1, p2, k3, ...
_COLMAP_MODELS: dict[str, tuple[int, int]] = {
    "SIMPLE_PINHOLE": (1, 0),
    "PINHOLE": (2, 0),
    "SIMPLE_RADIAL": (1, 1),
    "RADIAL": (1, 2),
    "OPENCV": (2, 4),
    "FULL_OPENCV": (2, 8),
}


class CameraFileError(MetricDepthError):
    """A camera file cannot be used for an image. The message names the file, what is wrong and what to do."""


def camera_file_beside(image: str | os.PathLike[str]) -> Path | None:
    """The camera file that belongs to an image: `photo.camera.json`, or its folder's `camera.json` or `cameras.txt`."""
    image = Path(image)
    names = (f"{image.stem}.camera.json", "camera.json", "cameras.txt")
    # os.path.isfile: a name too long to be asked for is no file.
    return next((path for path in (image.with_name(name) for name in names) if os.path.isfile(path)), None)  # noqa: PTH113


def camera_from_file(path: Path, width: int, height: int, image: str | os.PathLike[str] | None = None) -> Camera:
    """The camera of a `width` x `height` [px] image, from a JSON file or COLMAP's text format.

    JSON: {"fx", "fy", "cx", "cy", "width", "height", "distortion"}, of which `fx` is required, or {"focal_px"} or
    {"fov_deg"} (horizontal [deg]). COLMAP: cameras.txt; if it holds several cameras, images.txt beside it says which
    is this image's. A camera of another size with the same aspect ratio is resized.

    Raises:
        CameraFileError: the file is missing or broken, does not fit the image, or does not know it.
    """
    try:
        stamp = path.stat()
        if path.suffix.lower() == ".txt":
            camera = _colmap_camera(path, image)
        else:
            camera = _json_camera(path, _read_json(path, stamp.st_mtime_ns, stamp.st_size), width, height)
    except FileNotFoundError:
        raise CameraFileError(f"{path}: there is no such camera file; check the path") from None
    except UnicodeDecodeError as error:
        raise CameraFileError(f"{path}: is not text; a camera file is JSON or COLMAP's cameras.txt") from error
    except OSError as error:
        raise CameraFileError(f"{path}: cannot be read ({error.strerror or error})") from error
    return _fitted(path, camera, width, height)


def same_aspect(width: float, height: float, other_width: float, other_height: float) -> bool:
    """Whether one size may be the other resized, up to rounding (1.5 px) of the smaller one's sides."""
    if width > other_width:
        width, height, other_width, other_height = other_width, other_height, width, height
    return abs(height - other_height * width / other_width) <= 1.5 or (
        abs(width - other_width * height / other_height) <= 1.5
    )


def _fitted(path: Path, camera: Camera, width: int, height: int) -> Camera:
    if (camera.width, camera.height) == (width, height):
        return camera
    sizes = f"{path}: is for {camera.width}x{camera.height} images, and this one is {width}x{height}"
    if same_aspect(camera.width, camera.height, width, height):
        return camera.resized(width, height)
    if same_aspect(camera.height, camera.width, width, height):
        raise CameraFileError(f"{sizes}: turned by 90 degrees; give a camera for the upright image")
    raise CameraFileError(f"{sizes}: another aspect ratio, so it was cropped or is another camera's; correct the file")


@lru_cache(maxsize=64)
def _read_json(path: Path, modified: int, size: int) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise CameraFileError(
            f"{path}: line {error.lineno}, column {error.colno}: is not valid JSON: {error.msg}"
        ) from error
    except UnicodeDecodeError:
        raise  # the caller says so
    except (RecursionError, ValueError) as error:
        raise CameraFileError(f"{path}: holds too deep nesting or too long numbers for a camera file") from error
    if not isinstance(content, dict):
        raise CameraFileError(f'{path}: must hold an object like {{"fx": 1000, "cx": 639.5, "cy": 359.5}}')
    return content


def _json_camera(path: Path, content: Mapping[str, Any], width: int, height: int) -> Camera:
    def number(key: str, default: float) -> float:
        value = content.get(key, default)
        plain = isinstance(value, int | float) and not isinstance(value, bool)
        if not plain or not abs(value) < 1e15:
            raise CameraFileError(f"{path}: {key} is {value!r}; it must be a finite number")
        return float(value)

    kinds = [key for key in ("fx", "focal_px", "fov_deg") if key in content]
    if len(kinds) != 1:
        found = ", ".join(kinds) or f"none of them; its keys are: {', '.join(content) or 'none'}"
        raise CameraFileError(f"{path}: must hold exactly one of fx, focal_px and fov_deg, and has {found}")
    if ("width" in content) != ("height" in content):
        raise CameraFileError(f"{path}: width and height belong together; give both or none")
    full_width, full_height = number("width", width), number("height", height)
    if not (full_width.is_integer() and full_height.is_integer()):
        raise CameraFileError(f"{path}: the size {full_width}x{full_height} must be in whole pixels")
    distortion = content.get("distortion", [])
    if not isinstance(distortion, list) or not all(isinstance(k, int | float) for k in distortion):
        raise CameraFileError(f"{path}: distortion is {distortion!r}; it must be a list of numbers k1, k2, p1, p2, ...")
    size = int(full_width), int(full_height)
    try:
        if kinds == ["fov_deg"]:
            return Camera.from_fov(number("fov_deg", math.nan), *size)
        fx = number(kinds[0], math.nan)
        cx, cy = number("cx", (size[0] - 1) / 2), number("cy", (size[1] - 1) / 2)
        return Camera(fx, number("fy", fx), cx, cy, *size, tuple(map(float, distortion)))
    except CameraFileError:
        raise
    except ValueError as error:
        raise CameraFileError(f"{path}: {error}") from error


def _colmap_camera(path: Path, image: str | os.PathLike[str] | None) -> Camera:
    stamp = path.stat()
    cameras = _read_cameras_txt(path, stamp.st_mtime_ns, stamp.st_size)
    if len(cameras) == 1:
        return next(iter(cameras.values()))
    names_file = path.with_name("images.txt")
    if not names_file.is_file():
        raise CameraFileError(f"{path}: holds {len(cameras)} cameras; put images.txt beside it to say whose they are")
    stamp = names_file.stat()
    names = _read_images_txt(names_file, stamp.st_mtime_ns, stamp.st_size)
    parts = Path(image).absolute().parts[1:] if image is not None else ()
    for start in range(len(parts)):
        camera_id = names.get("/".join(parts[start:]))
        if camera_id is not None:
            if camera_id not in cameras:
                raise CameraFileError(f"{names_file}: speaks of camera {camera_id}, which is not in {path.name}")
            return cameras[camera_id]
    name = parts[-1] if parts else "this image"
    raise CameraFileError(f"{names_file}: does not name {name}; add it there or give its camera")


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if not line.startswith("#"):
                yield number, line.strip()


@lru_cache(maxsize=8)
def _read_cameras_txt(path: Path, modified: int, size: int) -> Mapping[int, Camera]:
    cameras = {}
    for number, line in _lines(path):
        if not line:
            continue
        try:
            camera_id, model, width, height, *parameters = line.split()
            cameras[int(camera_id)] = _colmap_model(model, int(width), int(height), [float(p) for p in parameters])
        except ValueError as error:
            expected = "CAMERA_ID MODEL WIDTH HEIGHT PARAMS..."
            raise CameraFileError(f"{path}: line {number}: {error}; expected: {expected}") from error
    if not cameras:
        raise CameraFileError(f"{path}: holds no camera")
    return cameras


def _colmap_model(model: str, width: int, height: int, parameters: list[float]) -> Camera:
    if model not in _COLMAP_MODELS:
        known = ", ".join(_COLMAP_MODELS)
        kind = "a fisheye model" if "FISHEYE" in model or model == "FOV" else "not a known model"
        raise MetricDepthError(f"{model} is {kind}; undistort the images first (known: {known})")
    focals, coefficients = _COLMAP_MODELS[model]
    if len(parameters) != focals + 2 + coefficients:
        raise MetricDepthError(f"{model} takes {focals + 2 + coefficients} parameters, not {len(parameters)}")
    fx, fy = parameters[0], parameters[focals - 1]
    # COLMAP puts the corner of the image at (0, 0), Camera the centre of its first pixel.
    cx, cy = parameters[focals] - 0.5, parameters[focals + 1] - 0.5
    distortion = parameters[focals + 2 :]
    distortion += [0.0] * (-len(distortion) % 4)
    return Camera(fx, fy, cx, cy, width, height, tuple(distortion))


@lru_cache(maxsize=8)
def _read_images_txt(path: Path, modified: int, size: int) -> Mapping[str, int]:
    """Camera ids by image name. Each image has two lines; the second one (its points) may be empty."""
    names = {}
    of_image = True
    for number, line in _lines(path):
        if of_image and not line:
            continue
        if of_image:
            words = line.split(maxsplit=9)
            try:
                names[words[9]] = int(words[8])
            except (IndexError, ValueError) as error:
                expected = "IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME"
                raise CameraFileError(f"{path}: line {number}: expected: {expected}") from error
        of_image = not of_image
    return names
