"""Align predictions with some of their ground truth, score them on the rest, and print tables.

    python benchmarks/align.py KITTI_OBJECT IBIMS1 --calibrate FOLDER [FOLDER …] [--write docs/align.md]

Each folder holds an annotations.json, or a sequence.json of a video with depth of some frames. Of KITTI's frames, 5 %
of the LiDAR points, or 20, are known; of ibims1's, 10.
With --rendered, rendered rooms and streets are multiplied by 0.6 to 1.7 and bent, and 20 of their points are known
with 2 % noise, two of them grossly wrong. With --calibrate, the first 3 frames of each folder with 6 or more calibrate
the model, and the others are scored.
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

import mono
from benchmarks.realdata import measured_by, publish
from mono.calibration.calibrate import fit_calibration
from mono.calibration.fit import align_depth
from mono.calibration.known import AlignmentError, Known, KnownDepth
from mono.calibration.known_file import KnownImage
from mono.data.annotations import load_annotations
from mono.data.camera_source import CameraResolver
from mono.data.ground_truth import read_annotated_depth
from mono.data.sample import Sample
from mono.evaluation.metrics import resize_depth
from mono.geometry.pixel_mask import depth_edges
from mono.inference.predictor import Predictor
from mono.runs.calibrate import check_calibration, observe_images

_RANGE = (0.1, 80.0)  # of ground truth that counts [m]
_DRAWS = 5  # choices of the known points of a frame


def abs_rel(predicted: np.ndarray, gt: np.ndarray) -> float:
    """Return the mean absolute relative error where there is a prediction."""
    valid = predicted > 0
    return float(np.mean(np.abs(predicted[valid] / gt[valid] - 1)))


def frames(folder: Path, model: Predictor) -> list[tuple[np.ndarray, mono.Camera, np.ndarray]]:
    """Predict the frames of a folder: depth, camera and ground truth, all of the ground truth's size."""
    found = []
    for sample in load_annotations(folder / "annotations.json"):
        assert sample.depth is not None
        photo = sample.read()
        camera = CameraResolver().resolve_for(sample, photo)
        gt = read_annotated_depth(sample)
        depth = resize_depth(model.predict(photo.rgb, camera).depth, *gt.shape)
        found.append((depth, camera.camera.resized(gt.shape[1], gt.shape[0]), gt))
    return found


def aligned_row(name: str, images: list, count: Callable[[int], int], fit: str) -> str:
    """Align each frame with some points, several times, and format the row of the errors on the other points."""
    rows, models, refused = [], [], 0
    for depth, camera, gt in images:
        v, u = np.nonzero((gt > _RANGE[0]) & (gt < _RANGE[1]))
        for seed in range(_DRAWS):
            order = np.random.default_rng(seed).permutation(len(u))
            known, rest = order[: count(len(u))], order[count(len(u)) :]
            points = KnownDepth(
                np.column_stack([u, v])[known].astype(float), gt[v, u][known].astype(float), gt.shape[::-1]
            )
            try:
                after, found = align_depth(depth, camera, Known(depth=points), fit)
            except AlignmentError:
                refused += 1
                continue
            models.append(found.model)
            before, target = depth[v, u], gt[v, u]
            valid = before > 0
            median = before * (np.median(target[valid]) / np.median(before[valid]))
            rows.append([abs_rel(values[rest], target[rest]) for values in (before, median, after[v, u])])
    before, median, after = np.mean(rows, axis=0)
    chosen = ", ".join(f"{models.count(m)} {m}" for m in ("scale", "affine", "field") if m in models)
    return f"| {name} | {fit} | {before:.3f} | {median:.3f} | {after:.3f} | {chosen} | {refused} |"


def rendered_row(name: str, families: tuple[str, ...], draws: int = 200, count: int = 8) -> str:
    """Recover known factors of rendered frames, and format the row of errors over standard errors."""
    from metricdepth_scenes.render import NoViewError, build_scene, render_view

    views = []
    for seed in range(10 * count):
        try:
            scene = build_scene(seed, families[seed % len(families)])
            views.append(render_view(scene, np.random.default_rng(seed), pixels=60_000))
        except NoViewError:
            continue
        if len(views) == count:
            break
    errors, standard, used = [], [], []
    for draw in range(draws):
        view, rng = views[draw % count], np.random.default_rng(draw)
        gt = np.where(view.depth < _RANGE[1], view.depth, 0)
        factor, exponent = rng.uniform(0.6, 1.7), rng.choice([1, 1, 0.85, 1.15])
        predicted = ((gt.astype(np.float64) / factor) ** (1 / exponent)).astype(np.float32)
        v, u = np.nonzero((gt > 0) & ~depth_edges(gt, 0.1, radius=3))
        at = rng.choice(len(u), 20, replace=False)
        depth = gt[v[at], u[at]] * np.exp(0.02 * rng.standard_normal(20))
        depth[rng.choice(20, 2, replace=False)] *= rng.choice([0.4, 0.55, 1.8, 3.0], 2)
        points = KnownDepth(np.column_stack([u[at], v[at]]).astype(float), depth, gt.shape[::-1])
        found = align_depth(predicted, view.camera, Known(depth=points))[1]
        errors.append(abs(np.log(found.scale / factor) - (exponent - 1) * np.log(found.center)))
        standard.append(found.standard_error)
        used.append(found.used)
    ratio, close = np.array(errors) / np.array(standard), np.mean(np.array(errors) < 0.01)
    shares = " | ".join(f"{100 * share:.1f} %" for share in (close, (ratio < 1).mean(), (ratio < 2).mean()))
    return f"| {name} | {draws} | {shares} | {np.mean(used):.1f} |"


def samples_of(folder: Path) -> list[Sample]:
    """Find the annotated images of a folder, or the frames of a sequence that have depth."""
    if (folder / "annotations.json").is_file():
        return load_annotations(folder / "annotations.json")
    content = json.loads((folder / "sequence.json").read_text())
    shared = {"cam_in": content["cam_in"], "depth_scale": content["depth_scale"]}
    entries = [
        {"rgb": str((folder / file["rgb"]).resolve()), "depth": str((folder / file["depth"]).resolve()), **shared}
        for file in content["files"]
        if "depth" in file
    ]
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary, "annotations.json")
        path.write_text(json.dumps({"files": entries}))
        return load_annotations(path)


def calibrated_row(folder: Path, model: Predictor) -> str:
    """Calibrate with the first three frames, and format the row of the errors of the others."""
    images = [KnownImage(sample) for sample in samples_of(folder)]
    try:
        observed, _ = observe_images(images, model, CameraResolver())
        found = fit_calibration([image.observations for image in observed[:3]])
    except AlignmentError as error:
        return f"| {folder.name} | {len(images)} | refused: {error} | | |"
    checked = check_calibration(observed[3:], found)
    before, after = (np.mean([getattr(image, name) for image in checked]) for name in ("before", "after"))
    text = f"{found.scale:.3f} ± {100 * found.standard_error:.1f} %"
    text += f", exponent {found.exponent:.2f}" if found.exponent != 1 else ""
    return f"| {folder.name} | {len(checked)} | {text} | {before:.3f} | {after:.3f} |"


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kitti", type=Path)
    parser.add_argument("ibims", type=Path)
    parser.add_argument("--calibrate", nargs="*", type=Path, default=[])
    parser.add_argument("--rendered", action="store_true")
    parser.add_argument("--model", default="lite")
    parser.add_argument("--write", type=Path, metavar="FILE")
    args = parser.parse_args()
    model = mono.load_model(args.model, device="cpu")
    kitti, ibims = frames(args.kitti, model), frames(args.ibims, model)
    lines = [
        f"{measured_by(model, 'python -m benchmarks.align')}. Mean AbsRel of frames and {_DRAWS} draws on the points "
        "that were not known (0.1-80 m). Median-aligned: with all of the ground truth, of each frame.",
        "",
        "| known | model | as predicted | median-aligned | aligned | chosen | refused |",
        "|---|---|---|---|---|---|---|",
    ]
    kinds = (
        ("kitti_object, 5 % of the LiDAR points", kitti, lambda n: n // 20),
        ("kitti_object, 20 points", kitti, lambda n: 20),
        ("ibims1, 10 points", ibims, lambda n: 10),
    )
    for name, images, count in kinds:
        lines += [aligned_row(name, images, count, fit) for fit in ("auto", "scale")]
    if args.rendered:
        lines += [
            "",
            "Rendered frames, exact depth, multiplied by 0.6 to 1.7, half of them bent by an exponent of 0.85 or 1.15; "
            "20 points with 2 % noise, 2 of them wrong by a factor of 1.8 to 3:",
            "",
            "| scenes | draws | factor within 1 % | error within one standard error | within two | points used, mean |",
            "|---|---|---|---|---|---|",
            rendered_row("rooms", ("room",)),
            rendered_row("streets", ("drive", "street", "on_foot")),
        ]
    if args.calibrate:
        lines += [
            "",
            "Calibrated with the first 3 frames of a folder, scored on the others. A mean factor of three frames of "
            "other places helps where the model is off by much the same everywhere, and does harm where it is not.",
            "",
            "| frames | n | factor | AbsRel before | after |",
            "|---|---|---|---|---|",
            *(calibrated_row(folder, model) for folder in args.calibrate),
        ]
    publish("\n".join(lines), "align", args.write)


if __name__ == "__main__":
    main()
