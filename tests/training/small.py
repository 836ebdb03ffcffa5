"""A network, a recipe and data so small that a step takes milliseconds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from mono.config import ModelConfig
from mono.geometry.canonical import CanonicalTransform
from mono.training.data.batch import Batch
from mono.training.recipe import Recipe

CONFIG = ModelConfig(
    encoder="tf_efficientnet_lite0",
    decoder="LiteDecoder",
    widths=(16, 16, 16, 16),
    depth_range=(0.1, 200.0),
    iterations=None,
    transform=CanonicalTransform(
        crop_size=(96, 128), focal_length=60.0, mode="image", fit="tight", mean=(127.0,) * 3, std=(128.0,) * 3
    ),
    path=Path("small.py"),
)
LOSSES = {"log_l1": 1.0, "silog": 0.5, "gradient": 0.5, "rpnl": 0.25, "laplace": 0.1}
RECIPE = Recipe(sizes=((64, 96),), batch_pixels=2 * 64 * 96, frozen_blocks=1, losses=LOSSES, lr=3e-3, encoder_lr=1e-3)


def write_walls(folder: Path, count: int = 2) -> Path:
    """Frames of walls, in turn a dark one at 2 m and a bright one at 8 m; returns the annotation file."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for i in range(count):
        gray, depth = [(40, 2.0), (220, 8.0)][i % 2]
        Image.fromarray(np.full((64, 96, 3), gray, np.uint8)).save(folder / f"{i}.png")
        Image.fromarray(np.full((64, 96), depth * 1000).astype(np.uint16)).save(folder / f"d{i}.png")
        entry = {"rgb": f"{i}.png", "depth": f"d{i}.png", "depth_scale": 1000.0, "cam_in": [60.0, 60.0, 47.5, 31.5]}
        files.append(entry)
    (folder / "annotations.json").write_text(json.dumps({"files": files}))
    return folder / "annotations.json"


def batch_of(
    target: torch.Tensor, image: torch.Tensor | None = None, metric: bool = True, measured: bool = True
) -> Batch:
    """A batch for a target (B, 1, H, W), of a camera with the focal length of its width."""
    count, _, height, width = target.shape
    camera = [float(width), float(width), (width - 1) / 2, (height - 1) / 2]
    return Batch(
        image=torch.zeros(count, 3, height, width) if image is None else image,
        target=target,
        intrinsics=torch.tensor([camera] * count),
        factor=torch.ones(count),
        area=torch.tensor([[0, height, 0, width]] * count),
        metric=torch.full((count,), metric),
        measured=torch.full((count,), measured),
    )
