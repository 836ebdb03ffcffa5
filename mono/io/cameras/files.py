"""Camera files of any common kind, recognized by their content."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mono.geometry.camera import Camera
from mono.io.arrays import ArrayError, read_small_arrays
from mono.io.cameras.colmap import image_cameras, parse_cameras_bin, parse_cameras_txt
from mono.io.cameras.documents import FileCameras
from mono.io.cameras.formats import parse_camera_arrays, parse_camera_text
from mono.io.cameras.names import describe_missing, find_name
from mono.io.cameras.slam import check_pixels
from mono.io.cameras.values import CameraFileError, CameraValues, MissingCameraError, parse_matrix
from mono.system.files import cached_while_unchanged, sha256

_ASPECT = 0.005  # relative difference of aspect ratios that still shows the same view (ScanNet: 0.4 %)
_SQUARE = 0.01  # relative difference of fx and fy in calibrations of square pixels
_OBLONG = 0.05  # that of the least oblong pixels of videos (16:15)
__all__ = [
    "CameraFileError",
    "MissingCameraError",
    "camera_file_beside",
    "camera_from_file",
    "check_camera_file",
    "hash_camera_file",
    "same_aspect",
]

KINDS = (
    'JSON ({"fx": …}, nerfstudio, 3D Gaussian splatting, Open3D, RealSense), a 3x3, 3x4 or 4x4 matrix '
    "(.txt, .npy, .npz), COLMAP cameras.txt or .bin, KITTI calib, ROS, OpenCV, Kalibr or camodocal YAML, OpenCV XML, "
    'DSO or Basalt calibrations, "key = value" lines'
)
_BESIDE = ("camera.json", "cameras.txt", "cameras.bin", "camera.yaml", "camera.yml", "camera.txt")
_NUMBERED = re.compile(r"im(\d+)([A-Z]|e\d+)?\.")  # Middlebury's im0.png, im1E.png and im0e3.png of other light
_PAIR = {"cam0": 0, "left": 0, "cam1": 1, "right": 1}
_MAX_BYTES = 64 << 20  # a nerfstudio file lists all its frames
_sha256 = cached_while_unchanged(maxsize=64)(sha256)


def camera_file_beside(image: str | os.PathLike[str]) -> Path | None:
    """Find the camera file that belongs to an image.

    Returns:
        `photo.camera.json`, or a camera file of its folder (`camera.json`, `cameras.txt`, `cameras.bin`,
        `camera.yaml`, `camera.yml`, `camera.txt`), in this order; None if there is none.
    """
    image = Path(image)
    names = (f"{image.stem}.camera.json", *_BESIDE)
    # os.path.isfile: a name too long to be asked for is no file.
    return next((path for path in (image.with_name(name) for name in names) if os.path.isfile(path)), None)  # noqa: PTH113


def camera_from_file(
    path: Path, width: int, height: int, image: str | os.PathLike[str] | None = None, orientation: int = 1
) -> Camera:
    """Read an image's camera from a camera file.

    A camera of another size with the same aspect ratio is resized, as is one of oblong pixels to square ones. Cameras
    of COLMAP and of transforms.json describe pixels as they are stored and are turned as the image is; so are others
    that fit only the image as it is stored.

    Args:
        path: camera file, of any kind in `KINDS`.
        width: upright image width [px].
        height: upright image height [px].
        image: path of the image, where the file holds several cameras.
        orientation: EXIF orientation of the image, 1 to 8.

    Raises:
        CameraFileError: the file is missing or broken, does not fit the image, or does not know it.
    """
    path = Path(path)
    with _explained(path):
        found = _cameras(path)
        values = _choose(path, found, image)
    stored = found.stored and orientation != 1
    size = (height, width) if stored and orientation >= 5 else (width, height)
    camera = values.camera(path, *size)
    if values.fx is not None and camera.model != "equirectangular":
        check_pixels(path, camera.fx, camera.width)
    if stored and not same_aspect(camera.width, camera.height, *size):
        stored = False  # made from copies that were upright already
        camera = values.camera(path, width, height)
    elif orientation >= 5 and not same_aspect(camera.width, camera.height, width, height):
        stored, size = same_aspect(camera.width, camera.height, height, width), (height, width)
    camera = _fitted(path, camera, *(size if stored else (width, height)))
    return camera.turned(orientation) if stored else camera


def check_camera_file(path: Path) -> None:
    """Check that a camera file can be read.

    Raises:
        CameraFileError: it is missing or broken.
    """
    with _explained(path):
        _cameras(path)


def hash_camera_file(path: Path) -> str:
    """Hash a camera file and the lists of COLMAP's images beside it."""
    files = [path, *(path.with_name(name) for name in ("images.txt", "images.bin"))]
    hashes = "".join(f"{file.name} {_sha256(file)}\n" for file in files if file.is_file())
    return hashlib.sha256(hashes.encode()).hexdigest()[:16]


def same_aspect(width: float, height: float, other_width: float, other_height: float) -> bool:
    """Check that one size is the other resized, within 0.5 % or 1.5 px of the smaller one's sides."""
    if abs(width * other_height / (height * other_width) - 1) <= _ASPECT:
        return True
    if width > other_width:
        width, height, other_width, other_height = other_width, other_height, width, height
    return abs(height - other_height * width / other_width) <= 1.5 or (
        abs(width - other_width * height / other_height) <= 1.5
    )


def _fitted(path: Path, camera: Camera, width: int, height: int) -> Camera:
    if (camera.width, camera.height) == (width, height):
        return camera
    sizes = f"{path}: is for {camera.width}x{camera.height} images, and this one is {width}x{height}"
    if same_aspect(camera.width, camera.height, width, height) or _is_squared(camera, width, height):
        return camera.resized(width, height)
    if (camera.height, camera.width) == (width, height) and (turned := camera.turned(6)) == camera.turned(8):
        return turned
    if same_aspect(camera.height, camera.width, width, height):
        raise CameraFileError(f"{sizes}: turned by 90 degrees; give a camera for the upright image")
    raise CameraFileError(f"{sizes}: another aspect ratio, so it was cropped or is another camera's; correct the file")


def _is_squared(camera: Camera, width: int, height: int) -> bool:
    """Check that resizing makes a camera's oblong pixels square, as those of anamorphic videos are on decoding."""
    pixel, stretch = camera.fy / camera.fx, width * camera.height / (height * camera.width)
    return abs(pixel - 1) > _OBLONG and abs(stretch / pixel - 1) <= _SQUARE


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn errors into those that name the file."""
    try:
        yield
    except FileNotFoundError:
        raise CameraFileError(f"{path}: there is no such camera file; check the path") from None
    except (OSError, ValueError) as error:
        if isinstance(error, CameraFileError):
            raise
        reason = getattr(error, "strerror", None) or "damaged"
        raise CameraFileError(f"{path}: cannot be read ({reason})") from error


@cached_while_unchanged(maxsize=64)
def _cameras(path: Path) -> FileCameras:
    """Read all cameras of a file."""
    if path.stat().st_size > _MAX_BYTES:
        raise CameraFileError(f"{path}: is larger than {_MAX_BYTES >> 20} MB, too large for a camera file")
    content = path.read_bytes()
    if not content.strip():
        raise CameraFileError(f"{path}: is empty; a camera file is one of: {KINDS}")
    if content.startswith(b"\x93NUMPY"):
        return FileCameras({"": parse_matrix(path, _load_array(path))})
    if content.startswith(b"PK\3\4"):
        try:
            return parse_camera_arrays(path, read_small_arrays(path))
        except ArrayError as error:
            raise CameraFileError(f"{path}: {error}") from error
    if (binary := parse_cameras_bin(path, content)) is not None:
        return FileCameras({str(key): value for key, value in binary.items()}, stored=True)
    try:
        text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise CameraFileError(f"{path}: is not text; a camera file is one of: {KINDS}") from error
    if (listed := parse_cameras_txt(path, text)) is not None:
        return FileCameras({str(key): value for key, value in listed.items()}, stored=True)
    found = parse_camera_text(path, text)
    if found is None:
        raise CameraFileError(f"{path}: is no camera file of a known kind; it may be one of: {KINDS}")
    return found


def _load_array(path: Path) -> np.ndarray:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:
        raise CameraFileError(f"{path}: is a damaged .npy file, or holds no numbers; save K again") from error
    if array.size > 16 or array.dtype.kind not in "fiu":
        raise CameraFileError(f"{path}: holds {array.dtype} {array.shape}; it must be a 3x3, 3x4 or 4x4 matrix")
    return np.array(array, np.float64)


def _choose(path: Path, found: FileCameras, image: str | os.PathLike[str] | None) -> CameraValues:
    """Choose an image's camera among those of a file."""
    cameras = found.cameras
    if len(cameras) == 1 and not found.by_image:
        return next(iter(cameras.values()))
    parts = Path(image).absolute().parts[1:] if image is not None else ()
    name = parts[-1] if parts else "this image"
    if found.by_image:
        values = find_name(cameras, image) if image is not None else None
        values = cameras.get("") if values is None else values
        if values is None:
            missing = describe_missing(cameras, image)
            raise MissingCameraError(f"{path}: has no frame for {missing}; add it there or give its camera")
        return values
    if found.stored:
        names_file, names = image_cameras(path)
        camera_id = find_name(names, image) if image is not None else None
        if camera_id is None:
            missing = describe_missing(names, image)
            raise MissingCameraError(f"{names_file}: does not name {missing}; add it there or give its camera")
        if str(camera_id) not in cameras:
            raise CameraFileError(f"{names_file}: names camera {camera_id}, which is not in {path.name}")
        return cameras[str(camera_id)]
    for part in reversed(parts[:-1]):
        if (values := cameras.get(part)) is not None:
            return values
    by_number = [name[-1:] for name in cameras] == ["1", "2"] and "cam1" not in cameras
    if by_number and (places := [_PAIR[part] for part in parts[:-1] if part in _PAIR]):
        return list(cameras.values())[places[-1]]
    if found.numbered and (match := _NUMBERED.match(name)) and f"cam{match[1]}" in cameras:
        return cameras[f"cam{match[1]}"]
    if found.default is not None:
        return cameras[found.default]
    listed = ", ".join(cameras)
    raise MissingCameraError(
        f"{path}: holds several cameras ({listed}), and {name} lies in a folder of none; put the images of each into a "
        "folder of its name, or keep one camera in the file"
    )
