"""Render a camera's path through a scene with exact depth and poses; resumable."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from metricdepth_scenes.assets import Assets
from metricdepth_scenes.dataset import keep_settings, write_frame
from metricdepth_scenes.render import render
from metricdepth_scenes.walks import Walk, build_walk
from metricdepth_scenes.workers import worker_pool
from mono.geometry.camera import Camera
from mono.io.atomic import remove_stale_files, write_bytes
from mono.slam import Trajectory, write_trajectory
from mono.system.errors import MetricDepthError

logger = logging.getLogger(__name__)

_QUALITY = 94


@dataclass(frozen=True)
class SequencePlan:
    """Settings of a run.

    The whole path in `frames` frames.
    """

    kind: str
    out: Path
    frames: int
    seed: int
    assets: Path | None
    pixels: int


def render_sequence(plan: SequencePlan, workers: int = 1, only: tuple[int, ...] | None = None) -> Path:
    """Render a walk's frames into a folder and return its annotation file.

    A stopped run resumes. Layout: rgb/000123.jpg, depth/000123.png (16 bit, metres * depth_scale, 0 = none),
    camera.json, rgb/camera.json, poses_tum.txt and poses_kitti.txt (camera to world, z up, metres; of all frames),
    annotations.json (of rendered frames, for `mono.data.annotations.load_annotations`), settings.json.
    A frame depends on the plan and its number only, so a resumed run gives the same files.

    Args:
        plan: settings of the run.
        workers: number of processes with one thread each.
        only: numbers of the frames to render instead of all; poses stay the same.

    Raises:
        MetricDepthError: the kind of walk is unknown, a number is out of range, or the folder holds frames of other
            settings.
        FileNotFoundError: the assets folder has no index.json.
    """
    if plan.frames < 2 or workers < 1 or plan.pixels < 1:
        raise MetricDepthError(
            f"scenes: frames is {plan.frames}, pixels {plan.pixels} and workers {workers}; "
            "at least 2 frames, a pixel and a worker are needed"
        )
    numbers = tuple(range(plan.frames)) if only is None else only
    wrong = [k for k in numbers if not 0 <= k < plan.frames]
    if wrong or not numbers:
        raise MetricDepthError(f"scenes: there is no frame {wrong or 'to render'}; they are 0 to {plan.frames - 1}")
    walk = build_walk(plan.kind, plan.seed, Assets(plan.assets) if plan.assets else None)
    out = plan.out
    for name in ("rgb", "depth"):
        (out / name).mkdir(parents=True, exist_ok=True)
    remove_stale_files(out)
    assets = str(plan.assets.resolve()) if plan.assets else None
    keep_settings(out, {**asdict(plan), "out": None, "assets": assets})
    _write_geometry(plan, walk)
    todo = [k for k in numbers if not all(p.is_file() for p in _files(out, k))]
    logger.info("rendering %d of %d frames into %s", len(todo), len(numbers), out)
    for done, _ in enumerate(_rendered(plan, walk, todo, workers), 1):
        if done % 25 == 0 or done == len(todo):
            logger.info("%d of %d frames", done, len(todo))
    annotations = out / "annotations.json"
    there = [k for k in range(plan.frames) if all(p.is_file() for p in _files(out, k))]
    camera = camera_of(walk, plan.pixels)
    entries = [
        {
            "rgb": f"rgb/{k:06d}.jpg",
            "depth": f"depth/{k:06d}.png",
            "depth_scale": walk.depth_scale,
            "cam_in": list(camera.intrinsics),
        }
        for k in there
    ]
    write_bytes(annotations, json.dumps({"files": entries}, indent=0).encode())
    return annotations


def camera_of(walk: Walk, pixels: int) -> Camera:
    """Return the walk's camera with about `pixels` pixels.

    Sides multiples of 4.
    """
    share = math.sqrt(pixels / (walk.camera.width * walk.camera.height))
    size = [4 * max(2, round(side * share / 4)) for side in (walk.camera.width, walk.camera.height)]
    return walk.camera.resized(*size)


def _write_geometry(plan: SequencePlan, walk: Walk) -> None:
    path = Trajectory(walk.poses(plan.frames), np.linspace(0, walk.duration, plan.frames))
    write_trajectory(plan.out / "poses_tum.txt", path, "tum")
    write_trajectory(plan.out / "poses_kitti.txt", path, "kitti")
    camera = asdict(camera_of(walk, plan.pixels))
    for folder in (plan.out, plan.out / "rgb"):
        write_bytes(folder / "camera.json", json.dumps(camera).encode())


def _rendered(plan: SequencePlan, walk: Walk, todo: list[int], workers: int) -> Iterator[None]:
    import cv2

    if workers == 1 or len(todo) < 2:
        cv2.setNumThreads(1)
        for number in todo:
            _paint(plan, walk, number)
            yield
        return
    with worker_pool(workers) as pool:
        yield from pool.map(_work, [plan] * len(todo), todo)


# Frames reach a pool's process one by one, and only its module outlives them: here it keeps the scene it has built.
@lru_cache(maxsize=1)
def _walk(plan: SequencePlan) -> Walk:
    return build_walk(plan.kind, plan.seed, Assets(plan.assets) if plan.assets else None)


def _work(plan: SequencePlan, number: int) -> None:
    _paint(plan, _walk(plan), number)


def _paint(plan: SequencePlan, walk: Walk, number: int) -> None:
    pose = walk.pose(number / (plan.frames - 1))
    rng = np.random.default_rng(np.random.SeedSequence([plan.seed, number, 5]))
    habits = np.random.default_rng(np.random.SeedSequence([plan.seed, 6]))
    frame = render(walk.scene, camera_of(walk, plan.pixels), pose, rng, habits)
    write_frame(*_files(plan.out, number), frame, walk.depth_scale, _QUALITY)


def _files(out: Path, number: int) -> tuple[Path, Path]:
    return out / f"rgb/{number:06d}.jpg", out / f"depth/{number:06d}.png"
