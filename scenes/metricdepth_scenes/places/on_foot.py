"""Build outdoor places as people on foot see them: pavements, squares, courtyards, parks and entrances."""

from __future__ import annotations

import numpy as np

from metricdepth_scenes.builder import Builder, Obstacle, Piece, Scene
from metricdepth_scenes.meshes import cylinder, joined, lathe, standing_box
from metricdepth_scenes.places.daylight import FAR
from metricdepth_scenes.places.mounts import foot_view
from metricdepth_scenes.places.roads import Pool, Road, lamps, markings, parked, pavement, traffic
from metricdepth_scenes.places.roadsides import frontage, furnish
from metricdepth_scenes.places.weather import draw_weather, road_surface, weather_scene
from metricdepth_scenes.things.cars import car
from metricdepth_scenes.things.houses import house
from metricdepth_scenes.things.people import bicycle, person
from metricdepth_scenes.things.plants import hedge
from metricdepth_scenes.things.roadside import block
from metricdepth_scenes.things.street_furniture import fence, pole

Area = tuple[float, float, float, float]


def on_foot(b: Builder) -> Scene:
    """Build a pavement.

    Square, courtyard or park, seen at eye height.
    """
    weather = draw_weather(b)
    pool = Pool(b)
    make = b.pick(_pavement, _pavement, _square, _square, _courtyard, _park)
    areas, targets = make(b, pool, weather)
    view = foot_view(areas, b.obstacles, targets)
    return weather_scene(b, joined(b.meshes), weather, view, "walk")


def _pavement(b: Builder, pool: Pool, weather: str) -> tuple[list[Area], list[Obstacle]]:
    """Build both pavements of a street."""
    road = Road(b, 0.0, 0.0, np.pi / 2)
    width, parking, walk, curb = b.u(2.7, 3.4), b.pick(0.0, 2.1), b.u(1.6, 5.0), b.pick(0.12, 0.12, 0.03)
    edge = width + parking
    b.level(-FAR, FAR, -FAR, FAR, -0.06, b.role(b.pick("grass", "paving", "soil")))
    road.strip(-edge, edge, -120, 200, 0.0, road_surface(b, weather))
    markings(road, [0.0], [], -60, 100, 0.005)
    pave = road_surface(b, weather, "paving")
    span = [(-60.0, 90.0)]
    kind = b.pick("town", "town", "houses")
    targets: list[Obstacle] = []
    for sign in (-1, 1):
        pavement(road, sign * edge, sign * (edge + walk), [(-100, 200)], curb, pave)
        furnish(pool, road, sign * edge, sign * (edge + walk), [(-30, 50)], curb)
        before = len(b.obstacles)
        frontage(pool, road, sign, edge + walk, span, kind if b.chance(0.7) else b.pick("modern", "park", "wall"))
        targets += [o for o in b.obstacles[before:] if o.high[2] > 4 and o.high[1] - o.low[1] > 5]
        if parking:
            parked(pool, road, sign * (width + parking / 2), span, b.u(0.4, 0.95), np.pi if sign > 0 else 0.0)
        if walk > 2 and b.chance(0.4):
            for s in np.arange(-40, 70, b.u(7, 15)):
                road.put(pool.tree(), sign * (edge + 0.9), float(s), curb, b.u(0, 6))
        if b.night or b.chance(0.6):
            lamps(road, sign * (edge + 0.5), span, curb)
    traffic(pool, road, [(width / 2, True), (-width / 2, False)], -50, 80, (10, 60), 0.12)
    near = [
        (s * edge + min(s * 0.4, s * (walk - 0.3)), s * edge + max(s * 0.4, s * (walk - 0.3)), -12.0, 30.0)
        for s in (-1, 1)
    ]
    return near, targets


def _square(b: Builder, pool: Pool, weather: str) -> tuple[list[Area], list[Obstacle]]:
    """Build a paved square between buildings."""
    wide, deep = b.u(9, 32), b.u(9, 32)
    targets = _enclosed(b, pool, weather, wide, deep, b.u(0.6, 1.0))
    if b.chance(0.35):
        b.put(_fountain(b), b.u(-0.3, 0.3) * wide, b.u(-0.3, 0.3) * deep, 0)
    _scatter(b, pool, wide, deep, people=10, trees=b.pick(0, 4, 10), things=10)
    _lamps(b, pool, wide, deep)
    return [(-wide * 0.8, wide * 0.8, -deep * 0.8, deep * 0.8)], targets


def _courtyard(b: Builder, pool: Pool, weather: str) -> tuple[list[Area], list[Obstacle]]:
    """Build a yard of 10 to 24 m between houses, with bicycles, bins and a few cars."""
    wide, deep = b.u(5, 12), b.u(5, 12)
    targets = _enclosed(b, pool, weather, wide, deep, 0.92)
    x = b.pick(-1, 1) * (wide - 1.2)
    for y in np.arange(-deep + 1, deep - 1, 0.8):
        if b.chance(0.35):
            b.put(pool.draw("bike", lambda: bicycle(b), 3), x, float(y), 0, np.pi / 2 + b.u(-0.15, 0.15))
    for _ in range(int(b.rng.poisson(1.2))):
        px, py = b.u(-wide + 2, wide - 2), b.u(-deep + 3, deep - 3)
        if b.free(px - 1.5, px + 1.5, py - 2.7, py + 2.7):
            b.put(pool.draw("car", lambda: car(b), 3), px, py, 0, b.pick(0, np.pi))
    _scatter(b, pool, wide, deep, people=2, trees=b.pick(0, 1, 3), things=6)
    _lamps(b, pool, wide, deep)
    return [(-wide + 0.8, wide - 0.8, -deep + 0.8, deep - 0.8)], targets


def _park(b: Builder, pool: Pool, weather: str) -> tuple[list[Area], list[Obstacle]]:
    """Build lawns with paths, trees, benches and hedges.

    Buildings beyond.
    """
    b.level(-FAR, FAR, -FAR, FAR, -0.03, b.role("grass", 1.0))
    path = road_surface(b, weather, b.pick("soil", "asphalt", "paving"))
    half = b.u(1.0, 2.5)
    b.level(-half, half, -90, 90, 0.0, path)
    if b.chance(0.7):
        y = b.u(-10, 20)
        b.level(-90, 90, y - half, y + half, 0.003, path)
    for _ in range(int(b.rng.poisson(b.pick(20, 45, 80)))):
        x, y = b.rng.uniform(-60, 60, 2)
        if abs(x) > half + 0.8:
            b.put(pool.tree(), float(x), float(y), -0.03, b.u(0, 6))
    for _ in range(int(b.rng.poisson(4))):
        x, y = b.pick(-1, 1) * b.u(half + 1, 25), b.u(-30, 30)
        piece = pool.draw("low", lambda: b.pick(hedge, fence)(b, b.u(4, 9)), 3)
        b.put(piece, x, y, -0.03, b.pick(0, np.pi / 2))
    for k in range(4):
        if b.chance(0.6):
            a, d = k * np.pi / 2, b.u(35, 75)
            for off in (-30, 0, 30):
                piece = pool.draw(
                    "far", lambda: b.pick(house(b, b.u(9, 18)), block(b, b.u(15, 28), int(b.rng.integers(3, 8)))), 4
                )
                b.put(piece, np.sin(a) * d + np.cos(a) * off, -np.cos(a) * d + np.sin(a) * off, -0.03, a + np.pi)
    _scatter(b, pool, 25, 25, people=8, trees=0, things=8)
    _lamps(b, pool, half + 1.0, 30)
    return [(-half, half, -25, 25), (-15, 15, -15, 15)], []


def _enclosed(b: Builder, pool: Pool, weather: str, wide: float, deep: float, share: float) -> list[Obstacle]:
    """Surround a rectangle of half sides `wide` and `deep` [m] with ground and buildings; a share of them stands."""
    b.level(-FAR, FAR, -FAR, FAR, -0.02, b.role(b.pick("asphalt", "paving", "grass")))
    inner = road_surface(b, weather, b.pick("paving", "paving", "asphalt", "concrete"))
    b.level(-wide - 6, wide + 6, -deep - 6, deep + 6, 0.0, inner)
    town = b.chance(0.75)
    start = len(b.obstacles)
    for k in range(4):
        a, out, half = k * np.pi / 2, (deep, wide)[k % 2], (wide, deep)[k % 2]
        along = -half - 2
        while along < half + 2:
            if town:
                size, storeys = b.u(9, 20), int(b.rng.integers(2, 8))
                piece = pool.draw("block", lambda w=size, n=storeys: block(b, w, n), 5)  # type: ignore[misc]
            else:
                piece = pool.draw("house", lambda: house(b, b.u(8, 14), storeys=int(b.rng.integers(1, 5))), 4)
            if b.chance(share):
                d, x = out + piece.depth / 2 + b.u(0, 0.8), along + piece.width / 2
                b.put(piece, np.sin(a) * d + np.cos(a) * x, -np.cos(a) * d + np.sin(a) * x, 0, a + np.pi)
            along += piece.width + b.pick(0.0, 0.0, b.u(1, 6))
    return list(b.obstacles[start:])


def _scatter(b: Builder, pool: Pool, wide: float, deep: float, people: float, trees: float, things: float) -> None:
    """Spread people, trees and street furniture over free ground."""
    makers = [
        (people, lambda: pool.draw("person", lambda: person(b), 6)),
        (trees, pool.tree),
        (things, lambda: pool.draw("thing", lambda: _thing(b), 6)),
    ]
    for count, make in makers:
        for _ in range(int(b.rng.poisson(count))):
            x, y = b.u(-wide, wide) * 0.95, b.u(-deep, deep) * 0.95
            if b.free(x - 0.6, x + 0.6, y - 0.6, y + 0.6):
                b.put(make(), x, y, 0, b.u(0, 6.3))


def _lamps(b: Builder, pool: Pool, wide: float, deep: float) -> None:
    """Build lamp posts at the long sides."""
    for x in (-wide * 0.75, wide * 0.75):
        if b.night or b.chance(0.5):
            lamps(Road(b, x, 0.0, np.pi / 2), 0.01, [(-deep, deep)], 0.0)


def _thing(b: Builder) -> Piece:
    """Build a bench.

    Table, planter, steps or anything that stands on streets.
    """
    style = b.pick("pole", "pole", "bench", "planter", "steps", "table")
    wood, stone = b.role("wood", 0.5), b.role("concrete", 0.5)
    if style == "bench":
        long = b.u(1.4, 2.2)
        parts = [standing_box((long, 0.1, 0.04), 0, y, 0.44, material=wood) for y in (-0.2, -0.07, 0.06)]
        parts += [standing_box((long, 0.03, 0.1), 0, 0.2, z, material=wood) for z in (0.58, 0.74)]
        parts += [standing_box((0.06, 0.45, 0.44), s * long * 0.4, material=stone) for s in (-1, 1)]
        return Piece(parts, long, 0.5, 0.85)
    if style == "planter":
        size = b.u(0.8, 2.2)
        green = hedge(b, size * 0.9)
        parts = [
            standing_box((size, 0.9, 0.5), material=stone),
            *[m.scaled((1, 0.8, 0.5)).placed(0, 0, 0.45) for m in green.meshes],
        ]
        return Piece(parts, size, 0.9, 1.2)
    if style == "steps":
        parts = [
            standing_box((b.u(2.5, 6), 1.5 - 0.32 * k, 0.16), 0, 0.16 * k, 0.16 * k, material=stone) for k in range(4)
        ]
        return Piece(parts, 4.0, 1.5, 0.64)
    if style == "table":
        parts = [cylinder(0.4, 0.03, 16, material=wood).placed(0, 0, 0.73), cylinder(0.03, 0.73, 8, material=stone)]
        for a in np.arange(0, 6.2, 1.57):
            x, y = 0.75 * np.cos(a), 0.75 * np.sin(a)
            parts += [
                standing_box((0.42, 0.42, 0.04), x, y, 0.44, material=wood),
                standing_box((0.04, 0.4, 0.4), x * 1.27, y * 1.27, 0.46, a, material=wood),
                standing_box((0.3, 0.3, 0.44), x, y, material=stone),
            ]
        return Piece(parts, 1.9, 1.9, 0.9)
    return pole(b)


def _fountain(b: Builder) -> Piece:
    """Build a round basin with a column."""
    r, stone = b.u(1.2, 3.0), b.role("concrete", 0.5)
    water = b.solid((0.25, 0.32, 0.33), 0.15)
    ring = lathe([(r - 0.25, 0.0), (r, 0.0), (r, 0.5), (r - 0.25, 0.5), (r - 0.25, 0.0)], 24, stone, smooth=False)
    parts = [ring, cylinder(r - 0.25, 0.4, 24, material=water), cylinder(0.25, b.u(1.2, 3.0), 10, 0.12, stone)]
    return Piece(parts, 2 * r, 2 * r, 2.5)
