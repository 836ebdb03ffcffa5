"""Data set of mixed cameras, as batches in the canonical camera."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import torch
from numpy.random import Generator
from torch.utils.data import DataLoader, default_collate

from mono.data.ground_truth import read_annotated_depth, refuse_wrong_scale
from mono.geometry.camera import Camera
from mono.geometry.canonical import CanonicalTransform, CanonicalView, square_pixels
from mono.io.images import read_image
from mono.system.distributed import Ranks
from mono.system.errors import MetricDepthError
from mono.training.data.augment import augment
from mono.training.data.batch import FAR, SKY, SURFACE, Batch
from mono.training.data.images import Frame, Kind
from mono.training.data.new_sky import plain_landscape, replace_sky
from mono.training.data.sampling import BatchPlan, SampleSpec, StepSampler
from mono.training.recipe import Recipe

logger = logging.getLogger(__name__)

_UNREADABLE_IN_A_ROW = 10  # from here on it is no single file: the run ends
_LEAST_SKY = 0.02  # share of an image from which on its sky is replaced
_LANDSCAPES = 0.2  # share of whole landscapes among new skies


def training_view(
    camera: Camera, size: tuple[int, int], transform: CanonicalTransform, recipe: Recipe, rng: Generator
) -> tuple[tuple[int, int], CanonicalView]:
    """Draw an image window and its mapping to an input of `size`.

    In image mode the window is resized to the canonical focal length; in label mode so that the image fits into the
    size, or fills it, or anything between. A random factor comes on top of both; the depth factor accounts for it.

    Args:
        camera: camera of the full image.
        size: (height, width) of the network input [px].
        transform: canonical transform of the network.
        recipe: jitter and centering.
        rng: random generator.

    Returns:
        (left, top) of the window [px], and the view for the window, whose camera has the window's size.
    """
    jitter = float(np.clip(np.exp(rng.normal(0, recipe.focal_jitter)), 0.6, 1.4))
    focal, *square = square_pixels(camera.fx, camera.fy, camera.height, camera.width)
    if transform.mode == "image":
        ratio = transform.focal_length / focal * jitter
    else:
        fits, fills = sorted((size[0] / square[0], size[1] / square[1]))
        ratio = fits * (fills / fits) ** rng.random() * jitter
    centred = rng.random() < recipe.centred
    window, inside, start = [], [], []
    for full, stretched, wanted in zip((camera.height, camera.width), square, size, strict=True):
        along = ratio * (stretched / full)
        cut = min(full, max(round(wanted / along), 1))
        window.append(cut)
        inside.append(wanted if cut < full else max(min(round(full * along), wanted), 1))
        spread = rng.uniform(-0.5, 0.5) * (0.2 if centred else 1.0)
        start.append(round((full - cut) * (0.5 + spread)))
    (top, left), (height, width) = start, inside
    # Whole pixels make the ratio differ a little from the one that was drawn: the depth factor follows the pixels.
    return (left, top), transform.place(camera.cropped(left, top, window[1], window[0]), (height, width), size)


class MixedFrames:
    """Torch data set that maps a `SampleSpec` to a `Batch` without B."""

    def __init__(self, frames: Sequence[Frame], transform: CanonicalTransform, recipe: Recipe, far: float):
        """Create the data set.

        Args:
            frames: training images.
            transform: canonical transform of the network.
            recipe: augmentation settings.
            far: canonical depth [m] beyond which surfaces count as too far.
        """
        self.frames, self.transform, self.recipe, self.far = frames, transform, recipe, far
        self.unreadable = torch.zeros(len(frames), dtype=torch.bool).share_memory_()  # also of worker processes

    def view(self, camera: Camera, size: tuple[int, int], rng: Generator) -> tuple[tuple[int, int], CanonicalView]:
        """Draw the window of an image; see `training_view`."""
        return training_view(camera, size, self.transform, self.recipe, rng)

    def __getitem__(self, key: SampleSpec) -> Batch | MetricDepthError:
        """Load a sample; where its frame cannot be read, the next one takes its place.

        Returns:
            The sample; the error of the last frame if many in a row cannot be read.
        """
        cv2.setNumThreads(1)
        for number in range(key.frame, key.frame + _UNREADABLE_IN_A_ROW):
            number %= len(self.frames)
            try:
                return self._sample(key._replace(frame=number))
            except (MetricDepthError, OSError) as error:
                last = error if isinstance(error, MetricDepthError) else MetricDepthError(str(error))
                if not self.unreadable[number]:
                    logger.warning("%s; the next frame takes its place", last)
                    self.unreadable[number] = True
        return last

    def _sample(self, key: SampleSpec) -> Batch:
        frame, rng = self.frames[key.frame], np.random.default_rng(key.seed)
        rgb, depth, camera = _read(frame)
        if rng.random() < 0.5:
            rgb, depth = rgb[:, ::-1], depth[:, ::-1]
            camera = replace(camera, cx=camera.width - 1 - camera.cx)
        rng = np.random.default_rng((key.seed, key.view))
        if key.share < 1:
            rgb, depth, camera = _crop(rgb, depth, camera, key.share, rng)
        (left, top), view = self.view(camera, key.size, rng)
        window = slice(top, top + view.camera.height), slice(left, left + view.camera.width)
        if frame.kind == "sky" and not np.isin(depth, (0, 1, 2)).all():
            wrong = depth[~np.isin(depth, (0, 1, 2))][0]
            raise MetricDepthError(
                f"{frame.depth} holds {wrong:g}: labels of sky are 0 (unknown), 1 (surface) and 2 (sky), with "
                '"depth_scale": 1'
            )
        kind: Kind = frame.kind or ("rendered" if self.recipe.zero_is_sky else "dense")
        rgb, depth = np.ascontiguousarray(rgb[window]), np.ascontiguousarray(depth[window])
        if self.recipe.new_sky and kind in ("rendered", "sky"):
            rgb, depth, kind = self._new_sky(rgb, depth, kind, view.camera.cy, rng)
        image = view.image_to_input(augment(rgb, rng, self.recipe.light))
        target = self._target(depth, view, kind)
        seen, factor = view.input_camera, view.depth_factor
        return Batch(
            image=torch.from_numpy(image),
            target=torch.from_numpy(target[None]),
            intrinsics=torch.tensor([seen.fx * factor, seen.fy * factor, seen.cx, seen.cy]),
            factor=torch.tensor(factor),
            area=torch.tensor(_area(view)),
            metric=torch.tensor(kind != "relative"),
            measured=torch.tensor(kind != "predicted"),
        )

    def _new_sky(
        self, rgb: np.ndarray, depth: np.ndarray, kind: Kind, middle: float, rng: Generator
    ) -> tuple[np.ndarray, np.ndarray, Kind]:
        sky = (depth <= 0) if kind == "rendered" else (np.rint(depth) == 2)
        if sky.mean() < _LEAST_SKY or rng.random() >= self.recipe.new_sky:
            return rgb, depth, kind
        horizon = middle + rng.normal(0, 0.15) * len(rgb)
        if rng.random() >= _LANDSCAPES:
            return replace_sky(rgb, sky, horizon, rng), depth, kind
        rgb, sky = plain_landscape(sky.shape, horizon, rng)
        return rgb, np.where(sky, np.float32(2), np.float32(1)), "sky"

    def _target(self, depth: np.ndarray, view: CanonicalView, kind: Kind) -> np.ndarray:
        if kind in ("relative", "unlabelled"):
            return view.depth_to_canonical(depth)
        if kind == "sky":
            labels = np.rint(view.depth_to_canonical(depth) / view.depth_factor)
            return np.select([labels == 1, labels == 2], [np.float32(SURFACE), np.float32(SKY)], np.float32(0))
        if kind == "rendered":
            depth = np.where(depth > 0, depth, np.float32(SKY))
        target = view.depth_to_canonical(depth)
        return np.where(target < 0, np.float32(SKY), np.where(target > self.far, np.float32(FAR), target))


def _crop(
    rgb: np.ndarray, depth: np.ndarray, camera: Camera, share: float, rng: Generator
) -> tuple[np.ndarray, np.ndarray, Camera]:
    """Crop a random part with `share` of an image's sides."""
    height, width = (max(round(side * share), 1) for side in rgb.shape[:2])
    top, left = int(rng.integers(camera.height - height + 1)), int(rng.integers(camera.width - width + 1))
    part = slice(top, top + height), slice(left, left + width)
    return rgb[part], depth[part], camera.cropped(left, top, width, height)


def _area(view: CanonicalView) -> tuple[int, int, int, int]:
    top, _, left, _ = view.padding
    return top, top + view.size[0], left, left + view.size[1]


def _read(frame: Frame) -> tuple[np.ndarray, np.ndarray, Camera]:
    if frame.kind == "sky" and frame.depth_invalid is None:
        frame = replace(frame, depth_invalid=())  # labels hold no code for "no depth"
    photo = read_image(frame.rgb)
    rgb = photo.rgb
    height, width = rgb.shape[:2]
    if frame.depth is None:
        depth: np.ndarray = np.zeros((height, width), np.float32)
    else:
        depth = read_annotated_depth(frame, (width, height))
        if frame.kind not in ("relative", "sky"):
            refuse_wrong_scale(frame, depth)
    if depth.shape != (height, width):
        depth = cv2.resize(depth, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    return rgb, depth, Camera(*frame.intrinsics, *photo.full_size).resized(width, height)


def _collate(samples: Sequence[Batch | MetricDepthError]) -> Batch | MetricDepthError:
    """Stack samples; an error is handed on, as raised in a worker it would come with the worker's traceback."""
    return next((s for s in samples if isinstance(s, MetricDepthError)), None) or default_collate(list(samples))


def loader(
    data: MixedFrames, plan: BatchPlan, start: int, workers: int, ranks: Ranks | None = None
) -> DataLoader[Batch | MetricDepthError]:
    """Create an endless loader of batches, or of an error in place of one, from step `start` on.

    OpenCV is limited to one thread in this process from then on: its thread pool does not survive the fork of workers,
    which would wait for it forever.

    Args:
        data: data set.
        plan: batches of the run.
        start: first step.
        workers: number of worker processes.
        ranks: this process among all; it loads its part of each batch.
    """
    cv2.setNumThreads(1)
    return DataLoader(
        data,  # type: ignore[arg-type]
        batch_sampler=StepSampler(plan, start, ranks or Ranks()),
        num_workers=workers,
        collate_fn=_collate,
        prefetch_factor=4 if workers else None,
    )
