"""A street that ends where it begins, between houses, trees and parked cars: a place to drive through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from metricdepth_scenes.builder import Builder, Piece, Scene
from metricdepth_scenes.meshes import Mesh, joined, quad
from metricdepth_scenes.places.daylight import outdoor_light
from metricdepth_scenes.places.verges import garden_wall, split
from metricdepth_scenes.things.cars import car
from metricdepth_scenes.things.houses import house
from metricdepth_scenes.things.people import person
from metricdepth_scenes.things.plants import hedge, tree_kind
from metricdepth_scenes.things.street_furniture import fence, pole
from metricdepth_scenes.things.vans import van

HALF, PARKING, WALK, CURB = 3.3, 2.1, 2.6, 0.12  # of the road, the cars beside it and the pavement [m]


@dataclass(frozen=True)
class Loop:
    """Center line of a road.

    A rectangle of straights [m] with rounded corners of `radius` [m], driven counterclockwise.

    Positions along it are lengths from the start, across it offsets to the right.
    """

    long: float = 100.0
    short: float = 67.0
    radius: float = 36.0

    @property
    def length(self) -> float:
        """Return the length of the loop [m]."""
        return 2 * (self.long + self.short) + 2 * np.pi * self.radius

    def at(self, along: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Compute points (..., 2) [m] and headings (...) [rad] at lengths `along` [m]."""
        along = np.asarray(along, np.float64) % self.length
        corner = np.pi / 2 * self.radius
        start, origin, heading = 0.0, np.zeros(2), 0.0
        points, headings = np.zeros((*along.shape, 2)), np.zeros(along.shape)
        for k in range(4):
            straight = self.long if k % 2 == 0 else self.short
            ahead = np.array([np.cos(heading), np.sin(heading)])
            left = np.array([-ahead[1], ahead[0]])
            s = along - start
            on = (s >= 0) & (s < straight)
            points[on], headings[on] = origin + s[on, None] * ahead, heading
            turn = (s - straight) / self.radius
            on = (turn >= 0) & (turn < np.pi / 2)
            arc = np.sin(turn[on])[:, None] * ahead + (1 - np.cos(turn[on]))[:, None] * left
            points[on], headings[on] = origin + straight * ahead + self.radius * arc, heading + turn[on]
            start += straight + corner
            origin = origin + (straight + self.radius) * ahead + self.radius * left
            heading += np.pi / 2
        return points, headings

    def stretch(self, along: float, across: float) -> float:
        """Compute the path's length factor `across` metres right of the middle."""
        _, headings = self.at(np.array([along, along + 0.01]))
        return 1 + across * float(np.diff(headings)[0] % (2 * np.pi)) / 0.01

    def laid(self, mesh: Mesh) -> Mesh:
        """Lay a mesh built along y (0 to `length`) along the road; long triangles are split."""
        mesh = split(mesh, 3.0)
        points, headings = self.at(np.minimum(mesh.tri[..., 1], self.length - 1e-4))
        ahead = np.stack([np.cos(headings), np.sin(headings)], -1)
        right = np.stack([ahead[..., 1], -ahead[..., 0]], -1)
        flat = points + mesh.tri[..., :1] * right
        n = mesh.nrm
        nrm = np.concatenate([n[..., :1] * right + n[..., 1:2] * ahead, n[..., 2:]], -1)
        tri = np.concatenate([flat, mesh.tri[..., 2:]], -1)
        return replace(mesh, tri=tri.astype(np.float32), nrm=nrm.astype(np.float32))


def loop_street(b: Builder, loop: Loop) -> Scene:
    """Build a road along `loop` with all that stands beside it, in daylight; nothing moves.

    The camera's viewpoint is the driver's, 1.65 m above the right lane.
    """
    _ground(b, loop)
    for s in (-1, 1):
        _parked(b, loop, s)
        _fronts(b, loop, s)
        _pavement_things(b, loop, s)

    def view(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
        point, heading = (v[0] for v in loop.at(np.array([rng.uniform(0, loop.length)])))
        ahead = np.array([np.cos(heading), np.sin(heading), 0])
        at = np.array([*point, 1.65]) + HALF / 2 * np.array([ahead[1], -ahead[0], 0])
        return at, at + ahead, 0.0

    # Fog would hide what a car far away still tracks, and a low sun blinds: both are other tests.
    light = replace(outdoor_light(b), fog=0.0)
    return Scene(joined(b.meshes), tuple(b.materials), light, "", 0, view, "street")


def _ground(b: Builder, loop: Loop) -> None:
    reach = 400.0
    middle = np.array([loop.long / 2, loop.radius + loop.short / 2])
    x, y = middle
    b.level(x - reach, x + reach, y - reach, y + reach, -0.1, b.role("grass"))
    edge, end = HALF + PARKING, loop.length
    strips = [_strip(-edge, edge, 0.0, end, 0.0, b.role("asphalt", 1.0))]
    pave, stone, white = b.role("paving", 1.0), b.role("concrete", 1.0), b.gray(b.u(0.75, 0.9))
    for s in (-1, 1):
        inner, outer = sorted((s * (edge + 0.15), s * (edge + WALK)))
        strips.append(_strip(inner, outer, 0, end, CURB, pave))
        inner, outer = sorted((s * edge, s * (edge + 0.15)))
        strips.append(_strip(inner, outer, 0, end, CURB + 0.005, stone))
        corners = [(s * edge, 0, 0.0), (s * edge, end, 0.0), (s * edge, end, CURB), (s * edge, 0, CURB)]
        strips.append(quad(corners, (end, CURB), stone))
        inner, outer = sorted((s * (edge + WALK), s * (edge + WALK + 14)))
        strips.append(_strip(inner, outer, 0, end, -0.04, b.role(b.pick("grass", "paving", "soil"), 1.0)))
    strips += [_strip(-0.06, 0.06, float(y), float(y) + 3, 0.006, white) for y in np.arange(0, end - 3, 9.0)]
    dark = b.gray(0.2)
    for _ in range(int(end / 7)):
        x, y = b.u(-HALF, HALF - 1), b.u(0, end - 7)
        tar = dark if b.chance(0.4) else b.role("asphalt", 0.1)
        strips.append(_strip(x, x + b.u(0.3, 1.6), y, y + b.u(0.4, 6), 0.003, tar))
    b.add(*(loop.laid(strip) for strip in strips))


def _strip(x0: float, x1: float, y0: float, y1: float, z: float, material: int) -> Mesh:
    return quad([(x0, y0, z), (x1, y0, z), (x1, y1, z), (x0, y1, z)], (x1 - x0, y1 - y0), material)


def _put(b: Builder, loop: Loop, piece: Piece, along: float, across: float, z: float, yaw: float) -> None:
    """Place a piece beside the road.

    `yaw` as if the road ran along y.
    """
    point, heading = (v[0] for v in loop.at(np.array([along])))
    right = np.array([np.sin(heading), -np.cos(heading)])
    x, y = point + across * right
    b.put(piece, float(x), float(y), z, yaw + float(heading) - np.pi / 2)


def _parked(b: Builder, loop: Loop, s: int) -> None:
    fleet = [car(b) for _ in range(6)] + [van(b)]
    along, share = b.u(0, 5), b.u(0.35, 0.7)
    while along < loop.length - 6:
        piece = b.pick(*fleet)
        if b.chance(share):
            across = s * (HALF + PARKING / 2 + b.u(-0.06, 0.06))
            yaw = (np.pi if s > 0 else 0) + b.u(-0.03, 0.03)
            _put(b, loop, piece, along + piece.depth / 2, across, 0, yaw)
        along += (piece.depth + b.u(0.8, 2.5)) / min(1.0, loop.stretch(along, s * (HALF + PARKING)))


def _fronts(b: Builder, loop: Loop, s: int) -> None:
    """Build houses in a row and trees behind.

    Closed or with gardens, each kind of house stands several times.
    """
    start = HALF + PARKING + WALK
    homes = [house(b, b.u(9, 17), storeys=int(b.rng.integers(2, 5))) for _ in range(8)]
    gardens: list[Callable[[Builder, float], Piece]] = [
        hedge,
        fence,
        lambda b, length: garden_wall(b, length, b.pick(1.0, 1.8)),
    ]
    borders = [make(b, 7.0) for make in gardens for _ in range(2)]
    trees = [tree_kind(b) for _ in range(3)]
    along, garden = 0.0, b.chance(0.5)
    while along < loop.length - 10:
        piece = b.pick(*homes)
        back = b.u(2.5, 6) if garden else b.u(0.0, 0.4)
        stretch = min(1.0, loop.stretch(along, s * start), loop.stretch(along + piece.width, s * start))
        width = piece.width / stretch
        if along + width > loop.length:
            break
        _put(b, loop, piece, along + width / 2, s * (start + back + 0.8 + piece.depth / 2), -0.05, -s * np.pi / 2)
        if garden:
            border = b.pick(*borders)
            _put(b, loop, border, along + width / 2, s * (start + 0.4), -0.05, -s * np.pi / 2)
            _put(b, loop, b.pick(*trees), along, s * (start + b.u(1.5, 4)), -0.05, b.u(0, 6))
        along += width + (b.u(1, 5) if garden else b.pick(0.0, 0.0, b.u(1, 3)))
        garden = garden != b.chance(0.25)


def _pavement_things(b: Builder, loop: Loop, s: int) -> None:
    edge = HALF + PARKING
    posts, trees = [pole(b) for _ in range(4)], [tree_kind(b) for _ in range(2)]
    for along in np.arange(b.u(3, 12), loop.length - 5, 17.0):
        _put(b, loop, b.pick(*posts), float(along), s * (edge + 0.5), CURB, b.pick(0, np.pi))
        if b.chance(0.3):
            _put(b, loop, b.pick(*trees), float(along) + 7, s * (edge + 0.8), CURB, b.u(0, 6))
    for _ in range(int(b.rng.poisson(14))):
        _put(b, loop, person(b), b.u(0, loop.length), s * (edge + b.u(0.9, WALK - 0.3)), CURB, b.u(-3, 3))
