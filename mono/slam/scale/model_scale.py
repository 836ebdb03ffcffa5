"""Metric scale of a COLMAP model from its images' depth."""

from __future__ import annotations

import functools
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mono.calibration.statistics import robust_std
from mono.data.camera_source import ResolvedCamera
from mono.data.sample import Sample
from mono.slam.scale.colmap_model import (
    camera_of,
    choose_images,
    image_log_ratios,
    model_name_finder,
    read_model,
    rescaled,
    same_shape,
    write_model,
)
from mono.slam.scale.depth_sources import DepthSource
from mono.slam.scale.estimate import ScaleError, estimate_scale
from mono.slam.scale.orientation import stored_orientation
from mono.slam.scale.rescaling import (
    DEFAULT_FRAMES,
    FrameRatios,
    OnDone,
    Rescaling,
    collect_ratios,
    frame_scales,
)

if TYPE_CHECKING:
    import pycolmap

logger = logging.getLogger(__name__)

_CLEARLY_LESS = 0.8  # share of the spread within images, below which photos were upright in COLMAP


@dataclass(frozen=True)
class ModelImage:
    """Registered image of a model, with its frame.

    Attributes:
        image_id: the image's id in the model.
        sample: its frame, which reads as the upright image.
        orientation: EXIF orientation of the frame's file; COLMAP describes pixels as stored. 1: they are upright.
        camera: camera of the upright frame; None: the model's own.
    """

    image_id: int
    sample: Sample
    orientation: int = 1
    camera: ResolvedCamera | None = None


@dataclass(frozen=True)
class RescaledModel:
    """Result of `rescale_model`.

    Attributes:
        rescaling: the scale.
        focal_px: mean focal lengths of the images' cameras, increasing, rounded to 0.1 px.
        images: number of images in the model.
        folder: folder of the metric model.
    """

    rescaling: Rescaling
    focal_px: tuple[float, ...]
    images: int
    folder: Path


def match_images(
    model: pycolmap.Reconstruction, samples: Sequence[Sample], camera: ResolvedCamera | None = None
) -> list[ModelImage]:
    """Match a model's images with frames by their names.

    Args:
        model: the model.
        samples: the frames.
        camera: camera of all frames; None: the model's own.

    Raises:
        ScaleError: no frame belongs to the model, or two frames belong to one image.
    """
    find = model_name_finder(model)
    matched: dict[int, Sample] = {}
    for sample in samples:
        image = find(sample.source)
        image = find(sample.name) if image is None else image
        if image is not None and matched.setdefault(image, sample) is not sample:
            raise ScaleError(
                f"{sample.source} and {matched[image].source} both carry the name of one image of the model; give one"
            )
    if not matched:
        raise ScaleError(
            f"none of the {len(samples)} frames is one of the model's {model.num_reg_images()} images; names must agree"
        )
    return [ModelImage(image, sample, stored_orientation(sample), camera) for image, sample in matched.items()]


def scale_model(
    model: pycolmap.Reconstruction,
    images: Sequence[ModelImage],
    depth: DepthSource,
    on_done: OnDone = lambda n: None,
) -> Rescaling:
    """Estimate a model's scale from depth at its keypoints.

    Keypoints of photos with an EXIF orientation are turned upright. Where a photo's shape leaves open whether COLMAP
    saw it as stored or upright (180 degrees, square photos), the reading with the smaller spread within images holds;
    as stored, if they are about equal.

    Args:
        model: the model.
        images: images to look at, in order of the path.
        depth: depth of their frames.
        on_done: called with 1 after each image.

    Raises:
        ScaleError: there is no reliable scale.
    """
    last = max(len(images) - 1, 1)
    upright: dict[int, np.ndarray] = {}  # log ratios of turned photos, if COLMAP saw them upright

    def ratios(image: ModelImage) -> np.ndarray:
        map_ = _depth(model, image, depth)
        stored, seen = _readings(model, image, (map_.shape[1], map_.shape[0]))
        if seen and image.orientation != 1:
            upright[image.image_id] = image_log_ratios(model, image.image_id, map_)
        if seen and not stored:
            return image_log_ratios(model, image.image_id, map_)
        return image_log_ratios(model, image.image_id, map_, image.orientation)

    collected = collect_ratios(
        (
            (image.image_id, str(model.images[image.image_id].name), n / last, functools.partial(ratios, image))
            for n, image in enumerate(images)
        ),
        on_done,
    )
    scales, failures = frame_scales(_by_evidence(collected, upright))
    return Rescaling(estimate_scale(scales), len(images), tuple(failures))


def _depth(model: pycolmap.Reconstruction, image: ModelImage, depth: DepthSource) -> np.ndarray:
    """Get depth of an image; the model's own camera is turned and resized to the frame."""
    if image.camera is not None:
        return depth.depth(image.sample, image.camera)
    own = camera_of(model, image.image_id)
    if not depth.reads_images:
        return depth.depth(image.sample, ResolvedCamera(own, "given", "the COLMAP model"))
    rgb = image.sample.read().rgb
    height, width = rgb.shape[:2]
    turned = own.turned(image.orientation)
    own = turned if same_shape((width, height), (turned.width, turned.height)) else own
    own = own if (own.width, own.height) == (width, height) else own.resized(width, height)
    return depth.depth(image.sample, ResolvedCamera(own, "given", "the COLMAP model"), rgb)


def _readings(model: pycolmap.Reconstruction, image: ModelImage, size: tuple[int, int]) -> tuple[bool, bool]:
    """Tell whether the model's image fits the upright (width, height) as stored, and as upright."""
    camera = model.cameras[model.images[image.image_id].camera_id]
    upright = (camera.width, camera.height)
    stored = upright if image.orientation < 5 else upright[::-1]
    return same_shape(size, stored), same_shape(size, upright)


def _by_evidence(collected: Sequence[FrameRatios], upright: dict[int, np.ndarray]) -> list[FrameRatios]:
    """Replace ratios of turned photos where COLMAP evidently saw them upright."""
    turned = [f for f in collected if f.ratios is not None and len(f.ratios) and len(upright.get(f.number, ()))]
    if not turned:
        return list(collected)
    as_stored = sum(robust_std(f.ratios) for f in turned if f.ratios is not None)
    as_upright = sum(robust_std(upright[f.number]) for f in turned)
    if as_upright >= _CLEARLY_LESS * as_stored:
        logger.info("%d photos are turned by EXIF: their keypoints are turned upright, too", len(turned))
        return list(collected)
    logger.info("%d photos are turned by EXIF, and were upright in COLMAP", len(turned))
    return [replace(f, ratios=upright[f.number]) if f.number in upright else f for f in collected]


def rescale_model(
    folder: Path,
    samples: Sequence[Sample],
    depth: DepthSource,
    out: Path,
    camera: ResolvedCamera | None = None,
    count: int = DEFAULT_FRAMES,
    on_done: OnDone = lambda n: None,
) -> RescaledModel:
    """Rescale a COLMAP model to metres by its images' depth.

    Args:
        folder: the model, .bin or .txt.
        samples: the model's images, matched by name.
        depth: their depth.
        out: folder for the metric model, in the format of the given one.
        camera: camera of all frames for predicting depth; None: the model's own cameras.
        count: number of images that get depth, about.
        on_done: called with 1 after each image.

    Raises:
        ScaleError: the model cannot be read, frames do not belong to it, or there is no reliable scale.
        SfmError: pycolmap is not installed.
    """
    if out.resolve() == folder.resolve():
        raise ScaleError(f"{out}: is the model that is read, and would be replaced; choose another folder (--out)")
    model = read_model(folder)
    images = {image.image_id: image for image in match_images(model, samples, camera) if depth.has(image.sample)}
    chosen = choose_images(model, count, list(images))
    rescaling = scale_model(model, [images[i] for i in chosen], depth, on_done)
    write_model(rescaled(model, rescaling.estimate.scale), out, (folder / "images.txt").is_file())
    focal = sorted(
        {round((image.camera.camera if image.camera else camera_of(model, i)).focal, 1) for i, image in images.items()}
    )
    return RescaledModel(rescaling, tuple(focal), model.num_reg_images(), out)
