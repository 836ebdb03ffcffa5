"""Measure focal lengths estimated from pictures, on folders of images with known cameras.

    python benchmarks/focal.py FOLDER [FOLDER …] [--model lite] [--write FILE]

Each folder holds an annotations.json with cameras (and depth), or a focal.json with a list "files" of rgb, focal_px,
width and height. The cameras are withheld. Errors are of ln(focal length): 0.1 is about 10 %. AbsRel is without
alignment, ground truth 0.1-80 m, mean over frames. With --write, the table replaces the section of FILE between
`<!-- focal -->` and `<!-- /focal -->`.
"""

import argparse
import datetime
import json
import math
from pathlib import Path

import numpy as np
from realdata import PROTOCOL, cpu_name, write_between

import mono
from mono.data.annotations import load_annotations
from mono.data.camera_source import ASSUMED_FOV
from mono.data.focal_estimate import estimate_focal, pool, weights_checksum
from mono.data.ground_truth import read_annotated_depth
from mono.evaluation.metrics import compare
from mono.io.images import read_image

LARGE = 0.25  # error of ln(focal length) that is counted


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--model", default="lite")
    parser.add_argument("--write", type=Path, metavar="FILE")
    args = parser.parse_args()
    model = mono.load_model(args.model, device="cpu")
    lines = [
        f"Weights {weights_checksum()[:12]}…, depth by `{model.name}`, {datetime.date.today()}, {cpu_name()}, by "
        "`python benchmarks/focal.py`:",
        "",
        "| images | n | 60 deg: median error | estimated | above 0.25: 60 deg | estimated | signed mean | within the "
        "announced error | pooled | AbsRel: true camera | 60 deg | estimated |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    rows = []
    for folder in args.folders:
        rows += [measure(folder, model)]
        lines.append(row(folder.name, rows[-1]))
    if len(rows) > 1:
        everything = {name: np.concatenate([one[name] for one in rows]) for name in ("plain", "error", "std")}
        lines.append(row("**all images**", everything))
        means = [np.mean([np.median(np.abs(one[name])) for one in rows]) for name in ("plain", "error")]
        lines.append(f"\nMean over folders of the medians: {means[0]:.3f} with 60 degrees, {means[1]:.3f} estimated.")
    print("\n".join(lines))
    if args.write:
        write_between(args.write, "focal", "\n".join(lines))


def measure(folder: Path, model: mono.inference.predictor.Predictor) -> dict[str, np.ndarray]:
    """Collect errors of a folder, by image; AbsRel (N, 3) where there is depth, and the pooled error."""
    plain, error, std, scores, estimates = [], [], [], [], []
    for path, focal, sample in cameras(folder):
        rgb = read_image(path).rgb
        height, width = rgb.shape[:2]
        estimate = estimate_focal(rgb)
        guesses = (max(width, height) / 2 / math.tan(math.radians(ASSUMED_FOV) / 2), estimate.focal(width, height))
        plain.append(math.log(guesses[0] / focal))
        error.append(math.log(guesses[1] / focal))
        std.append(estimate.error)
        estimates.append((estimate, math.log(math.hypot(width, height) / 2 / focal)))
        if sample is not None and sample.depth is not None:
            gt = read_annotated_depth(sample, (width, height))
            known = PROTOCOL.in_range(gt)
            found = [mono.Camera(*sample.intrinsics, width, height)]
            found += [mono.Camera.centered(guess, width, height) for guess in guesses]
            depths = [model.predict(rgb, camera).depth for camera in found]
            valid = known & np.all([depth > 0 for depth in depths], 0) if depths[0].shape == gt.shape else None
            if valid is None:
                y, x = (np.arange(n) * full // n for n, full in zip(gt.shape, (height, width), strict=True))
                depths = [depth[np.ix_(y, x)] for depth in depths]
                valid = known & np.all([depth > 0 for depth in depths], 0)
            if valid.any():
                scores.append([compare(depth[valid], gt[valid]).abs_rel for depth in depths])
    pooled = pool([estimate for estimate, _ in estimates])
    result = {"plain": np.array(plain), "error": np.array(error), "std": np.array(std)}
    if len({round(angle, 2) for _, angle in estimates}) == 1:
        result["pooled"] = np.array([estimates[0][1] - pooled.tangent, pooled.error])
    return result | ({"scores": np.array(scores).mean(0)} if scores else {})


def cameras(folder: Path) -> list[tuple[Path, float, object]]:
    """List a folder's images with their focal lengths [px] and samples."""
    if (folder / "focal.json").is_file():
        files = json.loads((folder / "focal.json").read_text())["files"]
        return [(folder / file["rgb"], float(file["focal_px"]), None) for file in files]
    samples = load_annotations(folder / "annotations.json")
    return [(s.rgb, math.sqrt(s.intrinsics[0] * s.intrinsics[1]), s) for s in samples]


def row(name: str, one: dict[str, np.ndarray]) -> str:
    """Format a row."""
    plain, error = (np.median(np.abs(one[key])) for key in ("plain", "error"))
    large = [str(np.sum(np.abs(one[key]) > LARGE)) for key in ("plain", "error")]
    held = np.mean(np.abs(one["error"]) <= one["std"])
    pooled = "{:+.3f} ± {:.3f}".format(*one["pooled"]) if "pooled" in one else ""
    scores = [f"{score:.3f}" for score in one["scores"]] if "scores" in one else ["", "", ""]
    cells = [name, str(len(one["error"])), f"{plain:.3f}", f"{error:.3f}", *large, f"{one['error'].mean():+.3f}"]
    return "| " + " | ".join([*cells, f"{100 * held:.0f} %", pooled, *scores]) + " |"


if __name__ == "__main__":
    main()
