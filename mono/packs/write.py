"""Pack the results of a run for another program, complete or not at all."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mono.io.atomic import write_bytes
from mono.packs.colmap_dense import ColmapDense
from mono.packs.frames import RunFrame, run_frames, seconds_of
from mono.packs.kitti import Kitti
from mono.packs.layout import Layout, PackError, PackOptions
from mono.packs.model_frames import ModelRunFrame, ModelView
from mono.packs.nerfstudio import Nerfstudio
from mono.packs.open3d_rgbd import Open3d
from mono.packs.ros2_bag import Ros2Bag
from mono.packs.splatting import Splatting
from mono.packs.tum import Tum
from mono.slam.fusion.pose_matching import read_poses
from mono.slam.fusion.posed_depth import DepthFrame, find_depth
from mono.system.errors import MetricDepthError
from mono.system.failure import Failure
from mono.system.versions import __version__

logger = logging.getLogger(__name__)

LAYOUTS: dict[str, type[Layout]] = {
    "nerfstudio": Nerfstudio,
    "3dgs": Splatting,
    "tum": Tum,
    "kitti": Kitti,
    "open3d": Open3d,
    "colmap": ColmapDense,
    "ros2": Ros2Bag,
}
_RECORD = "pack.json"


@dataclass(frozen=True)
class Packed:
    """Outcome of packing.

    Attributes:
        content: content of pack.json: layout, conventions, frames and what was left out.
        failures: frames that were left out, with the reason.
    """

    content: dict[str, Any]
    failures: tuple[Failure, ...]

    @property
    def frames(self) -> list[dict[str, Any]]:
        """Return the records of the packed frames."""
        return list(self.content["frames"])


def pack(
    out: str | os.PathLike[str],
    layout: str,
    to: str | os.PathLike[str],
    *,
    colmap: str | os.PathLike[str] | None = None,
    poses: str | os.PathLike[str] | None = None,
    fps: float | None = None,
    ros_depth: str = "32FC1",
    on_done: Callable[[int], None] = lambda n: None,
) -> Packed:
    """Write a run in another program's layout.

    All layouts hold ideal pinholes: images and depth of distorted lenses are undistorted. Conventions, frames and what
    was left out are in pack.json. The run's folder is not changed.

    Args:
        out: output folder of `predict`, or an annotation file with depth.
        layout: one of `LAYOUTS`.
        to: folder to write, which must not exist or be empty.
        colmap: folder of a COLMAP model of the images.
        poses: trajectory of the camera in metres, TUM or KITTI.
        fps: images per second where images are numbered; None: their numbers are times.
        ros_depth: encoding of depth in ROS bags, "32FC1" (metres, NaN) or "16UC1" (millimetres, 0).
        on_done: called with 1 after each frame.

    Returns:
        Content of pack.json, and the frames that were left out.

    Raises:
        MetricDepthError: options do not fit the layout, the folder holds files, the run's depth is in no unit that the
            layout can hold, or no frame can be packed.
        OSError: a file cannot be written.
    """
    out, to = Path(out), Path(to)
    options = PackOptions(Path(colmap) if colmap else None, Path(poses) if poses else None, fps, ros_depth)
    if layout not in LAYOUTS:
        raise PackError(f'layout "{layout}" is unknown; choose one of {", ".join(LAYOUTS)}')
    kind = LAYOUTS[layout]
    _check_options(layout, kind, options)
    _check_target(out, to)
    frames = find_depth(out)
    _check_unit(frames, layout, in_model=options.colmap is not None)
    model = ModelView.open(options.colmap) if options.colmap else None
    sources = _sources(frames, options, model)
    failures: list[Failure] = []
    found = {id(source.frame) for source in sources}
    reason = f"{model.folder}: its model has no such image" if model else f"{options.poses}: has no pose for it"
    failures += [Failure(frame.sample.source, reason) for frame in frames if id(frame) not in found]
    with _new_folder(to) as folder:
        writer = kind(folder, options, model)
        if kind.surveys:
            sources = [
                source for source in sources if _try(source, lambda s: writer.look(s.read(image=False)), failures)
            ]
        records: list[dict[str, Any]] = []

        def write(source: RunFrame | ModelRunFrame) -> None:
            frame = source.read()
            records.append({"name": frame.name, **writer.add(frame)})

        for source in sources:
            _try(source, write, failures)
            on_done(1)
        if not records:
            first = failures[0]
            raise PackError(f"none of the {len(frames)} frames can be packed; {first.source}: {first.reason}")
        left_out = [{"frame": failure.source, "reason": failure.reason} for failure in failures]
        content = {"layout": layout, "depth": "along the optical axis (z)", **writer.finish()}
        content |= {"made_by": f"metricdepth {__version__}", "frames": records, "left_out": left_out}
        write_bytes(folder / _RECORD, (json.dumps(content, indent=1) + "\n").encode())
    return Packed(content, tuple(failures))


def _try(source: Any, work: Callable[[Any], None], failures: list[Failure]) -> bool:
    """Work on a frame; log and list failures."""
    try:
        work(source)
    except MetricDepthError as error:
        logger.error("%s: %s", source.source, error)
        failures.append(Failure(source.source, str(error)))
        return False
    return True


def _check_options(layout: str, kind: type[Layout], options: PackOptions) -> None:
    if options.colmap is not None and not kind.uses_model:
        raise PackError(f"{layout} takes no COLMAP model: leave --colmap out; poses in metres are given with --poses")
    if options.poses is not None and not kind.uses_poses:
        raise PackError(f"{layout} takes its poses from the COLMAP model: leave --poses out")
    if kind.uses_model == "needed" and options.colmap is None:
        raise PackError(f"{layout} is built around a COLMAP model of the images: give its folder (--colmap sparse/0)")
    if kind.uses_model == "allowed" and options.colmap is None and options.poses is None:
        raise PackError(f"{layout} needs the cameras' poses: give --colmap sparse/0, or --poses with a trajectory")


def _check_target(out: Path, to: Path) -> None:
    if to.resolve().is_relative_to(out.resolve()):
        raise PackError(f"{to}: lies in the run's folder, which is not changed; choose a folder outside of {out}")
    if to.is_symlink() or (to.exists() and not to.is_dir()):
        raise PackError(f"{to}: is not a folder; choose another (--to)")
    if to.is_dir() and any(to.iterdir()):
        raise PackError(f"{to}: holds files already; remove it, or choose another folder (--to)")


def _check_unit(frames: Sequence[DepthFrame], layout: str, in_model: bool) -> None:
    units = {frame.unit for frame in frames}
    if None in units:
        raise PackError("the depth of this run has no unit: align it with something known first (predict --align …)")
    if "model" in units and not in_model:
        raise PackError(
            f"the depth of this run is in the unit of a COLMAP model, and {layout} holds metres here: give the model "
            "(--colmap), or predict without aligning to it"
        )
    if len(units) > 1:
        raise PackError("some depth of this run is in metres, some in the unit of a COLMAP model: predict all alike")


def _sources(
    frames: list[DepthFrame], options: PackOptions, model: ModelView | None
) -> Sequence[RunFrame | ModelRunFrame]:
    if model is not None:
        return model.match(frames, seconds_of(frames, options.fps))
    if options.poses is None:
        return run_frames(frames, options.fps)
    return run_frames(frames, options.fps, read_poses(frames, options.poses))


@contextlib.contextmanager
def _new_folder(to: Path) -> Iterator[Path]:
    """Write into a hidden folder, renamed when complete."""
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        holder = tempfile.TemporaryDirectory(prefix=".mono-pack-", dir=to.parent)
    except OSError as error:
        raise PackError(f"cannot write into {to.parent}: {error.strerror or error}; choose another folder") from error
    with holder as temporary:
        folder = Path(temporary, "pack")
        folder.mkdir()
        yield folder
        if to.is_dir():
            to.rmdir()
        folder.rename(to)
