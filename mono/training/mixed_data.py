"""Frames of many cameras, as batches in the canonical camera. What a batch holds follows from seed and step alone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.random import Generator

from mono.camera import Camera
from mono.canonical import CanonicalTransform, CanonicalView
from mono.training.recipe import Recipe

if TYPE_CHECKING:
    from torch import Tensor
    from torch.utils.data import DataLoader

SKY = -1.0  # in target maps: nothing is there, however far; 0 is unknown
_MIXED = 0.15  # share of a batch drawn without regard to its shape


@dataclass(frozen=True)
class Frame:
    """A training image with ground truth; no file has been opened.

    Attributes:
        rgb, depth: its files.
        depth_scale: metres = stored value / depth_scale; None: as the file says.
        intrinsics: (fx, fy, cx, cy) [px].
        family: what kind of frame it is; the recipe balances families.
    """

    rgb: Path
    depth: Path
    depth_scale: float | None
    intrinsics: tuple[float, float, float, float]
    family: str


def read_frames(paths: Sequence[Path]) -> list[Frame]:
    """The frames of annotation files; an entry's `family` defaults to its file's folder.

    Raises:
        ValueError: a file is not a valid annotation file, or an entry has no depth or no camera.
    """
    from mono.data.annotations import load_annotations

    frames = []
    for path in paths:
        samples = load_annotations(path)
        content = json.loads(path.read_bytes().decode("utf-8-sig"))
        entries = content["files"] if isinstance(content, dict) else content
        for number, (sample, entry) in enumerate(zip(samples, entries, strict=True)):
            if sample.depth is None or sample.intrinsics is None:
                missing = "depth" if sample.depth is None else "cam_in"
                raise ValueError(f"{path}: entry {number} has no {missing}; training needs both depth and cam_in")
            family = str(entry.get("family", path.resolve().parent.name))
            frames.append(Frame(sample.rgb, sample.depth, sample.depth_scale, sample.intrinsics, family))
    return frames


def best_size(frame: Frame, sizes: Sequence[tuple[int, int]], focal: float) -> int:
    """Index of the size that overlaps most with the frame at focal length `focal`; its size is told from cx and cy."""
    fx, fy, cx, cy = frame.intrinsics
    ratio = 2 * focal / (fx + fy)
    height, width = (2 * cy + 1) * ratio, (2 * cx + 1) * ratio

    def overlap(size: tuple[int, int]) -> float:
        both = min(size[0], height) * min(size[1], width)
        return both / (size[0] * size[1] + height * width - both)

    return max(range(len(sizes)), key=lambda i: overlap(sizes[i]))


def training_view(
    camera: Camera, size: tuple[int, int], transform: CanonicalTransform, recipe: Recipe, rng: Generator
) -> tuple[tuple[int, int], CanonicalView]:
    """A random window of an image and its way into a canonical input of exactly `size` (height, width).

    The window is resized to the canonical focal length times a random factor, which the depth factor makes good for.

    Returns:
        (left, top) of the window [px], and the view for the window, whose camera has the window's size.
    """
    jitter = float(np.clip(np.exp(rng.normal(0, recipe.focal_jitter)), 0.6, 1.4))
    ratio = transform.focal_length * jitter / camera.focal
    centred = rng.random() < recipe.centred
    window, inside, start = [], [], []
    for full, wanted in ((camera.height, size[0]), (camera.width, size[1])):
        cut = min(full, max(round(wanted / ratio), 1))
        window.append(cut)
        inside.append(wanted if cut < full else max(min(round(full * ratio), wanted), 1))
        spread = rng.uniform(-0.5, 0.5) * (0.2 if centred else 1.0)
        start.append(round((full - cut) * (0.5 + spread)))
    (top, left), (height, width) = start, inside
    # Whole pixels make the ratio differ a little from the one that was drawn.
    resized = (height / window[0] + width / window[1]) / 2
    before = [(size[i] - inside[i]) // 2 for i in (0, 1)]
    view = CanonicalView(
        camera=camera.cropped(left, top, window[1], window[0]),
        size=(height, width),
        padding=(before[0], size[0] - height - before[0], before[1], size[1] - width - before[1]),
        depth_factor=transform.focal_length / (camera.focal * resized),
        mean=transform.mean,
        std=transform.std,
    )
    return (left, top), view


class MixedFrames:
    """A torch dataset: (frame's index, size, seed) in, input (3, H, W) and target (1, H, W) out.

    Targets are canonical depth [m]; `SKY` where there is sky, 0 where nothing is known.
    """

    def __init__(self, frames: Sequence[Frame], transform: CanonicalTransform, recipe: Recipe, far: float):
        self.frames, self.transform, self.recipe, self.far = frames, transform, recipe, far

    def __getitem__(self, key: tuple[int, tuple[int, int], int]) -> tuple[Tensor, Tensor]:
        import cv2
        import torch

        from mono.data.depth import read_depth
        from mono.data.images import read_image
        from mono.training.augment import augment

        cv2.setNumThreads(1)
        index, size, seed = key
        frame, rng = self.frames[index], np.random.default_rng(seed)
        rgb, depth = read_image(frame.rgb).rgb, read_depth(frame.depth, frame.depth_scale)
        height, width = rgb.shape[:2]
        if depth.shape != (height, width):
            raise ValueError(f"{frame.depth} is {depth.shape[1]}x{depth.shape[0]}, its image {width}x{height}")
        camera = Camera(*frame.intrinsics, width=width, height=height)
        if rng.random() < 0.5:
            rgb, depth = rgb[:, ::-1], depth[:, ::-1]
            camera = replace(camera, cx=width - 1 - camera.cx)
        (left, top), view = training_view(camera, size, self.transform, self.recipe, rng)
        window = slice(top, top + view.camera.height), slice(left, left + view.camera.width)
        image = view.image_to_input(augment(np.ascontiguousarray(rgb[window]), rng))
        depth = np.ascontiguousarray(depth[window])
        if self.recipe.zero_is_sky:
            depth = np.where(depth > 0, depth, np.float32(SKY))
        target = view.depth_to_canonical(depth)
        target = np.where(target < 0, np.float32(SKY), np.where(target > self.far, np.float32(SKY), target))
        return torch.from_numpy(image), torch.from_numpy(target[None])


@dataclass(frozen=True)
class BatchPlan:
    """Which frames, at which size, make the batch of each step; a pure function of seed and step.

    Attributes:
        by_size: for each size, frames that suit it.
        weights: of each frame, summing to 1.
        recipe: sizes and batch sizes.
        seed: of the run.
    """

    by_size: tuple[np.ndarray, ...]
    weights: np.ndarray
    recipe: Recipe
    seed: int

    @classmethod
    def of(cls, frames: Sequence[Frame], recipe: Recipe, focal: float, seed: int) -> BatchPlan:
        """The plan for frames seen by a canonical camera of focal length `focal` [px].

        Raises:
            ValueError: there are no frames.
        """
        if not frames:
            raise ValueError("there are no frames to train on")
        counts: Mapping[str, int] = Counter(f.family for f in frames)
        raw = np.array([recipe.family_weights.get(f.family, 1.0) / counts[f.family] ** recipe.balance for f in frames])
        suited = np.array([best_size(f, recipe.sizes, focal) for f in frames])
        by_size = tuple(np.flatnonzero(suited == i) for i in range(len(recipe.sizes)))
        return cls(by_size, raw / raw.sum(), recipe, seed)

    def batch(self, step: int) -> list[tuple[int, tuple[int, int], int]]:
        """The keys of a batch for `MixedFrames`."""
        rng = np.random.default_rng((self.seed, step))
        share = np.array([self.weights[members].sum() for members in self.by_size])
        # A batch is a step whatever its size: sizes of larger batches come as much rarer.
        share = share / np.array([self.recipe.batch_size(size) for size in self.recipe.sizes])
        which = int(rng.choice(len(share), p=share / share.sum()))
        size, members = self.recipe.sizes[which], self.by_size[which]
        count = self.recipe.batch_size(size)
        anything = int(rng.binomial(count, _MIXED))
        p = self.weights[members] / self.weights[members].sum()
        chosen = [*rng.choice(members, count - anything, p=p), *rng.choice(len(self.weights), anything, p=self.weights)]
        return [(int(i), size, int(seed)) for i, seed in zip(chosen, rng.integers(0, 2**62, count), strict=True)]


@dataclass(frozen=True)
class Steps:
    """A torch batch sampler without end that begins at a step."""

    plan: BatchPlan
    start: int

    def __iter__(self) -> Iterator[list[tuple[int, tuple[int, int], int]]]:
        step = self.start
        while True:
            yield self.plan.batch(step)
            step += 1


def loader(data: MixedFrames, plan: BatchPlan, start: int, workers: int) -> DataLoader[tuple[Tensor, Tensor]]:
    """Batches (B, 3, H, W), (B, 1, H, W) from step `start` on, without end."""
    from torch.utils.data import DataLoader

    return DataLoader(
        data,  # type: ignore[arg-type]
        batch_sampler=Steps(plan, start),
        num_workers=workers,
        prefetch_factor=4 if workers else None,
    )
