"""Goods of real size for tables, bins and hands: tins, flasks, packets, fruit, tools, toys, tableware."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from metricdepth_scenes.builder import Builder, Piece
from metricdepth_scenes.models import painted
from metricdepth_scenes.things.containers import bottle, bowl, cup
from metricdepth_scenes.things.desk_things import (
    book,
    controller,
    headphones,
    mobile,
    papers,
    stapler,
    sticky_notes,
    tissues,
    wire,
)
from metricdepth_scenes.things.devices import mouse
from metricdepth_scenes.things.household import block, cutlery, fruit, glass, plate, small_plush, towel, toy_car
from metricdepth_scenes.things.packaging import flask, jar, packet, parcel, soft_pack, thing, tin
from metricdepth_scenes.things.plants import pot_plant
from metricdepth_scenes.things.stationery import book_pile, pens
from metricdepth_scenes.things.workshop_goods import board, hardware, tool

_ODD = (
    *("rubber_duck", "ecurity", "pizza_box", "Dumbbell", "Horologe", "trashcan", "tea_set", "irconditioner", "corn"),
    *("loaf", "crowbar", "Handle", "kenney_bear", "CrackerBox", "GelatinBox", "MasterChef", "PottedMeat", "TomatoSoup"),
    *("market_bottle_large", "PowerDrill", "MustardBottle", "FoamBrick", "BookA_01", "BookC_01", "Computer", "barrel"),
)


def found(b: Builder) -> Piece | None:
    """Draw a small model from the assets.

    If there are any.
    """
    if b.assets is None:
        return None
    category = b.pick("food", "food", "can", "bottle", "box", "vessel", "vessel", "tool", "decor", "misc", "book")
    fit = [
        e
        for e in b.assets.entries("model", [category])
        if max(e.size) < 0.36 and min(e.size) > 0.004 and not any(name in e.file for name in _ODD)
    ]
    sharp = [e for e in fit if e.style != "low-poly"]
    entry = b.pick(*(sharp if sharp and b.chance(0.5) else fit))
    mesh = painted(b, b.assets.model(entry.file), "", f"{entry.file}:{int(b.rng.integers(3))}")
    return thing([mesh.scaled(float(np.exp(b.rng.normal(0, 0.03))))])


PACKED = (tin, flask, jar, packet, packet, packet, parcel, soft_pack, soft_pack, book, block, tissues)
KITCHEN = (
    tin,
    flask,
    jar,
    packet,
    fruit,
    fruit,
    plate,
    plate,
    cutlery,
    cutlery,
    glass,
    glass,
    bowl,
    cup,
    bottle,
    soft_pack,
)
BENCH = (tool, tool, tool, hardware, board, tin, flask, parcel, wire, block, tool, mobile, cup, packet)
DESK = (
    book,
    book_pile,
    papers,
    mobile,
    headphones,
    controller,
    stapler,
    sticky_notes,
    wire,
    mouse,
    pens,
    cup,
    glass,
    packet,
    tool,
    pot_plant,
)
TOYS = (block, block, block, toy_car, small_plush, packet, fruit, book, towel, tool)
ANY = (*PACKED, *KITCHEN, *BENCH, *TOYS, *DESK, towel)


def goods(b: Builder, kinds: Sequence[Callable[[Builder], Piece]], models: float = 0.3) -> Piece:
    """Draw one of some kinds of goods.

    Or with probability `models` a model from the assets.
    """
    if b.chance(models) and (piece := found(b)):
        return piece
    return thing(b.pick(*kinds)(b).meshes)
