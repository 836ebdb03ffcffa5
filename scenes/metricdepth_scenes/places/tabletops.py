"""Things on table tops, benches, counters and floors, and in a hand, seen from 0.25 to 1.3 m."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metricdepth_scenes.builder import Builder, Light, Obstacle, Scene
from metricdepth_scenes.cameras import pose_towards
from metricdepth_scenes.meshes import Mesh, box, joined, rod
from metricdepth_scenes.places.furnishing import Maker
from metricdepth_scenes.places.near_lights import near_light
from metricdepth_scenes.places.near_views import fixed_view, table_view
from metricdepth_scenes.places.pile import Pile
from metricdepth_scenes.places.stages import Stage, stage
from metricdepth_scenes.places.views import View
from metricdepth_scenes.things.containers import cup
from metricdepth_scenes.things.desk_things import book, mobile
from metricdepth_scenes.things.goods import ANY, BENCH, DESK, KITCHEN, PACKED, TOYS, goods
from metricdepth_scenes.things.hands import gripper, hand, holding, robot_arm
from metricdepth_scenes.things.household import block, fruit, small_plush, toy_car
from metricdepth_scenes.things.packaging import flask, jar, lying, packet, soft_pack, tin

_SETS: tuple[Sequence[Maker], ...] = (PACKED, KITCHEN, BENCH, DESK, TOYS, ANY, ANY)


def tabletop(b: Builder) -> Scene:
    """Lay things on a table.

    Bench, counter, floor or in a robot's cell.
    """
    s = stage(b, b.pick("sweep", "wall", "wall", "curtain", "room", "room", "lab", "lab", "floor", "floor"))
    count = b.pick(1, int(b.rng.integers(2, 6)), int(b.rng.integers(5, 14)), int(b.rng.integers(12, 34)))
    things = lay_out(b, s, count)
    targets = [(o.low + o.high) / 2 for o in things] or [np.array([s.x, s.y, s.z])]
    if b.chance(0.14):
        at = b.pick(*targets)
        over = np.array([at[0], at[1], max(o.high[2] for o in things) + b.u(0.0, 0.1)]) if things else at
        arm = robot_arm(b) if b.chance(0.4) else _reaching(b)
        yaw = b.u(-0.8, 0.8) if s.back else b.u(-3.1, 3.1)
        b.add(arm.placed(float(over[0]), float(over[1]), float(over[2]), yaw))
    r = s.room

    def allowed(p: np.ndarray) -> bool:
        inside = 0.12 < p[0] < r.width - 0.12 and 0.12 < p[1] < r.depth - 0.12 and p[2] < r.height - 0.12
        return bool(inside and p[2] > s.z + 0.05 and (not s.back or p[1] < s.y + s.depth / 2))

    view = table_view(targets, [*things, *_near_obstacles(b, s)], allowed, s.back, 0.25, 1.3)
    if b.chance(0.15):
        view = carried(b, view)
    return near_scene(b, view, near_light(b, np.array([s.x, s.y, s.z + 0.05]), r, s.open))


def near_scene(b: Builder, view: View, light: Light) -> Scene:
    """Finish a scene that is seen from near."""
    mesh, materials = joined(b.meshes), tuple(b.materials)
    return Scene(mesh, materials, light, "", 0, view, "near", nearest=0.15, clearance=0.03, parts=4, highlights=1.5)


def _near_obstacles(b: Builder, s: Stage) -> list[Obstacle]:
    return [o for o in b.obstacles if float(np.min(o.high - o.low)) > 0.1]


def _reaching(b: Builder) -> Mesh:
    return hand(b).placed(0, -0.06, b.u(0.015, 0.06))


def lay_out(b: Builder, s: Stage, count: int) -> list[Obstacle]:
    """Put `count` things about the middle of a surface.

    In one layer, loosely or as a pile.
    """
    kinds = b.pick(*_SETS)
    spread = min(0.05 + 0.055 * count**0.7, 0.45)
    piled = b.chance(0.3) and count > 4
    if piled:
        spread *= 0.5
    half = min(s.width / 2, spread + 0.25), min(s.depth / 2, spread + 0.25)
    pile = Pile(s.x - half[0], s.x + half[0], s.y - half[1], s.y + half[1], s.z)
    models = b.pick(0.0, 0.3, 0.5)
    placed: list[Obstacle] = []
    for _ in range(count):
        piece = goods(b, kinds, models)
        if piece.height > 0.05 and b.chance(0.6 if piled else 0.2):
            piece = lying(piece)
        mesh = joined(piece.meshes).placed(yaw=b.u(-np.pi, np.pi))
        best = None
        for _ in range(5):
            x, y = s.x + b.u(-spread, spread), s.y + b.u(-spread, spread) * 0.8
            fit = pile.fit(mesh, x, y, lean=piled)
            if fit is None:
                continue
            level = float(fit[0].bounds()[0][2]) - s.z
            if best is None or level < best[1]:
                best = (fit[0], level)
            if level < 0.004:
                break
        if best is None or (not piled and best[1] > 0.02):
            continue
        pile.add(best[0])
        b.add(best[0])
        placed.append(Obstacle(*best[0].bounds()))
    return placed


def carried(b: Builder, view: View) -> View:
    """Put a gripper or hand into the picture's edge.

    Near the camera; the view then hardly moves.
    """
    position, target, roll = view(b.rng)
    pose = pose_towards(position, target, roll)
    mesh = gripper(b) if b.chance(0.6) else hand(b, 0.4)
    away, side = b.u(0.16, 0.32), b.u(-0.5, 0.5)
    # In the camera's frame: +y of the mesh runs up in the picture and away from the camera.
    tilt = b.u(0.6, 1.2)
    edge = b.pick(0.0, 0.0, np.pi, b.u(-0.6, 0.6))
    ahead = np.array([[1, 0, 0], [0, -np.cos(tilt), np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    turn = np.array([[np.cos(edge), -np.sin(edge), 0], [np.sin(edge), np.cos(edge), 0], [0, 0, 1]])
    offset = turn @ np.array([side * away, 0.42 * away, away])
    b.add(mesh.transformed(pose[:3, :3] @ turn @ ahead, pose[:3, :3] @ offset + position))
    return fixed_view(position, target, roll, 0.006)


def handheld(b: Builder) -> Scene:
    """Hold or stand one thing 0.3 to 0.8 m before the camera, with a room behind it."""
    s = stage(b, b.pick("room", "room", "lab"))
    if b.chance(0.6):
        lay_out(b, s, int(b.rng.integers(3, 12)))
    r = s.room
    x, y, z = s.x + b.u(-0.4, 0.4), min(max(s.y + b.u(-0.9, 0.3), 1.2), r.depth - 1.2), b.u(1.05, 1.5)
    x = min(max(x, 1.2), r.width - 1.2)
    piece = goods(
        b, (tin, flask, jar, packet, packet, soft_pack, fruit, block, small_plush, cup, mobile, book, toy_car), 0.3
    )
    mesh = joined(piece.meshes)
    facing = b.u(-np.pi, np.pi)
    if b.chance(0.7):
        radius = min(max(min(piece.width, piece.depth) / 2, 0.012), 0.045)
        arm = holding(b, radius).placed(yaw=-np.pi / 2 + facing + b.u(-0.9, 0.9) + np.pi)
        b.add(arm.placed(x, y, z - b.u(0.1, 0.4) * piece.height))
        b.add(mesh.placed(x, y, z - piece.height / 2, b.u(-np.pi, np.pi)))
    else:
        foot, m = z - piece.height / 2, b.wood()
        b.add(box((max(piece.width, 0.16), max(piece.depth, 0.16), 0.015), (x, y, foot - 0.0075), material=m))
        b.add(rod((x, y, 0), (x, y, foot - 0.01), b.u(0.01, 0.03), 10, m))
        b.add(mesh.placed(x, y, z - piece.height / 2, b.u(-np.pi, np.pi)))
    middle = np.array([x, y, z])

    def view(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
        turn, rise = facing + rng.normal(0, 0.35), np.radians(rng.uniform(-12, 45))
        away = rng.uniform(0.3, 0.8)
        p = middle + away * np.array([np.cos(turn) * np.cos(rise), np.sin(turn) * np.cos(rise), np.sin(rise)])
        return p, middle + rng.normal(0, 0.06, 3), float(rng.normal(0, 5))

    return near_scene(b, view, near_light(b, middle, r, s.open))
