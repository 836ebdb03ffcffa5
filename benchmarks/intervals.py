"""Check how many errors the announced intervals hold, on folders of annotated images.

    python benchmarks/intervals.py FOLDER [FOLDER …] [--model lite]

Each folder holds an annotations.json. Up to 4000 pixels a frame count, with ground truth of 0.1 to 80 m; predictions
are not aligned.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

import mono
from mono.data.annotations import load_annotations
from mono.data.ground_truth import read_annotated_depth
from mono.io.images import read_image


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--model", default="lite")
    args = parser.parse_args()
    model = mono.load_model(args.model, device="cpu")
    print("| frames | median error | median std | held by 50 % | by 90 % |\n|---|---|---|---|---|")
    for folder in args.folders:
        rows = []
        samples = load_annotations(folder / "annotations.json")
        for sample in samples:
            gt, rgb = read_annotated_depth(sample), read_image(sample.rgb).rgb
            prediction = model.predict(rgb, mono.Camera(*sample.intrinsics, rgb.shape[1], rgb.shape[0]))
            maps = (prediction.depth, prediction.std, *prediction.interval(0.5), *prediction.interval(0.9))
            depth, std, low, high, lowest, highest = (cv2.resize(m, gt.shape[::-1], interpolation=0) for m in maps)
            counts = np.flatnonzero((gt > 0.1) & (gt < 80) & (depth > 0))
            some = np.random.default_rng(0).choice(counts, min(4000, counts.size), replace=False)
            gt, depth, std, low, high, lowest, highest = (
                m.ravel()[some] for m in (gt, depth, std, low, high, lowest, highest)
            )
            inside = ((low <= gt) & (gt <= high), (lowest <= gt) & (gt <= highest))
            rows.append(np.stack([np.abs(np.log(depth / gt)), std / depth, *inside]))
        error, std, half, most = np.concatenate(rows, axis=1)
        print(
            f"| {folder.name} ({len(rows)}) | {np.median(error):.3f} | {np.median(std):.3f} | {half.mean():.2f} "
            f"| {most.mean():.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
