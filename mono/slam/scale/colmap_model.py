"""COLMAP models: read, write, rescale, and compare with depth."""

from __future__ import annotations

import functools
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from mono.calibration.sampling import depth_at
from mono.data.folder import natural_order
from mono.geometry.camera import Camera
from mono.io.cameras.colmap import colmap_camera
from mono.slam.scale.estimate import ScaleError
from mono.slam.scale.orientation import turn_points
from mono.slam.trajectory.trajectory import MAX_COORDINATE
from mono.system.errors import MetricDepthError

if TYPE_CHECKING:
    import pycolmap

logger = logging.getLogger(__name__)

_MIN_TRACK = 3  # images that see a point; two may agree by chance
_MAX_ERROR = 2.0  # reprojection error of a point [px]
_SMALLEST_RECORD = {"cameras": 48, "images": 73, "points3D": 51}  # of the binary files [bytes]


def read_model(folder: Path) -> pycolmap.Reconstruction:
    """Read the COLMAP model of a folder.

    A child process reads it first, with bounded memory and time: damaged models can end the process that reads them.

    Args:
        folder: holds cameras, images and points3D, all .bin or all .txt.

    Raises:
        ScaleError: a file is missing or damaged, or the model has no images or no points.
        SfmError: pycolmap is not installed.
    """
    colmap = import_pycolmap()
    if not is_model(folder):
        raise ScaleError(f"{folder}: holds no COLMAP model (images.bin or images.txt); give the folder that does")
    suffix = "bin" if (folder / "images.bin").is_file() else "txt"
    files = [folder / f"{part}.{suffix}" for part in ("cameras", "images", "points3D")]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        present = ", ".join(sorted(file.name for file in files if file.is_file()))
        raise ScaleError(f"{folder}: its COLMAP model lacks {' and '.join(missing)} (there are {present})")
    size = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
    damaged = f"{folder}: its COLMAP model is damaged, or was written by a newer COLMAP; copy or reconstruct it again"
    if suffix == "bin" and any(_claims_too_much(file) for file in files):
        raise ScaleError(damaged)
    code = "import sys, pycolmap; pycolmap.Reconstruction(sys.argv[1])"
    try:
        read = subprocess.run(
            [sys.executable, "-c", code, str(folder)],
            capture_output=True,
            timeout=60 + size / 1e6,
            preexec_fn=functools.partial(_limit_memory, 4 * 2**30 + 30 * size) if os.name == "posix" else None,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ScaleError(damaged) from None
    if read.returncode:
        logger.debug("reading %s fails: %s", folder, read.stderr.decode(errors="replace"))
        raise ScaleError(damaged)
    try:
        model = colmap.Reconstruction(str(folder))
    except (RuntimeError, ValueError, IndexError, KeyError, MemoryError) as error:
        raise ScaleError(damaged) from error
    if not model.num_reg_images() or not model.num_points3D():
        raise ScaleError(f"{folder}: its COLMAP model has no images or no points; reconstruct again")
    lost = model.compute_num_observations() - sum(point.track.length() for point in model.points3D.values())
    if lost > 0:
        logger.warning("%s: its images refer %d times to points that its points3D lacks: left out", folder, lost)
    return model


def _claims_too_much(file: Path) -> bool:
    """Tell whether a binary file names more records than its size can hold."""
    with file.open("rb") as stream:
        count = int.from_bytes(stream.read(8), "little")
    return count * _SMALLEST_RECORD[file.stem] > file.stat().st_size


def _limit_memory(size: int) -> None:
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (size if most == resource.RLIM_INFINITY else min(size, most), most))


def is_model(folder: Path) -> bool:
    """Tell whether a folder holds a COLMAP model."""
    return any((folder / f"images.{suffix}").is_file() for suffix in ("bin", "txt"))


def write_model(model: pycolmap.Reconstruction, folder: Path, text: bool = False) -> None:
    """Write a model into a folder, complete or not at all.

    A model in the folder is replaced.

    Args:
        model: the model.
        folder: folder for its files.
        text: write .txt instead of .bin.

    Raises:
        ScaleError: the folder holds files that are not part of a model.
    """
    known = {
        f"{part}.{suffix}" for part in ("cameras", "images", "points3D", "frames", "rigs") for suffix in ("bin", "txt")
    }
    foreign = sorted(f.name for f in folder.iterdir() if f.name not in known) if folder.is_dir() else []
    if foreign:
        raise ScaleError(
            f"{folder}: would be replaced, but holds {foreign[0]}, which is not part of a COLMAP model; choose another"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".mono-model-", dir=folder.parent) as temporary:
        new = Path(temporary, "new")
        new.mkdir()
        if text:
            model.write_text(str(new))
        else:
            model.write_binary(str(new))
        Path(temporary, "old").mkdir()
        if folder.is_dir():
            folder.rename(Path(temporary, "old", folder.name))
        new.rename(folder)


def rescaled(model: pycolmap.Reconstruction, scale: float) -> pycolmap.Reconstruction:
    """Copy a model with all lengths multiplied by `scale`."""
    colmap = import_pycolmap()
    copy = colmap.Reconstruction(model)
    copy.transform(colmap.Sim3d(scale, colmap.Rotation3d(), np.zeros(3)))
    return copy


def choose_images(model: pycolmap.Reconstruction, count: int = 40, available: Sequence[int] | None = None) -> list[int]:
    """Choose images with enough points, evenly over the names' order.

    Args:
        model: the model.
        count: number of images, about.
        available: ids to choose from; None: all.

    Returns:
        Ids of registered images, ordered by name.

    Raises:
        ScaleError: there is no registered image to choose from.
    """
    known = set(model.reg_image_ids() if available is None else available)
    counts = {i: model.images[i].num_points3D for i in model.reg_image_ids() if i in known}
    if not counts:
        raise ScaleError("no registered image of the model has depth")
    least = 0.3 * float(np.median(list(counts.values())))
    seeing = sorted(
        (i for i, n in counts.items() if n >= max(least, 1)), key=lambda i: natural_order(str(model.images[i].name))
    )
    if len(seeing) <= count:
        return seeing
    return [seeing[k] for k in np.unique(np.round(np.linspace(0, len(seeing) - 1, count)).astype(int))]


def image_log_ratios(
    model: pycolmap.Reconstruction, image_id: int, depth: np.ndarray, orientation: int = 1, keep_all: bool = False
) -> np.ndarray:
    """Compute log(predicted depth / point depth) at keypoints.

    Keypoints at depth edges are left out. COLMAP has the center of the first pixel at (0.5, 0.5), depth maps at (0, 0).

    Args:
        model: the model.
        image_id: a registered image.
        depth: depth of the upright image along the optical axis [m], (H, W), any size of the image's aspect.
        orientation: EXIF orientation of the pixels that the model describes; 1: upright.
        keep_all: give keypoints that are left out as NaN.

    Returns:
        Log ratios, (P,).

    Raises:
        ScaleError: the depth map is of another shape than the image.
    """
    uv, z, sides = image_points(model, image_id, orientation)
    if not len(uv):
        return np.zeros(0)
    height, width = depth.shape
    if not same_shape((width, height), sides):
        raise ScaleError(
            f"its depth is {width}x{height}, the model's image {sides[0]}x{sides[1]}: not the same shape; "
            "was the photo turned upright (EXIF) for one of them only?"
        )
    predicted = depth_at(depth, uv * (width / sides[0], height / sides[1]) - 0.5)
    ratios = np.log(predicted / z)
    return ratios if keep_all else ratios[np.isfinite(ratios)]


def image_points(
    model: pycolmap.Reconstruction, image_id: int, orientation: int = 1
) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Collect the reliable points that an image sees.

    Args:
        model: the model.
        image_id: a registered image.
        orientation: EXIF orientation of the pixels that the model describes; 1: upright.

    Returns:
        Keypoints in the upright image [px], the corner of the first pixel at (0, 0), (P, 2); their depth in units of
        the model, (P,), positive; width and height of the upright image.
    """
    image = model.images[image_id]
    camera = model.cameras[image.camera_id]
    sides = (camera.width, camera.height) if orientation < 5 else (camera.height, camera.width)
    pose = image.cam_from_world().matrix()
    uv, points = [], []
    for seen in image.points2D:
        if seen.point3D_id in model.points3D:
            point = model.points3D[seen.point3D_id]
            if point.track.length() >= _MIN_TRACK and point.error <= _MAX_ERROR:
                uv.append(seen.xy)
                points.append(point.xyz)
    if not uv:
        return np.zeros((0, 2)), np.zeros(0), sides
    z = np.array(points) @ pose[2, :3] + pose[2, 3]
    good = (z > 0) & (z < MAX_COORDINATE)
    return turn_points(np.array(uv), camera.width, camera.height, orientation)[good], z[good], sides


def same_shape(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Tell whether two (width, height) have the same aspect, to 1.5 pixels."""
    return abs(size[0] * other[1] - size[1] * other[0]) <= max(other) * 1.5


def camera_of(model: pycolmap.Reconstruction, image_id: int | None = None) -> Camera:
    """Convert the camera of an image.

    Args:
        model: the model.
        image_id: an image; None: the model's first camera.

    Returns:
        The camera, with the center of the first pixel at (0, 0).

    Raises:
        MetricDepthError: its lens model is unknown.
    """
    first = next(iter(model.cameras)) if image_id is None else model.images[image_id].camera_id
    camera = model.cameras[first]
    return colmap_camera(camera.model.name, camera.width, camera.height, list(camera.params))


def model_name_finder(model: pycolmap.Reconstruction) -> Callable[[str], int | None]:
    """Build a function that finds an image's id by a file's path.

    It tries the whole path, the path without its first folders, and the stem; the first that fits one image only wins.
    """
    by_name: dict[str, list[int]] = {}
    for i in model.reg_image_ids():
        name = Path(str(model.images[i].name))
        for key in {name.as_posix(), name.name, name.stem}:
            by_name.setdefault(key, []).append(i)

    def find(name: str) -> int | None:
        parts = Path(name).as_posix().split("/")
        for key in (*("/".join(parts[k:]) for k in range(len(parts))), Path(name).stem):
            found = by_name.get(key, [])
            if len(found) == 1:
                return found[0]
        return None

    return find


class SfmError(MetricDepthError):
    """Reports that no camera path is found: cause and remedy."""


def import_pycolmap() -> ModuleType:
    """Import pycolmap; raise SfmError if it is not installed."""
    try:
        import pycolmap
    except (ImportError, OSError) as error:
        raise SfmError(
            f"COLMAP is needed here ({error}): pip install 'metricdepth[slam]' (the package pycolmap)"
        ) from error
    return pycolmap
