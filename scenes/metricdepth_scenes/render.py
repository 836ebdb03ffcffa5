"""Render frames of scenes: ray casting for exact depth, then shading and photographic effects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from metricdepth_scenes.assets import Assets
from metricdepth_scenes.builder import Builder, Scene
from metricdepth_scenes.cameras import pose_towards, sample_camera
from metricdepth_scenes.lighting import carried, coarse, lamplight, sunlight
from metricdepth_scenes.photo import develop
from metricdepth_scenes.places.families import FAMILIES
from metricdepth_scenes.surfaces import FAR, Hits, cast, shading_normals, sky_color, textured
from mono.geometry.camera import Camera
from mono.system.errors import MetricDepthError


@dataclass(frozen=True)
class Frame:
    """Rendered view.

    Attributes:
        rgb: (H, W, 3) uint8.
        depth: along the optical axis [m], (H, W) float32, 0 = sky, nothing within 320 m, or not ahead of the camera.
        distance: along the ray [m], (H, W) float32, 0 = sky, nothing within 320 m, or nothing that the lens sees.
        normal: unit normals in the camera's frame, pointing to the camera, (H, W, 3) float32, 0 without depth.
        camera: of the frame.
        pose: camera to world (z up), (4, 4) float64.
        family: name of the scene's family.
        seed: of the frame's scene.
    """

    rgb: np.ndarray
    depth: np.ndarray
    distance: np.ndarray
    normal: np.ndarray
    camera: Camera
    pose: np.ndarray
    family: str
    seed: int


class NoViewError(MetricDepthError, RuntimeError):
    """No acceptable viewpoint was found in a scene."""


def families() -> dict[str, tuple[Callable[[Builder], Scene], float]]:
    """Return each family's builder and default share."""
    return dict(FAMILIES)


def build_scene(seed: int, family: str | None = None, assets: Assets | None = None) -> Scene:
    """Build a scene from its seed.

    Without `family` the seed draws one.

    Raises:
        ValueError: the family is unknown.
    """
    known = families()
    rng = np.random.default_rng(np.random.SeedSequence([seed, 1]))
    if family is None:
        shares = np.array([share for _, share in known.values()])
        family = list(known)[int(rng.choice(len(known), p=shares / shares.sum()))]
    if family not in known:
        raise MetricDepthError(f"scenes: family {family!r} is unknown; choose one of {', '.join(known)}")
    scene = known[family][0](Builder(rng, assets))
    return replace(scene, family=family, seed=seed)


def render_frame(
    seed: int,
    family: str | None = None,
    *,
    assets: Assets | None = None,
    camera: Camera | None = None,
    pixels: int = 150_000,
) -> Frame:
    """Render one frame from its seed.

    Equal arguments give equal frames.

    Raises:
        ValueError: the family is unknown.
        NoViewError: no acceptable view was found (rare).
    """
    scene = build_scene(seed, family, assets)
    rng = np.random.default_rng(np.random.SeedSequence([seed, 2]))
    return render_view(scene, rng, camera, pixels)


def render_view(scene: Scene, rng: np.random.Generator, camera: Camera | None = None, pixels: int = 150_000) -> Frame:
    """Render a frame from a viewpoint drawn by `rng`.

    Raises:
        NoViewError: none of 25 drawn viewpoints was acceptable.
    """
    for _ in range(25):
        chosen = camera or sample_camera(scene.style, rng, pixels)
        position, target, roll = scene.viewpoint(rng)
        pose = pose_towards(position, target, roll)
        # Bare corners and ceilings teach little; some are kept, because photographs show them too.
        if acceptable(scene, chosen, pose, 3 if rng.random() < 0.1 else scene.parts):
            return render(scene, chosen, pose, rng)
    raise NoViewError(f"scenes: {scene.family} {scene.seed} has no acceptable view; use another seed")


def acceptable(scene: Scene, camera: Camera, pose: np.ndarray, parts: int = 3) -> bool:
    """Tell if a view is worth rendering.

    Outside of things, not mostly very near, not mostly empty.

    `parts`: how many flat parts it must show at least.
    """
    small = camera.resized(24, max(2, round(24 * camera.height / camera.width)))
    direction = small.rays()[small.valid_rays()] @ pose[:3, :3].T.astype(np.float32)
    hits = cast(scene, pose[:3, 3].astype(np.float32), direction)
    depth = hits.distance
    around = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], np.float32)
    gap = cast(scene, pose[:3, 3].astype(np.float32), around)
    if (gap.valid & (gap.distance < scene.clearance)).any():
        return False
    outward = np.einsum("ij,ij->i", direction, scene.mesh.nrm[hits.triangle, 0]) < 0
    seen = hits.valid & (depth < FAR)
    near = (depth < scene.nearest) & seen
    alike = len(np.unique(hits.triangle[seen] // 2)) < parts
    return bool(near.mean() < 0.12 and seen.mean() > 0.3 and outward[seen].mean() > 0.5 and not alike)


def render(
    scene: Scene,
    camera: Camera,
    pose: np.ndarray,
    rng: np.random.Generator,
    habits: np.random.Generator | None = None,
) -> Frame:
    """Render a scene as `camera` sees it from `pose` (camera to world, (4, 4)).

    `habits` draws the camera's exposure, tone and blur, which are drawn by `rng` if it is None: give frames of one
    video generators of the same seed.
    """
    rotation = pose[:3, :3].astype(np.float32)
    origin = pose[:3, 3].astype(np.float32)
    h, w = camera.height, camera.width
    rays, sees = camera.rays(), camera.valid_rays().ravel()
    rays[~sees.reshape(h, w)] = (0, 0, 1)
    direction = rays.reshape(-1, 3) @ rotation.T
    hits = cast(scene, origin, direction)
    smooth = shading_normals(scene, hits)
    light = coarse(scene, hits, smooth, (h, w), rng)
    head = scene.light.headlamp
    spots = scene.light.spots if head is None else (*scene.light.spots, carried(head, pose))
    y, x = np.divmod(np.arange(h * w), w)

    def shade(hits: Hits, smooth: np.ndarray, direction: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        lit = light.at(x, y, hits.distance, smooth)
        if spots:
            lit += lamplight(scene, spots, hits.point + hits.face * 0.002, smooth, rng)
        return _shade(scene, hits, smooth, direction, lit, 1 / camera.focal, rng)

    image = shade(hits, smooth, direction, x, y)
    edge = np.flatnonzero(_edges(hits, (h, w)) & sees)
    if len(edge) > h * w // 8:
        edge = rng.choice(edge, h * w // 8, replace=False)
    if len(edge):
        color = image[edge].copy()
        for dx, dy in ((-0.35, -0.2), (0.3, 0.35)):
            px, py = x[edge] + dx, y[edge] + dy
            beside = camera.rays_at(np.stack([px, py], 1)).astype(np.float32) @ rotation.T
            beside = np.where(np.isfinite(beside), beside, direction[edge])
            more = cast(scene, origin, beside)
            color += shade(more, shading_normals(scene, more), beside, px, py)
        image[edge] = color / 3
    image[~sees] = 0
    seen = hits.valid & (hits.distance < FAR) & sees
    along = np.where(seen, hits.distance, 0).reshape(h, w)
    depth = along * np.maximum(rays[..., 2], 0)
    distance = along * np.linalg.norm(rays, axis=2)
    normal = np.where(seen[:, None], hits.face @ rotation, 0).reshape(h, w, 3).astype(np.float32)
    look = scene.light
    noise_rng = rng if habits else None
    rgb = develop(image.reshape(h, w, 3), habits or rng, noise_rng, scene.highlights, look.stops, look.grain)
    return Frame(rgb, depth, distance, normal, camera, pose, scene.family, scene.seed)


def _edges(hits: Hits, size: tuple[int, int]) -> np.ndarray:
    """Mark pixels beside a depth jump or a crease.

    (h * w,) bool.
    """
    z = hits.distance.reshape(size)
    n = hits.face.reshape(*size, 3)
    edge = np.zeros(size, bool)
    for a, b in (((slice(None), slice(1, None)), (slice(None), slice(-1))), ((slice(1, None),), (slice(-1),))):
        low = np.minimum(z[a], z[b])
        jump = (np.abs(z[a] - z[b]) > 0.04 * low) | (np.einsum("ijk,ijk->ij", n[a], n[b]) < 0.8)
        edge[a] |= jump
        edge[b] |= jump
    return edge.ravel()


def _shade(
    scene: Scene,
    hits: Hits,
    smooth: np.ndarray,
    direction: np.ndarray,
    light: np.ndarray,
    pixel: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Compute linear colors of rays from their soft light.

    (n, 3) float32.
    """
    color = textured(scene, hits, direction, pixel, rng)
    sky = scene.light
    material = scene.mesh.mat[hits.triangle]
    glow = np.array([m.glow for m in scene.materials], np.float32)[material]
    gloss = np.array([m.gloss for m in scene.materials], np.float32)[material]
    if sky.sun is not None and not sky.areas:
        near = np.flatnonzero(hits.valid & (hits.distance < 200))
        light[near] += sunlight(scene, hits.point[near] + hits.face[near] * 0.01, smooth[near])
    image = color * np.where(glow[:, None] > 0, glow[:, None], light)
    shiny = np.flatnonzero((gloss > 0.005) & hits.valid)
    if len(shiny):
        image[shiny] += _mirrored(scene, hits, smooth, direction, light, gloss, shiny, rng)
    if sky.fog > 0:
        thick = np.exp(-sky.fog * hits.distance)[:, None]
        image = image * thick + sky.ambient.astype(np.float32) * 0.9 * (1 - thick)
    missed = ~hits.valid
    if missed.any():
        image[missed] = sky_color(sky, direction[missed])
    return image


def _mirrored(
    scene: Scene,
    hits: Hits,
    smooth: np.ndarray,
    direction: np.ndarray,
    light: np.ndarray,
    gloss: np.ndarray,
    shiny: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Compute mirror reflections of glossy surfaces.

    Weighted by a Fresnel term; hit surfaces count with their mean color.
    """
    d = direction[shiny] / np.linalg.norm(direction[shiny], axis=1, keepdims=True)
    n = smooth[shiny]
    cosine = np.clip(-np.einsum("ij,ij->i", d, n), 0, 1)
    away = d + 2 * cosine[:, None] * n + rng.normal(0, 0.008, n.shape).astype(np.float32)
    first = cast(scene, hits.point[shiny] + hits.face[shiny] * 0.003, away.astype(np.float32))
    means = np.array([m.mean * (m.glow if m.glow > 0 else 1) for m in scene.materials], np.float32)
    fixed = np.array([m.glow > 0 for m in scene.materials])
    number = scene.mesh.mat[first.triangle]
    ambient = np.where(fixed[number, None], 1, scene.light.ambient.astype(np.float32))
    seen = means[number] * ambient
    missed = ~first.valid
    if missed.any():
        seen[missed] = sky_color(scene.light, away[missed])
    strength = gloss[shiny] * (1 + 6 * (1 - cosine) ** 4)
    return (seen * np.minimum(strength, 0.6)[:, None]).astype(np.float32)
