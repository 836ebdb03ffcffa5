"""Finishing of driving scenes: bends and hills, the camera vehicle, headlights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from metricdepth_scenes.builder import Builder, Scene
from metricdepth_scenes.meshes import Mesh, joined
from metricdepth_scenes.places.mounts import Host, Warp, blocked, host_cabin, host_car, mounted_view
from metricdepth_scenes.places.roads import (
    Lane,
    light_at,
)
from metricdepth_scenes.places.verges import bent, split
from metricdepth_scenes.places.weather import weather_scene


def warped(b: Builder, tightest: float, rise: float) -> tuple[Mesh, Warp]:
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


def driven_scene(b: Builder, weather: str, lanes: list[Lane], tightest: float, rise: float) -> Scene:
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
        headlights(b, lanes)
    mesh, warp = warped(b, tightest, rise)
    return weather_scene(b, mesh, weather, mounted_view(lanes, obstacles, hosts, warp), "drive")


def headlights(b: Builder, lanes: list[Lane]) -> None:
    """Light the road ahead of three places on the lanes."""
    for lane in (lanes[0], lanes[0], lanes[len(lanes) // 2]):
        along = b.u(0, lane.length)
        direction = np.array([np.cos(lane.heading), np.sin(lane.heading), -0.06])
        place = np.array([lane.x + direction[0] * along, lane.y + direction[1] * along, 0.75])
        light_at(b, place, np.array([1.0, 0.95, 0.85]) * b.u(25, 110), direction / np.linalg.norm(direction))
