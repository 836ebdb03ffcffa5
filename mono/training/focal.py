"""Train the network that estimates focal lengths on images of known cameras."""

from __future__ import annotations

import copy
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor, nn

from mono.data.annotations import load_annotations
from mono.data.image_header import read_image_header
from mono.data.sample import Sample
from mono.model.checkpoint import read_tensors
from mono.model.focal_network import MEAN, STD, FocalNetwork, input_size
from mono.system.errors import MetricDepthError
from mono.training.cpu_encoder import prepare_backbone
from mono.training.data.augment import augment
from mono.training.data.images import parse_source
from mono.training.schedule import rate

logger = logging.getLogger(__name__)
_DIAGONAL = 21.63  # [mm], half of a 35-mm frame's
_SMALLEST = 64  # [px], longer side of the smallest crop
_ASPECTS = (1.0, 5 / 4, 4 / 3, 4 / 3, 4 / 3, 4 / 3, 3 / 2, 3 / 2, 16 / 9, 16 / 9, 2.0, 3.3)


@dataclass(frozen=True)
class FocalRun:
    """Settings of a training run.

    Attributes:
        minutes: training time.
        start: weights of a depth network with the same encoder, such as weight/lite.safetensors; None: random.
        batch: images of a step.
        lr: highest learning rate of the head.
        encoder_lr: highest learning rate of the encoder.
        seed: random seed.
    """

    minutes: float
    start: Path | None = None
    batch: int = 32
    lr: float = 1e-3
    encoder_lr: float = 4e-4
    seed: int = 0


@dataclass(frozen=True)
class View:
    """Image of a known camera.

    Attributes:
        rgb: image file's bytes.
        size: (width, height) [px].
        focal: focal length [px].
        center: principal point [px].
        scene: what it shares with other views.
    """

    rgb: bytes
    size: tuple[int, int]
    focal: float
    center: tuple[float, float]
    scene: str

    @property
    def aspect(self) -> float:
        """Return width over height."""
        return self.size[0] / self.size[1]


def read_views(sources: Sequence[str | Path]) -> list[list[View]]:
    """Read the images of annotation files, a list for each file.

    Raises:
        MetricDepthError: a file is invalid, or an entry has no camera.
    """
    import json

    lists = []
    for source in sources:
        path, _ = parse_source(str(source))
        samples = load_annotations(path)
        content = json.loads(path.read_bytes().decode("utf-8-sig"))
        entries = content["files"] if isinstance(content, dict) else content
        lists.append([_view(path, s, str(e.get("scene", s.name))) for s, e in zip(samples, entries, strict=True)])
        if not lists[-1]:
            raise MetricDepthError(f"{path} lists no images")
    return lists


def _view(path: Path, sample: Sample, scene: str) -> View:
    if sample.intrinsics is None:
        raise MetricDepthError(f"{path}: {sample.source} has no cam_in; training needs the camera of each image")
    fx, fy, cx, cy = sample.intrinsics
    size = read_image_header(sample.rgb).size
    return View(sample.rgb.read_bytes(), size, math.sqrt(fx * fy), (cx, cy), scene)


def draw_tangent(rng: Generator) -> float:
    """Draw tan of half the diagonal angle of view, as photographs have it."""
    kind = rng.random()
    if kind < 0.6:
        focal = math.log(30) + rng.normal(0, 0.22)
    elif kind < 0.85:
        focal = rng.uniform(math.log(18), math.log(60))
    else:
        focal = rng.uniform(math.log(14), math.log(140))
    return _DIAGONAL / math.exp(focal)


def crop_of(view: View, aspect: float, rng: Generator | None) -> tuple[int, int, int, int]:
    """Choose a part of a view.

    Args:
        view: the view.
        aspect: width over height of the part.
        rng: random generator; None: the largest part, about the center.

    Returns:
        (left, top, width, height) [px].
    """
    width, height = view.size
    wide = min(width, height * aspect)
    high = wide / aspect
    if rng is not None and rng.random() < 0.85:
        share = 2 * view.focal * draw_tangent(rng) / math.hypot(wide, high)
        share = min(max(share, _SMALLEST / max(wide, high)), 1.0)
        wide, high = share * wide, share * high
    shift = np.zeros(2)
    if rng is not None:
        shift = rng.normal(0, 0.01, 2) if rng.random() < 0.8 else rng.uniform(-0.1, 0.1, 2)
    left = min(max(view.center[0] + 0.5 + (shift[0] - 0.5) * wide, 0), width - wide)
    top = min(max(view.center[1] + 0.5 + (shift[1] - 0.5) * high, 0), height - high)
    return round(left), round(top), round(wide), round(high)


def read_part(view: View, aspect: float, rng: Generator | None = None) -> tuple[np.ndarray, float]:
    """Cut, resize and augment a part of a view.

    Args:
        view: the view.
        aspect: width over height of the part.
        rng: random generator of part and augmentation; None: the largest part, as it is.

    Returns:
        (H, W, 3) uint8 RGB of the network's input size, and ln tan of half its diagonal angle of view.
    """
    left, top, wide, high = crop_of(view, aspect, rng)
    image = cv2.imdecode(np.frombuffer(view.rgb, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise MetricDepthError(f"a training image of {view.scene} cannot be decoded: convert it to JPEG or PNG")
    part = image[top : top + high, left : left + wide, ::-1]
    size = input_size(round(1000 * aspect), 1000)
    if rng is not None and rng.random() < 0.5:  # sharpness must not tell the angle
        share = min(rng.uniform(0.55, 1.0) * size[0] / part.shape[1], 1.0)
        part = cv2.resize(part, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    smaller = part.shape[1] > size[0]
    part = cv2.resize(part, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    if rng is not None:
        part = augment(np.ascontiguousarray(part), rng)
        part = part[:, ::-1] if rng.random() < 0.5 else part
    return np.ascontiguousarray(part), math.log(math.hypot(wide, high) / 2 / view.focal)


def to_tensor(parts: Sequence[np.ndarray]) -> Tensor:
    """Stack and normalize images of one size."""
    return (torch.from_numpy(np.stack(parts)).permute(0, 3, 1, 2).float() - MEAN) / STD


class _Sampler:
    """Draws batches of one aspect."""

    def __init__(self, lists: Sequence[Sequence[View]], rng: Generator):
        self.lists, self.rng = lists, rng
        self.wide = [[v for v in views if v.aspect > 1.9] for views in lists]
        self.high = [[v for v in views if v.aspect < 0.9] for views in lists]

    def batch(self, size: int) -> tuple[Tensor, Tensor]:
        rng = self.rng
        aspect = float(rng.choice(_ASPECTS) * math.exp(rng.normal(0, 0.03)))
        if aspect < 1.9 and rng.random() < 0.25:
            aspect = 1 / aspect
        special = self.wide if aspect > 1.9 else self.high if aspect < 0.9 else self.lists
        parts, angles = [], []
        for _ in range(size):
            number = int(rng.integers(len(self.lists)))
            views = special[number] if special[number] and rng.random() < 0.7 else self.lists[number]
            part, angle = read_part(views[int(rng.integers(len(views)))], aspect, rng)
            parts.append(part)
            angles.append(angle)
        return to_tensor(parts), torch.tensor(angles, dtype=torch.float32)


def train_focal(lists: Sequence[Sequence[View]], held: Sequence[Sequence[View]], run: FocalRun) -> FocalNetwork:
    """Train the network; the learning rate follows the clock.

    Args:
        lists: training views, a list for each source; sources are drawn equally often.
        held: views to measure on, a list for each source.
        run: settings.

    Returns:
        Moving average of the trained networks.
    """
    torch.manual_seed(run.seed)
    network = FocalNetwork()
    if run.start:
        first = {k: v.float() for k, v in read_tensors(run.start).items() if k in network.state_dict()}
        network.load_state_dict(first, strict=False)
    average = copy.deepcopy(network).eval().requires_grad_(False)
    prepare_backbone(network.encoder)
    network.to(memory_format=torch.channels_last)
    encoder = [p for p in network.encoder.parameters() if p.requires_grad]
    own = {id(p) for p in network.encoder.parameters()}
    groups = [
        {"params": encoder, "highest": run.encoder_lr},
        {"params": [p for p in network.parameters() if id(p) not in own], "highest": run.lr},
    ]
    optimizer = torch.optim.AdamW(groups, lr=0.0, weight_decay=0.02, betas=(0.9, 0.99))
    sampler = _Sampler(lists, np.random.default_rng(run.seed))
    began, step, losses = time.monotonic(), 0, []
    while (share := (time.monotonic() - began) / (60 * run.minutes)) < 1:
        factor = rate(share, 0.04)
        for group in optimizer.param_groups:
            group["lr"] = group["highest"] * factor
        image, angle = sampler.batch(run.batch)
        network.train()
        with torch.autocast("cpu", torch.bfloat16):
            estimate, scale = network(image.contiguous(memory_format=torch.channels_last))
        loss = ((estimate - angle).abs() / scale + scale.log()).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        optimizer.step()
        step += 1
        _update(average, network, min(0.998, (1 + step) / (10 + step)))
        losses.append((estimate - angle).abs().mean().item())
        if step % 100 == 0:
            text = ", ".join(f"{_summary(average, views)}" for views in held) if step % 600 == 0 else ""
            logger.info("step %d, %.0f %%: error %.3f %s", step, 100 * share, np.mean(losses[-100:]), text)
    return average


@torch.no_grad()
def _update(average: nn.Module, network: nn.Module, decay: float) -> None:
    own, mean = network.state_dict(), average.state_dict()
    names = [name for name, tensor in own.items() if tensor.is_floating_point()]
    torch._foreach_lerp_([mean[n] for n in names], [own[n] for n in names], 1 - decay)


@dataclass(frozen=True)
class Errors:
    """Errors of ln(focal length) on whole images.

    Attributes:
        values: (N,) estimated minus true.
        scales: (N,) announced scales, not calibrated.
        angles: (N,) ln tan of half the true diagonal angle of view.
        factor: standard error over announced scale.
    """

    values: np.ndarray
    scales: np.ndarray
    angles: np.ndarray
    factor: float

    @property
    def median(self) -> float:
        """Return the median absolute error."""
        return float(np.median(np.abs(self.values)))

    @property
    def constant(self) -> float:
        """Return the median absolute error of the best constant angle."""
        return float(np.median(np.abs(self.angles - np.median(self.angles))))

    @property
    def held(self) -> float:
        """Return the share of images within the announced standard error."""
        return float((np.abs(self.values) <= self.factor * self.scales).mean())


@torch.inference_mode()
def measure(network: FocalNetwork, views: Sequence[View]) -> Errors:
    """Estimate the angles of whole images, each as the mean over it and its mirror image."""
    network.eval()
    rows = []
    for view in views:
        part, angle = read_part(view, view.aspect)
        estimate, scale = network(to_tensor([part, part[:, ::-1]]))
        rows.append((float(estimate.mean()) - angle, float(scale.mean()), angle))
    values, scales, angles = np.array(rows).T
    return Errors(values, scales, angles, float(network.calibration[0]))


def calibrate(network: FocalNetwork, held: Sequence[Sequence[View]]) -> None:
    """Fit the network's `calibration` to held-out images; every source counts the same.

    The factor makes 68 % of the errors smaller than the announced one. The shared part is the correlation of errors
    of images of one scene whose angles are alike.
    """
    ratios, products, squares = [], [], []
    for views in held:
        errors = measure(network, views)
        ratio = errors.values / errors.scales
        ratios.append(np.quantile(np.abs(ratio), np.linspace(0, 1, 200)))
        ratio = np.clip(ratio, -3, 3)
        squares.append(float((ratio**2).mean()))
        names = np.array([view.scene for view in views])
        for i, j in zip(*np.triu_indices(len(views), 1), strict=True):
            if names[i] == names[j] and abs(errors.angles[i] - errors.angles[j]) < 0.1:
                products.append(float(ratio[i] * ratio[j]))
    shared = float(np.mean(products)) / float(np.mean(squares)) if products else 1.0
    factor = float(np.quantile(np.concatenate(ratios), 0.683))
    network.calibration.copy_(torch.tensor([factor, min(max(shared, 0.0), 1.0)]))


def _summary(network: FocalNetwork, views: Sequence[View]) -> str:
    errors = measure(network, views[:: max(len(views) // 100, 1)])
    return f"{errors.median:.3f} of {errors.constant:.3f}"
