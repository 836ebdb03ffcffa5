"""Car parks and yards."""

from __future__ import annotations

import numpy as np

from metricdepth_scenes.builder import Builder, Scene
from metricdepth_scenes.places.daylight import FAR, outdoor_scene
from metricdepth_scenes.places.views import open_view
from metricdepth_scenes.things.cars import car
from metricdepth_scenes.things.houses import house
from metricdepth_scenes.things.people import cyclist, person
from metricdepth_scenes.things.plants import tree_kind
from metricdepth_scenes.things.street_furniture import pole
from metricdepth_scenes.things.vans import van


def parking(b: Builder) -> Scene:
    """Build a car park or yard with cars in rows, seen on foot or from a car."""
    b.level(-FAR, FAR, -FAR, FAR, 0, b.role(b.pick("asphalt", "asphalt", "paving", "concrete", "soil"), 1.0))
    white = b.gray(b.u(0.7, 0.9))
    fleet = [car(b) for _ in range(8)] + [van(b)]
    share = b.u(0.3, 0.95)
    pitch = b.u(2.4, 2.8)
    for row in np.arange(-30, 34, b.u(14.5, 17)):
        for side in (-2.6, 2.6):
            for x in np.arange(-32, 32, pitch):
                b.level(x - pitch / 2 - 0.05, x - pitch / 2 + 0.05, row + side - 2.4, row + side + 2.4, 0.005, white)
                if b.chance(share):
                    piece = fleet[int(b.rng.integers(len(fleet)))]
                    if piece.depth < 5.3 and piece.width < 2.2:
                        b.put(
                            piece,
                            x + b.u(-0.15, 0.15),
                            row + side + b.u(-0.2, 0.2),
                            0,
                            b.pick(0, np.pi) + b.u(-0.05, 0.05),
                        )
    for k in range(4):
        d = b.u(36, 60)
        a = k * np.pi / 2
        for off in (-26, 0, 26):
            if b.chance(0.75):
                b.put(
                    house(b, b.u(14, 25)),
                    np.sin(a) * (d + 6) + np.cos(a) * off,
                    -np.cos(a) * (d + 6) + np.sin(a) * off,
                    0,
                    a + np.pi,
                )
    kinds = [tree_kind(b) for _ in range(3)]
    for _ in range(int(b.rng.poisson(18))):
        x, y = b.rng.uniform(-45, 45, 2)
        if b.free(x - 0.5, x + 0.5, y - 0.5, y + 0.5):
            b.put(kinds[int(b.rng.integers(3))], float(x), float(y), 0, b.u(0, 6))
    for _ in range(int(b.rng.poisson(14))):
        x, y = b.rng.uniform(-30, 30, 2)
        if b.free(x - 0.4, x + 0.4, y - 0.4, y + 0.4):
            piece = b.pick(person, person, pole, cyclist)(b)
            b.put(piece, float(x), float(y), 0, b.u(0, 6.3))
    return outdoor_scene(b, open_view(26, lambda x, y: 0.0), "walk")
