"""Materials: texture pyramids with a tint, and a palette that draws materials by role (wall, wood, asphalt...)."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, partial

import numpy as np

from metricdepth_scenes import textures
from metricdepth_scenes.assets import Assets, Part, pyramid
from metricdepth_scenes.roles import ROLES, Role

TO_LINEAR = ((np.arange(256) / 255.0) ** 2.2).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Material:
    """Material of a surface.

    Attributes:
        levels: the texture and its halvings, each (H, W, 3) uint8 sRGB.
        tile: metres that one texture covers; 1 where texture coordinates run 0..1.
        tint: linear factor on the texture, (3,).
        glow: factor on the texture as emitted light; 0 for what only reflects.
        gloss: mirror-like share of the reflection at a steep view, 0..1.
        pane: lets the sun's light pass (window panes).
    """

    levels: tuple[np.ndarray, ...]
    tile: float = 1.0
    tint: np.ndarray = field(default_factory=lambda: np.ones(3, np.float32))
    glow: float = 0.0
    gloss: float = 0.0
    pane: bool = False

    @cached_property
    def mean(self) -> np.ndarray:
        """Return the mean linear color, (3,)."""
        return TO_LINEAR[self.levels[min(3, len(self.levels) - 1)]].reshape(-1, 3).mean(0) * self.tint


class Palette:
    """Source of random materials.

    From asset files where there are any.
    """

    def __init__(self, rng: np.random.Generator, assets: Assets | None) -> None:
        self.rng = rng
        self.assets = assets
        self._drawn: dict[str, list[Material]] = {}

    def draw(self, role: str, fresh: float = 1.0) -> Material:
        """Draw a material for a role.

        With probability 1 - `fresh` one drawn before.
        """
        drawn = self._drawn.setdefault(role, [])
        if drawn and self.rng.random() > fresh:
            return drawn[int(self.rng.integers(len(drawn)))]
        drawn.append(self._new(ROLES[role]))
        return drawn[-1]

    def _new(self, role: Role) -> Material:
        rng = self.rng
        gloss = role.gloss * float(rng.uniform(0.3, 1.6)) if rng.random() < 0.6 else 0.0
        if self.assets is not None and rng.random() < 0.8:
            category = role.categories[int(rng.integers(len(role.categories)))]
            sharp = self.assets.entries("texture", [category])
            small = self.assets.entries("texture_lowres", [category])
            found = small if not sharp or (small and rng.random() < 0.35) else sharp
            if found:
                entry = found[int(rng.integers(len(found)))]
                levels = self.assets.kept(f"levels:{entry.file}", partial(self._levels, entry.file))
                tile = max(entry.size[0], 0.2) * float(np.exp(rng.normal(0, 0.15)))
                base = Material(levels, tile, gloss=gloss)
                tint = np.exp(rng.normal(0, 0.12) + rng.normal(0, 0.05, 3))
                if rng.random() < role.recolored:
                    target = TO_LINEAR[np.clip(self.color(role) * 255, 0, 255).astype(int)]
                    ratio = target / np.maximum(base.mean, 0.004)
                    gray = float(np.exp(np.log(ratio).mean()))
                    far = 1.35 if role.recolored < 0.5 else 30.0
                    tint = gray * np.clip(ratio / gray, 1 / far, far)
                tint = np.minimum(tint, 0.85 / np.maximum(base.mean, 0.02))
                return replace(base, tint=tint.astype(np.float32))
        tile = role.tile * float(np.exp(rng.normal(0, 0.25)))
        return Material(pyramid(textures.make(rng, role.recipe, self.color(role))), tile, gloss=gloss)

    def _levels(self, file: str) -> tuple[np.ndarray, ...]:
        assert self.assets is not None
        return pyramid(self.assets.read_image(file, 1024))

    def color(self, role: Role) -> np.ndarray:
        """Draw a color of a role."""
        base = role.colors[int(self.rng.integers(len(role.colors)))]
        return np.clip(np.asarray(base) * np.exp(self.rng.normal(0, 0.1)) + self.rng.normal(0, 0.02, 3), 0.03, 0.97)

    def solid(self, color: np.ndarray | tuple[float, float, float], gloss: float = 0.0) -> Material:
        """Make a nearly even surface of an sRGB color (0..1)."""
        levels, mean = _even(int(self.rng.integers(8)))
        target = np.clip(np.asarray(color, np.float32), 0.02, 0.97) ** 2.2
        return Material(levels, 0.7, (target / mean).astype(np.float32), gloss=gloss)

    def paint(self) -> Material:
        """Draw the even paint of an inside wall.

        Mostly white, cream or light gray, occasionally a color.
        """
        rng = self.rng
        share = rng.random()
        if share < 0.75:
            value, saturation = float(rng.uniform(0.8, 0.95)), float(rng.uniform(0.0, 0.1))
        elif share < 0.93:
            value, saturation = float(rng.uniform(0.6, 0.9)), float(rng.uniform(0.05, 0.3))
        else:
            value, saturation = float(rng.uniform(0.3, 0.8)), float(rng.uniform(0.4, 0.85))
        hue = float(rng.normal(0.12, 0.05) % 1 if rng.random() < 0.65 else rng.random())
        levels, mean = _grain(int(rng.integers(6)))
        target = np.array(colorsys.hsv_to_rgb(hue, saturation, value), np.float32) ** 2.2
        return Material(levels, float(rng.uniform(0.8, 2.5)), target / np.float32(mean))

    def vivid(self, gloss: float = 0.03) -> Material:
        """Draw an even surface in a color of small things: grays, some saturated."""
        rng = self.rng
        saturation = float(rng.choice([0.0, 0.1, 0.4, 0.8]) * rng.uniform(0.6, 1.1))
        value = float(rng.choice([0.08, 0.3, 0.55, 0.8, 0.95]) * rng.uniform(0.9, 1.05))
        usual = (0.0, 0.02, 0.07, 0.1, 0.14, 0.33, 0.55, 0.6, 0.62)
        hue = float(rng.choice(usual) + rng.normal(0, 0.025)) % 1 if rng.random() < 0.8 else float(rng.random())
        rgb = colorsys.hsv_to_rgb(hue, min(saturation, 0.9), min(value, 0.97))
        return self.solid(rgb, gloss)

    def printed(self) -> Material:
        """Draw a package, page or poster.

        Texture coordinates run 0..1.
        """
        tint = np.exp(self.rng.normal(0, 0.1, 3)).astype(np.float32)
        return Material(_page(int(self.rng.integers(60))), tint=np.minimum(tint, 1.1))

    def picture(self, *categories: str, glow: float = 0.0, pane: bool = False) -> Material:
        """Draw a photograph on texture coordinates 0..1 (something printed without assets)."""
        found = self.assets.entries("photo", categories) if self.assets else []
        if found:
            image = self.assets.image(found[int(self.rng.integers(len(found)))].file, 512)  # type: ignore[union-attr]
            if self.rng.random() < 0.5:
                image = image[:, ::-1]
        elif pane:
            image = horizon_view(self.rng)
        else:
            image = textures.make(self.rng, "print", self.rng.uniform(0.1, 0.9, 3))
        return Material(pyramid(image), glow=glow, gloss=0.03, pane=pane)

    def part(self, part: Part, role: str) -> Material:
        """Return the material of a model's part.

        An untextured one may get a texture of `role` in its color.
        """
        tint = np.exp(self.rng.normal(0, 0.06, 3)).astype(np.float32)
        if part.image is not None:
            return Material(part.levels, 1.0, tint, gloss=0.02 if self.rng.random() < 0.3 else 0.0)
        color = np.clip(part.color, 0.02, 0.9)
        if role in ROLES and self.rng.random() < 0.7:
            base = self.draw(role, 0.5)
            strength = 0.0 if self.rng.random() < 0.5 else 1.0
            target = color if strength else base.mean
            scale = np.minimum(target / np.maximum(base.mean, 0.02), 6)
            return replace(base, tint=(base.tint * scale * tint).astype(np.float32))
        return replace(self.solid((0.9, 0.9, 0.9)), tint=(color / 0.79 * tint).astype(np.float32))


@cache
def _even(number: int) -> tuple[tuple[np.ndarray, ...], float]:
    """Return a light gray.

    Faintly uneven texture and its mean linear value; all scenes share a few.
    """
    rng = np.random.default_rng(1000 + number)
    fine = rng.random((textures.SIZE, textures.SIZE), dtype=np.float32)
    value = 0.75 * textures.noise(rng, int(rng.choice([2, 8])), 6) + 0.25 * fine - 0.5
    gray = 215 + value * float(rng.uniform(4, 28))
    levels = pyramid(np.repeat(np.clip(gray, 0, 255).astype(np.uint8)[..., None], 3, 2))
    return levels, float(TO_LINEAR[levels[3]].mean())


@cache
def _grain(number: int) -> tuple[tuple[np.ndarray, ...], float]:
    """Return a fine even grain like rolled paint.

    And its mean linear value.
    """
    rng = np.random.default_rng(3000 + number)
    fine = textures.noise(rng, 64, 3) + 0.5 * rng.random((textures.SIZE, textures.SIZE), dtype=np.float32) - 0.75
    gray = 225 + fine * float(rng.uniform(3, 14))
    levels = pyramid(np.repeat(np.clip(gray, 0, 255).astype(np.uint8)[..., None], 3, 2))
    return levels, float(TO_LINEAR[levels[3]].mean())


@cache
def _page(number: int) -> tuple[np.ndarray, ...]:
    """Return a printed page or package.

    All scenes share a few.
    """
    rng = np.random.default_rng(2000 + number)
    color = np.full(3, rng.uniform(0.75, 0.97))
    if rng.random() < 0.5:
        color = rng.uniform(0.1, 0.95) + (rng.uniform(0.05, 0.95, 3) - 0.5) * rng.choice([0.15, 0.4, 0.7])
    return pyramid(textures.make(rng, "print", np.clip(color, 0.04, 0.97)))


def horizon_view(rng: np.random.Generator) -> np.ndarray:
    """Paint a bright blurred sky over something green or gray, (256, 256, 3) uint8."""
    row = np.linspace(0, 1, 256)[:, None, None]
    ground = rng.uniform(0.25, 0.6, 3) * np.array([0.9, 1.0, 0.8])
    sky = np.array([0.75, 0.85, 0.97]) + (1 - row) * rng.normal(0, 0.1)
    edge = rng.uniform(0.4, 0.7) + 0.15 * (textures.noise(rng, 4, 4)[:1, :, None] - 0.5)
    image = np.where(row > edge, ground * (0.6 + 0.8 * textures.noise(rng, 16, 3)[..., None]), sky)
    return np.clip(image * 255, 0, 255).astype(np.uint8)
