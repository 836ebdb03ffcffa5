"""Garages, workshops, cellars and stores."""

from __future__ import annotations

import numpy as np

from metricdepth_scenes.builder import Builder, Obstacle, Scene
from metricdepth_scenes.meshes import box, rod
from metricdepth_scenes.places.furnishing import Maker, floor_clutter, furnish, indoor_scene, people
from metricdepth_scenes.places.on_walls import wall_things
from metricdepth_scenes.places.shell import make_room
from metricdepth_scenes.places.views import object_view, room_view
from metricdepth_scenes.places.walls import Room
from metricdepth_scenes.things.cars import car
from metricdepth_scenes.things.clutter import on_bench
from metricdepth_scenes.things.containers import bag, bin_, cardboard
from metricdepth_scenes.things.kitchen import fridge, white_goods
from metricdepth_scenes.things.motorcycle import motorcycle
from metricdepth_scenes.things.people import bicycle
from metricdepth_scenes.things.seating import chair
from metricdepth_scenes.things.storage import cabinet, shelf
from metricdepth_scenes.things.workshop import crate, ladder, steel_shelf, tank, workbench


def garage(b: Builder) -> Scene:
    """Build a garage, workshop, cellar or store.

    Rough walls, full shelves, a vehicle.
    """
    w, d, h = b.u(3.2, 9), b.u(4.5, 11), b.u(2.2, 3.4)
    r = make_room(b, w, d, h, windows=int(b.rng.integers(0, 3)), doors=int(b.rng.integers(1, 3)), rough=True)
    vehicles: list[Obstacle] = []
    for _ in range(int(b.rng.integers(0, 4))):
        piece = b.pick(motorcycle, motorcycle, bicycle, car)(b)
        for _ in range(6):
            x, y = b.u(0.5, w - 0.5), b.u(1.1, d - 1.1)
            yaw = b.pick(0.0, np.pi, np.pi / 2, b.u(0, 6.3)) + b.u(-0.2, 0.2)
            half = np.abs([np.cos(yaw), np.sin(yaw)]) * piece.width / 2 + np.abs([np.sin(yaw), np.cos(yaw)]) * (
                piece.depth / 2
            )
            inside = half[0] < x < w - half[0] and half[1] < y < d - half[1]
            if inside and b.free(x - half[0], x + half[0], y - half[1], y + half[1], 0.1):
                b.put(piece, x, y, 0, yaw)
                vehicles.append(b.obstacles[-1])
                break
    usual: tuple[Maker, ...] = (steel_shelf, steel_shelf, steel_shelf, workbench, crate, cardboard, cabinet, shelf)
    some: tuple[Maker, ...] = (tank, ladder, white_goods, fridge, chair, bin_, bag, bicycle, crate, crate, cardboard)
    makers: list[Maker] = [lambda b: b.pick(*usual)(b)] * int(b.rng.integers(3, 8))
    makers += [lambda b: b.pick(*some)(b)] * int(b.rng.poisson(3 + w * d / 8))
    furnish(b, r, makers, on_bench, b.u(5, 20))
    _pipes(b, r)
    wall_things(b, r, int(b.rng.integers(0, 6)))
    floor_clutter(b, r, int(b.rng.poisson(3 + w * d / 8)), rug=0.1, makers=(cardboard, crate, bin_, bag, tank))
    people(b, r, 0.15)
    view = object_view(r, vehicles, tuple(b.obstacles), 1.3, 4.5) if vehicles and b.chance(0.6) else room_view(b, r)
    return indoor_scene(b, view)


def _pipes(b: Builder, r: Room) -> None:
    """Build pipes and ducts below the ceiling and joists.

    Where there are any.
    """
    metal = b.role("metal")
    for _ in range(int(b.rng.integers(0, 6))):
        x, z, thick = b.u(0.1, r.width - 0.1), r.height - b.u(0.08, 0.3), b.pick(0.011, 0.02, 0.03, 0.055)
        m = metal if b.chance(0.5) else b.gray(b.pick(0.9, 0.2, 0.5))
        b.add(rod((x, 0, z), (x, r.depth, z), thick, 8, m))
        if b.chance(0.4):
            y = b.pick(0.08, r.depth - 0.08)
            b.add(rod((x, y, z), (x, y, 0), thick, 8, m))
    if b.chance(0.3):
        m = b.role("metal")
        b.add(
            box((b.u(0.25, 0.5), r.depth, b.u(0.2, 0.4)), (b.u(0.3, r.width - 0.3), r.depth / 2, r.height - 0.25), 0, m)
        )
    if b.chance(0.35):
        joist = b.role("wood")
        for y in np.arange(0.2, r.depth, b.pick(0.4, 0.6, 0.8)):
            b.add(box((r.width, 0.05, 0.18), (r.width / 2, float(y), r.height - 0.09), material=joist))
