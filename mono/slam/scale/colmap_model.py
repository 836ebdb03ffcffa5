"""COLMAP models: what their points say about scale, and the model in metres."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from mono.data.folder import natural_order
from mono.slam.scale.estimate import ScaleError, depth_at
from mono.system.errors import MetricDepthError

if TYPE_CHECKING:
    import pycolmap


_MIN_TRACK = 3  # images that see a point; two may agree by chance
_MAX_ERROR = 2.0  # [px], of a point's reprojection


def read_model(folder: Path) -> pycolmap.Reconstruction:
    """The model in a folder with cameras, images and points3D, .bin or .txt.

    Raises:
        ScaleError: there is no such model, it is damaged, or it has no points.
        SfmError: pycolmap is not installed.
    """
    colmap = import_pycolmap()
    if not is_model(folder):
        raise ScaleError(f"{folder}: holds no COLMAP model (images.bin or images.txt); give the folder that does")
    try:
        model = colmap.Reconstruction(str(folder))
    except (RuntimeError, ValueError, IndexError) as error:
        raise ScaleError(f"{folder}: its COLMAP model cannot be read ({error})") from error
    if not model.num_reg_images() or not model.num_points3D():
        raise ScaleError(f"{folder}: its COLMAP model has no images or no points; reconstruct again")
    return model


def is_model(folder: Path) -> bool:
    """Whether a folder holds a COLMAP model."""
    return any((folder / f"images.{suffix}").is_file() for suffix in ("bin", "txt"))


def write_model(model: pycolmap.Reconstruction, folder: Path, text: bool = False) -> None:
    """Writes a model's files into a folder, whole or not at all; a model that is there is replaced.

    Args:
        text: as .txt instead of .bin.

    Raises:
        ScaleError: the folder holds something else than a model, or more.
    """
    known = {
        f"{part}.{suffix}" for part in ("cameras", "images", "points3D", "frames", "rigs") for suffix in ("bin", "txt")
    }
    foreign = sorted(f.name for f in folder.iterdir() if f.name not in known) if folder.is_dir() else []
    if foreign:
        raise ScaleError(f"{folder}: would be replaced, but holds {foreign[0]}, which is no part of a COLMAP model")
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
    """A copy of the model with all lengths multiplied, by COLMAP's own similarity transform."""
    import pycolmap

    copy = pycolmap.Reconstruction(model)
    copy.transform(pycolmap.Sim3d(scale, pycolmap.Rotation3d(), np.zeros(3)))
    return copy


def choose_images(model: pycolmap.Reconstruction, count: int = 40, available: Sequence[int] | None = None) -> list[int]:
    """Ids of about `count` registered images that see enough points, evenly spread over the names' order.

    `available`: those to choose from; None: all.
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


def image_log_ratios(model: pycolmap.Reconstruction, image_id: int, depth: np.ndarray) -> np.ndarray:
    """log(predicted depth / depth of the point) at an image's observed keypoints, (P,); where there is no edge.

    COLMAP has the centre of the first pixel at (0.5, 0.5), depth maps here have it at (0, 0).

    Args:
        depth: along the optical axis [m], (H, W); any size of the image's aspect.

    Raises:
        ScaleError: the depth map is of another shape than the image.
    """
    image = model.images[image_id]
    camera = model.cameras[image.camera_id]
    pose = image.cam_from_world().matrix()
    uv, points = [], []
    for seen in image.points2D:
        if seen.has_point3D():
            point = model.points3D[seen.point3D_id]
            if point.track.length() >= _MIN_TRACK and point.error <= _MAX_ERROR:
                uv.append(seen.xy)
                points.append(point.xyz)
    if not uv:
        return np.zeros(0)
    z = np.array(points) @ pose[2, :3] + pose[2, 3]
    height, width = depth.shape
    if abs(width * camera.height - height * camera.width) > max(camera.width, camera.height) * 1.5:
        raise ScaleError(
            f"its depth is {width}x{height}, the model's camera {camera.width}x{camera.height}: not the same shape; "
            "was the photo turned upright (EXIF) for the one and not for the other?"
        )
    at = np.array(uv) * (width / camera.width, height / camera.height) - 0.5
    predicted = depth_at(depth, at)
    good = (z > 0) & np.isfinite(predicted)
    return np.log(predicted[good] / z[good])


def model_name_finder(model: pycolmap.Reconstruction) -> Callable[[str], int | None]:
    """Finds a registered image's id by a file's path: by the whole, what is left of it without its first folders, or
    its stem, whichever first fits one image only."""
    by_name: dict[str, list[int]] = {}
    for i in model.reg_image_ids():
        name = Path(str(model.images[i].name))
        for key in {name.as_posix(), name.name, name.stem}:
            by_name.setdefault(key, []).append(i)

    def find(name: str) -> int | None:
        path = Path(name)
        parts = path.as_posix().split("/")
        for key in (*("/".join(parts[k:]) for k in range(len(parts))), path.stem):
            found = by_name.get(key, [])
            if len(found) == 1:
                return found[0]
        return None

    return find


class SfmError(MetricDepthError):
    """No camera path can be found. The message says why and what to do."""


def import_pycolmap() -> ModuleType:
    """pycolmap; raises SfmError where it is not installed."""
    try:
        import pycolmap
    except (ImportError, OSError) as error:
        raise SfmError(
            f"COLMAP is needed here ({error}): pip install 'metricdepth[slam]' (the package pycolmap)"
        ) from error
    return pycolmap
