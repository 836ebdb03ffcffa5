"""The light of a day outdoors: sun, sky and fog."""

from __future__ import annotations

import numpy as np

from metricdepth_scenes.builder import Builder, Light, Scene
from metricdepth_scenes.meshes import joined
from metricdepth_scenes.places.views import View
from metricdepth_scenes.textures import noise

FAR = 310.0  # how far the ground reaches [m]


def outdoor_light(b: Builder) -> Light:
    """Draw the sun (or an overcast sky) and a sky image."""
    sky, gain = _sky(b)
    clear = b.chance(0.7)
    a, e = b.u(0, 2 * np.pi), np.radians(b.u(15, 65))
    sun = np.array([np.cos(a) * np.cos(e), np.sin(a) * np.cos(e), np.sin(e)]) if clear else None
    blue = np.array([0.85, 0.95, 1.15]) if clear else np.array([0.97, 1.0, 1.04])
    ambient = blue * (b.u(0.22, 0.6) if clear else b.u(0.8, 1.1))
    warm = np.array([1.1, 1.0, 0.85]) * b.u(1.3, 3.2)
    fog = b.u(0.0005, 0.003) if b.chance(0.45) else 0.0
    return Light((), sun, warm, ambient, sky, b.u(0, 2 * np.pi), gain, fog)


def _sky(b: Builder) -> tuple[np.ndarray, float]:
    if b.assets is not None and b.chance(0.7):
        found = [
            e
            for e in b.assets.entries("sky", ["outdoor"])
            if not any(word in e.file for word in ("bridge", "night")) and b.assets.sky_is_open(e.file)
        ]
        if (b.assets.root / "sky_labels").is_dir():  # only sky is to be without depth
            pure = [sky for e in b.assets.entries("sky", ["outdoor"]) if (sky := b.assets.pure_sky(e.file)) is not None]
            if pure:
                return pure[int(b.rng.integers(len(pure)))], b.u(1.2, 3.5)
            found = []
        if found:
            return b.assets.image(found[int(b.rng.integers(len(found)))].file), b.u(1.2, 3.5)
    row = np.linspace(0, 1, 128)[:, None, None]
    zenith, horizon = np.array([0.35, 0.52, 0.82]) * b.u(0.7, 1.2), np.array([0.8, 0.86, 0.92]) * b.u(0.9, 1.1)
    share = np.clip(row * 2, 0, 1) ** 1.5
    image = zenith * (1 - share) + horizon * share
    cloud = np.clip((noise(b.rng, 4, 6)[:128, :, None] - b.u(0.2, 0.8)) * b.u(1, 4), 0, 1)
    image = image * (1 - cloud) + b.u(0.7, 0.97) * cloud
    return np.clip(image * 255, 0, 255).astype(np.uint8), b.u(1.0, 3.5)


def outdoor_scene(b: Builder, view: View, style: str) -> Scene:
    """Finish a scene in daylight."""
    return Scene(joined(b.meshes), tuple(b.materials), outdoor_light(b), "", 0, view, style)
