"""Measure the change of metric scale when an image is resized or cropped.

    python benchmarks/scale_drift.py FOLDER … [--write FILE]

Each folder holds an annotations.json with cameras; no ground truth is needed. Each image is shown to the model again,
resized or cropped together with its intrinsics. Depth should not change: the table has the change of the median depth
over the pixels that both show, |m' / m - 1|, as its median over images (and the 90th percentile). With --write, the
table replaces the section of FILE between the lines `<!-- scale-drift -->` and `<!-- /scale-drift -->`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

import mono
from mono.data.annotations import load_annotations
from mono.geometry.camera import Camera
from mono.io.images import read_image

sys.path.insert(0, str(Path(__file__).parent))
from realdata import measured_by, publish

RESIZES = (0.5, 0.71, 1.41, 2.0)
CROPS = {"middle 0.71": (0.71, 0.5, 0.5), "middle 0.5": (0.5, 0.5, 0.5)} | {
    f"{name} 0.71": (0.71, x, y) for name, x, y in (("left", 0.0, 0.5), ("right", 1.0, 0.5), ("top", 0.5, 0.0))
}


def resized(rgb: np.ndarray, camera: Camera, factor: float) -> tuple[np.ndarray, Camera]:
    """Resize an image and its camera."""
    seen = camera.resized(round(camera.width * factor), round(camera.height * factor))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return cv2.resize(rgb, (seen.width, seen.height), interpolation=how), seen


def changes(model: mono.inference.predictor.Predictor, rgb: np.ndarray, camera: Camera) -> Iterator[tuple[str, float]]:
    """Yield the name of each change to an image, and median depth after / before it."""
    before = model.predict(rgb, camera).depth
    for factor in RESIZES:
        depth = model.predict(*resized(rgb, camera, factor)).depth
        yield f"resized {factor:g}", float(np.median(depth[depth > 0]) / np.median(before[before > 0]))
    for name, (share, x, y) in CROPS.items():
        width, height = round(camera.width * share), round(camera.height * share)
        left, top = round((camera.width - width) * x), round((camera.height - height) * y)
        part = slice(top, top + height), slice(left, left + width)
        depth = model.predict(np.ascontiguousarray(rgb[part]), camera.cropped(left, top, width, height)).depth
        both = (depth > 0) & (before[part] > 0)
        yield f"cropped, {name}", float(np.median(depth[both]) / np.median(before[part][both]))


def table_of(folders: list[Path], model: mono.inference.predictor.Predictor) -> str:
    """Format the changes as a Markdown table."""
    found: dict[str, dict[str, list[float]]] = {}
    for folder in folders:
        for sample in load_annotations(folder / "annotations.json"):
            if sample.intrinsics is None:
                continue
            rgb = read_image(sample.rgb).rgb
            camera = Camera(*sample.intrinsics, width=rgb.shape[1], height=rgb.shape[0])
            for name, ratio in changes(model, rgb, camera):
                found.setdefault(name, {}).setdefault(folder.name, []).append(ratio)
    names = list(dict.fromkeys(folder for ratios in found.values() for folder in ratios))
    lines = [
        f"{measured_by(model, 'python benchmarks/scale_drift.py')}; change of the median depth over what both images "
        "show, median over frames (90th percentile):",
        "",
        "| change | " + " | ".join(names) + " | all |",
        "|---|" + "---|" * (len(names) + 1),
    ]
    for name, ratios in found.items():
        everything = [ratio for each in ratios.values() for ratio in each]
        drifts = [np.abs(np.array(each) - 1) for each in (*(ratios.get(n, []) for n in names), everything)]
        cells = [f"{np.median(d):.1%} ({np.quantile(d, 0.9):.1%})" if len(d) else "-" for d in drifts]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--model", default="lite")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--write", type=Path, metavar="FILE")
    args = parser.parse_args()
    publish(table_of(args.folders, mono.load_model(args.model, device=args.device)), "scale-drift", args.write)


if __name__ == "__main__":
    main()
