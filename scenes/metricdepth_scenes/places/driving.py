"""Build roads as vehicles see them: towns, residential streets, country roads, highways and yards."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from metricdepth_scenes.builder import Builder, Piece, Scene
from metricdepth_scenes.meshes import Mesh, box, joined, quad, standing_box
from metricdepth_scenes.places.daylight import FAR
from metricdepth_scenes.places.mounts import Host, Warp, blocked, host_cabin, host_car, mounted_view
from metricdepth_scenes.places.roads import (
    Lane,
    Pool,
    Road,
    Span,
    frontage,
    furnish,
    lamps,
    light_at,
    markings,
    parked,
    pavement,
    spans,
    traffic,
    wear,
    wire_line,
    zebra,
)
from metricdepth_scenes.places.verges import bent, close_off, guard_rail, split, thicket
from metricdepth_scenes.places.weather import draw_weather, road_surface, weather_scene
from metricdepth_scenes.things.cars import car
from metricdepth_scenes.things.houses import house
from metricdepth_scenes.things.people import person
from metricdepth_scenes.things.plants import hedge
from metricdepth_scenes.things.roadside import bridge, gantry, jersey, noise_barrier, signal
from metricdepth_scenes.things.street_furniture import fence, pole
from metricdepth_scenes.things.trucks import truck
from metricdepth_scenes.things.vans import van

BEHIND, AHEAD = -65.0, 165.0


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
    return _driven(b, weather, driven, 350.0 if sides else 150.0, 3.0)


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
    return _driven(b, weather, driven, 300.0, 3.0)


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


def hall_building(b: Builder) -> Piece:
    """Build an industrial hall of sheet metal or concrete.

    5 to 12 m high, with gates along its front (-y).
    """
    width, depth, height = b.u(22, 60), b.u(15, 35), b.u(5, 12)
    wall = b.role(b.pick("metal", "concrete", "facade", "brick"), 0.6) if b.chance(0.7) else b.vivid()
    trim, glass = b.vivid(), b.solid((0.1, 0.12, 0.14), 0.2)
    parts = [
        standing_box((width, depth, height), material=wall),
        box((width + 0.1, depth + 0.1, 0.6), (0, 0, height - 0.2), material=trim),
    ]
    y, x = -depth / 2, -width / 2 + 2
    if b.chance(0.6):
        parts += [
            standing_box((0.12, 0.12, height), float(k), y, material=wall)
            for k in np.arange(-width / 2, width / 2, 1.5)
        ]
    gate = b.gray(b.pick(0.3, 0.6, 0.85))
    while x < width / 2 - 5:
        if b.chance(0.6):
            wide, tall = b.u(3.0, 4.2), min(b.u(3.2, 4.5), height - 0.8)
            parts.append(box((wide + 0.3, 0.14, tall + 0.15), (x + wide / 2, y, tall / 2), material=trim))
            parts += [
                box((wide, 0.2, 0.46), (x + wide / 2, y, z + 0.24), material=gate)
                for z in np.arange(0, tall - 0.4, 0.5)
            ]
        else:
            wide = b.u(1.5, 4)
            parts.append(box((wide, 0.1, 1.1), (x + wide / 2, y, min(b.u(1.6, 4), height - 1.2)), material=glass))
            if b.chance(0.4):
                parts.append(box((0.95, 0.12, 2.1), (x + wide + 0.8, y, 1.05), material=trim))
        x += wide + b.u(1.5, 4)
    return Piece(parts, width, depth, height)


def yard(b: Builder) -> Scene:
    """Build an industrial yard or a large car park between halls."""
    weather = draw_weather(b)
    pool, road = Pool(b), Road(b, 0.0, 0.0, np.pi / 2)
    wide, front, back = b.u(9, 28), b.u(45, 110), -b.u(25, 50)
    b.level(-FAR, FAR, -FAR, FAR, -0.06, b.role(b.pick("grass", "soil", "asphalt")))
    surface = road_surface(b, weather, b.pick("asphalt", "asphalt", "concrete"))
    reach = wide + 45
    road.strip(-reach, reach, back - 30, front + 30, 0.0, surface)
    wear(road, wide, back, front)
    for sign in (-1, 1):
        style = b.pick("halls", "halls", "parked", "trucks", "fence")
        out = wide
        if style in ("parked", "trucks"):
            out = _bays(pool, road, sign, wide, back, front, style)
        s = back
        while s < front:
            if style == "fence":
                piece = pool.draw("fence", lambda: fence(b, 8.0), 2)
                road.put(piece, sign * out, s + 4, 0, np.pi / 2)
                s += 8
                continue
            piece = pool.draw("hall", lambda: hall_building(b), 3)
            road.put(piece, sign * (out + b.u(0, 4) + piece.depth / 2), s + piece.width / 2, 0, -sign * np.pi / 2)
            s += piece.width + b.pick(0.0, b.u(4, 14))
        if style == "fence":
            frontage(pool, road, sign, out + b.u(2, 15), [(back, front)], b.pick("modern", "park", "houses"))
    for s, turn in ((front, 0.0), (back, np.pi)):
        r = -reach
        while r < reach:
            piece = pool.draw("hall", lambda: hall_building(b), 3) if b.chance(0.6) else house(b, b.u(10, 25))
            road.put(piece, r + piece.width / 2, s + (piece.depth / 2 + 6) * (1 if turn == 0 else -1), 0, turn)
            r += piece.width + b.u(2, 18)
    for _ in range(int(b.rng.poisson(7))):
        r, s = b.u(-wide, wide), b.u(back, front)
        if abs(r) > 3.5:
            piece = b.pick(lambda: pole(b), lambda: person(b), lambda: _container(b), lambda: pool.vehicle(0.4))()
            road.put(piece, r, s, 0, b.pick(0, np.pi / 2, np.pi) + b.u(-0.2, 0.2))
    if b.night or b.chance(0.5):
        lamps(road, b.pick(-1, 1) * (wide - 0.6), [(back, front)], 0.0)
    traffic(pool, road, [(b.u(-2, 2), b.chance(0.5))], 12, front - 10, (15, 60), 0.4)
    driven = [road.lane(r, back + 8, front - 25, f) for r, f in ((1.5, True), (-1.5, False), (b.u(-3, 3), True))]
    return _driven(b, weather, driven, 0.0, 0.0)


def _bays(pool: Pool, road: Road, sign: int, start: float, back: float, front: float, style: str) -> float:
    """Build rows of marked bays with parked vehicles across the driving direction; returns their far edge [m]."""
    b = road.b
    deep, pitch = (5.2, b.u(2.4, 2.7)) if style == "parked" else (17.0, b.u(3.5, 4.2))
    white, share = b.gray(b.u(0.6, 0.9)), b.u(0.4, 0.95)
    heavy = [truck(b) for _ in range(3)] if style == "trucks" else []
    for row in range(b.pick(1, 2, 3) if style == "parked" else 1):
        r0 = start + row * 2 * deep
        for s in np.arange(back, front, pitch):
            low, high = sorted((sign * r0, sign * (r0 + deep)))
            road.strip(low, high, float(s) - 0.05, float(s) + 0.05, 0.005, white)
            if b.chance(share):
                piece = b.pick(*heavy) if heavy else pool.draw("bay", lambda: car(b) if b.chance(0.9) else van(b), 8)
                if piece.depth < deep + 0.3 and piece.width < pitch:
                    turn = b.pick(-1, 1) * np.pi / 2 + b.u(-0.04, 0.04)
                    road.put(piece, sign * (r0 + deep / 2) + b.u(-0.2, 0.2), float(s) + pitch / 2, 0, turn)
        start_next = r0 + deep
    return start_next + 4.0


def _container(b: Builder) -> Piece:
    """Build a shipping container (20 or 40 feet).

    One or two high.
    """
    long = b.pick(6.06, 12.19)
    parts: list[Mesh] = []
    for k in range(b.pick(1, 1, 2)):
        paint, z = b.vivid(), 2.59 * k
        parts.append(standing_box((2.44, long, 2.59), z=z, material=paint))
        parts += [
            standing_box((2.5, 0.12, 2.4), 0, float(y), z + 0.1, material=paint)
            for y in np.arange(-long / 2 + 0.3, long / 2, 0.4)
        ]
    return Piece(parts, 2.5, long, 2.59)


def _warped(b: Builder, tightest: float, rise: float) -> tuple[Mesh, Warp]:
    """Bend the scene's mesh and return the mapping of points.

    Bends of at least `tightest` [m] and hills come occasionally.
    """
    mesh = joined(b.meshes)
    radius = b.pick(-1, 1) * float(np.exp(b.u(np.log(tightest), np.log(900)))) if tightest and b.chance(0.4) else 0.0
    high = b.u(0.4, rise) if rise and b.chance(0.4) else 0.0
    wave, phase = b.u(28, 70), b.u(0, 6.28)

    def warp(p: np.ndarray) -> np.ndarray:
        x, y, z = p[0], p[1], p[2] + high * (np.sin(p[1] / wave + phase) - np.sin(phase))
        if radius:
            reach = radius - x
            x, y = radius - reach * np.cos(y / radius), reach * np.sin(y / radius)
        return np.array([x, y, z])

    if high:
        mesh = split(mesh, 12.0)
        tri = mesh.tri.copy()
        tri[..., 2] += high * (np.sin(tri[..., 1] / wave + phase) - np.sin(phase))
        mesh = replace(mesh, tri=tri.astype(np.float32))
    if radius:
        mesh = bent(mesh, radius)
    b.areas = [replace(lamp, corner=warp(lamp.corner)) for lamp in b.areas]
    return mesh, warp


def _driven(b: Builder, weather: str, lanes: list[Lane], tightest: float, rise: float) -> Scene:
    """Finish a scene seen from its lanes.

    Sometimes over the bonnet or through the windows of the own vehicle.
    """
    hosts: list[Host] = []
    style = b.rng.random()
    obstacles = tuple(b.obstacles)
    if style < 0.19:
        make = host_car if style < 0.14 else host_cabin
        for lane in (lanes[0], lanes[-1]):
            for _ in range(20):
                along = b.u(0, lane.length)
                x, y = lane.x + np.cos(lane.heading) * along, lane.y + np.sin(lane.heading) * along
                if not blocked(np.array([x, y, 1.0]), obstacles, 2.8):
                    hosts.append(make(b, lane, along))
                    break
    if b.night:
        _headlights(b, lanes)
    mesh, warp = _warped(b, tightest, rise)
    return weather_scene(b, mesh, weather, mounted_view(lanes, obstacles, hosts, warp), "drive")


def _headlights(b: Builder, lanes: list[Lane]) -> None:
    """Light the road ahead of three places on the lanes."""
    for lane in (lanes[0], lanes[0], lanes[len(lanes) // 2]):
        along = b.u(0, lane.length)
        way = np.array([np.cos(lane.heading), np.sin(lane.heading), -0.06])
        place = np.array([lane.x + way[0] * along, lane.y + way[1] * along, 0.75])
        light_at(b, place, np.array([1.0, 0.95, 0.85]) * b.u(25, 110), way / np.linalg.norm(way))
