"""Highways with guard rails, noise barriers, gantries and bridges."""

from __future__ import annotations

import numpy as np

from metricdepth_scenes.builder import Builder, Scene
from metricdepth_scenes.meshes import quad
from metricdepth_scenes.places.daylight import FAR
from metricdepth_scenes.places.driven import driven_scene
from metricdepth_scenes.places.roads import (
    AHEAD,
    BEHIND,
    Pool,
    Road,
    lamps,
    markings,
    traffic,
    wear,
)
from metricdepth_scenes.places.verges import guard_rail, thicket
from metricdepth_scenes.places.weather import draw_weather, road_surface
from metricdepth_scenes.places.yards import hall_building
from metricdepth_scenes.things.houses import house
from metricdepth_scenes.things.roadside import bridge, gantry, jersey, noise_barrier


def highway(b: Builder) -> Scene:
    """Build a dual carriageway with guard rails.

    Barriers, slopes, gantries and bridges.
    """
    weather = draw_weather(b)
    pool, road = Pool(b), Road(b, 0.0, 0.0, np.pi / 2)
    hand = -1 if b.chance(0.15) else 1
    each, width = b.pick(2, 2, 3, 3, 4), b.u(3.4, 3.75)
    middle, shoulder = b.u(1.0, 5.0), b.u(1.0, 3.2)
    inner = middle / 2 + 0.6
    outer = inner + each * width
    edge = outer + shoulder
    b.level(-FAR, FAR, -FAR * 0.6, FAR, -0.06, b.role(b.pick("grass", "grass", "soil")))
    tarmac = road_surface(b, weather, b.pick("asphalt", "asphalt", "concrete"))
    road.strip(-edge, edge, -120, FAR, 0.0, tarmac)
    if b.chance(0.6):
        wear(road, edge, -10, 60)
    ends = [s * r for s in (-1, 1) for r in (inner + 0.1, outer - 0.1)]
    markings(road, [s * (inner + width * k) for s in (-1, 1) for k in range(1, each)], ends, BEHIND, 230, 0.005)
    kind = b.pick("rail", "rail", "wall", "green")
    if kind == "green":
        road.slab(-middle / 2, middle / 2, BEHIND, 230, -0.1, 0.05, b.role("grass"))
    low = [jersey(b, 8.0)] if kind == "wall" else [guard_rail(b, 8.0)]
    bush = thicket(b, 8.0, b.u(1.0, 2.2))
    for s in np.arange(BEHIND, AHEAD, 8.0):
        for r in (0.0,) if middle < 2.5 else (-middle / 2 + 0.3, middle / 2 - 0.3):
            road.put(low[0], r, float(s), 0, np.pi / 2)
        if kind == "green" and middle > 3.5:
            road.put(bush, 0.0, float(s), 0, np.pi / 2)
    for sign in (-1, 1):
        _roadside(pool, road, sign, edge)
    lanes = [(hand * (inner + width * (k + 0.5)), True) for k in range(each)]
    lanes += [(-hand * (inner + width * (k + 0.5)), False) for k in range(each)]
    traffic(pool, road, lanes, BEHIND, AHEAD, b.pick((8, 25), (12, 50), (25, 110)), 0.25)
    if b.chance(0.45):
        road.put(gantry(b, 2 * edge + 1.5), 0, b.u(25, 110))
    for _ in range(int(b.rng.poisson(0.6))):
        road.put(bridge(b, 2 * edge + b.u(0.5, 6), b.u(7, 18), b.u(4.8, 6.0)), 0, b.u(12, 130))
    if b.night or b.chance(0.3):
        lamps(road, b.pick(-1, 1) * (edge + 0.3), [(BEHIND, AHEAD)], 0.0)
    driven = [road.lane(r, -10, 60, forward) for r, forward in lanes]
    driven += [road.lane(hand * (outer + shoulder / 2), -10, 60, True)]
    return driven_scene(b, weather, driven, 300.0, 3.0)


def _roadside(pool: Pool, road: Road, sign: int, edge: float) -> None:
    """Build one side of a highway.

    Rail, noise barrier, slope, wood, fields or halls.
    """
    b = road.b
    style = b.pick("barrier", "slope", "wood", "open", "halls", "wall")
    rail = guard_rail(b, 8.0) if b.chance(0.7) else jersey(b, 8.0)
    start = edge + 0.5
    if b.chance(0.75):
        for s in np.arange(BEHIND, AHEAD, 8.0):
            road.put(rail, sign * start, float(s), 0, sign * np.pi / 2)
    rise = 0.0
    out = start + b.u(0.6, 2.5)
    if style in ("slope", "wall"):
        rise, deep = b.u(1.5, 7.0), 0.3 if style == "wall" else b.u(4, 12)
        material = b.role("concrete" if style == "wall" else b.pick("grass", "grass", "soil"))
        rim = [(*road.at(sign * r, s), z) for r, s, z in ((out, -80, -0.06), (out, 240, -0.06))]
        top = [(*road.at(sign * (out + deep), s), rise) for s in (240, -80)]
        b.add(quad([*rim, *top] if sign < 0 else [*top[::-1], *rim[::-1]], (320, deep), material))
        far = [(*road.at(sign * (out + deep), s), rise) for s in (-80, 240)]
        back = [(*road.at(sign * FAR * 0.8, s), rise) for s in (240, -80)]
        b.add(quad([*far, *back] if sign < 0 else [*back[::-1], *far[::-1]], (320, 200), b.role("grass")))
        out += deep
    elif style == "barrier":
        fence_piece = noise_barrier(b, 8.0, b.u(2.5, 5.5))
        for s in np.arange(BEHIND, AHEAD, 8.0):
            road.put(fence_piece, sign * out, float(s), -0.06, -sign * np.pi / 2)
        out += 1.0
    count = {"wood": 70, "slope": 30, "barrier": 25, "open": 8, "halls": 10, "wall": 25}[style]
    greens = [thicket(b, 8.0, b.u(2, 5)) for _ in range(2)] if style in ("wood", "slope") else []
    if greens:
        for s in np.arange(BEHIND, AHEAD, 8.0):
            if style == "wood" or b.chance(0.4):
                road.put(b.pick(*greens), sign * (out + b.u(1, 4)), float(s), rise - 0.1, np.pi / 2)
    for _ in range(int(b.rng.poisson(count))):
        deep = float(b.rng.exponential(10))
        road.put(pool.tree(deep + 8), sign * (out + 2 + deep), b.u(BEHIND, AHEAD), rise - 0.06, b.u(0, 6))
    if style in ("halls", "open", "barrier") and b.chance(0.7):
        s = b.u(-40, 0)
        while s < AHEAD:
            piece = pool.draw("hall", lambda: hall_building(b), 2) if style == "halls" else house(b, b.u(9, 20))
            road.put(piece, sign * (out + b.u(10, 40) + piece.depth / 2), s + piece.width / 2, rise, -sign * np.pi / 2)
            s += piece.width + b.u(5, 50)
