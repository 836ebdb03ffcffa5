"""Measure how well a model finds the sky.

    python -m benchmarks.sky [--rendered FOLDER …] [--photos FILE] [--no-sky FOLDER …] [--depth FOLDER …]

--rendered: folders of `metricdepth scenes render` with an assets folder that has sky_labels/, where exactly the sky has
no depth. --photos: a JSON file of photographs with polygons, as tests/data/sky/masks.json; their field of view is taken
to be 60 degrees. --no-sky: annotated folders of places without sky. --depth: annotated folders, whose depth is scored
with the sky invalid (pixels without depth count as the nearest one) and with the depth that the network gives it.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

import mono
from benchmarks.realdata import PROTOCOL
from mono.data.annotations import load_annotations
from mono.data.ground_truth import read_annotated_depth
from mono.evaluation.metrics import evaluate_tiers, mean_over_images
from mono.geometry.camera import Camera
from mono.inference.predictor import Predictor
from mono.io.images import read_image

ROOT = Path(__file__).resolve().parents[1]


def counts(sky: np.ndarray, gt: np.ndarray) -> tuple[int, int]:
    """Count the pixels of intersection and union."""
    return int((sky & gt).sum()), int((sky | gt).sum())


def rows(folder: Path, model: Predictor) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield depth, sky and ground truth of each annotated image."""
    for sample in load_annotations(folder / "annotations.json"):
        rgb = sample.read().rgb
        found = model.predict(rgb, Camera(*sample.intrinsics, rgb.shape[1], rgb.shape[0]))
        yield found.depth, found.sky >= 0.5, read_annotated_depth(sample)


def polygon_mask(entry: dict) -> np.ndarray:
    """Draw the polygons of a photograph, (H, W) bool."""
    width, height = entry["size"]
    mask = np.zeros((height, width), np.uint8)
    for value, polygons in ((1, entry["sky"]), (0, entry["holes"])):
        for polygon in polygons:
            cv2.fillPoly(mask, [np.rint(polygon).astype(np.int32)], value)
    return mask > 0


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="lite")
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--backend", default="eager")
    for name in ("rendered", "no-sky", "depth"):
        parser.add_argument(f"--{name}", nargs="*", type=Path, default=[])
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--show", type=Path, help="write the photographs with their sky here, as PNG")
    args = parser.parse_args()
    invalid = {"model.sky": "invalid"}
    model = mono.load_model(args.model, checkpoint=args.checkpoint, backend=args.backend, options=invalid)
    for folder in args.rendered:
        found = [(*counts(sky, gt == 0), (gt == 0).mean()) for _, sky, gt in rows(folder, model)]
        table = np.array(found)
        seen = table[:, 2] > 0.01
        each = table[seen, 0] / table[seen, 1]
        print(
            f"{folder.name}: {len(table)} frames, IoU {table[:, 0].sum() / table[:, 1].sum():.3f} over all pixels, "
            f"{each.mean():.3f} as mean over the {seen.sum()} frames with more than 1 % of sky, least {each.min():.3f}"
        )
    if args.photos:
        both, shown = [], []
        for entry in json.loads(args.photos.read_text())["files"]:
            rgb = read_image(ROOT / entry["image"]).rgb
            sky = model.predict(rgb, Camera.from_fov(60, rgb.shape[1], rgb.shape[0])).sky >= 0.5
            both.append(counts(sky, polygon_mask(entry)))
            print(f"  {Path(entry['image']).stem:24} IoU {both[-1][0] / both[-1][1]:.3f}")
            red = np.where(sky[..., None], rgb // 2 + np.uint8([120, 0, 0]), rgb)
            shown.append(cv2.resize(red, (480, 320), interpolation=cv2.INTER_AREA))
        each = np.array([a / b for a, b in both])
        total = np.array(both).sum(0)
        print(f"{len(both)} photographs: mean IoU {each.mean():.3f}, over all pixels {total[0] / total[1]:.3f}")
        if args.show:
            lines = [
                np.hstack(shown[i : i + 4] + [shown[0] * 0] * (4 - len(shown[i : i + 4])))
                for i in range(0, len(shown), 4)
            ]
            cv2.imwrite(str(args.show), np.vstack(lines)[..., ::-1])
    for folder in args.no_sky:
        shares = [sky.mean() for _, sky, _ in rows(folder, model)]
        print(f"{folder.name}: {np.mean(shares):.3%} called sky, at most {max(shares):.3%} of an image")
    for folder in args.depth:
        keep = mono.load_model(args.model, checkpoint=args.checkpoint, options={"model.sky": "keep"})
        line = []
        for name, chosen in (("invalid", model), ("keep", keep)):
            scored, lost, total = [], 0, 0
            for depth, _, gt in rows(folder, chosen):
                valid = PROTOCOL.in_range(gt)
                lost, total = lost + int((depth[valid] == 0).sum()), total + int(valid.sum())
                scored.append(evaluate_tiers(depth, gt, PROTOCOL)["metric"])
            mean = mean_over_images(scored)
            line.append(f"{name} {mean.abs_rel:.4f} / {mean.delta1:.4f} ({lost / total:.3%} without depth)")
        print(f"{folder.name}: AbsRel / delta1 with sky " + ", ".join(line))


if __name__ == "__main__":
    main()
