"""Measure a model on rendered images of distorting lenses and squashed images, against those of ideal pinholes."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from metricdepth_scenes.assets import Assets
from metricdepth_scenes.cameras import pose_towards
from metricdepth_scenes.render import acceptable, build_scene, render
from metricdepth_scenes.surfaces import Scene

from mono.geometry.camera import Camera
from mono.geometry.undistortion import undistortion
from mono.inference.load import load_model
from mono.inference.predictor import Predictor

FAMILIES = ("corridor", "country", "hall", "room", "parking", "street", "yard", "lecture", "stairs", "garage")
PLAIN = Camera.from_fov(70, 640, 480)
RADIAL = (-0.3, -0.2, -0.1, 0.05, 0.1)
SQUASHED = (0.5, 0.7, 1.4, 2.0)


def main() -> None:
    """Print ratios of metres for each lens and each squashing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", type=Path, help="folder of textures and models (default: plain materials)")
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--model", default="lite")
    args = parser.parse_args()
    assets = Assets(args.assets) if args.assets else None
    model = load_model(args.model)
    rows: dict[str, list[tuple[float, ...]]] = {}
    for number in range(args.frames):
        seed, scene, pose = _place(number, assets)
        for k1 in RADIAL:
            camera = replace(PLAIN, distortion=(k1,))
            rows.setdefault(f"k1 {k1:g}", []).append(_lens(model, scene, pose, camera, seed))
        frame = render(scene, PLAIN, pose, np.random.default_rng([seed, 3]))
        plain = model.predict(frame.rgb, PLAIN).depth
        for ratio in SQUASHED:
            width = round(PLAIN.width * ratio)
            squashed = cv2.resize(frame.rgb, (width, PLAIN.height), interpolation=cv2.INTER_AREA)
            depth = model.predict(squashed, PLAIN.resized(width, PLAIN.height)).depth
            depth = cv2.resize(depth, (PLAIN.width, PLAIN.height), interpolation=cv2.INTER_NEAREST)
            rows.setdefault(f"squashed {ratio:g}", []).append((_ratio(depth, plain),) * 2 + (np.nan,) * 2)
    print("| image | ratio to a render of the undistorted view | lowest | highest | ratio to the same focal length "
          "| AbsRel | AbsRel of the undistorted view |\n|---|---|---|---|---|---|---|")  # fmt: skip
    for name, found in rows.items():
        same, other, error, plain_error = np.array(found).T
        low, middle, high = np.quantile(same, (0, 0.5, 1))
        print(
            f"| {name} | {middle:.3f} | {low:.3f} | {high:.3f} | {np.median(other):.3f} | {error.mean():.3f} "
            f"| {plain_error.mean():.3f} |"
        )


def _lens(model: Predictor, scene: Scene, pose: np.ndarray, camera: Camera, seed: int) -> tuple[float, ...]:
    """Compare depth of a lens's render with that of renders of two ideal pinholes, in the lens's pixels."""
    flat, bare = undistortion(camera), replace(camera, distortion=())
    frames = [render(scene, each, pose, np.random.default_rng([seed, 3])) for each in (camera, flat.pinhole, bare)]
    gt = frames[0].depth
    bent = model.predict(frames[0].rgb, camera).depth
    straight = flat.map_to_image(model.predict(frames[1].rgb, flat.pinhole).depth)
    columns, rows = np.moveaxis(bare.project(camera.rays())[0].astype(np.float32), -1, 0)
    same_focal = cv2.remap(model.predict(frames[2].rgb, bare).depth, columns, rows, cv2.INTER_NEAREST)
    return _ratio(bent, straight), _ratio(bent, same_focal), _error(bent, gt), _error(straight, gt)


def _ratio(depth: np.ndarray, other: np.ndarray) -> float:
    both = (depth > 0) & (other > 0)
    return float(np.median(depth[both] / other[both]))


def _error(depth: np.ndarray, gt: np.ndarray) -> float:
    counts = (depth > 0) & (gt > 0) & (gt < 80)
    return float(np.abs(depth[counts] / gt[counts] - 1).mean())


def _place(number: int, assets: Assets | None) -> tuple[int, Scene, np.ndarray]:
    """Choose a scene and a level pose in it."""
    for seed in range(6000 + 100 * number, 6100 + 100 * number):
        scene, rng = build_scene(seed, FAMILIES[number % len(FAMILIES)], assets), np.random.default_rng([seed, 2])
        for _ in range(30):
            position, target, _ = scene.viewpoint(rng)
            pose = pose_towards(position, position + (target - position) * (1, 1, 0.15), 0.0)
            if acceptable(scene, PLAIN, pose, scene.parts):
                return seed, scene, pose
    raise RuntimeError(f"no view in 100 scenes of frame {number}")


if __name__ == "__main__":
    main()
