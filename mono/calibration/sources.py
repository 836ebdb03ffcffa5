"""Sources of known distances for the images of a run: flags, files, folders."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mono.calibration.clouds import project_cloud
from mono.calibration.fit import MODELS
from mono.calibration.known import AlignmentError, Known, KnownDepth
from mono.data.ground_truth import without_codes
from mono.data.sample import Sample
from mono.data.upright_maps import required_turn, turn_upright, warn_of_hidden_turn
from mono.geometry.camera import Camera
from mono.io.depth import DEPTH_SUFFIXES, read_depth
from mono.io.extrinsics import read_extrinsics
from mono.io.images import ImageError
from mono.io.point_files import CLOUD_SUFFIXES, read_points
from mono.system.files import cached_while_unchanged

_read_cloud = cached_while_unchanged(maxsize=2)(read_points)


class DepthFinder(Protocol):
    """Source of known depth of images that is no file or folder of depth, as a reconstruction."""

    def find(self, sample: Sample, camera: Camera, predicted: np.ndarray | None) -> KnownDepth:
        """Return the known depth of an image.

        Args:
            sample: the image.
            camera: its camera, at the size of its prediction.
            predicted: (H, W) predicted depth, evidence where the source alone is in doubt.

        Raises:
            AlignmentError: nothing is known of it.
        """

    def settings(self) -> Any:
        """Return what decides the result, as values of JSON."""


@dataclass(frozen=True)
class AlignOptions:
    """Alignment of a run: what is known, and the model to fit.

    Attributes:
        known: distances given by themselves; points and lengths are for one image.
        path: depth map or point cloud of one image, or a folder with one by the name of each image.
        scale: stored value of one metre in depth maps of integers.
        ray: depth maps and points hold distances along the ray, not along the axis.
        extrinsics: file with the transform from a cloud's frame to the camera's.
        inverse: that file holds the camera's pose instead.
        model: "auto", "scale", "affine" or "field".
        finder: another source of depth; its unit is `known.unit`.

    Raises:
        AlignmentError: nothing is known, a path does not exist or is of an unknown kind, or options do not belong
            together.
    """

    known: Known = field(default_factory=Known)
    path: Path | None = None
    scale: float | None = None
    ray: bool = False
    extrinsics: Path | None = None
    inverse: bool = False
    model: str = "auto"
    finder: DepthFinder | None = None

    def __post_init__(self) -> None:
        if self.model not in MODELS:
            raise AlignmentError(f'alignment model "{self.model}" is unknown; give one of {", ".join(MODELS)}')
        if self.known.empty and self.path is None and self.finder is None:
            raise AlignmentError(
                "nothing is known to align with: give a depth map, cloud or COLMAP model (--align), distances "
                "(--known), lengths (--known-length) or --camera-height"
            )
        if self.path is not None and not self.path.exists():
            raise AlignmentError(f"{self.path}: there is no such file or folder to align with")
        if self.path is not None and self.path.is_file() and not _known_kind(self.path):
            raise AlignmentError(
                f"{self.path}: is neither a depth map ({', '.join(sorted(DEPTH_SUFFIXES))}) nor a point cloud "
                f"({', '.join(sorted(CLOUD_SUFFIXES))})"
            )
        if (self.extrinsics or self.inverse) and self.path is None:
            raise AlignmentError("extrinsics are those of a point cloud: give it with --align")

    @property
    def for_one_image(self) -> bool:
        """Tell whether the known is of one image only."""
        return bool(self.known.points or self.known.lengths or (self.path is not None and self.path.is_file()))

    def check(self, samples: Sequence[Sample]) -> None:
        """Refuse to use distances of one image for several.

        Raises:
            AlignmentError: there are several images, and distances or a file of one.
        """
        if self.for_one_image and len(samples) > 1:
            raise AlignmentError(
                f"distances, lengths and single files are known of one image, and {len(samples)} are given: predict "
                "them one by one, give a folder with a depth map for each, or calibrate the camera (metricdepth "
                "calibrate)"
            )

    def find(
        self,
        sample: Sample,
        camera: Camera,
        full_size: tuple[int, int] | None = None,
        predicted: np.ndarray | None = None,
    ) -> Known:
        """Collect what is known of an image.

        Args:
            sample: the image.
            camera: its camera, at the size of its prediction.
            full_size: (width, height) of its file [px], whose pixels are given; None: the prediction's.
            predicted: (H, W) predicted depth, for sources in doubt of an image's orientation.

        Raises:
            MetricDepthError: nothing is known of it, or a file cannot be used.
        """
        size = (camera.width, camera.height)
        known = self.known.resized(full_size or size, size)
        if self.finder is not None:
            return replace(known, depth=self.finder.find(sample, camera, predicted))
        if self.path is None:
            return known
        return replace(known, depth=self._read(self.file_for(sample) or self.path, sample, camera))

    def _read(self, file: Path, sample: Sample, camera: Camera) -> KnownDepth:
        if file.suffix.lower() in CLOUD_SUFFIXES:
            transform = np.eye(4) if self.extrinsics is None else read_extrinsics(self.extrinsics, self.inverse)
            return project_cloud(_read_cloud(file), transform, camera, str(file))
        depth, turn = without_codes(file, read_depth(file, self.scale), self.scale), None
        with contextlib.suppress(ImageError):  # frames of videos and maps without a photo are upright
            turn = required_turn(depth.shape, sample.rgb, (camera.width, camera.height))
        if turn == 1:
            warn_of_hidden_turn(sample.rgb)
        depth = turn_upright(depth, turn or 1)
        if self.ray:
            height, width = depth.shape
            pixels = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1)
            depth = depth / np.linalg.norm(camera.resized(width, height).axis_rays_at(pixels), axis=2)
        return KnownDepth.from_map(depth, str(file))

    def file_for(self, sample: Sample) -> Path | None:
        """Return the file of an image in the folder of depth; None where one source serves all.

        Raises:
            AlignmentError: the folder holds none for it, or several.
        """
        return _file_of(self.path, sample) if self.path is not None and self.path.is_dir() else None

    def settings(self) -> dict[str, Any]:
        """Return what decides the alignment of all images, as values of JSON; see also `file_for`."""
        known = {name: value for name, value in asdict(replace(self.known, depth=None)).items() if value}
        files = [file for file in (self.path, self.extrinsics) if file is not None]
        stamps = [_stamp(file) for file in files]
        other = {"scale": self.scale, "ray": self.ray, "inverse": self.inverse, "model": self.model}
        return {"known": known, "files": stamps, "finder": self.finder and self.finder.settings(), **other}


def _stamp(path: Path) -> list[Any]:
    """Identify a file by name, size and time; of a folder the name alone, as its files count for their own images."""
    stamp = path.stat()
    return [str(path.absolute()), *((stamp.st_size, stamp.st_mtime_ns) if path.is_file() else ())]


def _known_kind(path: Path) -> bool:
    return path.suffix.lower() in DEPTH_SUFFIXES | CLOUD_SUFFIXES


def _file_of(folder: Path, sample: Sample) -> Path:
    names = dict.fromkeys((sample.name, Path(sample.name).name))
    suffixes = sorted(DEPTH_SUFFIXES | CLOUD_SUFFIXES)
    paths = [folder / f"{name}{suffix}" for name in names for suffix in suffixes]
    paths += [path.with_suffix(path.suffix.upper()) for path in paths]
    found = [path for path in dict.fromkeys(paths) if path.is_file()]
    found = [path for i, path in enumerate(found) if not any(path.samefile(other) for other in found[:i])]
    if not found:
        raise AlignmentError(f"{folder}: holds no depth map or cloud named {Path(sample.name).name} to align with")
    if len(found) > 1:
        raise AlignmentError(f"{folder}: holds both {found[0].name} and {found[1].name}; keep one to align with")
    return found[0]
