"""Measure depth edges of a model, with and without the photo as their guide.

    python -m benchmarks.edges JSON … [--model MODEL] [--noise GRAYS] [--write FILE]

JSON: annotation files of frames with dense ground truth. Boundary F1, precision and recall are means over the frames in
which ground truth has an edge; AbsRel is over all of them, as predicted, and over the pixels that have depth both ways.
ms is the median time from the network's output to depth of the photo's size. --noise adds normal noise of that standard
deviation to each channel. With --write, the table replaces the section of FILE between the lines `<!-- edges -->` and
`<!-- /edges -->`.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

import mono
from benchmarks.realdata import PROTOCOL, measured_by, publish
from mono.data.annotations import load_annotations
from mono.data.camera_source import ResolvedCamera
from mono.data.ground_truth import read_annotated_depth
from mono.evaluation.boundaries import boundary_score
from mono.geometry.camera import Camera
from mono.inference.predictor import Predictor


def depths(rgb: np.ndarray, camera: Camera, models: Sequence[Predictor]) -> tuple[list[np.ndarray], list[float]]:
    """Predict depth by each model; return also the seconds that the way back from the network took."""
    found, seconds = [], []
    for model in models:
        (raw,) = model.infer([model.prepare(rgb, ResolvedCamera(camera, "given", ""))])
        started = time.perf_counter()
        found.append(raw.prediction().depth)
        seconds.append(time.perf_counter() - started)
    return found, seconds


def row(annotations: Path, models: Sequence[Predictor], noise: float) -> str:
    """Score the frames of a file, and format their row."""
    edges: list[list[tuple[float, ...]]] = [[] for _ in models]
    errors, seconds, rng = [], [], np.random.default_rng(0)
    for sample in load_annotations(annotations):
        rgb, gt = sample.read().rgb, read_annotated_depth(sample)
        if noise:
            rgb = np.clip(rgb + rng.normal(0, noise, rgb.shape), 0, 255).astype(np.uint8)
        found, times = depths(rgb, Camera(*sample.intrinsics, rgb.shape[1], rgb.shape[0]), models)
        seconds.append(times)
        if found[0].shape != gt.shape:
            found = [cv2.resize(depth, gt.shape[::-1], interpolation=cv2.INTER_NEAREST) for depth in found]
        known = PROTOCOL.in_range(gt) & np.all([depth > 0 for depth in found], axis=0)
        errors.append([np.abs(depth[known] / gt[known] - 1).mean() for depth in found])
        for scores, depth in zip(edges, found, strict=True):
            if result := boundary_score(depth, gt, known):
                scores.append((result.f1, result.precision, result.recall))
    cells = []
    for scores, error, spent in zip(edges, np.mean(errors, axis=0), np.median(seconds, axis=0), strict=True):
        edge = "no edges"  # as in sparse ground truth
        if scores:
            f1, precision, recall = np.mean(scores, axis=0)
            edge = f"{f1:.3f} ({precision:.2f}, {recall:.2f})"
        cells.append(f"{edge} | {error:.3f} | {1000 * spent:.0f}")
    return f"| {annotations.parent.name} | {' | '.join(cells)} |"


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("annotations", nargs="+", type=Path)
    parser.add_argument("--model", default="lite")
    parser.add_argument("--noise", type=float, default=0.0, metavar="GRAYS")
    parser.add_argument("--write", type=Path, metavar="FILE")
    args = parser.parse_args()
    models = [mono.load_model(args.model, device="cpu", options={"data_basic.guided": on}) for on in (False, True)]
    lines = [
        f"{measured_by(models[0], 'python -m benchmarks.edges')}:",
        "",
        "| frames | bilinear: F1 (precision, recall) | AbsRel | ms | guided: F1 (precision, recall) | AbsRel | ms |",
        "|---|---|---|---|---|---|---|",
        *(row(path, models, args.noise) for path in args.annotations),
    ]
    publish("\n".join(lines), "edges", args.write)


if __name__ == "__main__":
    main()
