"""Show predictions as a sheet of images.

    python benchmarks/contact_sheet.py FOLDER … --out SHEET.jpg [--photos] [--count N]

One row per folder (its annotations.json, or else its photos) or annotation file: N of its images, evenly spread, as
predicted depth, each on its own scale, and, with ground truth, as predicted / ground truth depth: blue is too near by a
half or more, red too far, white exact. Below each: AbsRel and the median of predicted / ground truth. With --photos the
photo comes first; leave it out where photos may not be redistributed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

import mono
from mono.data.annotations import load_annotations
from mono.data.folder import find_images
from mono.data.ground_truth import read_annotated_depth
from mono.data.sample import Sample
from mono.evaluation.report.thumbnails import error_ramp
from mono.geometry.camera import Camera
from mono.inference.predictor import Predictor
from mono.io.images import read_image
from mono.visual.color_maps import colorize, depth_limits, write_image

CELL = (150, 200)  # (height, width) of a picture [px]
FACTOR = 1.5  # end of the colors of errors


def cell(image: np.ndarray, words: str, nearest: bool = False) -> np.ndarray:
    """Fit an image into a cell on white, with text below."""
    height, width = image.shape[:2]
    ratio = min(CELL[0] / height, CELL[1] / width)
    size = max(round(width * ratio), 1), max(round(height * ratio), 1)
    small = cv2.resize(image, size, interpolation=cv2.INTER_NEAREST if nearest else cv2.INTER_AREA)
    canvas = np.full((CELL[0] + 20, CELL[1] + 4, 3), 255, np.uint8)
    canvas[: size[1], : size[0]] = small
    labeled = Image.fromarray(canvas)
    ImageDraw.Draw(labeled).text((1, size[1] + 3), words, (28, 32, 38), ImageFont.load_default(13))
    return np.asarray(labeled)


def error_picture(depth: np.ndarray, gt: np.ndarray) -> tuple[np.ndarray, str]:
    """Color the ratio of predicted and ground truth depth, enlarging single points; returns a caption too."""
    depth = cv2.resize(depth, gt.shape[::-1], interpolation=cv2.INTER_LINEAR)
    known = (gt > 0.1) & (gt < 80) & (depth > 0)
    ratio = np.where(known, depth / np.where(known, gt, 1), 1)
    where = np.clip(np.log(ratio) / np.log(FACTOR), -1, 1) / 2 + 0.5
    colors = np.where(known[..., None], error_ramp(where), 255).astype(np.uint8)
    if known.mean() < 0.2:
        size = max(round(max(gt.shape) / 120), 3)
        colors = cv2.erode(colors, np.ones((size, size), np.uint8))
    error = np.abs(depth[known] / gt[known] - 1).mean()
    return colors, f"AbsRel {error:.2f}, x {np.median(ratio[known]):.2f}"


def samples_of(place: Path) -> list[Sample]:
    """Read the samples of a folder or annotation file."""
    file = place / "annotations.json" if place.is_dir() else place
    return load_annotations(file) if file.is_file() else find_images([place])


def cells(model: Predictor, sample: Sample, photos: bool) -> list[np.ndarray]:
    """Yield the cells of one row."""
    rgb = read_image(sample.rgb).rgb
    height, width = rgb.shape[:2]
    camera = Camera(*sample.intrinsics, width=width, height=height) if sample.intrinsics else None
    depth = model.predict(sample.rgb if camera is None else rgb, camera).depth
    near, far = depth_limits(depth)
    row = [cell(rgb, sample.rgb.stem[:26])] if photos else []
    row.append(cell(colorize(depth, near, far), f"{near:g} to {far:g} m"))
    if sample.depth is not None:
        row.append(cell(*error_picture(depth, read_annotated_depth(sample)), nearest=True))
    return row


def draw_sheet(model: Predictor, folders: list[Path], count: int, photos: bool) -> np.ndarray:
    """Draw a row per folder: `count` of its images, evenly spread."""
    rows = []
    for folder in folders:
        samples = samples_of(folder)
        chosen = np.linspace(0, len(samples) - 1, min(count, len(samples))).round().astype(int)
        title = Image.new("RGB", (400, 22), "white")
        name = folder.name if folder.is_dir() else folder.parent.name
        ImageDraw.Draw(title).text((2, 4), name, (28, 32, 38), ImageFont.load_default(15))
        row = np.hstack([c for i in chosen for c in cells(model, samples[i], photos)])
        rows += [np.asarray(title), row[: np.flatnonzero((row < 255).any((1, 2)))[-1] + 6]]
    width = max(row.shape[1] for row in rows)
    return np.vstack([np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in rows])


def main() -> None:
    """Write the sheet from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--photos", action="store_true")
    parser.add_argument("--count", type=int, default=4)
    parser.add_argument("--model", default="lite")
    args = parser.parse_args()
    sheet = draw_sheet(mono.load_model(args.model, device="cpu"), args.folders, args.count, args.photos)
    write_image(args.out, sheet)


if __name__ == "__main__":
    main()
