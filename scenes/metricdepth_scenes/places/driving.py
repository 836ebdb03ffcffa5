"""Build roads as vehicles see them: towns, residential streets, country roads, highways and yards."""

from __future__ import annotations

import numpy as np

from metricdepth_scenes.builder import Builder, Scene
from metricdepth_scenes.places.daylight import FAR
from metricdepth_scenes.places.driven import driven_scene
from metricdepth_scenes.places.roads import (
    AHEAD,
    BEHIND,
    Lane,
    Pool,
    Road,
    Span,
    lamps,
    markings,
    parked,
    pavement,
    spans,
    traffic,
    wear,
    wire_line,
    zebra,
)
from metricdepth_scenes.places.roadsides import frontage, furnish
from metricdepth_scenes.places.verges import close_off, guard_rail
from metricdepth_scenes.places.weather import draw_weather, road_surface
from metricdepth_scenes.things.people import person
from metricdepth_scenes.things.plants import hedge
from metricdepth_scenes.things.roadside import bridge, signal


def drive(b: Builder) -> Scene:
    """Build a road in town.

    In a suburb or in the country, with junctions and traffic.
    """
    weather = draw_weather(b)
    kind = b.pick("town", "town", "town", "residential", "residential", "country")
    hand = -1 if b.chance(0.2) else 1
    pool, road = Pool(b), Road(b, 0.0, 0.0, np.pi / 2)
    each = {"town": b.pick(1, 1, 2, 2, 3), "residential": 1, "country": 1}[kind]
    width = b.u(2.6, 3.1) if kind == "residential" else b.u(2.9, 3.7)
    median = b.u(1.5, 5.0) if each > 1 and b.chance(0.35) else 0.0
    parking = 0.0 if kind == "country" else b.pick(0.0, 2.0, 2.1, 2.3) if kind == "town" else b.pick(0.0, 2.0, 2.0, 2.2)
    half = each * width + median / 2
    edge = half + parking
    walk = 0.0 if kind == "country" else b.u(1.3, 4.5)
    curb = b.pick(0.12, 0.12, 0.15, 0.08, 0.03)
    start = edge + walk + (b.u(1.0, 3.0) if kind == "country" else 0.0)
    tarmac = road_surface(b, weather)
    ground = b.role({"town": b.pick("paving", "asphalt", "grass")}.get(kind, b.pick("grass", "grass", "soil")))
    b.level(-FAR, FAR, -FAR * 0.6, FAR, -0.06, ground)
    road.strip(-edge, edge, -120, FAR, 0.0, tarmac)
    if b.chance(0.75):
        wear(road, half, -15, 60)
    sides, crossing = _crossing(b, kind)
    side_half = b.u(2.6, 6.5)
    gap = [(crossing - side_half - 1.5, crossing + side_half + 1.5)]
    lanes = [(hand * (median / 2 + width * (k + 0.5)), True) for k in range(each)]
    lanes += [(-hand * (median / 2 + width * (k + 0.5)), False) for k in range(each)]
    lines = [s * (median / 2 + width * k) for s in (-1, 1) for k in range(1, each)] + ([] if median else [0.0])
    if kind != "residential" or b.chance(0.4):
        outside = [s * (half - 0.2) for s in (-1, 1)] if b.chance(0.5 if kind == "town" else 0.8) else []
        painted = spans(BEHIND, AHEAD, gap) if sides else [(BEHIND, AHEAD)]
        for s0, s1 in painted:
            markings(road, lines, outside, s0, s1, 0.005)
    if median:
        _median(pool, road, median, spans(BEHIND, AHEAD, gap) if sides else [(BEHIND, AHEAD)], curb)
    end = b.u(50, 110) if kind == "town" and b.chance(0.2) and not sides else AHEAD
    driven = [road.lane(r, -8.0, min(60.0, end - 22), forward) for r, forward in lanes]
    pave = road_surface(b, weather, "paving")
    styles = {
        "town": ("town", "town", "town", "modern", "park", "wall"),
        "residential": ("houses", "houses", "houses", "town", "park", "wall"),
        "country": ("open", "park", "park", "houses", "wall"),
    }[kind]
    for sign in (-1, 1):
        gaps = gap if sign in sides else []
        stretches = spans(BEHIND, end - 15 if end < AHEAD else AHEAD, gaps)
        if walk:
            pavement(
                road,
                sign * edge,
                sign * (edge + walk),
                spans(-100, FAR if end == AHEAD else end - 14, gaps),
                curb,
                pave,
            )
            furnish(pool, road, sign * edge, sign * (edge + walk), [(a, min(c, 70.0)) for a, c in stretches], curb)
        setback = [(a + (3 if a > BEHIND else 0), c - (3 if c < AHEAD else 0)) for a, c in stretches]
        frontage(pool, road, sign, start, setback, b.pick(*styles))
        if parking and b.chance(0.85):
            inner = [(a + (6 if a > BEHIND else 0), c - (6 if c < AHEAD else 0)) for a, c in stretches]
            share = b.pick(0.95, 0.85, 0.6, 0.3)
            parked(pool, road, sign * (half + parking / 2), inner, share, np.pi if sign == hand else 0.0)
        if walk > 1.8 and b.chance(0.45):
            step = b.u(7, 18)
            for s0, s1 in stretches:
                for s in np.arange(s0 + 3, s1, step):
                    if b.chance(0.85):
                        road.put(pool.tree(), sign * (edge + 0.9), float(s), curb, b.u(0, 6))
        if (b.night or b.chance(0.6)) and (kind != "country" or b.chance(0.3)):
            lamps(road, sign * (edge + 0.45), stretches, curb if walk else 0.0)
        if sign in sides:
            driven.append(
                _side_road(pool, road, sign, crossing, side_half, (edge, walk, start, curb), weather, styles, hand)
            )
    if b.chance(0.4 if kind == "residential" else 0.25):
        wire_line(road, b.pick(-1, 1) * (start + 0.3), BEHIND, AHEAD, -edge)
    if sides:
        _junction(b, road, crossing, side_half, edge, walk, half, curb)
    elif b.chance(0.25):
        zebra(road, half, b.u(10, 45), 0.006)
    traffic(pool, road, lanes, BEHIND, end - 18 if end < AHEAD else 150, b.pick((4, 15), (6, 35), (15, 70)), 0.14)
    if end < AHEAD:
        close_off(b, end)
    elif b.chance(0.12):
        s = b.u(25, 90)
        b.put(bridge(b, 2 * start + b.u(1, 4), b.u(6, 16), b.u(4.3, 5.5)), 0.0, s)
    return driven_scene(b, weather, driven, 350.0 if sides else 150.0, 3.0)


def _crossing(b: Builder, kind: str) -> tuple[tuple[int, ...], float]:
    """Choose the sides that a side road leaves to.

    And its place.
    """
    if not b.chance(0.65 if kind != "country" else 0.25):
        return (), 1e4
    return b.pick((-1,), (1,), (-1, 1), (-1, 1)), b.u(14, 60)


def _median(pool: Pool, road: Road, width: float, stretches: list[Span], curb: float) -> None:
    b = road.b
    material = b.role(b.pick("grass", "paving", "concrete"), 0.5)
    plant = b.pick("none", "trees", "hedge", "rail")
    for s0, s1 in stretches:
        road.slab(-width / 2 + 0.15, width / 2 - 0.15, s0, s1, -0.1, curb, material)
        for s in np.arange(s0 + 3, s1 - 4, 8.0):
            if plant == "trees":
                road.put(pool.tree(), b.u(-0.2, 0.2), float(s), curb, b.u(0, 6))
            elif plant != "none":
                piece = pool.draw("low", lambda: hedge(b, 8.0) if plant == "hedge" else guard_rail(b, 8.0), 2)
                road.put(piece, 0.0, float(s) + 4, curb, np.pi / 2)


def _side_road(
    pool: Pool,
    road: Road,
    sign: int,
    crossing: float,
    half: float,
    profile: tuple[float, float, float, float],
    weather: str,
    styles: tuple[str, ...],
    hand: int,
) -> Lane:
    """Build a road that leaves the main one to a side; the lane that comes back to the junction."""
    b = road.b
    edge, walk, start, curb = profile
    x, y = road.at(sign * edge, crossing)
    side = Road(b, x, y, 0.0 if sign > 0 else np.pi)
    side.strip(-half, half, 0, 200, 0.0, road_surface(b, weather))
    markings(side, [0.0], [], 8, 130, 0.005)
    pave = b.role("paving", 0.4)
    for s in (-1, 1):
        if walk:
            pavement(side, s * half, s * (half + walk), [(walk, 200)], curb, pave)
        frontage(pool, side, s, half + max(walk, 1.5), [(start - edge + 24, 110)], b.pick(*styles))
        if b.chance(0.4):
            parked(pool, side, s * (half - 1.0), [(14, 80)], b.u(0.3, 0.9), np.pi if s == hand else 0.0)
    traffic(pool, side, [(hand * half / 2, True), (-hand * half / 2, False)], 10, 90, (12, 60), 0.1)
    return side.lane(-hand * half / 2, 7, 34, False)


def _junction(
    b: Builder, road: Road, crossing: float, side_half: float, edge: float, walk: float, half: float, curb: float
) -> None:
    """Build zebra crossings.

    Traffic lights and people at a junction.
    """
    near, far = crossing - side_half - 5.5, crossing + side_half + 2.2
    if b.chance(0.7):
        for s in (near, far):
            zebra(road, half, s, 0.006)
        for _ in range(int(b.rng.poisson(1.5))):
            road.put(person(b), b.u(-half, half), b.pick(near, far) + b.u(0.5, 2.5), 0, b.pick(-1, 1) * np.pi / 2)
    if walk and b.chance(0.6):
        reach = min(half, 6.5) if b.chance(0.4) else 0.0
        high = signal(b, reach)
        road.put(high, edge + 0.5, near - 0.5, curb, 0.0)
        road.put(high, -edge - 0.5, far + 4, curb, np.pi)
        low = signal(b, 0.0)
        road.put(low, -edge - 0.5, near, curb, b.pick(0.0, np.pi / 2))
        road.put(low, edge + 0.5, far + 3, curb, b.pick(np.pi, np.pi / 2))
