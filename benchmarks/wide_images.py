"""Accuracy and seams of panoramas and fisheyes, on rendered scenes: python benchmarks/wide_images.py --assets DIR."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from metricdepth_scenes.assets import Assets
from metricdepth_scenes.cameras import pose_towards
from metricdepth_scenes.render import Frame, acceptable, build_scene, render

from mono.data.camera_source import ResolvedCamera
from mono.geometry.camera import Camera
from mono.inference.inputs import WideInput
from mono.inference.load import load_model
from mono.inference.prediction import Prediction
from mono.inference.wide import WideOutput
from mono.views.cutting import CutView
from mono.views.layout import solid_angles

FAMILIES = ("corridor", "country", "hall", "room", "parking", "street", "yard", "lecture", "stairs", "garage")
CAMERAS = {
    "panorama": Camera.panorama(1536, 768),
    "fisheye": Camera(305, 305, 479.5, 479.5, 960, 960, model="fisheye"),
}
NEAREST, FARTHEST = 0.3, 80.0  # [m] of ground truth that counts: cameras beside or behind may touch things


def main() -> None:
    """Render, predict and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", type=Path, help="folder of textures and models (default: plain materials)")
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--model", default="lite")
    parser.add_argument("--backend", default="openvino")
    parser.add_argument("--lenses", nargs="+", choices=tuple(CAMERAS), default=tuple(CAMERAS))
    args = parser.parse_args()
    assets = Assets(args.assets) if args.assets else None
    model = load_model(args.model, backend=args.backend)
    print(
        "| lens | frames | views | merged AbsRel | views alone | ratio of means | median ratio of a frame, lowest to "
        "highest | seam steps, median | elsewhere | s a frame |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    for name in args.lenses:
        camera = CAMERAS[name]
        rows = []
        for number in range(args.frames):
            frame = _frame(number, camera, assets)
            begun = time.perf_counter()
            wide = model.prepare(frame.rgb, ResolvedCamera(camera, "given", "rendered"))
            assert isinstance(wide, WideInput)
            (output,) = model.infer([wide])
            assert isinstance(output, WideOutput)
            merged = output.prediction()
            seconds = time.perf_counter() - begun
            alone = [raw.prediction() for raw in output.raw]
            errors = _merged_error(merged, frame.depth), _mean_error(alone, output.cut, camera, frame.depth)
            rows.append((*errors, *_steps(merged, output.cut), seconds))
        merged_error, alone_error, seam, elsewhere, seconds = np.mean(rows, axis=0)
        low, middle, high = np.quantile([row[0] / row[1] for row in rows], (0, 0.5, 1))
        print(
            f"| {name} | {len(rows)} | {len(wide.cut)} | {merged_error:.3f} | {alone_error:.3f} | "
            f"{merged_error / alone_error:.2f} | {middle:.2f}, {low:.2f} to {high:.2f} | "
            f"{100 * seam:.2f} % | {100 * elsewhere:.2f} % | {seconds:.1f} |"
        )


def _frame(number: int, camera: Camera, assets: Assets | None) -> Frame:
    """Render a level frame."""
    for seed in range(5000 + 100 * number, 5100 + 100 * number):
        scene, rng = build_scene(seed, FAMILIES[number % len(FAMILIES)], assets), np.random.default_rng([seed, 2])
        for _ in range(30):
            position, target, _ = scene.viewpoint(rng)
            direction = (target - position) * (1, 1, 0.15)
            pose = pose_towards(position, position + direction, 0.0)
            if acceptable(scene, Camera.from_fov(90, 640, 640), pose, scene.parts):
                return render(scene, camera, pose, rng)
    raise RuntimeError(f"no view in 100 scenes of frame {number}")


def _merged_error(prediction: Prediction, gt: np.ndarray) -> float:
    """Compute AbsRel over the sphere."""
    solid = np.nan_to_num(solid_angles(prediction.camera.unit_rays().astype(np.float64)))
    counts = (gt > NEAREST) & (gt < FARTHEST) & prediction.mask
    error = np.abs(prediction.distance[counts] / gt[counts] - 1)
    return float(np.average(error, weights=solid[counts]))


def _mean_error(alone: Sequence[Prediction], cut: Sequence[CutView], camera: Camera, gt: np.ndarray) -> float:
    """Compute the mean AbsRel of views as they are, weighted by their solid angle with ground truth."""
    errors, weights = [], []
    for prediction, part in zip(alone, cut, strict=True):
        pixels = camera.project(part.view.directions)[0].astype(np.float32)
        target = cv2.remap(gt, pixels[..., 0], pixels[..., 1], cv2.INTER_NEAREST)
        length = np.linalg.norm(part.view.directions, axis=-1)
        counts = part.inside & (target > NEAREST) & (target < FARTHEST) & prediction.mask
        if counts.any():
            solid = length[counts] ** -3
            errors.append(float(np.average(np.abs(prediction.distance[counts] / target[counts] - 1), weights=solid)))
            weights.append(solid.sum())
    return float(np.average(errors, weights=weights))


def _steps(prediction: Prediction, cut: Sequence[CutView]) -> tuple[float, float]:
    """Compute median steps of log distance beyond those of the next pixels, at seams and elsewhere.

    Returns:
        Median at seams and elsewhere.
    """
    rays = prediction.camera.unit_rays()
    nearest = np.argmax([part.view.closeness(*part.view.locate(rays)) for part in cut], axis=0)
    with np.errstate(divide="ignore"):
        log = np.log(prediction.distance)
    change = np.diff(log, axis=1)
    step = np.abs(change[:, 1:-1] - (change[:, :-2] + change[:, 2:]) / 2)
    seam = (nearest[:, 1:-2] != nearest[:, 2:-1]) & np.isfinite(step)
    return float(np.median(step[seam])), float(np.median(step[~seam & np.isfinite(step)]))


if __name__ == "__main__":
    main()
