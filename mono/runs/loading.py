"""Reading of images for a run: photo, camera, ground truth and network input."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mono.data.camera_source import ResolvedCamera
from mono.data.ground_truth import GroundTruth, read_ground_truth
from mono.data.sample import Sample
from mono.data.saved_predictions import PredictionFormat
from mono.data.video import VideoSample
from mono.inference.inputs import NetworkInput, WideInput
from mono.inference.prediction import Prediction
from mono.inference.predictor import Predictor
from mono.io.depth import read_depth
from mono.io.images import image_cost
from mono.runs.options import RunOptions
from mono.runs.plan import ImagePlan
from mono.system.errors import MetricDepthError


@dataclass(frozen=True)
class LoadedImage:
    """Image that was read: ready for the network, with its own camera and with those of the focal sweep.

    Attributes:
        sample: the image.
        rgb: pixels, (H, W, 3) uint8.
        found: its camera.
        ground_truth: depth and normals to compare with.
        prepared: network inputs.
        saved: prediction of a former run, where the network is not needed.
        full_size: (width, height) of the file [px], where `rgb` was read at a reduced size.
    """

    sample: Sample
    rgb: np.ndarray
    found: ResolvedCamera | None
    ground_truth: GroundTruth
    prepared: tuple[NetworkInput | WideInput, ...]
    saved: Prediction | None = None
    full_size: tuple[int, int] | None = None


def load_image(
    sample: Sample, image: ImagePlan | None, network: bool, predictor: Predictor, options: RunOptions
) -> LoadedImage:
    """Read an image with its camera and ground truth, and prepare it for the network.

    Args:
        sample: the image.
        image: its plan; None: it is done, and read for the others of its batch only.
        network: its batch goes through the network.
        predictor: the model.
        options: camera flags, focal sweep and protocol.

    Raises:
        MetricDepthError: a file cannot be used.
        OSError: a file cannot be read.
    """
    if image is not None and image.error is not None:
        raise image.error
    if image is None and not network:  # done before, and no other image of its batch needs it
        return LoadedImage(sample, np.empty((0, 0, 3), np.uint8), None, GroundTruth(), ())
    photo = sample.read()
    height, width = photo.rgb.shape[:2]
    found = options.resolver.resolve_for(sample, photo)
    ground_truth = GroundTruth()
    if options.protocol:
        ground_truth = read_ground_truth(sample, (width, height), found.camera)
    if not network:
        saved = None
        if image is not None and image.depth_file is not None:
            meaning = PredictionFormat() if options.align else predictor.prediction_format
            saved = _saved_prediction(image.depth_file, found, meaning)
        return LoadedImage(sample, photo.rgb, found, ground_truth, (), saved)
    if options.focal_sweep and found.camera.depth_kind == "ray":
        raise MetricDepthError("a focal sweep is for perspective images, and this one is a fisheye or panorama")
    swept = [
        ResolvedCamera(replace(found.camera, fx=focal, fy=focal), "given", f"focal sweep, {focal:g} px")
        for focal in options.focal_sweep
        if image is not None and "focal_sweep" in image.kinds
    ]
    prepared = tuple(predictor.prepare(photo.rgb, camera) for camera in (found, *swept))
    return LoadedImage(sample, photo.rgb, found, ground_truth, prepared, full_size=photo.stored_size)


def _saved_prediction(path: Path, found: ResolvedCamera, meaning: PredictionFormat) -> Prediction:
    """Read the prediction of a former run; its confidence is not stored, and not a number here."""
    depth, camera = meaning.read(path) if meaning.zero_is_value else read_depth(path), found.camera
    if depth.shape != (camera.height, camera.width):
        raise MetricDepthError(f"{path}: is {depth.shape[1]}x{depth.shape[0]}, unlike the image; use --overwrite")
    return Prediction(depth, np.full_like(depth, np.nan), camera, found.source, found.detail, format=meaning)


def reading_cost(item: tuple[Sample, ImagePlan | None, bool]) -> int:
    """Estimate the memory of an image that is read [bytes]."""
    sample = item[0]
    if isinstance(sample, VideoSample):
        return 3 * sample.video.width * sample.video.height
    return image_cost(sample.rgb)
