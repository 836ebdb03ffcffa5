"""Places with a path: scene, moving camera and exact poses."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from metricdepth_scenes.assets import Assets
from metricdepth_scenes.builder import Builder, Scene
from metricdepth_scenes.cameras import look, pose_towards
from metricdepth_scenes.meshes import nearest
from metricdepth_scenes.places.furnishing import Maker, floor_clutter, furnish, indoor_scene
from metricdepth_scenes.places.loop import HALF, Loop, loop_street
from metricdepth_scenes.places.on_walls import wall_things
from metricdepth_scenes.places.shell import make_room
from metricdepth_scenes.places.views import room_view
from metricdepth_scenes.things.clutter import on_shelf
from metricdepth_scenes.things.containers import bag, bin_, cardboard
from metricdepth_scenes.things.plants import plant
from metricdepth_scenes.things.seating import chair, sofa
from metricdepth_scenes.things.storage import cabinet, shelf
from metricdepth_scenes.things.tables import table
from mono.geometry.camera import Camera
from mono.system.errors import MetricDepthError

_CLEARANCE = 0.3  # between the camera and anything [m]


@dataclass(frozen=True)
class Walk:
    """Scene with a closed path through it.

    Attributes:
        scene: rendered scene.
        camera: at its full size.
        pose: camera to world (z up), (4, 4), at a share (0..1) of the way; 0 and 1 are the same.
        duration: of the whole way [s].
        depth_scale: of 16-bit depth files.
    """

    scene: Scene
    camera: Camera
    pose: Callable[[float], np.ndarray]
    duration: float
    depth_scale: float

    def poses(self, count: int) -> np.ndarray:
        """Return poses evenly spread over the path.

        (count, 4, 4); the first and last are equal.
        """
        return np.stack([self.pose(k / max(count - 1, 1)) for k in range(count)])


def build_walk(kind: str, seed: int, assets: Assets | None = None) -> Walk:
    """Build a walk from its seed.

    "street" (about 560 m by car, KITTI's camera) or "room" (about 12 m on foot).

    Raises:
        ValueError: the kind is unknown.
    """
    kinds = {"street": _street, "room": _room}
    if kind not in kinds:
        raise MetricDepthError(f"scenes: there is no walk {kind!r}; choose {' or '.join(kinds)}")
    for attempt in range(20):
        rng = np.random.default_rng(np.random.SeedSequence([seed, attempt, 3]))
        walk = kinds[kind](Builder(rng, assets), rng)
        if _clear(walk):
            return replace(walk, scene=replace(walk.scene, family=kind, seed=seed))
    raise MetricDepthError(f"scenes: no way is free through the {kind} of seed {seed}; use another seed")


def _clear(walk: Walk) -> bool:
    """Test that the path keeps its distance from everything."""
    return all(nearest(walk.scene.mesh.tri, pose[:3, 3]) > _CLEARANCE for pose in walk.poses(200))


def _waves(rng: np.random.Generator, size: float, slowest: int, fastest: int) -> Callable[[float], float]:
    """Draw a smooth periodic function of the path's share.

    Of about the given size.
    """
    count = rng.integers(slowest, fastest + 1, 5)
    phase = rng.uniform(0, 2 * np.pi, 5)
    part = rng.uniform(0.5, 1, 5) * size / 2
    return lambda share: float((part * np.sin(2 * np.pi * count * share + phase)).sum())


def _street(b: Builder, rng: np.random.Generator) -> Walk:
    loop = Loop()
    scene = loop_street(b, loop)
    sway, bounce = _waves(rng, 0.2, 2, 8), _waves(rng, 0.015, 40, 110)
    yaw, pitch, roll = _waves(rng, 0.4, 4, 20), _waves(rng, 0.25, 30, 90), _waves(rng, 0.3, 10, 60)

    def pose(share: float) -> np.ndarray:
        point, heading = (v[0] for v in loop.at(np.array([share * loop.length])))
        right = np.array([math.sin(heading), -math.cos(heading), 0])
        at = np.array([*point, 1.65 + bounce(share)]) + (HALF / 2 + sway(share)) * right
        return pose_towards(at, at + look(math.degrees(heading) + yaw(share), pitch(share)), roll(share))

    camera = Camera(718.856, 718.856, 607.1928, 185.2157, 1241, 376)
    return Walk(scene, camera, pose, loop.length / 10, 200.0)


def _room(b: Builder, rng: np.random.Generator) -> Walk:
    width, depth = b.u(6.5, 8.5), b.u(5.5, 7.0)
    room = make_room(b, width, depth, b.u(2.6, 3.2), windows=2, doors=1)
    kinds: list[Maker] = [
        shelf,
        sofa,
        table,
        cabinet,
        shelf,
        plant,
        chair,
        table,
        shelf,
        bag,
        cabinet,
        cardboard,
        bin_,
        shelf,
        chair,
    ]
    furnish(b, room, kinds, on_shelf, 14.0)
    wall_things(b, room, 40)
    floor_clutter(b, room, 8, rug=1.0)
    scene = indoor_scene(b, room_view(b, room))
    half = np.array([width / 2 - 1.7, depth / 2 - 1.6])
    sway, bounce = _waves(rng, 0.06, 2, 6), _waves(rng, 0.03, 8, 24)
    yaw, pitch, roll = _waves(rng, 16, 1, 4), _waves(rng, 4, 1, 6), _waves(rng, 1.5, 2, 8)

    def pose(share: float) -> np.ndarray:
        turn = 2 * np.pi * share
        out = np.array([math.cos(turn), math.sin(turn)]) * (half + sway(share))
        at = np.array([width / 2 + out[0], depth / 2 + out[1], 1.45 + bounce(share)])
        inward = math.degrees(math.atan2(-out[1], -out[0]))
        return pose_towards(at, at + look(inward + yaw(share), pitch(share) - 10), roll(share))

    return Walk(scene, Camera(525.0, 525.0, 319.5, 239.5, 640, 480), pose, 30.0, 1000.0)
