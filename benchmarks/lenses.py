"""Measure `lite` on squashed and distorted copies of annotated images, against the images as they are."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from mono.data.annotations import load_annotations
from mono.geometry.camera import Camera
from mono.inference.load import load_model
from mono.io.images import read_image


def main() -> None:
    """Print the ratio of median depths for each change of the images."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("annotations", type=Path)
    parser.add_argument("--model", default="lite")
    parser.add_argument("--count", type=int, default=10)
    args = parser.parse_args()
    predictor = load_model(args.model)
    samples = [s for s in load_annotations(args.annotations) if s.intrinsics is not None]
    ratios: dict[str, list[float]] = {}
    for sample in samples[:: max(1, len(samples) // args.count)][: args.count]:
        rgb = read_image(sample.rgb).rgb
        camera = Camera(*sample.intrinsics, rgb.shape[1], rgb.shape[0])
        plain = predictor.predict(rgb, camera).depth
        for ratio in (0.5, 0.7, 1.4, 2.0):
            width = round(camera.width * ratio)
            squashed = cv2.resize(rgb, (width, camera.height), interpolation=cv2.INTER_AREA)
            depth = predictor.predict(squashed, camera.resized(width, camera.height)).depth
            ratios.setdefault(f"squashed {ratio:g}", []).append(float(np.median(depth) / np.median(plain)))
        for k1 in (-0.3, -0.1, 0.1):
            bent = replace(camera, distortion=(k1,))
            pixels = camera.project(np.nan_to_num(bent.rays(), nan=-1.0))[0].astype(np.float32)
            maps = np.nan_to_num(pixels, nan=-100.0)
            image = cv2.remap(rgb, maps[..., 0], maps[..., 1], cv2.INTER_LINEAR)
            depth = predictor.predict(image, bent).depth
            expected = cv2.remap(plain, maps[..., 0], maps[..., 1], cv2.INTER_NEAREST)
            both = (depth > 0) & (expected > 0)
            ratios.setdefault(f"k1 {k1:g}", []).append(float(np.median(depth[both] / expected[both])))
    for name, found in ratios.items():
        low, middle, high = np.quantile(found, (0, 0.5, 1))
        print(f"{name:>14}: median {middle:.3f}, {low:.3f} to {high:.3f}, {len(found)} images")


if __name__ == "__main__":
    main()
