"""COLMAP's cameras and the images that they belong to, from text and binary models."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

from mono.geometry.camera import Camera
from mono.io.cameras.lenses import COLMAP_MODELS
from mono.io.cameras.names import index_names
from mono.io.cameras.values import CameraFileError, CameraValues
from mono.system.errors import MetricDepthError
from mono.system.files import cached_while_unchanged

_EXPECTED = "CAMERA_ID MODEL WIDTH HEIGHT PARAMS..."


def parse_cameras_txt(path: Path, text: str) -> Mapping[int, CameraValues] | None:
    """Parse COLMAP's cameras.txt; return None for text of another kind.

    Raises:
        CameraFileError: a line is broken, or a lens model is unknown.
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
        CameraFileError: the file is cut short, or a lens model is unknown.
    """
    if len(content) < 8 or b"\0" not in content[:8] or (path.suffix.lower() != ".bin" and content[4:8] != bytes(4)):
        return None
    (count,), offset = struct.unpack_from("<Q", content), 8
    if path.suffix.lower() != ".bin" and 28 * count > len(content):
        return None
    cameras = {}
    try:
        for _ in range(count):
            camera_id, model, width, height = struct.unpack_from("<IiQQ", content, offset)
            if not 0 <= model < len(COLMAP_MODELS):
                raise CameraFileError(f"{path}: camera {camera_id} has the model number {model}, which is not known")
            name = list(COLMAP_MODELS)[model]
            parameters = _parameter_count(name)
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
        The file, and camera ids by image name, as of `index_names`.

    Raises:
        CameraFileError: there is no such file, or it is broken.
    """
    for name in ("images.txt", "images.bin") if path.suffix.lower() != ".bin" else ("images.bin", "images.txt"):
        names_file = path.with_name(name)
        if names_file.is_file():
            return names_file, _read_images(names_file)
    kind = "images.bin" if path.suffix.lower() == ".bin" else "images.txt"
    raise CameraFileError(f"{path}: holds several cameras; put {kind} beside it, which names their images")


def colmap_camera(model: str, width: int, height: int, parameters: Sequence[float]) -> Camera:
    """Convert a camera of COLMAP.

    Args:
        model: COLMAP's name of the camera model.
        width: image width [px].
        height: image height [px].
        parameters: parameters in COLMAP's order.

    Raises:
        MetricDepthError: the model is unknown, or the numbers are not those of a camera.
    """
    return _model(model, width, height, list(parameters)).camera(Path(model), width, height)


def colmap_parameters(camera: Camera) -> tuple[str, list[float]]:
    """Find COLMAP's camera model for a camera.

    Returns:
        Name of the model, and its parameters in COLMAP's order.

    Raises:
        MetricDepthError: COLMAP has no model for the lens.
    """
    if camera.model == "equirectangular":
        raise MetricDepthError(
            "the camera is a panorama, which COLMAP's mapping does not take; use --method vo, which tracks its front "
            "view"
        )
    coefficients = list(camera.distortion)  # of a camera whose pixel centers lie at .5
    while coefficients and not coefficients[-1]:
        coefficients.pop()
    for name, (focals, model, count) in COLMAP_MODELS.items():
        if model == camera.model and count >= len(coefficients) and (focals == 2 or camera.fx == camera.fy):
            pinhole = [
                *(camera.fx, camera.fy)[:focals],
                camera.cx + 0.5,
                camera.cy + 0.5,
            ]
            return name, [*pinhole, *coefficients, *[0.0] * (count - len(coefficients))]
    raise MetricDepthError(f"COLMAP has no camera model for the {camera.model} lens; undistort the frames first")


def _parameter_count(model: str) -> int:
    focals, _, coefficients = COLMAP_MODELS[model]
    return focals + 2 + coefficients


def _model(model: str, width: int, height: int, parameters: list[float]) -> CameraValues:
    if model not in COLMAP_MODELS:
        raise MetricDepthError(f"{model} is not a known model (known: {', '.join(COLMAP_MODELS)})")
    if not 0 < width < 1e6 or not 0 < height < 1e6:
        raise MetricDepthError(f"the image size {width}x{height} is impossible")
    focals, lens, _ = COLMAP_MODELS[model]
    if len(parameters) != _parameter_count(model):
        raise MetricDepthError(f"{model} takes {_parameter_count(model)} parameters, not {len(parameters)}")
    if not focals:
        return CameraValues(width=width, height=height, model=lens)
    # COLMAP puts the corner of the image at (0, 0), Camera the center of its first pixel.
    cx, cy = parameters[focals] - 0.5, parameters[focals + 1] - 0.5
    distortion = parameters[focals + 2 :]
    if lens == "pinhole":
        distortion += [0.0] * (-len(distortion) % 4)
    fx, fy = parameters[0], parameters[focals - 1]
    values = CameraValues(fx, fy, cx, cy, width, height, None, tuple(distortion), lens)
    values.camera(Path(model), width, height)  # numbers that no camera has are reported with their place
    return values


@cached_while_unchanged(maxsize=8)
def _read_images(path: Path) -> Mapping[str, int]:
    names = _read_images_bin(path) if path.suffix == ".bin" else _read_images_txt(path)
    return index_names(path, names)


def _read_images_txt(path: Path) -> list[tuple[str, int]]:
    """Read names of images and their camera ids. Each image has two lines; the second one (its points) may be empty."""
    names = []
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
                names.append((words[9], int(words[8])))
            of_image = not of_image
    return names


def _read_images_bin(path: Path) -> list[tuple[str, int]]:
    names = []
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
                names.append((name.decode("utf-8", "replace"), camera_id))
                (points,) = struct.unpack("<Q", file.read(8))
                file.seek(24 * points, 1)
    except (struct.error, OverflowError, OSError):
        raise CameraFileError(f"{path}: is not COLMAP's images.bin, or is cut short; copy it again") from None
    return names
