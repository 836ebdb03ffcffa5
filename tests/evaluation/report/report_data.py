"""Small evaluations to make report pages of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mono.evaluation.metrics import ImageMetrics, evaluate_tiers
from mono.evaluation.protocols import Protocol
from mono.evaluation.report.image_records import build_image_record, write_image_record
from mono.evaluation.report.page import write_page

PROTOCOL = Protocol("own", max_depth=80, references=(("range", "made up for tests"),))
RUN = {"command": ["metricdepth", "evaluate", "my data/annotations.json"], "model": "toy", "versions": {"numpy": "2"}}


@dataclass(frozen=True)
class Evaluation:
    """What `write_page` is given."""

    results: dict[str, dict[str, ImageMetrics] | None]
    frames: dict[str, Path]
    protocol: Protocol

    def write(self, path: Path, **options: Any) -> str:
        """Write the page, and give its text."""
        write_page(path, self.results, self.protocol, RUN, self.frames, **options)
        return path.read_text("utf-8")


def evaluate(
    folder: Path, names: list[str], protocol: Protocol = PROTOCOL, size: tuple[int, int] = (48, 64)
) -> Evaluation:
    """An evaluation of random scenes, the later the worse, with the frames' files in `folder`."""
    results: dict[str, dict[str, ImageMetrics] | None] = {}
    frames = {}
    for number, name in enumerate(names):
        rgb, predicted, gt = scene(number, size, error=0.05 + 0.3 * number / len(names))
        results[name] = evaluate_tiers(predicted, gt, protocol)
        frame = build_image_record(rgb, predicted, gt, protocol)
        assert frame is not None
        frames[name] = folder / f"{number}.json"
        write_image_record(frames[name], frame)
    return Evaluation(results, frames, protocol)


def scene(seed: int, size: tuple[int, int], error: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Photo, prediction and truth [m] of a floor with boxes; predictions are too far by about `error`."""
    generator = np.random.default_rng(seed)
    height, width = size
    gt = np.geomspace(20, 1, height)[:, None] * np.ones(width)
    rgb = np.empty((height, width, 3))
    rgb[:] = generator.uniform(50, 200, 3)
    for _ in range(12):
        top, left = generator.integers(0, height - 8), generator.integers(0, width - 8)
        box = slice(top, top + int(height * 0.3)), slice(left, left + int(width * 0.2))
        gt[box] = np.minimum(gt[box], generator.uniform(1, 15))
        rgb[box] = generator.uniform(0, 255, 3)
    rgb += generator.normal(0, 8, rgb.shape)
    predicted = gt * np.exp(error + 0.05 * generator.normal(size=size))
    return rgb.clip(0, 255).astype(np.uint8), predicted.astype(np.float32), gt.astype(np.float32)
