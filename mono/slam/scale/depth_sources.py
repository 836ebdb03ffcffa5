"""Sources of depth maps for frames: a network, saved predictions, annotations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from mono.data.annotations import load_annotations
from mono.data.camera_source import ResolvedCamera
from mono.data.ground_truth import read_annotated_depth, without_codes
from mono.data.sample import Sample
from mono.data.saved_predictions import SavedPredictions, saved_format
from mono.geometry.camera import Camera
from mono.io.depth import read_depth
from mono.io.depth_metadata import saved_camera
from mono.slam.scale.estimate import ScaleError

if TYPE_CHECKING:
    from mono.inference.predictor import Predictor


class DepthSource(Protocol):
    """Gives depth maps of frames.

    Attributes:
        reads_images: True if depth is computed from the frame's image.
    """

    reads_images: bool

    def has(self, sample: Sample) -> bool:
        """Tell whether the frame has depth."""

    def depth(self, sample: Sample, camera: ResolvedCamera, rgb: np.ndarray | None = None) -> np.ndarray:
        """Give the depth map of a frame.

        Args:
            sample: the frame.
            camera: camera of the upright frame; sources that read depth from files ignore it.
            rgb: the frame's image, (H, W, 3) uint8, if it is at hand.

        Returns:
            Depth along the optical axis [m], (h, w) float32 of the frame's aspect, 0 without depth.

        Raises:
            MetricDepthError: the frame or its depth cannot be read.
        """


class NetworkDepth:
    """Predicts depth of any frame."""

    reads_images = True

    def __init__(self, predictor: Predictor) -> None:
        """Wrap a predictor."""
        self.predictor = predictor

    def has(self, sample: Sample) -> bool:
        """Return True: any frame can be predicted."""
        return True

    def depth(self, sample: Sample, camera: ResolvedCamera, rgb: np.ndarray | None = None) -> np.ndarray:
        """Predict the depth map of a frame; see `DepthSource`."""
        depth = self.predictor.predict(sample.read().rgb if rgb is None else rgb, camera).depth
        return _along_axis(depth, camera.camera)


class SavedDepth:
    """Reads depth that `predict` or another program saved by the frames' names."""

    reads_images = False

    def __init__(self, folder: Path, samples: Sequence[Sample], scale: float | None = None) -> None:
        """Open a folder of depth, as for `evaluate --pred`.

        Args:
            folder: depth maps, in itself or in depth/.
            samples: all frames; they decide whether names without folders are unique.
            scale: stored value of one metre; None: the file's own, or metres.

        Raises:
            RunError: the folder does not exist.
            ScaleError: it holds depth of none of the frames.
        """
        self._saved, self._scale = SavedPredictions.open(folder, samples), scale
        _check_any(folder, self, samples)

    def has(self, sample: Sample) -> bool:
        """Tell whether the frame has depth."""
        return self._saved.depth_file(sample) is not None

    def depth(self, sample: Sample, camera: ResolvedCamera, rgb: np.ndarray | None = None) -> np.ndarray:
        """Read the depth map of a frame; see `DepthSource`."""
        file = self._saved.depth_file(sample)
        if file is None:
            raise ScaleError(f"{sample.source}: has no saved depth")
        if not (meaning := saved_format(file)).metric:
            raise ScaleError(f"{file}: holds {meaning.kind} without a unit, which gives no metres; give depth")
        depth, own = read_depth(file, self._scale), saved_camera(file)
        return without_codes(file, depth, self._scale) if own is None else _along_axis(depth, own)


class AnnotatedDepth:
    """Reads depth that an annotation file names for the frames' images."""

    reads_images = False

    def __init__(self, file: Path, samples: Sequence[Sample]) -> None:
        """Load an annotation file.

        Args:
            file: JSON annotations with depth.
            samples: all frames.

        Raises:
            AnnotationError: the file is wrong.
            ScaleError: it names depth of none of the frames.
        """
        self._known = {s.rgb.resolve(): s for s in load_annotations(file) if s.depth}
        _check_any(file, self, samples)

    def has(self, sample: Sample) -> bool:
        """Tell whether the frame has depth."""
        return sample.rgb.resolve() in self._known

    def depth(self, sample: Sample, camera: ResolvedCamera, rgb: np.ndarray | None = None) -> np.ndarray:
        """Read the depth map of a frame; see `DepthSource`."""
        if not self.has(sample):
            raise ScaleError(f"{sample.source}: has no annotated depth")
        return _along_axis(read_annotated_depth(self._known[sample.rgb.resolve()], camera=camera.camera), camera.camera)


def open_depth(path: Path, samples: Sequence[Sample], scale: float | None = None) -> DepthSource:
    """Open an annotation file or a folder of depth.

    Args:
        path: JSON file, or folder as for `SavedDepth`.
        samples: all frames.
        scale: stored value of one metre in the folder's maps; None: the file's own, or metres.

    Raises:
        MetricDepthError: there is no such file or folder, it holds depth of none of the frames, or an annotation file
            has its scale outside.
    """
    if not path.is_file():
        return SavedDepth(path, samples, scale)
    if scale is not None:
        raise ScaleError(f"{path}: states the scale of its depth itself (depth_scale); leave out --pred-scale")
    return AnnotatedDepth(path, samples)


def _along_axis(depth: np.ndarray, camera: Camera) -> np.ndarray:
    """Convert depth of a camera's `depth_kind` to depth along its axis."""
    return camera.resized(*depth.shape[::-1]).distance_to_depth(depth) if camera.depth_kind == "ray" else depth


def _check_any(path: Path, source: DepthSource, samples: Sequence[Sample]) -> None:
    if not any(source.has(sample) for sample in samples):
        raise ScaleError(f"{path}: holds depth of none of the {len(samples)} frames; their names must agree")
