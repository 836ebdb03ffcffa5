"""Corridors and stairs."""

from __future__ import annotations

from metricdepth_scenes.builder import Builder, Scene
from metricdepth_scenes.meshes import box, quad, rod
from metricdepth_scenes.places.furnishing import Maker, floor_clutter, furnish, indoor_scene, people
from metricdepth_scenes.places.on_walls import wall_things
from metricdepth_scenes.places.shell import make_room
from metricdepth_scenes.places.views import corridor_view, stairs_view
from metricdepth_scenes.things.clutter import on_shelf
from metricdepth_scenes.things.containers import bin_, cardboard
from metricdepth_scenes.things.fittings import radiator
from metricdepth_scenes.things.plants import plant
from metricdepth_scenes.things.seating import chair, sofa
from metricdepth_scenes.things.storage import cabinet, shelf
from metricdepth_scenes.things.tables import table


def corridor(b: Builder) -> Scene:
    """Build a corridor with doors along it."""
    w, d, h = b.u(1.1, 3.2), b.u(5, 32), b.u(2.3, 3.3)
    r = make_room(b, w, d, h, windows=int(b.rng.integers(0, 3)), doors=int(b.rng.integers(3, 12)), ways=0.25)
    slim: tuple[Maker, ...] = (radiator, plant, bin_, chair, chair, cardboard)
    if w > 1.7:
        slim += (shelf, cabinet, cabinet, chair, table, sofa)
    furnish(b, r, [lambda b: b.pick(*slim)(b)] * int(b.rng.poisson(d / 3)), on_shelf, 4)
    wall_things(b, r, int(b.rng.poisson(d / 2)))
    floor_clutter(b, r, int(b.rng.poisson(1.5)))
    people(b, r, 0.4)
    return indoor_scene(b, corridor_view(r, b.obstacles))


def stairs(b: Builder) -> Scene:
    """Build a flight of stairs between walls.

    With a rail and landings.
    """
    w, run, rise, n = b.u(0.9, 1.8), b.u(0.25, 0.32), b.u(0.155, 0.19), int(b.rng.integers(8, 18))
    before, after = b.u(1.5, 4), b.u(1.2, 3)
    length, climb = before + n * run + after, n * rise
    side = b.pick(0.0, b.u(0.8, 2.5))
    r = make_room(b, w + side, length, climb + b.u(2.3, 2.8), windows=int(b.rng.integers(0, 3)), doors=0)
    step, riser = b.role("floor", 1.0), b.role(b.pick("stone", "wood", "ceiling"), 1.0)
    for k in range(n):
        y, z = before + k * run, k * rise
        b.add(box((w, length - y, rise), (w / 2, (y + length) / 2, z + rise / 2 - 0.005), material=riser))
        b.add(box((w, run + 0.02, 0.03), (w / 2, y + run / 2 - 0.01, z + rise - 0.01), material=step))
    y = before + n * run - 0.02
    landing = [(0, y, climb + 0.006), (w, y, climb + 0.006), (w, length, climb + 0.006), (0, length, climb + 0.006)]
    b.add(quad(landing, (w, after), step))
    rail = b.role("metal")
    for x in (w - 0.04, 0.05) if side else (w - 0.07,):
        b.add(rod((x, before, 0.9), (x, before + n * run, climb + 0.9), 0.022, 8, rail))
        for k in range(0, n + 1, 1 if side and b.chance(0.7) else 3):
            b.add(rod((x, before + k * run, k * rise), (x, before + k * run, k * rise + 0.9), 0.01, 5, rail))
    wall_things(b, r, 5)
    return indoor_scene(b, stairs_view(w, before, length, climb, n * run))
