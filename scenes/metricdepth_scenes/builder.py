"""A scene under construction: parts with materials, what stands where, and lights; then the finished Scene."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from metricdepth_scenes.assets import Assets
from metricdepth_scenes.materials import Material, Palette
from metricdepth_scenes.meshes import Mesh, caster_of, joined, quad, turn


@dataclass(frozen=True)
class AreaLight:
    """Lit parallelogram: corner and edges [m], linear radiant color.

    Shines along cross(edge_u, edge_v).
    """

    corner: np.ndarray
    edge_u: np.ndarray
    edge_v: np.ndarray
    color: np.ndarray


@dataclass(frozen=True)
class Light:
    """All light of a scene: lamps, the sun (direction to it, or None), ambient and sky.

    `sky` is an equirectangular image (H, W, 3) uint8, its middle column along +x turned by `sky_yaw` [rad].
    `spots` are small lamps with sharp shadows; `headlamp` is one that moves with the camera, in its frame.
    `reach` [m] is how near surroundings begin to darken a surface.
    A camera exposes it by `stops` more than usual and with `grain` times the usual noise.
    """

    areas: tuple[AreaLight, ...]
    sun: np.ndarray | None
    sun_color: np.ndarray
    ambient: np.ndarray
    sky: np.ndarray
    sky_yaw: float = 0.0
    sky_gain: float = 1.0
    fog: float = 0.0
    stops: float = 0.0
    grain: float = 1.0
    spots: tuple[AreaLight, ...] = ()
    headlamp: AreaLight | None = None
    reach: float = 1.2


@dataclass(frozen=True)
class Top:
    """Horizontal surface for small things, in its piece's frame.

    Center and height, width and depth [m].
    """

    x: float
    y: float
    z: float
    width: float
    depth: float
    clearance: float = 1.0


@dataclass
class Piece:
    """Thing in its own frame.

    Stands on z = 0, back at +y, front looking along -y.
    """

    meshes: list[Mesh]
    width: float
    depth: float
    height: float
    tops: list[Top] = field(default_factory=list)


@dataclass(frozen=True)
class Obstacle:
    """Upright bounding box of a placed thing [m]."""

    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class Scene:
    """A finished scene and how to look at it.

    Attributes:
        mesh: all triangles (world frame, z up, metres).
        materials: by material number.
        light: what lights it.
        family: its name.
        seed: its seed.
        viewpoint: draws (position (3,), look-at point (3,)) [m] and a roll [deg] from a generator.
        style: names the camera style of `cameras.sample_camera`.
        nearest: depth [m] that at most 12 % of a view may fall below.
        clearance: least distance [m] of a camera from anything beside it.
        parts: number of flat parts that most views must show.
        highlights: exposed light that the brightest twentieth of a picture begins at, at most.
    """

    mesh: Mesh
    materials: tuple[Material, ...]
    light: Light
    family: str
    seed: int
    viewpoint: Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray, float]]
    style: str
    nearest: float = 0.3
    clearance: float = 0.12
    parts: int = 14
    highlights: float = float("inf")

    @cached_property
    def caster(self) -> Any:
        """Return embree's ray casting scene of the mesh."""
        return caster_of(self.mesh.tri)


class Builder:
    """Collector of meshes and materials.

    All randomness comes from `rng`.
    """

    def __init__(self, rng: np.random.Generator, assets: Assets | None) -> None:
        self.rng = rng
        self.assets = assets
        self.palette = Palette(rng, assets)
        self.meshes: list[Mesh] = []
        self.materials: list[Material] = []
        self.areas: list[AreaLight] = []
        self.obstacles: list[Obstacle] = []
        self._known: dict[int, int] = {}
        self.models: dict[str, Any] = {}
        self.night = False

    def number(self, material: Material) -> int:
        """Return a material's number in this scene."""
        key = id(material)
        if key not in self._known:
            self._known[key] = len(self.materials)
            self.materials.append(material)
        return self._known[key]

    def role(self, role: str, fresh: float = 0.6) -> int:
        """Draw a material for a role and return its number."""
        return self.number(self.palette.draw(role, fresh))

    def wood(self) -> int:
        """Draw wood, or occasionally white or black lacquer."""
        return self.role("wood", 0.5) if self.chance(0.75) else self.gray(self.pick(0.12, 0.8, 0.92, 0.94), 0.02)

    def solid(self, color: np.ndarray | tuple[float, float, float], gloss: float = 0.0) -> int:
        """Add a nearly even surface of an sRGB color (0..1)."""
        return self.number(self.palette.solid(color, gloss))

    def gray(self, value: float, gloss: float = 0.0) -> int:
        """Add a gray surface of a brightness (0..1)."""
        return self.solid((value, value, value), gloss)

    def glowing(
        self, color: np.ndarray | tuple[float, float, float], day: float = 0.0, night: float = 4.0, gloss: float = 0.05
    ) -> int:
        """Draw an even surface that emits light.

        Factor `day` or, in a scene at night, `night`.
        """
        return self.number(replace(self.palette.solid(color, gloss), glow=night if self.night else day))

    def paint(self) -> int:
        """Draw the paint of an inside wall."""
        return self.number(self.palette.paint())

    def vivid(self) -> int:
        """Draw a surface in a color of small things."""
        return self.number(self.palette.vivid())

    def printed(self) -> int:
        """Draw a printed surface."""
        return self.number(self.palette.printed())

    def picture(self, *categories: str, glow: float = 0.0) -> int:
        """Draw a surface with a photograph."""
        return self.number(self.palette.picture(*categories, glow=glow))

    def u(self, low: float, high: float) -> float:
        """Draw a number uniformly from a range."""
        return float(self.rng.uniform(low, high))

    def chance(self, probability: float) -> bool:
        """Return True with probability `p`."""
        return bool(self.rng.random() < probability)

    def pick(self, *options: Any) -> Any:
        """Draw one of several options."""
        return options[int(self.rng.integers(len(options)))]

    def add(self, *meshes: Mesh) -> None:
        """Add meshes to the scene."""
        self.meshes.extend(meshes)

    def level(self, x0: float, x1: float, y0: float, y1: float, z: float, material: int) -> None:
        """Add a level rectangle [m]."""
        corners = [(x0, y0, z), (x1, y0, z), (x1, y1, z), (x0, y1, z)]
        self.add(quad(corners, (x1 - x0, y1 - y0), material))

    def put(self, piece: Piece, x: float, y: float, z: float = 0, yaw: float = 0, solid: bool = True) -> None:
        """Place a piece.

        A solid one is remembered as an obstacle.
        """
        mesh = joined(piece.meshes).placed(x, y, z, yaw)
        self.meshes.append(mesh)
        if solid:
            self.obstacles.append(Obstacle(*mesh.bounds()))

    def clutter(
        self, piece: Piece, x: float, y: float, z: float, yaw: float, make: Callable[[Builder], Piece], density: float
    ) -> None:
        """Put small pieces (about `density` a square metre) on a placed piece's tops."""
        r = turn(yaw)
        for top in piece.tops:
            taken: list[tuple[float, float, float]] = []
            for _ in range(int(self.rng.poisson(density * top.width * top.depth))):
                small = make(self)
                reach = (small.width + small.depth) / 4
                room_x, room_y = top.width / 2 - small.width / 2, top.depth / 2 - small.depth / 2
                if room_x <= 0 or room_y <= 0 or small.height > top.clearance:
                    continue
                px, py = top.x + self.u(-room_x, room_x), top.y + self.u(-room_y, room_y)
                # Paper and cables lie under and over one another; what stands keeps its place.
                if small.height > 0.04:
                    if any((px - a) ** 2 + (py - b) ** 2 < (reach + c) ** 2 * 0.8 for a, b, c in taken):
                        continue
                    taken.append((px, py, reach))
                p = r @ np.array([px, py, 0], np.float32)
                self.put(small, x + float(p[0]), y + float(p[1]), z + top.z, yaw + self.u(-0.6, 0.6), solid=False)

    def free(self, x0: float, x1: float, y0: float, y1: float, margin: float = 0.0, below: float = 9.0) -> bool:
        """Tell if a rectangle is free of obstacles that begin below `below` [m]."""
        return not any(
            o.low[0] < x1 + margin
            and o.high[0] > x0 - margin
            and o.low[1] < y1 + margin
            and o.high[1] > y0 - margin
            and o.low[2] < below
            for o in self.obstacles
        )
