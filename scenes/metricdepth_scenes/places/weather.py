"""Draw the light outdoors: sun, overcast, rain, haze, low sun, dusk and night."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from metricdepth_scenes.builder import Builder, Light, Scene
from metricdepth_scenes.meshes import Mesh
from metricdepth_scenes.places.daylight import outdoor_light
from metricdepth_scenes.places.views import View
from metricdepth_scenes.textures import noise

WEATHERS = {"sun": 0.36, "overcast": 0.2, "rain": 0.13, "haze": 0.06, "low_sun": 0.08, "dusk": 0.07, "night": 0.09}


def draw_weather(b: Builder) -> str:
    """Draw a kind of weather and tell the builder whether it is night."""
    shares = np.array(list(WEATHERS.values()))
    weather = list(WEATHERS)[int(b.rng.choice(len(shares), p=shares / shares.sum()))]
    b.night = weather == "night"
    return weather


def road_surface(b: Builder, weather: str, role: str = "asphalt") -> int:
    """Draw a surface to drive or walk on.

    Rain makes it dark and reflective, and some nights are wet.
    """
    material = b.palette.draw(role)
    gray = material.mean / max(float(material.mean.mean()), 1e-3)
    if role == "asphalt":
        material = replace(material, tint=(material.tint * gray ** -b.u(0.6, 1.0)).astype(np.float32))
    if weather == "rain" or (weather == "night" and b.chance(0.5)):
        material = replace(material, tint=material.tint * np.float32(b.u(0.45, 0.7)), gloss=b.u(0.03, 0.13))
    return b.number(material)


def sky_image(
    b: Builder, zenith: np.ndarray, horizon: np.ndarray, cloud: np.ndarray, cover: tuple[float, float]
) -> np.ndarray:
    """Paint a gradient from zenith to horizon with clouds.

    An equirectangular image (128, 256, 3) of 0..1 sRGB.
    """
    row = np.linspace(0, 1, 128)[:, None, None]
    image = zenith + (horizon - zenith) * np.clip(row * 2, 0, 1) ** b.u(1.0, 3.0)
    field = noise(b.rng, b.pick(2, 4, 8), 6)
    field = np.concatenate([field, field[:, ::-1]], 1)
    rows = np.linspace(0, len(field) - 1, 128).astype(int)
    columns = np.linspace(0, field.shape[1] - 1, 256).astype(int)
    share = np.clip((field[rows][:, columns, None] - cover[0]) * cover[1], 0, 1)
    return image * (1 - share) + cloud * share


def weather_light(b: Builder, weather: str) -> Light:
    """Draw the light of a kind of weather.

    The builder's lamps light the night.
    """
    if weather == "sun":
        light = replace(outdoor_light(b), stops=0.1)
        return light if light.sun is not None else replace(light, sun=_sun(b, b.u(20, 65), b.u(0, 2 * np.pi)))
    if weather in ("overcast", "rain", "haze"):
        return _gray(b, weather)
    if weather in ("low_sun", "dusk"):
        return _evening(b, weather == "dusk")
    zenith, horizon = np.array([0.05, 0.06, 0.09]) * b.u(0.2, 1.2), np.array([0.12, 0.11, 0.12]) * b.u(0.3, 1.4)
    image = sky_image(b, zenith, horizon, horizon * 1.2, (0.4, b.u(0, 2)))
    ambient = np.array([0.9, 0.9, 1.1]) * float(np.exp(b.u(np.log(0.012), np.log(0.07))))
    fog = b.u(0.001, 0.006) if b.chance(0.3) else 0.0
    return Light(
        tuple(b.areas), None, np.ones(3), ambient, _bytes(image), 0.0, 1.0, fog, b.u(-2.9, -1.1), b.u(1.2, 3.0)
    )


def weather_scene(b: Builder, mesh: Mesh, weather: str, view: View, style: str) -> Scene:
    """Finish a scene that has been built.

    In the light of its weather.
    """
    return Scene(mesh, tuple(b.materials), weather_light(b, weather), "", 0, view, style)


def _gray(b: Builder, weather: str) -> Light:
    level = b.u(0.7, 0.95) if weather == "overcast" else b.u(0.5, 0.85)
    horizon = np.array([1.0, 1.0, 1.0]) * min(level * b.u(0.95, 1.2), 0.98)
    zenith = np.array([b.u(0.93, 1.0), 0.98, 1.03]) * level
    image = sky_image(b, zenith, horizon, zenith * b.u(0.75, 1.05), (b.u(0.2, 0.6), b.u(0.0, 3.0)))
    if weather == "haze":
        fog = float(np.exp(b.u(np.log(0.004), np.log(0.016))))
    else:
        fog = b.u(0.0008, 0.005) if b.chance(0.6 if weather == "rain" else 0.3) else 0.0
    sun = _sun(b, b.u(25, 60), b.u(0, 2 * np.pi)) if weather != "rain" and b.chance(0.25) else None
    ambient = np.array([b.u(0.94, 1.02), 1.0, b.u(1.0, 1.08)]) * b.u(0.75, 1.05)
    warm = np.array([1.05, 1.0, 0.92]) * b.u(0.2, 0.6)
    return Light((), sun, warm, ambient, _bytes(image), 0.0, b.u(0.7, 2.4), fog, b.u(-0.3, 0.15), b.u(1.0, 1.4))


def _evening(b: Builder, dusk: bool) -> Light:
    """Draw a sun a few degrees high.

    In view now and then, or just set.
    """
    yaw = b.pick(np.pi / 2, -np.pi / 2) + b.rng.normal(0, 0.5) if b.chance(0.6) else b.u(0, 2 * np.pi)
    height = b.u(-4, 2) if dusk else b.u(4, 16)
    sun = _sun(b, height, yaw)
    zenith = np.array([0.25, 0.36, 0.6]) * b.u(0.6, 1.0)
    horizon = np.array([0.58, 0.6, 0.66]) if dusk else np.array([0.8, 0.78, 0.74])
    cloud = horizon * b.u(0.5, 0.9)
    image = sky_image(b, zenith, horizon * b.u(0.6, 0.95), cloud, (b.u(0.3, 0.8), b.u(0, 3)))
    row, column = np.mgrid[:128, :256]
    phi, theta = (column + 0.5 - 128) / 256 * 2 * np.pi, (0.5 - (row + 0.5) / 128) * np.pi
    way = np.stack([np.cos(phi) * np.cos(theta), np.sin(phi) * np.cos(theta), np.sin(theta)], 2)
    near = np.clip(way @ sun, -1, 1)[..., None]
    spread = 0.5 * np.exp((near - 1) * b.u(6, 20)) + (0.0 if dusk else 1.0) * np.exp((near - 1) * 900)
    image = image * 0.55 + spread * np.array([1.0, 0.82, 0.6])
    gain = b.u(3.0, 5.0)
    ambient = np.array([0.85, 0.92, 1.15]) * (b.u(0.1, 0.3) if dusk else b.u(0.25, 0.5))
    strength = b.u(0.0, 0.3) if dusk else b.u(1.2, 3.0)
    warm = np.array([1.25, 0.95, 0.65]) * strength
    lit = None if dusk or strength < 0.1 else sun
    return Light(
        (),
        lit,
        warm,
        ambient,
        _bytes(image),
        0.0,
        gain * (0.5 if dusk else 1.0),
        b.u(0.0005, 0.004) if b.chance(0.5) else 0.0,
        b.u(-1.2, 0.0) if dusk else b.u(-0.4, 0.2),
        b.u(1.0, 2.0) if dusk else 1.0,
    )


def _sun(b: Builder, height: float, yaw: float) -> np.ndarray:
    e = np.radians(height)
    return np.array([np.cos(yaw) * np.cos(e), np.sin(yaw) * np.cos(e), np.sin(e)])


def _bytes(image: np.ndarray) -> np.ndarray:
    return np.clip(image * 255, 0, 255).astype(np.uint8)
