"""Measure depth edges of a model, with and without the photo as their guide.

    python -m benchmarks.edges JSON … [--model MODEL] [--write FILE]

JSON: annotation files of frames with dense ground truth. Boundary F1, precision and recall are means over the frames in
which ground truth has an edge, AbsRel over all of them, as predicted. With --write, the table replaces the section of
FILE between the lines `<!-- edges -->` and `<!-- /edges -->`.
"""

import argparse
import datetime
import time
from pathlib import Path

import cv2
import numpy as np

import mono
from benchmarks.realdata import PROTOCOL, cpu_name, write_between
from mono.data.annotations import load_annotations
from mono.data.ground_truth import read_annotated_depth
from mono.evaluation.boundaries import boundary_score
from mono.geometry.camera import Camera
from mono.inference.predictor import Predictor


def score(annotations: Path, model: Predictor) -> tuple[str, float]:
    """Score the frames of a file; return cells of the table, and the seconds that a prediction took."""
    edges, errors, seconds = [], [], []
    for sample in load_annotations(annotations):
        rgb, gt = sample.read().rgb, read_annotated_depth(sample)
        started = time.perf_counter()
        depth = model.predict(rgb, Camera(*sample.intrinsics, rgb.shape[1], rgb.shape[0])).depth
        seconds.append(time.perf_counter() - started)
        if depth.shape != gt.shape:
            depth = cv2.resize(depth, gt.shape[::-1], interpolation=cv2.INTER_NEAREST)
        known = PROTOCOL.in_range(gt) & (depth > 0)
        errors.append(np.abs(depth[known] / gt[known] - 1).mean())
        if found := boundary_score(depth, gt, known):
            edges.append((found.f1, found.precision, found.recall))
    f1, precision, recall = np.mean(edges, axis=0)
    return f"{f1:.3f} ({precision:.2f}, {recall:.2f}) | {np.mean(errors):.3f}", float(np.median(seconds))


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("annotations", nargs="+", type=Path)
    parser.add_argument("--model", default="lite")
    parser.add_argument("--write", type=Path, metavar="FILE")
    args = parser.parse_args()
    plain, guided = (mono.load_model(args.model, device="cpu", options={"data_basic.guided": g}) for g in (False, True))
    lines = [
        f"`{plain.name}` (SHA-256 {plain.checksum[:12]}…), {datetime.date.today()}, {cpu_name()}, float32, "
        "by `python -m benchmarks.edges`:",
        "",
        "| frames | bilinear: F1 (precision, recall) | AbsRel | guided: F1 (precision, recall) | AbsRel | ms more |",
        "|---|---|---|---|---|---|",
    ]
    for path in args.annotations:
        (before, slow), (after, slower) = (score(path, model) for model in (plain, guided))
        lines.append(f"| {path.parent.name} | {before} | {after} | {1000 * (slower - slow):.0f} |")
    table = "\n".join(lines)
    print(table)
    if args.write:
        write_between(args.write, "edges", table)


if __name__ == "__main__":
    main()
