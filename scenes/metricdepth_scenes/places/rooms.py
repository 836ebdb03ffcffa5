"""Rooms of homes and offices."""

from __future__ import annotations

import numpy as np

from metricdepth_scenes.builder import Builder, Scene
from metricdepth_scenes.places.furnishing import (
    Maker,
    dining,
    floor_clutter,
    furnish,
    indoor_scene,
    low_table,
    people,
)
from metricdepth_scenes.places.on_walls import wall_things
from metricdepth_scenes.places.shell import make_room
from metricdepth_scenes.places.views import room_view
from metricdepth_scenes.things.bathroom import basin, bathtub, toilet
from metricdepth_scenes.things.clutter import on_counter, on_desk, on_shelf
from metricdepth_scenes.things.containers import bag, bin_, cardboard
from metricdepth_scenes.things.devices import television
from metricdepth_scenes.things.fittings import floor_lamp, radiator
from metricdepth_scenes.things.kitchen import fridge, kitchen_row, white_goods
from metricdepth_scenes.things.plants import plant
from metricdepth_scenes.things.seating import bed, chair, sofa
from metricdepth_scenes.things.storage import cabinet, shelf
from metricdepth_scenes.things.tables import table
from metricdepth_scenes.things.workshop import crate, steel_shelf


def room(b: Builder) -> Scene:
    """Build a room of a home or an office."""
    homes = ("living", "living", "bedroom", "bedroom", "kitchen", "kitchen", "bath")
    kind = b.pick(*homes, "office", "office", "study", "store", "classroom")
    area = {
        "bath": b.u(3, 10),
        "kitchen": b.u(7, 26),
        "bedroom": b.u(8, 24),
        "classroom": b.u(30, 90),
        "office": b.u(9, 60),
        "store": b.u(6, 30),
    }.get(kind, b.u(10, 45))
    w = float(np.clip(np.sqrt(area) * np.exp(b.rng.normal(0, 0.2)), 1.8, 14))
    d, h = float(np.clip(area / w, 1.8, 13)), float(np.clip(b.rng.normal(2.6, 0.22), 2.3, 3.6))
    r = make_room(
        b,
        w,
        d,
        h,
        windows=int(b.rng.integers(0, 2 if kind == "bath" else 4)),
        doors=int(b.rng.integers(1, 3)),
        bath=kind == "bath",
    )
    p, clutter, density = _furniture(b, kind, w, d)
    p += [radiator]
    more = (plant, shelf, cabinet, bag, cardboard, chair, bin_, cabinet, shelf, table)
    p += [lambda b: b.pick(*more)(b)] * int(b.rng.poisson(3 + w * d / 6))
    furnish(b, r, p, clutter, density)
    if kind in ("living", "kitchen", "office") and w * d > 9:
        dining(b, r, clutter, density)
    if kind == "living" and b.chance(0.6):
        low_table(b, r)
    if kind in ("classroom", "office") and w * d > 25:
        for _ in range(int(w * d / 6)):
            dining(b, r, clutter, density, (b.pick(1.2, 1.4, 1.6), b.u(0.6, 0.8)))
    wall_things(b, r, int(b.rng.integers(4, 14)))
    floor_clutter(b, r, int(b.rng.poisson(3 + w * d / 8)))
    people(b, r, 0.25)
    return indoor_scene(b, room_view(b, r))


def _furniture(b: Builder, kind: str, w: float, d: float) -> tuple[list[Maker], Maker, float]:
    """Choose the furniture along a kind of room's walls.

    And the things on it and their density [1/m2].
    """
    p: list[Maker]
    clutter: Maker = on_shelf
    density = b.u(3, 16)
    if kind == "living":
        p = [sofa, television, b.pick(sofa, cabinet), shelf, cabinet, floor_lamp, plant, chair, b.pick(shelf, table)]
    elif kind == "bedroom":
        p = [
            bed,
            lambda b: cabinet(b, b.u(0.4, 0.55), b.u(0.45, 0.6), 0.4),
            lambda b: cabinet(b, b.u(0.9, 2.2), b.u(1.9, 2.3), 0.6),
            cabinet,
            table,
            shelf,
            chair,
            floor_lamp,
        ]
    elif kind == "kitchen":
        clutter, density = on_counter, b.u(6, 25)
        p = [
            lambda b: kitchen_row(b, min(b.u(1.8, 4), w - 0.4, d - 0.1 if d < w else 9)),
            fridge,
            lambda b: kitchen_row(b, b.u(1.0, 2.0)),
            white_goods,
            cabinet,
            shelf,
            bin_,
        ]
    elif kind == "bath":
        p = [
            basin,
            toilet,
            b.pick(bathtub, white_goods),
            white_goods,
            lambda b: shelf(b, b.u(0.3, 0.6)),
            bin_,
            radiator,
        ]
    elif kind in ("office", "study"):
        clutter, density = on_desk, b.u(8, 35)
        p = [
            table,
            shelf,
            table,
            cabinet,
            shelf,
            chair,
            plant,
            lambda b: cabinet(b, b.u(0.8, 1.2), b.u(1.0, 2.0), 0.45),
            bin_,
            chair,
        ]
        if w * d > 25:
            p += [table, table, shelf, chair, cabinet]
    elif kind == "store":
        p = [*[shelf] * 2, *[steel_shelf] * 4, *[cardboard] * 3, crate, crate, cabinet, white_goods, table, bag]
        density = b.u(8, 25)
    else:
        clutter, density = on_desk, b.u(1, 12)
        p = [shelf, cabinet, table, cabinet]
    return p, clutter, density
