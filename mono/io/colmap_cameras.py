"""COLMAP's cameras and the images that they belong to, from text and binary models."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from mono.io.camera_values import CameraFileError, CameraValues
from mono.system.errors import MetricDepthError

# Parameters: how many focal lengths, then cx and cy, then how many of OpenCV's coefficients k1, k2, p1, p2, k3, ...
_MODELS: dict[str, tuple[int, int]] = {
    "SIMPLE_PINHOLE": (1, 0),
    "PINHOLE": (2, 0),
    "SIMPLE_RADIAL": (1, 1),
    "RADIAL": (1, 2),
    "OPENCV": (2, 4),
    "FULL_OPENCV": (2, 8),
}
# (name, parameters) by the number that stands in binary models.
_BINARY_MODELS = [
    ("SIMPLE_PINHOLE", 3),
    ("PINHOLE", 4),
    ("SIMPLE_RADIAL", 4),
    ("RADIAL", 5),
    ("OPENCV", 8),
    ("OPENCV_FISHEYE", 8),
    ("FULL_OPENCV", 12),
    ("FOV", 5),
    ("SIMPLE_RADIAL_FISHEYE", 4),
    ("RADIAL_FISHEYE", 5),
    ("THIN_PRISM_FISHEYE", 12),
    ("RAD_TAN_THIN_PRISM_FISHEYE", 16),
]
_EXPECTED = "CAMERA_ID MODEL WIDTH HEIGHT PARAMS..."


def parse_cameras_txt(path: Path, text: str) -> Mapping[int, CameraValues] | None:
    """Parse COLMAP's cameras.txt; return None for text of another kind.

    Raises:
        CameraFileError: a line is broken, or the cameras are fisheyes.
    """
    lines = [(i, line.split()) for i, line in enumerate(text.splitlines(), 1) if line.strip()[:1] not in ("", "#")]
    if not lines:
        raise CameraFileError(f"{path}: holds no camera")
    words = lines[0][1]
    if len(words) < 2 or not words[0].isdecimal() or not words[1].replace("_", "").isalpha():
        return None
    cameras = {}
    for i, words in lines:
        place = f"{path}: line {i}"
        if len(words) < 4:
            raise CameraFileError(f"{place}: has {len(words)} words; expected: {_EXPECTED}")
        values = []
        for word in (words[0], *words[2:]):
            try:
                values.append(float(word))
            except ValueError:
                raise CameraFileError(f"{place}: {word!r:.80} is not a number; expected: {_EXPECTED}") from None
        camera_id, *size = values[:3]
        if not all(value.is_integer() and 0 <= value < 1e15 for value in (camera_id, *size)):
            raise CameraFileError(f"{place}: id and size must be whole numbers; expected: {_EXPECTED}")
        try:
            cameras[int(camera_id)] = _model(words[1], int(size[0]), int(size[1]), values[3:])
        except MetricDepthError as error:
            raise CameraFileError(f"{place}: {error}; expected: {_EXPECTED}") from error
    return cameras


def parse_cameras_bin(path: Path, content: bytes) -> Mapping[int, CameraValues] | None:
    """Parse COLMAP's cameras.bin; return None for content of another kind.

    Raises:
        CameraFileError: the file is cut short, or the cameras are fisheyes.
    """
    if len(content) < 8 or b"\0" not in content[:8] or (path.suffix.lower() != ".bin" and content[4:8] != bytes(4)):
        return None
    (count,), offset = struct.unpack_from("<Q", content), 8
    cameras = {}
    try:
        for _ in range(count):
            camera_id, model, width, height = struct.unpack_from("<IiQQ", content, offset)
            if not 0 <= model < len(_BINARY_MODELS):
                raise CameraFileError(f"{path}: camera {camera_id} has the model number {model}, which is not known")
            name, parameters = _BINARY_MODELS[model]
            values = struct.unpack_from(f"<{parameters}d", content, offset + 24)
            offset += 24 + 8 * parameters
            try:
                cameras[camera_id] = _model(name, width, height, list(values))
            except MetricDepthError as error:
                raise CameraFileError(f"{path}: camera {camera_id}: {error}") from error
    except struct.error:
        raise CameraFileError(f"{path}: is not COLMAP's cameras.bin, or is cut short; copy it again") from None
    if not cameras:
        raise CameraFileError(f"{path}: holds no camera")
    return cameras


def image_cameras(path: Path) -> tuple[Path, Mapping[str, int]]:
    """Read the camera of each image, from images.txt or images.bin beside a camera file.

    Returns:
        The file, and camera ids by image name.

    Raises:
        CameraFileError: there is no such file, or it is broken.
    """
    for name in ("images.txt", "images.bin") if path.suffix.lower() != ".bin" else ("images.bin", "images.txt"):
        names_file = path.with_name(name)
        if names_file.is_file():
            stamp = names_file.stat()
            return names_file, _read_images(names_file, stamp.st_mtime_ns, stamp.st_size)
    kind = "images.bin" if path.suffix.lower() == ".bin" else "images.txt"
    raise CameraFileError(f"{path}: holds several cameras; put {kind} beside it, which names their images")


def _model(model: str, width: int, height: int, parameters: list[float]) -> CameraValues:
    if model not in _MODELS:
        known = ", ".join(_MODELS)
        kind = "a fisheye model" if "FISHEYE" in model or model == "FOV" else "not a known model"
        raise MetricDepthError(f"{model} is {kind}; undistort the images first (known: {known})")
    focals, coefficients = _MODELS[model]
    if len(parameters) != focals + 2 + coefficients:
        raise MetricDepthError(f"{model} takes {focals + 2 + coefficients} parameters, not {len(parameters)}")
    # COLMAP puts the corner of the image at (0, 0), Camera the center of its first pixel.
    cx, cy = parameters[focals] - 0.5, parameters[focals + 1] - 0.5
    distortion = parameters[focals + 2 :]
    distortion += [0.0] * (-len(distortion) % 4)
    values = CameraValues(parameters[0], parameters[focals - 1], cx, cy, width, height, None, tuple(distortion))
    if not 0 < width < 1e6 or not 0 < height < 1e6:
        raise MetricDepthError(f"the image size {width}x{height} is impossible")
    values.camera(Path(model), width, height)  # numbers that no camera has are told with their place
    return values


@lru_cache(maxsize=8)
def _read_images(path: Path, modified: int, size: int) -> Mapping[str, int]:
    return _read_images_bin(path) if path.suffix == ".bin" else _read_images_txt(path)


def _read_images_txt(path: Path) -> Mapping[str, int]:
    """Camera ids by image name. Each image has two lines; the second one (its points) may be empty."""
    names = {}
    of_image = True
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        for i, line in enumerate(file, 1):
            if line.startswith("#") or (of_image and not line.strip()):
                continue
            if of_image:
                words = line.strip().split(maxsplit=9)
                if len(words) < 10 or not words[8].isdecimal():
                    expected = "IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME"
                    raise CameraFileError(f"{path}: line {i}: expected: {expected}")
                names[words[9]] = int(words[8])
            of_image = not of_image
    return names


def _read_images_bin(path: Path) -> Mapping[str, int]:
    names = {}
    try:
        with path.open("rb") as file:
            (count,) = struct.unpack("<Q", file.read(8))
            for _ in range(count):
                (camera_id,) = struct.unpack_from("<I", file.read(64), 60)
                name = bytearray()
                while (byte := file.read(1)) != b"\0":
                    if not byte or len(name) > 4096:
                        raise struct.error
                    name += byte
                names[name.decode("utf-8", "replace")] = camera_id
                (points,) = struct.unpack("<Q", file.read(8))
                file.seek(24 * points, 1)
    except (struct.error, OverflowError, OSError):
        raise CameraFileError(f"{path}: is not COLMAP's images.bin, or is cut short; copy it again") from None
    return names
