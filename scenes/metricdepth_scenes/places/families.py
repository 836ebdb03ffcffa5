"""Families of scenes: builder and default share of each."""

from __future__ import annotations

from collections.abc import Callable

from metricdepth_scenes.builder import Builder, Scene
from metricdepth_scenes.places.bins import bins
from metricdepth_scenes.places.car_parks import parking
from metricdepth_scenes.places.country import country
from metricdepth_scenes.places.desks import closeup, desk
from metricdepth_scenes.places.driving import drive
from metricdepth_scenes.places.garages import garage
from metricdepth_scenes.places.halls import hall
from metricdepth_scenes.places.highways import highway
from metricdepth_scenes.places.lectures import lecture
from metricdepth_scenes.places.on_foot import on_foot
from metricdepth_scenes.places.passages import corridor, stairs
from metricdepth_scenes.places.rooms import room
from metricdepth_scenes.places.streets import street
from metricdepth_scenes.places.tabletops import handheld, tabletop
from metricdepth_scenes.places.yards import yard

FAMILIES: dict[str, tuple[Callable[[Builder], Scene], float]] = {
    "room": (room, 0.2),
    "desk": (desk, 0.16),
    "closeup": (closeup, 0.1),
    "corridor": (corridor, 0.05),
    "stairs": (stairs, 0.02),
    "hall": (hall, 0.06),
    "lecture": (lecture, 0.04),
    "garage": (garage, 0.07),
    "street": (street, 0.07),
    "parking": (parking, 0.02),
    "country": (country, 0.02),
    "tabletop": (tabletop, 0.14),
    "bins": (bins, 0.07),
    "handheld": (handheld, 0.03),
    "drive": (drive, 0.14),
    "highway": (highway, 0.04),
    "yard": (yard, 0.02),
    "on_foot": (on_foot, 0.07),
}
