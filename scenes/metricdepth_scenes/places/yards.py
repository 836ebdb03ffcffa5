"""Industrial yards with halls, bays and containers."""

from __future__ import annotations

import numpy as np

from metricdepth_scenes.builder import Builder, Piece, Scene
from metricdepth_scenes.meshes import Mesh, box, standing_box
from metricdepth_scenes.places.daylight import FAR
from metricdepth_scenes.places.driven import driven_scene
from metricdepth_scenes.places.roads import (
    Pool,
    Road,
    lamps,
    traffic,
    wear,
)
from metricdepth_scenes.places.roadsides import frontage
from metricdepth_scenes.places.weather import draw_weather, road_surface
from metricdepth_scenes.things.cars import car
from metricdepth_scenes.things.houses import house
from metricdepth_scenes.things.people import person
from metricdepth_scenes.things.street_furniture import fence, pole
from metricdepth_scenes.things.trucks import truck
from metricdepth_scenes.things.vans import van


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
    return driven_scene(b, weather, driven, 0.0, 0.0)


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
