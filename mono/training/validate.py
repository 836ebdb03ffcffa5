"""Validate a network on annotated images, without alignment."""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from mono.data.annotations import load_annotations
from mono.data.ground_truth import read_annotated_depth, refuse_wrong_scale
from mono.data.sample import Sample
from mono.evaluation.metrics import compare, resize_depth
from mono.geometry.camera import Camera
from mono.geometry.canonical import CanonicalTransform
from mono.io.images import read_image
from mono.system.errors import MetricDepthError
from mono.training.data.images import WITHOUT_SCALE, parse_source

logger = logging.getLogger(__name__)
_NO_DEPTH = 1e-3  # [m], what a pixel without predicted depth is scored as: it counts as wrong


@dataclass(frozen=True)
class Score:
    """Means over images.

    Attributes:
        abs_rel: mean relative error.
        delta1: share of pixels within 25 %.
        scale: median over images of median ground truth / median prediction.
        spread: standard deviation over images of ln of that ratio.
        aligned_delta1: delta1 after multiplying each prediction by its image's ratio.
    """

    abs_rel: float
    delta1: float
    scale: float
    spread: float
    aligned_delta1: float


def read_sets(paths: Sequence[str | Path], limit: int) -> dict[str, list[Sample]]:
    """Read validation sets, named by their annotation files' folders, or by their paths where two are alike.

    Args:
        paths: annotation files, or folders with an annotations.json.
        limit: largest number of images per set; they are spread evenly.

    Raises:
        MetricDepthError: the limit is below 1, or a set has no metric ground truth.
    """
    if limit < 1:
        raise MetricDepthError(f"{limit} validation images: give at least 1")
    sets: dict[str, list[Sample]] = {}
    for path, kind in (parse_source(str(text)) for text in paths):
        if kind in WITHOUT_SCALE:
            raise MetricDepthError(f"{path}: {kind} ground truth has no metric scale, so it validates nothing")
        samples = [s for s in load_annotations(path) if s.depth is not None and s.intrinsics is not None]
        if not samples:
            raise MetricDepthError(f"{path}: no entry has depth and cam_in, so nothing can be validated on it")
        chosen = np.linspace(0, len(samples) - 1, min(limit, len(samples))).round().astype(int)
        name = path.resolve().parent.name
        sets[str(path) if name in sets else name] = [samples[i] for i in chosen]
    return sets


def warn_of_trained_images(frames: Sequence[Sample], samples: Sequence[Sample]) -> None:
    """Warn of validation images that are trained on too."""
    trained = {frame.rgb.resolve() for frame in frames}
    if shared := [sample.rgb for sample in samples if sample.rgb.resolve() in trained]:
        logger.warning(
            "%d of %d validation images are trained on too, as %s: their scores do not hold for other images",
            len(shared), len(samples), shared[0],
        )  # fmt: skip


def validate(
    network: nn.Module, transform: CanonicalTransform, sets: Mapping[str, Sequence[Sample]]
) -> dict[str, Score]:
    """Score a network on each set of images.

    Args:
        network: network to score.
        transform: canonical transform of the network.
        sets: samples by name of the set; those without ground truth that can be read are left out, with a warning.
    """
    scores = {name: _score(network, transform, samples) for name, samples in sets.items()}
    for name in (name for name, score in scores.items() if score is None):
        _warn_once(f'validation: no image of "{name}" can be scored; none has depth that can be read')
    return {name: score for name, score in scores.items() if score is not None}


@functools.cache
def _warn_once(message: str) -> None:
    logger.warning("%s", message)


@torch.inference_mode()
def _score(network: nn.Module, transform: CanonicalTransform, samples: Sequence[Sample]) -> Score | None:
    rows = []
    device = next(network.parameters()).device
    for sample in samples:
        if sample.depth is None or sample.intrinsics is None:
            continue
        try:
            photo = read_image(sample.rgb)
            rgb = photo.rgb
            target = read_annotated_depth(sample, rgb.shape[1::-1])
            refuse_wrong_scale(sample, target)
        except (MetricDepthError, OSError) as error:
            _warn_once(f"{error}; this image is not scored")
            continue
        view = transform.view(Camera(*sample.intrinsics, *photo.full_size).resized(*rgb.shape[1::-1]))
        image, center = torch.from_numpy(view.image_to_input(rgb))[None], torch.tensor([view.principal_point])
        output = network(image.to(device), center.to(device))
        depth = resize_depth(view.depth_to_metric(output.depth[0].float()).cpu().numpy(), *target.shape)
        known = target > 0
        depth = np.where(depth > 0, depth, np.float32(_NO_DEPTH))
        if known.any():
            plain = compare(depth[known], target[known])
            scale = float(np.median(target[known]) / np.median(depth[known]))
            aligned = compare(depth[known] * scale, target[known])
            rows.append((plain.abs_rel, plain.delta1, scale, aligned.delta1))
    if not rows:
        return None
    table = np.array(rows)
    return Score(
        abs_rel=float(table[:, 0].mean()),
        delta1=float(table[:, 1].mean()),
        scale=float(np.median(table[:, 2])),
        spread=float(np.log(table[:, 2]).std()),
        aligned_delta1=float(table[:, 3].mean()),
    )
