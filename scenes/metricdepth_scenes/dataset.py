"""Render data sets: JPEG, 16-bit depth PNG and an annotation file; resumable."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from concurrent.futures import as_completed
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from metricdepth_scenes.assets import Assets
from metricdepth_scenes.builder import Scene
from metricdepth_scenes.render import Frame, NoViewError, build_scene, families, render_view
from metricdepth_scenes.workers import worker_pool
from mono.io.atomic import remove_stale_files, write_bytes
from mono.system.errors import MetricDepthError

logger = logging.getLogger(__name__)

VIEWS = 4
NEAR_SCALE, FAR_SCALE = 1000.0, 200.0


@dataclass(frozen=True)
class Plan:
    """Settings of a run.

    One task is a scene of VIEWS frames.
    """

    out: Path
    frames: int
    seed: int
    assets: Path | None
    weights: tuple[tuple[str, float], ...]
    pixels: int


def render_dataset(
    out: Path,
    frames: int,
    *,
    seed: int = 0,
    workers: int = 1,
    assets: Path | None = None,
    weights: Mapping[str, float] | None = None,
    pixels: int = 150_000,
) -> Path:
    """Render a data set into a folder and return its annotation file.

    A stopped run resumes. Layout: rgb/000123.jpg, depth/000123.png (16 bit, metres * depth_scale, 0 = none),
    notes/000123.json (annotation of one frame), annotations.json (for `mono.data.annotations.load_annotations`),
    progress.json. A frame depends on (seed, its number, assets, weights, pixels) only, so a resumed run gives the same
    files.

    Args:
        out: folder to write.
        frames: number of frames.
        seed: random seed.
        workers: number of processes with one thread each.
        assets: folder with textures and models; None uses procedural ones.
        weights: share of each family; None uses the default shares.
        pixels: approximate width times height of a frame.

    Raises:
        MetricDepthError: a family is unknown, a count is not positive, or the folder holds frames of other settings.
        FileNotFoundError: the assets folder has no index.json.
    """
    if frames < 1 or workers < 1:
        raise MetricDepthError(f"scenes: frames is {frames} and workers {workers}; both must be at least 1")
    known = {name: share for name, (_, share) in families().items()}
    chosen = dict(weights) if weights else known
    for name, share in chosen.items():
        if name not in known or share < 0:
            raise MetricDepthError(
                f"scenes: family {name!r} with share {share}; choose from {', '.join(known)}, shares >= 0"
            )
    if not sum(chosen.values()) > 0:
        raise MetricDepthError("scenes: all families have the share 0; give one of them more")
    if assets is not None:
        Assets(assets)
    out = Path(out)
    for name in ("rgb", "depth", "notes"):
        (out / name).mkdir(parents=True, exist_ok=True)
    remove_stale_files(out)
    plan = Plan(out, frames, seed, assets, tuple(chosen.items()), pixels)
    _keep_settings(plan)
    todo = [k for k in range(-(-frames // VIEWS)) if _missing(plan, k)]
    logger.info("rendering %d of %d scenes into %s", len(todo), -(-frames // VIEWS), out)
    if workers == 1:
        painter = _Painter(plan)
        for done, task in enumerate(todo, 1):
            painter.paint(task)
            _report(plan, done, len(todo))
    elif todo:
        _spread(plan, todo, workers)
    entries = [json.loads(_note(plan, k).read_text()) for k in range(frames)]
    annotations = out / "annotations.json"
    write_bytes(annotations, json.dumps({"files": entries}, indent=0).encode())
    return annotations


def _keep_settings(plan: Plan) -> None:
    """Store the settings that frames depend on."""
    assets = str(plan.assets.resolve()) if plan.assets else None
    settings = {"seed": plan.seed, "assets": assets, "families": dict(plan.weights), "pixels": plan.pixels}
    keep_settings(plan.out, settings)


def keep_settings(out: Path, settings: Mapping[str, object]) -> None:
    """Write settings.json into a folder.

    Raises:
        ValueError: the folder holds frames of other settings.
    """
    path = out / "settings.json"
    former = json.loads(path.read_text()) if path.is_file() else settings
    if former != settings:
        names = [name for name in {**former, **settings} if former.get(name) != settings.get(name)]
        changed = ", ".join(f"{name} {former.get(name)!r}" for name in names)
        raise MetricDepthError(
            f"{out} holds frames rendered with {changed}; choose another folder, or the same settings"
        )
    write_bytes(path, json.dumps(settings).encode())


def _spread(plan: Plan, todo: list[int], workers: int) -> None:
    with worker_pool(workers) as pool:
        jobs = [pool.submit(_work, plan, task) for task in todo]
        for done, job in enumerate(as_completed(jobs), 1):
            job.result()
            _report(plan, done, len(todo))


class _Painter:
    """Renderer of tasks; keeps the assets it has read."""

    def __init__(self, plan: Plan) -> None:
        import cv2

        cv2.setNumThreads(1)
        self.plan = plan
        self.assets = Assets(plan.assets) if plan.assets is not None else None

    def paint(self, task: int) -> None:
        """Render the missing frames of a task."""
        plan = self.plan
        scene = None
        for number in _missing(plan, task):
            for attempt in range(6):
                if scene is None:
                    scene = self._scene(task, attempt)
                rng = np.random.default_rng(np.random.SeedSequence([plan.seed, number, attempt]))
                try:
                    frame = render_view(scene, rng, pixels=plan.pixels)
                except NoViewError:
                    logger.info(
                        "scene %d of seed %d gave no view for frame %d; drawing another", task, plan.seed, number
                    )
                    scene = self._scene(task, attempt + 1)
                    continue
                _save(plan, number, frame)
                break
            else:
                raise NoViewError(
                    f"scenes: no acceptable view for frame {number} of seed {plan.seed}; use another seed"
                )
            if attempt:
                scene = None

    def _scene(self, task: int, attempt: int) -> Scene:
        rng = np.random.default_rng(np.random.SeedSequence([self.plan.seed, task, 77]))
        names = [name for name, _ in self.plan.weights]
        shares = np.array([share for _, share in self.plan.weights])
        family = names[int(rng.choice(len(names), p=shares / shares.sum()))]
        return build_scene(int(rng.integers(2**31)) + attempt, family, self.assets)


# Tasks reach a pool's process one by one, and only its module outlives them: here it keeps the assets it has read.
@lru_cache(maxsize=1)
def _painter(plan: Plan) -> _Painter:
    return _Painter(plan)


def _work(plan: Plan, task: int) -> None:
    _painter(plan).paint(task)


def _missing(plan: Plan, task: int) -> list[int]:
    numbers = range(task * VIEWS, min((task + 1) * VIEWS, plan.frames))
    return [k for k in numbers if not all(p.is_file() for p in (*_files(plan, k), _note(plan, k)))]


def _files(plan: Plan, number: int) -> tuple[Path, Path]:
    return plan.out / f"rgb/{number:06d}.jpg", plan.out / f"depth/{number:06d}.png"


def _note(plan: Plan, number: int) -> Path:
    return plan.out / f"notes/{number:06d}.json"


def _save(plan: Plan, number: int, frame: Frame) -> None:
    scale = NEAR_SCALE if float(frame.depth.max()) < 65 else FAR_SCALE
    rgb_file, depth_file = _files(plan, number)
    write_frame(rgb_file, depth_file, frame, scale, 90 + number % 8)
    entry = {
        "rgb": f"rgb/{rgb_file.name}",
        "depth": f"depth/{depth_file.name}",
        "depth_scale": scale,
        "cam_in": [round(v, 4) for v in frame.camera.intrinsics],
        "family": frame.family,
        "scene": frame.seed,
    }
    write_bytes(_note(plan, number), json.dumps(entry).encode())


def write_frame(rgb_file: Path, depth_file: Path, frame: Frame, depth_scale: float, quality: int) -> None:
    """Write a frame's image and depth.

    JPEG of a `quality`, and depth [m] * `depth_scale` as 16-bit PNG.
    """
    import cv2

    _, rgb = cv2.imencode(".jpg", frame.rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    depth = np.round(np.minimum(frame.depth * depth_scale, 65535)).astype(np.uint16)
    _, png = cv2.imencode(".png", depth, [cv2.IMWRITE_PNG_COMPRESSION, 3])
    write_bytes(rgb_file, rgb.tobytes())
    write_bytes(depth_file, png.tobytes())


def _report(plan: Plan, done: int, total: int) -> None:
    if done % 25 == 0 or done == total:
        logger.info("%d of %d scenes", done, total)
    write_bytes(plan.out / "progress.json", json.dumps({"scenes_done": done, "scenes_to_do": total}).encode())
