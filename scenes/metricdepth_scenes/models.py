"""Asset models as pieces: scaled, long side across, repainted where untextured, with their tops."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from metricdepth_scenes.assets import Model
from metricdepth_scenes.builder import Builder, Piece, Top
from metricdepth_scenes.meshes import Mesh

_UNFIT = (
    "BookA_01",
    "BookC_01",
    "Tableware",
    "DeskA",
    "DeskB",
    "InfoDesk",
    "outdoor_table_chair_set",
    "cabinetBed",
    "retail_Bicycle",
    "KitchenCabinet_01",
    "Spotlight",
    "AirconditionerC",
    "ClutteringA",
    "ClutteringC",
    "Ball_01",
    "BookshelfC",
    "Pillow_01",
    "Quilt_01",
    "Carpet_01",
    "pt_Taxi",
    "kenney_bear",
    "WetFloor",
    "Handle_01",
    "bookcaseOpenLow",
    "kenney_lamp",
)
_ROLE = {
    "chair": "wood",
    "table": "wood",
    "storage": "wood",
    "bed": "wood",
    "sofa": "fabric",
    "textile": "fabric",
    "box": "wood",
    "appliance": "metal",
    "door": "wood",
}


def model_piece(
    b: Builder,
    category: str,
    fits: Callable[[Sequence[float]], bool] | None = None,
    name: str = "",
    stretch: float = 0.07,
    height: float | None = None,
    across: bool = True,
) -> Piece | None:
    """Draw a model of a category, or return None.

    Optionally by a size test on its extents and part of its name.

    `height` [m] scales it to that height; `across` turns its longer side to x.
    """
    if b.assets is None:
        return None
    found = [
        e for e in b.assets.entries("model", [category]) if name in e.name and not any(u in e.name for u in _UNFIT)
    ]
    found = [e for e in found if fits is None or fits(e.size)]
    if not found:
        return None
    sharp = [e for e in found if e.style in ("photoreal", "semi-real", "photoscan")]
    if sharp and b.chance(0.6):
        found = sharp
    entry = found[int(b.rng.integers(len(found)))]
    model = b.assets.model(entry.file)
    mesh = painted(b, model, _ROLE.get(category, ""), f"{entry.file}:{int(b.rng.integers(3))}")
    low, high = mesh.bounds()
    size = high - low
    if across and size[1] > size[0] * 1.05:
        mesh = mesh.placed(yaw=float(np.pi / 2 * b.pick(1, -1)))
    factor = np.exp(b.rng.normal(0, stretch / 2)) * np.exp(b.rng.normal(0, stretch / 3, 3))
    if height is not None:
        factor = factor * height / max(float(size[2]), 1e-3)
    mesh = mesh.scaled(factor)
    low, high = mesh.bounds()
    w, d, h = (float(v) for v in high - low)
    return Piece([mesh], w, d, h, tops_of(mesh, w, d))


def painted(b: Builder, model: Model, role: str, key: str) -> Mesh:
    """Return the model's mesh with this scene's material numbers.

    The same `key` gives the same materials.
    """
    if key not in b.models:
        b.models[key] = np.array([b.number(b.palette.part(p, role)) for p in model.parts], np.int32)
    numbers = b.models[key]
    return Mesh(model.mesh.tri, model.mesh.uv, model.mesh.nrm, numbers[model.mesh.mat])


def tops_of(mesh: Mesh, width: float, depth: float) -> list[Top]:
    """Find the highest wide level surface of a mesh.

    Slightly shrunk.
    """
    tri = mesh.tri
    cross = np.cross(tri[:, 1] - tri[:, 0], tri[:, 2] - tri[:, 0])
    area = np.linalg.norm(cross, axis=1) / 2
    level = np.flatnonzero((np.abs(cross[:, 2]) > 1.9 * area) & (area > 1e-7))
    if not len(level):
        return []
    z = np.round(tri[level, :, 2].mean(1) / 0.02).astype(int)
    _, inverse = np.unique(z, return_inverse=True)
    sums = np.bincount(inverse, area[level])
    wide = np.flatnonzero(sums > 0.35 * width * depth)
    if not len(wide):
        return []
    part = tri[level[inverse == wide[-1]]]
    low, high = part.min((0, 1)), part.max((0, 1))
    center, size = (low + high) / 2, (high - low) * 0.82
    return [Top(float(center[0]), float(center[1]), float(high[2]), float(size[0]), float(size[1]))]
