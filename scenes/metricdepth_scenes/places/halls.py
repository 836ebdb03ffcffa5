"""Large rooms."""

from __future__ import annotations

import numpy as np

from metricdepth_scenes.builder import Builder, Piece, Scene
from metricdepth_scenes.meshes import standing_box
from metricdepth_scenes.places.furnishing import dining, floor_clutter, furnish, indoor_scene, people
from metricdepth_scenes.places.on_walls import wall_things
from metricdepth_scenes.places.shell import make_room
from metricdepth_scenes.places.views import room_view
from metricdepth_scenes.things.clutter import on_counter, on_desk, on_shelf
from metricdepth_scenes.things.fittings import radiator
from metricdepth_scenes.things.plants import plant
from metricdepth_scenes.things.seating import chair, sofa
from metricdepth_scenes.things.storage import cabinet, shelf
from metricdepth_scenes.things.tables import table
from metricdepth_scenes.things.workshop import steel_shelf


def hall(b: Builder) -> Scene:
    """Build a large room.

    Hall, warehouse, canteen, lecture room, open-plan office.
    """
    w, d, h = b.u(8, 22), b.u(9, 28), b.pick(b.u(2.6, 3.4), b.u(2.8, 7))
    r = make_room(b, w, d, h, windows=int(b.rng.integers(1, 7)), doors=int(b.rng.integers(1, 4)))
    style = b.pick("tables", "shelves", "desks", "desks", "mixed")
    column, steel = b.role("concrete"), b.chance(0.5)
    if b.chance(0.5):
        k = b.u(0.3, 0.6)
        for x in np.arange(4, w - 2, b.u(4, 6)):
            for y in np.arange(4, d - 2, b.u(4, 7)):
                b.put(Piece([standing_box((k, k, h), material=column)], k, k, h), float(x), float(y))
    furnish(b, r, [b.pick(cabinet, shelf, table, chair, plant, sofa, radiator) for _ in range(14)], on_shelf, 3)
    if style == "shelves":
        for x in np.arange(2.5, w - 2, b.u(2.0, 3.0)):
            for y in np.arange(2.5, d - 2.5, 1.9):
                if b.free(x - 0.3, x + 0.3, y - 0.9, y + 0.9) and b.chance(0.9):
                    b.put(
                        steel_shelf(b, 1.8) if steel else shelf(b, 1.8, b.u(1.6, 2.4)), float(x), float(y), 0, np.pi / 2
                    )
    else:
        for _ in range(min(int(w * d / 9), 22)):
            dining(
                b,
                r,
                on_desk if style == "desks" else on_counter,
                b.u(0.5, 4) if style != "desks" else b.u(4, 18),
                (b.u(1.2, 1.8), b.u(0.6, 0.9)),
            )
    wall_things(b, r, 20)
    floor_clutter(b, r, int(b.rng.poisson(8)))
    for _ in range(4):
        people(b, r, 0.5)
    return indoor_scene(b, room_view(b, r))
